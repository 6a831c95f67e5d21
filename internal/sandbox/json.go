package sandbox

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"
)

// Object is a JSON object whose fields stay in their order, as a manual prints
// them. A field is left out if its value is nil or, as with omitzero, says that
// it IsZero.
type Object []Field

// Field is a member of an [Object]. It has no type name of its own: so vet lets
// a fake write {"name", value}.
type Field = struct {
	Name  string
	Value any
}

// MarshalJSON writes the fields in order.
func (o Object) MarshalJSON() ([]byte, error) {
	var members [][]byte
	for _, f := range o {
		if zero, ok := f.Value.(interface{ IsZero() bool }); f.Value == nil || ok && zero.IsZero() {
			continue
		}
		members = append(members, fmt.Appendf(nil, "%s:%s", JSON(f.Name), JSON(f.Value)))
	}
	return fmt.Appendf(nil, "{%s}", bytes.Join(members, []byte(","))), nil
}

// Text is the object as JSON.
func (o Object) Text() string { return string(JSON(o)) }

// Get returns the value of the first field of a name, nil if there is none.
func (o Object) Get(name string) any {
	for _, f := range o {
		if f.Name == name {
			return f.Value
		}
	}
	return nil
}

// Replace changes the value of a field if there is one; nil leaves it out.
func (o Object) Replace(name string, value any) {
	for i := range o {
		if o[i].Name == name && o[i].Value != nil {
			o[i].Value = value
		}
	}
}

// JSON is json.Marshal without HTML escapes. It panics if value cannot be
// written: a fake writes its own values only.
func JSON(value any) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(value); err != nil {
		panic(err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// ParseObject reads text as one JSON object in UTF-8, nothing behind it, no
// name twice.
func ParseObject(text []byte) (map[string]json.RawMessage, error) {
	if !utf8.Valid(text) {
		return nil, errors.New("not UTF-8")
	}
	dec := json.NewDecoder(bytes.NewReader(text))
	if open, err := dec.Token(); err != nil || open != json.Delim('{') {
		return nil, errors.New("not a JSON object")
	}
	values := make(map[string]json.RawMessage)
	for dec.More() {
		token, err := dec.Token()
		if err != nil {
			return nil, err
		}
		name, value := token.(string), json.RawMessage(nil)
		if _, twice := values[name]; twice {
			return nil, fmt.Errorf("%q occurs twice", name)
		}
		if err := dec.Decode(&value); err != nil {
			return nil, err
		}
		values[name] = value
	}
	if _, err := dec.Token(); err != nil {
		return nil, err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something follows the JSON object")
	}
	return values, nil
}

// ParseString reads value as a JSON string.
func ParseString(value json.RawMessage) (text string, ok bool) {
	ok = len(value) > 0 && value[0] == '"' && json.Unmarshal(value, &text) == nil
	return text, ok
}
