package guanaitong

import (
	"errors"
	"fmt"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/duopay/duopay"
)

// maxCallback bounds the body of a notification and the query of a return page.
const maxCallback = 1 << 20

// The reasons for refusing a notification or a return page, in the order of
// the checks. Each also is the reason of package duopay that its text names.
var (
	ErrMalformedForm  = fmt.Errorf("%w: not a readable form", duopay.ErrMalformed)
	ErrDuplicateField = fmt.Errorf("%w: a field stands twice", duopay.ErrMalformed)
	ErrFieldName      = fmt.Errorf("%w: a name that no field has", duopay.ErrMalformed)
	ErrFieldText      = fmt.Errorf("%w: a value is no text", duopay.ErrMalformed)
	ErrAmpersand      = fmt.Errorf("%w: a value other than attach holds &", duopay.ErrMalformed)
	ErrMissingField   = fmt.Errorf("%w: a field is missing", duopay.ErrMalformed)
	ErrFieldFormat    = fmt.Errorf("%w: a field has another form", duopay.ErrMalformed)
	ErrUnknownApp     = fmt.Errorf("guanaitong: %w", duopay.ErrUnknownMerchant)
	ErrSignature      = fmt.Errorf("guanaitong: %w", duopay.ErrSignature)
	ErrStale          = fmt.Errorf("guanaitong: %w", duopay.ErrStale)
)

// Notification is what the provider posts to notify_url after an order was
// paid, and only then. It is genuine: there is no way to have one unverified.
type Notification struct {
	AppID       string            // appid: the app that signed, the seller's or the payer's
	OrderNo     string            // outer_trade_no
	BuyerOpenID string            // buyer_open_id: the employee
	Attach      string            // attach, as sent with the order; "" if none was
	TotalAmount duopay.Money      // total_amount: order amount, yuan
	TradeNo     string            // trade_no: the provider's trade number
	SignedAt    time.Time         // timestamp
	Fields      map[string]string // all fields, without blanks around them, except sign
}

// RefundNotification is what the provider posts to the notify_url of a refund.
type RefundNotification struct {
	AppID        string            // appid: the app that signed
	OrderNo      string            // outer_trade_no
	RefundNo     string            // outer_refund_no
	RefundAmount duopay.Money      // refund_amount, yuan
	TradeNo      string            // trade_no: the provider's; whether of the refund is not said
	SignedAt     time.Time         // timestamp
	Fields       map[string]string // all fields, without blanks around them, except sign
}

// ParseNotification verifies and reads a notification: a POST with a form as
// its body. Its error is a [*duopay.Error] of kind [duopay.Unsure] that wraps
// one of the reasons above; nothing of the message is to be believed then.
//
// Deliveries repeat, for 24 hours until one is acknowledged, and may overlap.
// Hold OrderNo and TotalAmount against your own record before you book it.
//
// Source: the manual's page, section notify_url.
func (c *Client) ParseNotification(method string, header http.Header, body []byte) (*Notification, error) {
	m, err := c.readPost(method, header, body, "outer_trade_no", "buyer_open_id", "total_amount", "trade_no")
	if err != nil {
		return nil, doubtful(err)
	}
	return &Notification{
		AppID: m.appID, OrderNo: m.fields["outer_trade_no"], BuyerOpenID: m.fields["buyer_open_id"], Attach: m.fields["attach"],
		TotalAmount: m.amount, TradeNo: m.fields["trade_no"], SignedAt: m.signedAt, Fields: m.fields,
	}, nil
}

// ParseRefundNotification is [Client.ParseNotification] for the notify_url of
// refunds.
//
// Source: the provider's page of the seller's refund.
func (c *Client) ParseRefundNotification(method string, header http.Header, body []byte) (*RefundNotification, error) {
	m, err := c.readPost(method, header, body, "outer_trade_no", "outer_refund_no", "refund_amount", "trade_no")
	if err != nil {
		return nil, doubtful(err)
	}
	return &RefundNotification{
		AppID: m.appID, OrderNo: m.fields["outer_trade_no"], RefundNo: m.fields["outer_refund_no"],
		RefundAmount: m.amount, TradeNo: m.fields["trade_no"], SignedAt: m.signedAt, Fields: m.fields,
	}, nil
}

func doubtful(err error) error {
	return &duopay.Error{Provider: provider, Op: "notification", Kind: duopay.Unsure, Err: err}
}

func (c *Client) readPost(method string, header http.Header, body []byte, required ...string) (callback, error) {
	mediaType, _, _ := mime.ParseMediaType(header.Get("Content-Type"))
	if method != http.MethodPost || mediaType != "application/x-www-form-urlencoded" || len(body) > maxCallback {
		return callback{}, ErrMalformedForm
	}
	return c.readCallback(string(body), nil, c.config.NotificationWindow, required...)
}

// callback is a verified notification or return page.
type callback struct {
	appID    string
	amount   duopay.Money // the one there is
	signedAt time.Time
	fields   map[string]string
}

// readCallback verifies and reads a form. required are the fields it has beside
// appid, timestamp and sign; own those that may not be signed.
//
// Names and values are not escaped in what is signed, so the same text, and
// the same signature, can be cut into other fields; and whoever knows a text
// and its SHA-1 can make that of a longer one. Both need a & in a value or a
// name, or characters that are no text, and so the rules in readForm are what
// makes a signature believable. attach may hold a & because the payer's own
// choice of it gains nothing: a & elsewhere would have to go with it.
func (c *Client) readCallback(form string, own []string, window Window, required ...string) (callback, error) {
	fields, err := readForm(form)
	if err != nil {
		return callback{}, err
	}
	for _, name := range append([]string{"appid", "timestamp", "sign"}, required...) {
		if fields[name] == "" {
			return callback{}, fmt.Errorf("%w: %s", ErrMissingField, name)
		}
	}
	m := callback{appID: fields["appid"], fields: fields}
	if err := m.readFormats(c.config.SignType, required); err != nil {
		return callback{}, err
	}
	secret, ok := c.secrets[m.appID]
	if !ok {
		return callback{}, ErrUnknownApp
	}
	if !c.config.SignType.verify(without(fields, own), fields["sign"], secret.Reveal()) &&
		(len(own) == 0 || !c.config.SignType.verify(fields, fields["sign"], secret.Reveal())) {
		return callback{}, ErrSignature
	}
	if !window.contains(m.signedAt, c.options.Now()) {
		return callback{}, ErrStale
	}
	delete(fields, "sign")
	return m, nil
}

// readForm reads a form in which every name stands once, is a name and has a
// text. Blanks around values are no part of them.
func readForm(form string) (map[string]string, error) {
	values, err := url.ParseQuery(form)
	if err != nil {
		return nil, ErrMalformedForm
	}
	fields := make(map[string]string, len(values))
	for _, name := range slices.Sorted(maps.Keys(values)) {
		value := values[name][0]
		switch {
		case len(values[name]) > 1:
			return nil, ErrDuplicateField
		case name == "" || strings.Trim(name, fieldName) != "" || name == "appsecret":
			return nil, ErrFieldName
		case !utf8.ValidString(value) || strings.ContainsFunc(value, isControl):
			return nil, ErrFieldText
		case strings.Contains(value, "&") && name != "attach":
			return nil, ErrAmpersand
		}
		fields[name] = trim(value)
	}
	return fields, nil
}

// fieldName has the characters of a name.
const fieldName = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-"

func isControl(r rune) bool { return r < ' ' || r == 0x7f }

// readFormats reads the fields that have a form.
func (m *callback) readFormats(signType SignType, required []string) (err error) {
	broken := func(name string) error { return fmt.Errorf("%w: %s", ErrFieldFormat, name) }
	if sign := m.fields["sign"]; len(sign) != signType.digits() || strings.Trim(sign, "0123456789abcdefABCDEF") != "" {
		return broken("sign")
	}
	timestamp := m.fields["timestamp"]
	seconds, err := strconv.ParseUint(timestamp, 10, 63)
	if err != nil || len(timestamp) != 10 {
		return broken("timestamp")
	}
	m.signedAt = time.Unix(int64(seconds), 0)
	for _, name := range required {
		switch value := m.fields[name]; name {
		case "total_amount", "refund_amount":
			if m.amount, err = parseAmount(value); err != nil {
				return broken(name)
			}
		case "pay_result":
			if value != string(ClaimSuccess) && value != string(ClaimFail) {
				return broken(name)
			}
		}
	}
	return nil
}

// parseAmount reads up to 8 digits, and after a point one or two more.
func parseAmount(text string) (duopay.Money, error) {
	whole, decimals, point := strings.Cut(text, ".")
	if strings.Trim(whole+decimals, "0123456789") != "" || len(whole) < 1 || len(whole) > 8 || point && (len(decimals) < 1 || len(decimals) > 2) {
		return duopay.Money{}, errors.New("not an amount")
	}
	return duopay.ParseMoney(text)
}

// without returns the fields less those of these names.
func without(fields map[string]string, names []string) map[string]string {
	rest := maps.Clone(fields)
	for _, name := range names {
		delete(rest, name)
	}
	return rest
}

// Acknowledge returns the answer to a notification: "success", without even a
// line end, or "fail" if err is not nil, after which it is delivered again.
func (c *Client) Acknowledge(err error) duopay.Acknowledgement {
	body := "success"
	if err != nil {
		body = "fail"
	}
	return duopay.Acknowledgement{
		Status: duopay.AcknowledgementStatus(err), ContentType: "text/plain; charset=utf-8", Body: body,
	}
}
