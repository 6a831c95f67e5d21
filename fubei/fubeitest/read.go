package fubeitest

import (
	"encoding/json"
	"fmt"
	"maps"
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

// fields reads the values of one JSON object and keeps the first thing that is
// wrong with them.
type fields struct {
	path   string // in front of the names in messages
	values map[string]json.RawMessage
	known  map[string]bool
	err    error
}

func newFields(path string, text []byte) *fields {
	f := &fields{path: path, known: make(map[string]bool)}
	var err error
	if f.values, err = sandbox.ParseObject(text); err != nil {
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
		if _, ok := f.values[name]; !ok {
			f.fail(name, "missing")
		}
	}
}

func (f *fields) value(name string) (value json.RawMessage, ok bool) {
	f.known[name] = true
	value, ok = f.values[name]
	if string(value) == "null" {
		f.fail(name, "null: leave the field out")
		return nil, false
	}
	return value, ok
}

// text reads a string of at most max characters; 0 is no limit.
func (f *fields) text(name string, limit int) string {
	value, ok := f.value(name)
	if !ok {
		return ""
	}
	text, ok := sandbox.ParseString(value)
	switch {
	case !ok:
		f.fail(name, "must be a JSON string, is %.40s", value)
	case text == "":
		f.fail(name, "empty: leave the field out")
	case limit > 0 && utf8.RuneCountInString(text) > limit:
		f.fail(name, "longer than %d characters", limit)
	}
	return text
}

// number reads a text of a merchant's own number: no blank at either end.
func (f *fields) number(name string) string {
	text := f.text(name, 32)
	if strings.TrimSpace(text) != text {
		f.fail(name, "blank at the beginning or the end")
	}
	return text
}

// whole reads a whole number from low to high.
func (f *fields) whole(name string, low, high int64) (n int64, ok bool) {
	value, ok := f.value(name)
	if !ok {
		return 0, false
	}
	n, err := strconv.ParseInt(string(value), 10, 64)
	if err != nil || n < low || n > high {
		f.fail(name, "must be a whole JSON number from %d to %d, is %.40s", low, high, value)
	}
	return n, true
}

// amount reads a JSON number of yuan: 0.01 to 9999999.99, at most two decimals.
func (f *fields) amount(name string) (fen int64, ok bool) {
	value, ok := f.value(name)
	if !ok {
		return 0, false
	}
	fen, err := sandbox.ParseYuan(string(value))
	if err != nil {
		f.fail(name, "must be a JSON number of yuan, is %.40s: %v", value, err)
	} else if fen > 9999999_99 {
		f.fail(name, "more than 9999999.99")
	}
	return fen, true
}

// oneOf reads the one field of names that is there.
func (f *fields) oneOf(names ...string) (name, text string) {
	for _, each := range names {
		if _, ok := f.values[each]; !ok {
			continue
		}
		if name != "" {
			f.fail(each, "sent together with %s", name)
		}
		name, text = each, f.number(each)
	}
	if name == "" {
		f.fail(names[0], "missing, or one of %s", strings.Join(names[1:], ", "))
	}
	return name, text
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

// moment reads a yyyyMMddHHmmss in Beijing time.
func (f *fields) moment(name string) (t time.Time) {
	text := f.text(name, 14)
	if text == "" {
		return t
	}
	t, err := time.ParseInLocation("20060102150405", text, beijing)
	if err != nil {
		f.fail(name, "not of the form yyyyMMddHHmmss")
	}
	return t
}

// detail checks the single-item discount table: a string that holds an object
// whose goods_detail is an array.
func (f *fields) detail(name string) {
	text := f.text(name, 6000)
	if text == "" {
		return
	}
	table := newFields(f.path+name+".", []byte(text))
	table.require("goods_detail")
	table.whole("cost_price", 0, 999999999)
	table.text("receipt_id", 32)
	if value, ok := table.value("goods_detail"); ok {
		table.goods("goods_detail", value)
	}
	f.adopt(table)
}

func (f *fields) goods(name string, value json.RawMessage) {
	var items []json.RawMessage
	if json.Unmarshal(value, &items) != nil || len(items) == 0 {
		f.fail(name, "must be a JSON array with at least one entry")
	}
	for i, item := range items {
		goods := newFields(fmt.Sprintf("%s%s[%d].", f.path, name, i), item)
		goods.require("goods_id", "goods_name", "quantity", "price")
		goods.text("goods_id", 32)
		goods.text("goods_name", 256)
		goods.whole("quantity", 1, 999999999)
		goods.whole("price", 0, 999999999)
		f.adopt(goods)
	}
}

func (f *fields) adopt(part *fields) {
	if err := part.done(); f.err == nil {
		f.err = err
	}
}
