package ysepaytest

import (
	"cmp"
	"context"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// Requests and notifications are signed alike, to the byte.
func TestNotificationVectors(t *testing.T) {
	c := newClient(t)
	for _, v := range readVectors(t).of(t, "verify_notify") {
		values, err := url.ParseQuery(v.Body)
		if err != nil {
			t.Fatal(err)
		}
		params := single(values)
		signType := params["sign_type"]
		if signType != "RSA" && signType != "SM" {
			continue
		}
		text := signText(params)
		if good := c.genuine(signType, params["sign"], text); good != v.Expect.Valid {
			t.Errorf("%s: valid %v, want %v", v.ID, good, v.Expect.Valid)
		}
		want := charset(v.Charset).encode(v.Expect.SignString)
		if v.Expect.Valid && string(text) != string(want) {
			t.Errorf("%s: signed text %q, want %q", v.ID, text, want)
		}
	}
}

func single(form url.Values) map[string]string {
	params := make(map[string]string)
	for name := range form {
		params[name] = form.Get(name)
	}
	return params
}

// merchant receives notifications and answers them one after the other.
type merchant struct {
	*httptest.Server
	answers []string // the last one for all that follow; "500" is a status

	mu     sync.Mutex
	got    []url.Values
	bodies []string
	types  []string
}

func newMerchant(t *testing.T, answers ...string) *merchant {
	t.Helper()
	m := &merchant{answers: answers}
	m.Server = httptest.NewServer(m)
	t.Cleanup(m.Close)
	return m
}

func (m *merchant) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	m.mu.Lock()
	defer m.mu.Unlock()
	body, _ := io.ReadAll(r.Body)
	form, _ := url.ParseQuery(string(body))
	m.got, m.bodies = append(m.got, form), append(m.bodies, string(body))
	m.types = append(m.types, r.Method+" "+r.Header.Get("Content-Type"))
	answer := m.answers[min(len(m.got), len(m.answers))-1]
	if answer == "500" {
		w.WriteHeader(http.StatusInternalServerError)
		answer = "success"
	}
	_, _ = io.WriteString(w, answer)
}

// paidFor makes a paid order that is notified to addresses.
func (c *client) paidFor(addresses string) {
	c.t.Helper()
	params := c.params(MethodPay, payBiz(orderNo, [2]string{"extra_common_param", `"渠道=小程序&批次=7"`}))
	params["notify_url"] = addresses
	c.callWith(params).ok(c.t)
	if err := c.srv.Pay(orderNo); err != nil {
		c.t.Fatal(err)
	}
}

func TestNotify(t *testing.T) {
	for _, signType := range []string{"RSA", "SM"} {
		for _, cs := range []charset{utf8Charset, gbkCharset} {
			t.Run(signType+" "+string(cs), func(t *testing.T) {
				c, m := newClient(t), newMerchant(t, "fail", "SUCCESS", "success\n", "500", "success")
				c.signType, c.charset = signType, cs
				c.paidFor(m.URL + "/notify?shop=7")
				n, err := c.srv.Notify(t.Context(), nil, orderNo)
				if n != 5 || len(m.got) != 5 || err != nil {
					t.Fatalf("%d deliveries, %d arrived, %v, want the fifth to be acknowledged", n, len(m.got), err)
				}
				if want := "POST application/x-www-form-urlencoded; charset=" + string(cs); m.types[4] != want {
					t.Errorf("%s, want %s", m.types[4], want)
				}
				o, params := c.order(orderNo), single(m.got[4])
				if !c.genuine(signType, params["sign"], signText(params)) {
					t.Errorf("signature of %v", params)
				}
				delete(params, "sign")
				want := c.encode(map[string]string{
					"sign_type": signType, "notify_type": "directpay.status.sync", "notify_time": "2024-05-20 10:20:30",
					"combine_out_trade_no": orderNo, "combine_total_amount": "30.50", "trade_no": o.TradeNo,
					"trade_status": "TRADE_SUCCESS", "account_date": "20240520", "channel_send_sn": "10" + o.TradeNo,
					"paygate_no": "10000012", "channel_recv_sn": o.PayNo, "extra_common_param": "渠道=小程序&批次=7",
					"buyer_user_id": "2088000000000001", "fee": "0.00", "card_type": "", "openid": "",
				})
				if !maps.Equal(params, want) {
					t.Errorf("notification %v, want %v", params, want)
				}
			})
		}
	}
}

// Every address is told, and only those that have not acknowledged again.
func TestNotifySeveral(t *testing.T) {
	c, a, b := newClient(t), newMerchant(t, "success"), newMerchant(t, "fail", "success")
	c.paidFor(a.URL + "," + b.URL + "/x")
	n, err := c.srv.Notify(t.Context(), http.DefaultClient, orderNo)
	if n != 3 || len(a.got) != 1 || len(b.got) != 2 || err != nil {
		t.Errorf("%d deliveries, %d and %d arrived, %v", n, len(a.got), len(b.got), err)
	}
}

func TestNotifyGivesUp(t *testing.T) {
	c, m := newClient(t), newMerchant(t, "fail")
	c.paidFor(m.URL)
	n, err := c.srv.Notify(t.Context(), nil, orderNo)
	if n != MaxDeliveries || len(m.got) != MaxDeliveries || err == nil || !strings.Contains(err.Error(), `"fail"`) {
		t.Errorf("%d deliveries, %d arrived, %v", n, len(m.got), err)
	}
}

func TestNotifyVariants(t *testing.T) {
	for name, test := range map[string]struct {
		variant Variant
		genuine bool
		posts   int    // when the first is not acknowledged
		field   string // how it stands in the body
	}{
		"forged":          {Forged, false, 1, "combine_total_amount=30.50&"},
		"amount changed":  {AmountChanged, false, 1, "combine_total_amount=31.50&"},
		"field added":     {FieldAdded, false, 1, "&added=1&sign="},
		"field twice":     {FieldTwice, true, 1, "&notify_time=2024-05-20+10%3A20%3A30&sign="},
		"without sign":    {WithoutSign, false, 1, ""},
		"other sign type": {OtherSignType, true, 1, "sign_type=MD5&"},
		"other type":      {OtherType, true, 2, "notify_type=made.up.sync&"},
		"without amount":  {WithoutAmount, true, 2, ""},
	} {
		t.Run(name, func(t *testing.T) {
			c, m := newClient(t), newMerchant(t, "fail", "success")
			c.paidFor(m.URL)
			n, err := c.srv.Notify(t.Context(), nil, orderNo, test.variant)
			if n != test.posts || len(m.got) != test.posts || (err == nil) != (n == 2) {
				t.Errorf("%d deliveries, %d arrived, %v", n, len(m.got), err)
			}
			params := single(m.got[0])
			if c.genuine("SM", params["sign"], signText(params)) != test.genuine {
				t.Errorf("signature of %v", params)
			}
			if !strings.Contains(m.bodies[0], test.field) {
				t.Errorf("%s lacks %s", m.bodies[0], test.field)
			}
			if _, signed := params["sign"]; signed == (test.variant == WithoutSign) {
				t.Errorf("signed %v", signed)
			}
			if _, said := params["combine_total_amount"]; said == (test.variant == WithoutAmount) {
				t.Errorf("says an amount: %v", said)
			}
			twice := slices.ContainsFunc(slices.Collect(maps.Values(m.got[0])), func(v []string) bool { return len(v) > 1 })
			if twice != (test.variant == FieldTwice) {
				t.Errorf("a field occurs twice: %v", twice)
			}
		})
	}
}

// The changed notification is the genuine one but for its amount.
func TestVariantsTogether(t *testing.T) {
	c := newClient(t)
	c.paidFor("https://merchant.invalid")
	body, err := c.srv.Notification(orderNo, WithoutAmount, AmountChanged)
	if err != nil {
		t.Fatal(err)
	}
	values, err := url.ParseQuery(body)
	if err != nil {
		t.Fatal(err)
	}
	params := single(values)
	if params["combine_total_amount"] != "1.00" || c.genuine("SM", params["sign"], signText(params)) {
		t.Errorf("notification %v", params)
	}
	delete(params, "combine_total_amount")
	if !c.genuine("SM", params["sign"], signText(params)) {
		t.Errorf("without its amount it is not genuine: %v", params)
	}
}

func TestNotificationOfOtherStates(t *testing.T) {
	c := newClient(t)
	if _, err := c.srv.Notification(orderNo); err == nil {
		t.Error("an unknown order was notified")
	}
	c.call(MethodPay, payBiz(orderNo)).ok(t)
	if n, err := c.srv.Notify(t.Context(), nil, orderNo); n != 0 || err == nil {
		t.Errorf("an open order was notified: %d, %v", n, err)
	}
	c.call(MethodClose, combined(orderNo)).ok(t)
	body, err := c.srv.Notification(orderNo)
	if err != nil || !strings.Contains(body, "trade_status=TRADE_CLOSED&") || strings.Contains(body, "account_date") {
		t.Errorf("%s, %v", body, err)
	}
	if err := c.srv.SetState(orderNo, "TRADE_UNDEPOSIT"); err != nil {
		t.Fatal(err)
	}
	c.now = c.now.Add(11 * time.Second)
	body, err = c.srv.Notification(orderNo)
	if err != nil || !strings.Contains(body, "trade_status=TRADE_UNDEPOSIT&") || !strings.Contains(body, "10%3A20%3A41&") {
		t.Errorf("%s, %v", body, err)
	}
}

func TestRefundNotification(t *testing.T) {
	c, m := newClient(t), newMerchant(t, "success")
	c.paid()
	params := c.params(MethodRefund, refundBiz(subNo, "R1", "4.00"))
	params["notify_url"] = m.URL
	c.callWith(params).ok(t)
	if _, err := c.srv.RefundNotification("R1"); err == nil {
		t.Error("a refund in process was notified")
	}
	c.call(MethodRefundQuery, refundOf(subNo, "R1")).ok(t)
	n, err := c.srv.NotifyRefund(t.Context(), nil, "R1")
	if n != 1 || err != nil {
		t.Fatalf("%d deliveries, %v", n, err)
	}
	got := single(m.got[0])
	if !c.genuine("SM", got["sign"], signText(got)) {
		t.Errorf("signature of %v", got)
	}
	delete(got, "sign")
	part := c.order(orderNo).SubOrders[0]
	if want := map[string]string{
		"sign_type": "SM", "notify_type": "refund.status.sync", "notify_time": "2024-05-20 10:20:30",
		"out_trade_no": subNo, "trade_no": part.TradeNo, "out_request_no": "R1", "refundsn": part.Refunds[0].RefundSN,
		"refund_state": "success", "refund_amount": "4.00",
	}; !maps.Equal(got, want) {
		t.Errorf("notification %v, want %v", got, want)
	}
	if n, err := c.srv.NotifyRefund(t.Context(), nil, "R1", AmountChanged); n != 1 || err != nil || m.got[1].Get("refund_amount") != "5.00" {
		t.Errorf("%d deliveries, %v, %v", n, err, m.got[1])
	}
	if _, err := c.srv.RefundNotification("R9"); err == nil {
		t.Error("an unknown refund was notified")
	}
	c.call(MethodRefund, refundBiz(subNo, "R2", "1.00")).ok(t)
	c.call(MethodRefundQuery, refundOf(subNo, "R2")).ok(t)
	if n, err := c.srv.NotifyRefund(t.Context(), nil, "R2"); n != 0 || err == nil {
		t.Errorf("%d deliveries to nowhere, %v", n, err)
	}
}

// A merchant that is down is tried again on schedule, until the caller leaves,
// each time with a new notify_time.
func TestNotifySchedule(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClient(t)
		c.paidFor("https://merchant.invalid/notify")
		c.srv.NotifyInterval = time.Minute
		c.srv.SetClock(nil)
		var times []string
		down := &http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
			body, err := io.ReadAll(r.Body)
			if err != nil {
				return nil, err
			}
			form, err := url.ParseQuery(string(body))
			times = append(times, form.Get("notify_time"))
			return nil, cmp.Or(err, io.ErrUnexpectedEOF)
		})}
		ctx, cancel := context.WithTimeout(t.Context(), 150*time.Second)
		defer cancel()
		n, err := c.srv.Notify(ctx, down, orderNo)
		if n != 3 || err == nil {
			t.Errorf("%d deliveries, %v, want 3 in two and a half minutes", n, err)
		}
		if len(times) != 3 || times[0] == times[1] || times[1] == times[2] {
			t.Errorf("notify_time %q", times)
		}
	})
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// An order that went on between two deliveries is told as it then is.
func TestNotifyTellsTheStateOfTheDay(t *testing.T) {
	c := newClient(t)
	var states []string
	m := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		states = append(states, r.PostFormValue("trade_status"))
		if len(states) == 2 {
			_, _ = io.WriteString(w, "success")
			return
		}
		if err := c.srv.SetState(orderNo, "TRADE_UNDEPOSIT"); err != nil {
			t.Error(err)
		}
	}))
	defer m.Close()
	c.paidFor(m.URL)
	if _, err := c.srv.Notify(t.Context(), nil, orderNo); err != nil {
		t.Error(err)
	}
	if !slices.Equal(states, []string{"TRADE_SUCCESS", "TRADE_UNDEPOSIT"}) {
		t.Errorf("states %q", states)
	}
}
