package fubei

import (
	"errors"
	"net/http"
	"testing"

	"github.com/duopay/duopay"
	"github.com/duopay/duopay/internal/exchange"
)

// Whatever the gateway answers, paid is said only of an order that the answer
// says is paid, and every error has a meaning.
func FuzzReply(f *testing.F) {
	for _, seed := range []string{
		`{"result_code":200,"data":{"merchant_order_sn":"DP1","trade_state":"SUCCESS","order_price":100}}`,
		`{"result_code":"200","data":"{\"trade_state\":\"SUCCESS\",\"total_fee\":\"80.00\",\"discount_money\":2e1}"}`,
		`{"result_code":400,"sub_code":"A","result_message":"失败","data":{"merchant_order_sn":"DP1"}}`,
		`{"result_code":200,"data":null}`, `{"result_code":200,"data":""}`, `[]`, `{}`, `{"a":[{"b":"\"}"}],"c":1e5}`, "\xff", ``,
	} {
		f.Add([]byte(seed))
	}
	sent := fields{{Name: "merchant_order_sn", Value: []byte(`"DP1"`)}}
	amount := duopay.MustMoney("100")
	f.Fuzz(func(t *testing.T, body []byte) {
		data, err := open(&exchange.Answer{Status: http.StatusOK, Body: body}, sent)
		if err != nil {
			var e *duopay.Error
			if errors.As(err, &e) && (e.Kind != duopay.Refused || e.Certain) {
				t.Fatalf("%v: %v", e.Kind, err)
			}
			return
		}
		order := new(Order)
		if data.object.Decode(order) != nil || order.accept(amount) != nil {
			return
		}
		if no := fields(data.object).text("merchant_order_sn"); no != "" && no != "DP1" {
			t.Fatalf("believed an answer about %q", no)
		}
		if order.TradeState == StateSuccess {
			if ordered, err := order.Ordered(); err == nil && ordered != amount {
				t.Fatalf("believed a payment of %v", ordered)
			}
		}
		_ = order.payment("DP1", nil)
	})
}

// Without the secret nobody makes a notification that is believed.
func FuzzNotification(f *testing.F) {
	f.Add([]byte(signed(paidFields(paidData))))
	f.Add([]byte("result_code=200&result_message=&data=%7B%7D&sign=00000000000000000000000000000000"))
	f.Add([]byte("a=%zz&a=b;c"))
	genuine := paidFields(paidData)
	c := &Client{config: Config{AppID: "1", Secret: duopay.NewSecret(testSecret)}}
	f.Fuzz(func(t *testing.T, body []byte) {
		_, _ = c.NotificationStringToSign(body)
		n, err := c.ParseNotification(http.MethodPost, formHeader, body)
		if err != nil {
			if !errors.Is(err, duopay.ErrMalformed) && !errors.Is(err, duopay.ErrSignature) {
				t.Fatal(err)
			}
			return
		}
		if string(n.Data) != genuine["data"] || n.ResultCode != "200" {
			t.Fatalf("believed %q", body)
		}
	})
}
