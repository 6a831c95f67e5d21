// Package fufu takes payments through 付付 (Fufu), open interface 1.1.1: the
// shop reads the payer's code (order), or the payer scans a code or pays inside
// a page (preOrder), and what completes such payments: query, cancel, close,
// refund, refund query, notification.
//
// [Client] speaks the words of the manual, [Gateway] those of package duopay.
// Package fufutest is a Fufu to test with; the provider has no test address.
//
// # Traps
//
//   - The documented address is plain HTTP and answers are not signed: whoever
//     sits on the line can write "paid". Use HTTPS. New refuses plain http, but
//     for the loopback interface or with [duopay.WithPlainHTTP].
//   - The manual's worked example of the signature cannot be reproduced: its
//     digest belongs to another text. Do not test against it.
//   - White space of the body is not signed, not even inside of texts. Bodies
//     are sent without any (a blank is written \u0020), and a notification
//     with a blank in a number, a code or a name is refused.
//   - result.return_code SUCCESS says that the call was understood,
//     data.return_code SUCCESS that it was carried out. Only state 1 is paid.
//   - Here order is the shop that scans and preOrder the payer who does. The
//     sibling platform has the two names the other way round.
//   - order answers after up to 80 s, and the gateway cancels what is unpaid by
//     then. A shorter time limit makes unsure outcomes of good payments.
//   - Without trade_type a preOrder would be JSAPI, so it is always sent.
//   - "No such trade" right after an unclear order is no proof: the order may
//     still be on its way. SERIAL_REPEAT is no proof either: what was sent
//     first under that number may have been paid.
//   - Cancel is not a refund and fails for what is paid. It works from 15 s
//     after the order and from 01:00 to 23:00 UTC+8 only; [Client.Cancel]
//     sends nothing outside of that.
//   - A refund that was accepted is not done: ask with [Client.RefundQuery],
//     in which the field out_trade_no is the number of the refund.
//   - query tells no amount of the order, only that of refunds.
//   - Amounts are fen, on the wire as JSON strings; of THB and HKD hundredths.
//   - Notifications come for preOrders only, up to six times within half a
//     minute. None means nothing: query.
//   - order and query echo the payer's code. Replies keep it back when printed.
//
// All types are safe for concurrent use. File PROTOCOL.md tells the protocol as
// it is implemented here.
package fufu

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/duopay/duopay"
	"github.com/duopay/duopay/internal/check"
	"github.com/duopay/duopay/internal/exchange"
	"github.com/duopay/duopay/internal/redact"
	"github.com/duopay/duopay/internal/wire"
)

// provider is the name of this package in errors and logs.
const provider = "fufu"

// The known addresses of the gateway. Ask the provider which one is yours: the
// page that documents the first one was defaced when it was read.
const (
	Production = "http://www.jnfbg.cn/gateway/pay"     // plain HTTP, as the manual prints it
	Secure     = "https://www.ffdzpay.com/gateway/pay" // the second host; not in the manual
)

// Config tells a client who it is. BaseURL, BusiID and Key are required.
type Config struct {
	BaseURL string        // such as Secure; https, or http on the loopback interface
	BusiID  string        // busi_id: the merchant's number
	Key     duopay.Secret // mchtKey: signs requests and notifications; used as it is

	// MaxAge is how far the time of a notification may be from the clock, in
	// either direction. 0 is 15 minutes, which is far more than redelivery
	// takes; a negative one lets any time pass. The manual names no limit.
	MaxAge time.Duration
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
	case config.BusiID == "" || utf8.RuneCountInString(config.BusiID) > 32 || !isPlain(config.BusiID):
		err = errors.New("BusiID must be 1 to 32 characters without blanks")
	case config.Key.IsZero():
		err = errors.New("the Key is empty")
	}
	if err != nil {
		return nil, &duopay.Error{Provider: provider, Op: "New", Kind: duopay.Invalid, Err: err}
	}
	if config.MaxAge == 0 {
		config.MaxAge = 15 * time.Minute
	}
	return &Client{config: config, options: o, line: exchange.New(provider, o), checker: check.New()}, nil
}

// String returns who the client is.
func (c *Client) String() string { return "fufu.Client(" + c.config.BusiID + ")" }

// GoString returns who the client is.
func (c *Client) GoString() string { return c.String() }

// LogValue returns who the client is.
func (c *Client) LogValue() slog.Value { return slog.StringValue(c.String()) }

// MarshalJSON returns who the client is.
func (c *Client) MarshalJSON() ([]byte, error) { return json.Marshal(c.String()) }

// operation is one path of the gateway.
type operation struct {
	name       string
	timeLimit  time.Duration // of one attempt
	repeatable bool          // does no harm when it arrives twice
	moves      bool          // makes an order or a refund: its rejection proves that none was made
	evidence   []string      // fields that tell of success where return_code is missing
}

// Reply is what every answer carries beside its own fields.
type Reply struct {
	Message string          `json:"-"`               // return_msg: for people
	Raw     json.RawMessage `json:"-" secret:"true"` // the whole answer as it came, with fields this package does not know
}

func (r *Reply) keep(v verdict, raw []byte) { r.Message, r.Raw = v.message, raw }

// call is the only way out of this package, and the only way back in. It
// returns a reply together with an error only if accept found something wrong
// with it.
func call[R any](ctx context.Context, c *Client, op operation, request any, accept func(*R) error) (*R, error) {
	body, sent, err := c.encode(request) // validate, encode
	if err != nil {
		return nil, invalid(op, sent.text("out_trade_no"), err)
	}
	var reply *R
	err = c.line.Send(ctx, exchange.Call{ // send, again only if that does no harm
		Op:         op.name,
		OrderNo:    sent.text("out_trade_no"),
		TimeLimit:  c.options.TimeLimit(op.name, op.timeLimit),
		Repeatable: op.repeatable,
		Secrets:    []string{sent.text("auth_code"), sent.text("openId"), c.config.Key.Reveal()},
		Tagged:     request,
		Request: func(ctx context.Context) (*http.Request, error) { // sign, for every attempt
			reply = nil // of the attempt before
			return c.request(ctx, op.name, body)
		},
		Read: func(answer *exchange.Answer) error { // classify, decode
			v, err := open(op, answer, sent)
			if err != nil {
				return err
			}
			decoded := new(R)
			if err := v.data.Decode(decoded); err != nil {
				return err
			}
			any(decoded).(interface{ keep(verdict, []byte) }).keep(v, answer.Body)
			reply = decoded
			return accept(reply)
		},
	})
	return reply, err
}

// accepted is for replies that need no more checks.
func accepted[R any](*R) error { return nil }

// invalid is the error of a request that is not sent.
func invalid(op operation, orderNo string, err error) error {
	return &duopay.Error{Provider: provider, Op: op.name, Kind: duopay.Invalid, OrderNo: orderNo, Err: err}
}

// encode checks a request and returns it as the body that is signed and sent:
// with busi_id in front, and without white space.
func (c *Client) encode(request any) (body []byte, sent fields, err error) {
	if partial, ok := request.(interface{ filled() any }); ok {
		request = partial.filled()
	}
	violations := c.violations(request)
	encoded, err := wire.JSON(request)
	if err != nil {
		return nil, nil, errors.New("the request cannot be written as JSON")
	}
	object, err := wire.ReadObject(encoded)
	switch {
	case err != nil:
		return nil, nil, fmt.Errorf("the request is %w", err)
	case len(violations) > 0:
		return nil, fields(object), violations
	case object.Get("busi_id") != nil:
		return nil, fields(object), errors.New("busi_id comes from Config")
	}
	head, err := wire.JSON(map[string]string{"busi_id": c.config.BusiID})
	if err != nil {
		return nil, nil, err
	}
	if len(object) > 0 {
		head[len(head)-1] = ','
		encoded = append(head, encoded[1:]...)
	} else {
		encoded = head
	}
	return escape(encoded), fields(object), nil
}

// escape writes the white space in compact JSON, which can stand inside of
// texts only, as \u escapes: every plausible reading of what is stripped before
// signing then gives the same text.
func escape(compact []byte) []byte {
	if bytes.IndexFunc(compact, unicode.IsSpace) < 0 {
		return compact
	}
	var b bytes.Buffer
	for _, r := range string(compact) {
		if unicode.IsSpace(r) {
			_, _ = fmt.Fprintf(&b, `\u%04x`, r)
		} else {
			b.WriteRune(r)
		}
	}
	return b.Bytes()
}

// violations returns the rules that a request breaks: those in its tags, and
// those that no tag can tell.
func (c *Client) violations(request any) duopay.Violations {
	checked, ok := request.(interface{ check() duopay.Violations })
	if !ok {
		return nil // of Call: the caller's own
	}
	return append(c.checker.Struct(request), checked.check()...)
}

// plain returns a violation for every value that is not fit to name something.
// White space is not signed, so a number with a blank in it could become
// another one on its way. Names and values alternate.
func plain(namesAndValues ...string) duopay.Violations {
	var violations duopay.Violations
	for pair := range slices.Chunk(namesAndValues, 2) {
		if !isPlain(pair[1]) {
			violations = append(violations, duopay.Violation{Field: pair[0], Rule: "must not hold blanks or unprintable characters"})
		}
	}
	return violations
}

func isPlain(text string) bool {
	for _, r := range text {
		if !unicode.IsPrint(r) || r == ' ' {
			return false
		}
	}
	return utf8.ValidString(text)
}

// request returns the signed request of one attempt.
func (c *Client) request(ctx context.Context, operation string, body []byte) (*http.Request, error) {
	address := c.config.BaseURL + "/" + operation + "?sign=" + sign(body, c.config.Key.Reveal(), timestamp(c.options.Now()))
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		return nil, errors.New("the address cannot be written as a URL") // without the signature in it
	}
	r.Header.Set("Content-Type", "application/json;charset=UTF-8")
	r.Header.Set("Accept", "application/json")
	return r, nil
}

// CallReply is the answer to [Client.Call].
type CallReply struct {
	Reply
	Data json.RawMessage `json:"-" secret:"true"` // the object in data
}

func (r *CallReply) keep(v verdict, raw []byte) {
	r.Reply.keep(v, raw)
	r.Data = v.text
}

// plainCallReply is CallReply without its methods.
type plainCallReply CallReply

// Format writes the reply without what it holds, which may be a payment code.
func (r CallReply) Format(f fmt.State, _ rune) { _, _ = fmt.Fprint(f, r.String()) }

// String returns the reply without what it holds.
func (r CallReply) String() string { return redact.String(plainCallReply(r)) }

// LogValue returns the reply without what it holds.
func (r CallReply) LogValue() slog.Value { return redact.Value(plainCallReply(r)) }

// Call calls an operation that this package has no words for, or one of the
// known ones with other fields. operation is the last part of its path, content
// a struct or map that encodes to a JSON object without busi_id, or nil for
// none. It is signed and sent as it is, none of this package's rules apply, and
// the answer is classified like any other: a nil error means SUCCESS at both
// levels for the right order, and no more. It is sent again only if it never
// left.
func (c *Client) Call(ctx context.Context, operation string, content any) (*CallReply, error) {
	op := known(operation)
	if !isOperation(operation) {
		return nil, invalid(op, "", errors.New("the operation must consist of letters, digits, _ and -"))
	}
	if content == nil {
		content = struct{}{}
	}
	return call(ctx, c, op, content, accepted[CallReply])
}

// known returns an operation by name, for [Client.Call].
func known(name string) operation {
	for _, op := range []operation{order, preOrder, refund, query, cancel, closeOrder, refundQuery} {
		if op.name == name {
			op.repeatable, op.evidence = false, nil
			return op
		}
	}
	return operation{name: name, timeLimit: timeLimit}
}

// timeLimit is that of all operations but order.
const timeLimit = 30 * time.Second

func isOperation(name string) bool {
	for _, r := range name {
		if r > unicode.MaxASCII || !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '_' && r != '-' {
			return false
		}
	}
	return name != ""
}
