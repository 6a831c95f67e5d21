package guanaitong

import (
	"errors"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/duopay/duopay"
	"github.com/duopay/duopay/internal/exchange"
)

// Whatever the platform answers, a report is made only of an answer that is one,
// and every error has a meaning.
func FuzzReply(f *testing.F) {
	for _, seed := range []string{
		`{"code":0,"msg":"OK","data":"2099010200000001"}`, `{"code":"0","data":{"outer_trade_no":"9000000201","status":3,"total_amount":100}}`,
		`{"code":0,"data":"{\"out_trade_no\":9000000201,\"status\":\"3\",\"pay_amount\":\"100.00\"}"}`, `{"code":1000210014,"msg":"x","data":null}`,
		`{"code":0,"data":{"total_count":1,"data_list":[{"outer_trade_no":"9000000201","status":3,"total_amount":1e2}]}}`,
		`{"code":0,"data":[{"account_openid":"1","type":4}]}`, `{"code":0,"data":{"access_token":"t","expires_in":3600}}`, `[]`, `{}`, "\xff", ``,
	} {
		f.Add([]byte(seed))
	}
	sent := message{numbers: map[string]string{"outer_trade_no": "9000000201"}}
	amount := duopay.MustMoney("100")
	f.Fuzz(func(t *testing.T, body []byte) {
		p, err := open(pay, &exchange.Answer{Status: http.StatusOK, Body: body}, sent)
		if err != nil {
			var e *duopay.Error
			if errors.As(err, &e) && e.Kind != duopay.Refused && (e.Kind != duopay.Unsure || e.Certain) {
				t.Fatalf("%v: %v", e.Kind, err)
			}
			return
		}
		for _, reply := range []interface{ read(payload) error }{
			new(PayReply), new(AuthCodeReply), new(AccountsReply), new(RefundReply), new(CallReply), new(ConsumeListReply),
		} {
			_ = reply.read(p)
		}
		token := new(tokenReply)
		if token.read(p) == nil && (token.AccessToken == "" || token.lifetime <= 0 || token.lifetime > 24*time.Hour) {
			t.Fatalf("a token that lives %v", token.lifetime)
		}
		one := new(ConsumeReply)
		if one.read(p) != nil || one.accept("9000000201", amount) != nil {
			return
		}
		if one.OrderNo != "" && one.OrderNo != "9000000201" {
			t.Fatalf("believed an answer about %q", one.OrderNo)
		}
		if one.Status().Paid() {
			if ordered, err := one.Ordered(); err == nil && ordered != amount {
				t.Fatalf("believed a payment of %v", ordered)
			}
		}
		_ = one.payment(one)
	})
}

// Without the secret nobody makes a notification that is believed, nor with
// the signature of another one.
func FuzzNotification(f *testing.F) {
	fields := with(manualFields(), "attach", "a b")
	f.Add([]byte(signed(fields)))
	f.Add([]byte(signed(with(manualFields(), "attach", "1&buyer_open_id=b&outer_trade_no=1"))))
	f.Add([]byte("appid=10000001&sign=0000000000000000000000000000000000000000"))
	f.Add([]byte("a=%zz&a=b;c"))
	c := at(f, signedAt, nil)
	f.Fuzz(func(t *testing.T, body []byte) {
		_, _ = c.NotificationStringToSign(body)
		_, _ = c.ParseRefundNotification(http.MethodPost, formHeader, body)
		n, err := c.ParseNotification(http.MethodPost, formHeader, body)
		if err != nil {
			reasons := 0
			for _, reason := range refusals {
				if errors.Is(err, reason) {
					reasons++
				}
			}
			if reasons != 1 {
				t.Fatal(err)
			}
			return
		}
		if n.OrderNo != "100000010000000001" || n.TotalAmount != duopay.MustMoney("100") || n.TradeNo != "2018070920000005" {
			t.Fatalf("believed %q", body)
		}
	})
}

// The same for return pages.
func FuzzReturnPage(f *testing.F) {
	fields := map[string]string{"outer_trade_no": "100000010000000001", "appid": "10000001", "timestamp": "1531120153", "pay_result": "fail", "attach": "x=1&y=2"}
	f.Add(signed(fields))
	f.Add(signed(fields) + "&shop=1")
	f.Add(signed(with(fields, "shop", "1")))
	f.Add("a=%zz")
	c := at(f, signedAt, nil)
	f.Fuzz(func(t *testing.T, query string) {
		claim, err := c.ParseReturnPage(&url.URL{RawQuery: query}, "shop")
		if err != nil {
			return
		}
		if claim.OrderNo != "100000010000000001" || claim.Claims != ClaimFail {
			t.Fatalf("believed %q", query)
		}
	})
}
