package ysepay

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/duopay/duopay"
	"github.com/duopay/duopay/internal/wire"
)

// The codes that are told apart. No list is published, so none of them proves
// that nothing was done.
const (
	codeSuccess = "10000" // the call was accepted
	codeFailure = "40004" // the call was refused, see sub_code
)

// unsettled are the sub_codes of codeFailure that leave the outcome open.
var unsettled = []string{"ACQ.SYSTEM_ERROR", "ACQ.BUSINESS_TIMEOUT_ERROR", "3155", "3161", "3172"}

// notFound are the sub_codes of codeFailure that deny the order or refund.
var notFound = []string{"ACQ.QUERY_NO_RESULT", "ACQ.QUERY_NO_RECORD"}

// classify returns nil for a verified success. own reports whether the node is
// the method's: another one is never a yes, nor a no to this call.
func (h head) classify(own bool) error {
	code, subCode := string(h.Code), string(h.SubCode)
	switch {
	case !own:
		return h.failure(duopay.Unsure, errNoNode)
	case code == codeSuccess:
		return nil
	case code == codeFailure && slices.Contains(notFound, subCode):
		return h.failure(duopay.Refused, duopay.ErrNotFound)
	case code == codeFailure && subCode != "" && !slices.Contains(unsettled, subCode):
		return h.failure(duopay.Refused, nil)
	}
	return h.failure(duopay.Unsure, errors.New("the code leaves the outcome open"))
}

// failure returns an error with what the head says.
func (h head) failure(kind duopay.Kind, cause error) *duopay.Error {
	message := strings.TrimSpace(string(h.Msg) + " " + string(h.SubMsg))
	return &duopay.Error{Kind: kind, Code: string(h.Code), SubCode: string(h.SubCode), Message: message, Err: cause}
}

// TradeStatus is the state of an order: trade_status.
type TradeStatus string

// The states of the manual, and behind them those known from public programs.
const (
	TradeWaiting      TradeStatus = "WAIT_BUYER_PAY"    // created, the payer has not paid
	TradeClosed       TradeStatus = "TRADE_CLOSED"      // not paid in time, or closed
	TradeSuccess      TradeStatus = "TRADE_SUCCESS"     // paid; can be refunded
	TradePartRefunded TradeStatus = "TRADE_PART_REFUND" // paid, a part was returned
	TradeAllRefunded  TradeStatus = "TRADE_ALL_REFUND"  // paid, all was returned
	TradeFailed       TradeStatus = "TRADE_FAILD"       // failed; the manual's spelling
	TradeUndeposited  TradeStatus = "TRADE_UNDEPOSIT"   // paid, not credited to the merchant: ask the account manager

	TradeFailedToo  TradeStatus = "TRADE_FAILED"             // as TradeFailed
	TradeProcessing TradeStatus = "TRADE_PROCESS"            // not known yet
	TradeAbnormal   TradeStatus = "TRADE_ABNORMALITY"        // not known yet
	TradePaying     TradeStatus = "TRADE_USERPAYING"         // the payer is confirming
	TradeToSend     TradeStatus = "WAIT_SELLER_SEND_GOODS"   // escrow: paid to the platform
	TradeToReceive  TradeStatus = "WAIT_BUYER_CONFIRM_GOODS" // escrow: sent, not received
)

// Status returns what the state means. Money in escrow is not the merchant's
// yet.
func (s TradeStatus) Status() duopay.Status {
	switch s {
	case TradeSuccess, TradeUndeposited:
		return duopay.Paid
	case TradePartRefunded:
		return duopay.PartialRefunded
	case TradeAllRefunded:
		return duopay.Refunded
	case TradeClosed:
		return duopay.Closed
	case TradeFailed, TradeFailedToo:
		return duopay.Failed
	case TradeWaiting, TradeProcessing, TradeAbnormal, TradePaying, TradeToSend, TradeToReceive:
		return duopay.Pending
	}
	return duopay.Unknown
}

// RefundState is the state of a refund: refund_state.
type RefundState string

// The states of a refund.
const (
	RefundSuccess   RefundState = "success"
	RefundInProcess RefundState = "in_process"
	RefundFail      RefundState = "fail"
	RefundManual    RefundState = "fail_to_manual_deal"   // handed to people: money may still move
	RefundClosed    RefundState = "fail_due_manual_close" // people ended it
)

// Status returns what the state means.
func (s RefundState) Status() duopay.RefundStatus {
	switch s {
	case RefundSuccess:
		return duopay.RefundDone
	case RefundInProcess, RefundManual:
		return duopay.RefundPending
	case RefundFail, RefundClosed:
		return duopay.RefundFailed
	}
	return duopay.RefundUnknown
}

// same compares an amount in an answer with what was asked. A missing amount,
// and one that nobody asked about, is no difference; an unreadable one is, if it
// is needed.
func same(answered duopay.Amount, asked duopay.Money, needed bool) error {
	if asked.IsZero() || !answered.Given() {
		return nil
	}
	amount, err := answered.Money()
	switch {
	case err != nil && needed:
		return fmt.Errorf("%w: %w", duopay.ErrAmountMismatch, err)
	case err == nil && amount != asked:
		return fmt.Errorf("%w: %s yuan, not %s", duopay.ErrAmountMismatch, amount, asked)
	}
	return nil
}

// fields is what was sent.
type fields wire.Object

// text returns a field as text, "" if it is absent.
func (f fields) text(name string) string { return wire.Object(f).Text(name) }

// orderNo returns the merchant's order number.
func (f fields) orderNo() string {
	if no := f.text("combine_out_trade_no"); no != "" {
		return no
	}
	return f.text("out_trade_no")
}

// numbers are the fields that name an order or a refund.
var numbers = []string{"combine_out_trade_no", "combine_trade_no", "out_trade_no", "trade_no", "out_request_no"}

// match compares the numbers in an answer with those that were sent.
func (f fields) match(answer wire.Object) error {
	for _, name := range numbers {
		asked, answered := f.text(name), fields(answer).text(name)
		if asked != "" && answered != "" && asked != answered {
			return fmt.Errorf("%w: %s is %.40q", duopay.ErrOrderMismatch, name, answered)
		}
	}
	return nil
}

// named reports whether an answer repeats one of the numbers that were sent, and
// the number of the refund if it is about one.
func (f fields) named(answer wire.Object) bool {
	if f.text("out_request_no") != "" {
		return fields(answer).text("out_request_no") != ""
	}
	for _, name := range numbers {
		if f.text(name) != "" && fields(answer).text(name) != "" {
			return true
		}
	}
	return false
}
