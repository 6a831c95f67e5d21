package fubei

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"github.com/duopay/duopay"
	"github.com/duopay/duopay/internal/exchange"
	"github.com/duopay/duopay/internal/wire"
)

// success is the result_code of success. No list of the others is published,
// so none of them proves that nothing was done.
const success = 200

// TradeState is the state of an order.
type TradeState string

// The states of an order. CLOSED is documented for 2.0 only.
const (
	StateSuccess      TradeState = "SUCCESS"       // paid; stays so after a refund
	StateUserPaying   TradeState = "USERPAYING"    // the payer is confirming
	StateRevoked      TradeState = "REVOKED"       // reversed: closed, or the money went back
	StateRevoking     TradeState = "REVOKING"      // being reversed
	StateRevokedError TradeState = "REVOKED_ERROR" // the reversal failed: reverse again
	StateClosed       TradeState = "CLOSED"        // closed unpaid
)

// Status returns what the state means. A reversal that failed means as little
// as a state that is not in the table.
func (s TradeState) Status() duopay.Status {
	switch s {
	case StateSuccess:
		return duopay.Paid
	case StateUserPaying, StateRevoking:
		return duopay.Pending
	case StateRevoked:
		return duopay.Canceled
	case StateClosed:
		return duopay.Closed
	}
	return duopay.Unknown
}

// known reports whether the state is in the table.
func (s TradeState) known() bool { return s.Status() != duopay.Unknown || s == StateRevokedError }

// RefundState is the state of a refund.
type RefundState string

// The states of a refund. Failure has two official spellings.
const (
	RefundProcessing RefundState = "REFUND_PROCESSING"
	RefundSuccess    RefundState = "REFUND_SUCCESS"
	RefundFailer     RefundState = "REFUND_FAILER" // as 1.0 spells it
	RefundFail       RefundState = "REFUND_FAIL"   // as 2.0 spells it
	RefundFailed     RefundState = "REFUND_FAILED"
)

// Status returns what the state means. A state that is not in the table means
// that the refund is still being processed.
func (s RefundState) Status() duopay.RefundStatus {
	switch s {
	case RefundSuccess:
		return duopay.RefundDone
	case RefundFailer, RefundFail, RefundFailed:
		return duopay.RefundFailed
	}
	return duopay.RefundPending
}

// envelope is the head of every answer.
type envelope struct {
	ResultCode    duopay.Integer  `json:"result_code"`
	ResultMessage duopay.Text     `json:"result_message"`
	SubCode       duopay.Text     `json:"sub_code"`
	Data          json.RawMessage `json:"data"` // an object, or a string that holds one
}

// payload is the data of an answer that says 200.
type payload struct {
	message string
	object  wire.Object
}

// open classifies an answer and returns its data. Only what is readable, about
// the right order, and 200 comes through; a readable other code is a refusal,
// which by the manual's last line still asks for a query; the rest is unsure.
func open(answer *exchange.Answer, sent fields) (payload, error) {
	if answer.Status != http.StatusOK {
		return payload{}, fmt.Errorf("HTTP status %d", answer.Status)
	}
	object, err := wire.ReadObject(answer.Body)
	if err != nil {
		return payload{}, fmt.Errorf("the answer is unreadable: %w", err)
	}
	var head envelope
	if err := object.Decode(&head); err != nil {
		return payload{}, err
	}
	code, err := head.ResultCode.Int64()
	if err != nil {
		return payload{}, errors.New("result_code cannot be read")
	}
	data, unreadable := inner(head.Data)
	if err := sent.match(data); err != nil {
		return payload{}, err
	}
	if code != success {
		return payload{}, &duopay.Error{
			Kind: duopay.Refused, Code: strconv.FormatInt(code, 10),
			SubCode: cmp.Or(string(head.SubCode), fields(data).text("sub_code")), Message: string(head.ResultMessage),
		}
	}
	answer.Code = string(head.ResultCode)
	if unreadable != nil {
		return payload{}, fmt.Errorf("data is unreadable: %w", unreadable)
	}
	return payload{string(head.ResultMessage), data}, nil
}

// inner reads data, which is an object, a string that holds one, or nothing.
func inner(data json.RawMessage) (wire.Object, error) {
	text, err := wire.Inner(data)
	if text == nil || err != nil {
		return nil, err
	}
	return wire.ReadObject(text)
}

// fields is what was sent or answered.
type fields wire.Object

// text returns a field as text, "" if it is absent.
func (f fields) text(name string) string { return wire.Object(f).Text(name) }

// match compares the numbers in an answer with those that were sent. Answers
// are not signed, so this is part of what makes them believable.
func (f fields) match(data wire.Object) error {
	for _, name := range [...]string{"merchant_order_sn", "order_sn", "trade_no", "merchant_refund_sn", "refund_sn"} {
		if wire.Object(f).Get(name) == nil {
			continue
		}
		asked, answered := f.text(name), fields(data).text(name)
		if asked != "" && answered != "" && asked != answered {
			return fmt.Errorf("%w: %s is %.40q", duopay.ErrOrderMismatch, name, answered)
		}
	}
	return nil
}
