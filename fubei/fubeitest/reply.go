package fubeitest

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/duopay/duopay/internal/sandbox"
)

// object is a JSON object whose fields stay in the manual's order. A field
// whose value is nil is left out.
type object []field

type field struct {
	name  string
	value any
}

// yuan is an amount in fen that is written in yuan.
type yuan int64

// null is a field that is there and says nothing.
var null = json.RawMessage("null")

func (y yuan) MarshalJSON() ([]byte, error) { return []byte(sandbox.Yuan(int64(y))), nil }

func (o object) MarshalJSON() ([]byte, error) {
	var members [][]byte
	for _, f := range o {
		if f.value == nil {
			continue
		}
		members = append(members, fmt.Appendf(nil, "%q:%s", f.name, marshal(f.value)))
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
