package guanaitongtest

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/mail"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/duopay/duopay/internal/sandbox"
)

// beijing is the zone of every time of day on the wire.
var beijing = time.FixedZone("UTC+8", 8*60*60)

// The manual's bounds of an amount, in fen.
const (
	oneFen  = 1
	mostFen = 99999999_99
)

// value is the value of a parameter or of a member of a JSON object.
type value struct {
	text string
	kind kind
}

type kind int

const (
	inForm     kind = iota // text that may stand for anything
	jsonString             // decoded
	jsonNumber             // as written
	jsonOther              // as written
)

// fields reads the values of one form or JSON object and keeps the first thing
// that is wrong with them.
type fields struct {
	path   string // in front of the names in messages
	values map[string]value
	known  map[string]bool
	err    error
}

func newForm(params map[string]string) *fields {
	f := &fields{values: make(map[string]value), known: make(map[string]bool)}
	for name, text := range params {
		f.values[name] = value{text, inForm}
	}
	for _, name := range commonParams {
		f.known[name] = true
	}
	return f
}

func newObject(path string, text []byte) *fields {
	f := &fields{path: path, values: make(map[string]value), known: make(map[string]bool)}
	members, err := sandbox.ParseObject(text)
	if err != nil {
		f.err = refuse(codeValue, "%s: %v", strings.TrimSuffix(path, "."), err)
	}
	for name, member := range members {
		f.values[name] = newValue(member)
	}
	return f
}

func newValue(member json.RawMessage) value {
	if text, ok := sandbox.ParseString(member); ok {
		return value{text, jsonString}
	}
	if first := member[0]; first == '-' || '0' <= first && first <= '9' {
		return value{string(member), jsonNumber}
	}
	return value{string(member), jsonOther}
}

func (f *fields) fail(code int64, name, format string, args ...any) {
	if f.err == nil {
		f.err = refuse(code, "%s%s: %s", f.path, name, fmt.Sprintf(format, args...))
	}
}

// done returns what was wrong. A parameter nobody asked for is wrong too: most
// likely its name is misspelled.
func (f *fields) done() error {
	for _, name := range slices.Sorted(maps.Keys(f.values)) {
		if !f.known[name] {
			f.fail(codeValue, name, "not a parameter of this operation")
		}
	}
	return f.err
}

func (f *fields) require(names ...string) {
	for _, name := range names {
		if _, ok := f.values[name]; !ok {
			f.fail(codeMissing, name, "missing")
		}
	}
}

func (f *fields) has(name string) bool {
	_, ok := f.values[name]
	return ok
}

func (f *fields) value(name string) (v value, ok bool) {
	f.known[name] = true
	v, ok = f.values[name]
	if ok && v.kind == jsonOther && v.text == "null" {
		f.fail(codeValue, name, "null: leave it out")
		return v, false
	}
	return v, ok
}

// text reads a text of low to high characters. A JSON number will do for one:
// the manual's own sample has them.
func (f *fields) text(name string, low, high int) string {
	v, ok := f.value(name)
	if !ok {
		return ""
	}
	switch n := utf8.RuneCountInString(v.text); {
	case v.kind == jsonOther:
		f.fail(codeValue, name, "must be a JSON string, is %.40s", v.text)
	case n < low || n > high:
		f.fail(codeLength, name, "must have %d to %d characters, has %d", low, high, n)
	}
	return v.text
}

// number reads a number that begins with an app's id.
func (f *fields) number(name string, high int, app string) string {
	text := f.text(name, 10, high)
	if text != "" && !strings.HasPrefix(text, app) {
		f.fail(codeValue, name, "must begin with %s", app)
	}
	return text
}

// whole reads a whole number from low to high.
func (f *fields) whole(name string, low, high int64) int64 {
	v, ok := f.value(name)
	if !ok {
		return 0
	}
	n, err := strconv.ParseInt(v.text, 10, 64)
	if err != nil || n < low || n > high || v.kind == jsonString || v.text != strconv.FormatInt(n, 10) {
		f.fail(codeValue, name, "must be a whole number from %d to %d, is %.40s", low, high, v.text)
	}
	return n
}

// amount reads an amount of yuan of at least low fen.
func (f *fields) amount(name string, low int64) (fen int64) {
	v, ok := f.value(name)
	if !ok {
		return 0
	}
	fen, err := parseYuan(v.text)
	switch {
	case v.kind == jsonString || v.kind == jsonOther:
		f.fail(codeValue, name, "must be a JSON number, is %.40q", v.text)
	case err != nil:
		f.fail(codeValue, name, "%.40s is no amount: %v", v.text, err)
	case fen < low || fen > mostFen:
		f.fail(codeValue, name, "must be from %s to %s", sandbox.Yuan(low), sandbox.Yuan(mostFen))
	}
	return fen
}

// parseYuan is sandbox.ParseYuan, which takes nothing for no amount, with zero.
func parseYuan(text string) (fen int64, err error) {
	switch text {
	case "0", "0.0", "0.00":
		return 0, nil
	}
	return sandbox.ParseYuan(text)
}

// link reads an absolute http or https address.
func (f *fields) link(name string, high int) string {
	text := f.text(name, 1, high)
	if text == "" {
		return ""
	}
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		f.fail(codeValue, name, "not an absolute http address")
	}
	return text
}

// mobile reads a telephone number.
func (f *fields) mobile(name string) string {
	text := f.text(name, 6, 20)
	if strings.Trim(text, "0123456789") != "" {
		f.fail(codeMobile, name, "must be digits")
	}
	return text
}

// email reads a mail address.
func (f *fields) email(name string) string {
	text := f.text(name, 1, 254)
	if address, err := mail.ParseAddress(text); text != "" && (err != nil || address.Address != text) {
		f.fail(codeEmail, name, "not a mail address")
	}
	return text
}

// moment reads a date or a date with a time, in Beijing. A date stands for its
// beginning or, with end, for its last second. The zero time if there is none.
func (f *fields) moment(name string, end bool) time.Time {
	text := f.text(name, 1, 19)
	if text == "" {
		return time.Time{}
	}
	if t, err := time.ParseInLocation(time.DateTime, text, beijing); err == nil {
		return t
	}
	t, err := time.ParseInLocation(time.DateOnly, text, beijing)
	if err != nil {
		f.fail(codeDate, name, "must be of the form yyyy-MM-dd or yyyy-MM-dd HH:mm:ss")
	}
	if end {
		t = t.AddDate(0, 0, 1).Add(-time.Second)
	}
	return t
}

// list reads an array of at least one object, each with read.
func (f *fields) list(name string, read func(*fields)) {
	v, ok := f.value(name)
	if !ok {
		return
	}
	var items []json.RawMessage
	if v.kind != jsonOther || json.Unmarshal([]byte(v.text), &items) != nil || len(items) == 0 {
		f.fail(codeValue, name, "must be a JSON array with at least one entry")
	}
	for i, item := range items {
		part := newObject(fmt.Sprintf("%s%s[%d].", f.path, name, i), item)
		read(part)
		if err := part.done(); f.err == nil {
			f.err = err
		}
	}
}
