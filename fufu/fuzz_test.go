package fufu

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/duopay/duopay"
	"github.com/duopay/duopay/internal/exchange"
	"github.com/duopay/duopay/internal/wire"
)

func manualNotification(t testing.TB) string {
	t.Helper()
	data, err := os.ReadFile("testdata/notification-manual.json")
	require.NoError(t, err)
	return string(data)
}

// Whatever the gateway answers, paid is said only of an order that the answer
// says is paid, and nothing is certain but what the list has.
func FuzzReply(f *testing.F) {
	for _, v := range readVectors(f).Responses {
		f.Add([]byte(v.Body))
	}
	for _, seed := range []string{`{"result":{"return_code":"SUCESS"},"data":{"out_trade_no":"DP1","state":"1","total_fee":"250"}}`, `[]`, `{}`, "\xff", ``} {
		f.Add([]byte(seed))
	}
	sent := fields{{Name: "out_trade_no", Value: []byte(`"DP1"`)}}
	f.Fuzz(func(t *testing.T, body []byte) {
		v, err := open(order, &exchange.Answer{Status: http.StatusOK, Body: body}, sent)
		if err != nil {
			var e *duopay.Error
			if errors.As(err, &e) && e.Certain && Code(e.Code).Class() != ClassRejected {
				t.Fatalf("certain: %v", err)
			}
			return
		}
		o := new(Order)
		if v.data.Decode(o) != nil || o.accept(250, CNY) != nil {
			return
		}
		if no := fields(v.data).text("out_trade_no"); no != "" && no != "DP1" {
			t.Fatalf("believed an answer about %q", no)
		}
		payment := Gateway{}.payment(o, "DP1", nil)
		if payment.Status.Paid() {
			if fen, err := o.TotalFee.Fen(); err == nil && fen != 250 || o.FeeType != "" && o.FeeType != CNY {
				t.Fatalf("believed a payment of %v %s", fen, o.FeeType)
			}
		}
		_, _ = o.ExchangeRate.Decimal()
		_ = o.String()
	})
}

// A repaired answer is an answer, of which payInfo is an object and nothing
// else was touched.
func FuzzPayInfo(f *testing.F) {
	for _, seed := range []string{
		`{"data":{"payInfo":"{"appId":"wx","package":"p=1","callback_url":null}"}}`,
		"{\n \"payInfo\" : \"{\"a\":\"}\"}\" , \"x\":1}", `{"payInfo":"{}"}`, `{"payInfo":"{"a":{"b":1}}"}`, `"payInfo":"{`, `{"payInfo":"{\"a\":1}"}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		before := bytes.Clone(body)
		repaired := repair(body)
		if !bytes.Equal(before, body) {
			t.Fatal("the body was changed")
		}
		var p PayInfo
		if object, err := readReply(body); err == nil {
			for _, m := range object {
				_ = p.UnmarshalJSON(m.Value)
				if p != nil && !json.Valid(p) {
					t.Fatalf("payInfo is %q", p)
				}
			}
		}
		if repaired == nil {
			return
		}
		if len(repaired) != len(body)-2 {
			t.Fatalf("%q became %q", body, repaired)
		}
		at := strings.Index(string(repaired), `"payInfo"`)
		if at < 0 || !bytes.Equal(repaired[:at], body[:at]) {
			t.Fatalf("%q became %q", body, repaired)
		}
	})
}

// Without the key nobody makes a notification that is believed, but for white
// space, which changes nothing that counts.
func FuzzNotification(f *testing.F) {
	address, genuine := notice(paidBody)
	f.Add(address.RawQuery, []byte(genuine))
	f.Add(address.RawQuery, []byte(strings.Replace(genuine, `"state"`, `"sta te"`, 1)))
	f.Add("a=b?"+address.RawQuery, []byte(strings.ReplaceAll(genuine, ",", " ,\n")))
	f.Add("sign=00000000000000000000000000000000:1700000060000", []byte(manualNotification(f)))
	f.Add("sign=%zz&sign", []byte("{}"))
	c := testClient(f, testKey, testNow)
	f.Fuzz(func(t *testing.T, query string, body []byte) {
		u := &url.URL{RawQuery: query}
		_, _ = c.NotificationStringToSign(u, body)
		n, err := c.ParseNotification(http.MethodPost, u, body)
		if err != nil {
			if !errors.Is(err, duopay.ErrMalformed) && !errors.Is(err, duopay.ErrSignature) && !errors.Is(err, duopay.ErrStale) {
				t.Fatal(err)
			}
			return
		}
		if !n.Paid() || n.Order.OrderNo != "DP1" || n.Order.TotalFee != "250" || n.Order.FeeType != CNY || n.Order.BusiID != testBusiID {
			t.Fatalf("believed %q", body)
		}
	})
}

// What is decoded from a genuine notification is complete, whatever it says.
func FuzzGenuineNotification(f *testing.F) {
	f.Add([]byte(paidBody))
	f.Add([]byte(manualNotification(f)))
	f.Add([]byte(`{"result":{},"data":{"out_trade_no":"DP1"}}`))
	gateway := Gateway{Client: testClient(f, testKey, testNow)}
	f.Fuzz(func(t *testing.T, body []byte) {
		address, _ := notice(string(body))
		n, err := gateway.ParseNotification(http.MethodPost, address, nil, body)
		if err != nil {
			return
		}
		object, err := wire.ReadObject(body)
		if err != nil || n.Payment.OrderNo == "" || strings.ContainsAny(n.Payment.OrderNo+n.Payment.State, " \t\n\v\f\r") {
			t.Fatalf("believed %q", body)
		}
		if n.Payment.Status.Paid() && !bytes.Contains(object.Get("result"), []byte("SUC")) {
			t.Fatalf("paid: %q", body)
		}
	})
}

// The signature is over the bytes that \s in Java does not match, in order.
func FuzzStrip(f *testing.F) {
	f.Add([]byte("a \t\n\v\f\r\u00a0\u3000\u0085b"))
	f.Fuzz(func(t *testing.T, body []byte) {
		before := bytes.Clone(body)
		want := strings.NewReplacer(" ", "", "\t", "", "\n", "", "\v", "", "\f", "", "\r", "").Replace(string(body))
		if string(strip(body)) != want || !bytes.Equal(before, body) {
			t.Fatalf("%q became %q", before, strip(body))
		}
	})
}
