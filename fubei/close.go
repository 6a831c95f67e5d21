package fubei

import (
	"context"
	"time"

	"github.com/duopay/duopay"
	"github.com/duopay/duopay/internal/check"
)

var closeOrder = operation{method: "openapi.payment.order.close", timeLimit: 35 * time.Second, repeatable: true}

// CloseRequest names a scanned order by exactly one of its numbers.
type CloseRequest struct {
	OrderNo string `json:"merchant_order_sn,omitempty" validate:"omitempty,max=32,orderno"` // the merchant's order number
	OrderSN string `json:"order_sn,omitempty" validate:"max=32"`                            // Fubei's order number
}

func (r CloseRequest) check(time.Time) duopay.Violations {
	return check.ExactlyOne("merchant_order_sn", r.OrderNo, "order_sn", r.OrderSN)
}

// CloseReply has the numbers of the order, and no state.
type CloseReply struct {
	Reply
	OrderNo duopay.Text `json:"merchant_order_sn"` // the merchant's order number
	OrderSN duopay.Text `json:"order_sn"`          // Fubei's order number
}

// Close shuts an unpaid order that was to be scanned or paid in a page. It does
// not work for a swipe: that is [Client.Reverse]. It is repeated if the answer
// is unclear. A nil error means that the gateway accepted it: query afterwards.
//
// Source: official Java SDK, openapi.payment.order.close.
func (c *Client) Close(ctx context.Context, r CloseRequest) (*CloseReply, error) {
	return call(ctx, c, closeOrder, r, accepted[CloseReply])
}
