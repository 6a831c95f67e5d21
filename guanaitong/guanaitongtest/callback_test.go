package guanaitongtest

import (
	"context"
	"crypto"
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// The messages are the provider's own to the byte, as far as the vectors are.
func TestCallbackBytes(t *testing.T) {
	checked := 0
	for _, v := range readVectors(t, false) {
		if !v.Valid || strings.Contains(v.Name, "plus") || strings.Contains(v.Name, "blank") {
			continue // encoded in other ways than ours
		}
		checked++
		c := newClient(t)
		c.srv.Seller = App{v.Params["appid"], v.Secret}
		c.at(time.Unix(mustInt(t, v.Params["timestamp"]), 0))
		fen, err := parseYuan(max(v.Params["total_amount"], "0"))
		if err != nil {
			t.Fatal(err)
		}
		c.srv.book.orders = []*order{{
			Order: Order{
				OrderNo: v.Params["outer_trade_no"], TradeNo: v.Params["trade_no"], AmountFen: fen, Attach: v.Params["attach"],
				PaidAt: c.srv.clock.Now(), ReturnURL: "https://shop.invalid/",
			},
			payer: Employee{OpenID: v.Params["buyer_open_id"]},
		}}
		got := c.message(t, v.Kind, v.Params["outer_trade_no"], map[bool][]Variant{true: {Fail}}[v.Params["pay_result"] == "fail"]...)
		if got != v.Raw {
			t.Errorf("%s:\n%s, want\n%s", v.Name, got, v.Raw)
		}
	}
	if checked != 7 {
		t.Errorf("%d vectors checked, want 7", checked)
	}
}

// message is a notification, a refund's notification or the query of a return
// page.
func (c *client) message(t *testing.T, kind, number string, variants ...Variant) string {
	t.Helper()
	build := map[string]func(string, ...Variant) (string, error){
		"notify": c.srv.Notification, "refund": c.srv.RefundNotification, "return": c.srv.ReturnPage,
	}[kind]
	text, err := build(number, variants...)
	if err != nil {
		t.Fatal(err)
	}
	if _, query, found := strings.Cut(text, "?"); found {
		return query
	}
	return text
}

// refunded is a client with an order that is paid and partly refunded; its
// numbers are no(1) and no(2).
func refunded(t *testing.T) *client {
	t.Helper()
	c := newClient(t)
	c.pay(c.no(1), "attach", "桌号=7").ok(t)
	c.call(PathRefund, c.refund(c.no(1), c.no(2), "2.50")).ok(t)
	return c
}

func (c *client) numberOf(kind string) string {
	return c.no(map[string]int{"notify": 1, "return": 1, "refund": 2}[kind])
}

func TestVariants(t *testing.T) {
	for name, test := range map[string]struct {
		variants []Variant
		reason   string
		believed bool // by a merchant who checks nothing but the digest
	}{
		"genuine":           {nil, "", true},
		"upper case":        {[]Variant{UpperCase}, "", true},
		"forged":            {[]Variant{Forged}, "bad_signature", false},
		"tampered":          {[]Variant{Tampered}, "bad_signature", false},
		"stale":             {[]Variant{Stale}, "stale_timestamp", true},
		"future":            {[]Variant{Future}, "stale_timestamp", true},
		"unknown app":       {[]Variant{UnknownApp}, "unknown_app", true},
		"duplicate field":   {[]Variant{DuplicateField}, "malformed", true},
		"recut":             {[]Variant{Recut}, "malformed", true},
		"extended":          {[]Variant{Extended}, "malformed", true},
		"stale, upper case": {[]Variant{UpperCase, Stale}, "stale_timestamp", true},
		"recut, upper case": {[]Variant{Recut, UpperCase}, "malformed", true},
	} {
		for _, kind := range []string{"notify", "refund", "return"} {
			for _, byCaller := range []bool{false, true} {
				c := refunded(t)
				c.srv.SignAsCaller = byCaller
				app := c.srv.Seller
				if byCaller {
					app = c.srv.Caller
				}
				raw := c.message(t, kind, c.numberOf(kind), test.variants...)
				params, reason := c.judge().verify(kind, raw)
				if reason != test.reason {
					t.Errorf("%s %s: refused as %q, want %q: %s", name, kind, reason, test.reason, raw)
				}
				if believes(raw, app) != test.believed {
					t.Errorf("%s %s: believed %v: %s", name, kind, !test.believed, raw)
				}
				if reason == "" && params["appid"] != app.ID {
					t.Errorf("%s %s: appid %s", name, kind, params["appid"])
				}
			}
		}
	}
}

func TestMessageFields(t *testing.T) {
	c := refunded(t)
	o := c.order(c.no(1))
	for kind, want := range map[string]map[string]string{
		"notify": {
			"outer_trade_no": o.OrderNo, "total_amount": "12.50", "trade_no": o.TradeNo, "attach": "桌号=7",
			"buyer_open_id": "0123456789abcdef0123456789abcdef",
		},
		"refund": {
			"outer_trade_no": o.OrderNo, "outer_refund_no": c.no(2), "refund_amount": "2.50", "trade_no": o.Refunds[0].TradeNo,
		},
		"return": {"outer_trade_no": o.OrderNo, "pay_result": "success", "attach": "桌号=7"},
	} {
		params, _ := c.judge().verify(kind, c.message(t, kind, c.numberOf(kind)))
		if len(params) != len(want)+3 { // appid, timestamp, sign
			t.Errorf("%s: %v", kind, params)
		}
		for name, want := range want {
			if params[name] != want {
				t.Errorf("%s: %s is %s, want %s", kind, name, params[name], want)
			}
		}
	}
	params, _ := c.judge().verify("return", c.message(t, "return", c.no(1), Fail))
	if params["pay_result"] != "fail" {
		t.Errorf("returned %v", params)
	}
}

// What was tampered with must be the genuine message but for one field.
func TestTamperedKeepsTheSignature(t *testing.T) {
	c := refunded(t)
	c.at(time.Unix(4070995445, 0))
	for kind, change := range map[string][2]string{
		"notify": {"total_amount=13.50", "total_amount=12.50"},
		"refund": {"refund_amount=3.50", "refund_amount=2.50"},
		"return": {"pay_result=fail", "pay_result=success"},
	} {
		whole := c.message(t, kind, c.numberOf(kind))
		tampered := c.message(t, kind, c.numberOf(kind), Tampered)
		if tampered == whole || strings.Replace(tampered, change[0], change[1], 1) != whole {
			t.Errorf("%s\nis not a change of one field in\n%s", tampered, whole)
		}
	}
	failed := c.message(t, "return", c.no(1), Fail)
	if strings.Replace(c.message(t, "return", c.no(1), Fail, Tampered), "success", "fail", 1) != failed {
		t.Error("a failure was not made a success")
	}
}

// The attack is real: the payer of one order gets the signature of another's
// notification from the platform itself.
func TestRecutIsHonest(t *testing.T) {
	c := newClient(t)
	c.at(time.Unix(4070995445, 0))
	victim := c.srv.Seller.ID + "11"
	c.srv.SlowPay(-1)
	c.srv.SetEmployee(Employee{UserID: "U2", OpenID: "1", Accounts: []Account{{OpenID: "P", Type: AccountPoints, BalanceFen: 99_00}}})
	code, err := c.srv.AuthCode("U2")
	if err != nil {
		t.Fatal(err)
	}
	c.pay(victim, "point", "99.00", "auth_code", code).ok(t)
	c.srv.book.orders[0].TradeNo = "1" // a merchant who takes any

	forged, err := c.srv.Notification(victim, Recut)
	if err != nil {
		t.Fatal(err)
	}
	attach := "1&buyer_open_id=1&outer_trade_no=" + victim + "&timestamp=4070995445&total_amount=99.00&trade_no=1"
	own := recutOrder(c.srv.Seller)
	c.pay(own, "point", "0.01", "attach", attach).ok(t)
	page := c.message(t, "return", own)

	signature := func(raw string) string {
		values, err := url.ParseQuery(raw)
		if err != nil {
			t.Fatal(err)
		}
		return values.Get("sign")
	}
	if signature(page) != signature(forged) {
		t.Errorf("%s\ndoes not have the signature of\n%s", forged, page)
	}
	values, _ := url.ParseQuery(forged)
	if values.Get("outer_trade_no") != victim || values.Get("total_amount") != "99.00" || !believes(forged, c.srv.Seller) {
		t.Errorf("forged %v", values)
	}
	c.state(victim, StatusPaying, 0, 0)
	if _, reason := c.judge().verify("notify", forged); reason != "malformed" {
		t.Errorf("refused as %q", reason)
	}
	if _, reason := c.judge().verify("return", page); reason != "" {
		t.Errorf("the page itself is refused as %q", reason)
	}
}

func TestExtend(t *testing.T) {
	for _, hash := range []crypto.Hash{crypto.SHA1, crypto.SHA256, crypto.SHA512} {
		digest := func(text string) []byte {
			h := hash.New()
			h.Write([]byte(text))
			return h.Sum(nil)
		}
		for length := range 300 {
			secret := strings.Repeat("s", length)
			glue, got := extend(hash, digest(secret), length, "&z=1")
			if want := digest(secret + glue + "&z=1"); hex.EncodeToString(got) != hex.EncodeToString(want) {
				t.Fatalf("%v of %d bytes: %x, want %x", hash, length, got, want)
			}
		}
	}
}

func TestCallbacksOfOtherHashes(t *testing.T) {
	for _, hash := range []crypto.Hash{crypto.SHA256, crypto.SHA512} {
		c := refunded(t)
		c.srv.Hash = hash
		if _, reason := c.judge().verify("notify", c.message(t, "notify", c.no(1))); reason != "" {
			t.Errorf("%v: refused as %s", hash, reason)
		}
	}
}

func TestMessageNeedsPayment(t *testing.T) {
	c := newClient(t)
	c.srv.SlowPay(-1)
	c.pay(c.no(1)).ok(t)
	for _, variants := range [][]Variant{nil, {UpperCase}} {
		if _, err := c.srv.Notification(c.no(1), variants...); err == nil {
			t.Error("an unpaid order was notified")
		}
	}
	if raw := c.message(t, "notify", c.no(1), Forged); believes(raw, c.srv.Seller) {
		t.Error("a forged notification is signed")
	}
	for _, build := range []func(string, ...Variant) (string, error){c.srv.Notification, c.srv.RefundNotification, c.srv.ReturnPage} {
		if _, err := build(c.no(9)); err == nil || !strings.HasPrefix(err.Error(), "guanaitongtest: ") {
			t.Errorf("error %v", err)
		}
	}
	for _, notify := range []func(context.Context, *http.Client, string, ...Variant) (int, error){c.srv.Notify, c.srv.NotifyRefund} {
		if n, err := notify(t.Context(), nil, c.no(9)); n != 0 || err == nil {
			t.Errorf("%d deliveries, %v", n, err)
		}
	}
}

// shop receives notifications and answers them one after the other.
type shop struct {
	*httptest.Server
	answers []string // the last one for all that follow; "500" is a status
	got     []string
}

func newShop(t *testing.T, answers ...string) *shop {
	t.Helper()
	m := &shop{answers: answers}
	m.Server = httptest.NewServer(m)
	t.Cleanup(m.Close)
	return m
}

func (m *shop) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/x-www-form-urlencoded" {
		http.Error(w, "what is this?", http.StatusTeapot)
		return
	}
	body, _ := io.ReadAll(r.Body)
	m.got = append(m.got, string(body))
	answer := m.answers[min(len(m.got), len(m.answers))-1]
	if answer == "500" {
		w.WriteHeader(http.StatusInternalServerError)
		answer = "success"
	}
	_, _ = io.WriteString(w, answer)
}

func TestNotify(t *testing.T) {
	c, m := newClient(t), newShop(t, "fail", "SUCCESS", "success\n", "500", "success")
	c.pay(c.no(1), "notify_url", m.URL+"/notify").ok(t)
	n, err := c.srv.Notify(t.Context(), nil, c.no(1))
	if n != 5 || err != nil || len(m.got) != 5 {
		t.Fatalf("%d deliveries, %v, %d arrived, want the fifth to be acknowledged", n, err, len(m.got))
	}
	for _, raw := range m.got {
		if params, reason := c.judge().verify("notify", raw); reason != "" || params["outer_trade_no"] != c.no(1) {
			t.Errorf("%s: %s", raw, reason)
		}
	}
}

func TestNotifyRefund(t *testing.T) {
	c, m := newClient(t), newShop(t, "fail", "success")
	c.pay(c.no(1)).ok(t)
	c.call(PathRefund, change(c.refund(c.no(1), c.no(2), "2.50"), "notify_url", m.URL)).ok(t)
	c.call(PathRefund, c.refund(c.no(1), c.no(3), "2.50")).ok(t)
	if n, err := c.srv.NotifyRefund(t.Context(), http.DefaultClient, c.no(2)); n != 2 || err != nil || len(m.got) != 2 {
		t.Errorf("%d deliveries, %v, %d arrived", n, err, len(m.got))
	}
	if params, reason := c.judge().verify("refund", m.got[1]); reason != "" || params["outer_refund_no"] != c.no(2) {
		t.Errorf("%s: %s", m.got[1], reason)
	}
	if n, err := c.srv.NotifyRefund(t.Context(), nil, c.no(3)); n != 0 || err == nil {
		t.Errorf("%d deliveries to nowhere, %v", n, err)
	}
}

func TestNotifyFalse(t *testing.T) {
	for _, variant := range []Variant{Forged, Tampered, Stale, Future, UnknownApp, DuplicateField, Recut, Extended} {
		c, m := newClient(t), newShop(t, "fail", "success")
		c.pay(c.no(1), "notify_url", m.URL).ok(t)
		if n, err := c.srv.Notify(t.Context(), nil, c.no(1), variant); n != 1 || err == nil {
			t.Errorf("variant %d: %d deliveries, %v", variant, n, err)
		}
	}
	c, m := newClient(t), newShop(t, "fail", "success")
	c.pay(c.no(1), "notify_url", m.URL).ok(t)
	if n, err := c.srv.Notify(t.Context(), nil, c.no(1), UpperCase); n != 2 || err != nil {
		t.Errorf("%d deliveries, %v", n, err)
	}
}

// A shop that is down is tried again on schedule, each time with a new
// timestamp unless that is to be kept.
func TestNotifySchedule(t *testing.T) {
	for _, keep := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			c := newClient(t)
			c.srv.NotifySchedule = DocumentedSchedule()
			c.srv.KeepTimestamp = keep
			c.pay(c.no(1)).ok(t)
			start := time.Now()
			var timestamps []string
			down := roundTripper(func(r *http.Request) (*http.Response, error) {
				body, _ := io.ReadAll(r.Body)
				values, err := url.ParseQuery(string(body))
				timestamps = append(timestamps, values.Get("timestamp"))
				if _, reason := c.judge().verify("notify", string(body)); !keep && reason != "" {
					t.Errorf("refused as %s", reason)
				}
				if err == nil {
					err = io.ErrUnexpectedEOF
				}
				return nil, err
			})
			n, err := c.srv.Notify(t.Context(), &http.Client{Transport: down}, c.no(1))
			if n != 9 || err == nil || len(timestamps) != 9 {
				t.Errorf("%d deliveries, %v", n, err)
			}
			if took := time.Since(start); took != 24*time.Hour+28*time.Minute {
				t.Errorf("took %v", took)
			}
			if same := timestamps[0] == timestamps[8]; same != keep {
				t.Errorf("timestamps %v", timestamps)
			}
		})
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestNotifyStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClient(t)
		c.srv.NotifySchedule = DocumentedSchedule()
		c.pay(c.no(1)).ok(t)
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
		defer cancel()
		c.srv.Unreachable(9)
		if n, err := c.srv.Notify(ctx, &http.Client{Transport: c.srv.Transport()}, c.no(1)); n != 3 || err == nil {
			t.Errorf("%d deliveries, %v, want 3 in ten minutes", n, err)
		}
	})
	c := newClient(t)
	c.pay(c.no(1), "notify_url", "https://shop.invalid/%zz").refused(t, 1000220002, "notify_url: ")
}
