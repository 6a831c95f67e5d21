package fufu

import (
	"context"

	"github.com/duopay/duopay"
)

var closeOrder = operation{name: "close", timeLimit: timeLimit}

// CloseRequest is the manual's table 2.7.1, a field a row; busi_id comes from
// [Config].
type CloseRequest struct {
	OperatorID string `json:"operator_id" validate:"required,max=32"`  // cashier
	TerminalID string `json:"terminal_id" validate:"required,max=32"`  // terminal
	OrderNo    string `json:"out_trade_no" validate:"required,max=50"` // the merchant's order number
	TimeZone   string `json:"time_zone,omitempty" validate:"max=64"`   // as with the order
}

func (r CloseRequest) check() duopay.Violations { return plain("out_trade_no", r.OrderNo) }

// CloseReply is the manual's table 2.7.2.
type CloseReply struct {
	Reply
	OrderNo  duopay.Text `json:"out_trade_no"` // the merchant's order number
	TradeNo  duopay.Text `json:"trade_no"`     // Fufu's number
	TimeZone duopay.Text `json:"time_zone"`    // as sent
}

// Close shuts a preOrder that nobody has paid. The manual advises against it
// without need. It is sent again only if it never left. A nil error means that
// the gateway accepted it: query afterwards. For an order that is paid or has
// failed it is refused in words, for which there is no code, so that any
// refusal asks for a query too.
//
// Source: the manual, 2.7.
func (c *Client) Close(ctx context.Context, r CloseRequest) (*CloseReply, error) {
	return call(ctx, c, closeOrder, r, accepted[CloseReply])
}
