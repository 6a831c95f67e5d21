package ysepay

import (
	"cmp"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"time"

	"github.com/duopay/duopay"
)

// maxNotification bounds the body of a notification.
const maxNotification = 1 << 20

// The reasons for refusing a notification beside [ErrUnsigned] and
// [ErrSignature]. Each also is [duopay.ErrMalformed], but for ErrSignType, which
// is [duopay.ErrSignature].
var (
	ErrMalformedBody  = fmt.Errorf("%w: not a POST of a readable form", duopay.ErrMalformed)
	ErrDuplicateField = fmt.Errorf("%w: a field stands twice", duopay.ErrMalformed)
	ErrMissingField   = fmt.Errorf("%w: a field is missing", duopay.ErrMalformed)
	ErrAmount         = fmt.Errorf("%w: the amount is unreadable", duopay.ErrMalformed)
	ErrSignType       = fmt.Errorf("ysepay: %w: there is no key for its sign_type", duopay.ErrSignature)
	// ErrNotifyType: the notification is genuine, and about something else than
	// a payment or a refund.
	ErrNotifyType = fmt.Errorf("%w: notify_type is not known", duopay.ErrMalformed)
)

// The kinds of notifications.
const (
	NotifyPay    = "directpay.status.sync"
	NotifyRefund = "refund.status.sync" // known from one program: do not rely on it
)

// Notification is the manual's table of the asynchronous notification, a field a
// row. It is genuine: there is no way to have one unverified.
type Notification struct {
	SignType      SignType      // sign_type
	NotifyType    string        // notify_type: NotifyPay or NotifyRefund
	NotifyTime    string        // notify_time: of this delivery, yyyy-MM-dd HH:mm:ss in UTC+8
	OrderNo       string        // combine_out_trade_no; out_trade_no of single orders and refunds
	TotalAmount   duopay.Amount // combine_total_amount, or else total_amount, yuan; may be missing
	TradeNo       string        // trade_no
	TradeStatus   TradeStatus   // trade_status
	AccountDate   string        // account_date: yyyyMMdd
	ChannelSendSN string        // channel_send_sn: number sent to the channel
	PayGateNo     string        // paygate_no: payment channel
	ChannelRecvSN string        // channel_recv_sn: number of the channel
	Extra         string        // extra_common_param: as sent

	// Of a refund.
	RefundNo     string        // out_request_no
	RefundSN     string        // refundsn
	RefundState  RefundState   // refund_state
	RefundAmount duopay.Amount // refund_amount, yuan

	Fields map[string]string // all fields as received, in UTF-8, with those this package does not know
}

// ParseNotification verifies and reads a notification: a POST with a form as its
// body. Its error is a [*duopay.Error] of kind [duopay.Unsure] that wraps one of
// the reasons above; nothing of the message is to be believed then.
//
// A verified notification may say that the order was closed, and may have no
// amount: query the order then before booking it. Deliveries repeat, each with a
// notify_time and a sign of its own, and in any order: book by order number and
// state. The protocol has no age after which a notification is stale.
//
// Source: the manual, section 6; public SDKs for the signature.
func (c *Client) ParseNotification(method string, header http.Header, body []byte) (*Notification, error) {
	n, err := c.parseNotification(method, header, body)
	if err != nil {
		return nil, &duopay.Error{Provider: provider, Op: "notification", Kind: duopay.Unsure, Err: err}
	}
	return n, nil
}

func (c *Client) parseNotification(method string, header http.Header, body []byte) (*Notification, error) {
	mediaType, _, _ := mime.ParseMediaType(header.Get("Content-Type"))
	if method != http.MethodPost || mediaType != "application/x-www-form-urlencoded" || len(body) > maxNotification {
		return nil, ErrMalformedBody
	}
	form, err := readForm(body)
	if err != nil {
		return nil, err
	}
	sign, signType := form["sign"], SignType(form["sign_type"])
	switch {
	case blank(sign):
		return nil, ErrUnsigned
	case !c.knows(signType):
		return nil, ErrSignType
	}
	if err := c.verify(signType, []byte(stringToSign(form)), sign); err != nil {
		return nil, err
	}
	for name, value := range form { // verified; only now are they texts
		if form[name], err = c.config.Charset.decode([]byte(value)); err != nil {
			return nil, ErrMalformedBody
		}
	}
	return decodeNotification(form)
}

// knows reports whether there is a platform key for a sign_type.
func (c *Client) knows(signType SignType) bool {
	for _, key := range c.config.PlatformKeys {
		if key.signType == signType {
			return true
		}
	}
	return false
}

// readForm reads a form in which every name stands once, in the bytes it was
// sent in.
func readForm(body []byte) (map[string]string, error) {
	values, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, ErrMalformedBody
	}
	form := make(map[string]string, len(values))
	for name, all := range values {
		if len(all) > 1 {
			return nil, ErrDuplicateField
		}
		form[name] = all[0]
	}
	return form, nil
}

// decodeNotification reads what has been verified.
func decodeNotification(form map[string]string) (*Notification, error) {
	n := &Notification{
		SignType:      SignType(form["sign_type"]),
		NotifyType:    form["notify_type"],
		NotifyTime:    form["notify_time"],
		OrderNo:       cmp.Or(form["combine_out_trade_no"], form["out_trade_no"]),
		TotalAmount:   duopay.Amount(cmp.Or(form["combine_total_amount"], form["total_amount"])),
		TradeNo:       form["trade_no"],
		TradeStatus:   TradeStatus(form["trade_status"]),
		AccountDate:   form["account_date"],
		ChannelSendSN: form["channel_send_sn"],
		PayGateNo:     form["paygate_no"],
		ChannelRecvSN: form["channel_recv_sn"],
		Extra:         form["extra_common_param"],
		RefundNo:      form["out_request_no"],
		RefundSN:      form["refundsn"],
		RefundState:   RefundState(form["refund_state"]),
		RefundAmount:  duopay.Amount(form["refund_amount"]),
		Fields:        form,
	}
	var needed []string
	amount := n.TotalAmount
	switch n.NotifyType {
	case NotifyPay:
		needed = []string{n.OrderNo, string(n.TradeStatus)}
	case NotifyRefund:
		needed, amount = []string{n.OrderNo, n.RefundNo, string(n.RefundState)}, n.RefundAmount
	default:
		return nil, ErrNotifyType
	}
	for _, value := range needed {
		if blank(value) {
			return nil, ErrMissingField
		}
	}
	if _, err := amount.Money(); err != nil && !errors.Is(err, duopay.ErrAbsent) {
		return nil, ErrAmount
	}
	return n, nil
}

// SentAt returns NotifyTime, zero if it cannot be read.
func (n *Notification) SentAt() time.Time { return moment(duopay.Text(n.NotifyTime)) }

// Acknowledge returns the answer to a notification: "success", lower case and
// nothing else, or "fail" if err is not nil, after which the gateway delivers
// again.
func (c *Client) Acknowledge(err error) duopay.Acknowledgement {
	body := "success"
	if err != nil {
		body = "fail"
	}
	return duopay.Acknowledgement{Status: duopay.AcknowledgementStatus(err), ContentType: "text/plain; charset=utf-8", Body: body}
}
