package guanaitongtest

import (
	"strconv"
	"time"

	"github.com/duopay/duopay/internal/sandbox"
)

// Fault is what goes wrong with one exchange; see [Server.Next].
type Fault = sandbox.Fault

// Faults of the connection and of what stands between client and platform. In
// those named After, and in all that spoil a reply, the platform has acted: the
// order book shows what the client was not told.
var (
	None             = sandbox.None             // nothing goes wrong
	DropBefore       = sandbox.DropBefore       // connection cut; did not act
	DropAfter        = sandbox.DropAfter        // connection cut; acted
	ServerError      = sandbox.ServerError      // HTTP 502 with HTML; did not act
	ServerErrorAfter = sandbox.ServerErrorAfter // HTTP 502 with HTML; acted
	Redirect         = sandbox.Redirect         // HTTP 302 to /elsewhere of this platform; did not act
	Garbage          = sandbox.Garbage          // 200 without JSON; acted
	Empty            = sandbox.Empty            // 200 with an empty body; acted
	Oversized        = sandbox.Oversized        // 200 with more than 1 MiB; acted
	Truncated        = sandbox.Truncated        // connection cut in the middle of the body; acted
)

// Slow acts at once and answers after d.
func Slow(d time.Duration) Fault { return sandbox.Slow(d) }

// Answers of the pay call: each is 302, whether the platform is set to
// [Server.Redirects] or not. A call that is refused stays refused.
var (
	// ReturnSuccess takes the money and redirects to return_url with
	// pay_result success, signed.
	ReturnSuccess = sandbox.Own("return success", edit{redirects: true})
	// ReturnFail uses the auth code up, takes no money, makes no order and
	// redirects to return_url with pay_result fail, signed.
	ReturnFail = sandbox.Own("return fail", edit{redirects: true, declines: true})
	// ReturnForged is [ReturnSuccess] with a signature made with another
	// secret.
	ReturnForged = sandbox.Own("return forged", edit{redirects: true, variants: []Variant{Forged}})
	// ReturnElsewhere is [ReturnSuccess] with the address of another host.
	ReturnElsewhere = sandbox.Own("return elsewhere", edit{redirects: true, elsewhere: true})
	// Decline uses the auth code up, takes no money and makes no order, as
	// when the account is empty.
	Decline = sandbox.Own("decline", edit{declines: true})
)

// Faults of the reply. The platform has acted; a reply that is a refusal stays
// one.
var (
	// OtherOrder names another order in the reply, wherever it names one, also
	// in the address of a redirect, which is then signed for it.
	OtherOrder = sandbox.Own("other order", edit{other: true, envelope: onData(otherOrder)})
	// WrongAmount adds one yuan to every amount.
	WrongAmount = sandbox.Own("wrong amount", edit{envelope: onData(wrongAmount)})
	// WithoutStatus leaves the status out.
	WithoutStatus = sandbox.Own("without status", edit{envelope: onData(setStatus(nil))})
	// OutTradeNo spells the name of outer_trade_no as one of the provider's
	// pages does: out_trade_no.
	OutTradeNo = sandbox.Own("out_trade_no", edit{envelope: onData(outTradeNo)})
	// AmountsAsStrings sends the amounts as JSON strings.
	AmountsAsStrings = sandbox.Own("amounts as strings", edit{envelope: onData(amountAsString)})
	// CodeAsString sends the code as a JSON string.
	CodeAsString = sandbox.Own("code as string", edit{envelope: codeAsString})
	// DataAsString sends an object or array of data as a JSON string that
	// holds it.
	DataAsString = sandbox.Own("data as string", edit{envelope: dataAsString})
	// NullData sends null for data.
	NullData = sandbox.Own("null data", edit{envelope: nullData})
)

// Refuse answers the envelope with this code and msg. The platform does not
// act.
func Refuse(code int64, msg string) Fault {
	return sandbox.Own("refuse "+strconv.FormatInt(code, 10), &refusal{code, msg})
}

// Status answers another status than the true one, 1 to 7 being the
// provider's.
func Status(status int) Fault {
	return sandbox.Own("status "+strconv.Itoa(status), edit{envelope: onData(setStatus(int64(status)))})
}

// edit changes an answer.
type edit struct {
	envelope func(envelope) envelope // nil: none

	// Pay calls only:
	redirects bool      // whether set so or not
	declines  bool      // takes no money
	other     bool      // the redirect is for another order
	elsewhere bool      // the redirect goes to another host
	variants  []Variant // of the redirect
}

// otherTrade is the number of an order that is not asked for.
const otherTrade = "2099010199999999"

// onData makes a change of an envelope out of a change of a field, which is
// applied to all fields of data at any depth and to data itself.
func onData(change func(*field)) func(envelope) envelope {
	return func(e envelope) envelope {
		data := field{"data", e.data}
		walk(&data, change)
		e.data = data.Value
		return e
	}
}

func walk(f *field, change func(*field)) {
	change(f)
	switch value := f.Value.(type) {
	case object:
		for i := range value {
			walk(&value[i], change)
		}
	case []object:
		for i := range value {
			walk(&field{Value: value[i]}, change)
		}
	}
}

func otherOrder(f *field) {
	switch text, _ := f.Value.(string); {
	case f.Name == "outer_trade_no", f.Name == "outer_refund_no":
		f.Value = other(text)
	case f.Name == "trade_no", f.Name == "data" && len(text) == len(otherTrade):
		f.Value = otherTrade
	}
}

// other is another number of the same kind.
func other(number string) string {
	if number == "" {
		return ""
	}
	last := "9"
	if number[len(number)-1] == '9' {
		last = "8"
	}
	return number[:len(number)-1] + last
}

func wrongAmount(f *field) {
	if amount, ok := f.Value.(yuan); ok {
		f.Value = amount + 1_00
	}
}

func amountAsString(f *field) {
	if amount, ok := f.Value.(yuan); ok {
		f.Value = sandbox.Yuan(int64(amount))
	}
}

func setStatus(status any) func(*field) {
	return func(f *field) {
		if f.Name == "status" {
			f.Value = status
		}
	}
}

func outTradeNo(f *field) {
	if f.Name == "outer_trade_no" {
		f.Name = "out_trade_no"
	}
}

func codeAsString(e envelope) envelope {
	if code, ok := e.code.(int64); ok {
		e.code = strconv.FormatInt(code, 10)
	}
	return e
}

func dataAsString(e envelope) envelope {
	switch e.data.(type) {
	case object, []object:
		e.data = string(sandbox.JSON(e.data))
	}
	return e
}

func nullData(e envelope) envelope {
	e.data = null
	return e
}
