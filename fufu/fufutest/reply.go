package fufutest

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// object is a JSON object whose fields stay in the manual's order. A field
// whose value is nil or [unsaid] is left out.
type object []field

type field struct {
	name  string
	value any
}

// unsaid is an amount the manual does not list here. A fault may say it.
type unsaid int64

// quoted is an object that is written as a string of JSON.
type quoted object

// null is a field that is there and says nothing.
var null = json.RawMessage("null")

func (q quoted) MarshalJSON() ([]byte, error) { return marshal(object(q).text()), nil }

func (o object) MarshalJSON() ([]byte, error) {
	var members [][]byte
	for _, f := range o {
		switch f.value.(type) {
		case nil, unsaid:
		default:
			members = append(members, fmt.Appendf(nil, "%q:%s", f.name, marshal(f.value)))
		}
	}
	return fmt.Appendf(nil, "{%s}", bytes.Join(members, []byte(","))), nil
}

// text is o as JSON.
func (o object) text() string { return string(marshal(o)) }

// marshal is json.Marshal without HTML escapes. Nothing that is put into an
// object can fail.
func marshal(value any) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(value); err != nil {
		panic(err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

func (o object) get(name string) any {
	for _, f := range o {
		if f.name == name {
			return f.value
		}
	}
	return nil
}

// replace changes the field if it is there.
func (o object) replace(name string, value any) {
	for i := range o {
		if o[i].name == name && o[i].value != nil {
			o[i].value = value
		}
	}
}

// when is value if the condition holds, else a field that is left out.
func when(holds bool, value any) any {
	if holds {
		return value
	}
	return nil
}

// optional is text, or a field that is left out if there is none.
func optional(text string) any { return when(text != "", text) }

// Words of the manual, letter by letter.
const (
	wordSuccess    = "SUCCESS"
	wordMisspelled = "SUCESS"
	wordFail       = "FAIL"
	codeCanceled   = "AREADY_REVOKED"
)

// success is the envelope of a request that was carried out.
func success(data object) object {
	return object{
		{"result", outcome(wordSuccess, "OK")},
		{"data", append(object{{"return_code", wordSuccess}}, data...)},
	}
}

// outcome is the result of an envelope; the manual's samples put the message
// first.
func outcome(code, message string) object {
	return object{{"return_msg", message}, {"return_code", code}}
}

// refusal is the gateway's no.
type refusal struct {
	inData        bool // else in result, without data
	code, message string
	reason        string // for the log, if message does not say it
}

func (r *refusal) Error() string {
	if r.reason == "" {
		return r.message
	}
	return r.message + ": " + r.reason
}

func (r *refusal) envelope() object {
	if !r.inData {
		return object{{"result", outcome(r.code, r.message)}}
	}
	return object{
		{"result", outcome(wordSuccess, "OK")},
		{"data", object{{"return_code", r.code}, {"return_msg", r.message}}},
	}
}

// invalid refuses a request for what one of its fields says.
func invalid(name, format string, args ...any) error {
	return illegal("ILLEGAL_PARAMETER", name, format, args...)
}

// illegal is [invalid] with another code.
func illegal(code, name, format string, args ...any) error {
	return &refusal{code: code, message: name + ": " + fmt.Sprintf(format, args...)}
}

// unsigned refuses a request for its signature.
func unsigned(reason string) error {
	return &refusal{code: wordFail, message: "INVALID_SIGN", reason: reason}
}

// failed refuses a request for what is in the order book. The message is a code
// or a text, on its own: the reason is for the log.
func failed(message, format string, args ...any) error {
	return &refusal{inData: true, code: wordFail, message: message, reason: fmt.Sprintf(format, args...)}
}
