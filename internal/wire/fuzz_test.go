package wire_test

import (
	"bytes"
	"encoding/json"
	"io"
	"testing"
	"unicode/utf8"

	"github.com/duopay/duopay/internal/wire"
)

// FuzzReadObject holds ReadObject against a walk with encoding/json.
func FuzzReadObject(f *testing.F) {
	for _, seed := range []string{
		`{}`, ` {"a" : 1 , "b":[ {"c":"}\""} ] , "d":"\\"} `, `{"a":1,"\u0061":2}`, `{"":null}`, `{"a":{"a":{"a":[]}}}`,
		`{"a":"\ud800"}`, `{"a":1}x`, "\ufeff{}", "{\"a\":\"\xff\"}", `[1]`, `{"a":-1.5e+10,"b":true}`, `{"a"`, ``, `{"成":"功"}`,
		`{"data":"{\"a\":1}"}`, `{"data":"x"}`, `{"\ud800":1,"\ufffd":2}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		original := bytes.Clone(data)
		got, err := wire.ReadObject(data)
		want, ok := walk(data)
		if (err == nil) != ok {
			t.Fatalf("%q: error %v, but the walk says %v", data, err, ok)
		}
		if !bytes.Equal(data, original) {
			t.Fatalf("%q was changed", original)
		}
		if err != nil {
			return
		}
		if len(got) != len(want) {
			t.Fatalf("%q: %d members, want %d", data, len(got), len(want))
		}
		for i := range got {
			if got[i].Name != want[i].Name || !bytes.Equal(got[i].Value, want[i].Value) {
				t.Fatalf("%q: member %q, want %q", data, got[i], want[i])
			}
			if value, err := wire.Inner(got[i].Value); err == nil && value != nil {
				_, _ = wire.ReadObject(value) // must not panic
			}
		}
		var target struct {
			A string `json:"a"`
			B any    `json:"b"`
			C string
			d string
		}
		_ = got.Decode(&target) // must not panic
		if target.C != "" || target.d != "" {
			t.Fatalf("%q: a field without a tag was set", data)
		}
	})
}

// walk reads an object with encoding/json, and reports whether ReadObject
// should take it.
func walk(data []byte) (wire.Object, bool) {
	decoder := json.NewDecoder(bytes.NewReader(data))
	if token, err := decoder.Token(); err != nil || token != json.Delim('{') || !utf8.Valid(data) {
		return nil, false
	}
	var object wire.Object
	seen := make(map[string]bool)
	for decoder.More() {
		token, err := decoder.Token()
		name, ok := token.(string)
		if err != nil || !ok || seen[name] {
			return nil, false
		}
		seen[name] = true
		var value json.RawMessage
		if decoder.Decode(&value) != nil {
			return nil, false
		}
		object = append(object, wire.Member{Name: name, Value: value})
	}
	if _, err := decoder.Token(); err != nil {
		return nil, false
	}
	_, err := decoder.Token()
	return object, err == io.EOF && len(object) <= 256
}
