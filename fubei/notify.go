package fubei

import (
	"cmp"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"unicode/utf8"

	"github.com/duopay/duopay"
	"github.com/duopay/duopay/internal/wire"
)

// maxNotification bounds the body of a notification.
const maxNotification = 1 << 20

// The reasons for refusing a notification. Each also is [duopay.ErrMalformed]
// or, the last, [duopay.ErrSignature].
var (
	ErrMalformedBody  = fmt.Errorf("%w: not a POST of a readable form", duopay.ErrMalformed)
	ErrDuplicateField = fmt.Errorf("%w: a field stands twice", duopay.ErrMalformed)
	ErrMissingField   = fmt.Errorf("%w: a field is missing", duopay.ErrMalformed)
	ErrSignFormat     = fmt.Errorf("%w: sign is not 32 hex digits", duopay.ErrMalformed)
	ErrMalformedData  = fmt.Errorf("%w: data is unreadable", duopay.ErrMalformed)
	ErrSignature      = fmt.Errorf("fubei: %w", duopay.ErrSignature)
)

// Notification is what the gateway posts to call_back_url after a successful
// payment. It is genuine: there is no way to have one unverified.
type Notification struct {
	ResultCode    string          // 200 for a paid order
	ResultMessage string          // for people
	Data          json.RawMessage // the object as it was signed, with fields this package does not know
	Order         Order           // Data in the words of 1.0

	// The words of 2.0 for two of them.
	OrderStatus TradeState    // order_status, for trade_state
	TotalAmount duopay.Amount // total_amount, yuan, for order_price
}

// Paid reports whether the notification says that the order was paid. In 1.0 it
// need not state that in so many words.
func (n *Notification) Paid() bool {
	state := n.State()
	return n.ResultCode == "200" && (state == "" || state == StateSuccess)
}

// State returns the state of the order, "" if the notification has none.
func (n *Notification) State() TradeState {
	return TradeState(cmp.Or(string(n.Order.TradeState), string(n.OrderStatus)))
}

// Ordered returns the amount that was ordered, as far as the gateway tells.
func (n *Notification) Ordered() (duopay.Money, error) {
	if n.TotalAmount.Given() {
		return n.TotalAmount.Money()
	}
	return n.Order.Ordered()
}

// ParseNotification verifies and reads a notification: a POST with a form as
// its body. Its error is a [*duopay.Error] of kind [duopay.Unsure] that wraps
// one of the reasons above; nothing of the message is to be believed then.
//
// A verified notification may still say that the order is not paid: see
// [Notification.Paid]. Deliveries are repeated, up to 26 times by one account,
// and may overlap. MD5 with a shared secret is their only protection: a query
// before shipping is advisable.
//
// Source: official .NET and PHP SDKs.
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
	sign, message, data := form["sign"], form["result_message"], form["data"]
	for _, name := range []string{"result_code", "result_message", "data", "sign"} {
		if value, ok := form[name]; !ok || value == "" && name != "result_message" && name != "sign" {
			return nil, ErrMissingField
		}
	}
	if _, err := hex.DecodeString(sign); err != nil || len(sign) != 32 {
		return nil, ErrSignFormat
	}
	if !verify(form, sign, c.config.Secret.Reveal()) {
		return nil, ErrSignature
	}
	return decodeNotification(form["result_code"], message, []byte(data))
}

// readForm reads a form in which every name stands once.
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
		if !utf8.ValidString(name) || !utf8.ValidString(all[0]) {
			return nil, ErrMalformedBody
		}
		form[name] = all[0]
	}
	return form, nil
}

// decodeNotification reads what has been verified.
func decodeNotification(code, message string, data []byte) (*Notification, error) {
	n := &Notification{ResultCode: code, ResultMessage: message, Data: data}
	object, err := wire.ReadObject(data)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformedData, err)
	}
	if err := object.Decode(&n.Order); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformedData, err)
	}
	n.OrderStatus = TradeState(fields(object).text("order_status"))
	n.TotalAmount = duopay.Amount(fields(object).text("total_amount"))
	if n.Order.OrderNo == "" {
		return nil, fmt.Errorf("%w: merchant_order_sn is missing", ErrMalformedData)
	}
	if _, err := n.Ordered(); err != nil && !errors.Is(err, duopay.ErrAbsent) {
		return nil, fmt.Errorf("%w: %w", ErrMalformedData, err)
	}
	return n, nil
}

// Acknowledge returns the answer to a notification: "success", lower case and
// nothing else, or "fail" if err is not nil, after which the gateway delivers
// again.
func (c *Client) Acknowledge(err error) duopay.Acknowledgement {
	body := "success"
	if err != nil {
		body = "fail"
	}
	return duopay.Acknowledgement{
		Status: duopay.AcknowledgementStatus(err), ContentType: "text/plain; charset=utf-8", Body: body,
	}
}
