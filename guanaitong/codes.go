package guanaitong

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"github.com/duopay/duopay"
	"github.com/duopay/duopay/internal/exchange"
	"github.com/duopay/duopay/internal/wire"
)

// The codes that this package decides by. The provider's list of codes is not
// known to its end.
const (
	codeOK       = 0
	codeToken    = 1000210004 // the token is not good
	codeNoToken  = 1000210013 // the app has no token at the moment
	codeAuthCode = 1000210014 // the authorisation code is not good: perhaps because it was used
)

// rejected reports whether a code proves that the call did nothing: the checks
// it stands for come before all business. What is not here proves nothing,
// 1000220003 (the number exists: an earlier call may have paid) and the system
// errors 1000220064, 1000310010 and 1000410010 among it.
func rejected(code int64) bool {
	switch code {
	case 1000210002, // signature wrong
		1000210003,                                     // app or calling IP not accepted
		1000210005,                                     // no such interface
		1000210006,                                     // parameter missing
		1000210009,                                     // appsecret was transmitted
		1000210012,                                     // method not allowed
		1000210015,                                     // authorisation code missing
		1000210017,                                     // redirect URL not found
		1000200050,                                     // IP not allowed
		1000200051,                                     // no permission for the interface
		1000220001,                                     // length of a parameter
		1000220002,                                     // value of a parameter
		1000220004,                                     // mobile number
		1000220005,                                     // mail address
		1000220006,                                     // date
		1000220050,                                     // type does not fit the account
		1000220051, 1000220052, 1000220053, 1000220054: // member, enterprise or project not configured
		return true
	}
	return false
}

// passing reports whether a code is a refusal of the moment, which proves
// nothing: when a request arrives twice, by whatever is between here and there,
// one arrival may be refused and the other may have paid. The first one uses the
// authorisation code up; a token may be replaced, and clocks go on, in between.
func passing(code int64) bool {
	switch code {
	case codeAuthCode, codeToken, codeNoToken,
		1000210001, // timestamp deviates too much
		1000200052: // called too often
		return true
	}
	return false
}

// refusal returns the error of an answer with another code than 0.
func refusal(code int64, message string) error {
	e := &duopay.Error{Kind: duopay.Unsure, Code: strconv.FormatInt(code, 10), Message: message}
	if e.Certain = rejected(code); e.Certain || passing(code) {
		e.Kind = duopay.Refused
	}
	return e
}

// tokenRefused reports whether err is the gateway's refusal of the token.
func tokenRefused(err error) bool {
	var e *duopay.Error
	return errors.As(err, &e) && e.Kind == duopay.Refused &&
		(e.Code == strconv.Itoa(codeToken) || e.Code == strconv.Itoa(codeNoToken))
}

// ConsumeStatus is the state of a payment in the enterprise's consumption.
type ConsumeStatus string

// The states of a payment. They come as numbers.
const (
	ConsumeToPay     ConsumeStatus = "1" // to be paid
	ConsumePaying    ConsumeStatus = "2" // being paid
	ConsumePaid      ConsumeStatus = "3" // paid
	ConsumeToRefund  ConsumeStatus = "4" // paid, to be refunded
	ConsumeRefunding ConsumeStatus = "5" // paid, being refunded
	ConsumeRefunded  ConsumeStatus = "6" // refunded
	ConsumeReversed  ConsumeStatus = "7" // reversed: the payer is not charged
)

// UnmarshalJSON takes a number or a string.
func (s *ConsumeStatus) UnmarshalJSON(data []byte) error {
	return (*duopay.Text)(s).UnmarshalJSON(data)
}

// Status returns what the state means.
func (s ConsumeStatus) Status() duopay.Status {
	switch s {
	case ConsumeToPay, ConsumePaying:
		return duopay.Pending
	case ConsumePaid, ConsumeToRefund, ConsumeRefunding:
		return duopay.Paid
	case ConsumeRefunded:
		return duopay.Refunded
	case ConsumeReversed:
		return duopay.Canceled
	}
	return duopay.Unknown
}

// envelope is the head of every answer that is not a redirect.
type envelope struct {
	Code duopay.Integer  `json:"code"`
	Msg  duopay.Text     `json:"msg"`
	Data json.RawMessage `json:"data"` // an object, an array, a string, or a string that holds one of those
}

// payload is an answer that says 0, or a redirect.
type payload struct {
	message  string
	trace    string
	raw      []byte
	data     json.RawMessage // without the quotes of a string that holds JSON; nil for null
	location string
}

// open classifies an answer and returns what is in it. Only what is readable,
// about the right order, and 0 comes through.
func open(op operation, answer *exchange.Answer, m message) (payload, error) {
	p := payload{trace: answer.Header.Get("X-Trace-Id"), raw: answer.Body}
	if op.redirects && answer.Status >= 300 && answer.Status < 400 {
		if p.location = answer.Header.Get("Location"); p.location == "" {
			return p, errors.New("a redirect to nowhere")
		}
		return p, nil
	}
	if answer.Status != http.StatusOK {
		return p, fmt.Errorf("HTTP status %d", answer.Status)
	}
	object, err := wire.ReadObject(answer.Body)
	if err != nil {
		return p, fmt.Errorf("the answer is unreadable: %w", err)
	}
	var head envelope
	if err := object.Decode(&head); err != nil {
		return p, err
	}
	code, err := head.Code.Int64()
	if err != nil {
		return p, errors.New("code cannot be read")
	}
	p.message, p.data = string(head.Msg), inner(head.Data)
	if err := match(m.numbers, p.data); err != nil {
		return p, err
	}
	if code != codeOK {
		return p, refusal(code, p.message)
	}
	answer.Code = string(head.Code)
	return p, nil
}

// inner returns data without the quotes of a string that holds an object or an
// array, as some older operations have it, and nothing for null.
func inner(data json.RawMessage) json.RawMessage {
	var text string
	switch {
	case string(data) == "null":
		return nil
	case json.Unmarshal(data, &text) == nil && json.Valid([]byte(text)) && (text[0] == '{' || text[0] == '['):
		return json.RawMessage(text)
	}
	return data
}

// numbered are the names of numbers, in a request and in its answer.
var numbered = [][2]string{
	{"outer_trade_no", "outer_trade_no"}, {"outer_trade_no", "out_trade_no"}, // one page of the manual has it so
	{"outer_refund_no", "outer_refund_no"}, {"trade_no", "trade_no"},
	// The later generation.
	{"outerTradeNo", "outerTradeNo"}, {"orderNo", "orderNo"}, {"paySeqNo", "paySeqNo"},
	{"refundOrderNo", "refundOrderNo"}, {"refundSeqNo", "refundSeqNo"}, {"refundOuterTradeNo", "refundOuterTradeNo"},
}

// match compares the numbers in data, if it is an object, with those that were
// sent. Answers are not signed, so this is part of what makes them believable.
func match(sent map[string]string, data json.RawMessage) error {
	if len(data) == 0 || data[0] != '{' {
		return nil
	}
	object, err := wire.ReadObject(data)
	if err != nil {
		return fmt.Errorf("data is unreadable: %w", err)
	}
	for _, names := range numbered {
		asked, answered := sent[names[0]], object.Text(names[1])
		if asked != "" && answered != "" && asked != answered {
			return fmt.Errorf("%w: %s is %.40q", duopay.ErrOrderMismatch, names[1], answered)
		}
	}
	return nil
}

// decode stores data, which has to be an object, into a struct.
func decode(data json.RawMessage, target any) error {
	object, err := wire.ReadObject(data)
	if err != nil {
		return fmt.Errorf("data is %w", err)
	}
	return object.Decode(target)
}

// decodeList returns the elements of data, which has to be an array.
func decodeList[E any](data json.RawMessage, read func(json.RawMessage, *E) error) ([]E, error) {
	var elements []json.RawMessage
	if err := json.Unmarshal(data, &elements); err != nil {
		return nil, errors.New("not a JSON array")
	}
	list := make([]E, len(elements))
	for i, element := range elements {
		if err := read(element, &list[i]); err != nil {
			return nil, fmt.Errorf("element %d: %w", i, err)
		}
	}
	return list, nil
}

// decodeText returns data, which has to be a text, or a number for one.
func decodeText(data json.RawMessage) (string, error) {
	var text duopay.Text
	if len(data) == 0 || data[0] != '"' && (data[0] < '0' || data[0] > '9') || text.UnmarshalJSON(data) != nil || trim(string(text)) == "" {
		return "", errors.New("data is not a text")
	}
	return string(text), nil
}

// traced adds the answer's trace id, which the provider's support asks for, to
// an error.
func traced(err error, trace string) error {
	if err == nil || trace == "" {
		return err
	}
	var e *duopay.Error
	switch {
	case !errors.As(err, &e):
		return fmt.Errorf("%w (x-trace-id %.64q)", err, trace)
	case e.Err == nil:
		e.Err = fmt.Errorf("x-trace-id %.64q", trace)
	default:
		e.Err = fmt.Errorf("%w (x-trace-id %.64q)", e.Err, trace)
	}
	return e
}
