package fubei

import (
	"context"
	"slices"
	"time"

	"github.com/duopay/duopay"
	"github.com/duopay/duopay/internal/check"
)

var (
	refund           = operation{method: "openapi.payment.order.refund", timeLimit: 35 * time.Second}
	refundQuery      = operation{method: "openapi.payment.order.refund.query", timeLimit: 15 * time.Second, repeatable: true}
	refundStatistics = operation{method: "openapi.payment.refund.statistics", timeLimit: 15 * time.Second, repeatable: true}
)

// RefundRequest asks for a part of a payment, or all of it, to go back. The
// order is named by exactly one of its numbers.
type RefundRequest struct {
	OrderNo     string       `json:"merchant_order_sn,omitempty" validate:"omitempty,max=32,orderno"` // the merchant's order number
	OrderSN     string       `json:"order_sn,omitempty" validate:"max=32"`                            // Fubei's order number
	TradeNo     string       `json:"trade_no,omitempty" validate:"max=32"`                            // the number on the payer's bill
	RefundNo    string       `json:"merchant_refund_sn" validate:"required,max=32,orderno"`           // the merchant's refund number, unique: the only handle after a time-out
	RefundMoney duopay.Money `json:"refund_money" validate:"required,yuan=0.01 9999999.99"`           // yuan; left out it would refund everything
}

func (r RefundRequest) check(time.Time) duopay.Violations {
	return check.ExactlyOne("merchant_order_sn", r.OrderNo, "order_sn", r.OrderSN, "trade_no", r.TradeNo)
}

// RefundReply is the answer to [Client.Refund] and [Client.RefundQuery]. The
// former gives no RefundStatus, neither of them an amount.
type RefundReply struct {
	Reply
	OrderNo      duopay.Text `json:"merchant_order_sn"`  // the merchant's order number
	RefundNo     duopay.Text `json:"merchant_refund_sn"` // the merchant's refund number
	OrderSN      duopay.Text `json:"order_sn"`           // Fubei's order number
	RefundSN     duopay.Text `json:"refund_sn"`          // Fubei's refund number
	TradeNo      duopay.Text `json:"trade_no"`           // the number on the payer's bill
	RefundStatus RefundState `json:"refund_status"`      // refund query only
}

// Refund starts a refund: within 90 days of the payment, at most 10 for an
// order. It is sent again only if it never left. A nil error means accepted,
// not refunded: ask with [Client.RefundQuery]. After [duopay.Unsure] ask too,
// and never make a new refund number for it.
//
// Source: official Java SDK, openapi.payment.order.refund.
func (c *Client) Refund(ctx context.Context, r RefundRequest) (*RefundReply, error) {
	return call(ctx, c, refund, r, accepted[RefundReply])
}

// RefundQueryRequest names a refund by exactly one number of the order and
// exactly one of the refund.
type RefundQueryRequest struct {
	OrderNo  string `json:"merchant_order_sn,omitempty" validate:"omitempty,max=32,orderno"`  // the merchant's order number
	OrderSN  string `json:"order_sn,omitempty" validate:"max=32"`                             // Fubei's order number
	TradeNo  string `json:"trade_no,omitempty" validate:"max=32"`                             // the number on the payer's bill
	RefundNo string `json:"merchant_refund_sn,omitempty" validate:"omitempty,max=32,orderno"` // the merchant's refund number
	RefundSN string `json:"refund_sn,omitempty" validate:"max=32"`                            // Fubei's refund number
}

func (r RefundQueryRequest) check(time.Time) duopay.Violations {
	return slices.Concat(
		check.ExactlyOne("merchant_order_sn", r.OrderNo, "order_sn", r.OrderSN, "trade_no", r.TradeNo),
		check.ExactlyOne("merchant_refund_sn", r.RefundNo, "refund_sn", r.RefundSN),
	)
}

// RefundQuery asks what became of a refund. It changes nothing and is repeated
// if the answer is unclear.
//
// Source: official Java SDK, openapi.payment.order.refund.query.
func (c *Client) RefundQuery(ctx context.Context, r RefundQueryRequest) (*RefundReply, error) {
	return call(ctx, c, refundQuery, r, accepted[RefundReply])
}

// RefundStatisticsRequest names an order by exactly one of its numbers.
type RefundStatisticsRequest struct {
	OrderNo string `json:"merchant_order_sn,omitempty" validate:"omitempty,max=32,orderno"` // the merchant's order number
	OrderSN string `json:"order_sn,omitempty" validate:"max=32"`                            // Fubei's order number
	TradeNo string `json:"trade_no,omitempty" validate:"max=32"`                            // the number on the payer's bill
}

func (r RefundStatisticsRequest) check(time.Time) duopay.Violations {
	return check.ExactlyOne("merchant_order_sn", r.OrderNo, "order_sn", r.OrderSN, "trade_no", r.TradeNo)
}

// RefundStatisticsReply sums up the refunds of an order.
type RefundStatisticsReply struct {
	Reply
	OrderSN   duopay.Text    `json:"order_sn"`   // Fubei's order number
	TotalFee  duopay.Amount  `json:"total_fee"`  // of the order, yuan
	RefundNum duopay.Integer `json:"refund_num"` // number of refunds
	CanRefund duopay.Amount  `json:"can_refund"` // what can still be refunded, yuan
}

// RefundStatistics asks how much of an order was refunded. It changes nothing
// and is repeated if the answer is unclear.
//
// Source: official Java SDK, openapi.payment.refund.statistics.
func (c *Client) RefundStatistics(ctx context.Context, r RefundStatisticsRequest) (*RefundStatisticsReply, error) {
	return call(ctx, c, refundStatistics, r, accepted[RefundStatisticsReply])
}
