package fubeitest

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

// yuan is an amount in fen that is written in yuan.
type yuan int64

// null is a field that is there and says nothing.
var null = json.RawMessage("null")

func (y yuan) MarshalJSON() ([]byte, error) { return []byte(sandbox.Yuan(int64(y))), nil }

// when is value if the condition holds, else a field that is left out.
func when(holds bool, value any) any {
	if holds {
		return value
	}
	return nil
}

// success is the envelope of a request that was carried out.
func success(data object) object {
	return object{
		{"result_code", int64(200)},
		{"data", data},
		{"result_message", "成功"},
	}
}

// refusal is the gateway's no.
type refusal struct {
	code    int
	subCode string
	message string
}

func (r *refusal) Error() string { return r.message }

// envelope says no about an order; orderNo may be "".
func (r *refusal) envelope(orderNo string) object {
	return object{
		{"result_code", int64(r.code)},
		{"data", when(orderNo != "", object{{"merchant_order_sn", orderNo}})},
		{"result_message", r.message},
		{"sub_code", when(r.subCode != "", r.subCode)},
	}
}

// invalid refuses a request for what one of its fields says.
func invalid(name, format string, args ...any) error {
	return &refusal{code: 9996, message: name + ": " + fmt.Sprintf(format, args...)}
}

// failed refuses a request for what is in the order book.
func failed(subCode, format string, args ...any) error {
	return &refusal{code: 400, subCode: subCode, message: fmt.Sprintf(format, args...)}
}
