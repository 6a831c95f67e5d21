// Package ysepay takes payments through 银盛支付 (Ysepay), the generation
// gateway.do: a combined order of up to 50 sellers, paid at once in an Alipay
// page (合单支付 - 支付宝生活号), and what completes it: query, close, refund,
// refund query, the same for single orders, notification.
//
// [Client] speaks the words of the manual, [Gateway] those of package duopay.
// Package ysepaytest is a Ysepay to test with. Keys are loaded with [LoadKey]
// and [LoadPlatformKey], whatever their form; they decide between sign_type RSA
// and SM.
//
// # Traps
//
//   - Every answer is signed by the platform, over the exact text of its node.
//     An unsigned or wrongly signed one is [duopay.Unsure] whatever it says, a
//     refusal too. Nothing is read from another text than the one verified.
//   - [Client.Pay] opens the order. That the page says 9000 is no proof of
//     payment either: wait for the notification, and query.
//   - The first 8 characters of combine_out_trade_no are the trade date in
//     UTC+8, give or take a day, and shopdate is the same date: query, close and
//     refund want it again later, so store the number.
//   - Refunds go by sub order, to the seller who got the money. Accepted is not
//     refunded: ask with [Client.RefundQuery].
//   - A refund repeated under the same out_request_no is one refund, under a new
//     one it is two.
//   - No list of refusals is published, so no code proves that nothing was done:
//     a refusal may be the echo of an earlier call with the same number.
//   - timeout_express works only if the merchant has the permission; otherwise
//     it is 7 days. Do not reckon with it: query.
//   - An amount may be missing in a notification: [duopay.Payment.Match] finds
//     that, then query before booking.
//   - Who receives notifications must offer TLS 1.2 or lower.
//   - A platform certificate of 1024 bits, signed with MD5 and long expired is
//     the real one. It is a pinned key; nothing else of it is checked.
//   - buyer_logon_id does not exist any more; buyer_id is the classic Alipay user
//     id (2088...), not the newer open id.
//   - GODEBUG=fips140=only forbids SHA-1, without which there is no sign_type RSA
//     here: keys do not load then.
//
// # Ask your account manager
//
// The manual leaves these open; what is done here is in PROTOCOL.md: the hosts of
// the combined pay, query and close; the fields of combined query and close
// (requests have a field More for whatever is missing); how a combined order is
// refunded; the form of SM signatures; what is signed in answers to queries, and
// whether error answers are signed; the schedule of notifications; the list of
// codes.
//
// All types are safe for concurrent use. File PROTOCOL.md tells the protocol as
// it is implemented here.
package ysepay

import (
	"bytes"
	"context"
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
const provider = "ysepay"

// The known addresses of the gateway, a host for each family of operations. The
// manual prints none; these are what public integrations use. Which of them
// takes the combined operations is to be confirmed with the provider.
const (
	Orders  = "https://qrcode.ysepay.com"                  // for BaseURL: orders
	Queries = "https://search.ysepay.com"                  // for QueryURL: queries of orders
	Trades  = "https://openapi.ysepay.com"                 // for TradeURL: close, refund, refund query
	Test    = "https://mertest.ysepay.com/openapi_gateway" // everything; said to be switched off
	path    = "/gateway.do"
)

// Config tells a client who it is. The addresses may be given with or without
// /gateway.do; they must be https, or http on the loopback interface.
type Config struct {
	BaseURL  string // of orders, such as Orders
	QueryURL string // of queries, such as Queries; BaseURL if empty
	TradeURL string // of close, refund and refund query, such as Trades; BaseURL if empty

	PartnerID string  // partner_id: merchant number of the service provider
	Charset   Charset // of requests, answers and notifications; UTF8 if empty, which is recommended

	Key          *Key           // signs requests
	PlatformKeys []*PlatformKey // verify answers and notifications; several for rotation, at least one of Key's kind
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
		config, err = config.complete(o.AllowPlainHTTP)
	}
	if err != nil {
		return nil, &duopay.Error{Provider: provider, Op: "New", Kind: duopay.Invalid, Err: err}
	}
	return &Client{config: config, options: o, line: exchange.New(provider, o), checker: check.New()}, nil
}

// complete checks the configuration and fills in what follows from the rest.
func (c Config) complete(allowPlain bool) (Config, error) {
	base := c.BaseURL
	for _, address := range []*string{&c.BaseURL, &c.QueryURL, &c.TradeURL} {
		if *address == "" {
			*address = base
		}
		var err error
		if *address, err = gatewayURL(*address, allowPlain); err != nil {
			return c, err
		}
	}
	if c.Charset == "" {
		c.Charset = UTF8
	}
	c.PlatformKeys = append([]*PlatformKey(nil), c.PlatformKeys...)
	switch {
	case c.PartnerID == "" || len(c.PartnerID) > 20 || blank(c.PartnerID):
		return c, errors.New("PartnerID must have 1 to 20 bytes")
	case c.Charset != UTF8 && c.Charset != GBK:
		return c, errors.New("Charset must be UTF-8 or GBK")
	case c.Key == nil || c.Key.sign == nil:
		return c, errors.New("the Key is missing")
	}
	fits := false
	for _, key := range c.PlatformKeys {
		if key == nil || key.public == nil {
			return c, errors.New("one of the PlatformKeys is nil")
		}
		fits = fits || key.signType == c.Key.signType
	}
	if !fits {
		return c, fmt.Errorf("none of the PlatformKeys is for sign_type %s: no answer could be verified", c.Key.signType)
	}
	return c, nil
}

// gatewayURL returns the whole address of a gateway.
func gatewayURL(address string, allowPlain bool) (string, error) {
	base, err := exchange.BaseURL(strings.TrimSuffix(address, path), allowPlain)
	return base + path, err
}

// String returns who the client is.
func (c *Client) String() string { return "ysepay.Client(" + c.config.PartnerID + ")" }

// GoString returns who the client is.
func (c *Client) GoString() string { return c.String() }

// LogValue returns who the client is.
func (c *Client) LogValue() slog.Value { return slog.StringValue(c.String()) }

// MarshalJSON returns who the client is.
func (c *Client) MarshalJSON() ([]byte, error) { return json.Marshal(c.String()) }

// operation is one method of the gateway.
type operation struct {
	method     string
	version    string
	address    func(Config) string
	timeLimit  time.Duration // of one attempt
	repeatable bool          // does no harm when it arrives twice
	anonymous  bool          // its answer need not name what it is about
}

// The families of operations. The manual gives no time limits: the vendor's own
// programs wait 20 to 60 s. A query has three attempts in 30 s.
func ordering(method string) operation {
	return operation{method: method, version: "3.0", address: func(c Config) string { return c.BaseURL }, timeLimit: 30 * time.Second}
}

func querying(method string) operation {
	return operation{
		method: method, version: "3.0", address: func(c Config) string { return c.QueryURL },
		timeLimit: 10 * time.Second, repeatable: true,
	}
}

func trading(method string) operation {
	return operation{method: method, version: "3.0", address: func(c Config) string { return c.TradeURL }, timeLimit: 30 * time.Second}
}

// request is what a method is given.
type request interface {
	common() common                  // the common parameters that the caller sets
	more() map[string]any            // further members of biz_content
	completed() request              // with what follows from the rest
	check(*Client) duopay.Violations // the rules that no tag can tell
}

// Reply is what every answer carries beside its own fields.
type Reply struct {
	Message string          `json:"-"` // msg: for people
	Raw     json.RawMessage `json:"-"` // the text that was verified, in UTF-8, with fields this package does not know
}

func (r *Reply) keep(message string, raw []byte) { r.Message, r.Raw = message, raw }

// call is the only way out of this package, and the only way back in. It
// returns a reply together with an error only if accept found something wrong
// with it.
func call[R any](ctx context.Context, c *Client, op operation, r request, accept func(*R) error) (*R, error) {
	content, sent, err := c.encode(r) // validate, encode
	if err != nil {
		return nil, &duopay.Error{Provider: provider, Op: op.method, Kind: duopay.Invalid, OrderNo: sent.orderNo(), Err: err}
	}
	var reply *R
	err = c.line.Send(ctx, exchange.Call{ // send, again only if that does no harm
		Op:         op.method,
		OrderNo:    sent.orderNo(),
		TimeLimit:  c.options.TimeLimit(op.method, op.timeLimit),
		Repeatable: op.repeatable,
		Tagged:     r,
		Request: func(ctx context.Context) (*http.Request, error) { // sign, for every attempt
			reply = nil // of the attempt before
			form, err := c.form(op, r.common(), content)
			if err != nil {
				return nil, err
			}
			return c.request(ctx, op, form)
		},
		Read: func(answer *exchange.Answer) error { // verify, classify, decode
			node, err := c.open(op, sent, answer)
			if err != nil {
				return err
			}
			decoded := new(R)
			if err := node.object.Decode(decoded); err != nil {
				return err
			}
			any(decoded).(interface{ keep(string, []byte) }).keep(string(node.Msg), node.text)
			reply = decoded
			return accept(reply)
		},
	})
	return reply, err
}

// encode completes and checks a request, and returns it as biz_content.
func (c *Client) encode(r request) (content string, sent fields, err error) {
	r = r.completed()
	violations := c.violations(r)
	encoded, err := wire.JSON(r)
	if err == nil {
		encoded, err = extend(encoded, r.more())
	}
	if err != nil {
		return "", nil, errors.New("the request cannot be written as JSON")
	}
	object, err := wire.ReadObject(encoded)
	if err != nil {
		return "", nil, fmt.Errorf("biz_content is unfit: %w", err)
	}
	if len(violations) > 0 {
		return "", fields(object), violations
	}
	return string(encoded), fields(object), nil
}

// violations returns the rules that a request breaks.
func (c *Client) violations(r request) duopay.Violations {
	violations := r.check(c)
	if _, own := r.(CallRequest); own { // has no rules of ours
		return violations
	}
	return append(append(c.checker.Struct(r), c.config.Charset.check(r)...), violations...)
}

// extend returns a JSON object with more members.
func extend(object []byte, more map[string]any) ([]byte, error) {
	if len(more) == 0 {
		return object, nil
	}
	members, err := wire.JSON(more)
	if err != nil {
		return nil, err
	}
	if string(object) == "{}" {
		return members, nil
	}
	return append(append(object[:len(object)-1:len(object)-1], ','), members[1:]...), nil
}

// form returns the signed parameters of one attempt.
func (c *Client) form(op operation, p common, content string) (map[string]string, error) {
	parameters, err := c.parameters(op, p, content)
	if err != nil {
		return nil, err
	}
	return c.sign(parameters)
}

// request returns the request of one attempt.
func (c *Client) request(ctx context.Context, op operation, form map[string]string) (*http.Request, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, op.address(c.config), bytes.NewReader(encodeForm(form)))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset="+string(c.config.Charset))
	r.Header.Set("Accept", "application/json")
	return r, nil
}

// CallRequest is a call of any method of this generation of the gateway.
type CallRequest struct {
	Method    string // method
	Version   string // version; 3.0 if empty
	NotifyURL string // notify_url; optional
	TranType  string // tran_type; optional
	BaseURL   string // where to; Config.BaseURL if empty
	Content   any    // biz_content: a struct or map that encodes to a JSON object; nil for none
}

func (r CallRequest) common() common                  { return common{NotifyURL: r.NotifyURL, TranType: r.TranType} }
func (r CallRequest) more() map[string]any            { return nil }
func (r CallRequest) completed() request              { return r }
func (r CallRequest) check(*Client) duopay.Violations { return nil }

// MarshalJSON writes biz_content.
func (r CallRequest) MarshalJSON() ([]byte, error) {
	if r.Content == nil {
		return []byte("{}"), nil
	}
	return wire.JSON(r.Content)
}

// CallReply is the answer to [Client.Call]: the node is in Raw.
type CallReply struct {
	Reply
}

// Call calls a method that this package has no words for. The content is signed
// and sent as it is, and the answer is verified and classified like any other:
// a nil error means a verified 10000 that names no other order, and no more. It
// is sent again only if it never left.
func (c *Client) Call(ctx context.Context, r CallRequest) (*CallReply, error) {
	op := ordering(r.Method)
	op.anonymous = true
	if r.Version != "" {
		op.version = r.Version
	}
	if r.BaseURL != "" {
		address, err := gatewayURL(r.BaseURL, c.options.AllowPlainHTTP)
		if err != nil {
			return nil, &duopay.Error{Provider: provider, Op: r.Method, Kind: duopay.Invalid, Err: err}
		}
		op.address = func(Config) string { return address }
	}
	return call(ctx, c, op, r, accepted[CallReply])
}

// accepted is for replies that need no more checks.
func accepted[R any](*R) error { return nil }
