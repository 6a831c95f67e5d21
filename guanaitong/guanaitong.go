// Package guanaitong takes payments through 关爱通 (Guanaitong): an employee
// pays an order from his points or quota without a password
// (employee/checkUserAndToPay), and what completes such a payment: the access
// token, the authorisation code, the employee's accounts, the return page, the
// notification, queries and the refund.
//
// [Client] speaks the words of the manual, [Gateway] those of package duopay.
// Package guanaitongtest is a Guanaitong to test with.
//
// # Traps
//
//   - The address in the manual is the test environment. There is no default
//     here: choose [Production] or [Test].
//   - The manual prints no answer of the pay call. An envelope or a redirect to
//     return_url that says success is a report, not a proof: only the
//     notification, or a query, makes an order paid.
//   - What the payer's browser brings to return_url proves nothing, signature
//     or not: see [ReturnClaim].
//   - An authorisation code lives one minute and works once. A pay call that is
//     repeated fails for its code, which says nothing about the first one. It
//     is never repeated here, except once after the gateway refused the token.
//   - An order that the list of consumption does not show may have been paid
//     all the same. The way out of an unclear end is to wait for the
//     notification, never another order.
//   - Two apps are at work: the enterprise's, which pays and queries, and the
//     seller's, which refunds and whose appid begins every order number. Each
//     has a secret, a token and so a [Client] of its own. Either may sign the
//     notifications: give the other one's secret in Config.Secrets.
//   - A new token may kill the app's older ones, and an app may create 60 in an
//     hour: instances of one app have to share a [TokenStore].
//   - The secret is signed as one of the parameters, sorted in by its name
//     appsecret, and not appended.
//   - Values stand unescaped in what is signed. Who chooses attach could so make
//     the signature of a return page one of a notification. Requests with & in
//     attach, and callbacks with & anywhere else, are refused.
//   - Redeliveries of a notification may carry the time of the first one:
//     see Config.NotificationWindow.
//   - pay_type 2 is quota; the account of a quota has type 4.
//   - Timestamps are plain Unix seconds. Times of day are China's.
//
// All types are safe for concurrent use. File PROTOCOL.md tells the protocol as
// it is implemented here.
package guanaitong

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/duopay/duopay"
	"github.com/duopay/duopay/internal/canonical"
	"github.com/duopay/duopay/internal/check"
	"github.com/duopay/duopay/internal/exchange"
	"github.com/duopay/duopay/internal/wire"
)

// provider is the name of this package in errors and logs.
const provider = "guanaitong"

// The known addresses of the open platform.
const (
	Production = "https://openapi.guanaitong.com"
	Test       = "https://openapi.guanaitong.tech" // the one in the manual
)

// Placement is where the parameters of a form call stand. It does not change
// the signature.
type Placement int

// The placements. The sources disagree, and the gateway takes all of them.
const (
	InBody  Placement = iota // all in the body: no token or code in anybody's log of URLs
	Split                    // common parameters in the query, as the provider's current SDKs do
	InQuery                  // all in the query, the body empty, as in the manual's picture
)

// Config tells a client which app it is. BaseURL, AppID and Secret are
// required.
type Config struct {
	BaseURL string        // Production or Test; https, or http on the loopback interface
	AppID   string        // appid of the app that calls
	Secret  duopay.Secret // appsecret of that app: signs requests

	// Secrets are those of further apps whose notifications and return pages
	// are believed, by appid. The manual does not say whether the paying or
	// the paid app signs: give both.
	Secrets map[string]duopay.Secret

	SignType     SignType  // SHA1 unless agreed otherwise
	Placement    Placement // InBody unless set
	IncludeAppID bool      // send appid with every call; the manual's sample does not

	// Tokens is where the app's access token is kept: by default in the memory
	// of this client. Clients of one app have to share one.
	Tokens TokenStore

	// NotificationWindow is how far the timestamp of a notification may be from
	// the clock: five minutes either way by default, as the manual has it. It
	// is not documented whether a redelivery, for which the provider takes 24
	// hours, carries a new timestamp. If redeliveries end in [ErrStale],
	// set Past to 25 hours: to hear a genuine notification again does no harm
	// to a handler that books an order once.
	NotificationWindow Window

	// ReturnWindow is the same for return pages: five minutes either way by
	// default.
	ReturnWindow Window
}

// Window is how far a timestamp may be from the clock, inclusive. What is 0
// stands for five minutes.
type Window struct {
	Past, Future time.Duration
}

// tolerance is the deviation of clocks that the manual allows.
const tolerance = 5 * time.Minute

// contains reports whether t is in the window about now. The wire knows whole
// seconds only.
func (w Window) contains(t, now time.Time) bool {
	past, future := w.Past, w.Future
	if past == 0 {
		past = tolerance
	}
	if future == 0 {
		future = tolerance
	}
	now = now.Truncate(time.Second)
	return !t.Before(now.Add(-past)) && !t.After(now.Add(future))
}

// Client calls the platform in the manual's words, as one app. It is safe for
// concurrent use and holds nothing that must be closed.
type Client struct {
	config  Config
	secrets map[string]duopay.Secret // by appid, the client's own among them
	options duopay.Options
	line    *exchange.Line
	checker *check.Checker
	tokens  tokens
	sent    numbers // whose pay calls may have paid
}

// New returns a Client. It opens no connection. An incomplete configuration is
// a [*duopay.Error] of kind [duopay.Invalid].
func New(config Config, options ...duopay.Option) (*Client, error) {
	o, err := duopay.NewOptions(options...)
	if err == nil {
		config.BaseURL, err = exchange.BaseURL(config.BaseURL, o.AllowPlainHTTP)
	}
	if err == nil {
		err = config.check()
	}
	if err != nil {
		return nil, &duopay.Error{Provider: provider, Op: "New", Kind: duopay.Invalid, Err: err}
	}
	if config.Tokens == nil {
		config.Tokens = new(MemoryTokens)
	}
	config.Secrets = maps.Clone(config.Secrets)
	c := &Client{config: config, secrets: maps.Clone(config.Secrets), options: o, line: exchange.New(provider, o), checker: check.New()}
	if c.secrets == nil {
		c.secrets = make(map[string]duopay.Secret, 1)
	}
	c.secrets[config.AppID] = config.Secret
	c.tokens.key, c.tokens.turn = config.BaseURL+" "+config.AppID, make(chan struct{}, 1)
	return c, nil
}

func (config Config) check() error {
	switch {
	case !isPlain(config.AppID) || len(config.AppID) > 32:
		return errors.New("AppID must be 1 to 32 characters without blanks")
	case config.Secret.IsZero():
		return errors.New("the Secret is empty")
	case config.SignType.hash() == 0:
		return errors.New("SignType must be SHA1, SHA256 or SHA512")
	case config.Placement < InBody || config.Placement > InQuery:
		return errors.New("Placement must be InBody, Split or InQuery")
	case min(config.NotificationWindow.Past, config.NotificationWindow.Future, config.ReturnWindow.Past, config.ReturnWindow.Future) < 0:
		return errors.New("a Window must not be negative")
	}
	for id, secret := range config.Secrets {
		if id == "" || secret.IsZero() {
			return errors.New("an appid or a secret in Secrets is empty")
		}
		if id == config.AppID && secret.Reveal() != config.Secret.Reveal() {
			return errors.New("another secret for AppID stands in Secrets than in Secret")
		}
	}
	return nil
}

// isPlain reports whether text is of visible ASCII characters, at least one.
func isPlain(text string) bool {
	return text != "" && strings.IndexFunc(text, func(r rune) bool { return r <= ' ' || r > '~' }) < 0
}

// String returns who the client is.
func (c *Client) String() string { return "guanaitong.Client(" + c.config.AppID + ")" }

// GoString returns who the client is.
func (c *Client) GoString() string { return c.String() }

// LogValue returns who the client is.
func (c *Client) LogValue() slog.Value { return slog.StringValue(c.String()) }

// MarshalJSON returns who the client is.
func (c *Client) MarshalJSON() ([]byte, error) { return json.Marshal(c.String()) }

// operation is one path of the platform.
type operation struct {
	path       string
	timeLimit  time.Duration // of one attempt
	repeatable bool          // does no harm when it arrives twice
	redirects  bool          // may be answered with a redirect
}

// The time limits of an attempt. The provider's own SDK waits a minute for
// answers.
const (
	moveLimit = 60 * time.Second // what moves money
	readLimit = 15 * time.Second // the rest
)

// Reply is what every answer carries beside its own fields.
type Reply struct {
	Message string          `json:"-"` // msg: for people, never to branch on
	TraceID string          `json:"-"` // x-trace-id: what the provider's support asks for
	Raw     json.RawMessage `json:"-"` // the whole answer as it came, with fields this package does not know
}

func (r *Reply) keep(p payload) { r.Message, r.TraceID, r.Raw = p.message, p.trace, p.raw }

// readable is a reply of type R.
type readable[R any] interface {
	*R
	keep(p payload)
	read(p payload) error
}

// call is the only way out of this package, and the only way back in. It
// returns a reply together with an error only if accept found something wrong
// with it.
//
// If the gateway refuses the token, which it checks before anything else, the
// call is made once more with another one, and no more than once.
func call[R any, P readable[R]](ctx context.Context, c *Client, op operation, request any, accept func(*R) error) (*R, error) {
	m, err := c.encode(request) // validate, encode
	if err != nil {
		return nil, invalid(op, m, err)
	}
	token, err := c.token(ctx, Token{})
	if err != nil {
		return nil, unsent(op, m, err)
	}
	reply, err := send[R, P](ctx, c, op, m, token, accept)
	if !tokenRefused(err) {
		return reply, err
	}
	other, failure := c.token(ctx, token)
	if failure != nil {
		return nil, withoutToken(err, failure)
	}
	return send[R, P](ctx, c, op, m, other, accept)
}

// withoutToken returns the refusal of a token with the reason why there is no
// other. That the call was sent cannot be taken back.
func withoutToken(refusal, failure error) error {
	var e *duopay.Error
	if errors.As(refusal, &e) {
		e.Err = fmt.Errorf("no other access token: %w", failure)
	}
	return refusal
}

// send is the part of call that knows its token.
func send[R any, P readable[R]](ctx context.Context, c *Client, op operation, m message, token Token, accept func(*R) error) (*R, error) {
	var reply *R
	secrets := []string{"", m.code, token.Value.Reveal()} // "" is the signature's place
	for _, secret := range c.secrets {
		secrets = append(secrets, secret.Reveal())
	}
	err := c.line.Send(ctx, exchange.Call{
		Op:         op.path,
		OrderNo:    m.orderNo,
		TimeLimit:  c.options.TimeLimit(op.path, op.timeLimit),
		Repeatable: op.repeatable, // sent again only if that does no harm
		Secrets:    secrets,
		Tagged:     m.tagged,
		Request: func(ctx context.Context) (*http.Request, error) { // sign, for every attempt
			reply = nil // of the attempt before
			parameters, err := c.sign(token.Value.Reveal(), m)
			if err != nil {
				return nil, err
			}
			secrets[0] = parameters["sign"]
			return c.request(ctx, op.path, parameters, m)
		},
		Read: func(answer *exchange.Answer) error { // classify, decode
			p, err := open(op, answer, m)
			if err != nil {
				return traced(err, p.trace)
			}
			decoded := P(new(R))
			decoded.keep(p)
			if err := decoded.read(p); err != nil {
				return traced(err, p.trace)
			}
			reply = (*R)(decoded)
			return traced(accept(reply), p.trace)
		},
	})
	return reply, err
}

// accepted is for replies that need no more checks.
func accepted[R any](*R) error { return nil }

// invalid is the error of a request that is not sent.
func invalid(op operation, m message, err error) error {
	return &duopay.Error{Provider: provider, Op: op.path, Kind: duopay.Invalid, OrderNo: m.orderNo, Err: err}
}

// message is a request, encoded but for what every attempt makes anew.
type message struct {
	fields  map[string]string // the operation's own parameters, trimmed, none blank
	version string            // of the operation, for the common parameters
	body    string            // JSON text, for JSON calls only
	numbers map[string]string // those that the answer has to have too, if it has them
	orderNo string            // for errors
	tagged  any               // the request, whose secret fields are struck out of the texts of errors
	code    string            // struck out as well, if there is no such field
}

// version is that of all operations but a few.
const version = "1.0.0"

// encode checks a request and returns it as a form: a struct with url tags, or
// a map; or as JSON.
func (c *Client) encode(request any) (message, error) {
	if r, ok := request.(jsonRequest); ok {
		return r.message()
	}
	m := message{fields: make(map[string]string), version: version, tagged: request}
	given, ok := request.(map[string]string)
	if !ok && request != nil {
		var err error
		if given, err = canonical.Fields(request); err != nil {
			return m, errors.New("the request cannot be written as a form")
		}
	}
	violations := c.violations(request)
	for _, name := range slices.Sorted(maps.Keys(given)) {
		switch value := trim(given[name]); {
		case given[name] == "":
		case value == "":
			violations = append(violations, duopay.Violation{Field: name, Rule: "must not be blank"})
		case slices.Contains([]string{"access_token", "timestamp", "sign", "appsecret", "_body", ""}, trim(name)):
			violations = append(violations, duopay.Violation{Field: name, Rule: "comes from the client"})
		default:
			m.fields[trim(name)] = value
		}
	}
	m.numbers, m.orderNo, m.code = m.fields, m.fields["outer_trade_no"], m.fields["auth_code"]
	if len(violations) > 0 {
		return m, violations
	}
	return m, nil
}

// violations returns the rules that a request breaks: those in its tags, and
// those that no tag can tell.
func (c *Client) violations(request any) duopay.Violations {
	checked, ok := request.(interface {
		check(appID string) duopay.Violations
	})
	if !ok {
		return nil // of Call: the caller's own
	}
	return append(c.checker.Struct(request), checked.check(c.config.AppID)...)
}

// request returns the request of one attempt, its parameters where they belong.
func (c *Client) request(ctx context.Context, path string, parameters map[string]string, m message) (*http.Request, error) {
	query, form := make(map[string]string), make(map[string]string)
	for name, value := range parameters {
		_, own := m.fields[name]
		if m.body != "" || path != createToken.path && (c.config.Placement == InQuery || c.config.Placement == Split && !own) {
			query[name] = value
		} else {
			form[name] = value
		}
	}
	address, body, mediaType := c.config.BaseURL+path, encodeForm(form), "application/x-www-form-urlencoded"
	if len(query) > 0 {
		address += "?" + encodeForm(query)
	}
	if m.body != "" {
		body, mediaType = m.body, "application/json; charset=utf-8"
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, address, strings.NewReader(body))
	if err != nil {
		return nil, errors.New("the address cannot be written as a URL") // without what is in it
	}
	r.Header.Set("Content-Type", mediaType)
	r.Header.Set("Accept", "application/json")
	return r, nil
}

// encodeForm returns parameters as a form or query: sorted, a space as %20,
// which every decoder reads alike.
func encodeForm(parameters map[string]string) string {
	escape := func(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }
	escaped := make(map[string]string, len(parameters))
	for name, value := range parameters {
		escaped[escape(name)] = escape(value)
	}
	return canonical.Join(escaped)
}

// CallReply is the answer to [Client.Call] and [Client.CallJSON], and to the
// operations whose fields are not published.
type CallReply struct {
	Reply
	Data json.RawMessage // data as it came; nil if there is none
}

func (r *CallReply) read(p payload) error {
	r.Data = p.data
	return nil
}

// Call calls a form operation that this package has no words for. path begins
// with a slash; parameters are a struct with url tags, a map[string]string or
// nil, and may set a version other than 1.0.0. They are trimmed, and the empty
// ones are not sent. The answer is classified like any other: a nil error means
// code 0, and no more. It is sent again only if it never left, or once if the
// gateway refuses the token.
func (c *Client) Call(ctx context.Context, path string, parameters any) (*CallReply, error) {
	op, err := escapeHatch(path)
	if err != nil {
		return nil, err
	}
	return call(ctx, c, op, parameters, accepted[CallReply])
}

// CallJSON calls an operation of the later generation, such as
// /seller/v3/pay/refund: body, a struct or map that encodes to a JSON object,
// is signed as the very text that is sent, together with the common parameters,
// which stand in the query. version is 1.0.0 if it is empty. All else is as
// with [Client.Call].
func (c *Client) CallJSON(ctx context.Context, path, version string, body any) (*CallReply, error) {
	op, err := escapeHatch(path)
	if err != nil {
		return nil, err
	}
	return call(ctx, c, op, jsonRequest{version, body}, accepted[CallReply])
}

// escapeHatch returns the operation at a path of the caller's choice.
func escapeHatch(path string) (operation, error) {
	op := operation{path: path, timeLimit: moveLimit}
	if !strings.HasPrefix(path, "/") || !isPlain(path) || strings.ContainsAny(path, "?#%") || path == createToken.path {
		return op, invalid(op, message{}, errors.New("the path must begin with a slash and have no query; tokens are the client's affair"))
	}
	return op, nil
}

// jsonRequest is a request of the later generation.
type jsonRequest struct {
	version string
	body    any
}

func (r jsonRequest) message() (message, error) {
	m := message{version: cmp.Or(r.version, version), tagged: r.body}
	body, err := wire.JSON(r.body)
	if err != nil {
		return m, errors.New("the body cannot be written as JSON")
	}
	object, err := wire.ReadObject(body)
	if err != nil {
		return m, fmt.Errorf("the body is %w", err)
	}
	m.body, m.orderNo, m.code = string(body), object.Text("outerTradeNo"), object.Text("authCode")
	m.numbers = make(map[string]string)
	for _, names := range numbered {
		m.numbers[names[0]] = object.Text(names[0])
	}
	return m, nil
}
