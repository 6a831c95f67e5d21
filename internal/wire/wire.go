// Package wire reads and writes the JSON of the providers.
//
// It reads more strictly than encoding/json, which matches names of any case
// and takes the last of two equal ones: here names count exactly, and twice is
// an error. What a value looks like is left to the type of the field.
package wire

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"unicode/utf8"

	"github.com/duopay/duopay"
)

// JSON returns v as compact JSON without HTML escapes and without a final
// newline.
func JSON(v any) ([]byte, error) {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// Member is one member of a JSON object. Value is the exact text of the value.
type Member struct {
	Name  string
	Value json.RawMessage
}

// Object is the members of a JSON object, in order.
type Object []Member

// maxMembers is far above what any provider sends, and keeps the search for
// equal names cheap.
const maxMembers = 256

var (
	errNotJSON  = errors.New("not JSON")
	errNotUTF8  = errors.New("not UTF-8")
	errNoObject = errors.New("not a JSON object")
	errTooMany  = errors.New("too many members")
)

// ReadObject reads text that is one JSON object and nothing else. The values
// share the memory of data.
func ReadObject(data []byte) (Object, error) {
	if !utf8.Valid(data) {
		return nil, errNotUTF8
	}
	if !json.Valid(data) {
		return nil, errNotJSON
	}
	s := scanner{data: data, text: string(data)}
	if s.next() != '{' {
		return nil, errNoObject
	}
	return s.members()
}

// Get returns the value of a member, nil if there is none.
func (o Object) Get(name string) json.RawMessage {
	for _, m := range o {
		if m.Name == name {
			return m.Value
		}
	}
	return nil
}

// Text returns the value of a member as text: a string without its quotes,
// anything else as it stands, "" for null and for a member that is absent.
func (o Object) Text(name string) string {
	var text duopay.Text
	if value := o.Get(name); value != nil {
		_ = text.UnmarshalJSON(value) // ReadObject has found it valid
	}
	return string(text)
}

// Decode stores the members into the struct that target points to, by the
// names in its json tags. Members without a field are passed over, and fields
// without a member left as they are.
func (o Object) Decode(target any) error {
	return o.decode(reflect.ValueOf(target).Elem())
}

func (o Object) decode(v reflect.Value) error {
	for i := range v.NumField() {
		field := v.Type().Field(i)
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		switch {
		case name == "" && field.Anonymous && field.Type.Kind() == reflect.Struct:
			if err := o.decode(v.Field(i)); err != nil {
				return err
			}
		case name == "", name == "-", !field.IsExported(): // a member may be named "" as well
		default:
			value := o.Get(name)
			if value == nil {
				continue
			}
			if err := unmarshal(value, v.Field(i).Addr().Interface()); err != nil {
				return fmt.Errorf("%s cannot be read", name)
			}
		}
	}
	return nil
}

// unmarshal spares values that read themselves the detour of json.Unmarshal.
func unmarshal(value json.RawMessage, target any) error {
	if u, ok := target.(json.Unmarshaler); ok {
		return u.UnmarshalJSON(value)
	}
	return json.Unmarshal(value, target)
}

// scanner cuts valid JSON into pieces; being valid, it needs no checks.
type scanner struct {
	data []byte
	text string // the same, for the names to share
	at   int
}

// next returns the next byte that is not white space, and steps over it.
func (s *scanner) next() byte {
	for s.at < len(s.data) {
		c := s.data[s.at]
		s.at++
		if c != ' ' && c != '\t' && c != '\r' && c != '\n' {
			return c
		}
	}
	return 0
}

// members reads up to the closing brace of the object that was opened.
func (s *scanner) members() (Object, error) {
	object := make(Object, 0, 24)
	for c := s.next(); c != '}'; c = s.next() {
		if c == ',' {
			s.next()
		}
		s.at-- // back to the quote of the name
		name, err := s.name()
		if err != nil {
			return nil, err
		}
		s.next() // the colon
		s.next()
		s.at-- // back to the first byte of the value
		if object.Get(name) != nil {
			return nil, fmt.Errorf("%.40q stands twice", name)
		}
		if len(object) == maxMembers {
			return nil, errTooMany
		}
		object = append(object, Member{name, s.value()})
	}
	return object, nil
}

// name returns the name that begins here, and steps over it.
func (s *scanner) name() (string, error) {
	start := s.at
	quoted := s.value()
	if bytes.IndexByte(quoted, '\\') < 0 {
		return s.text[start+1 : s.at-1], nil
	}
	return text(quoted)
}

// value returns the value that begins here, and steps over it.
func (s *scanner) value() json.RawMessage {
	start, depth := s.at, 0
	for ; s.at < len(s.data); s.at++ {
		switch c := s.data[s.at]; c {
		case '"':
			s.skipString()
			if depth == 0 && s.data[start] == '"' {
				s.at++
				return s.data[start:s.at]
			}
		case '{', '[':
			depth++
		case '}', ']', ',', ':', ' ', '\t', '\r', '\n':
			if depth == 0 { // the end of a number or word
				return s.data[start:s.at]
			}
			if c == '}' || c == ']' {
				if depth--; depth == 0 {
					s.at++
					return s.data[start:s.at]
				}
			}
		}
	}
	return s.data[start:s.at]
}

// skipString steps from the opening quote to the closing one.
func (s *scanner) skipString() {
	for s.at++; s.data[s.at] != '"'; s.at++ {
		if s.data[s.at] == '\\' {
			s.at++
		}
	}
}

// text returns the content of a JSON string.
func text(quoted []byte) (string, error) {
	if !bytes.ContainsRune(quoted, '\\') {
		return string(quoted[1 : len(quoted)-1]), nil
	}
	var s string
	err := json.Unmarshal(quoted, &s)
	return s, err
}

// Inner returns the object that value holds: value itself, or the text of a
// JSON string that holds an object. It returns nil for a value that stands for
// nothing: absent, null or the empty string. The value is one of an [Object];
// the text of a string is not checked.
func Inner(value json.RawMessage) (json.RawMessage, error) {
	switch {
	case len(value) == 0, string(value) == "null", string(value) == `""`:
		return nil, nil
	case value[0] == '{':
		return value, nil
	case value[0] != '"':
		return nil, errNoObject
	}
	inner, err := text(value)
	return json.RawMessage(inner), err
}
