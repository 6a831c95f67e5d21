package guanaitongtest

import (
	"encoding/json"
	"fmt"

	"github.com/duopay/duopay/internal/sandbox"
)

// Codes of the envelope.
const (
	codeTimestamp   = 1000210001
	codeSign        = 1000210002
	codeApp         = 1000210003
	codeToken       = 1000210004
	codePath        = 1000210005
	codeMissing     = 1000210006
	codeSecret      = 1000210009
	codeMethod      = 1000210012
	codeNoToken     = 1000210013
	codeAuthCode    = 1000210014
	codeNoAuthCode  = 1000210015
	codeForbidden   = 1000200051
	codeTooOften    = 1000200052
	codeLength      = 1000220001
	codeValue       = 1000220002
	codeExists      = 1000220003
	codeMobile      = 1000220004
	codeEmail       = 1000220005
	codeDate        = 1000220006
	codeAccountType = 1000220050
	codeMember      = 1000220051
	codeEnterprise  = 1000220052
	codeNoMoney     = 1001220005
)

// object is a JSON object in the manual's order.
type (
	object = sandbox.Object
	field  = sandbox.Field
)

// yuan is an amount in fen that is written in yuan.
type yuan int64

// null is a value that is there and says nothing.
var null = json.RawMessage("null")

// MarshalJSON writes the amount as a number with two decimals.
func (y yuan) MarshalJSON() ([]byte, error) { return []byte(sandbox.Yuan(int64(y))), nil }

// envelope is what every answer comes in, except a redirect.
type envelope struct {
	code any // int64, or its text
	msg  string
	data any
}

func (e envelope) text() []byte {
	return sandbox.JSON(object{{"code", e.code}, {"msg", e.msg}, {"data", e.data}})
}

// refusal is the platform's no.
type refusal struct {
	code int64
	msg  string
}

// Error returns code and msg.
func (r *refusal) Error() string { return fmt.Sprintf("%d %s", r.code, r.msg) }

func (r *refusal) envelope() envelope { return envelope{r.code, r.msg, null} }

func refuse(code int64, format string, args ...any) error {
	return &refusal{code, fmt.Sprintf(format, args...)}
}
