package fufutest

import (
	"encoding/json"
	"fmt"

	"github.com/duopay/duopay/internal/sandbox"
)

// object is a JSON object in the manual's order.
type (
	object = sandbox.Object
	field  = sandbox.Field
)

// unsaid is an amount the manual does not list here: it is left out. A fault
// may say it.
type unsaid int64

// IsZero leaves it out.
func (unsaid) IsZero() bool { return true }

// quoted is an object that is written as a string of JSON.
type quoted object

// null is a field that is there and says nothing.
var null = json.RawMessage("null")

func (q quoted) MarshalJSON() ([]byte, error) { return sandbox.JSON(object(q).Text()), nil }

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
