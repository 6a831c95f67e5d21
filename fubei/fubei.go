// Package fubei takes payments through 付呗 (Fubei), open platform 1.0: a payer
// shows a payment code at the till ("swipe"), or scans one, and what completes
// such a payment: query, reverse, close, refund, refund query, notification.
//
// [Client] speaks the words of the manual, [Gateway] those of package duopay.
// Package fubeitest is a Fubei to test with.
//
// # Traps
//
//   - There is no sandbox. The test address [Test] moves real money, which has
//     to be refunded the same day. Test against package fubeitest.
//   - The manual prints no address: the provider assigns one with the contract,
//     usually [Production].
//   - Answers are not signed. Trust rests on TLS, so an answer is also held
//     against the order number and the amount of its request.
//   - No code proves that nothing was charged. Every refusal is followed up
//     with a query; [duopay.Settle] does it.
//   - "Not known" soon after a swipe is not proof either: the swipe may still
//     be on its way.
//   - total_fee is yuan; the prices inside detail are fen. total_fee of the
//     request is what was ordered; total_fee of the answer is what is received,
//     after the merchant's discount.
//   - A refund without an amount would refund everything, so this package
//     demands one. Accepted is not refunded: ask with [Client.RefundQuery].
//   - Reverse answers without a state: query afterwards. Close is for orders
//     that the payer scans and does not work for a swipe.
//   - A refunded order stays SUCCESS.
//   - A notification may be cut at other places under the same signature; it
//     is refused unless it is of exactly the documented form.
//
// All types are safe for concurrent use. File PROTOCOL.md tells the protocol as
// it is implemented here.
package fubei

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/duopay/duopay"
	"github.com/duopay/duopay/internal/check"
	"github.com/duopay/duopay/internal/exchange"
	"github.com/duopay/duopay/internal/wire"
)

// provider is the name of this package in errors and logs.
const provider = "fubei"

// The known addresses of the gateway. The provider may have assigned another.
const (
	Production = "https://shq-api.51fubei.com"
	Test       = "https://shq-api-test.51fubei.com" // moves real money
)

// Config tells a client who it is. Exactly one of AppID and VendorSN is set,
// and Secret is the secret that belongs to it.
type Config struct {
	BaseURL  string        // such as Production; https, or http on the loopback interface
	AppID    string        // app_id: the merchant's id, for merchant level
	VendorSN string        // vendor_sn: the agent's id, for vendor level
	Secret   duopay.Secret // signs requests and notifications
}

// Client calls the gateway in the manual's words. It is safe for concurrent
// use and holds nothing that must be closed.
type Client struct {
	config  Config
	options duopay.Options
	line    *exchange.Line
	checker *check.Checker
}

// New returns a Client. It opens no connection. An incomplete configuration is
// a [*duopay.Error] of kind [duopay.Invalid].
func New(config Config, options ...duopay.Option) (*Client, error) {
	o, err := duopay.NewOptions(options...)
	if err == nil {
		config.BaseURL, err = exchange.BaseURL(config.BaseURL, o.AllowPlainHTTP)
	}
	switch {
	case err != nil:
	case (config.AppID == "") == (config.VendorSN == ""):
		err = errors.New("exactly one of AppID and VendorSN must be set")
	case config.Secret.IsZero():
		err = errors.New("the Secret is empty")
	}
	if err != nil {
		return nil, &duopay.Error{Provider: provider, Op: "New", Kind: duopay.Invalid, Err: err}
	}
	if o.Nonce == nil {
		o.Nonce = nonce
	}
	return &Client{config: config, options: o, line: exchange.New(provider, o), checker: check.New()}, nil
}

// nonce returns 32 random characters. The manual states no length.
func nonce() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

// String returns who the client is.
func (c *Client) String() string { return "fubei.Client(" + c.config.AppID + c.config.VendorSN + ")" }

// GoString returns who the client is.
func (c *Client) GoString() string { return c.String() }

// LogValue returns who the client is.
func (c *Client) LogValue() slog.Value { return slog.StringValue(c.String()) }

// MarshalJSON returns who the client is.
func (c *Client) MarshalJSON() ([]byte, error) { return json.Marshal(c.String()) }

// operation is one method of the gateway.
type operation struct {
	method     string
	timeLimit  time.Duration // of one attempt
	repeatable bool          // does no harm when it arrives twice
}

// Reply is what every answer carries beside its own fields.
type Reply struct {
	Message string          `json:"-"` // result_message: for people
	Raw     json.RawMessage `json:"-"` // the whole answer as it came, with fields this package does not know
}

func (r *Reply) keep(message string, raw []byte) { r.Message, r.Raw = message, raw }

// call is the only way out of this package, and the only way back in. It
// returns a reply together with an error only if accept found something wrong
// with it.
func call[R any](ctx context.Context, c *Client, op operation, request any, accept func(*R) error) (*R, error) {
	content, sent, err := c.encode(request) // validate, encode
	if err != nil {
		return nil, &duopay.Error{Provider: provider, Op: op.method, Kind: duopay.Invalid, OrderNo: sent.text("merchant_order_sn"), Err: err}
	}
	var reply *R
	err = c.line.Send(ctx, exchange.Call{ // send, again only if that does no harm
		Op:         op.method,
		OrderNo:    sent.text("merchant_order_sn"),
		TimeLimit:  c.options.TimeLimit(op.method, op.timeLimit),
		Repeatable: op.repeatable,
		Secrets:    []string{sent.text("auth_code"), c.config.Secret.Reveal()},
		Tagged:     request,
		Request: func(ctx context.Context) (*http.Request, error) { // sign, for every attempt
			reply = nil // of the attempt before
			return c.request(ctx, op.method, content)
		},
		Read: func(answer *exchange.Answer) error { // classify, decode
			data, err := open(answer, sent)
			if err != nil {
				return err
			}
			decoded := new(R)
			if err := data.object.Decode(decoded); err != nil {
				return err
			}
			any(decoded).(interface{ keep(string, []byte) }).keep(data.message, answer.Body)
			reply = decoded
			return accept(reply)
		},
	})
	return reply, err
}

// accepted is for replies that need no more checks.
func accepted[R any](*R) error { return nil }

// encode checks a request and returns it as biz_content.
func (c *Client) encode(request any) (content string, sent fields, err error) {
	violations := c.violations(request)
	encoded, err := wire.JSON(request)
	if err != nil {
		return "", nil, errors.New("the request cannot be written as JSON")
	}
	object, err := wire.ReadObject(encoded)
	if err != nil {
		return "", nil, fmt.Errorf("biz_content is %w", err)
	}
	if len(violations) > 0 {
		return "", fields(object), violations
	}
	return string(encoded), fields(object), nil
}

// violations returns the rules that a request breaks: those in its tags, and
// those that no tag can tell.
func (c *Client) violations(request any) duopay.Violations {
	checked, ok := request.(interface {
		check(now time.Time) duopay.Violations
	})
	if !ok {
		return nil // of Call: the caller's own
	}
	return append(c.checker.Struct(request), checked.check(c.options.Now())...)
}

// request returns the signed request of one attempt.
func (c *Client) request(ctx context.Context, method, content string) (*http.Request, error) {
	parameters, err := c.sign(method, content)
	if err != nil {
		return nil, err
	}
	body, err := wire.JSON(parameters)
	if err != nil {
		return nil, err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.config.BaseURL+path(method), bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/json; charset=utf-8")
	r.Header.Set("Accept", "application/json")
	return r, nil
}

// path returns where a method is called: those of 2.0 have a path of their own.
func path(method string) string {
	if strings.HasPrefix(method, "fbpay.") {
		return "/gateway/agent"
	}
	return "/gateway"
}

// CallReply is the answer to [Client.Call].
type CallReply struct {
	Reply
	Data json.RawMessage // the object in data; nil if there is none
}

// Call calls a method that this package has no words for. content is the
// method's business parameters: a struct or map that encodes to a JSON object,
// or nil for none. It is signed and sent as it is, and the answer is classified
// like any other: a nil error means result_code 200 for the right order, and no
// more. It is sent again only if it never left.
//
// Methods of 2.0, whose names begin with fbpay., go to their own path.
func (c *Client) Call(ctx context.Context, method string, content any) (*CallReply, error) {
	if content == nil {
		content = struct{}{}
	}
	op := operation{method: method, timeLimit: 35 * time.Second}
	reply, err := call(ctx, c, op, content, accepted[CallReply])
	if err != nil {
		return nil, err
	}
	envelope, _ := wire.ReadObject(reply.Raw) // was read before
	reply.Data, err = wire.Inner(envelope.Get("data"))
	return reply, err
}
