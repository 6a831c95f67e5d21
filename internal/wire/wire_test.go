package wire_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/duopay/duopay"
	"github.com/duopay/duopay/internal/wire"
)

func TestReadObject(t *testing.T) {
	for text, want := range map[string]wire.Object{
		`{}`:         {},
		" {\t}\r\n ": {},
		`{"a":1}`:    {{"a", json.RawMessage(`1`)}},
		` { "a" : -1.50e+3 , "b" :true,"c":null } `: {
			{"a", json.RawMessage(`-1.50e+3`)}, {"b", json.RawMessage(`true`)}, {"c", json.RawMessage(`null`)},
		},
		`{"a":"x\"}]{[,:\\","b":""}`: {{"a", json.RawMessage(`"x\"}]{[,:\\"`)}, {"b", json.RawMessage(`""`)}},
		`{"a":{"b":[ 1, {"c":"}"} ]} ,"d":[]}`: {
			{"a", json.RawMessage(`{"b":[ 1, {"c":"}"} ]}`)}, {"d", json.RawMessage(`[]`)},
		},
		`{"\u0061\/\"":"\u0062"}`:              {{`a/"`, json.RawMessage(`"\u0062"`)}},
		`{"付呗":"成功","a":1,"A":2,"":3}`:         {{"付呗", json.RawMessage(`"成功"`)}, {"a", json.RawMessage(`1`)}, {"A", json.RawMessage(`2`)}, {"", json.RawMessage(`3`)}},
		`{"n":123456789012345678901234567890}`: {{"n", json.RawMessage(`123456789012345678901234567890`)}},
	} {
		object, err := wire.ReadObject([]byte(text))
		if assert.NoError(t, err, text) {
			assert.Equal(t, want, object, text)
		}
	}
}

func TestReadObjectRefuses(t *testing.T) {
	deep := strings.Repeat(`[`, 100_000)
	for name, c := range map[string]struct{ text, says string }{
		"nothing":             {"", "not JSON"},
		"white space":         {" \n", "not JSON"},
		"array":               {`[{"a":1}]`, "not a JSON object"},
		"string":              {`"{}"`, "not a JSON object"},
		"null":                {`null`, "not a JSON object"},
		"number":              {`1`, "not a JSON object"},
		"trailing object":     {`{"a":1}{"a":2}`, "not JSON"},
		"trailing brace":      {`{"a":1}}`, "not JSON"},
		"trailing NUL":        {"{}\x00", "not JSON"},
		"leading BOM":         {"\ufeff{}", "not JSON"},
		"open":                {`{"a":1`, "not JSON"},
		"trailing comma":      {`{"a":1,}`, "not JSON"},
		"single quotes":       {`{'a':1}`, "not JSON"},
		"bare name":           {`{a:1}`, "not JSON"},
		"leading zero":        {`{"a":01}`, "not JSON"},
		"not a number":        {`{"a":NaN}`, "not JSON"},
		"raw newline":         {"{\"a\":\"\n\"}", "not JSON"},
		"no-break space":      {"{\u00a0}", "not JSON"},
		"not UTF-8 in value":  {"{\"a\":\"\xff\"}", "not UTF-8"},
		"not UTF-8 in name":   {"{\"\xc3\":1}", "not UTF-8"},
		"GBK":                 {"{\"a\":\"\xb3\xc9\xb9\xa6\"}", "not UTF-8"},
		"surrogate in UTF-8":  {"{\"a\":\"\xed\xa0\x80\"}", "not UTF-8"},
		"name twice":          {`{"a":1,"b":2,"a":1}`, `"a" stands twice`},
		"name twice, escaped": {`{"sign":1,"\u0073ign":2}`, `"sign" stands twice`},
		"name twice, empty":   {`{"":1,"":2}`, `"" stands twice`},
		"name twice, null":    {`{"a":null,"a":null}`, `"a" stands twice`},
		"257 members":         {members(257), "too many members"},
		"deep array":          {`{"a":` + deep, "not JSON"},
		"deep closed array":   {`{"a":` + deep + strings.Repeat(`]`, 100_000) + `}`, "not JSON"},
		"deep object":         {strings.Repeat(`{"a":`, 100_000) + `1` + strings.Repeat(`}`, 100_000), "not JSON"},
	} {
		object, err := wire.ReadObject([]byte(c.text))
		require.EqualError(t, err, c.says, name)
		assert.Nil(t, object, name)
	}
}

func TestReadObjectTakes256Members(t *testing.T) {
	object, err := wire.ReadObject([]byte(members(256)))
	require.NoError(t, err)
	assert.Len(t, object, 256)
	assert.Equal(t, "255", string(object.Get("m255")))
}

func TestReadObjectQuotesShortly(t *testing.T) {
	name := strings.Repeat("n", 500)
	_, err := wire.ReadObject([]byte(`{"` + name + `":1,"` + name + `":1}`))
	require.ErrorContains(t, err, "stands twice")
	assert.Less(t, len(err.Error()), 80)
}

// members returns an object with n members.
func members(n int) string {
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprintf(`"m%d":%d`, i, i)
	}
	return "{" + strings.Join(all, ",") + "}"
}

func TestGet(t *testing.T) {
	object, err := wire.ReadObject([]byte(`{"a":null,"B":"b"}`))
	require.NoError(t, err)
	assert.Equal(t, "null", string(object.Get("a")))
	assert.Equal(t, `"b"`, string(object.Get("B")))
	assert.Nil(t, object.Get("b"), "names count exactly")
	assert.Nil(t, wire.Object(nil).Get("a"))
}

// Envelope is embedded, as every provider does.
type Envelope struct {
	Code    duopay.Integer `json:"code"`
	Ignored string         `json:"-"`
}

type inner struct {
	Inner string `json:"inner"`
}

type reply struct {
	Envelope
	inner
	Amount duopay.Amount   `json:"amount,omitempty"`
	State  string          `json:"state"`
	Count  int             `json:"count"`
	Data   json.RawMessage `json:"data"`
	List   []inner         `json:"list"`
	Plain  string
	Comma  string `json:",omitempty"`
	hidden string
}

func decode(t *testing.T, text string, target any) error {
	t.Helper()
	object, err := wire.ReadObject([]byte(text))
	require.NoError(t, err)
	return object.Decode(target)
}

func TestDecode(t *testing.T) {
	var r reply
	require.NoError(t, decode(t, `{"code":"200","inner":"i","amount":12.50,"state":"OK","count":3,"data":{"x": 1},
		"list":[{"inner":"l"}],"unknown":[1,2]}`, &r))
	assert.Equal(t, reply{
		Envelope: Envelope{Code: "200"}, inner: inner{"i"}, Amount: "12.50", State: "OK", Count: 3,
		Data: json.RawMessage(`{"x": 1}`), List: []inner{{"l"}},
	}, r)
}

func TestDecodeTakesExactNamesOnly(t *testing.T) {
	r := reply{State: "before", Plain: "before", hidden: "before"}
	want := r
	require.NoError(t, decode(t, `{"State":"x","STATE":"x","Code":1,"-":"x","Ignored":"x","Plain":"x","plain":"x","Comma":"x",
		"hidden":"x","Envelope":{"code":1},"Inner":"x","nothing":"x"}`, &r))
	assert.Equal(t, want, r)
}

// A hostile name must not find the fields that have no tag.
func TestDecodeOfTheEmptyName(t *testing.T) {
	r := reply{Plain: "before", hidden: "before"}
	want := r
	require.NotPanics(t, func() { require.NoError(t, decode(t, `{"":"x"}`, &r)) })
	assert.Equal(t, want, r)
}

func TestDecodeTolerates(t *testing.T) {
	for text, want := range map[string]reply{
		`{"code":200}`:               {Envelope: Envelope{Code: "200"}},
		`{"code":"200"}`:             {Envelope: Envelope{Code: "200"}},
		`{"code":null}`:              {},
		`{"code":""}`:                {},
		`{"amount":1e2}`:             {Amount: "1e2"},
		`{"amount":"\u0031.5"}`:      {Amount: "1.5"},
		`{"amount":["odd"]}`:         {Amount: `["odd"]`},
		`{"state":null,"list":null}`: {},
		`{}`:                         {},
	} {
		var r reply
		require.NoError(t, decode(t, text, &r), text)
		assert.Equal(t, want, r, text)
	}
}

func TestDecodeSaysWhichFieldAndNotItsValue(t *testing.T) {
	for text, says := range map[string]string{
		`{"state":4711}`:      "state cannot be read",
		`{"count":"4711"}`:    "count cannot be read",
		`{"count":4711.5}`:    "count cannot be read",
		`{"list":{"4711":1}}`: "list cannot be read",
		`{"inner":[4711]}`:    "inner cannot be read",
	} {
		require.EqualError(t, decode(t, text, new(reply)), says, text)
	}
	assert.EqualError(t, decode(t, `{"own":4711}`, new(struct {
		Own stubborn `json:"own"`
	})), "own cannot be read")
}

type stubborn struct{}

func (*stubborn) UnmarshalJSON(data []byte) error { return errors.New(string(data)) }

func TestDecodeKeepsNothingOfTheInput(t *testing.T) {
	data := []byte(`{"amount":12.50,"state":"OK","data":{"x":1}}`)
	object, err := wire.ReadObject(data)
	require.NoError(t, err)
	var r reply
	require.NoError(t, object.Decode(&r))
	copy(data, bytes.Repeat([]byte("#"), len(data)))
	assert.Equal(t, reply{Amount: "12.50", State: "OK", Data: json.RawMessage(`{"x":1}`)}, r)
}

func TestInner(t *testing.T) {
	for text, want := range map[string]string{
		`{"data":{"a":1}}`:            `{"a":1}`,
		`{"data": {"a": 1} }`:         `{"a": 1}`,
		`{"data":"{\"a\":\"\\\"\"}"}`: `{"a":"\""}`,
		`{"data":"{}"}`:               `{}`,
		`{"data":" x"}`:               ` x`,
		`{"data":"\u7b7e\u540d"}`:     `签名`,
		`{"data":null}`:               "",
		`{"data":""}`:                 "",
		`{}`:                          "",
	} {
		object, err := wire.ReadObject([]byte(text))
		require.NoError(t, err)
		value, err := wire.Inner(object.Get("data"))
		if assert.NoError(t, err, text) {
			assert.Equal(t, want, string(value), text)
			assert.Equal(t, want == "", value == nil, text)
		}
	}
	for _, value := range []string{`[]`, `[{}]`, `1`, `true`, `false`, `-0.5`} {
		got, err := wire.Inner(json.RawMessage(value))
		require.EqualError(t, err, "not a JSON object", value)
		assert.Nil(t, got, value)
	}
}

func TestJSON(t *testing.T) {
	for want, v := range map[string]any{
		`{"url":"https://a/?b=<c>&d","x":"付呗"}`: map[string]string{"url": "https://a/?b=<c>&d", "x": "付呗"},
		`"a\nb"`:            "a\nb",
		`"\n"`:              "\n",
		`{}`:                struct{}{},
		`null`:              nil,
		`{"code":"","x":1}`: map[string]any{"x": json.RawMessage(" 1 "), "code": ""},
	} {
		got, err := wire.JSON(v)
		require.NoError(t, err)
		assert.Equal(t, want, string(got))
	}
	_, err := wire.JSON(func() {})
	assert.Error(t, err)
}

func TestJSONIsNotShared(t *testing.T) {
	first, err := wire.JSON("first")
	require.NoError(t, err)
	_, err = wire.JSON("other")
	require.NoError(t, err)
	assert.Equal(t, `"first"`, string(first))
}

func TestText(t *testing.T) {
	o, err := wire.ReadObject([]byte(`{"a":"x\u0041","b":12.50,"c":null,"d":"","e":{"f":1}}`))
	require.NoError(t, err)
	for name, want := range map[string]string{"a": "xA", "b": "12.50", "c": "", "d": "", "e": `{"f":1}`, "A": "", "none": ""} {
		assert.Equal(t, want, o.Text(name), name)
	}
}
