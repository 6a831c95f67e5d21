// Package redact shows requests without what must not be seen: payment codes,
// tokens, payer ids. A field is kept back by the tag `secret:"true"`.
package redact

import (
	"fmt"
	"log/slog"
	"net/url"
	"reflect"
	"strings"
)

// Mark stands in place of what is kept back.
const Mark = "[secret]"

// String returns the set fields of a struct as name:value, by the names in
// their json or url tags.
func String(v any) string {
	var b strings.Builder
	b.WriteByte('{')
	each(v, func(name string, value any) {
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
	each(v, func(name string, value any) { attrs = append(attrs, slog.String(name, fmt.Sprint(value))) })
	return slog.GroupValue(attrs...)
}

// each calls show with the name and value of every set field.
func each(v any, show func(name string, value any)) {
	r := reflect.ValueOf(v)
	for i := range r.NumField() {
		field, value := r.Type().Field(i), r.Field(i)
		if !field.IsExported() || value.IsZero() {
			continue
		}
		if value.Kind() == reflect.Pointer {
			value = value.Elem()
		}
		if field.Tag.Get("secret") == "true" {
			show(name(field), Mark)
			continue
		}
		show(name(field), value.Interface())
	}
}

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
func Words(v any) []string {
	var words []string
	r := reflect.Indirect(reflect.ValueOf(v))
	if r.Kind() != reflect.Struct {
		return nil
	}
	for i := range r.NumField() {
		if r.Type().Field(i).Tag.Get("secret") == "true" && r.Field(i).Kind() == reflect.String {
			words = append(words, r.Field(i).String())
		}
	}
	return words
}

// Strike returns text without the words, and without their forms in a URL.
func Strike(text string, words []string) string {
	for _, word := range words {
		for _, form := range []string{word, url.QueryEscape(word), url.PathEscape(word)} {
			if form != "" {
				text = strings.ReplaceAll(text, form, Mark)
			}
		}
	}
	return text
}
