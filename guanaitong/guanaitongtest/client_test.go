package guanaitongtest

import (
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"
)

// client speaks to a platform as a merchant would, and believes nothing.
type client struct {
	t    *testing.T
	srv  *Server
	http *http.Client

	tokens map[string]string // by appid
	query  []string          // parameters that go into the query; "*" is all
}

// eachWay runs a test over a socket and in memory.
func eachWay(t *testing.T, test func(c *client)) {
	t.Helper()
	t.Run("socket", func(t *testing.T) {
		srv := NewServer()
		defer srv.Close()
		test(clientOf(t, srv, http.DefaultTransport))
	})
	t.Run("memory", func(t *testing.T) {
		test(newClient(t))
	})
}

// newClient returns a client with a platform of its own, in memory.
func newClient(t *testing.T) *client {
	t.Helper()
	srv := NewUnstartedServer()
	return clientOf(t, srv, srv.Transport())
}

func clientOf(t *testing.T, srv *Server, transport http.RoundTripper) *client {
	t.Helper()
	stay := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &client{
		t: t, srv: srv, tokens: make(map[string]string),
		http: &http.Client{Transport: transport, CheckRedirect: stay},
	}
}

// at sets the platform's clock, which stands still until it is set again.
func (c *client) at(now time.Time) {
	c.srv.SetClock(func() time.Time { return now })
}

// answer is an answer as it came.
type answer struct {
	Code     json.Number     `json:"code"`
	Msg      string          `json:"msg"`
	Data     json.RawMessage `json:"data"`
	status   int
	location string
	trace    string
	body     string
}

// app is the app whose operation stands at a path.
func (c *client) app(path string) App {
	if strings.HasPrefix(path, "/seller/") {
		return c.srv.Seller
	}
	return c.srv.Caller
}

// token returns the token of an app, created the first time.
func (c *client) token(app App) string {
	c.t.Helper()
	if c.tokens[app.ID] == "" {
		c.tokens[app.ID] = c.createToken(app).ok(c.t).field("access_token")
	}
	return c.tokens[app.ID]
}

func (c *client) createToken(app App) answer {
	c.t.Helper()
	return c.signed(app, PathToken, map[string]string{"appid": app.ID, "grant_type": "client_credential", "timestamp": c.timestamp()})
}

func (c *client) timestamp() string { return strconv.FormatInt(c.srv.clock.Now().Unix(), 10) }

// common are the common parameters of an app's call.
func (c *client) common(app App) map[string]string {
	c.t.Helper()
	return map[string]string{"access_token": c.token(app), "timestamp": c.timestamp(), "version": "1.0.0"}
}

// call signs and sends a call and reads the envelope.
func (c *client) call(path string, params map[string]string) answer {
	c.t.Helper()
	app := c.app(path)
	all := c.common(app)
	maps.Copy(all, params)
	return c.signed(app, path, all)
}

// signed signs and sends params and reads the envelope.
func (c *client) signed(app App, path string, params map[string]string) answer {
	c.t.Helper()
	params["sign"] = sign(c.srv.Hash, params, app.Secret)
	return c.read(c.request(path, params))
}

// request is a call with the parameters as they are.
func (c *client) request(path string, params map[string]string) *http.Request {
	c.t.Helper()
	query, form := make(url.Values), make(url.Values)
	for name, value := range params {
		form.Set(name, value)
		for _, q := range c.query {
			if q == "*" || q == name {
				query.Set(name, value)
				form.Del(name)
			}
		}
	}
	return c.raw(path+"?"+query.Encode(), "application/x-www-form-urlencoded", form.Encode())
}

func (c *client) raw(path, contentType, body string) *http.Request {
	c.t.Helper()
	r, err := http.NewRequest(http.MethodPost, c.srv.URL+path, strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	r.Header.Set("Content-Type", contentType)
	return r
}

// do sends a request and reads the whole answer.
func (c *client) do(r *http.Request) (a answer, err error) {
	c.t.Helper()
	resp, err := c.http.Do(r)
	if err != nil {
		return a, err
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	a.status, a.location, a.trace, a.body = resp.StatusCode, resp.Header.Get("Location"), resp.Header.Get("X-Trace-Id"), string(raw)
	return a, err
}

// read sends a request and reads the envelope, if the answer is one.
func (c *client) read(r *http.Request) answer {
	c.t.Helper()
	a, err := c.do(r)
	if err != nil {
		c.t.Fatal(err)
	}
	if a.status == http.StatusFound {
		return a
	}
	if err := json.Unmarshal([]byte(a.body), &a); err != nil || a.status != http.StatusOK {
		c.t.Fatalf("status %d, %v in %.200s", a.status, err, a.body)
	}
	return a
}

func (a answer) ok(t *testing.T) answer {
	t.Helper()
	if a.Code != "0" || a.Msg != "OK" || len(a.trace) != 32 {
		t.Fatalf("refused: %s %s (status %d, location %s)", a.Code, a.Msg, a.status, a.location)
	}
	return a
}

// refused checks code and beginning of msg.
func (a answer) refused(t *testing.T, code int64, msg string) {
	t.Helper()
	if a.Code != json.Number(strconv.FormatInt(code, 10)) || !strings.HasPrefix(a.Msg, msg) || string(a.Data) != "null" {
		t.Errorf("code %s, msg %q, data %s, want %d %q null", a.Code, a.Msg, a.Data, code, msg)
	}
}

// field is a member of data as it is written, without the quotes of a string.
func (a answer) field(name string) string {
	var members map[string]json.RawMessage
	if json.Unmarshal(a.Data, &members) != nil {
		return "no object"
	}
	var text string
	if json.Unmarshal(members[name], &text) == nil && string(members[name]) != "null" {
		return text
	}
	return string(members[name])
}

// has checks members of data as they are written.
func (a answer) has(t *testing.T, want map[string]string) {
	t.Helper()
	for name, want := range want {
		if got := a.field(name); got != want {
			t.Errorf("%s is %s, want %s", name, got, want)
		}
	}
}

// text is the data that is a string.
func (a answer) text(t *testing.T) string {
	t.Helper()
	var text string
	if err := json.Unmarshal(a.Data, &text); err != nil {
		t.Errorf("data is %s, want a string", a.Data)
	}
	return text
}

const goods = `{"sku_id":"SKU-1","name":"午餐","quantity":1,"good_price":12.50,"good_pay_amount":12.50,"good_cost_amount":0.00}`

func tradeInfo(members string) string {
	return `{"third_trade_no":"T1","third_total_amount":12.50,"third_pay_amount":12.50,"third_cost_amount":0.00,` + members + `}`
}

// no is an order number of the seller.
func (c *client) no(n int) string { return c.srv.Seller.ID + "20990101" + strconv.Itoa(n) }

// code gets an auth code for the employee that is there.
func (c *client) code() string {
	c.t.Helper()
	code, err := c.srv.AuthCode("U0001")
	if err != nil {
		c.t.Fatal(err)
	}
	return code
}

// payment are the parameters of a payment of 12.50 in points.
func (c *client) payment(orderNo string) map[string]string {
	c.t.Helper()
	return map[string]string{
		"auth_code": c.code(), "seller_appid": c.srv.Seller.ID, "outer_trade_no": orderNo, "pay_type": "1", "point": "12.50",
		"reason": "午餐", "return_url": "https://shop.invalid/return", "notify_url": "https://shop.invalid/notify",
		"trade_info": tradeInfo(`"is_third_orders":2,"goods_detail":[` + goods + `]`),
	}
}

// pay pays with the parameters of payment, some changed; "" leaves one out.
func (c *client) pay(orderNo string, changes ...string) answer {
	c.t.Helper()
	return c.call(PathPay, change(c.payment(orderNo), changes...))
}

func change(params map[string]string, changes ...string) map[string]string {
	for i := 0; i < len(changes); i += 2 {
		params[changes[i]] = changes[i+1]
		if changes[i+1] == "" {
			delete(params, changes[i])
		}
	}
	return params
}

// points is the balance of the employee's points in fen.
func (c *client) points() int64 {
	e, _ := c.srv.Employee("U0001")
	return e.Accounts[0].BalanceFen
}

func (c *client) order(orderNo string) Order {
	c.t.Helper()
	o, ok := c.srv.Order(orderNo)
	if !ok {
		c.t.Fatalf("no order %s", orderNo)
	}
	return o
}

// state checks an order's status and what moved, in fen.
func (c *client) state(orderNo string, status int, charged, returned int64) {
	c.t.Helper()
	o := c.order(orderNo)
	if o.Status != status || o.ChargedFen != charged || o.ReturnedFen != returned {
		c.t.Errorf("order %s has status %d, charged %d, returned %d, want %d, %d, %d",
			orderNo, o.Status, o.ChargedFen, o.ReturnedFen, status, charged, returned)
	}
}
