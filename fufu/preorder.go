package fufu

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net/url"
	"strings"

	"github.com/duopay/duopay"
	"github.com/duopay/duopay/internal/redact"
)

var preOrder = operation{
	name: "preOrder", timeLimit: timeLimit, moves: true, evidence: []string{"qr_code", "prePayId", "payInfo"},
}

// TradeType is how a preOrder is paid.
type TradeType string

// The ways to pay a preOrder.
const (
	TradeQRCode TradeType = "QRCODE" // the payer scans a code
	TradeJSAPI  TradeType = "JSAPI"  // the payer pays inside of a page in the wallet's app
)

// PreOrderRequest is the manual's table 2.2.1, a field a row; busi_id comes from
// [Config]. What is optional and not set is not sent. Lengths count characters;
// for three fields the manual's own are too short for what is to stand in them.
type PreOrderRequest struct {
	OperatorID    string     `json:"operator_id,omitempty" validate:"max=32"`                          // cashier
	TerminalID    string     `json:"terminal_id,omitempty" validate:"max=32"`                          // terminal; in the manual's sample only
	MerchantParam []byte     `json:"merchant_param,omitempty" validate:"max=93"`                       // returned unchanged: any bytes, sent as base64
	StoreID       string     `json:"store_id,omitempty" validate:"max=32"`                             // shop
	TotalFee      duopay.Fen `json:"total_fee,string" validate:"required,min=1,max=9999999999"`        // order amount, fen
	Channel       Channel    `json:"channel_type,string" validate:"oneof=0 1 2"`                       // 0 for TradeQRCode only
	OrderNo       string     `json:"out_trade_no" validate:"required,max=50"`                          // the merchant's order number, unique
	Subject       string     `json:"pay_subject" validate:"required,max=100"`                          // what is paid for
	FeeType       Currency   `json:"fee_type" validate:"oneof=CNY THB HKD"`                            // currency; CNY if empty
	OpenID        string     `json:"openId,omitempty" validate:"max=128" secret:"true"`                // required for TradeJSAPI: user_id at Alipay, openid of SubAppID at WeChat
	NotifyURL     string     `json:"notifyUrl,omitempty" validate:"omitempty,max=256,http_url"`        // where payment is notified; without query and fragment
	SubAppID      string     `json:"subAppId,omitempty" validate:"max=32"`                             // WeChat's appid; required for TradeJSAPI with ChannelWeChat
	TradeType     TradeType  `json:"trade_type" validate:"required,oneof=QRCODE JSAPI"`                // left out it would be TradeJSAPI
	TimeExpire    *int       `json:"time_expire,omitempty,string" validate:"omitempty,min=1,max=1440"` // minutes until it cannot be paid any more; 5 if nil
	TimeZone      string     `json:"time_zone,omitempty" validate:"max=64"`                            // of the place of trade; the manual gives no clear form
}

func (r PreOrderRequest) filled() any {
	r.FeeType = cmp.Or(r.FeeType, CNY)
	return r
}

func (r PreOrderRequest) check() duopay.Violations {
	violations := plain("out_trade_no", r.OrderNo, "openId", r.OpenID, "subAppId", r.SubAppID, "notifyUrl", r.NotifyURL)
	broken := func(field, rule string) { violations = append(violations, duopay.Violation{Field: field, Rule: rule}) }
	if r.TradeType == TradeJSAPI {
		if r.Channel == ChannelAuto {
			broken("channel_type", "must be 1 or 2 for JSAPI")
		}
		if r.OpenID == "" {
			broken("openId", "is required for JSAPI")
		}
		if r.Channel == ChannelWeChat && r.SubAppID == "" {
			broken("subAppId", "is required for JSAPI with WeChat")
		}
	}
	// The gateway puts ?sign= behind it, whatever it looks like.
	if u, err := url.Parse(r.NotifyURL); strings.ContainsAny(r.NotifyURL, "?#") || err == nil && u.User != nil {
		broken("notifyUrl", "must have no user, query or fragment")
	}
	return violations
}

// plainPreOrder is PreOrderRequest without its methods.
type plainPreOrder PreOrderRequest

// Format writes the request without the payer's id, whatever the verb.
func (r PreOrderRequest) Format(f fmt.State, _ rune) { _, _ = fmt.Fprint(f, r.String()) }

// String returns the request without the payer's id.
func (r PreOrderRequest) String() string { return redact.String(plainPreOrder(r)) }

// LogValue returns the request without the payer's id.
func (r PreOrderRequest) LogValue() slog.Value { return redact.Value(plainPreOrder(r)) }

// PreOrderReply is the manual's table 2.2.3. That the order is open says nothing
// about payment.
type PreOrderReply struct {
	Reply
	TradeNo  duopay.Text `json:"trade_no"`              // Fufu's number
	OrderNo  duopay.Text `json:"out_trade_no"`          // the merchant's order number
	PrePayID duopay.Text `json:"prePayId"`              // Alipay's number, for JSAPI with Alipay
	PayInfo  PayInfo     `json:"payInfo" secret:"true"` // for JSAPI with WeChat
	QRCode   duopay.Text `json:"qr_code"`               // a text to be drawn as a QR code; do not read the price in it
	TimeZone duopay.Text `json:"time_zone"`             // as sent
}

// plainPreOrderReply is PreOrderReply without its methods.
type plainPreOrderReply PreOrderReply

// Format writes the reply without the signed parameters, whatever the verb.
func (r PreOrderReply) Format(f fmt.State, _ rune) { _, _ = fmt.Fprint(f, r.String()) }

// String returns the reply without the signed parameters.
func (r PreOrderReply) String() string { return redact.String(plainPreOrderReply(r)) }

// LogValue returns the reply without the signed parameters.
func (r PreOrderReply) LogValue() slog.Value { return redact.Value(plainPreOrderReply(r)) }

// PreOrder opens an order that the payer pays by scanning a code or inside of a
// page. It is sent again only if it never left. What is not paid within 5
// minutes, or TimeExpire, is cancelled by the gateway.
//
// A nil error means that the order is open and the reply has what TradeType and
// Channel call for. After [duopay.Unsure] query by order number; the code
// itself is lost then, so [Client.Close] the order and open another. Payment is
// notified, but not reliably: query too.
//
// Source: the manual, 2.2.
func (c *Client) PreOrder(ctx context.Context, r PreOrderRequest) (*PreOrderReply, error) {
	return call(ctx, c, preOrder, r, func(reply *PreOrderReply) error {
		switch {
		case r.TradeType == TradeQRCode && reply.QRCode == "":
			return missing("qr_code")
		case r.TradeType == TradeJSAPI && r.Channel == ChannelAlipay && reply.PrePayID == "":
			return missing("prePayId")
		case r.TradeType == TradeJSAPI && r.Channel == ChannelWeChat && reply.PayInfo == nil:
			return missing("payInfo")
		}
		return nil
	})
}

func missing(field string) error { return fmt.Errorf("%s is missing", field) }
