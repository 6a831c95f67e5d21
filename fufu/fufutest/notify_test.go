package fufutest

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/duopay/duopay/internal/sandbox"
)

// The signature of a notification leaves out the blanks that were put in.
func TestNotificationVectors(t *testing.T) {
	for _, v := range readVectors(t, "notifications") {
		at, ok := signed(v.Sign, []byte(v.Body), v.Key)
		if !ok || sign([]byte(v.Body), v.Key, at) != v.Sign {
			t.Errorf("%s: signature %s", v.Name, v.Sign)
		}
	}
}

// merchant receives notifications and answers them one after the other.
type merchant struct {
	*httptest.Server
	answers []string // the last one for all that follow; "500" is a status

	mu  sync.Mutex
	got []delivery
}

type delivery struct {
	query, body string
	data        map[string]any
}

func newMerchant(t *testing.T, answers ...string) *merchant {
	t.Helper()
	m := &merchant{answers: answers}
	m.Server = httptest.NewServer(m)
	t.Cleanup(m.Close)
	return m
}

func (m *merchant) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/json;charset=UTF-8" {
		http.Error(w, "what is this?", http.StatusTeapot)
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	body, _ := io.ReadAll(r.Body)
	m.got = append(m.got, delivery{query: r.URL.RawQuery, body: string(body), data: dataIn(body)})
	answer := m.answers[min(len(m.got), len(m.answers))-1]
	if answer == "500" {
		w.WriteHeader(http.StatusInternalServerError)
		answer = "SUCCESS"
	}
	_, _ = io.WriteString(w, answer)
}

func dataIn(body []byte) map[string]any {
	var envelope struct{ Data map[string]any }
	dec := json.NewDecoder(strings.NewReader(string(body)))
	dec.UseNumber()
	_ = dec.Decode(&envelope)
	return envelope.Data
}

// preOrder makes a paid preOrder that is notified to m.
func (m *merchant) preOrder(c *client, no string) {
	c.t.Helper()
	c.paid(no, params{"notifyUrl": m.URL + "/notify", "operator_id": "Li Lei", "merchant_param": "dGFibGU9Nw=="})
}

// genuine reports whether a delivery carries the gateway's signature.
func (d delivery) genuine(key string) bool {
	value, found := strings.CutPrefix(d.query, "sign=")
	_, ok := signed(value, []byte(d.body), key)
	return found && ok
}

func TestNotify(t *testing.T) {
	c, m := newClient(t), newMerchant(t, "FAIL", "success", "SUCCESS\n", "500", "SUCCESS")
	c.setClock(noon)
	m.preOrder(c, "DP1")
	n, err := c.srv.Notify(t.Context(), nil, "DP1")
	if n != 5 || err != nil {
		t.Errorf("%d deliveries, %v, want the fifth to be acknowledged", n, err)
	}
	if len(m.got) != 5 {
		t.Fatalf("%d arrived", len(m.got))
	}
	d, o := m.got[4], c.book("DP1")
	if !d.genuine(c.srv.Key) || !strings.HasPrefix(d.body, `{"result":{"return_msg":"OK","return_code":"SUCCESS"},"data":{"busi_id":`) {
		t.Errorf("delivery %+v", d)
	}
	answer{t: t, Data: d.data}.has(map[string]string{
		"busi_id": `"990000000000001"`, "channel_trade_no": `"2099010221001004000000000001"`, "trade_no": `"` + o.TradeNo + `"`,
		"out_trade_no": `"DP1"`, "phone_code": `"1755802125` + o.TradeNo + `"`, "operator_id": `"Li Lei"`, "terminal_id": "",
		"merchant_param": `"dGFibGU9Nw=="`, "begin_time": `"20990102120000"`, "end_time": `"20990102120000"`, "total_fee": "250",
		"fee_type": `"CNY"`, "exchange_rate": "", "trans_amount_cny": "", "credit": `"balance"`, "channel_type": `"1"`, "state": "1",
		"return_code": "", "auth_code": "",
	})
	if at, _ := signed(strings.TrimPrefix(d.query, "sign="), []byte(d.body), c.srv.Key); !at.Equal(noon) {
		t.Errorf("signed at %v", at)
	}
}

func TestNotifyForeignCurrency(t *testing.T) {
	c := newClient(t)
	c.paid("DP1", params{"fee_type": "HKD", "time_zone": "z"})
	_, body, err := c.srv.Notification("DP1")
	if err != nil {
		t.Fatal(err)
	}
	answer{t: t, Data: dataIn([]byte(body))}.has(map[string]string{
		"fee_type": `"HKD"`, "exchange_rate": `"0.9137"`, "trans_amount_cny": "228", "time_zone": `"z"`,
	})
}

func TestNotifyGivesUp(t *testing.T) {
	c, m := newClient(t), newMerchant(t, "FAIL")
	m.preOrder(c, "DP1")
	n, err := c.srv.Notify(t.Context(), http.DefaultClient, "DP1")
	if n != MaxDeliveries || len(m.got) != MaxDeliveries || err == nil || !strings.Contains(err.Error(), `"FAIL"`) {
		t.Errorf("%d deliveries, %d arrived, %v", n, len(m.got), err)
	}
}

func TestNotifyVariants(t *testing.T) {
	for what, test := range map[string]struct {
		variants  []Variant
		signed    bool
		once      bool // however it is answered
		want, not []string
	}{
		"usual":         {nil, true, false, []string{`"total_fee":250,`, `"state":1}`}, []string{"\n"}},
		"pretty":        {[]Variant{Pretty}, true, false, []string{"{\n    \"result\": {\n        \"return_msg\": \"OK\",", `"operator_id": "Li Lei"`}, nil},
		"sparse":        {[]Variant{Sparse}, true, false, []string{`"data":{"trade_no":`, `"state":1}`}, []string{"busi_id", "channel_trade_no", "phone_code"}},
		"strings":       {[]Variant{Strings}, true, false, []string{`"total_fee":"250"`, `"state":"1"`}, nil},
		"failed":        {[]Variant{Failed}, true, false, []string{`"data":{"return_code":"FAIL","return_msg":"EXCEPTION","busi_id"`}, nil},
		"unpaid":        {[]Variant{Unpaid}, true, false, []string{`"state":1}`}, nil},
		"stale":         {[]Variant{Stale}, true, true, []string{`"state":1}`}, nil},
		"merchant":      {[]Variant{OtherMerchant}, true, true, []string{`"busi_id":"990000000000099"`}, []string{"990000000000001"}},
		"forged":        {[]Variant{Forged}, false, true, []string{`"total_fee":250,`, `"state":1}`}, nil},
		"tampered":      {[]Variant{Tampered}, false, true, []string{`"total_fee":350,`}, []string{"250"}},
		"spaced text":   {[]Variant{SpacedText}, true, true, []string{`"return_msg":" OK"`}, nil},
		"spaced number": {[]Variant{SpacedNumber}, true, true, []string{`"out_trade_no":" DP1"`}, nil},
		"spaced name":   {[]Variant{SpacedName}, true, true, []string{`"sta te":1}`}, []string{`"state"`}},
		"pretty tampered strings": {
			[]Variant{Pretty, Strings, Tampered}, false, true, []string{`"total_fee": "350"`}, []string{"250"},
		},
		"pretty spaced": {[]Variant{Pretty, SpacedName, SpacedNumber}, true, true, []string{`"sta te": 1`, `"out_trade_no": " DP1"`}, nil},
	} {
		t.Run(what, func(t *testing.T) {
			c, m := newClient(t), newMerchant(t, "FAIL", "SUCCESS")
			c.setClock(noon)
			m.preOrder(c, "DP1")
			n, err := c.srv.Notify(t.Context(), nil, "DP1", test.variants...)
			if test.once != (n == 1 && err != nil) || !test.once && (n != 2 || err != nil) {
				t.Errorf("%d deliveries, %v", n, err)
			}
			d := m.got[0]
			if d.genuine(c.srv.Key) != test.signed {
				t.Errorf("signed %v, want %v", d.genuine(c.srv.Key), test.signed)
			}
			contains(t, d.body, test.want, test.not)
			if !json.Valid([]byte(d.body)) {
				t.Errorf("not JSON: %s", d.body)
			}
		})
	}
}

// What the variants do is done to the genuine notification and no other.
func TestVariantsKeepTheSignature(t *testing.T) {
	c := newClient(t)
	c.setClock(noon)
	c.paid("DP1", nil)
	signature, body, err := c.srv.Notification("DP1")
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range []Variant{Pretty, Tampered, SpacedText, SpacedNumber, SpacedName} {
		same, changed, err := c.srv.Notification("DP1", v)
		if err != nil || same != signature || changed == body {
			t.Errorf("variant %d: %s %s, %v", v, same, changed, err)
		}
	}
	for _, v := range []Variant{Forged, Stale} {
		other, same, err := c.srv.Notification("DP1", v)
		if err != nil || other == signature || same != body {
			t.Errorf("variant %d: %s %s, %v", v, other, same, err)
		}
	}
	stale, _, _ := c.srv.Notification("DP1", Stale)
	if at, ok := signed(stale, []byte(body), c.srv.Key); !ok || !at.Equal(noon.Add(-24*time.Hour)) {
		t.Errorf("stale: signed at %v", at)
	}
}

// A notification that comes late says what was true when the order was paid.
func TestNotificationAfterRefund(t *testing.T) {
	c := newClient(t)
	c.paid("DP1", nil)
	c.call(OpRefund, c.refundParams("DP1", "R1", "250")).ok()
	c.call(OpRefundQuery, c.byClerk("R1")).ok()
	c.state("DP1", StateRefunded, 250, 250)
	for variant, want := range map[Variant]string{Pretty: `"state": 1`, Unpaid: `"state":5`} {
		if _, body, err := c.srv.Notification("DP1", variant); err != nil || !strings.Contains(body, want) {
			t.Errorf("%s, %v, want %s", body, err, want)
		}
	}
}

func TestNotificationNeedsPayment(t *testing.T) {
	c := newClient(t)
	c.preOrder("DP1").ok()
	if _, _, err := c.srv.Notification("DP1"); err == nil {
		t.Error("an unpaid order was notified")
	}
	if _, body, err := c.srv.Notification("DP1", Failed); err != nil || !strings.Contains(body, `"state":1`) {
		t.Error(body, err)
	}
	if _, body, err := c.srv.Notification("DP1", Unpaid); err != nil || !strings.Contains(body, `"state":0`) || strings.Contains(body, "end_time") {
		t.Error(body, err)
	}
	c.order("DP2").ok()
	for _, no := range []string{"DP2", "DP9"} {
		if _, _, err := c.srv.Notification(no); err == nil {
			t.Errorf("%s was notified, which is no preOrder", no)
		}
		if n, err := c.srv.Notify(t.Context(), nil, no); n != 0 || err == nil {
			t.Errorf("%s: %d deliveries, %v", no, n, err)
		}
	}
	c.pay("DP1")
	if n, err := c.srv.Notify(t.Context(), nil, "DP1"); n != 0 || err == nil {
		t.Errorf("%d deliveries to nowhere, %v", n, err)
	}
}

// The signature is put behind the address as the manual says, come what may.
func TestNotifyURLWithQuery(t *testing.T) {
	c, m := newClient(t), newMerchant(t, "SUCCESS")
	c.paid("DP1", params{"notifyUrl": m.URL + "/notify?shop=1"})
	if _, err := c.srv.Notify(t.Context(), nil, "DP1"); err != nil {
		t.Fatal(err)
	}
	if query := m.got[0].query; !strings.HasPrefix(query, "shop=1?sign=") {
		t.Errorf("query %s", query)
	}
}

func TestNotifyTwiceAtOnce(t *testing.T) {
	c, m := newClient(t), newMerchant(t, "SUCCESS")
	m.preOrder(c, "DP1")
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			if n, err := c.srv.Notify(t.Context(), nil, "DP1"); n != 1 || err != nil {
				t.Errorf("%d deliveries, %v", n, err)
			}
		})
	}
	wg.Wait()
	if len(m.got) != 2 {
		t.Errorf("%d arrived", len(m.got))
	}
}

// A merchant that is down is tried again on the provider's schedule.
func TestNotifySchedule(t *testing.T) {
	for what, test := range map[string]struct {
		leave time.Duration
		want  int
		took  time.Duration
	}{
		"all":         {time.Hour, MaxDeliveries, 25 * time.Second},
		"caller left": {12 * time.Second, 3, 12 * time.Second},
	} {
		t.Run(what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newClient(t)
				c.srv.NotifyInterval = 5 * time.Second
				c.paid("DP1", params{"notifyUrl": "https://merchant.invalid/notify"})
				ctx, cancel := context.WithTimeout(t.Context(), test.leave)
				defer cancel()
				c.srv.Unreachable(MaxDeliveries)
				start := time.Now()
				n, err := c.srv.Notify(ctx, &http.Client{Transport: c.srv.Transport()}, "DP1")
				if took := time.Since(start); n != test.want || err == nil || took != test.took {
					t.Errorf("%d deliveries in %v, %v, want %d in %v", n, took, err, test.want, test.took)
				}
			})
		})
	}
}

// In a bubble, too, a signature has the documented form.
func TestSignatureInBubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClient(t)
		c.paid("DP1", nil)
		signature, _, err := c.srv.Notification("DP1")
		if err != nil || len(signature) != 32+1+13 {
			t.Errorf("%s, %v", signature, err)
		}
		// A client that does not fill up with zeros is understood.
		body := sandbox.JSON(c.of("DP1"))
		const ms = "946684800000"
		_, reply, err := c.do(c.request(OpQuery, digest(body, c.srv.Key, ms)+":"+ms, body))
		if err != nil {
			t.Fatal(err)
		}
		c.read(reply).ok()
	})
}
