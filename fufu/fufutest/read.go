package fufutest

import (
	"encoding/base64"
	"encoding/json"
	"io"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/duopay/duopay/internal/sandbox"
)

// maxFen is the largest amount the gateway takes.
const maxFen = 9_999_999_999

// fields reads the values of a request and keeps the first thing that is wrong
// with them.
type fields struct {
	values map[string]json.RawMessage
	known  map[string]bool
	err    error
}

// readFields reads the body of a request, which it returns as it came.
func readFields(body io.Reader) (f *fields, raw []byte) {
	f = &fields{known: make(map[string]bool)}
	raw, err := io.ReadAll(body)
	if err == nil {
		f.values, err = sandbox.ParseObject(raw)
	}
	if err != nil {
		f.fail("body", "%v", err)
	}
	return f, raw
}

// peek is the text of a field, "" if it has none.
func (f *fields) peek(name string) string {
	text, _ := sandbox.ParseString(f.values[name])
	return text
}

func (f *fields) fail(name, format string, args ...any) {
	f.refuse(invalid(name, format, args...))
}

func (f *fields) refuse(err error) {
	if f.err == nil {
		f.err = err
	}
}

// done returns what was wrong. A field nobody asked for is wrong too.
func (f *fields) done() error {
	for _, name := range slices.Sorted(maps.Keys(f.values)) {
		if !f.known[name] {
			f.fail(name, "not a field of this operation")
		}
	}
	return f.err
}

// require wants fields that are there and not empty.
func (f *fields) require(names ...string) {
	for _, name := range names {
		if value, ok := f.values[name]; !ok || string(value) == `""` {
			f.fail(name, "missing")
		}
	}
}

// text reads a string of at most limit characters, "" without one.
func (f *fields) text(name string, limit int) string {
	f.known[name] = true
	value, ok := f.values[name]
	if !ok {
		return ""
	}
	text, ok := sandbox.ParseString(value)
	switch {
	case !ok:
		f.fail(name, "must be a JSON string, is %.40s", value)
	case utf8.RuneCountInString(text) > limit:
		f.fail(name, "longer than %d characters", limit)
	}
	return text
}

// number reads a text that names something. White space is refused in it: the
// signature does not cover it, so on its way it could become another name.
func (f *fields) number(name string, limit int) string {
	text := f.text(name, limit)
	if len(strip([]byte(text))) < len(text) {
		f.fail(name, "white space in it")
	}
	return text
}

// choice reads one of some words, "" without one.
func (f *fields) choice(name string, words ...string) string {
	text := f.text(name, 32)
	if text != "" && !slices.Contains(words, text) {
		f.fail(name, "must be one of %s", strings.Join(words, ", "))
	}
	return text
}

// currency reads one the gateway takes.
func (f *fields) currency(name string) string { return f.choice(name, "CNY", "HKD", "THB") }

// whole reads a whole number from low to high, in plain digits.
func (f *fields) whole(name string, low, high int64) (n int64, ok bool) {
	text := f.text(name, 32)
	if text == "" {
		return 0, false
	}
	n, plain := digits(text)
	if !plain || n < low || n > high {
		f.fail(name, "must be a whole number from %d to %d, is %q", low, high, text)
	}
	return n, true
}

// amount reads a number of fen.
func (f *fields) amount(name string) (fen int64) {
	text := f.text(name, 32)
	fen, plain := digits(text)
	if !plain || fen < 1 || fen > maxFen {
		f.refuse(illegal("AMT_ERROR", name, "must be a whole number of fen from 1 to %d, is %q", int64(maxFen), text))
	}
	return fen
}

// digits reads a number without sign and leading zeros.
func digits(text string) (n int64, ok bool) {
	n, err := strconv.ParseInt(text, 10, 64)
	return n, err == nil && strconv.FormatInt(n, 10) == text && n >= 0
}

// link reads an absolute http or https address.
func (f *fields) link(name string, limit int) string {
	text := f.text(name, limit)
	if text == "" {
		return ""
	}
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		f.fail(name, "not an absolute http address")
	}
	return text
}

// encoded reads a text of base64.
func (f *fields) encoded(name string, limit int) string {
	text := f.number(name, limit)
	if _, err := base64.StdEncoding.DecodeString(text); err != nil {
		f.fail(name, "not base64: %v", err)
	}
	return text
}
