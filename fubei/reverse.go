package fubei

import (
	"context"
	"time"

	"github.com/duopay/duopay"
	"github.com/duopay/duopay/internal/check"
)

var reverse = operation{method: "openapi.payment.order.reverse", timeLimit: 35 * time.Second, repeatable: true}

// ReverseRequest names a swiped order by exactly one of its numbers.
type ReverseRequest struct {
	OrderNo string `json:"merchant_order_sn,omitempty" validate:"omitempty,max=32,orderno"` // the merchant's order number
	OrderSN string `json:"order_sn,omitempty" validate:"max=32"`                            // Fubei's order number
}

func (r ReverseRequest) check(time.Time) duopay.Violations {
	return check.ExactlyOne("merchant_order_sn", r.OrderNo, "order_sn", r.OrderSN)
}

// ReverseReply has the numbers of the order, and no state.
type ReverseReply struct {
	Reply
	OrderNo duopay.Text `json:"merchant_order_sn"` // the merchant's order number
	OrderSN duopay.Text `json:"order_sn"`          // Fubei's order number
}

// Reverse takes a swipe back: an unpaid order is closed, of a paid one the
// money returns to the payer. It is for swipes whose outcome is refused or
// unclear, not earlier than 15 s after them, and repeated if its own answer is
// unclear. A nil error means that the gateway accepted it: query afterwards.
//
// The wallets limit it in time (Alipay the same day, WeChat 7 days); after
// that, refund.
//
// Source: official Java SDK, openapi.payment.order.reverse.
func (c *Client) Reverse(ctx context.Context, r ReverseRequest) (*ReverseReply, error) {
	return call(ctx, c, reverse, r, accepted[ReverseReply])
}
