package ysepaytest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf16"

	"github.com/duopay/duopay/internal/sandbox"
)

// Fault is what goes wrong with one exchange; see [Server.Next].
type Fault = sandbox.Fault

// Faults of the connection and of what stands between client and gateway. In
// those named After, and in all that spoil a reply, the gateway has acted: the
// order book shows what the client was not told.
var (
	None             = sandbox.None             // nothing goes wrong
	DropBefore       = sandbox.DropBefore       // connection cut; did not act
	DropAfter        = sandbox.DropAfter        // connection cut; acted
	ServerError      = sandbox.ServerError      // HTTP 502 with HTML; did not act
	ServerErrorAfter = sandbox.ServerErrorAfter // HTTP 502 with HTML; acted
	Redirect         = sandbox.Redirect         // HTTP 302 to /elsewhere of this gateway; did not act
	Garbage          = sandbox.Garbage          // 200 without JSON; acted
	Empty            = sandbox.Empty            // 200 with an empty body; acted
	Oversized        = sandbox.Oversized        // 200 with more than 1 MiB; acted
	Truncated        = sandbox.Truncated        // connection cut in the middle of the body; acted
)

// Slow acts at once and answers after d.
func Slow(d time.Duration) Fault { return sandbox.Slow(d) }

// Replies that must not be believed. The gateway has acted.
var (
	// Unsigned leaves the member sign out.
	Unsigned = own("unsigned", flaw{sign: func(pair, []byte) []byte { return nil }})
	// BlankSign sends a sign that holds a blank.
	BlankSign = own("blank sign", flaw{whole: blankSign})
	// WrongSignature is made with a key that is not the platform's.
	WrongSignature = own("wrong signature", flaw{sign: func(p pair, node []byte) []byte { return p.merchant.sign(node) }})
	// SignatureOfAnotherAnswer is the platform's own signature, of another
	// node.
	SignatureOfAnotherAnswer = own("signature of another answer", flaw{sign: func(p pair, _ []byte) []byte {
		return p.platform.sign([]byte(`{"code":"10000","msg":"Success"}`))
	}})
	// Tampered had its msg changed, and one yuan added to its amounts, after
	// it was signed.
	Tampered = own("tampered", flaw{whole: tampered})
	// WhitespaceAdded got a space inside the node after it was signed.
	WhitespaceAdded = own("whitespace added", flaw{whole: whitespaceAdded})
	// DuplicateMember has the genuine node and a [Tampered] one behind it, of
	// the same name.
	DuplicateMember = own("duplicate member", flaw{whole: duplicateMember})
	// UppercaseSign calls the member SIGN.
	UppercaseSign = own("uppercase sign", flaw{whole: uppercaseSign})
	// NodeAsArray sends an array that holds the node, signed as sent.
	NodeAsArray = own("node as array", flaw{text: func(node string) string { return "[" + node + "]" }})
	// OtherNode names the node as that of another method.
	OtherNode = own("other node", flaw{name: otherNode})
	// TrailingData has a second JSON object behind the first.
	TrailingData = sandbox.Body("trailing data", func(reply []byte) []byte { return append(reply, `{"more":1}`...) })

	// OtherOrder names another order and another refund, signed as sent.
	OtherOrder = own("other order", flaw{node: otherOrder})
	// WrongAmount adds one yuan to every amount, signed as sent.
	WrongAmount = own("wrong amount", flaw{node: wrongAmount})
	// WithoutState leaves trade_status (or refund_state) out, signed as sent.
	WithoutState = own("without state", flaw{node: setState(nil)})
	// WithoutPayInfo leaves jsapi_pay_info out, signed as sent.
	WithoutPayInfo = own("without pay info", flaw{node: withoutPayInfo})
)

// Replies that look odd and are genuine: signed as sent. The gateway has
// acted.
var (
	// DecoySign has a member SIGN with nonsense in it, besides sign.
	DecoySign = own("decoy sign", flaw{whole: decoySign})
	// WhitespaceInNode sends the node with line ends and indents.
	WhitespaceInNode = own("whitespace in node", flaw{text: indent})
	// EscapedNode writes Chinese as \uXXXX and every / as \/.
	EscapedNode = own("escaped node", flaw{text: escape})
	// AmountsAsStrings sends every amount as a JSON string.
	AmountsAsStrings = own("amounts as strings", flaw{node: amountsAsStrings})
	// AmountsAsNumbers sends every amount as a JSON number.
	AmountsAsNumbers = own("amounts as numbers", flaw{node: amountsAsNumbers})
	// NullFields sends null for every field the manual calls optional.
	NullFields = own("null fields", flaw{node: nullFields})
	// ByteOrderMark puts the UTF-8 byte-order mark in front.
	ByteOrderMark = sandbox.Body("byte-order mark", func(reply []byte) []byte { return append([]byte("\ufeff"), reply...) })
)

// Refuse answers with these codes and texts, signed; subCode and subMsg are
// left out if "". The gateway does not act.
func Refuse(code, msg, subCode, subMsg string) Fault {
	return own("refuse "+code, flaw{refuse: &refusal{code: code, msg: msg, subCode: subCode, subMsg: subMsg}})
}

// RefuseUnsigned is [Refuse] without a signature.
func RefuseUnsigned(code, msg, subCode, subMsg string) Fault {
	return own("refuse "+code+" unsigned", flaw{
		refuse: &refusal{code: code, msg: msg, subCode: subCode, subMsg: subMsg},
		sign:   func(pair, []byte) []byte { return nil },
	})
}

// ErrorNode is [Refuse] in the node unknow_response instead of the method's.
func ErrorNode(code, msg, subCode, subMsg string) Fault {
	return own("error node "+code, flaw{
		refuse: &refusal{code: code, msg: msg, subCode: subCode, subMsg: subMsg, node: unknownNode},
	})
}

// State answers another trade_status (or refund_state) than the true one,
// signed.
func State(state string) Fault { return own("state "+state, flaw{node: setState(state)}) }

// flaw is a fault of the answer itself: what is different at each stage of
// making it. Each may be nil.
type flaw struct {
	refuse *refusal                                   // instead of acting
	node   func(object) object                        // the node, before it is signed
	name   func(string) string                        // the node's name
	text   func(string) string                        // the node as JSON, before it is signed
	sign   func(p pair, node []byte) []byte           // instead of the platform's signature; nil: none
	whole  func(e envelope, tampered []byte) envelope // the answer; tampered is another node
}

func own(name string, f flaw) Fault { return sandbox.Own(name, f) }

// tamper is a change that can be seen in every node.
func tamper(node object) object {
	return edited(wrongAmount(node), func(name string, value any) any {
		if name == "msg" {
			return "changed on the way"
		}
		return value
	})
}

func tampered(e envelope, tampered []byte) envelope {
	e.node().value = tampered
	return e
}

func duplicateMember(e envelope, tampered []byte) envelope {
	return append(e, member{e.node().name, tampered})
}

func whitespaceAdded(e envelope, _ []byte) envelope {
	node := e.node()
	node.value = bytes.Replace(node.value, []byte(`,"`), []byte(`, "`), 1)
	return e
}

func uppercaseSign(e envelope, _ []byte) envelope {
	e.sign().name = "SIGN"
	return e
}

func blankSign(e envelope, _ []byte) envelope {
	e.sign().value = []byte(`" "`)
	return e
}

func decoySign(e envelope, _ []byte) envelope {
	return append(e, member{"SIGN", []byte(`"bm90IHRoaXMgb25l"`)})
}

func otherNode(name string) string {
	if name == nodeName(MethodQuery) {
		return nodeName(MethodPay)
	}
	return nodeName(MethodQuery)
}

func otherOrder(node object) object {
	return edited(node, func(name string, value any) any {
		switch name {
		case "combine_out_trade_no", "out_trade_no":
			return "20990101ANOTHERORDER"
		case "combine_trade_no", "trade_no", "refundsn":
			return "209901010000009999"
		case "out_request_no":
			return "ANOTHERREFUND"
		}
		return value
	})
}

func wrongAmount(node object) object {
	return edited(node, func(_ string, value any) any {
		switch amount := value.(type) {
		case yuan:
			return amount + 1_00
		case yuanText:
			return amount + 1_00
		}
		return value
	})
}

func setState(state any) func(object) object {
	return func(node object) object {
		changed := slices.Clone(node) // of the whole order, not of its sub orders
		for i, f := range changed {
			if f.Name == "trade_status" || f.Name == "refund_state" {
				changed[i].Value = state
			}
		}
		return changed
	}
}

func withoutPayInfo(node object) object {
	return slices.DeleteFunc(slices.Clone(node), func(f field) bool { return f.Name == "jsapi_pay_info" })
}

func amountsAsStrings(node object) object {
	return edited(node, func(_ string, value any) any {
		if amount, ok := value.(yuan); ok {
			return yuanText(amount)
		}
		return value
	})
}

func amountsAsNumbers(node object) object {
	return edited(node, func(_ string, value any) any {
		if amount, ok := value.(yuanText); ok {
			return yuan(amount)
		}
		return value
	})
}

func nullFields(node object) object {
	var changed object
	for _, f := range node {
		switch f.Name {
		case "code", "msg", "sub_code", "sub_msg", "jsapi_pay_info", "sub_order_list",
			"combine_out_trade_no", "out_trade_no", "out_request_no",
			"trade_status", "refund_state", "total_amount", "refund_amount":
		default:
			f.Value = null
		}
		changed = append(changed, f)
	}
	return changed
}

// indent cannot fail: the node is JSON.
func indent(node string) string {
	var b bytes.Buffer
	if err := json.Indent(&b, []byte(node), "", "\t"); err != nil {
		panic(err)
	}
	return b.String()
}

// escape may treat the whole text alike: outside of its strings, JSON has
// neither a slash nor anything but ASCII.
func escape(node string) string {
	var b strings.Builder
	for _, r := range node {
		switch {
		case r == '/':
			b.WriteString(`\/`)
		case r < 0x80:
			b.WriteRune(r)
		default:
			for _, unit := range utf16.Encode([]rune{r}) {
				fmt.Fprintf(&b, `\u%04x`, unit)
			}
		}
	}
	return b.String()
}
