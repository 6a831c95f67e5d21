package fufutest

import (
	"bytes"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/duopay/duopay/internal/sandbox"
)

// client speaks to a gateway as a merchant would, and believes nothing.
type client struct {
	t    *testing.T
	srv  *Server
	http *http.Client
}

// eachWay runs a test over a socket and in memory.
func eachWay(t *testing.T, test func(c *client)) {
	t.Helper()
	t.Run("socket", func(t *testing.T) {
		srv := NewServer()
		defer srv.Close()
		test(&client{t, srv, newHTTPClient(http.DefaultTransport)})
	})
	t.Run("memory", func(t *testing.T) {
		test(newClient(t))
	})
}

// newClient returns a client with a gateway of its own, in memory.
func newClient(t *testing.T) *client {
	t.Helper()
	srv := NewUnstartedServer()
	return &client{t, srv, newHTTPClient(srv.Transport())}
}

func newHTTPClient(transport http.RoundTripper) *http.Client {
	return &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse
	}}
}

// setClock stops the gateway's clock; the result makes it jump.
func (c *client) setClock(now time.Time) (pass func(time.Duration)) {
	c.srv.SetClock(func() time.Time { return now })
	return func(d time.Duration) { now = now.Add(d) }
}

// alreadyRevoked is the provider's code, letter by letter.
const alreadyRevoked = "A" + "READY_REVOKED"

// noon is a time at which orders can be canceled.
var noon = time.Date(2099, 1, 2, 12, 0, 0, 0, beijing)

// params are the fields of a request, raw JSON or text.
type params map[string]any

// with returns p with more fields, or other values; nil takes a field away.
func (p params) with(more params) params {
	p = maps.Clone(p)
	for name, value := range more {
		p[name] = value
		if value == nil {
			delete(p, name)
		}
	}
	return p
}

// fields of a good request of every operation.

func (c *client) orderParams(no string) params {
	return params{
		"busi_id": c.srv.BusiID, "total_fee": "250", "channel_type": "0", "auth_code": codeFor(no),
		"out_trade_no": no, "pay_subject": "coffee", "fee_type": "CNY",
	}
}

func (c *client) preOrderParams(no string) params {
	return c.orderParams(no).with(params{"auth_code": nil, "trade_type": "QRCODE"})
}

func (c *client) of(no string) params {
	return params{"busi_id": c.srv.BusiID, "out_trade_no": no}
}

func (c *client) byClerk(no string) params {
	return c.of(no).with(params{"operator_id": "oper01", "terminal_id": "dev01"})
}

func (c *client) refundParams(no, refundNo, fen string) params {
	return c.byClerk(no).with(params{
		"out_refund_no": refundNo, "refund_fee": fen, "refund_subject": "退款", "fee_type": "CNY",
	})
}

// codeFor makes a payment code of an order number.
func codeFor(no string) string {
	digits := strings.Map(func(r rune) rune { return '0' + r%10 }, no)
	return "28" + (strings.Repeat("0", 16) + digits)[len(digits):]
}

func (c *client) request(op, signature string, body []byte) *http.Request {
	c.t.Helper()
	r, err := http.NewRequestWithContext(c.t.Context(), http.MethodPost, c.srv.URL+"/"+op+"?sign="+signature, bytes.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json;charset=UTF-8")
	return r
}

// do sends a request and reads the whole answer.
func (c *client) do(r *http.Request) (status int, body string, err error) {
	resp, err := c.http.Do(r)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(raw), err
}

// raw signs and sends one operation.
func (c *client) raw(op string, p params) (status int, body string, err error) {
	c.t.Helper()
	sent := sandbox.JSON(p)
	return c.do(c.request(op, sign(sent, c.srv.Key, time.Now()), sent))
}

// answer is an envelope as it came, numbers and all.
type answer struct {
	t      *testing.T
	Result struct {
		Code    string `json:"return_code"`
		Message string `json:"return_msg"`
	} `json:"result"`
	Data map[string]any `json:"data"`
}

// call signs and sends one operation and reads the envelope.
func (c *client) call(op string, p params) answer {
	c.t.Helper()
	status, body, err := c.raw(op, p)
	if err != nil || status != http.StatusOK {
		c.t.Fatalf("%s: status %d, %v", op, status, err)
	}
	return c.read(body)
}

func (c *client) read(body string) (a answer) {
	c.t.Helper()
	dec := json.NewDecoder(strings.NewReader(body))
	dec.UseNumber()
	a.t = c.t
	if err := dec.Decode(&a); err != nil {
		c.t.Fatalf("%v in %s", err, body)
	}
	return a
}

func (c *client) order(no string) answer {
	c.t.Helper()
	return c.call(OpOrder, c.orderParams(no))
}

func (c *client) preOrder(no string) answer {
	c.t.Helper()
	return c.call(OpPreOrder, c.preOrderParams(no))
}

func (c *client) query(no string) answer {
	c.t.Helper()
	return c.call(OpQuery, c.of(no))
}

// paid makes a paid preOrder of 250 fen.
func (c *client) paid(no string, more params) {
	c.t.Helper()
	c.call(OpPreOrder, c.preOrderParams(no).with(more)).ok()
	c.pay(no)
}

func (c *client) pay(no string) {
	c.t.Helper()
	if err := c.srv.Pay(no); err != nil {
		c.t.Fatal(err)
	}
}

func (a answer) ok() answer {
	a.t.Helper()
	if a.Result.Code != "SUCCESS" || a.Data["return_code"] != "SUCCESS" {
		a.t.Fatalf("refused: %v", a)
	}
	return a
}

// refused wants a refusal in data.
func (a answer) refused(message string) {
	a.t.Helper()
	if a.Result.Code != "SUCCESS" || len(a.Data) != 2 || a.Data["return_code"] != "FAIL" || a.Data["return_msg"] != message {
		a.t.Errorf("answer %v, want %s in data", a, message)
	}
}

// invalid wants a refusal in result, about a field.
func (a answer) invalid(code, field string) {
	a.t.Helper()
	if a.Result.Code != code || !strings.HasPrefix(a.Result.Message, field+": ") || a.Data != nil {
		a.t.Errorf("answer %v, want %s about %s in result", a, code, field)
	}
}

// has checks fields of data as they are written, strings in quotes; "" is a
// field that must not be there.
func (a answer) has(want map[string]string) answer {
	a.t.Helper()
	for name, want := range want {
		got := ""
		if value, ok := a.Data[name]; ok {
			got = string(sandbox.JSON(value))
		}
		if got != want {
			a.t.Errorf("%s is %s, want %s", name, got, want)
		}
	}
	return a
}

func (c *client) book(no string) Order {
	c.t.Helper()
	o, ok := c.srv.Order(no)
	if !ok {
		c.t.Fatalf("no order %s", no)
	}
	return o
}

// state checks an order's state and what moved, in fen.
func (c *client) state(no string, state int, charged, returned int64) {
	c.t.Helper()
	o := c.book(no)
	if o.State != state || o.ChargedFen != charged || o.ReturnedFen != returned {
		c.t.Errorf("order %s has state %d, charged %d, returned %d, want %d, %d, %d",
			no, o.State, o.ChargedFen, o.ReturnedFen, state, charged, returned)
	}
}
