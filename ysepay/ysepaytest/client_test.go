package ysepaytest

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/emmansun/gmsm/sm2"
	"github.com/emmansun/gmsm/smx509"

	"github.com/duopay/duopay/internal/sandbox"
)

// client speaks to a gateway as a merchant would, and believes nothing. It
// signs with SM unless told otherwise: that is quicker.
type client struct {
	t        *testing.T
	srv      *Server
	http     *http.Client
	signType string
	charset  charset
	version  string
	now      time.Time
}

// eachWay runs a test over a socket and in memory.
func eachWay(t *testing.T, test func(c *client)) {
	t.Helper()
	t.Run("socket", func(t *testing.T) {
		srv := NewServer()
		defer srv.Close()
		test(newClientOf(t, srv, http.DefaultTransport))
	})
	t.Run("memory", func(t *testing.T) { test(newClient(t)) })
}

// newClient returns a client with a gateway of its own, in memory.
func newClient(t *testing.T) *client {
	t.Helper()
	srv := NewUnstartedServer()
	return newClientOf(t, srv, srv.Transport())
}

func newClientOf(t *testing.T, srv *Server, transport http.RoundTripper) *client {
	t.Helper()
	c := &client{
		t: t, srv: srv, signType: "SM", charset: utf8Charset, version: "3.0",
		now: time.Date(2024, 5, 20, 10, 20, 30, 0, beijing),
		http: &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse
		}},
	}
	srv.SetClock(func() time.Time { return c.now })
	return c
}

// params are the common parameters of a request, not signed.
func (c *client) params(method, biz string) map[string]string {
	params := map[string]string{
		"method": method, "partner_id": c.srv.PartnerID, "timestamp": c.now.In(beijing).Format(time.DateTime),
		"charset": string(c.charset), "sign_type": c.signType, "version": c.version, "biz_content": biz,
	}
	if method == MethodPay {
		params["notify_url"] = "https://merchant.invalid/notify"
	}
	return params
}

// encode returns the parameters as bytes in the client's charset.
func (c *client) encode(params map[string]string) map[string]string {
	encoded := make(map[string]string)
	for name, value := range params {
		encoded[name] = string(c.charset.encode(value))
	}
	return encoded
}

// signed adds the merchant's signature.
func (c *client) signed(params map[string]string) map[string]string {
	c.t.Helper()
	params = c.encode(params)
	p, ok := c.srv.pair(c.signType)
	if !ok {
		c.t.Fatalf("no keys for %s", c.signType)
	}
	params["sign"] = encodeSign(p.merchant.sign(signText(params)))
	return params
}

func formBody(params map[string]string) string {
	var pairs []string
	for name, value := range params {
		pairs = append(pairs, name+"="+url.QueryEscape(value))
	}
	return strings.Join(pairs, "&")
}

func (c *client) request(path, body string) *http.Request {
	c.t.Helper()
	r, err := http.NewRequestWithContext(c.t.Context(), http.MethodPost, c.srv.URL+path, strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
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
	return c.do(c.request("/gateway.do", formBody(c.signed(c.params(method, biz)))))
}

// answer is an envelope as it came.
type answer struct {
	names []string // of its members
	node  string   // the name of the node
	text  string   // the node
	data  map[string]any
	sign  string
}

// call signs and sends one operation, and reads and verifies the answer.
func (c *client) call(method, biz string) answer {
	c.t.Helper()
	return c.callWith(c.params(method, biz))
}

func (c *client) callWith(params map[string]string) answer {
	c.t.Helper()
	return c.callBody(formBody(c.signed(params)))
}

func (c *client) callBody(body string) answer {
	c.t.Helper()
	status, reply, err := c.do(c.request("/gateway.do", body))
	if err != nil || status != http.StatusOK {
		c.t.Fatalf("status %d, %v", status, err)
	}
	a := c.read(reply)
	if !c.verified(a) {
		c.t.Fatalf("signature of %s", reply)
	}
	return a
}

func (c *client) read(body string) answer {
	c.t.Helper()
	text, err := c.charset.decode(body)
	if err != nil {
		c.t.Fatalf("%v in %q", err, body)
	}
	a, err := parseAnswer(text)
	if err != nil {
		c.t.Fatalf("%v in %s", err, body)
	}
	return a
}

// parseAnswer cuts an envelope by its tokens.
func parseAnswer(text string) (a answer, err error) {
	values, err := sandbox.ParseObject([]byte(text))
	if err != nil {
		return a, err
	}
	a.sign, _ = sandbox.ParseString(values["sign"])
	a.names = slices.Sorted(maps.Keys(values))
	for _, name := range a.names {
		if strings.HasSuffix(name, "_response") {
			a.node, a.text = name, string(values[name])
		}
	}
	dec := json.NewDecoder(strings.NewReader(a.text))
	dec.UseNumber()
	if err := dec.Decode(&a.data); err != nil {
		return a, errors.Join(errors.New("node"), err)
	}
	return a, nil
}

// verified checks the signature with the platform's certificate, as clients do.
func (c *client) verified(a answer) bool {
	c.t.Helper()
	return c.genuine(c.signType, a.sign, c.charset.encode(a.text))
}

func (c *client) genuine(signType, sign string, text []byte) bool {
	c.t.Helper()
	signature, err := base64.StdEncoding.DecodeString(sign)
	if err != nil || sign == "" {
		return false
	}
	keys := c.srv.RSA
	if signType == "SM" {
		keys = c.srv.SM
	}
	certificate, err := smx509.ParseCertificatePEM([]byte(keys.PlatformCertificate))
	if err != nil {
		c.t.Fatal(err)
	}
	switch key := certificate.PublicKey.(type) {
	case *ecdsa.PublicKey:
		return sm2.VerifyASN1WithSM2(key, nil, text, signature)
	case *rsa.PublicKey:
		return rsaSigner{&rsa.PrivateKey{PublicKey: *key}}.verifies(text, signature)
	}
	c.t.Fatalf("certificate with a %T", certificate.PublicKey)
	return false
}

func (a answer) ok(t *testing.T) answer {
	t.Helper()
	if a.data["code"] != "10000" || a.data["msg"] != "Success" {
		t.Fatalf("refused: %s", a.text)
	}
	return a
}

// refused checks the codes and how the message begins.
func (a answer) refused(t *testing.T, code, subCode, about string) {
	t.Helper()
	message, _ := a.data["sub_msg"].(string)
	if a.data["code"] != code || a.data["sub_code"] != subCode || !strings.HasPrefix(message, about) {
		t.Errorf("answer %s, want %s %s %q...", a.text, code, subCode, about)
	}
}

// has checks fields of the node: as they are written, strings with quotes.
func (a answer) has(t *testing.T, want map[string]string) answer {
	t.Helper()
	values, err := sandbox.ParseObject([]byte(a.text))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range want {
		if got := string(values[name]); got != want {
			t.Errorf("%s is %s, want %s", name, got, want)
		}
	}
	return a
}

// payBiz is a good combined order of 30.50 yuan; changes replace its members,
// as JSON, or take them out if "".
func payBiz(no string, changes ...[2]string) string {
	members := map[string]string{
		"combine_out_trade_no": quote(no), "shopdate": `"20240520"`, "buyer_id": `"2088000000000001"`,
		"timeout_express": `"90m"`, "combine_seller_id": `"dp_seller_a"`, "business_code": `"00510150"`,
		"subject": `"端午礼盒"`, "total_amount": `"30.50"`,
		"sub_order_list": subList(no, "10.00", "20.50"),
	}
	for _, change := range changes {
		members[change[0]] = change[1]
	}
	var b bytes.Buffer
	for _, name := range slices.Sorted(maps.Keys(members)) {
		if members[name] != "" {
			b.WriteString("," + quote(name) + ":" + members[name])
		}
	}
	return "{" + b.String()[1:] + "}"
}

// subList is sub orders NO-1, NO-2, ... of these amounts.
func subList(no string, amounts ...string) string {
	var parts []object
	for i, amount := range amounts {
		parts = append(parts, object{
			{"out_trade_no", fmt.Sprintf("%s-%d", no, i+1)}, {"amount", amount}, {"seller_id", fmt.Sprintf("dp_seller_%c", 'a'+i)},
		})
	}
	if parts == nil {
		return "[]"
	}
	return string(sandbox.JSON(parts))
}

func quote(text string) string { return string(sandbox.JSON(text)) }

const (
	orderNo = "20240520DP1"
	subNo   = orderNo + "-1" // of 10.00 yuan
	subNo2  = orderNo + "-2" // of 20.50 yuan
)

// pay creates the order orderNo and lets its payer pay.
func (c *client) paid() {
	c.t.Helper()
	c.call(MethodPay, payBiz(orderNo)).ok(c.t)
	if err := c.srv.Pay(orderNo); err != nil {
		c.t.Fatal(err)
	}
}

func combined(no string) string {
	return object{{"combine_out_trade_no", no}, {"shopdate", "20240520"}}.Text()
}

func part(no string) string { return object{{"out_trade_no", no}, {"shopdate", "20240520"}}.Text() }

func refundBiz(no, refundNo, yuan string) string {
	return object{
		{"out_trade_no", no},
		{"shopdate", "20240520"},
		{"refund_amount", yuan},
		{"refund_reason", "不要了"},
		{"out_request_no", refundNo},
	}.Text()
}

func refundOf(no, refundNo string) string {
	return object{{"out_trade_no", no}, {"out_request_no", refundNo}}.Text()
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
func (c *client) state(state string, charged, returned int64) {
	c.t.Helper()
	o := c.order(orderNo)
	if o.State != state || o.ChargedFen != charged || o.ReturnedFen != returned {
		c.t.Errorf("order is %s, charged %d, returned %d, want %s, %d, %d",
			o.State, o.ChargedFen, o.ReturnedFen, state, charged, returned)
	}
}
