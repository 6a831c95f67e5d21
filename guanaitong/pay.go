package guanaitong

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/url"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/duopay/duopay"
	"github.com/duopay/duopay/internal/redact"
	"github.com/duopay/duopay/internal/wire"
)

var pay = operation{path: "/employee/checkUserAndToPay", timeLimit: moveLimit, redirects: true}

// PayRequest is the manual's table of private parameters, a field a row. What
// is not set is not sent; blanks around texts are cut off. Lengths count
// characters.
type PayRequest struct {
	AuthCode      string       `url:"auth_code" validate:"required,max=64" secret:"true"`       // the employee's authorisation code: single use, lives one minute
	SellerAppID   string       `url:"seller_appid" validate:"required,max=32,orderno"`          // the seller's appid, given by the provider
	OrderNo       string       `url:"outer_trade_no" validate:"required,min=10,max=30,orderno"` // the merchant's order number, unique; begins with SellerAppID
	PayType       PayType      `url:"pay_type" validate:"required,oneof=1 2"`                   // PayPoints or PayQuota
	Point         duopay.Money `url:"point" validate:"required,yuan=0.01 99999999.99"`          // order amount, yuan
	Reason        string       `url:"reason" validate:"required,max=254"`                       // what is paid for
	AccountOpenID string       `url:"account_openid,omitempty" validate:"max=32" secret:"true"` // which quota account; required if the employee has several
	ReturnURL     string       `url:"return_url" validate:"required,max=2000,http_url"`         // where the payer's browser goes afterwards; better without a query
	NotifyURL     string       `url:"notify_url" validate:"required,max=254,http_url"`          // where the provider notifies; better without a query
	Attach        string       `url:"attach,omitempty" validate:"max=100"`                      // returned unchanged; without & and controls: URL-encode it
	TradeInfo     TradeInfo    `url:"trade_info"`                                               // the order in detail; at most 4000 characters of JSON
}

// PayType is what an employee pays from.
type PayType int

// What an employee pays from. The account of a quota has type 4: see
// [AccountQuota].
const (
	PayPoints PayType = 1
	PayQuota  PayType = 2
)

// TradeInfo describes the order: by its sub-orders, or by its goods if it has
// none. It is sent as JSON text, written once. How its amounts relate to each
// other and to point is not documented, and they are not added up.
type TradeInfo struct {
	TradeNo     string       `json:"third_trade_no" validate:"required,max=50"`                    // the merchant's own order number
	TotalAmount duopay.Money `json:"third_total_amount" validate:"required,yuan=0.01 99999999.99"` // original amount, yuan
	PayAmount   duopay.Money `json:"third_pay_amount" validate:"required,yuan=0.01 99999999.99"`   // amount to pay, yuan
	CostAmount  duopay.Money `json:"third_cost_amount" validate:"yuan=0.00 99999999.99"`           // settlement cost price, yuan
	SubOrders   []SubOrder   `json:"third_orders,omitempty" validate:"omitempty,dive"`             // is_third_orders 1; either these
	Goods       []Goods      `json:"goods_detail,omitempty" validate:"omitempty,dive"`             // is_third_orders 2; or these
}

// SubOrder is one of the orders in an order.
type SubOrder struct {
	TradeNo     string       `json:"third_sub_trade_no" validate:"required,max=50"`                    // number of the sub-order
	DeliveryFee duopay.Money `json:"third_sub_delivery_fee" validate:"yuan=0.00 99999999.99"`          // yuan; 0 if there is none
	TotalAmount duopay.Money `json:"third_sub_total_amount" validate:"required,yuan=0.01 99999999.99"` // original amount, yuan
	PayAmount   duopay.Money `json:"third_sub_pay_amount" validate:"required,yuan=0.01 99999999.99"`   // amount paid, yuan
	CostAmount  duopay.Money `json:"third_sub_cost_amount" validate:"yuan=0.00 99999999.99"`           // settlement cost price, yuan
	Goods       []Goods      `json:"goods_detail" validate:"required,min=1,dive"`                      // the goods
}

// Goods is one kind of goods. Whether its amounts are for one piece is not
// said; the word price suggests it.
type Goods struct {
	SKUID      string        `json:"sku_id" validate:"required,max=50"`                        // product number
	Name       string        `json:"name" validate:"required,max=50"`                          // product name
	Quantity   int           `json:"quantity" validate:"required,min=1"`                       // pieces
	Price      duopay.Money  `json:"good_price" validate:"required,yuan=0.01 99999999.99"`     // original price, yuan
	PayAmount  *duopay.Money `json:"good_pay_amount" validate:"omitnil,yuan=0.00 99999999.99"` // price paid, yuan; Price if nil
	CostAmount duopay.Money  `json:"good_cost_amount" validate:"yuan=0.00 99999999.99"`        // cost price, yuan
}

// MarshalJSON writes the table, with is_third_orders, which follows from what
// the order consists of.
func (t TradeInfo) MarshalJSON() ([]byte, error) {
	type head struct {
		TradeNo       string       `json:"third_trade_no"`
		TotalAmount   duopay.Money `json:"third_total_amount"`
		PayAmount     duopay.Money `json:"third_pay_amount"`
		CostAmount    duopay.Money `json:"third_cost_amount"`
		IsThirdOrders int          `json:"is_third_orders"`
	}
	whole := struct {
		head
		SubOrders []SubOrder `json:"third_orders,omitempty"`
		Goods     []Goods    `json:"goods_detail,omitempty"`
	}{head{t.TradeNo, t.TotalAmount, t.PayAmount, t.CostAmount, 2}, t.SubOrders, t.Goods}
	if len(t.SubOrders) > 0 {
		whole.IsThirdOrders = 1
	}
	return wire.JSON(whole)
}

// MarshalJSON writes the table, with the price in place of a missing pay amount.
func (g Goods) MarshalJSON() ([]byte, error) {
	type table Goods // without MarshalJSON
	if g.PayAmount == nil {
		g.PayAmount = &g.Price
	}
	return wire.JSON(table(g))
}

// EncodeValues writes the table into a form as JSON text.
func (t TradeInfo) EncodeValues(key string, v *url.Values) error {
	text, err := wire.JSON(t)
	if err == nil {
		v.Set(key, string(text))
	}
	return err
}

func (t TradeInfo) check() duopay.Violations {
	var violations duopay.Violations
	switch {
	case len(t.SubOrders) > 0 && len(t.Goods) > 0:
		violations = append(violations, duopay.Violation{Field: "trade_info.goods_detail", Rule: "must not be given beside third_orders"})
	case len(t.SubOrders) == 0 && len(t.Goods) == 0:
		violations = append(violations, duopay.Violation{Field: "trade_info.goods_detail", Rule: "is required, or third_orders"})
	}
	if text, err := wire.JSON(t); err != nil || utf8.RuneCount(text) > 4000 {
		violations = append(violations, duopay.Violation{Field: "trade_info", Rule: "must not be longer than 4000 characters"})
	}
	return violations
}

// plainPayRequest is PayRequest without its methods.
type plainPayRequest PayRequest

// Format writes the request without the authorisation code and the account,
// whatever the verb.
func (r PayRequest) Format(f fmt.State, _ rune) { _, _ = fmt.Fprint(f, r.String()) }

// String returns the request without the authorisation code and the account.
func (r PayRequest) String() string { return redact.String(plainPayRequest(r)) }

// LogValue returns the request without the authorisation code and the account.
func (r PayRequest) LogValue() slog.Value { return redact.Value(plainPayRequest(r)) }

// MarshalJSON writes the request without the authorisation code and the
// account: it is no wire form.
func (r PayRequest) MarshalJSON() ([]byte, error) { return json.Marshal(r.String()) }

// check holds the request against the rules that no tag can tell.
func (r PayRequest) check(string) duopay.Violations {
	var violations duopay.Violations
	broken := func(field, rule string) {
		violations = append(violations, duopay.Violation{Field: field, Rule: rule})
	}
	if r.AuthCode != "" && !isPlain(r.AuthCode) {
		broken("auth_code", "must not hold blanks or unprintable characters")
	}
	if !strings.HasPrefix(r.OrderNo, r.SellerAppID) {
		broken("outer_trade_no", "must begin with seller_appid")
	}
	if own, err := url.Parse(r.ReturnURL); err != nil || !mayOwn(slices.Collect(maps.Keys(own.Query()))) {
		broken("return_url", "must have no query with names of the return page's fields")
	}
	if r.AccountOpenID != "" && !isPlain(r.AccountOpenID) {
		broken("account_openid", "must not hold blanks or unprintable characters")
	}
	if strings.ContainsFunc(r.Attach, func(c rune) bool { return c == '&' || c < ' ' || c == 0x7f }) ||
		trim(r.Attach) != r.Attach || !utf8.ValidString(r.Attach) {
		broken("attach", "must not hold &, controls or blanks at the ends: URL-encode it")
	}
	return append(violations, r.TradeInfo.check()...)
}

// PayReply is a report that the order was paid. It is provisional: the
// notification, or a query, proves it.
//
// The manual prints no answer. It may be an envelope, with Data, or a redirect,
// with Location and Claim.
type PayReply struct {
	Reply
	TradeNo  string          // the provider's trade number, if that is what a text in data is
	Data     json.RawMessage // data as it came; nil if there is none
	Location duopay.Secret   // where a redirect leads; if there is a Claim, the merchant's return page: send the payer's browser there
	Claim    *ReturnClaim    // what a redirect to return_url says; nil if it is not genuine
}

func (r *PayReply) read(p payload) error {
	r.Data, r.Location = p.data, duopay.NewSecret(p.location)
	r.TradeNo, _ = decodeText(p.data) // it may be something else
	return nil
}

// Pay charges an employee, from the server. It is sent again only if it never
// left, or once if the gateway refuses the token. Redirects are not followed.
//
// A nil error means that success was reported, and nothing is proven before the
// notification or a query says so. Kind [duopay.Refused] with Certain means
// that this call did not pay, and neither did another of this client with the
// same order number. If another process may have made one, or the payer's
// browser has a [Client.PayURL], do not call Pay: wait for the notification,
// and query. With a redirect that reports failure, or that cannot be believed,
// the reply is returned too.
//
// Source: the manual's page of employee/checkUserAndToPay.
func (c *Client) Pay(ctx context.Context, r PayRequest) (*PayReply, error) {
	before := c.sent.add(r.OrderNo)
	reply, err := call(ctx, c, pay, r, func(reply *PayReply) error { return c.judge(r, reply) })
	c.sent.settle(r.OrderNo, before, err)
	return reply, err
}

// judge tells what a redirect says.
func (c *Client) judge(r PayRequest, reply *PayReply) error {
	if reply.Location.IsZero() {
		return nil // an envelope
	}
	wanted, _ := url.Parse(r.ReturnURL) // was checked before
	got, err := url.Parse(reply.Location.Reveal())
	if err != nil || got.Scheme != wanted.Scheme || got.Host != wanted.Host || got.Path != wanted.Path || got.User != nil {
		return errors.New("a redirect to elsewhere than return_url")
	}
	claim, err := c.parseReturn(got, slices.Collect(maps.Keys(wanted.Query())))
	switch {
	case err != nil:
		return err
	case claim.OrderNo != r.OrderNo:
		return fmt.Errorf("%w: outer_trade_no is %.40q", duopay.ErrOrderMismatch, claim.OrderNo)
	}
	reply.Claim = claim
	if claim.Claims != ClaimSuccess {
		return &duopay.Error{Kind: duopay.Refused, Code: string(claim.Claims), Message: "the redirect reports failure"}
	}
	return nil
}

// PayURL returns a pay call for the payer's browser to make, by GET, within
// five minutes and while the authorisation code lives: send a redirect to it.
// How it ended is told by the notification and nothing else. The address holds
// the app's access token and the authorisation code, but not the secret.
func (c *Client) PayURL(ctx context.Context, r PayRequest) (duopay.Secret, error) {
	m, err := c.encode(r)
	if err != nil {
		return duopay.Secret{}, invalid(pay, m, err)
	}
	token, err := c.token(ctx, Token{})
	if err != nil {
		return duopay.Secret{}, unsent(pay, m, err)
	}
	parameters, err := c.sign(token.Value.Reveal(), m)
	if err != nil {
		return duopay.Secret{}, invalid(pay, m, err)
	}
	c.sent.add(r.OrderNo)
	return duopay.NewSecret(c.config.BaseURL + pay.path + "?" + encodeForm(parameters)), nil
}

// numbers are the last order numbers that a client has sent and that may be
// paid. A refusal of one of them says nothing about what was sent before. The
// zero numbers are none.
type numbers struct {
	mu   sync.Mutex
	at   map[string]int // places in ring
	ring [4096]string
	next int
}

// add enters a number and reports whether it was there before.
func (n *numbers) add(number string) (before bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.at == nil {
		n.at = make(map[string]int)
	}
	if _, before = n.at[number]; before {
		return true
	}
	if oldest := n.ring[n.next]; n.at[oldest] == n.next {
		delete(n.at, oldest)
	}
	n.ring[n.next], n.at[number] = number, n.next
	n.next = (n.next + 1) % len(n.ring)
	return false
}

// settle takes the certainty from a refusal of a number that was there before,
// and strikes a number off that certainly was not paid.
func (n *numbers) settle(number string, before bool, err error) {
	var e *duopay.Error
	if !errors.As(err, &e) {
		return
	}
	if before {
		e.Certain = false
		return
	}
	if e.Kind == duopay.Invalid || e.Kind == duopay.NotSent || e.Kind == duopay.Refused && e.Certain {
		n.mu.Lock()
		defer n.mu.Unlock()
		delete(n.at, number)
	}
}
