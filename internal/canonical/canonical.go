// Package canonical builds the text that most of the providers sign: fields
// sorted by name and joined as name=value with &.
package canonical

import (
	"fmt"
	"maps"
	"slices"

	"github.com/google/go-querystring/query"
)

// Fields returns the fields of a struct by the names in its url tags, without
// the empty ones. A field with more than one value is an error.
func Fields(parameters any) (map[string]string, error) {
	values, err := query.Values(parameters)
	if err != nil {
		return nil, err
	}
	fields := make(map[string]string, len(values)+1)
	for name, all := range values {
		if len(all) > 1 {
			return nil, fmt.Errorf("%s has more than one value", name)
		}
		if value := values.Get(name); value != "" {
			fields[name] = value
		}
	}
	return fields, nil
}

// Join returns the fields in ascending byte order of their names, joined as
// name=value with &. Values stand as they are: nothing is escaped, trimmed or
// left out.
func Join(fields map[string]string) string { return string(Append(nil, fields)) }

// Append appends what [Join] returns to b.
func Append(b []byte, fields map[string]string) []byte {
	size := 0
	for name, value := range fields {
		size += len(name) + len(value) + len("=&")
	}
	b = slices.Grow(b, size)
	for i, name := range slices.Sorted(maps.Keys(fields)) {
		if i > 0 {
			b = append(b, '&')
		}
		b = append(b, name...)
		b = append(b, '=')
		b = append(b, fields[name]...)
	}
	return b
}
