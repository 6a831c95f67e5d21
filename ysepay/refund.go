package ysepay

import (
	"context"
	"fmt"

	"github.com/duopay/duopay"
)

var (
	refund      = trading("ysepay.online.trade.refund")
	refundQuery = operation{
		method: "ysepay.online.trade.refund.query", version: "3.0", address: refund.address,
		timeLimit: query.timeLimit, repeatable: true,
	}
)

// RefundRequest asks for a part of a single order's payment, or all of it, to go
// back. Of a combined order it is the sub order: that seller received the money.
type RefundRequest struct {
	NotifyURL string `json:"-" url:"notify_url,omitempty" bytes:"190"` // where the provider notifies; optional

	OrderNo      string       `json:"out_trade_no" validate:"required,max=32,orderno"`          // the merchant's number of the sub order
	ShopDate     string       `json:"shopdate"`                                                 // trade date yyyyMMdd of the original order; the first 8 characters of OrderNo if they are one
	TradeNo      string       `json:"trade_no,omitempty" validate:"max=30"`                     // Ysepay's number; optional
	RefundAmount duopay.Money `json:"refund_amount" validate:"required,yuan=0.01 100000000.00"` // yuan
	Reason       string       `json:"refund_reason" validate:"required,max=50"`                 // why; characters
	RefundNo     string       `json:"out_request_no" validate:"required,max=32,orderno"`        // the merchant's refund number, unique: the only handle after a time-out

	More map[string]any `json:"-" validate:"-"` // further members of biz_content, beyond what is known
}

type refundRequest RefundRequest

// MarshalJSON writes biz_content, but for More.
func (r RefundRequest) MarshalJSON() ([]byte, error) { return amountsAsText(refundRequest(r)) }

func (r RefundRequest) common() common       { return common{NotifyURL: r.NotifyURL} }
func (r RefundRequest) more() map[string]any { return r.More }
func (r RefundRequest) completed() request {
	r.ShopDate = shopDate(r.ShopDate, r.OrderNo)
	return r
}
func (r RefundRequest) check(*Client) duopay.Violations {
	violations := dated(r.ShopDate)
	if r.NotifyURL != "" && !areURLs(r.NotifyURL) {
		violations = append(violations, duopay.Violation{Field: "notify_url", Rule: "must be absolute http or https URLs with commas between"})
	}
	return violations
}

// RefundReply is the answer to [Client.Refund]. It has no state: the refund is
// accepted.
type RefundReply struct {
	Reply
	TradeNo      duopay.Text   `json:"trade_no"`       // Ysepay's number of the order
	OrderNo      duopay.Text   `json:"out_trade_no"`   // the merchant's number of the order
	RefundAmount duopay.Amount `json:"refund_amount"`  // yuan
	AccountDate  duopay.Text   `json:"account_date"`   // yyyyMMdd
	RefundNo     duopay.Text   `json:"out_request_no"` // the merchant's refund number
	RefundSN     duopay.Text   `json:"refundsn"`       // Ysepay's refund number
	RefundSN2    duopay.Text   `json:"refund_sn"`      // the same, as one program has it
}

// Refund starts a refund. It is sent again only if it never left. A nil error
// means accepted, not refunded: ask with [Client.RefundQuery]. After
// [duopay.Unsure], and after [duopay.Refused], ask too, or repeat with the same
// RefundNo; never make a new one for it.
//
// Source: public SDKs, ysepay.online.trade.refund. That it takes sub orders is to
// be confirmed with the provider.
func (c *Client) Refund(ctx context.Context, r RefundRequest) (*RefundReply, error) {
	return call(ctx, c, refund, r, func(reply *RefundReply) error {
		return same(reply.RefundAmount, r.RefundAmount, true)
	})
}

// RefundQueryRequest names a refund, and its order by one of its numbers, or
// both.
type RefundQueryRequest struct {
	OrderNo  string `json:"out_trade_no,omitempty" validate:"omitempty,max=32,orderno"` // the merchant's number of the sub order
	TradeNo  string `json:"trade_no,omitempty" validate:"max=30"`                       // Ysepay's number
	ShopDate string `json:"shopdate"`                                                   // trade date yyyyMMdd of the original order; the first 8 characters of OrderNo if they are one
	RefundNo string `json:"out_request_no" validate:"required,max=32,orderno"`          // the merchant's refund number

	// RefundAmount is not sent: when set, a refund of another amount is
	// [duopay.ErrAmountMismatch].
	RefundAmount duopay.Money   `json:"-" validate:"-"`
	More         map[string]any `json:"-" validate:"-"` // further members of biz_content, beyond what is known
}

func (r RefundQueryRequest) common() common       { return common{} }
func (r RefundQueryRequest) more() map[string]any { return r.More }
func (r RefundQueryRequest) completed() request {
	r.ShopDate = shopDate(r.ShopDate, r.OrderNo)
	return r
}
func (r RefundQueryRequest) check(*Client) duopay.Violations {
	return append(oneOf("out_trade_no", r.OrderNo, "trade_no", r.TradeNo), dated(r.ShopDate)...)
}

// RefundOrder is what the gateway says of a refund. RefundState decides.
type RefundOrder struct {
	Reply
	TradeNo         duopay.Text   `json:"trade_no"`          // Ysepay's number of the order
	OrderNo         duopay.Text   `json:"out_trade_no"`      // the merchant's number of the order
	RefundNo        duopay.Text   `json:"out_request_no"`    // the merchant's refund number
	RefundSN        duopay.Text   `json:"refundsn"`          // Ysepay's refund number
	RefundState     RefundState   `json:"refund_state"`      // absent proves nothing
	FundsState      duopay.Text   `json:"funds_state"`       // for people
	FundsDynamics   duopay.Text   `json:"funds_dynamics"`    // a JSON list in a string, for people
	Reason          duopay.Text   `json:"refund_reason"`     // as sent
	TotalAmount     duopay.Amount `json:"total_amount"`      // of the order, yuan
	RefundAmount    duopay.Amount `json:"refund_amount"`     // yuan
	AccountDate     duopay.Text   `json:"account_date"`      // yyyy-MM-dd
	ChannelRecvTime duopay.Text   `json:"channel_recv_time"` // when the channel took it
}

// RefundQuery asks what became of a refund. It changes nothing and is repeated if
// the answer is unclear.
//
// A nil error means a state of the table: see RefundState.
//
// Source: public SDKs, ysepay.online.trade.refund.query.
func (c *Client) RefundQuery(ctx context.Context, r RefundQueryRequest) (*RefundOrder, error) {
	return call(ctx, c, refundQuery, r, func(reply *RefundOrder) error {
		if reply.RefundState.Status() == duopay.RefundUnknown {
			return fmt.Errorf("refund_state %.40q is not known", reply.RefundState)
		}
		return same(reply.RefundAmount, r.RefundAmount, true)
	})
}
