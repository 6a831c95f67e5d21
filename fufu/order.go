package fufu

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/duopay/duopay"
	"github.com/duopay/duopay/internal/redact"
)

// The gateway takes up to 80 s to answer an order.
var order = operation{name: "order", timeLimit: 90 * time.Second, moves: true, evidence: []string{"state"}}

// OrderRequest is the manual's table 2.1.1, a field a row; busi_id comes from
// [Config]. What is optional and not set is not sent. Lengths count characters.
// The two fields that the manual calls unused, discount_amount and
// undiscount_amount, are left out.
type OrderRequest struct {
	OperatorID    string     `json:"operator_id,omitempty" validate:"max=32"`                   // cashier
	TerminalID    string     `json:"terminal_id,omitempty" validate:"max=32"`                   // terminal
	MerchantParam []byte     `json:"merchant_param,omitempty" validate:"max=93"`                // returned unchanged: any bytes, sent as base64
	StoreID       string     `json:"store_id,omitempty" validate:"max=32"`                      // shop
	TotalFee      duopay.Fen `json:"total_fee,string" validate:"required,min=1,max=9999999999"` // order amount, fen
	Channel       Channel    `json:"channel_type,string" validate:"oneof=0 1 2"`                // found from AuthCode when 0
	AuthCode      string     `json:"auth_code" validate:"required,max=100" secret:"true"`       // the payer's code, single use
	OrderNo       string     `json:"out_trade_no" validate:"required,max=50"`                   // the merchant's order number, unique; better no longer than 32
	Subject       string     `json:"pay_subject" validate:"required,max=100"`                   // what is paid for
	FeeType       Currency   `json:"fee_type" validate:"oneof=CNY THB HKD"`                     // currency; CNY if empty
	TimeZone      string     `json:"time_zone,omitempty" validate:"max=64"`                     // of the place of trade; the manual gives no clear form
}

func (r OrderRequest) filled() any {
	r.FeeType = cmp.Or(r.FeeType, CNY)
	return r
}

func (r OrderRequest) check() duopay.Violations {
	return plain("auth_code", r.AuthCode, "out_trade_no", r.OrderNo)
}

// plainOrder is OrderRequest without its methods.
type plainOrder OrderRequest

// Format writes the request without the payer's code, whatever the verb.
func (r OrderRequest) Format(f fmt.State, _ rune) { _, _ = fmt.Fprint(f, r.String()) }

// String returns the request without the payer's code.
func (r OrderRequest) String() string { return redact.String(plainOrder(r)) }

// LogValue returns the request without the payer's code.
func (r OrderRequest) LogValue() slog.Value { return redact.Value(plainOrder(r)) }

// Order is what the gateway says of an order: the manual's tables 2.1.3, 2.3.1
// and 2.5.3 in one, a field a row. Answers to [Client.Order] and [Client.Query]
// have it, and a [Notification]. The tables and the samples disagree on what is
// given, so any field may be missing.
type Order struct {
	Reply
	BusiID          duopay.Text    `json:"busi_id"`           // merchant; notifications only
	Channel         duopay.Integer `json:"channel_type"`      // channel used, see Channel
	OrderNo         duopay.Text    `json:"out_trade_no"`      // the merchant's order number
	TradeNo         duopay.Text    `json:"trade_no"`          // Fufu's number
	ChannelTradeNo  duopay.Text    `json:"channel_trade_no"`  // the number of Alipay or WeChat
	PhoneCode       duopay.Text    `json:"phone_code"`        // order number on the payer's phone; differs by channel
	AuthCode        AuthCode       `json:"auth_code"`         // the payer's code, as sent; not in notifications
	MerchantParam   Param          `json:"merchant_param"`    // as sent
	OperatorID      duopay.Text    `json:"operator_id"`       // cashier
	TerminalID      duopay.Text    `json:"terminal_id"`       // terminal
	BeginTime       Time           `json:"begin_time"`        // begin of the trade
	EndTime         Time           `json:"end_time"`          // end of the trade
	TotalFee        Amount         `json:"total_fee"`         // order amount, fen; the manual has none for a query
	FeeType         Currency       `json:"fee_type"`          // currency
	ExchangeRate    Rate           `json:"exchange_rate"`     // of the day, yuan for a unit; not for CNY
	TransAmountCNY  Amount         `json:"trans_amount_cny"`  // what was taken, fen of CNY; not for CNY
	RefundFee       Amount         `json:"refund_fee"`        // what was returned, fen; queries only
	RefundAmountCNY Amount         `json:"refund_amount_cny"` // what was returned, fen of CNY; queries only, not for CNY
	State           State          `json:"state"`             // what happened to the money; absent proves nothing
	Credit          Credit         `json:"credit"`            // kind of account that was charged
	TimeZone        duopay.Text    `json:"time_zone"`         // as sent
}

// plainReply is Order without its methods.
type plainReply Order

// Format writes the order without the payer's code, whatever the verb.
func (o Order) Format(f fmt.State, _ rune) { _, _ = fmt.Fprint(f, o.String()) }

// String returns the order without the payer's code.
func (o Order) String() string { return redact.String(plainReply(o)) }

// LogValue returns the order without the payer's code.
func (o Order) LogValue() slog.Value { return redact.Value(plainReply(o)) }

// Order charges a payment code. The answer may take 80 s, and an order that is
// not paid by then is cancelled by the gateway. It is sent again only if it
// never left.
//
// A nil error means that the gateway knows what became of the order: see
// State, of which only [StatePaid] is paid. Any other end is a
// [*duopay.Error]; of kind [duopay.Refused] with Certain true it is certainly
// not charged, and a new attempt needs a new order number and payment code.
// SERIAL_REPEAT is [duopay.Unsure]: an earlier order of that number may have
// been charged. With [duopay.ErrAmountMismatch], or a state that does not tell,
// the reply is returned too.
//
// Source: the manual, 2.1.
func (c *Client) Order(ctx context.Context, r OrderRequest) (*Order, error) {
	return call(ctx, c, order, r, func(o *Order) error { return o.accept(r.TotalFee, cmp.Or(r.FeeType, CNY)) })
}

// accept checks the state and, if the order was paid, the amount and currency,
// as far as they are known.
func (o *Order) accept(amount duopay.Fen, currency Currency) error {
	switch status := o.State.Status(); {
	case status == duopay.Unknown:
		return fmt.Errorf("state %.40q does not tell whether the order was paid", string(o.State))
	case !status.Paid() || amount == 0:
		return nil
	}
	if currency != "" && o.FeeType != "" && o.FeeType != currency {
		return fmt.Errorf("%w: it is %.10q, not %s", duopay.ErrAmountMismatch, string(o.FeeType), currency)
	}
	return sameAmount(o.TotalFee, amount)
}

// sameAmount compares an amount, if there is one, with what was asked.
func sameAmount(answered Amount, asked duopay.Fen) error {
	fen, err := answered.Fen()
	switch {
	case errors.Is(err, duopay.ErrAbsent):
		return nil
	case err != nil:
		return fmt.Errorf("%w: %w", duopay.ErrAmountMismatch, err)
	case fen != asked:
		return fmt.Errorf("%w: %d fen, not %d", duopay.ErrAmountMismatch, fen, asked)
	}
	return nil
}

// PaidAt returns the time of payment, zero if it is not given or if its zone is
// uncertain.
func (o *Order) PaidAt() time.Time {
	switch o.TimeZone {
	case "", "Asia/Shanghai", "+08:00", "中国标准时间", "中國標準時間":
	default:
		return time.Time{}
	}
	if !o.State.Status().Paid() {
		return time.Time{}
	}
	at, _ := o.EndTime.Time()
	return at
}
