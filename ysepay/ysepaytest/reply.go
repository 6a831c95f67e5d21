package ysepaytest

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/duopay/duopay/internal/sandbox"
)

// object is a JSON object in the manual's order.
type (
	object = sandbox.Object
	field  = sandbox.Field
)

// yuan is an amount in fen that is written in yuan, as a JSON number.
type yuan int64

// yuanText is an amount in fen that is written in yuan, as a JSON string.
type yuanText int64

// null is a field that is there and says nothing.
var null = json.RawMessage("null")

func (y yuan) MarshalJSON() ([]byte, error) { return []byte(sandbox.Yuan(int64(y))), nil }

func (y yuanText) MarshalText() ([]byte, error) { return []byte(sandbox.Yuan(int64(y))), nil }

// edited returns a copy of o in which change has been applied to every value,
// inside its lists too.
func edited(o object, change func(name string, value any) any) object {
	changed := slices.Clone(o)
	for i, f := range changed {
		if list, ok := f.Value.([]object); ok {
			var copies []object
			for _, entry := range list {
				copies = append(copies, edited(entry, change))
			}
			changed[i].Value = copies
		} else if f.Value != nil {
			changed[i].Value = change(f.Name, f.Value)
		}
	}
	return changed
}

// when is value if the condition holds, else a field that is left out.
func when(holds bool, value any) any {
	if holds {
		return value
	}
	return nil
}

// success is the node of a request that was carried out.
func success(fields ...field) object {
	return append(object{{"code", "10000"}, {"msg", "Success"}}, fields...)
}

// unknownNode is the node of an answer that belongs to no method, spelled as
// the provider spells it.
const unknownNode = "unknow_response"

// refusal is the gateway's no.
type refusal struct {
	code, msg, subCode, subMsg string
	node                       string // its name, if not that of the method's
}

func (r *refusal) Error() string { return r.subMsg }

func (r *refusal) object() object {
	return object{
		{"code", r.code},
		{"msg", r.msg},
		{"sub_code", when(r.subCode != "", r.subCode)},
		{"sub_msg", when(r.subMsg != "", r.subMsg)},
	}
}

// missing refuses a request for a parameter it does not have.
func missing(name string) error {
	return &refusal{code: "40001", msg: "缺少必选参数", subCode: "isv.missing-parameter", subMsg: name + ": missing"}
}

// invalid refuses a request for what one of its parameters says.
func invalid(name, format string, args ...any) error {
	return &refusal{
		code: "40002", msg: "非法的参数",
		subCode: "isv.invalid-parameter", subMsg: name + ": " + fmt.Sprintf(format, args...),
	}
}

// forged refuses a request for its signature.
func forged(format string, args ...any) error {
	return &refusal{
		code: "40002", msg: "非法的参数",
		subCode: "isv.invalid-signature", subMsg: "sign: " + fmt.Sprintf(format, args...),
	}
}

// failed refuses a request for what is in the order book.
func failed(subCode, format string, args ...any) error {
	return &refusal{code: "40004", msg: "业务异常", subCode: subCode, subMsg: fmt.Sprintf(format, args...)}
}

func noResult(format string, args ...any) error {
	return failed("ACQ.QUERY_NO_RESULT", "查询无记录: "+format, args...)
}

// envelope is the members of a whole answer, in order. Their values are JSON
// in the charset of the answer.
type envelope []member

type member struct {
	name  string
	value []byte
}

// text is what goes out.
func (e envelope) text() string {
	var members []string
	for _, m := range e {
		members = append(members, fmt.Sprintf("%q:%s", m.name, m.value))
	}
	return "{" + strings.Join(members, ",") + "}"
}

// sign is the member sign, for changes; one that is not sent if there is none.
func (e envelope) sign() *member {
	for i := range e {
		if e[i].name == "sign" {
			return &e[i]
		}
	}
	return new(member)
}

// node is the member that is the node, for changes. There always is one.
func (e envelope) node() *member {
	i := slices.IndexFunc(e, func(m member) bool { return strings.HasSuffix(m.name, "_response") })
	return &e[i]
}

// nodeName is the name of a method's node.
func nodeName(method string) string {
	return strings.ReplaceAll(method, ".", "_") + "_response"
}

// layout puts an answer together in one of the forms that a reader must
// expect. Who looks for the last "sign" finds the wrong one in the third.
func layout(turn int, sign, node member) envelope {
	var e envelope
	switch turn % 3 {
	case 0:
		e = envelope{sign, node}
	case 1:
		e = envelope{node, sign}
	case 2:
		e = envelope{sign, node, {"trace", []byte(`{"sign":"not this one"}`)}}
	}
	return slices.DeleteFunc(e, func(m member) bool { return m.value == nil })
}
