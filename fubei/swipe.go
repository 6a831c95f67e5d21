package fubei

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/duopay/duopay"
	"github.com/duopay/duopay/internal/redact"
	"github.com/duopay/duopay/internal/wire"
)

var swipe = operation{method: "openapi.payment.order.swipe", timeLimit: 35 * time.Second}

// SwipeRequest is the manual's table of request parameters, a field a row.
// What is not set is not sent. Lengths count characters.
type SwipeRequest struct {
	OrderNo        string       `json:"merchant_order_sn" validate:"required,max=32,orderno"`          // the merchant's order number, unique
	Type           PayType      `json:"type,omitempty" validate:"omitempty,oneof=1 2 5"`               // wallet; found from AuthCode when 0 and certain
	AuthCode       string       `json:"auth_code" validate:"required" secret:"true"`                   // the payer's code; for face payment the ftoken
	TotalFee       duopay.Money `json:"total_fee" validate:"required,yuan=0.01 9999999.99"`            // order amount, yuan
	StoreID        int64        `json:"store_id,omitempty" validate:"min=0,max=9999999999"`            // required if the merchant has several stores
	CashierID      int64        `json:"cashier_id,omitempty" validate:"min=0,max=9999999999"`          // cashier
	DeviceNo       string       `json:"device_no,omitempty" validate:"max=18"`                         // terminal
	Body           string       `json:"body,omitempty" validate:"max=128"`                             // what is paid for, as the payer sees it
	CallBackURL    string       `json:"call_back_url,omitempty" validate:"omitempty,max=256,http_url"` // where success is notified
	EquipmentType  int          `json:"equipment_type,omitempty" validate:"omitempty,min=90,max=127"`  // only if agreed with the provider
	DiscountSwitch *int         `json:"discount_switch,omitempty" validate:"omitempty,oneof=0 1"`      // merchant's discount: 1 takes part, 0 does not
	Attach         string       `json:"attach,omitempty" validate:"max=127"`                           // returned unchanged
	GoodsTag       string       `json:"goods_tag,omitempty"`                                           // coupon tag; required for single-item coupons
	Detail         *Detail      `json:"detail,omitempty"`                                              // for single-item discounts; at most 6000 characters of JSON
	SubAppID       string       `json:"sub_appid,omitempty"`                                           // official-account appid
	TimeoutExpress Time         `json:"timeout_express,omitzero"`                                      // when the order expires, more than a minute from now
	Scene          string       `json:"scene,omitempty" validate:"omitempty,oneof=FACE_PAY"`           // SceneFacePay for face payment
	BuyerID        string       `json:"buyer_id,omitempty" validate:"max=32" secret:"true"`            // payer's id, for face payment
}

// SceneFacePay is the only Scene.
const SceneFacePay = "FACE_PAY"

// PayType is a wallet.
type PayType int

// The wallets.
const (
	TypeWeChat   PayType = 1
	TypeAlipay   PayType = 2
	TypeUnionPay PayType = 5
)

// Detail describes the goods, for single-item discounts. The manual wants it as
// a string that holds JSON, and so it is written. Its amounts are fen.
type Detail struct {
	CostPrice   duopay.Fen    `json:"cost_price,omitempty" validate:"min=0"`       // fen: the whole receipt, if it is paid in parts; gives no discount then
	ReceiptID   string        `json:"receipt_id,omitempty" validate:"max=32"`      // receipt number
	GoodsDetail []GoodsDetail `json:"goods_detail" validate:"required,min=1,dive"` // the goods
}

// GoodsDetail is one kind of goods.
type GoodsDetail struct {
	GoodsID   string     `json:"goods_id" validate:"required,max=32"`    // product number
	GoodsName string     `json:"goods_name" validate:"required,max=256"` // product name
	Quantity  int        `json:"quantity" validate:"required,min=1"`     // pieces
	Price     duopay.Fen `json:"price" validate:"min=0"`                 // fen, for one piece
}

// MarshalJSON writes the detail as a JSON string that holds an object.
func (d Detail) MarshalJSON() ([]byte, error) {
	text, err := d.text()
	if err != nil {
		return nil, err
	}
	return wire.JSON(text)
}

func (d Detail) text() (string, error) {
	type object Detail // without MarshalJSON
	text, err := wire.JSON(object(d))
	return string(text), err
}

// Time is a moment as the gateway writes it: yyyyMMddHHmmss in UTC+8, whatever
// its own zone.
type Time struct{ time.Time }

// At returns t as the gateway writes it.
func At(t time.Time) Time { return Time{Time: t} }

// china is the zone of all times that the provider writes.
var china = time.FixedZone("UTC+8", 8*60*60)

// String returns the moment as the gateway writes it.
func (t Time) String() string { return t.In(china).Format("20060102150405") }

// MarshalJSON writes the moment as the gateway reads it.
func (t Time) MarshalJSON() ([]byte, error) { return json.Marshal(t.String()) }

// plain is SwipeRequest without its methods.
type plain SwipeRequest

// Format writes the request without the payer's code and id, whatever the verb.
func (r SwipeRequest) Format(f fmt.State, _ rune) { _, _ = fmt.Fprint(f, r.String()) }

// String returns the request without the payer's code and id.
func (r SwipeRequest) String() string { return redact.String(plain(r)) }

// LogValue returns the request without the payer's code and id.
func (r SwipeRequest) LogValue() slog.Value { return redact.Value(plain(r)) }

// check holds the request against the rules that no tag can tell.
func (r SwipeRequest) check(now time.Time) duopay.Violations {
	violations := r.Detail.check()
	broken := func(field, rule string) { violations = append(violations, duopay.Violation{Field: field, Rule: rule}) }
	if r.Scene == "" && r.AuthCode != "" && !isCode(r.AuthCode) {
		broken("auth_code", "must be 1 to 64 printable ASCII characters without blanks")
	}
	if !r.TimeoutExpress.IsZero() {
		if !r.TimeoutExpress.After(now.Add(time.Minute)) {
			broken("timeout_express", "must be more than a minute from now")
		}
		if r.Type == TypeUnionPay {
			broken("timeout_express", "must not be given for UnionPay codes")
		}
	}
	return violations
}

func (d *Detail) check() duopay.Violations {
	if d == nil {
		return nil
	}
	if text, err := d.text(); err != nil || utf8.RuneCountInString(text) > 6000 {
		return duopay.Violations{{Field: "detail", Rule: "must not be longer than 6000 characters"}}
	}
	return nil
}

// isCode reports whether code may be a payment code. The manual's limit of 18
// characters is not enforced: UnionPay codes have 19, Alipay's up to 24.
func isCode(code string) bool {
	if len(code) > 64 {
		return false
	}
	for _, c := range []byte(code) {
		if c <= ' ' || c > '~' {
			return false
		}
	}
	return true
}

// DetectPayType returns the wallet that a payment code belongs to, 0 if that is
// not certain.
func DetectPayType(code string) PayType {
	if strings.Trim(code, "0123456789") != "" {
		return 0
	}
	between := func(low, high string) bool {
		return len(code) >= len(low) && low <= code[:len(low)] && code[:len(low)] <= high
	}
	switch n := len(code); {
	case n >= 16 && n <= 24 && between("25", "30"):
		return TypeAlipay
	case n == 18 && between("10", "15"):
		return TypeWeChat
	case n == 19 && between("621", "628"):
		return TypeUnionPay
	}
	return 0
}

// Order is what the gateway says of an order: the manual's table of response
// parameters, a field a row, the same in answers to [Client.Swipe] and
// [Client.Query] and in a [Notification]. The manual's own sample leaves out
// fields it calls required, so any field may be missing.
type Order struct {
	Reply
	OrderNo         duopay.Text    `json:"merchant_order_sn"`  // the merchant's order number
	OrderSN         duopay.Text    `json:"order_sn"`           // Fubei's order number
	TradeNo         duopay.Text    `json:"trade_no"`           // the number on the payer's bill
	TradeState      TradeState     `json:"trade_state"`        // absent proves nothing
	TotalFee        duopay.Amount  `json:"total_fee"`          // received, yuan: after the merchant's discount
	NetMoney        duopay.Amount  `json:"net_money"`          // received less fee, yuan
	OrderPrice      duopay.Amount  `json:"order_price"`        // ordered, yuan
	PayTime         duopay.Integer `json:"pay_time"`           // Unix seconds; 0 when unpaid
	Type            duopay.Integer `json:"type"`               // see PayType
	DiscountMoney   duopay.Amount  `json:"discount_money"`     // the merchant's discount, yuan
	BuyerPayAmount  duopay.Amount  `json:"buyer_pay_amount"`   // what the payer really paid, yuan
	Attach          duopay.Text    `json:"attach"`             // as sent
	StoreID         duopay.Integer `json:"store_id"`           // 0 is none
	CashierID       duopay.Integer `json:"cashier_id"`         // 0 is none
	DeviceNo        duopay.Text    `json:"device_no"`          // terminal
	Body            duopay.Text    `json:"body"`               // what was paid for
	UserID          duopay.Text    `json:"user_id"`            // WeChat open id or Alipay user id
	UserLogonID     duopay.Text    `json:"user_logon_id"`      // Alipay account, masked
	CashCouponFee   duopay.Amount  `json:"cash_coupon_fee"`    // pre-charged coupon, yuan
	NoCashCouponFee duopay.Amount  `json:"no_cash_coupon_fee"` // coupon that is not pre-charged, yuan
	Fee             duopay.Amount  `json:"fee"`                // transaction fee, yuan
	PlatformOrderNo duopay.Text    `json:"platform_order_no"`  // the wallet's number
}

// Swipe charges a payment code. It is sent again only if it never left.
//
// A nil error means SUCCESS for the amount asked, or USERPAYING: see
// TradeState. Any other end is a [*duopay.Error]; one of kind
// [duopay.Refused] is probably not charged, but the manual demands a query
// all the same. With [duopay.ErrAmountMismatch], or a state that is not in the
// table, the reply is returned too.
//
// Source: the manual's page of openapi.payment.order.swipe.
func (c *Client) Swipe(ctx context.Context, r SwipeRequest) (*Order, error) {
	if r.Type == 0 && r.Scene == "" {
		r.Type = DetectPayType(r.AuthCode)
	}
	return call(ctx, c, swipe, r, func(o *Order) error {
		if o.TradeState != StateSuccess && o.TradeState != StateUserPaying {
			return fmt.Errorf("trade_state %.40q does not tell whether the order was paid", o.TradeState)
		}
		return o.accept(r.TotalFee)
	})
}

// accept checks the state and, if the order is paid, the amount.
func (o *Order) accept(amount duopay.Money) error {
	if !o.TradeState.known() {
		return fmt.Errorf("trade_state %.40q is not known", o.TradeState)
	}
	if o.TradeState != StateSuccess || amount.IsZero() {
		return nil
	}
	ordered, err := o.Ordered()
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

// Ordered returns the amount that was ordered, as far as the gateway tells:
// order_price, else total_fee plus discount_money, else total_fee. The error is
// [duopay.ErrAbsent] if none of them is given.
func (o *Order) Ordered() (duopay.Money, error) {
	if o.OrderPrice.Given() {
		return o.OrderPrice.Money()
	}
	received, err := o.TotalFee.Money()
	if err != nil || !o.DiscountMoney.Given() {
		return received, err
	}
	discount, err := o.DiscountMoney.Money()
	return received.Add(discount), err
}

// PaidAt returns the time of payment, zero if it is not given.
func (o *Order) PaidAt() time.Time {
	seconds, err := o.PayTime.Int64()
	if err != nil || seconds <= 0 {
		return time.Time{}
	}
	return time.Unix(seconds, 0)
}
