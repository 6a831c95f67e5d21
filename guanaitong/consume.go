package guanaitong

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/duopay/duopay"
	"github.com/duopay/duopay/internal/wire"
)

var (
	consume     = operation{path: "/enterprise/consume/get", timeLimit: readLimit, repeatable: true}
	consumeList = operation{path: "/enterprise/consume/list", timeLimit: readLimit, repeatable: true}
)

// china is the zone of all times of day that the provider reads and writes.
var china = time.FixedZone("UTC+8", 8*60*60)

// Day is a day in China, whatever the zone of its time.
type Day struct{ time.Time }

// DayOf returns the day of t.
func DayOf(t time.Time) Day { return Day{t} }

// String returns the day as the provider writes it: yyyy-MM-dd.
func (d Day) String() string { return d.In(china).Format(time.DateOnly) }

// EncodeValues writes the day into a form.
func (d Day) EncodeValues(key string, v *url.Values) error {
	v.Set(key, d.String())
	return nil
}

// Moment is a time of day in China as the provider writes it,
// yyyy-MM-dd HH:mm:ss, "" if it is not given.
type Moment string

// UnmarshalJSON takes any JSON value and keeps its text.
func (m *Moment) UnmarshalJSON(data []byte) error { return (*duopay.Text)(m).UnmarshalJSON(data) }

// Time reads the moment, the zero time if it is not given or not readable.
func (m Moment) Time() time.Time {
	t, err := time.ParseInLocation(time.DateTime, string(m), china)
	if err != nil {
		return time.Time{}
	}
	return t
}

// ConsumeRequest names a payment.
type ConsumeRequest struct {
	TradeNo        string `url:"trade_no" validate:"required,max=32,orderno"` // the provider's trade number, 16 digits
	EnterpriseCode string `url:"enterprise_code,omitempty" validate:"max=20"` // required for group and operator apps

	// OrderNo and Amount are not sent: when set, a payment of another order is
	// [duopay.ErrOrderMismatch], and one of another amount
	// [duopay.ErrAmountMismatch].
	OrderNo string       `url:"-" validate:"-"`
	Amount  duopay.Money `url:"-" validate:"-"`
}

func (r ConsumeRequest) check(string) duopay.Violations { return nil }

// Consumption is a payment as the enterprise sees it. Any field may be missing.
type Consumption struct {
	TradeNo      duopay.Text   `json:"trade_no"`       // the provider's trade number
	OrderNo      duopay.Text   `json:"outer_trade_no"` // the merchant's order number; out_trade_no is read too
	UserID       duopay.Text   `json:"userid"`         // the employee
	PayerName    duopay.Text   `json:"payer_name"`     // the employee's name
	Subject      duopay.Text   `json:"subject"`        // what was paid for
	TotalAmount  duopay.Amount `json:"total_amount"`   // ordered, yuan
	PayAmount    duopay.Amount `json:"pay_amount"`     // paid, yuan
	RefundAmount duopay.Amount `json:"refund_amount"`  // returned, yuan
	State        ConsumeStatus `json:"status"`         // absent proves nothing
	CreateTime   Moment        `json:"create_time"`    // when it was ordered
	PayTime      Moment        `json:"pay_time"`       // when it was paid
	RefundTime   Moment        `json:"refund_time"`    // when it was returned
	AssetCode    duopay.Text   `json:"asset_code"`     // what it was paid from

	Object json.RawMessage `json:"-"` // all of it as it came, with fields this package does not know
}

func (c *Consumption) decode(data json.RawMessage) error {
	object, err := wire.ReadObject(data)
	if err != nil {
		return fmt.Errorf("data is %w", err)
	}
	if err := object.Decode(c); err != nil {
		return err
	}
	// One page of the manual spells it so.
	c.OrderNo = duopay.Text(cmp.Or(string(c.OrderNo), object.Text("out_trade_no")))
	c.Object = data
	return nil
}

// Status returns what the payment came to. Of a payment that was partly
// returned the state says paid, so the amounts have to be looked at.
func (c *Consumption) Status() duopay.Status {
	status := c.State.Status()
	returned, _ := c.RefundAmount.Money() // none, if it cannot be read
	paid, err := c.PayAmount.Money()
	switch part := err == nil && !returned.IsZero() && returned.Cmp(paid) < 0; {
	case part && (c.State == ConsumePaid || c.State == ConsumeRefunded):
		return duopay.PartialRefunded
	default:
		return status
	}
}

// Ordered returns the amount that was ordered, as far as the provider tells:
// total_amount, else pay_amount. The error is [duopay.ErrAbsent] if neither is
// given.
func (c *Consumption) Ordered() (duopay.Money, error) {
	if c.TotalAmount.Given() {
		return c.TotalAmount.Money()
	}
	return c.PayAmount.Money()
}

// accept checks the numbers, the state and, if it is paid, the amount.
func (c *Consumption) accept(orderNo string, amount duopay.Money) error {
	if orderNo != "" && c.OrderNo != "" && string(c.OrderNo) != orderNo {
		return fmt.Errorf("%w: outer_trade_no is %.40q", duopay.ErrOrderMismatch, c.OrderNo)
	}
	status := c.Status()
	if status == duopay.Unknown {
		return fmt.Errorf("status %.40q is not known", c.State)
	}
	if !status.Paid() || amount.IsZero() {
		return nil
	}
	ordered, err := c.Ordered()
	switch {
	case errors.Is(err, duopay.ErrAbsent):
		return nil
	case err != nil:
		return fmt.Errorf("%w: %w", duopay.ErrAmountMismatch, err)
	case ordered != amount:
		return fmt.Errorf("%w: %s yuan, not %s", duopay.ErrAmountMismatch, ordered, amount)
	}
	return nil
}

// ConsumeReply is a payment with its details.
type ConsumeReply struct {
	Reply
	Consumption
	Detail json.RawMessage `json:"commerce_order_detail"` // the order, as the seller described it; its form is not published
}

func (r *ConsumeReply) read(p payload) error {
	if err := r.decode(p.data); err != nil {
		return err
	}
	object, _ := wire.ReadObject(p.data) // was read before
	r.Detail = object.Get("commerce_order_detail")
	return nil
}

// Consume asks for a payment by the provider's trade number, as the
// enterprise's app. It changes nothing and is repeated if the answer is
// unclear. A nil error means a state of the table: see State.
//
// Source: the provider's page of enterprise/consume/get.
func (c *Client) Consume(ctx context.Context, r ConsumeRequest) (*ConsumeReply, error) {
	return call(ctx, c, consume, r, func(reply *ConsumeReply) error { return reply.accept(r.OrderNo, r.Amount) })
}

// ConsumeListRequest asks for a page of the payments of some days. Whether
// TimeEnd is the last day or the day after it is not documented.
type ConsumeListRequest struct {
	PageIndex       int    `url:"page_index" validate:"min=1"`                 // from 1
	PageSize        int    `url:"page_size" validate:"min=1"`                  // payments on a page
	TimeStart       Day    `url:"time_start" validate:"required"`              // first day
	TimeEnd         Day    `url:"time_end" validate:"required"`                // last day, or the day after it
	ContainFeeTrade *int   `url:"contain_fee_trade,omitempty"`                 // whether fees are listed too; its values are not published
	EnterpriseCode  string `url:"enterprise_code,omitempty" validate:"max=20"` // required for group and operator apps
}

func (r ConsumeListRequest) check(string) duopay.Violations {
	if r.TimeEnd.Before(r.TimeStart.Time) && r.TimeEnd.String() != r.TimeStart.String() {
		return duopay.Violations{{Field: "time_end", Rule: "must not be before time_start"}}
	}
	return nil
}

// ConsumeListReply is a page of payments. That one is not in it proves nothing.
type ConsumeListReply struct {
	Reply
	TotalCount duopay.Integer `json:"total_count"` // on all pages
	List       []Consumption  `json:"-"`           // data_list
}

func (r *ConsumeListReply) read(p payload) error {
	object, err := wire.ReadObject(p.data)
	if err != nil {
		return fmt.Errorf("data is %w", err)
	}
	if err := object.Decode(r); err != nil {
		return err
	}
	list := inner(object.Get("data_list"))
	if list == nil {
		return nil // an empty page
	}
	r.List, err = decodeList(list, func(element json.RawMessage, c *Consumption) error { return c.decode(element) })
	return err
}

// ConsumeList lists payments, as the enterprise's app: the way to find one
// whose outcome is not known with no more than its order number. It changes
// nothing and is repeated if the answer is unclear.
//
// Source: official Java SDK, enterprise/consume/list.
func (c *Client) ConsumeList(ctx context.Context, r ConsumeListRequest) (*ConsumeListReply, error) {
	return call(ctx, c, consumeList, r, accepted[ConsumeListReply])
}
