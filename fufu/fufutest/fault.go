package fufutest

import (
	"bytes"
	"encoding/json"
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
// one, and stays as it is.
var (
	// OtherOrder names another order, or refund, in the reply.
	OtherOrder = sandbox.Own("other order", edit(otherOrder))
	// WrongAmount says state 1, and 100 fen too much in every amount. It adds
	// the amount of the order to the reply of a query, as WithAmount does.
	WrongAmount = sandbox.Own("wrong amount", edit(wrongAmount))
	// WithAmount adds total_fee to the reply of a query, and trans_amount_cny
	// if there is one. The manual has neither, the gateway may.
	WithAmount = sandbox.Own("with amount", edit(withAmount))
	// WithoutState leaves state (or trade_status) out.
	WithoutState = sandbox.Own("without state", edit(withoutState))
	// WithoutCode leaves return_code out of data, as the manual's table of
	// preOrder does.
	WithoutCode = sandbox.Own("without code", setData("return_code", nil))
	// Misspelled spells SUCCESS with one C less at both levels, as the
	// manual's table of codes does.
	Misspelled = sandbox.Own("misspelled", edit(misspelled))
	// NullData sends null for data.
	NullData = sandbox.Own("null data", edit(nullData))
	// NullFields sends null for every field it would leave out.
	NullFields = sandbox.Own("null fields", fill(null))
	// EmptyFields sends "" for every field it would leave out.
	EmptyFields = sandbox.Own("empty fields", fill(""))
	// NumbersAsStrings sends every number as a JSON string.
	NumbersAsStrings = sandbox.Own("numbers as strings", edit(numbersAsStrings))
	// ChannelAsNumber sends channel_type as a JSON number, which the manual's
	// tables call for and its samples do not show.
	ChannelAsNumber = sandbox.Own("channel as number", edit(channelAsNumber))
	// PayInfoAsObject sends payInfo as an object instead of a string that holds
	// one.
	PayInfoAsObject = sandbox.Own("payInfo as object", edit(payInfoAsObject))
	// BrokenPayInfo sends payInfo as the manual prints it: a string with quotes
	// in it that are not escaped, so that the whole reply is not JSON.
	BrokenPayInfo = sandbox.Body("broken payInfo", func(reply []byte) []byte {
		return bytes.ReplaceAll(reply, []byte(`\"`), []byte(`"`))
	})
)

// Refuse refuses an operation in data, with this return_code and return_msg;
// the manual's sample is Refuse("FAIL", "CHARGE_NONEXISTENT"). The gateway does
// not act.
func Refuse(code, message string) Fault {
	return sandbox.Own("refuse "+code+" "+message, &refusal{inData: true, code: code, message: message})
}

// RefuseRequest refuses a request in result, without data, with this
// return_code and return_msg. The gateway does not act.
func RefuseRequest(code, message string) Fault {
	return sandbox.Own("refuse request "+code+" "+message, &refusal{code: code, message: message})
}

// RefuseAfter answers as [Refuse] does, but the gateway has acted: an EXCEPTION
// can come after the money is taken.
func RefuseAfter(code, message string) Fault {
	no := &refusal{inData: true, code: code, message: message}
	return sandbox.Own("refuse after "+code+" "+message, edit(func(object) object { return no.envelope() }))
}

// State answers another state than the true one, 0 to 14 in the manual.
func State(state int) Fault {
	return sandbox.Own("state "+strconv.Itoa(state), setData("state", int64(state)))
}

// TradeStatus answers another trade_status of a refund than the true one.
func TradeStatus(status string) Fault {
	return sandbox.Own("trade_status "+status, setData("trade_status", status))
}

// edit changes the envelope of a request that was carried out before it is
// written.
type edit func(reply object) object

// dataOf is the data of a reply.
func dataOf(reply object) object {
	data, _ := reply.Get("data").(object)
	return data
}

// setData changes a field of data if it is there.
func setData(name string, value any) edit {
	return func(reply object) object {
		dataOf(reply).Replace(name, value)
		return reply
	}
}

func otherOrder(reply object) object {
	data := dataOf(reply)
	data.Replace("out_trade_no", "ANOTHERORDER")
	data.Replace("trade_no", "20990101100000999999")
	data.Replace("out_refund_no", "ANOTHERREFUND")
	data.Replace("refund_no", "20990101100000999998")
	return reply
}

func wrongAmount(reply object) object {
	data := dataOf(withAmount(reply))
	data.Replace("state", int64(StatePaid))
	for _, name := range []string{"total_fee", "trans_amount_cny", "refund_fee", "refund_amount_cny"} {
		if fen, ok := data.Get(name).(int64); ok {
			data.Replace(name, fen+100)
		}
	}
	return reply
}

func withAmount(reply object) object {
	data := dataOf(reply)
	for i, f := range data {
		if fen, ok := f.Value.(unsaid); ok {
			data[i].Value = int64(fen)
		}
	}
	return reply
}

func withoutState(reply object) object {
	data := dataOf(reply)
	data.Replace("state", nil)
	data.Replace("trade_status", nil)
	return reply
}

func misspelled(reply object) object {
	reply.Get("result").(object).Replace("return_code", wordMisspelled)
	dataOf(reply).Replace("return_code", wordMisspelled)
	return reply
}

func nullData(reply object) object {
	reply.Replace("data", null)
	return reply
}

func fill(value any) edit {
	return func(reply object) object {
		data := dataOf(reply)
		for i, f := range data {
			if f.Value == nil {
				data[i].Value = value
			}
		}
		return reply
	}
}

func numbersAsStrings(reply object) object {
	data := dataOf(reply)
	for i, f := range data {
		if n, ok := f.Value.(int64); ok {
			data[i].Value = strconv.FormatInt(n, 10)
		}
	}
	return reply
}

func channelAsNumber(reply object) object {
	data := dataOf(reply)
	if digits, ok := data.Get("channel_type").(string); ok {
		data.Replace("channel_type", json.RawMessage(digits))
	}
	return reply
}

func payInfoAsObject(reply object) object {
	data := dataOf(reply)
	if info, ok := data.Get("payInfo").(quoted); ok {
		data.Replace("payInfo", object(info))
	}
	return reply
}
