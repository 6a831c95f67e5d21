package fubeitest

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/duopay/duopay/internal/sandbox"
)

// client speaks to a gateway as a merchant would, and believes nothing.
type client struct {
	t    *testing.T
	srv  *Server
	http *http.Client
}

// eachWay runs a test over a socket and in memory.
func eachWay(t *testing.T, test func(t *testing.T, c *client)) {
	t.Run("socket", func(t *testing.T) {
		srv := NewServer()
		defer srv.Close()
		test(t, &client{t, srv, newHTTPClient(http.DefaultTransport)})
	})
	t.Run("memory", func(t *testing.T) {
		test(t, newClient(t))
	})
}

// newClient returns a client with a gateway of its own, in memory.
func newClient(t *testing.T) *client {
	srv := NewUnstartedServer()
	return &client{t, srv, newHTTPClient(srv.Transport())}
}

func newHTTPClient(transport http.RoundTripper) *http.Client {
	return &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse
	}}
}

// params are the common parameters of a request, not signed.
func (c *client) params(method, biz string) map[string]string {
	return map[string]string{
		"app_id": c.srv.AppID, "method": method, "format": "json", "sign_method": "md5",
		"nonce": "pp2kiwi", "version": "1.0", "biz_content": biz,
	}
}

func (c *client) request(path string, body []byte) *http.Request {
	c.t.Helper()
	r, err := http.NewRequestWithContext(c.t.Context(), http.MethodPost, c.srv.URL+path, bytes.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json; charset=utf-8")
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
func (c *client) raw(method, biz string) (status int, body string, err error) {
	c.t.Helper()
	params := c.params(method, biz)
	params["sign"] = sign(params, c.srv.Secret)
	return c.do(c.request("/gateway", sandbox.JSON(params)))
}

// answer is an envelope as it came, numbers and all.
type answer struct {
	Code    json.Number     `json:"result_code"`
	Message string          `json:"result_message"`
	SubCode string          `json:"sub_code"`
	Raw     json.RawMessage `json:"data"`
	Data    map[string]any  `json:"-"`
}

// call signs and sends one operation and reads the envelope.
func (c *client) call(method, biz string) answer {
	c.t.Helper()
	status, body, err := c.raw(method, biz)
	if err != nil || status != http.StatusOK {
		c.t.Fatalf("%s: status %d, %v", method, status, err)
	}
	return c.read(body)
}

func (c *client) read(body string) (a answer) {
	c.t.Helper()
	if err := json.Unmarshal([]byte(body), &a); err != nil {
		c.t.Fatalf("%v in %s", err, body)
	}
	if a.Raw != nil {
		dec := json.NewDecoder(bytes.NewReader(a.Raw))
		dec.UseNumber()
		if err := dec.Decode(&a.Data); err != nil {
			c.t.Fatalf("%v in %s", err, body)
		}
	}
	return a
}

// swipe charges yuan for order no, with an auth code made of the number.
func (c *client) swipe(no, yuan string) answer {
	c.t.Helper()
	return c.call(MethodSwipe, swipeBiz(no, yuan))
}

func swipeBiz(no, yuan string) string {
	code := "13" + strings.Repeat("0", 16-len(no)) + strings.Map(func(r rune) rune { return '0' + r%10 }, no)
	return `{"merchant_order_sn":"` + no + `","auth_code":"` + code + `","total_fee":` + yuan + `}`
}

func of(no string) string { return `{"merchant_order_sn":"` + no + `"}` }

func (a answer) ok(t *testing.T) answer {
	t.Helper()
	if a.Code != "200" {
		t.Fatalf("refused: %s %s %s", a.Code, a.SubCode, a.Message)
	}
	return a
}

func (a answer) refused(t *testing.T, code json.Number, subCode string) {
	t.Helper()
	if a.Code != code || a.SubCode != subCode {
		t.Errorf("result_code %s, sub_code %q (%s), want %s %q", a.Code, a.SubCode, a.Message, code, subCode)
	}
}

// has checks fields of data; numbers are compared as they are written.
func (a answer) has(t *testing.T, want map[string]string) {
	t.Helper()
	for name, want := range want {
		var got string
		switch value := a.Data[name].(type) {
		case string:
			got = value
		case json.Number:
			got = value.String()
		default:
			t.Errorf("%s is %v, want %s", name, value, want)
			continue
		}
		if got != want {
			t.Errorf("%s is %s, want %s", name, got, want)
		}
	}
}

func (c *client) order(no string) Order {
	c.t.Helper()
	o, ok := c.srv.Order(no)
	if !ok {
		c.t.Fatalf("no order %s", no)
	}
	return o
}

// state checks an order's state and what moved, in fen.
func (c *client) state(no, state string, charged, returned int64) {
	c.t.Helper()
	o := c.order(no)
	if o.State != state || o.ChargedFen != charged || o.ReturnedFen != returned {
		c.t.Errorf("order %s is %s, charged %d, returned %d, want %s, %d, %d",
			no, o.State, o.ChargedFen, o.ReturnedFen, state, charged, returned)
	}
}
