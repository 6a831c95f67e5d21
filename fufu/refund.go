package fufu

import (
	"cmp"
	"context"
	"fmt"

	"github.com/duopay/duopay"
)

var (
	refund      = operation{name: "refund", timeLimit: timeLimit, moves: true}
	refundQuery = operation{name: "refundQuery", timeLimit: timeLimit, repeatable: true, evidence: []string{"trade_status"}}
)

// RefundRequest is the manual's table 2.4.1, a field a row; busi_id comes from
// [Config]. At least one number names the order. The manual has no lengths:
// they are those of the same things elsewhere.
type RefundRequest struct {
	OperatorID    string     `json:"operator_id" validate:"required,max=32"`                     // cashier
	TerminalID    string     `json:"terminal_id" validate:"required,max=32"`                     // terminal
	RefundFee     duopay.Fen `json:"refund_fee,string" validate:"required,min=1,max=9999999999"` // what goes back, fen
	RefundSubject string     `json:"refund_subject" validate:"required,max=100"`                 // reason
	OrderNo       string     `json:"out_trade_no,omitempty" validate:"max=50"`                   // the merchant's order number
	TradeNo       string     `json:"trade_no,omitempty" validate:"max=50"`                       // Fufu's number; counts before OrderNo
	RefundNo      string     `json:"out_refund_no" validate:"required,max=50"`                   // the merchant's refund number, unique: the only handle after a time-out
	FeeType       Currency   `json:"fee_type" validate:"oneof=CNY THB HKD"`                      // currency of the order; CNY if empty
	TimeZone      string     `json:"time_zone,omitempty" validate:"max=64"`                      // as with the order
}

func (r RefundRequest) filled() any {
	r.FeeType = cmp.Or(r.FeeType, CNY)
	return r
}

func (r RefundRequest) check() duopay.Violations {
	violations := plain("out_trade_no", r.OrderNo, "trade_no", r.TradeNo, "out_refund_no", r.RefundNo)
	if r.OrderNo == "" && r.TradeNo == "" {
		violations = append(violations, duopay.Violation{Field: "out_trade_no", Rule: "is required, or trade_no"})
	}
	return violations
}

// RefundReply is the manual's table 2.4.3. It has no state: what it says is
// that the refund was accepted.
type RefundReply struct {
	Reply
	OrderNo         duopay.Text    `json:"out_trade_no"`      // the merchant's order number
	TradeNo         duopay.Text    `json:"trade_no"`          // Fufu's number of the order
	RefundNo        duopay.Text    `json:"out_refund_no"`     // the merchant's refund number
	RefundTradeNo   duopay.Text    `json:"refund_no"`         // Fufu's number of the refund; in the manual's sample only
	OperatorID      duopay.Text    `json:"operator_id"`       // cashier
	TerminalID      duopay.Text    `json:"terminal_id"`       // terminal
	BeginTime       Time           `json:"begin_time"`        // begin of the refund
	EndTime         Time           `json:"end_time"`          // end of the refund
	RefundFee       Amount         `json:"refund_fee"`        // what goes back, fen
	FeeType         Currency       `json:"fee_type"`          // currency
	ExchangeRate    Rate           `json:"exchange_rate"`     // of the day, yuan for a unit; not for CNY
	RefundAmountCNY Amount         `json:"refund_amount_cny"` // what goes back, fen of CNY; not for CNY
	Channel         duopay.Integer `json:"channel_type"`      // see Channel
	TimeZone        duopay.Text    `json:"time_zone"`         // as sent
}

// Refund starts a refund of a paid order, of a part or all of it. It is sent
// again only if it never left. A nil error means accepted, not returned: ask
// with [Client.RefundQuery]. After [duopay.Unsure], such as SERIAL_REPEAT, ask
// too, and never make a new refund number for it. An answer with another amount
// or currency is [duopay.ErrAmountMismatch], with the reply.
//
// Source: the manual, 2.4.
func (c *Client) Refund(ctx context.Context, r RefundRequest) (*RefundReply, error) {
	return call(ctx, c, refund, r, func(reply *RefundReply) error {
		if currency := cmp.Or(r.FeeType, CNY); reply.FeeType != "" && reply.FeeType != currency {
			return fmt.Errorf("%w: it is %.10q, not %s", duopay.ErrAmountMismatch, string(reply.FeeType), currency)
		}
		return sameAmount(reply.RefundFee, r.RefundFee)
	})
}

// RefundQueryRequest is the manual's table 2.8.1, a field a row; busi_id comes
// from [Config].
type RefundQueryRequest struct {
	OperatorID string `json:"operator_id" validate:"required,max=32"`  // cashier
	TerminalID string `json:"terminal_id" validate:"required,max=32"`  // terminal
	RefundNo   string `json:"out_trade_no" validate:"required,max=50"` // the merchant's number of the refund, in spite of its name on the wire
	TimeZone   string `json:"time_zone,omitempty" validate:"max=64"`   // as with the order

	// Amount is not sent: when set, a finished refund of another amount is
	// [duopay.ErrAmountMismatch].
	Amount duopay.Fen `json:"-" validate:"-"`
}

func (r RefundQueryRequest) check() duopay.Violations { return plain("out_trade_no", r.RefundNo) }

// RefundQueryReply is the manual's table 2.8.2. What stands below TradeStatus is
// given with [RefundSucc] only.
type RefundQueryReply struct {
	Reply
	RefundNo      duopay.Text `json:"out_trade_no"`    // the merchant's number of the refund
	TradeNo       duopay.Text `json:"trade_no"`        // Fufu's number
	TradeStatus   RefundState `json:"trade_status"`    // state of the refund
	RefundFee     Amount      `json:"refund_fee"`      // what went back, fen
	RefundSubject duopay.Text `json:"refund_subject"`  // reason
	GmtRefundTime Time        `json:"gmt_refund_time"` // when it was done
	OperatorID    duopay.Text `json:"operator_id"`     // cashier
	TerminalID    duopay.Text `json:"terminal_id"`     // terminal
	TimeZone      duopay.Text `json:"time_zone"`       // as sent
}

// RefundQuery asks what became of a refund. It changes nothing and is repeated
// if the answer is unclear. A nil error means a state of the table. The OrderNo
// of its errors is the number of the refund, for it is all that is sent. A
// refund that the gateway does not know is [duopay.Refused] with
// [duopay.ErrNotFound], which soon after an unclear refund proves nothing.
//
// Source: the manual, 2.8.
func (c *Client) RefundQuery(ctx context.Context, r RefundQueryRequest) (*RefundQueryReply, error) {
	return call(ctx, c, refundQuery, r, func(reply *RefundQueryReply) error {
		switch {
		case reply.TradeStatus.Status() == duopay.RefundUnknown:
			return fmt.Errorf("trade_status %.40q is not known", string(reply.TradeStatus))
		case reply.TradeStatus == RefundSucc && r.Amount != 0:
			return sameAmount(reply.RefundFee, r.Amount)
		}
		return nil
	})
}
