package fufu

import (
	"context"

	"github.com/duopay/duopay"
)

var query = operation{name: "query", timeLimit: timeLimit, repeatable: true, evidence: []string{"state"}}

// QueryRequest is the manual's table 2.5.1, a field a row; busi_id comes from
// [Config].
type QueryRequest struct {
	OrderNo  string `json:"out_trade_no" validate:"required,max=50"`        // the merchant's order number
	TradeNo  string `json:"trade_no,omitempty" validate:"omitempty,max=50"` // Fufu's number; counts before OrderNo
	TimeZone string `json:"time_zone,omitempty" validate:"max=64"`          // as with the order

	// Amount and FeeType are not sent: when Amount is set, a paid order of
	// another amount or currency is [duopay.ErrAmountMismatch], if the gateway
	// tells either. The manual does not promise the amount.
	Amount  duopay.Fen `json:"-" validate:"-"`
	FeeType Currency   `json:"-" validate:"-"`
}

func (r QueryRequest) check() duopay.Violations {
	return plain("out_trade_no", r.OrderNo, "trade_no", r.TradeNo)
}

// Query asks what became of an order. It changes nothing and is repeated if
// the answer is unclear.
//
// A nil error means that the state tells what became of the order. An order
// that the gateway does not know is [duopay.Refused] with
// [duopay.ErrNotFound], which soon after an unclear order proves nothing.
//
// Source: the manual, 2.5.
func (c *Client) Query(ctx context.Context, r QueryRequest) (*Order, error) {
	return call(ctx, c, query, r, func(o *Order) error { return o.accept(r.Amount, r.FeeType) })
}
