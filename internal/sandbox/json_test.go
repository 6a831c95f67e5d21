package sandbox_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/duopay/duopay/internal/sandbox"
)

// unsaid is a value that is left out.
type unsaid int

func (unsaid) IsZero() bool { return true }

func TestObject(t *testing.T) {
	o := sandbox.Object{
		{"z", "a&b=<1>成"},
		{"nothing", nil},
		{"unsaid", unsaid(7)},
		{"null", json.RawMessage("null")},
		{"a", sandbox.Object{{"n", int64(12)}}},
		{"list", []sandbox.Object{{}, {{"m", ""}}}},
	}
	want := `{"z":"a&b=<1>成","null":null,"a":{"n":12},"list":[{},{"m":""}]}`
	if got := o.Text(); got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if o.Get("unsaid") != unsaid(7) || o.Get("nothing") != nil || o.Get("b") != nil {
		t.Errorf("got %v, %v, %v", o.Get("unsaid"), o.Get("nothing"), o.Get("b"))
	}

	o.Replace("nothing", "there is no such field")
	o.Replace("b", "nor such a one")
	o.Replace("unsaid", 8)
	o.Replace("z", nil)
	want = `{"unsaid":8,"null":null,"a":{"n":12},"list":[{},{"m":""}]}`
	if got := o.Text(); got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestJSONPanics(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("a channel was written")
		}
	}()
	sandbox.JSON(make(chan int))
}

func TestParseObject(t *testing.T) {
	values, err := sandbox.ParseObject([]byte(" {\"a\": 1.50, \"b\":{\"a\":[]}}\n"))
	if err != nil || len(values) != 2 || string(values["a"]) != "1.50" || string(values["b"]) != `{"a":[]}` {
		t.Errorf("%s, %v", values, err)
	}
	for text, why := range map[string]string{
		"":                       "not a JSON object",
		"[]":                     "not a JSON object",
		"null":                   "not a JSON object",
		`"{}"`:                   "not a JSON object",
		`{"a":1,"a":1}`:          `"a" occurs twice`,
		`{"a":1,"\u0061":1}`:     `"a" occurs twice`,
		`{}{}`:                   "something follows the JSON object",
		`{} x`:                   "something follows the JSON object",
		`{"a":"` + "\xff" + `"}`: "not UTF-8",
		`{"a":}`:                 "invalid character",
		`{"a":1`:                 "EOF",
		`{1:1}`:                  "invalid character",
		`{"a":1]`:                "invalid character",
	} {
		if values, err := sandbox.ParseObject([]byte(text)); err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("%s: %s, %v, want %s", text, values, err, why)
		}
	}
}

func TestParseString(t *testing.T) {
	for value, want := range map[string]string{`""`: "", `"\u6210<"`: "成<"} {
		if text, ok := sandbox.ParseString(json.RawMessage(value)); !ok || text != want {
			t.Errorf("%s: %q, %v", value, text, ok)
		}
	}
	for _, value := range []string{"", "null", "1", "{}", `"`} {
		if text, ok := sandbox.ParseString(json.RawMessage(value)); ok {
			t.Errorf("%s is no string, but %q", value, text)
		}
	}
}
