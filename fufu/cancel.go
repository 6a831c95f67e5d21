package fufu

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/duopay/duopay"
)

var cancel = operation{name: "cancel", timeLimit: timeLimit}

// ErrCancelTime is the error of a cancel that is not sent because the gateway
// does not take it at that time: from 23:00 to 01:00 in UTC+8, and within 15 s
// after the order was created.
var ErrCancelTime = errors.New("this is no time for a cancel")

// CancelRequest is the manual's table 2.6.1, a field a row; busi_id comes from
// [Config].
type CancelRequest struct {
	OperatorID string `json:"operator_id" validate:"required,max=32"`  // cashier
	TerminalID string `json:"terminal_id" validate:"required,max=32"`  // terminal
	OrderNo    string `json:"out_trade_no" validate:"required,max=50"` // the merchant's order number
	TradeNo    string `json:"trade_no,omitempty" validate:"max=50"`    // Fufu's number; counts before OrderNo
	TimeZone   string `json:"time_zone,omitempty" validate:"max=64"`   // as with the order

	// CreatedAt is not sent: when set, a cancel within 15 s after it is refused
	// here.
	CreatedAt time.Time `json:"-" validate:"-"`
	// AnyTime sends the cancel whatever the time.
	AnyTime bool `json:"-" validate:"-"`
}

func (r CancelRequest) check() duopay.Violations {
	return plain("out_trade_no", r.OrderNo, "trade_no", r.TradeNo)
}

// allowed returns an error if the gateway takes no cancel now.
func (r CancelRequest) allowed(now time.Time) error {
	hour := now.In(china).Hour()
	switch {
	case r.AnyTime:
	case hour < 1 || hour >= 23:
		return fmt.Errorf("%w: it is %s in UTC+8, and cancels go from 01:00 to 23:00", ErrCancelTime, now.In(china).Format(time.TimeOnly))
	case !r.CreatedAt.IsZero() && now.Before(r.CreatedAt.Add(15*time.Second)):
		return fmt.Errorf("%w: the order is less than 15 s old", ErrCancelTime)
	}
	return nil
}

// CancelReply is the manual's table 2.6.3: no number and no state.
type CancelReply struct {
	Reply
	TimeZone duopay.Text `json:"time_zone"` // as sent
}

// Cancel takes back an order that is not paid. It is no refund: for what is
// paid it fails. The manual advises against it, and wants a query before; query
// afterwards too, whatever it answers. It is not for preOrders: see
// [Client.Close].
//
// At a time when the gateway takes no cancel, nothing is sent: the error is of
// kind [duopay.Invalid] and wraps [ErrCancelTime]. It is sent again only if it
// never left. A nil error means that the gateway accepted it. An order that was
// cancelled before is [duopay.Refused] with [CodeRevoked].
//
// Source: the manual, 2.6.
func (c *Client) Cancel(ctx context.Context, r CancelRequest) (*CancelReply, error) {
	if err := r.allowed(c.options.Now()); err != nil {
		return nil, invalid(cancel, r.OrderNo, err)
	}
	return call(ctx, c, cancel, r, accepted[CancelReply])
}
