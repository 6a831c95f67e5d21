package fubeitest

import (
	"bytes"
	"slices"
	"strconv"
	"time"

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

// Faults of the reply. The gateway has acted; a reply that is a refusal stays
// one.
var (
	// OtherOrder names another order in the reply.
	OtherOrder = sandbox.Own("other order", edit(otherOrder))
	// WrongAmount says SUCCESS, with one yuan more than was charged.
	WrongAmount = sandbox.Own("wrong amount", edit(wrongAmount))
	// WithoutState leaves trade_state (or refund_status) out.
	WithoutState = sandbox.Own("without state", setState(nil))
	// DataAsString sends data as a JSON string that holds the object.
	DataAsString = sandbox.Own("data as string", edit(dataAsString))
	// AmountsAsStrings sends the amounts as JSON strings.
	AmountsAsStrings = sandbox.Own("amounts as strings", edit(amountsAsStrings))
	// NumbersAsStrings sends every number as a JSON string, result_code too.
	NumbersAsStrings = sandbox.Own("numbers as strings", edit(numbersAsStrings))
	// NullFields sends null for every field the manual calls optional, and a
	// sub_code of null inside data.
	NullFields = sandbox.Own("null fields", edit(nullFields))
	// BrokenJSON leaves out the comma after trade_state, as the manual's
	// sample does.
	BrokenJSON = sandbox.Body("broken JSON", brokenJSON)
)

// Refuse answers the failure envelope with this result_code, sub_code (none if
// "") and result_message. The gateway does not act.
func Refuse(code int, subCode, message string) Fault {
	return sandbox.Own("refuse "+strconv.Itoa(code), &refusal{code, subCode, message})
}

// State answers another trade_state (or refund_status) than the true one.
func State(state string) Fault { return sandbox.Own("state "+state, setState(state)) }

// edit changes an envelope before it is written.
type edit func(reply object) object

// dataOf is the data of a reply that has some, else nil.
func dataOf(reply object) object {
	data, _ := reply.Get("data").(object)
	return data
}

func otherOrder(reply object) object {
	data := dataOf(reply)
	data.Replace("order_sn", "20990101000000999999")
	data.Replace("merchant_order_sn", "ANOTHERORDER")
	if data != nil && data.Get("merchant_order_sn") == nil {
		reply.Replace("data", append(data, field{"merchant_order_sn", "ANOTHERORDER"}))
	}
	return reply
}

func wrongAmount(reply object) object {
	data := dataOf(reply)
	data.Replace("trade_state", stateSuccess)
	for _, name := range []string{"total_fee", "order_price", "buyer_pay_amount"} {
		if amount, ok := data.Get(name).(yuan); ok {
			data.Replace(name, amount+1_00)
		}
	}
	return reply
}

func setState(state any) edit {
	return func(reply object) object {
		data := dataOf(reply)
		data.Replace("trade_state", state)
		data.Replace("refund_status", state)
		return reply
	}
}

func dataAsString(reply object) object {
	if data := dataOf(reply); data != nil {
		reply.Replace("data", data.Text())
	}
	return reply
}

func amountsAsStrings(reply object) object {
	for i, f := range reply {
		switch value := f.Value.(type) {
		case yuan:
			reply[i].Value = sandbox.Yuan(int64(value))
		case object:
			amountsAsStrings(value)
		}
	}
	return reply
}

func numbersAsStrings(reply object) object {
	for i, f := range reply {
		switch value := f.Value.(type) {
		case int64:
			reply[i].Value = strconv.FormatInt(value, 10)
		case object:
			numbersAsStrings(value)
		}
	}
	return amountsAsStrings(reply)
}

func nullFields(reply object) object {
	optional := []string{
		"net_money", "type", "discount_money", "buyer_pay_amount", "attach", "cashier_id", "device_no", "body",
		"user_id", "user_logon_id", "cash_coupon_fee", "no_cash_coupon_fee", "fee", "platform_order_no",
	}
	data := dataOf(reply)
	for i, f := range data {
		if slices.Contains(optional, f.Name) {
			data[i].Value = null
		}
	}
	if data != nil {
		reply.Replace("data", append(data, field{"sub_code", null}))
	}
	return reply
}

func brokenJSON(reply []byte) []byte {
	head, tail, found := bytes.Cut(reply, []byte(`"trade_state":`))
	if !found {
		return bytes.Replace(reply, []byte(","), nil, 1)
	}
	return slices.Concat(head, []byte(`"trade_state":`), bytes.Replace(tail, []byte(","), nil, 1))
}
