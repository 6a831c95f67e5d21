package fubei

import (
	"context"
	"time"

	"github.com/duopay/duopay"
	"github.com/duopay/duopay/internal/check"
)

var query = operation{method: "openapi.payment.order.query", timeLimit: 15 * time.Second, repeatable: true}

// QueryRequest names an order by exactly one of its numbers: which of several
// would count is not documented. After a time-out OrderNo is the only one known.
type QueryRequest struct {
	OrderNo  string `json:"merchant_order_sn,omitempty" validate:"omitempty,max=32,orderno"` // the merchant's order number
	OrderSN  string `json:"order_sn,omitempty" validate:"max=32"`                            // Fubei's order number
	TradeNo  string `json:"trade_no,omitempty" validate:"max=32"`                            // the number on the payer's bill
	DeviceNo string `json:"device_no,omitempty" validate:"max=18"`                           // terminal

	// Amount is not sent: when set, a paid order of another amount is
	// [duopay.ErrAmountMismatch].
	Amount duopay.Money `json:"-" validate:"-"`
}

func (r QueryRequest) check(time.Time) duopay.Violations {
	return check.ExactlyOne("merchant_order_sn", r.OrderNo, "order_sn", r.OrderSN, "trade_no", r.TradeNo)
}

// Query asks what became of an order. It changes nothing and is repeated if
// the answer is unclear.
//
// A nil error means a state of the table: see TradeState. Refusal, as for an
// order that the gateway does not know, is no proof that nothing was charged.
//
// Source: official Java SDK, openapi.payment.order.query.
func (c *Client) Query(ctx context.Context, r QueryRequest) (*Order, error) {
	return call(ctx, c, query, r, func(o *Order) error { return o.accept(r.Amount) })
}
