package ysepaytest

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/duopay/duopay/internal/sandbox"
)

// beijing is the zone of every time of day on the wire.
var beijing = time.FixedZone("UTC+8", 8*60*60)

// parseTime reads a time in Beijing, written in full.
func parseTime(layout, text string) (t time.Time, ok bool) {
	t, err := time.ParseInLocation(layout, text, beijing)
	return t, err == nil && t.Format(layout) == text // time.Parse lets "1:02:03" pass
}

// Forms of whole values; $ does not match in front of a line end.
var (
	numberForm  = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)
	amountForm  = regexp.MustCompile(`^(0|[1-9][0-9]{0,8})\.[0-9]{2}$`)
	spanForm    = regexp.MustCompile(`^[1-9][0-9]{0,4}[mhd]$`)
	versionForm = regexp.MustCompile(`^[0-9]\.[0-9]$`)
)

// fields reads the values of one JSON object and keeps the first thing that is
// wrong with them.
type fields struct {
	path    string // in front of the names in messages
	charset charset
	values  map[string]json.RawMessage
	known   map[string]bool
	err     error
}

func newFields(path, text string, c charset) *fields {
	f := &fields{path: path, charset: c, known: make(map[string]bool)}
	var err error
	if f.values, err = sandbox.ParseObject([]byte(text)); err != nil {
		f.err = invalid(strings.TrimSuffix(path, "."), "%v", err)
	}
	return f
}

func (f *fields) fail(name, format string, args ...any) {
	if f.err == nil {
		f.err = invalid(f.path+name, format, args...)
	}
}

// done returns what was wrong. A field nobody asked for is wrong too: most
// likely its name is misspelled.
func (f *fields) done() error {
	for _, name := range slices.Sorted(maps.Keys(f.values)) {
		if !f.known[name] {
			f.fail(name, "not a field of this operation")
		}
	}
	return f.err
}

func (f *fields) require(names ...string) {
	for _, name := range names {
		if _, ok := f.values[name]; !ok && f.err == nil {
			f.err = missing(f.path + name)
		}
	}
}

// requireOne demands at least one of names.
func (f *fields) requireOne(names ...string) {
	for _, name := range names {
		if _, ok := f.values[name]; ok {
			return
		}
	}
	f.require(names[0])
}

func (f *fields) value(name string) (value json.RawMessage, ok bool) {
	f.known[name] = true
	value, ok = f.values[name]
	return value, ok
}

// text reads a string of at most most bytes in the request's charset.
func (f *fields) text(name string, most int) string {
	value, ok := f.value(name)
	if !ok {
		return ""
	}
	text, ok := sandbox.ParseString(value)
	switch {
	case !ok:
		f.fail(name, "must be a JSON string, is %.40s", value)
	case blank(text):
		f.fail(name, "empty: leave the field out")
	case len(f.charset.encode(text)) > most:
		f.fail(name, "longer than %d bytes", most)
	}
	return text
}

// title reads a string of at most most characters.
func (f *fields) title(name string, most int) string {
	text := f.text(name, utf8.UTFMax*most)
	if utf8.RuneCountInString(text) > most {
		f.fail(name, "longer than %d characters", most)
	}
	return text
}

// number reads a number of the merchant's own making.
func (f *fields) number(name string) string {
	text := f.text(name, 32)
	if text != "" && !numberForm.MatchString(text) {
		f.fail(name, "only letters, digits, _ and -")
	}
	return text
}

// date reads a yyyyMMdd.
func (f *fields) date(name string) string {
	text := f.text(name, 8)
	if _, ok := parseTime(dateLayout, text); text != "" && !ok {
		f.fail(name, "not a date yyyyMMdd")
	}
	return text
}

const dateLayout = "20060102"

// amount reads a string of yuan: 0.01 to 100000000.00, two decimals.
func (f *fields) amount(name string) (fen int64) {
	text := f.text(name, 12)
	if text == "" {
		return 0
	}
	fen, err := sandbox.ParseYuan(text)
	switch {
	case !amountForm.MatchString(text):
		f.fail(name, "not of the form 12.50")
	case err != nil:
		f.fail(name, "%v", err)
	case fen > 100000000_00:
		f.fail(name, "more than 100000000.00")
	}
	return fen
}

// span reads a length of time from 1m to 15d.
func (f *fields) span(name string) time.Duration {
	text := f.text(name, 6)
	if text == "" {
		return 0
	}
	if !spanForm.MatchString(text) {
		f.fail(name, "not a whole number and m, h or d")
		return 0
	}
	const day = 24 * time.Hour
	unit := map[byte]time.Duration{'m': time.Minute, 'h': time.Hour, 'd': day}[text[len(text)-1]]
	n, _ := strconv.Atoi(text[:len(text)-1]) // at most five digits
	span := time.Duration(n) * unit
	if span > 15*day {
		f.fail(name, "more than 15d")
	}
	return span
}

// nested reads a string that holds a JSON object.
func (f *fields) nested(name string) {
	if text := f.text(name, 1<<20); text != "" {
		if _, err := sandbox.ParseObject([]byte(text)); err != nil {
			f.fail(name, "%v", err)
		}
	}
}

// list reads an array of one to most objects with read.
func (f *fields) list(name string, most int, read func(*fields)) {
	value, ok := f.value(name)
	if !ok {
		return
	}
	var items []json.RawMessage
	if json.Unmarshal(value, &items) != nil || len(items) < 1 || len(items) > most {
		f.fail(name, "must be a JSON array of 1 to %d entries", most)
		return
	}
	for i, item := range items {
		part := newFields(fmt.Sprintf("%s%s[%d].", f.path, name, i), string(item), f.charset)
		read(part)
		if err := part.done(); f.err == nil {
			f.err = err
		}
	}
}
