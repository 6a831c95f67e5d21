package ysepay

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/duopay/duopay"
	"github.com/duopay/duopay/internal/redact"
	"github.com/duopay/duopay/internal/wire"
)

var pay = ordering("ysepay.online.combine.alijsapi.pay")

// PayRequest is the manual's table of business parameters, a field a row, with
// the two common parameters of a payment in front. What is not set is not sent.
type PayRequest struct {
	NotifyURL string   `json:"-" url:"notify_url" validate:"required" bytes:"190"`         // where the provider notifies: one or several URLs, with commas between
	TranType  TranType `json:"-" url:"tran_type,omitempty" validate:"omitempty,oneof=1 2"` // settlement: TranInstant if empty

	OrderNo        string       `json:"combine_out_trade_no" validate:"required,max=32,orderno"` // the merchant's combined order number, unique; begins with the trade date
	ShopDate       string       `json:"shopdate"`                                                // trade date yyyyMMdd; the first 8 characters of OrderNo if empty
	BuyerID        string       `json:"buyer_id" validate:"required" bytes:"100" secret:"true"`  // the payer's Alipay user id
	TimeoutExpress string       `json:"timeout_express" validate:"required"`                     // when the order expires: 1m to 15d, see Timeout
	SellerID       string       `json:"combine_seller_id" validate:"required" bytes:"20"`        // merchant number of the combined order: a sub order's seller, or the partner
	BusinessCode   string       `json:"business_code" validate:"required" bytes:"10"`            // BusinessCode if empty
	Subject        string       `json:"subject" validate:"required,max=250"`                     // title; characters
	TotalAmount    duopay.Money `json:"total_amount" validate:"required,yuan=0.01 100000000.00"` // total, yuan; the sum of the sub orders
	Currency       string       `json:"currency,omitempty" validate:"omitempty,oneof=CNY"`       // CNY if empty
	Extra          string       `json:"extra_common_param,omitempty" bytes:"2000"`               // returned unchanged
	SubOrders      []SubOrder   `json:"sub_order_list" validate:"required,min=1,max=50,dive"`    // 1 to 50
	ExtendParams   string       `json:"extend_params_channel,omitempty"`                         // Alipay's extension parameters: the text of a JSON object

	// More is further members of biz_content, beyond the manual.
	More map[string]any `json:"-" validate:"-"`
}

// SubOrder is the part of a combined order that one seller receives.
type SubOrder struct {
	OrderNo  string       `json:"out_trade_no" validate:"required,max=32,orderno"`   // the merchant's sub-order number, unique
	Amount   duopay.Money `json:"amount" validate:"required,yuan=0.01 100000000.00"` // yuan
	SellerID string       `json:"seller_id" validate:"required" bytes:"200"`         // merchant number of the seller
}

// TranType is how an order is settled.
type TranType string

// The ways to settle.
const (
	TranInstant TranType = "1" // at once
	TranEscrow  TranType = "2" // when the payer has received the goods
)

// BusinessCode is the manual's only business_code.
const BusinessCode = "00510150"

// Timeout returns d as TimeoutExpress has it, in whole minutes rounded down.
func Timeout(d time.Duration) string {
	minutes := int64(d / time.Minute)
	switch {
	case minutes >= 24*60 && minutes%(24*60) == 0:
		return strconv.FormatInt(minutes/(24*60), 10) + "d"
	case minutes >= 60 && minutes%60 == 0:
		return strconv.FormatInt(minutes/60, 10) + "h"
	}
	return strconv.FormatInt(minutes, 10) + "m"
}

func (r PayRequest) common() common {
	return common{NotifyURL: r.NotifyURL, TranType: string(r.TranType)}
}

func (r PayRequest) more() map[string]any { return r.More }

// payRequest is PayRequest without its methods.
type payRequest PayRequest

// MarshalJSON writes biz_content, but for More.
func (r PayRequest) MarshalJSON() ([]byte, error) { return amountsAsText(payRequest(r)) }

// Format writes the request without the payer's id, whatever the verb.
func (r PayRequest) Format(f fmt.State, _ rune) { _, _ = fmt.Fprint(f, r.String()) }

// String returns the request without the payer's id.
func (r PayRequest) String() string { return redact.String(payRequest(r)) }

// LogValue returns the request without the payer's id.
func (r PayRequest) LogValue() slog.Value { return redact.Value(payRequest(r)) }

// amountsAsText returns v as JSON with its amounts, the only numbers in it, as
// strings: so does every integration.
func amountsAsText(v any) ([]byte, error) {
	text, err := wire.JSON(v)
	if err != nil {
		return nil, err
	}
	return numbersAndStrings.ReplaceAllFunc(text, func(token []byte) []byte {
		if token[0] == '"' {
			return token
		}
		return slices.Concat([]byte(`"`), token, []byte(`"`))
	}), nil
}

var numbersAndStrings = regexp.MustCompile(`"(?:[^"\\]|\\.)*"|-?[0-9.]+`)

// completed returns the request with what follows from the rest.
func (r PayRequest) completed() request {
	r.ShopDate = shopDate(r.ShopDate, r.OrderNo)
	if r.BusinessCode == "" {
		r.BusinessCode = BusinessCode
	}
	return r
}

// shopDate returns a date, or that in front of an order number.
func shopDate(date, orderNo string) string {
	if date == "" && len(orderNo) >= len(dateLayout) && isDate(orderNo[:len(dateLayout)]) {
		return orderNo[:len(dateLayout)]
	}
	return date
}

const dateLayout = "20060102"

func isDate(text string) bool {
	day, err := time.Parse(dateLayout, text)
	return err == nil && day.Format(dateLayout) == text
}

// check holds the request against the rules that no tag can tell.
func (r PayRequest) check(c *Client) duopay.Violations {
	var violations duopay.Violations
	broken := func(field, rule string) {
		violations = append(violations, duopay.Violation{Field: field, Rule: rule})
	}
	if r.NotifyURL != "" && !areURLs(r.NotifyURL) {
		broken("notify_url", "must be absolute http or https URLs with commas between")
	}
	if r.OrderNo != "" && !aroundToday(r.OrderNo, c.options.Now()) {
		broken("combine_out_trade_no", "must begin with the date of yesterday, today or tomorrow in UTC+8")
	}
	if r.ShopDate != "" && !isDate(r.ShopDate) {
		broken("shopdate", "must be a date yyyyMMdd")
	}
	if r.TimeoutExpress != "" && !isTimeout(r.TimeoutExpress) {
		broken("timeout_express", "must be a whole number and m, h or d, from 1m to 15d")
	}
	if strings.ContainsFunc(r.Subject, unicode.IsControl) {
		broken("subject", "must not hold control characters")
	}
	if r.ExtendParams != "" {
		if _, err := wire.ReadObject([]byte(r.ExtendParams)); err != nil {
			broken("extend_params_channel", "must be a JSON object")
		}
	}
	r.checkParts(c.config.PartnerID, broken)
	return violations
}

// checkParts holds the sub orders against each other and against the whole.
func (r PayRequest) checkParts(partnerID string, broken func(field, rule string)) {
	if len(r.SubOrders) == 0 {
		return
	}
	var sum duopay.Money
	seen := map[string]bool{r.OrderNo: true}
	known := r.SellerID == partnerID
	for i, part := range r.SubOrders {
		sum = sum.Add(part.Amount)
		known = known || part.SellerID == r.SellerID
		if part.OrderNo != "" && seen[part.OrderNo] {
			broken(fmt.Sprintf("sub_order_list[%d].out_trade_no", i), "must differ from the other numbers of the order")
		}
		seen[part.OrderNo] = true
	}
	if sum != r.TotalAmount {
		broken("total_amount", "must be the sum of the amounts in sub_order_list")
	}
	if r.SellerID != "" && !known {
		broken("combine_seller_id", "must be the partner_id or the seller_id of a sub order")
	}
}

// aroundToday reports whether a number begins with a date at most a day from now,
// in UTC+8.
func aroundToday(number string, now time.Time) bool {
	for _, days := range []int{-1, 0, 1} {
		if strings.HasPrefix(number, now.In(china).AddDate(0, 0, days).Format(dateLayout)) {
			return true
		}
	}
	return false
}

// timeoutForm matches whole values: \z, as $ would let a line end pass.
var timeoutForm = regexp.MustCompile(`\A[1-9][0-9]{0,4}[mhd]\z`)

func isTimeout(text string) bool {
	if !timeoutForm.MatchString(text) {
		return false
	}
	n, err := strconv.Atoi(text[:len(text)-1])
	most := map[byte]int{'m': 15 * 24 * 60, 'h': 15 * 24, 'd': 15}
	return err == nil && n <= most[text[len(text)-1]]
}

// areURLs reports whether text is absolute URLs with commas between.
func areURLs(text string) bool {
	for address := range strings.SplitSeq(text, ",") {
		u, err := url.Parse(address)
		if err != nil || u.Hostname() == "" || u.Scheme != "http" && u.Scheme != "https" || strings.ContainsFunc(address, isBlank) {
			return false
		}
	}
	return true
}

func isBlank(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }

// PayReply is the manual's table of business response parameters, a field a row.
type PayReply struct {
	Reply
	OrderNo     duopay.Text   `json:"combine_out_trade_no"` // the merchant's combined order number
	TradeNo     duopay.Text   `json:"combine_trade_no"`     // Ysepay's number of the combined order
	TradeStatus TradeStatus   `json:"trade_status"`         // normally TradeWaiting
	TotalAmount duopay.Amount `json:"total_amount"`         // yuan
	Extra       duopay.Text   `json:"extra_common_param"`   // as sent
	PayInfo     PayInfo       `json:"jsapi_pay_info"`       // for the payer's page
}

// PayInfo is jsapi_pay_info: what the payer's page needs, in a string that holds
// JSON.
type PayInfo struct {
	TradeNO string      // Alipay's number of the payment, for tradePay
	Raw     duopay.Text // as it came
}

// UnmarshalJSON reads the string, or the object itself. What it cannot read
// leaves TradeNO empty.
func (p *PayInfo) UnmarshalJSON(data []byte) error {
	_ = p.Raw.UnmarshalJSON(data)
	object, err := wire.ReadObject([]byte(p.Raw))
	if err != nil {
		return nil //nolint:nilerr // Pay finds it missing
	}
	p.TradeNO = fields(object).text("tradeNO")
	return nil
}

// PageData returns the parameters of tradePay, and of my.tradePay in a mini
// program: {"tradeNO":"..."}.
func (p PayInfo) PageData() json.RawMessage {
	data, _ := json.Marshal(map[string]string{"tradeNO": p.TradeNO}) // a map of strings always can
	return data
}

// callbackForm is the name of a function in the page, such as shop.paid.
var callbackForm = regexp.MustCompile(`\A[A-Za-z_$][A-Za-z0-9_$]*(?:\.[A-Za-z_$][A-Za-z0-9_$]*)*\z`)

// Script returns the JavaScript that opens Alipay's cashier in the payer's page,
// as soon as the bridge to the app is there. It is safe inside a script element:
// whatever TradeNO holds, it stays a string. callback names a function of the
// page, which is given Alipay's result; "" for none. A callback that is no such
// name is an [*duopay.Error] of kind [duopay.Invalid].
//
// resultCode 9000 in the result is no proof of payment: wait for the
// notification, and query.
func (p PayInfo) Script(callback string) (string, error) {
	switch {
	case p.TradeNO == "":
		return "", invalid("Script", errors.New("tradeNO is missing"))
	case callback == "":
		callback = "function(){}"
	case !callbackForm.MatchString(callback):
		return "", invalid("Script", errors.New("the callback is not the name of a function"))
	}
	return `(function(pay){if(window.AlipayJSBridge){pay()}else{document.addEventListener("AlipayJSBridgeReady",pay,false)}})(` +
		`function(){AlipayJSBridge.call("tradePay",` + string(p.PageData()) + `,` + callback + `)});`, nil
}

// Pay opens a combined order that the payer pays inside an Alipay page. It is
// sent again only if it never left: what a repeated number does is not known.
//
// A nil error means that the order exists, and no more: give PayInfo to the page,
// wait for the notification, and query. After [duopay.Unsure] query by order
// number; tradeNO is lost then, so [Client.Close] the order and open another.
// [duopay.Refused] is never certain: a refusal may be the echo of an earlier call
// with the same number. An answer that verifies but is not that of an open order,
// or has another amount, is returned beside the error.
//
// Source: the manual, sections 4 and 5.
func (c *Client) Pay(ctx context.Context, r PayRequest) (*PayReply, error) {
	return call(ctx, c, pay, r, func(reply *PayReply) error {
		if err := same(reply.TotalAmount, r.TotalAmount, true); err != nil {
			return err
		}
		if reply.TradeStatus.Status() != duopay.Pending {
			return fmt.Errorf("trade_status %.40q is not that of an open order", reply.TradeStatus)
		}
		if reply.PayInfo.TradeNO == "" {
			return errors.New("jsapi_pay_info has no tradeNO")
		}
		return nil
	})
}
