package ysepaytest

import (
	"strings"
	"sync"
	"testing"
	"time"
)

func TestValidationVectors(t *testing.T) {
	v := readVectors(t).Validation
	c := newClient(t)
	c.now = v.Now
	try := func(field string, ok bool, biz string) {
		t.Helper()
		a := c.call(MethodPay, biz)
		if accepted := a.data["code"] == "10000"; accepted != ok {
			t.Errorf("%s in %.300s: accepted %v", field, biz, accepted)
		}
		if message, _ := a.data["sub_msg"].(string); !ok && !strings.Contains(message, field) {
			t.Errorf("%s in %.300s: message %q", field, biz, message)
		}
		c.srv.book = book{}
	}
	for _, value := range v.OrderNo {
		try("combine_out_trade_no", value.OK, payBiz(value.V, [2]string{"sub_order_list", subList("sub", "10.00", "20.50")}))
	}
	for _, value := range v.SubOrderNo {
		list := `[{"out_trade_no":` + quote(value.V) + `,"amount":"30.50","seller_id":"dp_seller_a"}]`
		try("sub_order_list[0].out_trade_no", value.OK, payBiz(orderNo, [2]string{"sub_order_list", list}))
	}
	for _, value := range v.Timeout {
		try("timeout_express", value.OK, payBiz(orderNo, [2]string{"timeout_express", quote(value.V)}))
	}
	for _, value := range v.Amount {
		try("total_amount", value.OK, payBiz(orderNo,
			[2]string{"total_amount", quote(value.V)}, [2]string{"sub_order_list", subList("sub", value.V)}))
	}
	for _, sum := range v.Sums {
		field := "total_amount"
		if len(sum.Subs) < 1 || len(sum.Subs) > 50 {
			field = "sub_order_list"
		}
		try(field, sum.OK, payBiz(orderNo,
			[2]string{"total_amount", quote(sum.Total)}, [2]string{"sub_order_list", subList("sub", sum.Subs...)}))
	}
}

func TestPayFields(t *testing.T) {
	long := func(n int) string { return quote(strings.Repeat("x", n)) }
	chars := func(n int) string { return quote(strings.Repeat("字", n)) }
	subs := func(members string) string {
		return `[{"out_trade_no":"s1","amount":"10.00","seller_id":"dp_seller_a"},{"out_trade_no":"s2","amount":"20.50",` + members + `}]`
	}
	for field, values := range map[string]struct {
		good, bad []string // JSON
	}{
		"combine_out_trade_no": {nil, []string{"", `1`, `null`, `" 20240520"`, `"20240520\n"`}},
		"shopdate":             {[]string{`"20240519"`}, []string{"", `"2024-05-20"`, `"20240230"`, `20240520`, `"2024520"`, `""`}},
		"buyer_id":             {[]string{long(100)}, []string{"", `" "`, `""`, long(101), `2088000000000001`}},
		"buyer_logon_id":       {nil, []string{`"a@example.com"`}},
		"timeout_express":      {[]string{`"15d"`}, []string{"", `90`, `"90 m"`, `"1m\n"`}},
		"combine_seller_id":    {[]string{`"dp_seller_b"`, `"dp_partner_01"`}, []string{"", `"dp_seller_c"`, long(21)}},
		"business_code":        {[]string{`"00510151"`}, []string{"", `""`, long(11)}},
		"subject":              {[]string{chars(250), `"<b>&\"/"`}, []string{"", `""`, chars(251), `"a\nb"`, `1`}},
		"total_amount":         {nil, []string{"", `30.50`, `"30.51"`, `"30.5"`, `"+30.50"`, `"030.50"`, `"100000000.01"`}},
		"currency":             {[]string{`"CNY"`}, []string{`"USD"`, `""`, `"cny"`}},
		"extra_common_param":   {[]string{long(2000)}, []string{long(2001), chars(667), `{}`}},
		"extend_params_channel": {
			[]string{`"{\"food_order_type\":\"qr_order\"}"`},
			[]string{`{"food_order_type":"qr_order"}`, `"qr_order"`, `"[]"`, `""`},
		},
		"sub_order_list": {nil, []string{
			"", `[]`, `{}`, quote(subList("sub", "30.50")), `[1]`, subs(`"out_trade_no":"s2"`),
			subs(`"sellerid":"dp_seller_b"`), subs(`"seller_id":""`), subs(`"seller_id":` + long(201)),
			`[{"out_trade_no":"20240520DP1","amount":"30.50","seller_id":"dp_seller_a"}]`,
			`[{"out_trade_no":"s1","amount":"10.00","seller_id":"dp_seller_a"},{"out_trade_no":"s1","amount":"20.50","seller_id":"dp_seller_a"}]`,
			`[{"out_trade_no":"s1","amount":30.50,"seller_id":"dp_seller_a"}]`,
		}},
		"notify_url": {nil, []string{`"https://e.com"`}},
	} {
		t.Run(field, func(t *testing.T) {
			for _, value := range values.good {
				c := newClient(t)
				if a := c.call(MethodPay, payBiz(orderNo, [2]string{field, value})); a.data["code"] != "10000" {
					t.Errorf("%.80s refused: %s", value, a.text)
				}
			}
			for _, value := range values.bad {
				c := newClient(t)
				code, subCode := "40002", "isv.invalid-parameter"
				if value == "" || strings.Contains(value, "sellerid") {
					code, subCode = "40001", "isv.missing-parameter"
				}
				c.call(MethodPay, payBiz(orderNo, [2]string{field, value})).refused(t, code, subCode, field)
				if orders := c.srv.Orders(); orders != nil {
					t.Errorf("%.80s: made %+v", value, orders)
				}
			}
		})
	}
}

// Lengths are in bytes of the request's charset.
func TestLengthInGBK(t *testing.T) {
	c := newClient(t)
	c.charset = gbkCharset
	c.call(MethodPay, payBiz(orderNo, [2]string{"extra_common_param", quote(strings.Repeat("字", 1000))})).ok(t)
}

func TestPay(t *testing.T) {
	eachWay(t, func(c *client) {
		a := c.call(MethodPay, payBiz(orderNo, [2]string{"extra_common_param", `"a&b=<1>"`})).ok(c.t)
		o := c.order(orderNo)
		if a.text != `{"code":"10000","msg":"Success","combine_out_trade_no":"20240520DP1","combine_trade_no":"`+o.TradeNo+
			`","trade_status":"WAIT_BUYER_PAY","total_amount":"30.50","extra_common_param":"a&b=<1>","jsapi_pay_info":"{\"tradeNO\":\"`+
			o.PayNo+`\"}"}` {
			c.t.Errorf("node %s", a.text)
		}
		if o.TradeNo == "" || len(o.TradeNo) > 30 || o.PayNo == "" || o.BuyerID != "2088000000000001" || o.SellerID != "dp_seller_a" ||
			o.ShopDate != "20240520" || o.Subject != "端午礼盒" || o.AmountFen != 30_50 || !o.ExpiresAt.Equal(c.now.Add(90*time.Minute)) ||
			!o.PaidAt.IsZero() {
			c.t.Errorf("order %+v", o)
		}
		if len(o.SubOrders) != 2 || o.SubOrders[0].OrderNo != subNo || o.SubOrders[1].AmountFen != 20_50 ||
			o.SubOrders[1].SellerID != "dp_seller_b" || o.SubOrders[0].TradeNo == o.SubOrders[1].TradeNo {
			c.t.Errorf("sub orders %+v", o.SubOrders)
		}
		c.state("WAIT_BUYER_PAY", 0, 0)
	})
}

func TestPayOnce(t *testing.T) {
	c := newClient(t)
	c.call(MethodPay, payBiz(orderNo)).ok(t)
	c.call(MethodPay, payBiz(orderNo, [2]string{"sub_order_list", subList("other", "30.50")})).
		refused(t, "40004", "ACQ.TRADE_HAS_EXISTED", "商户订单号重复")
	c.call(MethodPay, payBiz("20240520DP2", [2]string{"sub_order_list", subList(orderNo, "30.50")})).
		refused(t, "40004", "ACQ.TRADE_HAS_EXISTED", "商户订单号重复")
	if n := len(c.srv.Orders()); n != 1 {
		t.Errorf("%d orders, want 1", n)
	}
}

func TestQuery(t *testing.T) {
	c := newClient(t)
	c.call(MethodPay, payBiz(orderNo)).ok(t)
	a := c.call(MethodQuery, combined(orderNo)).ok(t).has(t, map[string]string{
		"trade_status": `"WAIT_BUYER_PAY"`, "total_amount": "30.50", "receipt_amount": "", "account_date": "", "paygate_no": "",
	})
	o := c.order(orderNo)
	if !strings.Contains(a.text, `{"out_trade_no":"20240520DP1-2","trade_no":"`+o.SubOrders[1].TradeNo+
		`","seller_id":"dp_seller_b","amount":20.50,"trade_status":"WAIT_BUYER_PAY"}`) {
		t.Errorf("node %s", a.text)
	}
	if err := c.srv.Pay(orderNo); err != nil {
		t.Fatal(err)
	}
	for _, biz := range []string{
		combined(orderNo),
		`{"combine_trade_no":"` + o.TradeNo + `","shopdate":"20240520"}`,
		`{"combine_trade_no":"` + o.TradeNo + `","combine_out_trade_no":"20240520DP1","shopdate":"20240520"}`,
	} {
		c.call(MethodQuery, biz).ok(t).has(t, map[string]string{
			"combine_out_trade_no": `"20240520DP1"`, "combine_trade_no": quote(o.TradeNo), "trade_status": `"TRADE_SUCCESS"`,
			"total_amount": "30.50", "receipt_amount": "30.50", "account_date": `"20240520"`, "channel_recv_sn": quote(o.PayNo),
			"buyer_user_id": `"2088000000000001"`, "pay_success_time": `"2024-05-20 10:20:30"`, "paygate_no": `"10000012"`,
		})
	}
	for _, biz := range []string{
		combined("20240520DP2"), combined(subNo),
		`{"combine_out_trade_no":"20240520DP1","shopdate":"20240519"}`,
		`{"combine_out_trade_no":"20240520DP1","combine_trade_no":"1","shopdate":"20240520"}`,
	} {
		c.call(MethodQuery, biz).refused(t, "40004", "ACQ.QUERY_NO_RESULT", "查询无记录")
	}
	c.call(MethodQuery, `{"shopdate":"20240520"}`).refused(t, "40001", "isv.missing-parameter", "combine_out_trade_no")
	c.call(MethodQuery, `{"combine_out_trade_no":"20240520DP1"}`).refused(t, "40001", "isv.missing-parameter", "shopdate")
	c.call(MethodQuery, `{"combine_out_trade_no":"20240520DP1","shopdate":"20240520","trade_no":"1"}`).
		refused(t, "40002", "isv.invalid-parameter", "trade_no: not a field")
}

func TestSubQueries(t *testing.T) {
	c := newClient(t)
	c.call(MethodPay, payBiz(orderNo)).ok(t)
	unpaid := map[string]string{
		"trade_status": `"WAIT_BUYER_PAY"`, "total_amount": "20.50", "receipt_amount": "", "pay_detail_list": "",
	}
	c.call(MethodSubQuery, part(subNo2)).ok(t).has(t, unpaid)
	c.call(MethodSubDetail, part(subNo2)).ok(t).has(t, unpaid)
	if err := c.srv.Pay(orderNo); err != nil {
		t.Fatal(err)
	}
	o := c.order(orderNo)
	paid := map[string]string{
		"out_trade_no": `"20240520DP1-2"`, "trade_no": quote(o.SubOrders[1].TradeNo), "trade_status": `"TRADE_SUCCESS"`,
		"receipt_amount": "20.50", "account_date": `"20240520"`, "pay_detail_list": "",
	}
	c.call(MethodSubQuery, `{"trade_no":"`+o.SubOrders[1].TradeNo+`","shopdate":"20240520"}`).ok(t).has(t, paid)
	delete(paid, "pay_detail_list")
	a := c.call(MethodSubDetail, part(subNo2)).ok(t).has(t, paid)
	if !strings.Contains(a.text, `"pay_detail_list":[{"channel_send_sn":"10`+o.TradeNo+`","channel_recv_sn":"`+o.PayNo+`"`) {
		t.Errorf("node %s", a.text)
	}
	for _, method := range []string{MethodSubQuery, MethodSubDetail, MethodSubClose} {
		c.call(method, part(orderNo)).refused(t, "40004", "ACQ.QUERY_NO_RESULT", "查询无记录")
		c.call(method, `{"out_trade_no":"20240520DP1-1"}`).refused(t, "40001", "isv.missing-parameter", "shopdate")
		c.call(method, `{"shopdate":"20240520"}`).refused(t, "40001", "isv.missing-parameter", "out_trade_no")
	}
}

func TestPayOnQuery(t *testing.T) {
	c := newClient(t)
	c.srv.PayOnQuery(3)
	c.call(MethodPay, payBiz(orderNo)).ok(t)
	c.call(MethodPay, payBiz("20240520DP2")).ok(t)
	c.call(MethodQuery, combined(orderNo)).ok(t).has(t, map[string]string{"trade_status": `"WAIT_BUYER_PAY"`})
	c.call(MethodSubQuery, part(subNo)).ok(t).has(t, map[string]string{"trade_status": `"WAIT_BUYER_PAY"`})
	c.call(MethodQuery, combined(orderNo)).ok(t).has(t, map[string]string{"trade_status": `"TRADE_SUCCESS"`})
	c.state("TRADE_SUCCESS", 30_50, 0)
	for range 4 {
		c.call(MethodQuery, combined("20240520DP2")).ok(t).has(t, map[string]string{"trade_status": `"WAIT_BUYER_PAY"`})
	}
}

func TestClose(t *testing.T) {
	for _, test := range []struct{ method, biz string }{{MethodClose, combined(orderNo)}, {MethodSubClose, part(subNo)}} {
		eachWay(t, func(c *client) {
			c.call(MethodPay, payBiz(orderNo)).ok(c.t)
			for range 2 {
				c.call(test.method, test.biz).ok(c.t)
			}
			c.state("TRADE_CLOSED", 0, 0)
			c.call(MethodQuery, combined(orderNo)).ok(c.t).has(c.t, map[string]string{"trade_status": `"TRADE_CLOSED"`})
			if c.srv.Pay(orderNo) == nil {
				c.t.Error("a closed order was paid")
			}
		})
		c := newClient(t)
		c.paid()
		c.call(test.method, test.biz).refused(t, "40004", "ACQ.TRADE_STATUS_ERROR", "the order is TRADE_SUCCESS")
		c.state("TRADE_SUCCESS", 30_50, 0)
	}
	c := newClient(t)
	c.call(MethodClose, combined(orderNo)).refused(t, "40004", "ACQ.QUERY_NO_RESULT", "查询无记录")
	c.call(MethodPay, payBiz(orderNo)).ok(t)
	c.call(MethodClose, combined(orderNo)).ok(t).has(t, map[string]string{
		"combine_out_trade_no": `"20240520DP1"`, "combine_trade_no": quote(c.order(orderNo).TradeNo),
	})
}

func TestExpiry(t *testing.T) {
	c := newClient(t)
	c.call(MethodPay, payBiz(orderNo, [2]string{"timeout_express", `"2h"`})).ok(t)
	c.now = c.now.Add(2*time.Hour - time.Second)
	c.call(MethodQuery, combined(orderNo)).ok(t).has(t, map[string]string{"trade_status": `"WAIT_BUYER_PAY"`})
	c.now = c.now.Add(time.Second)
	if orders := c.srv.Orders(); orders[0].State != "TRADE_CLOSED" {
		t.Errorf("orders %+v", orders)
	}
	c.call(MethodSubQuery, part(subNo)).ok(t).has(t, map[string]string{"trade_status": `"TRADE_CLOSED"`})
	if err := c.srv.Pay(orderNo); err == nil {
		t.Error("an expired order was paid")
	}
	if err := c.srv.Pay("20240520DP2"); err == nil {
		t.Error("an unknown order was paid")
	}
}

func TestStates(t *testing.T) {
	for state, charged := range map[string]int64{
		"TRADE_SUCCESS": 30_50, "TRADE_UNDEPOSIT": 30_50, "WAIT_SELLER_SEND_GOODS": 30_50, "WAIT_BUYER_CONFIRM_GOODS": 30_50,
		"TRADE_CLOSED": 0, "TRADE_FAILD": 0, "TRADE_FAILED": 0, "TRADE_PROCESS": 0, "TRADE_ABNORMALITY": 0, "SOMETHING_NEW": 0,
	} {
		c := newClient(t)
		c.call(MethodPay, payBiz(orderNo)).ok(t)
		if err := c.srv.SetState(orderNo, state); err != nil {
			t.Error(err)
		}
		c.state(state, charged, 0)
		c.call(MethodQuery, combined(orderNo)).ok(t).has(t, map[string]string{"trade_status": quote(state)})
		final := charged > 0 || state == "TRADE_CLOSED" || strings.HasPrefix(state, "TRADE_FAIL")
		if err := c.srv.Pay(orderNo); (err != nil) != final {
			t.Errorf("paying an order that is %s: %v", state, err)
		}
	}
}

func TestSetStateKeepsTheMoney(t *testing.T) {
	c := newClient(t)
	if c.srv.SetState(orderNo, "TRADE_SUCCESS") == nil {
		t.Error("an unknown order has a state")
	}
	c.call(MethodPay, payBiz(orderNo)).ok(t)
	c.call(MethodClose, combined(orderNo)).ok(t)
	if err := c.srv.SetState(orderNo, "TRADE_SUCCESS"); err != nil {
		t.Errorf("a late payment: %v", err)
	}
	for _, state := range []string{"TRADE_CLOSED", "TRADE_PART_REFUND", "TRADE_ALL_REFUND", "SOMETHING_NEW"} {
		if c.srv.SetState(orderNo, state) == nil {
			t.Errorf("a paid order became %s", state)
		}
	}
	c.state("TRADE_SUCCESS", 30_50, 0)
}

func TestRefund(t *testing.T) {
	eachWay(t, func(c *client) {
		c.paid()
		a := c.call(MethodRefund, refundBiz(subNo, "R1", "4.00")).ok(c.t)
		r := c.order(orderNo).SubOrders[0].Refunds[0]
		if r.RefundNo != "R1" || r.AmountFen != 4_00 || r.Reason != "不要了" || r.State != "in_process" || r.RefundSN == "" {
			c.t.Errorf("refund %+v", r)
		}
		tradeNo := c.order(orderNo).SubOrders[0].TradeNo
		a.has(c.t, map[string]string{
			"trade_no": quote(tradeNo), "out_trade_no": quote(subNo), "refund_amount": `"4.00"`,
			"account_date": `"20240520"`, "out_request_no": `"R1"`, "refundsn": quote(r.RefundSN), "refund_state": "",
		})
		c.state("TRADE_SUCCESS", 30_50, 0)
		c.call(MethodRefundQuery, refundOf(subNo, "R1")).ok(c.t).has(c.t, map[string]string{
			"trade_no": quote(tradeNo), "out_trade_no": quote(subNo), "out_request_no": `"R1"`, "refundsn": quote(r.RefundSN),
			"refund_state": `"success"`, "funds_state": `"success"`, "refund_reason": `"不要了"`, "total_amount": "10.00",
			"refund_amount": "4.00", "account_date": `"2024-05-20"`, "funds_dynamics": `"[{\"amount\":4.00,\"state\":\"success\"}]"`,
		})
		c.state("TRADE_PART_REFUND", 30_50, 4_00)
		for method, want := range map[string]string{subNo: `"TRADE_PART_REFUND"`, subNo2: `"TRADE_SUCCESS"`} {
			c.call(MethodSubQuery, part(method)).ok(c.t).has(c.t, map[string]string{"trade_status": want})
		}
		for i, refund := range []string{refundBiz(subNo, "R2", "6.00"), refundBiz(subNo2, "R3", "20.50")} {
			c.call(MethodRefund, refund).ok(c.t)
			c.call(MethodRefundQuery, refundOf([]string{subNo, subNo2}[i], []string{"R2", "R3"}[i])).ok(c.t)
		}
		c.state("TRADE_ALL_REFUND", 30_50, 30_50)
		c.call(MethodSubQuery, part(subNo)).ok(c.t).has(c.t, map[string]string{"trade_status": `"TRADE_ALL_REFUND"`})
		c.call(MethodClose, combined(orderNo)).refused(c.t, "40004", "ACQ.TRADE_STATUS_ERROR", "the order is TRADE_ALL_REFUND")
	})
}

func TestRefundRules(t *testing.T) {
	c := newClient(t)
	c.call(MethodPay, payBiz(orderNo)).ok(t)
	c.call(MethodRefund, refundBiz(subNo, "R1", "1.00")).refused(t, "40004", "ACQ.TRADE_STATUS_ERROR", "the order is WAIT_BUYER_PAY")
	if err := c.srv.Pay(orderNo); err != nil {
		t.Fatal(err)
	}
	first := c.call(MethodRefund, refundBiz(subNo, "R1", "4.00")).ok(t)
	if again := c.call(MethodRefund, refundBiz(subNo, "R1", "4.00")).ok(t); again.text != first.text {
		t.Errorf("repeated: %s, want %s", again.text, first.text)
	}
	if n := len(c.order(orderNo).SubOrders[0].Refunds); n != 1 {
		t.Errorf("%d refunds, want 1", n)
	}
	c.call(MethodRefund, refundBiz(subNo, "R1", "4.01")).refused(t, "40004", "ACQ.REFUND_REPEAT", "退款请求号重复")
	c.call(MethodRefund, refundBiz(subNo2, "R1", "4.00")).refused(t, "40004", "ACQ.REFUND_REPEAT", "退款请求号重复")
	c.call(MethodRefund, refundBiz(subNo, "R2", "6.01")).refused(t, "40004", "ACQ.REFUND_EXCEEDED", "6.00 is left")
	c.call(MethodRefund, refundBiz(orderNo, "R2", "1.00")).refused(t, "40004", "ACQ.QUERY_NO_RESULT", "查询无记录")
	today := strings.Replace(refundBiz(subNo, "R2", "1.00"), "20240520\"", "20240521\"", 1)
	c.call(MethodRefund, today).refused(t, "40004", "ACQ.QUERY_NO_RESULT", "查询无记录")

	for field, biz := range map[string]string{
		"out_request_no": refundBiz(subNo, strings.Repeat("r", 33), "1.00"),
		"refund_amount":  refundBiz(subNo, "R2", "1"),
		"refund_reason":  strings.Replace(refundBiz(subNo, "R2", "1.00"), "不要了", strings.Repeat("字", 51), 1),
		"trade_type":     strings.Replace(refundBiz(subNo, "R2", "1.00"), "{", `{"trade_type":"1",`, 1),
	} {
		c.call(MethodRefund, biz).refused(t, "40002", "isv.invalid-parameter", field)
	}
	c.call(MethodRefund, part(subNo)).refused(t, "40001", "isv.missing-parameter", "refund_amount")
	params := c.params(MethodRefund, strings.Replace(refundBiz(subNo, "R2", "1.00"), "不要了", strings.Repeat("字", 50), 1))
	params["notify_url"], params["version"] = "https://merchant.invalid/refund", "3.4"
	c.callWith(params).ok(t)
}

func TestRefundQueryRules(t *testing.T) {
	c := newClient(t)
	c.paid()
	c.call(MethodRefund, refundBiz(subNo, "R1", "4.00")).ok(t)
	tradeNo := c.order(orderNo).SubOrders[0].TradeNo
	for _, biz := range []string{
		refundOf(subNo, "R1"),
		`{"trade_no":"` + tradeNo + `","out_request_no":"R1","refund_query_type":1}`,
		`{"out_trade_no":"` + subNo + `","trade_no":"` + tradeNo + `","out_request_no":"R1","shopdate":"20240520"}`,
	} {
		c.call(MethodRefundQuery, biz).ok(t)
	}
	for _, biz := range []string{
		refundOf(subNo, "R2"), refundOf(subNo2, "R1"), refundOf(orderNo, "R1"),
		`{"out_trade_no":"` + subNo + `","out_request_no":"R1","shopdate":"20240521"}`,
	} {
		c.call(MethodRefundQuery, biz).refused(t, "40004", "ACQ.QUERY_NO_RESULT", "查询无记录")
	}
	c.call(MethodRefundQuery, `{"out_trade_no":"s"}`).refused(t, "40001", "isv.missing-parameter", "out_request_no")
	c.call(MethodRefundQuery, `{"out_request_no":"R1"}`).refused(t, "40001", "isv.missing-parameter", "out_trade_no")
}

func TestRefundEndings(t *testing.T) {
	c := newClient(t)
	c.paid()
	c.srv.SlowRefund(3)
	c.srv.SlowRefund(-1)
	c.srv.FailRefund()
	c.srv.ManualRefund()
	for _, no := range []string{"R1", "R2", "R3", "R4"} {
		c.call(MethodRefund, refundBiz(subNo2, no, "5.00")).ok(t)
	}
	for no, states := range map[string][]string{
		"R1": {"in_process", "in_process", "success", "success"},
		"R2": {"in_process", "in_process", "in_process", "in_process"},
		"R3": {"fail", "fail"},
		"R4": {"fail_to_manual_deal", "fail_to_manual_deal"},
	} {
		for _, want := range states {
			c.call(MethodRefundQuery, refundOf(subNo2, no)).ok(t).has(t, map[string]string{"refund_state": quote(want)})
		}
	}
	c.state("TRADE_PART_REFUND", 30_50, 5_00)
	// What failed is free again, what people look at is not.
	c.call(MethodRefund, refundBiz(subNo2, "R5", "5.51")).refused(t, "40004", "ACQ.REFUND_EXCEEDED", "5.50 is left")
	c.call(MethodRefund, refundBiz(subNo2, "R5", "5.50")).ok(t)

	for no, state := range map[string]string{"R4": "success", "R2": "fail_due_manual_close", "R5": "something_new"} {
		if err := c.srv.SettleRefund(no, state); err != nil {
			t.Error(err)
		}
		c.call(MethodRefundQuery, refundOf(subNo2, no)).ok(t).has(t, map[string]string{"refund_state": quote(state)})
		if err := c.srv.SettleRefund(no, "success"); (err == nil) != (no == "R5") {
			t.Errorf("settling %s twice: %v", no, err)
		}
	}
	c.state("TRADE_PART_REFUND", 30_50, 15_50)
	c.call(MethodRefund, refundBiz(subNo2, "R6", "5.01")).refused(t, "40004", "ACQ.REFUND_EXCEEDED", "5.00 is left")
	if c.srv.SettleRefund("R9", "success") == nil {
		t.Error("an unknown refund was settled")
	}
}

func TestOrdersAreCopies(t *testing.T) {
	c := newClient(t)
	c.paid()
	c.call(MethodPay, payBiz("20240520DP2")).ok(t)
	c.call(MethodRefund, refundBiz(subNo, "R1", "1.00")).ok(t)
	orders := c.srv.Orders()
	if len(orders) != 2 || orders[0].OrderNo != orderNo || orders[1].OrderNo != "20240520DP2" {
		t.Fatalf("orders %+v", orders)
	}
	orders[0].SubOrders[0].Refunds[0].State = "changed"
	orders[0].SubOrders[0].State = "changed"
	if part := c.order(orderNo).SubOrders[0]; part.State != "TRADE_SUCCESS" || part.Refunds[0].State != "in_process" {
		t.Error("the book can be changed from outside")
	}
	if _, ok := c.srv.Order("20240520DP3"); ok {
		t.Error("found an order that is not there")
	}
}

func TestConcurrentOrders(t *testing.T) {
	c := newClient(t)
	body := formBody(c.signed(c.params(MethodPay, payBiz(orderNo))))
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() { _, _, _ = c.do(c.request("/gateway.do", body)) })
		wg.Go(func() { c.srv.Orders() })
	}
	wg.Wait()
	if n := len(c.srv.Orders()); n != 1 {
		t.Errorf("%d orders of one number", n)
	}
	if n := len(c.srv.Requests(MethodPay)); n != 8 {
		t.Errorf("%d requests arrived, want 8", n)
	}
}
