package fufu

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/duopay/duopay"
	"github.com/duopay/duopay/internal/wire"
)

// maxNotification bounds the body of a notification.
const maxNotification = 1 << 20

// The reasons for refusing a notification. Each also is [duopay.ErrMalformed],
// [duopay.ErrSignature], [duopay.ErrStale] or [duopay.ErrUnknownMerchant].
var (
	ErrMalformedBody = fmt.Errorf("%w: not a POST of one readable JSON object", duopay.ErrMalformed)
	ErrSignFormat    = fmt.Errorf("%w: no sign, several, or not 32 hex digits, a colon and 13 digits", duopay.ErrMalformed)
	ErrSpace         = fmt.Errorf("%w: white space, which is not signed, inside of a name or value", duopay.ErrMalformed)
	ErrSignature     = fmt.Errorf("fufu: %w", duopay.ErrSignature)
	ErrStale         = fmt.Errorf("fufu: %w", duopay.ErrStale)
	ErrMerchant      = fmt.Errorf("fufu: %w", duopay.ErrUnknownMerchant)
)

// notification is how the envelope of a notification is read: it has no
// return_code in data.
var notification = operation{name: "notification", evidence: []string{"state"}}

// Notification is what the gateway posts to notifyUrl after the payment of a
// preOrder: the manual's table 2.3.1. It is genuine: there is no way to have
// one unverified. Only the spacing of its free texts is not.
type Notification struct {
	Class Class // what the codes prove; nothing is said of the order unless it is ClassOK
	Code  Code  // the code, if it is not ClassOK
	Order Order // the order; Order.Raw is the whole message as it came
}

// Paid reports whether the notification says that the order was paid.
func (n *Notification) Paid() bool { return n.Class == ClassOK && n.Order.State == StatePaid }

// Status returns what the notification says of the order.
func (n *Notification) Status() duopay.Status {
	switch n.Class {
	case ClassOK:
		return n.Order.State.Status()
	case ClassAlreadyCanceled:
		return duopay.Canceled
	}
	return duopay.Unknown
}

// ParseNotification verifies and reads a notification: a POST with JSON as its
// body, signed in the query of its address. Its error is a [*duopay.Error] of
// kind [duopay.Unsure] that wraps one of the reasons above; nothing of the
// message is to be believed then.
//
// A verified notification may still say that the order is not paid: see
// [Notification.Paid]. Compare amount and currency with the order. Deliveries
// are repeated every 5 s, up to six in all, and may overlap; a late one says
// paid of an order that was refunded since.
//
// Source: the manual, 2.3.
func (c *Client) ParseNotification(method string, address *url.URL, body []byte) (*Notification, error) {
	n, err := c.parseNotification(method, address, body)
	if err != nil {
		return nil, &duopay.Error{Provider: provider, Op: notification.name, Kind: duopay.Unsure, Err: err}
	}
	return n, nil
}

func (c *Client) parseNotification(method string, address *url.URL, body []byte) (*Notification, error) {
	if method != http.MethodPost || len(body) > maxNotification {
		return nil, ErrMalformedBody
	}
	sign, err := signIn(address)
	if err != nil {
		return nil, err
	}
	at, err := signedAt(sign)
	if err != nil {
		return nil, err
	}
	if !verify(sign, body, c.config.Key.Reveal()) {
		return nil, ErrSignature
	}
	if age := c.options.Now().Sub(at).Abs(); c.config.MaxAge > 0 && age > c.config.MaxAge {
		return nil, ErrStale
	}
	// That the whole body is one JSON value is also what keeps MD5 from being
	// extended: the padding in between is not JSON.
	envelope, err := wire.ReadObject(body)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformedBody, err)
	}
	return c.decodeNotification(envelope, body)
}

// decodeNotification reads what has been verified.
func (c *Client) decodeNotification(envelope wire.Object, body []byte) (*Notification, error) {
	v, err := judge(envelope, notification.evidence)
	if err != nil {
		v.class = ClassUnknown // genuine, but without a state
		v.data, err = inner(envelope.Get("data"))
	}
	result, _ := inner(envelope.Get("result"))
	if err != nil || result == nil || v.data == nil {
		return nil, ErrMalformedBody
	}
	if spaced(envelope) || spaced(result, "return_code") || spaced(v.data, protocolValues...) {
		return nil, ErrSpace
	}
	n := &Notification{Class: v.class, Code: v.code}
	if err := v.data.Decode(&n.Order); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformedBody, err)
	}
	n.Order.keep(v, body)
	if busiID := n.Order.BusiID; busiID != "" && string(busiID) != c.config.BusiID {
		return nil, ErrMerchant
	}
	if n.Order.OrderNo == "" {
		return nil, fmt.Errorf("%w: out_trade_no is missing", ErrMalformedBody)
	}
	if _, err := n.Order.TotalFee.Fen(); err != nil && !errors.Is(err, duopay.ErrAbsent) {
		return nil, fmt.Errorf("%w: total_fee: %w", ErrMalformedBody, err)
	}
	return n, nil
}

// protocolValues are the values of data that decide something.
var protocolValues = []string{"return_code", "busi_id", "out_trade_no", "trade_no", "total_fee", "fee_type", "state"}

// spaced reports whether a name, or one of the named values, holds white space:
// anybody on the line can have put it there without breaking the signature.
func spaced(object wire.Object, values ...string) bool {
	for _, m := range object {
		if strings.IndexFunc(m.Name, isSpace) >= 0 {
			return true
		}
	}
	for _, name := range values {
		if strings.IndexFunc(fields(object).text(name), isSpace) >= 0 {
			return true
		}
	}
	return false
}

// Acknowledge returns the answer to a notification: "SUCCESS", upper case and
// nothing else, or "FAIL" if err is not nil, after which the gateway delivers
// again.
func (c *Client) Acknowledge(err error) duopay.Acknowledgement {
	body := "SUCCESS"
	if err != nil {
		body = "FAIL"
	}
	return duopay.Acknowledgement{
		Status: duopay.AcknowledgementStatus(err), ContentType: "text/plain; charset=utf-8", Body: body,
	}
}
