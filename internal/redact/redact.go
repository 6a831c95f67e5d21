// Package redact shows requests without what must not be seen: payment codes,
// tokens, payer ids. A field is kept back by the tag `secret:"true"`.
package redact

import (
	"fmt"
	"log/slog"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// Mark stands in place of what is kept back.
const Mark = "[secret]"

// String returns the set fields of a struct as name:value, by the names in
// their json or url tags.
func String(v any) string {
	var b strings.Builder
	b.WriteByte('{')
	each(reflect.ValueOf(v), func(name string, value any) {
		if b.Len() > 1 {
			b.WriteByte(' ')
		}
		_, _ = fmt.Fprintf(&b, "%s:%v", name, value)
	})
	b.WriteByte('}')
	return b.String()
}

// Value returns the set fields of a struct as a group for slog.
func Value(v any) slog.Value {
	var attrs []slog.Attr
	each(reflect.ValueOf(v), func(name string, value any) { attrs = append(attrs, slog.String(name, fmt.Sprint(value))) })
	return slog.GroupValue(attrs...)
}

// each calls show with the name and value of every set field; those of an
// embedded struct count as the struct's own.
func each(v reflect.Value, show func(name string, value any)) {
	v = reflect.Indirect(v)
	if v.Kind() != reflect.Struct {
		return
	}
	for i := range v.NumField() {
		field, value := v.Type().Field(i), v.Field(i)
		switch {
		case value.IsZero():
		case secret(field) && (field.IsExported() || field.Anonymous):
			show(name(field), Mark)
		case field.Anonymous && field.Type.Kind() == reflect.Struct:
			each(value, show)
		case field.IsExported():
			show(name(field), shown(value))
		}
	}
}

// shown returns what may be seen of a value: secrets may stand deeper down.
func shown(v reflect.Value) any {
	switch v.Interface().(type) {
	case fmt.Formatter, fmt.Stringer:
		return v.Interface()
	}
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if !v.IsNil() {
			return shown(v.Elem())
		}
	case reflect.Struct:
		return String(v.Interface())
	case reflect.Slice, reflect.Array:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			break
		}
		all := make([]any, v.Len())
		for i := range all {
			all[i] = shown(v.Index(i))
		}
		return all
	case reflect.Map:
		all := make(map[string]any, v.Len())
		for key, value := range v.Seq2() {
			all[fmt.Sprint(key)] = shown(value)
		}
		return all
	}
	return v.Interface()
}

func secret(field reflect.StructField) bool { return field.Tag.Get("secret") == "true" }

func name(field reflect.StructField) string {
	for _, key := range []string{"json", "url"} {
		if name, _, _ := strings.Cut(field.Tag.Get(key), ","); name != "" && name != "-" {
			return name
		}
	}
	return field.Name
}

// Words returns the words of a struct's secret fields, so that they can be
// struck out of texts that others write.
func Words(v any) []string { return words(nil, reflect.ValueOf(v), false) }

// words appends the texts in v to all: those of secret fields only, unless v
// itself is secret.
func words(all []string, v reflect.Value, whole bool) []string {
	switch v.Kind() {
	case reflect.String:
		if whole {
			all = append(all, v.String())
		}
	case reflect.Pointer, reflect.Interface:
		all = words(all, v.Elem(), whole)
	case reflect.Struct:
		for i := range v.NumField() {
			all = words(all, v.Field(i), whole || secret(v.Type().Field(i)))
		}
	case reflect.Slice, reflect.Array:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			if whole {
				all = append(all, fmt.Sprintf("%s", v))
			}
			break
		}
		for i := range v.Len() {
			all = words(all, v.Index(i), whole)
		}
	case reflect.Map:
		for _, value := range v.Seq2() {
			all = words(all, value, whole)
		}
	}
	return all
}

// Strike returns text without the words, and without their forms in a URL or
// between quotes.
func Strike(text string, words []string) string {
	var forms []string
	for _, word := range words {
		if word != "" {
			quoted := strconv.Quote(word)
			forms = append(forms, word, url.QueryEscape(word), url.PathEscape(word), quoted[1:len(quoted)-1])
		}
	}
	// The longest first: where one word is part of another, nothing may remain.
	slices.SortFunc(forms, func(a, b string) int { return len(b) - len(a) })
	pairs := make([]string, 0, 2*len(forms))
	for _, form := range forms {
		pairs = append(pairs, form, Mark)
	}
	return strings.NewReplacer(pairs...).Replace(text)
}
