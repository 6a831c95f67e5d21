package fubeitest

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/duopay/duopay/internal/sandbox"
)

func TestSwipeFields(t *testing.T) {
	now := time.Date(2099, 1, 2, 23, 30, 0, 0, time.UTC) // 07:30 on the 3rd in Beijing
	long := func(n int) string { return strings.Repeat("字", n) }
	detail := func(text string) string { return string(sandbox.JSON(text)) }
	for field, values := range map[string]struct {
		good, bad []string // JSON
	}{
		"merchant_order_sn": {
			[]string{`"D"`, `"` + strings.Repeat("9", 32) + `"`},
			[]string{`""`, `null`, `1`, `" D"`, `"D "`, `"` + strings.Repeat("9", 33) + `"`},
		},
		"auth_code": {[]string{`"621000000000000001A"`}, []string{`130784921069830971`, `""`, `null`}},
		"total_fee": {
			[]string{`0.01`, `0.1`, `1`, `9999999.99`},
			[]string{`0`, `0.00`, `-1`, `0.001`, `1e2`, `10000000.00`, `"1.00"`, `null`, `99999999999`},
		},
		"type":           {[]string{`1`, `2`, `5`}, []string{`0`, `3`, `4`, `6`, `"1"`, `1.0`, `null`}},
		"store_id":       {[]string{`1`, `9999999999`}, []string{`0`, `-1`, `10000000000`, `"1"`}},
		"cashier_id":     {[]string{`151156`}, []string{`0`, `"151156"`}},
		"device_no":      {[]string{`"` + long(18) + `"`}, []string{`"` + long(19) + `"`, `""`, `null`}},
		"body":           {[]string{`"` + long(128) + `"`}, []string{`"` + long(129) + `"`, `""`}},
		"attach":         {[]string{`"` + long(127) + `"`}, []string{`"` + long(128) + `"`, `""`}},
		"equipment_type": {[]string{`90`, `127`}, []string{`89`, `128`, `"90"`}},
		"discount_switch": {
			[]string{`0`, `1`},
			[]string{`"1"`, `2`, `true`},
		},
		"goods_tag": {[]string{`"tag"`}, []string{`""`, `1`}},
		"sub_appid": {[]string{`"wx"`}, []string{`""`}},
		"scene":     {[]string{`"FACE_PAY"`}, []string{`"face_pay"`, `""`}},
		"buyer_id":  {[]string{`"2088"`}, []string{`"` + long(33) + `"`}},
		"call_back_url": {
			[]string{`"https://pay.example.com/fubei?k=v"`, `"http://127.0.0.1:80/x"`},
			[]string{`"pay.example.com"`, `"ftp://pay.example.com"`, `"https://e.com/` + strings.Repeat("x", 256) + `"`, `""`},
		},
		"timeout_express": {
			[]string{`"20990103073101"`, `"20990104000000"`},
			[]string{`"20990103073100"`, `"20990103000000"`, `"2099-01-03 08:00"`, `"20991301000000"`, `20990104000000`, `""`},
		},
		"detail": {
			[]string{
				detail(`{"goods_detail":[{"goods_id":"1","goods_name":"苹果","quantity":2,"price":550}]}`),
				detail(`{"cost_price":1100,"receipt_id":"R-1","goods_detail":[{"goods_id":"1","goods_name":"苹果","quantity":2,"price":550}]}`),
			},
			[]string{
				`{"goods_detail":[]}`, `""`, `null`,
				detail(`[]`), detail(`{}`),
				detail(`{"goods_detail":[]}`),
				detail(`{"goods_detail":{"goods_id":"1"}}`),
				detail(`{"goods_detail":"[{}]"}`),
				detail(`{"goods_detail":[{}]}`),
				detail(`{"goods_detail":["1"]}`),
				detail(`{"goods_detail":[{"goods_id":"1","goods_name":"苹果","quantity":"2","price":550}]}`),
				detail(`{"goods_detail":[{"goods_id":"1","goods_name":"苹果","quantity":2,"price":5.50}]}`),
				detail(`{"goods_detail":[{"goods_id":"1","goods_name":"苹果","quantity":2,"price":550,"wxpay_goods_id":"1"}]}`),
				detail(`{"cost_price":"1","goods_detail":[{"goods_id":"1","goods_name":"苹果","quantity":2,"price":550}]}`),
				detail(`{"goods_detail":[{"goods_id":"1","goods_name":"` + long(257) + `","quantity":2,"price":550}]}`),
				detail(strings.Repeat(" ", 6000) + `{}`),
			},
		},
		"call_backurl": {nil, []string{`"https://pay.example.com"`}},
	} {
		t.Run(field, func(t *testing.T) {
			send := func(value string) (answer, *client) {
				c := newClient(t)
				c.srv.SetClock(func() time.Time { return now })
				sent := map[string]string{
					"merchant_order_sn": `"DP1"`, "auth_code": `"130784921069830971"`, "total_fee": "1.00",
				}
				sent[field] = value
				var members []string
				for name, value := range sent {
					members = append(members, `"`+name+`":`+value)
				}
				return c.call(MethodSwipe, "{"+strings.Join(members, ",")+"}"), c
			}
			for _, value := range values.good {
				if a, _ := send(value); a.Code != "200" {
					t.Errorf("%.80s refused: %s", value, a.Message)
				}
			}
			for _, value := range values.bad {
				a, c := send(value)
				if a.Code != "9996" || !strings.HasPrefix(a.Message, field) {
					t.Errorf("%.80s: %s %q, want 9996 and a message about %s", value, a.Code, a.Message, field)
				}
				if orders := c.srv.Orders(); orders != nil {
					t.Errorf("%.80s: made %+v", value, orders)
				}
			}
		})
	}
}

func TestSwipeRequires(t *testing.T) {
	c := newClient(t)
	for field, biz := range map[string]string{
		"merchant_order_sn": `{"auth_code":"130784921069830971","total_fee":1.00}`,
		"auth_code":         `{"merchant_order_sn":"DP1","total_fee":1.00}`,
		"total_fee":         `{"merchant_order_sn":"DP1","auth_code":"130784921069830971"}`,
	} {
		if a := c.call(MethodSwipe, biz); a.Code != "9996" || a.Message != field+": missing" {
			t.Errorf("without %s: %s %q", field, a.Code, a.Message)
		}
	}
}

func TestSwipeOnce(t *testing.T) {
	c := newClient(t)
	c.swipe("DP1", "1.00").ok(t)
	again := c.swipe("DP1", "2.00")
	again.refused(t, "400", "ORDER_REPEAT")
	again.has(t, map[string]string{"merchant_order_sn": "DP1"})
	c.call(MethodSwipe, strings.Replace(swipeBiz("DP1", "1.00"), "DP1", "DP2", 1)).refused(t, "400", "AUTH_CODE_USED")
	c.call(MethodScan, `{"merchant_order_sn":"DP1","type":1,"total_fee":1}`).refused(t, "400", "ORDER_REPEAT")
	if n := len(c.srv.Orders()); n != 1 {
		t.Errorf("%d orders, want 1", n)
	}
	c.state("DP1", "SUCCESS", 100, 0)
}

func TestSwipeTellsTheApp(t *testing.T) {
	for code, want := range map[string]string{
		"130784921069830971": "1", "280000000000000001": "2", "6210000000000000001": "5",
	} {
		c := newClient(t)
		c.call(MethodSwipe, `{"merchant_order_sn":"DP1","auth_code":"`+code+`","total_fee":1}`).ok(t).
			has(t, map[string]string{"type": want})
	}
	c := newClient(t)
	c.call(MethodSwipe, `{"merchant_order_sn":"DP1","auth_code":"fp123","total_fee":1,"scene":"FACE_PAY"}`).ok(t).
		has(t, map[string]string{"type": "2", "user_logon_id": "pay***@example.com"})
	if a := c.call(MethodSwipe, `{"merchant_order_sn":"DP2","auth_code":"5100","total_fee":1}`).ok(t); a.Data["type"] != nil {
		t.Errorf("type %v of a code nobody knows", a.Data["type"])
	}
}

func TestAskPassword(t *testing.T) {
	c := newClient(t)
	c.srv.AskPassword(2)
	c.srv.AskPassword(-1)
	a := c.swipe("DP1", "1.00").ok(t)
	a.has(t, map[string]string{"trade_state": "USERPAYING", "pay_time": "0", "order_price": "1.00"})
	for _, name := range []string{"fee", "net_money", "discount_money", "buyer_pay_amount", "platform_order_no"} {
		if a.Data[name] != nil {
			t.Errorf("%s is %v before the payment", name, a.Data[name])
		}
	}
	c.state("DP1", "USERPAYING", 0, 0)
	for _, want := range []string{"USERPAYING", "SUCCESS", "SUCCESS"} {
		c.call(MethodQuery, of("DP1")).ok(t).has(t, map[string]string{"trade_state": want})
	}
	c.state("DP1", "SUCCESS", 100, 0)

	c.swipe("DP2", "1.00").ok(t)
	for range 5 {
		c.call(MethodQuery, of("DP2")).ok(t).has(t, map[string]string{"trade_state": "USERPAYING"})
	}
	if err := c.srv.Pay("DP2"); err != nil {
		t.Error(err)
	}
	c.state("DP2", "SUCCESS", 100, 0)
	c.swipe("DP3", "1.00").ok(t).has(t, map[string]string{"trade_state": "SUCCESS"})
}

func TestDiscount(t *testing.T) {
	c := newClient(t)
	c.srv.Discount(20_00)
	c.srv.Discount(5_00)
	c.call(MethodSwipe, strings.Replace(swipeBiz("DP0", "100.00"), "{", `{"discount_switch":0,`, 1)).ok(t).
		has(t, map[string]string{"total_fee": "100.00", "discount_money": "0.00"})
	c.swipe("DP1", "100.00").ok(t).has(t, map[string]string{
		"total_fee": "80.00", "order_price": "100.00", "discount_money": "20.00", "buyer_pay_amount": "80.00",
		"fee": "0.30", "net_money": "79.70",
	})
	c.swipe("DP2", "1.00").ok(t).has(t, map[string]string{"total_fee": "0.01", "discount_money": "0.99"})
	o := c.order("DP1")
	if o.AmountFen != 100_00 || o.DiscountFen != 20_00 || o.ReceivedFen != 80_00 || o.ChargedFen != 80_00 {
		t.Errorf("order %+v", o)
	}
}

func TestExpiry(t *testing.T) {
	c := newClient(t)
	now := time.Date(2099, 1, 2, 3, 4, 5, 0, beijing)
	c.srv.SetClock(func() time.Time { return now })
	c.srv.AskPassword(-1)
	c.call(MethodSwipe, strings.Replace(swipeBiz("DP1", "1.00"), "{", `{"timeout_express":"20990102030600",`, 1)).ok(t)
	now = now.Add(114 * time.Second)
	c.call(MethodQuery, of("DP1")).ok(t).has(t, map[string]string{"trade_state": "USERPAYING"})
	now = now.Add(time.Second)
	c.state("DP1", "CLOSED", 0, 0)
	c.call(MethodQuery, of("DP1")).ok(t).has(t, map[string]string{"trade_state": "CLOSED"})
	if err := c.srv.Pay("DP1"); err == nil {
		t.Error("an expired order was paid")
	}
	c.call(MethodReverse, of("DP1")).ok(t)
	c.state("DP1", "CLOSED", 0, 0)
}

func TestQuery(t *testing.T) {
	eachWay(t, func(t *testing.T, c *client) {
		c.swipe("DP1", "1.00").ok(t)
		o := c.order("DP1")
		for _, biz := range []string{
			of("DP1"), `{"order_sn":"` + o.OrderSN + `"}`, `{"trade_no":"` + o.TradeNo + `","device_no":"1"}`,
		} {
			c.call(MethodQuery, biz).ok(t).has(t, map[string]string{"merchant_order_sn": "DP1", "order_price": "1.00"})
		}
		c.call(MethodQuery, of("DP2")).refused(t, "400", "ORDER_NOT_EXIST")
		c.call(MethodQuery, `{}`).refused(t, "9996", "")
		c.call(MethodQuery, `{"merchant_order_sn":"DP1","order_sn":"1"}`).refused(t, "9996", "")
		c.call(MethodQuery, `{"merchant_order_sn":"DP1","orderno":"1"}`).refused(t, "9996", "")
	})
}

func TestScan(t *testing.T) {
	eachWay(t, func(t *testing.T, c *client) {
		a := c.call(MethodScan, `{"merchant_order_sn":"DP1","type":2,"total_fee":12.5,"store_id":7}`).ok(t)
		o := c.order("DP1")
		a.has(t, map[string]string{
			"order_sn": o.OrderSN, "trade_no": o.TradeNo, "qr_code": "https://qr.fubei.invalid/" + o.OrderSN,
			"store_id": "7", "cashier_id": "0", "user_id": "",
		})
		c.call(MethodQuery, of("DP1")).ok(t).has(t, map[string]string{"trade_state": "USERPAYING"})
		if err := c.srv.Pay("DP1"); err != nil {
			t.Fatal(err)
		}
		c.call(MethodQuery, of("DP1")).ok(t).has(t, map[string]string{"trade_state": "SUCCESS", "total_fee": "12.50"})
		if err := c.srv.Pay("DP1"); err == nil {
			t.Error("paid twice")
		}
		if err := c.srv.Pay("DP9"); err == nil {
			t.Error("an unknown order was paid")
		}
		c.call(MethodScan, `{"merchant_order_sn":"DP2","type":5,"total_fee":1}`).refused(t, "9996", "")
		c.call(MethodScan, `{"merchant_order_sn":"DP2","total_fee":1}`).refused(t, "9996", "")
		c.call(MethodReverse, of("DP1")).refused(t, "400", "ORDER_KIND")
	})
}

func TestClose(t *testing.T) {
	c := newClient(t)
	c.call(MethodScan, `{"merchant_order_sn":"DP1","type":1,"total_fee":1}`).ok(t)
	for range 2 {
		c.call(MethodClose, of("DP1")).ok(t).has(t, map[string]string{"order_sn": c.order("DP1").OrderSN})
	}
	c.state("DP1", "CLOSED", 0, 0)
	if c.srv.Pay("DP1") == nil {
		t.Error("a closed order was paid")
	}

	c.call(MethodScan, `{"merchant_order_sn":"DP2","type":1,"total_fee":1}`).ok(t)
	if err := c.srv.Pay("DP2"); err != nil {
		t.Fatal(err)
	}
	c.call(MethodClose, of("DP2")).refused(t, "400", "ORDER_STATE")
	c.srv.AskPassword(-1)
	c.swipe("DP3", "1.00").ok(t)
	c.call(MethodClose, of("DP3")).refused(t, "400", "ORDER_KIND")
	c.call(MethodClose, of("DP4")).refused(t, "400", "ORDER_NOT_EXIST")
	c.call(MethodClose, `{"trade_no":"1"}`).refused(t, "9996", "")
}

func TestReverse(t *testing.T) {
	c := newClient(t)
	c.swipe("DP1", "1.00").ok(t)
	for range 2 {
		a := c.call(MethodReverse, of("DP1")).ok(t)
		if len(a.Data) != 2 {
			t.Errorf("data %v, want the two numbers and no state", a.Data)
		}
		c.state("DP1", "REVOKED", 100, 100)
	}
	c.srv.AskPassword(1)
	c.swipe("DP2", "1.00").ok(t)
	c.call(MethodReverse, of("DP2")).ok(t)
	c.call(MethodQuery, of("DP2")).ok(t).has(t, map[string]string{"trade_state": "REVOKED"})
	c.state("DP2", "REVOKED", 0, 0)
	c.call(MethodReverse, of("DP3")).refused(t, "400", "ORDER_NOT_EXIST")

	c.swipe("DP4", "1.00").ok(t)
	c.call(MethodRefund, `{"merchant_order_sn":"DP4","merchant_refund_sn":"R1","refund_money":0.01}`).ok(t)
	c.call(MethodReverse, of("DP4")).refused(t, "400", "ORDER_STATE")
}

func TestSlowRevoke(t *testing.T) {
	c := newClient(t)
	c.srv.SlowRevoke(2)
	c.srv.SlowRevoke(-1)
	c.swipe("DP1", "1.00").ok(t)
	c.call(MethodReverse, of("DP1")).ok(t)
	for i, want := range []string{"REVOKING", "REVOKING", "REVOKED", "REVOKED"} {
		if i == 1 {
			c.state("DP1", "REVOKING", 100, 0)
			c.call(MethodReverse, of("DP1")).ok(t) // changes nothing
		}
		c.call(MethodQuery, of("DP1")).ok(t).has(t, map[string]string{"trade_state": want})
	}
	c.state("DP1", "REVOKED", 100, 100)

	c.swipe("DP2", "1.00").ok(t)
	c.call(MethodReverse, of("DP2")).ok(t)
	for range 5 {
		c.call(MethodQuery, of("DP2")).ok(t).has(t, map[string]string{"trade_state": "REVOKING"})
	}
}

func TestFailRevoke(t *testing.T) {
	c := newClient(t)
	c.srv.FailRevoke()
	c.swipe("DP1", "1.00").ok(t)
	c.call(MethodReverse, of("DP1")).ok(t)
	c.call(MethodQuery, of("DP1")).ok(t).has(t, map[string]string{"trade_state": "REVOKED_ERROR"})
	c.state("DP1", "REVOKED_ERROR", 100, 0)
	c.call(MethodReverse, of("DP1")).ok(t)
	c.state("DP1", "REVOKED", 100, 100)
}

func refundBiz(no, refundNo, yuan string) string {
	biz := `{"merchant_order_sn":"` + no + `","merchant_refund_sn":"` + refundNo + `"`
	if yuan != "" {
		biz += `,"refund_money":` + yuan
	}
	return biz + "}"
}

func refundOf(no, refundNo string) string { return refundBiz(no, refundNo, "") }

func TestRefund(t *testing.T) {
	eachWay(t, func(t *testing.T, c *client) {
		c.swipe("DP1", "1.00").ok(t)
		a := c.call(MethodRefund, refundBiz("DP1", "R1", "0.30")).ok(t)
		o := c.order("DP1")
		if len(o.Refunds) != 1 || o.Refunds[0].State != "REFUND_PROCESSING" || o.ReturnedFen != 0 {
			t.Fatalf("order %+v", o)
		}
		a.has(t, map[string]string{
			"refund_sn": o.Refunds[0].RefundSN, "merchant_refund_sn": "R1",
			"trade_no": o.TradeNo, "order_sn": o.OrderSN, "merchant_order_sn": "DP1",
		})
		if len(a.Data) != 5 {
			t.Errorf("data %v, want no amount and no state", a.Data)
		}
		for _, biz := range []string{
			refundOf("DP1", "R1"), `{"order_sn":"` + o.OrderSN + `","refund_sn":"` + o.Refunds[0].RefundSN + `"}`,
		} {
			c.call(MethodRefundQuery, biz).ok(t).has(t, map[string]string{
				"refund_status": "REFUND_SUCCESS", "merchant_refund_sn": "R1", "refund_sn": o.Refunds[0].RefundSN,
			})
		}
		c.state("DP1", "SUCCESS", 100, 30)
		c.call(MethodRefundStatistics, of("DP1")).ok(t).has(t, map[string]string{
			"order_sn": o.OrderSN, "total_fee": "1.00", "refund_num": "1", "can_refund": "0.70",
		})

		c.call(MethodRefund, refundBiz("DP1", "R1", "0.30")).refused(t, "400", "REFUND_REPEAT")
		c.call(MethodRefund, refundBiz("DP1", "R2", "0.71")).refused(t, "400", "REFUND_TOO_MUCH")
		c.call(MethodRefundQuery, refundOf("DP1", "R2")).refused(t, "400", "REFUND_NOT_EXIST")
		c.call(MethodRefundQuery, of("DP1")).refused(t, "9996", "")
		c.call(MethodRefund, `{"merchant_order_sn":"DP1","refund_money":0.1}`).refused(t, "9996", "")
		c.call(MethodRefund, refundBiz("DP1", "R3", `"0.10"`)).refused(t, "9996", "")
		c.call(MethodRefund, refundBiz("DP9", "R4", "0.10")).refused(t, "400", "ORDER_NOT_EXIST")
	})
}

// The trap in the documentation: no amount means all that is left.
func TestRefundWithoutAmount(t *testing.T) {
	c := newClient(t)
	c.swipe("DP1", "1.00").ok(t)
	c.call(MethodRefund, refundBiz("DP1", "R1", "0.30")).ok(t)
	c.call(MethodRefund, refundBiz("DP1", "R2", "")).ok(t)
	if o := c.order("DP1"); o.Refunds[1].AmountFen != 70 {
		t.Errorf("refunds %+v", o.Refunds)
	}
	c.call(MethodRefund, refundBiz("DP1", "R3", "")).refused(t, "400", "REFUND_TOO_MUCH")
	c.call(MethodRefundStatistics, of("DP1")).ok(t).has(t, map[string]string{"can_refund": "0.00", "refund_num": "2"})
}

func TestRefundLimits(t *testing.T) {
	c := newClient(t)
	now := time.Date(2099, 1, 2, 3, 4, 5, 0, beijing)
	c.srv.SetClock(func() time.Time { return now })
	c.swipe("DP1", "1.00").ok(t)
	for i := range 10 {
		c.call(MethodRefund, refundBiz("DP1", fmt.Sprintf("R%d", i), "0.01")).ok(t)
	}
	c.call(MethodRefund, refundBiz("DP1", "R10", "0.01")).refused(t, "400", "REFUND_TOO_MANY")

	c.srv.AskPassword(-1)
	c.swipe("DP2", "1.00").ok(t)
	c.call(MethodRefund, refundBiz("DP2", "R11", "0.01")).refused(t, "400", "ORDER_STATE")
	c.call(MethodRefundStatistics, of("DP2")).ok(t).has(t, map[string]string{"can_refund": "0.00"})

	c.swipe("DP3", "1.00").ok(t)
	now = now.Add(90 * 24 * time.Hour)
	c.call(MethodRefund, refundBiz("DP3", "R12", "0.01")).ok(t)
	now = now.Add(time.Second)
	c.call(MethodRefund, refundBiz("DP3", "R13", "0.01")).refused(t, "400", "REFUND_TOO_LATE")
}

func TestSlowAndFailedRefund(t *testing.T) {
	c := newClient(t)
	c.srv.SlowRefund(2)
	c.srv.SlowRefund(-1)
	c.srv.FailRefund()
	c.swipe("DP1", "1.00").ok(t)
	for _, no := range []string{"R1", "R2", "R3"} {
		c.call(MethodRefund, refundBiz("DP1", no, "0.20")).ok(t)
	}
	for no, states := range map[string][]string{
		"R1": {"REFUND_PROCESSING", "REFUND_SUCCESS", "REFUND_SUCCESS"},
		"R2": {"REFUND_PROCESSING", "REFUND_PROCESSING", "REFUND_PROCESSING"},
		"R3": {"REFUND_FAILER", "REFUND_FAILER"},
	} {
		for _, want := range states {
			c.call(MethodRefundQuery, refundOf("DP1", no)).ok(t).has(t, map[string]string{"refund_status": want})
		}
	}
	c.state("DP1", "SUCCESS", 100, 20)
	c.call(MethodRefundStatistics, of("DP1")).ok(t).has(t, map[string]string{"can_refund": "0.60", "refund_num": "2"})
}

func TestTime(t *testing.T) {
	c := newClient(t)
	c.srv.SetClock(func() time.Time { return time.Date(2099, 1, 2, 23, 30, 0, 0, time.UTC) })
	c.call(MethodTime, `{"anything":1}`).ok(t).has(t, map[string]string{"time": "2099-01-03 07:30:00"})
}

func TestOrdersAreCopies(t *testing.T) {
	c := newClient(t)
	c.swipe("DP1", "1.00").ok(t)
	c.swipe("DP2", "1.00").ok(t)
	c.call(MethodRefund, refundBiz("DP1", "R1", "0.20")).ok(t)
	orders := c.srv.Orders()
	if len(orders) != 2 || orders[0].OrderNo != "DP1" || orders[1].OrderNo != "DP2" {
		t.Fatalf("orders %+v", orders)
	}
	orders[0].Refunds[0].State = "changed"
	if c.order("DP1").Refunds[0].State != "REFUND_PROCESSING" {
		t.Error("the book can be changed from outside")
	}
	if _, ok := c.srv.Order("DP3"); ok {
		t.Error("found an order that is not there")
	}
}

func TestConcurrentSwipes(t *testing.T) {
	c := newClient(t)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() { c.raw(MethodSwipe, swipeBiz("DP1", "1.00")) })
		wg.Go(func() { c.srv.Orders() })
	}
	wg.Wait()
	if n := len(c.srv.Orders()); n != 1 {
		t.Errorf("%d orders of one number", n)
	}
	if n := len(c.srv.Requests(MethodSwipe)); n != 8 {
		t.Errorf("%d swipes arrived, want 8", n)
	}
}
