package fubeitest

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// The form is the provider's own to the byte, as far as the vectors are.
func TestNotificationVectors(t *testing.T) {
	checked := 0
	for _, v := range readVectors(t, "callback") {
		switch v.Name {
		case "callback-success", "callback-chinese-attach-and-encoded-plus", "callback-failure-code", "callback-money-as-string":
			checked++
			if got := sign(v.Params, v.Secret); got != v.Sign {
				t.Errorf("%s: sign %s, want %s", v.Name, got, v.Sign)
			}
			v.Params["sign"] = v.Sign
			if got := encodeForm(v.Params); got != v.Body {
				t.Errorf("%s:\n%s, want\n%s", v.Name, got, v.Body)
			}
		}
	}
	if checked != 4 {
		t.Errorf("%d vectors checked, want 4", checked)
	}
}

// merchant receives notifications and answers them one after the other.
type merchant struct {
	*httptest.Server
	answers []string // the last one for all that follow; "500" is a status
	got     []url.Values
}

func newMerchant(t *testing.T, answers ...string) *merchant {
	m := &merchant{answers: answers}
	m.Server = httptest.NewServer(m)
	t.Cleanup(m.Close)
	return m
}

func (m *merchant) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/x-www-form-urlencoded" {
		http.Error(w, "what is this?", http.StatusTeapot)
		return
	}
	body, _ := io.ReadAll(r.Body)
	form, _ := url.ParseQuery(string(body))
	m.got = append(m.got, form)
	answer := m.answers[min(len(m.got), len(m.answers))-1]
	if answer == "500" {
		w.WriteHeader(http.StatusInternalServerError)
		answer = "success"
	}
	io.WriteString(w, answer)
}

// paid makes a paid order that is notified to m.
func (m *merchant) paid(c *client, no string) {
	c.swipeWith(no, `"call_back_url":"`+m.URL+`/notify","attach":"a&b=<1>"`)
}

func (c *client) swipeWith(no, members string) {
	c.t.Helper()
	c.call(MethodSwipe, strings.Replace(swipeBiz(no, "12.50"), "{", "{"+members+",", 1)).ok(c.t)
}

// genuine reports whether a notification carries the gateway's signature.
func genuine(form url.Values, secret string) bool {
	params := make(map[string]string)
	for name := range form {
		params[name] = form.Get(name)
	}
	return signed(params, secret)
}

func TestNotify(t *testing.T) {
	c, m := newClient(t), newMerchant(t, "fail", "SUCCESS", "success\n", "500", "success")
	m.paid(c, "DP1")
	n, err := c.srv.Notify(t.Context(), nil, "DP1")
	if n != 5 || err != nil {
		t.Errorf("%d deliveries, %v, want the fifth to be acknowledged", n, err)
	}
	if len(m.got) != 5 {
		t.Fatalf("%d arrived", len(m.got))
	}
	form := m.got[4]
	if len(form) != 4 || form.Get("result_code") != "200" || form.Get("result_message") != "成功" || !genuine(form, c.srv.Secret) {
		t.Errorf("notification %v", form)
	}
	o := c.order("DP1")
	var data struct {
		OrderNo  string      `json:"merchant_order_sn"`
		OrderSN  string      `json:"order_sn"`
		TotalFee json.Number `json:"total_fee"`
		Attach   string      `json:"attach"`
		State    *string     `json:"trade_state"`
	}
	if err := json.Unmarshal([]byte(form.Get("data")), &data); err != nil {
		t.Fatal(err)
	}
	if data.OrderNo != "DP1" || data.OrderSN != o.OrderSN || data.TotalFee != "12.50" || data.Attach != "a&b=<1>" || data.State != nil {
		t.Errorf("data %s", form.Get("data"))
	}
}

func TestNotifyGivesUp(t *testing.T) {
	c, m := newClient(t), newMerchant(t, "fail")
	m.paid(c, "DP1")
	n, err := c.srv.Notify(t.Context(), http.DefaultClient, "DP1")
	if n != MaxDeliveries || len(m.got) != MaxDeliveries || err == nil || !strings.Contains(err.Error(), `"fail"`) {
		t.Errorf("%d deliveries, %d arrived, %v", n, len(m.got), err)
	}
}

func TestNotifyVariants(t *testing.T) {
	for name, test := range map[string]struct {
		variants []Variant
		genuine  bool
		code     string
		amount   string
	}{
		"forged":   {[]Variant{Forged}, false, "200", `"total_fee":12.50`},
		"tampered": {[]Variant{Tampered}, false, "200", `"total_fee":13.50`},
		"failed":   {[]Variant{Failed}, true, "400", `{"merchant_order_sn":"DP1"}`},
	} {
		t.Run(name, func(t *testing.T) {
			c, m := newClient(t), newMerchant(t, "fail", "success")
			m.paid(c, "DP1")
			n, err := c.srv.Notify(t.Context(), nil, "DP1", test.variants...)
			if once := n == 1 && err != nil; once == test.genuine {
				t.Errorf("%d deliveries, %v", n, err)
			}
			form := m.got[0]
			if genuine(form, c.srv.Secret) != test.genuine {
				t.Errorf("signature of %v", form)
			}
			if form.Get("result_code") != test.code || !strings.Contains(form.Get("data"), test.amount) {
				t.Errorf("notification %v", form)
			}
		})
	}
}

// A tampered notification must be the genuine one but for its amounts.
func TestTamperedKeepsTheSignature(t *testing.T) {
	c := newClient(t)
	c.swipe("DP1", "12.50").ok(t)
	whole, err := c.srv.Notification("DP1")
	if err != nil {
		t.Fatal(err)
	}
	changed, err := c.srv.Notification("DP1", Tampered)
	if err != nil {
		t.Fatal(err)
	}
	if whole == changed || strings.ReplaceAll(changed, "13.50", "12.50") != whole {
		t.Errorf("%s\nis not a change of amounts in\n%s", changed, whole)
	}
}

func TestNotificationNeedsPayment(t *testing.T) {
	c := newClient(t)
	c.srv.AskPassword(-1)
	c.swipe("DP1", "1.00").ok(t)
	if _, err := c.srv.Notification("DP1"); err == nil {
		t.Error("an unpaid order was notified")
	}
	if _, err := c.srv.Notification("DP1", Failed); err != nil {
		t.Error(err)
	}
	if _, err := c.srv.Notification("DP9"); err == nil {
		t.Error("an unknown order was notified")
	}
	if _, err := c.srv.Notify(t.Context(), nil, "DP9"); err == nil {
		t.Error("an unknown order was notified")
	}
	c.swipe("DP2", "1.00").ok(t)
	if n, err := c.srv.Notify(t.Context(), nil, "DP2"); n != 0 || err == nil {
		t.Errorf("%d deliveries to nowhere, %v", n, err)
	}
}

// A merchant that is down is tried again on schedule, until the caller leaves.
func TestNotifySchedule(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClient(t)
		c.srv.NotifyInterval = time.Minute
		c.swipeWith("DP1", `"call_back_url":"https://merchant.invalid/notify"`)
		ctx, cancel := context.WithTimeout(t.Context(), 150*time.Second)
		defer cancel()
		c.srv.Unreachable(MaxDeliveries)
		n, err := c.srv.Notify(ctx, &http.Client{Transport: c.srv.Transport()}, "DP1")
		if n != 3 || err == nil {
			t.Errorf("%d deliveries, %v, want 3 in two and a half minutes", n, err)
		}
	})
}
