package fufutest

import (
	"encoding/json"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/duopay/duopay/internal/sandbox"
)

// rule is what a field may hold and what it may not; nil is no field.
type rule struct {
	good, bad []any
	code      string // of the refusal of a text, if not ILLEGAL_PARAMETER
}

// raw is JSON that is not a string.
func raw(text string) json.RawMessage { return json.RawMessage(text) }

func long(n int) string { return strings.Repeat("字", n) }

func mandatory(limit int) rule {
	return rule{
		good: []any{"x", "a b", long(limit)},
		bad:  []any{nil, "", long(limit + 1), raw("1"), raw("null"), raw(`["x"]`)},
	}
}

func freeText(limit int) rule {
	return rule{good: []any{nil, "", "a b", long(limit)}, bad: []any{long(limit + 1), raw("1"), raw("null")}}
}

func name(limit int) rule {
	return rule{
		good: []any{"x", strings.Repeat("9", limit)},
		bad:  []any{nil, "", " x", "x ", "x\ty", strings.Repeat("9", limit+1), raw("1"), raw("null")},
	}
}

func amount() rule {
	return rule{
		good: []any{"1", "9999999999"},
		bad: []any{
			"0", "-1", "+1", "01", "1.0", "2.50", "1e2", " 1", "1 ", "１", "10000000000", "99999999999999999999", "x",
			nil, "", raw("250"), raw("null"),
		},
		code: "AMT_ERROR",
	}
}

func currency() rule {
	return rule{
		good: []any{"CNY", "HKD", "THB"},
		bad:  []any{nil, "", "CHY", "cny", "USD", "人民币", raw("156")},
	}
}

func encoded() rule {
	return rule{
		good: []any{nil, "", "dGFibGU9Nw==", "01000001"},
		bad:  []any{"dGFibGU9Nw", "a b=", "dGFi\nbGU9", "桌子", strings.Repeat("QUJD", 32), raw("1")},
	}
}

// checkRules changes one field of a good request at a time.
func checkRules(t *testing.T, op string, rules map[string]rule, good func(c *client) params) {
	t.Helper()
	for field, rule := range rules {
		t.Run(field, func(t *testing.T) {
			for _, value := range rule.good {
				c := newClient(t)
				if a := c.call(op, good(c).with(params{field: value})); a.Data["return_code"] != "SUCCESS" {
					t.Errorf("%.80v refused: %v", value, a)
				}
			}
			for _, value := range rule.bad {
				c := newClient(t)
				p := good(c)
				orders := len(c.srv.Orders())
				code := "ILLEGAL_PARAMETER"
				if text, _ := value.(string); text != "" && rule.code != "" {
					code = rule.code
				}
				c.call(op, p.with(params{field: value})).invalid(code, field)
				if len(c.srv.Orders()) > orders {
					t.Errorf("%.80v made an order", value)
				}
			}
		})
	}
}

func TestOrderFields(t *testing.T) {
	checkRules(t, OpOrder, map[string]rule{
		"operator_id":       freeText(32),
		"terminal_id":       freeText(32),
		"store_id":          freeText(32),
		"time_zone":         freeText(64),
		"merchant_param":    encoded(),
		"total_fee":         amount(),
		"discount_amount":   {good: []any{nil, "0", "10"}, bad: []any{"-1", raw("10")}},
		"undiscount_amount": {good: []any{nil, "10"}, bad: []any{"x"}},
		"channel_type":      {good: []any{"0", "1", "2"}, bad: []any{nil, "", "3", "-1", "00", "Alipay", raw("1")}},
		"auth_code": {
			good: []any{"100000000000000000", "250000000000000000000000"},
			bad:  []any{nil, "", "28688886 3488188613", strings.Repeat("9", 101), raw("288886863488188613")},
		},
		"out_trade_no": name(50),
		"pay_subject":  mandatory(100),
		"fee_type":     currency(),
		"sign":         {bad: []any{"x", raw("null")}},
		"trade_type":   {bad: []any{"QRCODE"}},
		"Total_fee":    {bad: []any{"250"}},
	}, func(c *client) params { return c.orderParams("DP1") })
}

func TestPreOrderFields(t *testing.T) {
	checkRules(t, OpPreOrder, map[string]rule{
		"operator_id":    freeText(32),
		"terminal_id":    freeText(32),
		"store_id":       freeText(32),
		"time_zone":      freeText(64),
		"merchant_param": encoded(),
		"total_fee":      amount(),
		"channel_type":   {good: []any{"0", "1", "2"}, bad: []any{nil, "3", raw("1")}},
		"out_trade_no":   name(50),
		"pay_subject":    mandatory(100),
		"fee_type":       currency(),
		"trade_type":     {good: []any{"QRCODE"}, bad: []any{"qrcode", "NATIVE", raw("1")}},
		"openId":         freeText(128),
		"subAppId":       freeText(32),
		"subAppid":       {bad: []any{"wx0000000000000000"}},
		"time_expire":    {good: []any{nil, "", "1", "1440"}, bad: []any{"0", "1441", "5.0", "05", "5m", raw("5")}},
		"notifyUrl": {
			good: []any{nil, "", "https://merchant.example/fufu?x=1", "http://127.0.0.1:80/x"},
			bad:  []any{"merchant.example", "ftp://merchant.example", "https:///x", "https://e.com/" + long(256), "http://e.com/%", raw("1")},
		},
	}, func(c *client) params { return c.preOrderParams("DP1") })
}

// Without trade_type a preOrder is JSAPI, and needs a payer.
func TestJSAPIFields(t *testing.T) {
	c := newClient(t)
	for _, tradeType := range []any{nil, "", "JSAPI"} {
		jsapi := c.preOrderParams("DP1").with(params{"trade_type": tradeType})
		alipay, weChat := params{"channel_type": "1"}, params{"channel_type": "2"}
		const illegal = "ILLEGAL_PARAMETER"
		c.call(OpPreOrder, jsapi).invalid(illegal, "channel_type")
		c.call(OpPreOrder, jsapi.with(params{"openId": "o"})).invalid(illegal, "channel_type")
		c.call(OpPreOrder, jsapi.with(alipay)).invalid(illegal, "openId")
		c.call(OpPreOrder, jsapi.with(alipay).with(params{"openId": ""})).invalid(illegal, "openId")
		c.call(OpPreOrder, jsapi.with(weChat).with(params{"openId": "o"})).invalid(illegal, "subAppId")
		c.call(OpPreOrder, jsapi.with(weChat).with(params{"subAppId": "wx"})).invalid(illegal, "openId")
	}
	if orders := c.srv.Orders(); orders != nil {
		t.Errorf("made %+v", orders)
	}
}

func TestFieldsOfTheOthers(t *testing.T) {
	clerk := map[string]rule{
		"operator_id": mandatory(32), "terminal_id": mandatory(32), "time_zone": freeText(64), "store_id": {bad: []any{"1"}},
	}
	t.Run("query", func(t *testing.T) {
		checkRules(t, OpQuery, map[string]rule{
			"out_trade_no": {bad: name(50).bad},
			"trade_no":     {good: []any{nil, ""}, bad: []any{" 1", raw("1"), strings.Repeat("9", 51)}},
			"time_zone":    freeText(64),
			"operator_id":  {bad: []any{"oper01"}},
		}, func(c *client) params { c.order("DP1").ok(); return c.of("DP1") })
	})
	t.Run("cancel", func(t *testing.T) {
		rules := map[string]rule{
			"out_trade_no": {bad: name(50).bad},
			"trade_no":     {good: []any{nil, ""}, bad: []any{"1 1"}},
		}
		checkRules(t, OpCancel, merge(rules, clerk), func(c *client) params {
			pass := c.setClock(noon)
			c.srv.AskPassword(-1)
			c.order("DP1").ok()
			pass(15 * time.Second)
			return c.byClerk("DP1")
		})
	})
	t.Run("close", func(t *testing.T) {
		rules := map[string]rule{"out_trade_no": {bad: name(50).bad}, "trade_no": {bad: []any{"1"}}}
		checkRules(t, OpClose, merge(rules, clerk), func(c *client) params {
			c.preOrder("DP1").ok()
			return c.byClerk("DP1")
		})
	})
	t.Run("refund", func(t *testing.T) {
		rules := map[string]rule{
			"refund_fee":     {good: []any{"1", "250"}, bad: amount().bad, code: "AMT_ERROR"},
			"refund_subject": mandatory(100),
			"out_trade_no":   {bad: []any{nil, "", " DP1", raw("1")}},
			"trade_no":       {good: []any{nil, ""}, bad: []any{"1 1"}},
			"out_refund_no":  name(50),
			"fee_type":       {good: []any{"CNY"}, bad: []any{nil, "CHY", "HKD", ""}},
		}
		checkRules(t, OpRefund, merge(rules, clerk), func(c *client) params {
			c.order("DP1").ok()
			return c.refundParams("DP1", "R1", "100")
		})
	})
	t.Run("refundQuery", func(t *testing.T) {
		rules := map[string]rule{
			"out_trade_no":  {bad: name(50).bad},
			"out_refund_no": {bad: []any{"R1"}},
			"trade_no":      {bad: []any{"1"}},
		}
		checkRules(t, OpRefundQuery, merge(rules, clerk), func(c *client) params {
			c.order("DP1").ok()
			c.call(OpRefund, c.refundParams("DP1", "R1", "100")).ok()
			return c.byClerk("R1")
		})
	})
}

func merge(a, b map[string]rule) map[string]rule {
	all := map[string]rule{}
	for _, rules := range []map[string]rule{a, b} {
		for field, rule := range rules {
			all[field] = rule
		}
	}
	return all
}

func TestOrder(t *testing.T) {
	eachWay(t, func(c *client) {
		c.call(OpOrder, c.orderParams("DP1").with(params{
			"merchant_param": "dGFibGU9Nw==", "operator_id": "op", "terminal_id": "t", "time_zone": "+08:00", "auth_code": "134000000000000001",
		})).ok().has(map[string]string{
			"merchant_param": `"dGFibGU9Nw=="`, "operator_id": `"op"`, "terminal_id": `"t"`, "time_zone": `"+08:00"`,
			"channel_type": `"2"`, "state": "1", "total_fee": "250",
		})
		again := c.orderParams("DP1").with(params{"total_fee": "1", "auth_code": codeFor("DP2")})
		c.call(OpOrder, again).refused("SERIAL_REPEAT")
		c.call(OpPreOrder, c.preOrderParams("DP1")).refused("SERIAL_REPEAT")
		c.preOrder("DP3").ok()
		c.call(OpOrder, again.with(params{"out_trade_no": "DP3"})).refused("SERIAL_REPEAT")
		if n := len(c.srv.Orders()); n != 2 {
			c.t.Errorf("%d orders, want 2", n)
		}
		c.state("DP1", StatePaid, 250, 0)
	})
}

func TestAuthCode(t *testing.T) {
	c := newClient(t)
	c.order("DP1").ok()
	again := c.orderParams("DP2").with(params{"auth_code": codeFor("DP1")})
	c.call(OpOrder, again).refused("SOUNDWAVE_PARSER_FAIL")
	c.call(OpOrder, again.with(params{"auth_code": codeFor("DP2")})).ok() // the number was not used up
	for code, channel := range map[string]string{
		"100000000000000000": `"2"`, "159999999999999999": `"2"`,
		"2500000000000000": `"1"`, "309999999999999999999999": `"1"`,
		"160000000000000000": "", "10000000000000000": "", "250000000000000": "", "2500000000000000000000000": "",
		"31000000000000000": "", "fp0000000000000000": "",
	} {
		a := c.call(OpOrder, c.orderParams("A"+code).with(params{"auth_code": code}))
		if channel == "" {
			a.refused("SOUNDWAVE_PARSER_FAIL")
		} else {
			a.ok().has(map[string]string{"channel_type": channel})
		}
	}
	c.call(OpOrder, c.orderParams("DP3").with(params{"auth_code": "fp1", "channel_type": "1"})).ok().
		has(map[string]string{"channel_type": `"1"`})
}

func TestForeignCurrency(t *testing.T) {
	c := newClient(t)
	for i, test := range []struct{ currency, fen, rate, cny string }{
		{"HKD", "250", `"0.9137"`, "228"}, {"THB", "10000", `"0.2183"`, "2183"}, {"THB", "1", `"0.2183"`, "1"}, {"HKD", "50", `"0.9137"`, "46"},
		{"CNY", "250", "", ""},
	} {
		no := "DP" + string(rune('0'+i))
		foreign := params{"fee_type": test.currency, "total_fee": test.fen}
		c.call(OpOrder, c.orderParams(no).with(foreign)).ok().has(map[string]string{
			"fee_type": `"` + test.currency + `"`, "total_fee": test.fen, "exchange_rate": test.rate, "trans_amount_cny": test.cny,
		})
		c.query(no).ok().has(map[string]string{
			"fee_type": `"` + test.currency + `"`, "exchange_rate": test.rate, "trans_amount_cny": "", "refund_amount_cny": "",
		})
		if o := c.book(no); o.Currency != test.currency {
			t.Errorf("order %+v", o)
		}
		c.call(OpRefund, c.refundParams(no, "R"+no, test.fen).with(params{"fee_type": test.currency})).ok().has(map[string]string{
			"refund_fee": test.fen, "exchange_rate": test.rate, "refund_amount_cny": test.cny,
		})
	}
}

func TestAskPassword(t *testing.T) {
	c := newClient(t)
	pass := c.setClock(noon)
	c.srv.AskPassword(2)
	c.srv.AskPassword(-1)
	c.order("DP1").ok().has(map[string]string{
		"state": "0", "total_fee": "250", "begin_time": `"20990102120000"`,
		"end_time": "", "channel_trade_no": "", "phone_code": "", "credit": "",
	})
	c.state("DP1", StateWaiting, 0, 0)
	pass(time.Second)
	for _, want := range []string{"0", "1", "1"} {
		c.query("DP1").ok().has(map[string]string{"state": want})
	}
	c.query("DP1").has(map[string]string{"end_time": `"20990102120001"`, "credit": `"balance"`})
	c.state("DP1", StatePaid, 250, 0)
	if paid := c.book("DP1").PaidAt; !paid.Equal(noon.Add(time.Second)) {
		t.Errorf("paid at %v", paid)
	}

	c.order("DP2").ok()
	for range 5 {
		c.query("DP2").ok().has(map[string]string{"state": "0"})
	}
	c.pay("DP2")
	c.state("DP2", StatePaid, 250, 0)
	if c.srv.Pay("DP2") == nil {
		t.Error("paid twice")
	}
	if c.srv.Pay("DP9") == nil {
		t.Error("an unknown order was paid")
	}
	c.order("DP3").ok().has(map[string]string{"state": "1"})
}

// Orders that are not paid are canceled after a time that hangs on their kind.
func TestExpiry(t *testing.T) {
	for what, test := range map[string]struct {
		op   string
		more params
		life time.Duration
	}{
		"order":             {OpOrder, nil, 80 * time.Second},
		"preOrder":          {OpPreOrder, nil, 5 * time.Minute},
		"preOrder, 1 min":   {OpPreOrder, params{"time_expire": "1"}, time.Minute},
		"preOrder, one day": {OpPreOrder, params{"time_expire": "1440"}, 24 * time.Hour},
	} {
		t.Run(what, func(t *testing.T) {
			c := newClient(t)
			pass := c.setClock(noon)
			c.srv.AskPassword(-1)
			p := c.orderParams("DP1")
			if test.op == OpPreOrder {
				p = c.preOrderParams("DP1")
			}
			c.call(test.op, p.with(test.more)).ok()
			pass(test.life - time.Millisecond)
			c.query("DP1").ok().has(map[string]string{"state": "0", "end_time": ""})
			pass(time.Hour)
			c.state("DP1", StateCanceled, 0, 0)
			if orders := c.srv.Orders(); orders[0].State != StateCanceled {
				t.Errorf("orders %+v", orders)
			}
			c.query("DP1").ok().has(map[string]string{
				"state": "2", "end_time": `"` + noon.Add(test.life).Format("20060102150405") + `"`,
			})
			if c.srv.Pay("DP1") == nil {
				t.Error("an expired order was paid")
			}
			c.call(OpRefund, c.refundParams("DP1", "R1", "1")).refused(alreadyRevoked)
			op := map[string]string{OpOrder: OpCancel, OpPreOrder: OpClose}[test.op]
			c.call(op, c.byClerk("DP1")).refused(alreadyRevoked)
		})
	}
}

// The same by the clock of a bubble.
func TestExpiryInBubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClient(t)
		c.srv.AskPassword(-1)
		c.order("DP1").ok()
		time.Sleep(80*time.Second - 1)
		c.state("DP1", StateWaiting, 0, 0)
		time.Sleep(time.Nanosecond)
		c.state("DP1", StateCanceled, 0, 0)
	})
}

func TestPreOrderQRCode(t *testing.T) {
	eachWay(t, func(c *client) {
		a := c.call(OpPreOrder, c.preOrderParams("DP1").with(params{"time_zone": "+08:00"})).ok()
		o := c.book("DP1")
		a.has(map[string]string{
			"out_trade_no": `"DP1"`, "trade_no": `"` + o.TradeNo + `"`, "time_zone": `"+08:00"`,
			"qr_code":  `"https://fufu.invalid/online/pay/?id=990000000000001&tradeNo=` + o.TradeNo + `&price=2.50"`,
			"prePayId": "", "payInfo": "", "state": "", "total_fee": "",
		})
		if o.Op != OpPreOrder || o.Channel != 0 {
			c.t.Errorf("order %+v", o)
		}
		c.query("DP1").ok().has(map[string]string{"state": "0", "channel_type": `"0"`, "auth_code": ""})
		c.pay("DP1")
		c.query("DP1").ok().has(map[string]string{"state": "1", "channel_type": `"1"`})
		c.state("DP1", StatePaid, 250, 0)
	})
}

func TestPreOrderJSAPI(t *testing.T) {
	eachWay(t, func(c *client) {
		c.setClock(noon)
		jsapi := func(no, channel string) params {
			return c.preOrderParams(no).with(params{"trade_type": nil, "channel_type": channel, "openId": "o1", "subAppId": "wx17"})
		}
		a := c.call(OpPreOrder, jsapi("DP1", "1")).ok().has(map[string]string{"qr_code": "", "payInfo": ""})
		c.pay("DP1")
		// Alipay's number is known from the beginning.
		c.query("DP1").ok().has(map[string]string{"channel_trade_no": string(sandbox.JSON(a.Data["prePayId"])), "channel_type": `"1"`})

		a = c.call(OpPreOrder, jsapi("DP2", "2")).ok().has(map[string]string{"qr_code": "", "prePayId": ""})
		var info map[string]any
		if err := json.Unmarshal([]byte(a.Data["payInfo"].(string)), &info); err != nil {
			c.t.Fatal(err)
		}
		ms := "4071009600000"
		if len(info) != 8 || info["appId"] != "wx17" || info["timeStamp"] != ms || info["nonceStr"] != ms || info["status"] != "0" ||
			info["signType"] != "MD5" || info["callback_url"] != nil || info["package"] != "prepay_id=wx"+c.book("DP2").TradeNo ||
			len(info["paySign"].(string)) != 32 {
			c.t.Errorf("payInfo %v", info)
		}
		c.pay("DP2")
		c.query("DP2").ok().has(map[string]string{"channel_type": `"2"`, "channel_trade_no": `"4200000000209901020000000002"`})
	})
}

func TestQuery(t *testing.T) {
	eachWay(t, func(c *client) {
		c.call(OpOrder, c.orderParams("DP1").with(params{"merchant_param": "01000001", "operator_id": "op", "time_zone": "z"})).ok()
		c.order("DP2").ok()
		c.query("DP1").ok().has(map[string]string{
			"channel_type": `"1"`, "out_trade_no": `"DP1"`, "auth_code": `"` + codeFor("DP1") + `"`, "merchant_param": `"01000001"`,
			"operator_id": `"op"`, "terminal_id": "", "time_zone": `"z"`, "fee_type": `"CNY"`, "state": "1",
			"total_fee": "", "refund_fee": "", // as in the manual's sample
		})
		// The gateway's number goes before the merchant's.
		c.call(OpQuery, c.of("DP1").with(params{"trade_no": c.book("DP2").TradeNo})).ok().
			has(map[string]string{"out_trade_no": `"DP2"`})
		c.query("DP9").refused("CHARGE_NONEXISTENT")
		c.call(OpQuery, c.of("DP1").with(params{"trade_no": "1"})).refused("CHARGE_NONEXISTENT")
	})
}

func TestHideOrder(t *testing.T) {
	c := newClient(t)
	c.srv.HideOrder(3)
	c.srv.HideOrder(-1)
	c.order("DP1").ok().has(map[string]string{"state": "1"})
	c.query("DP1").refused("CHARGE_NONEXISTENT")
	c.call(OpCancel, c.byClerk("DP1")).refused("CHARGE_NONEXISTENT")
	c.call(OpRefund, c.refundParams("DP1", "R1", "1")).refused("CHARGE_NONEXISTENT")
	c.query("DP1").ok().has(map[string]string{"state": "1"})
	c.state("DP1", StatePaid, 250, 0)
	c.preOrder("DP2").ok()
	for range 5 {
		c.query("DP2").refused("CHARGE_NONEXISTENT")
	}
	c.preOrder("DP2").refused("SERIAL_REPEAT")
	c.state("DP2", StateWaiting, 0, 0)
	c.order("DP3").ok()
	c.query("DP3").ok()
}

func TestCancel(t *testing.T) {
	eachWay(t, func(c *client) {
		pass := c.setClock(noon)
		c.srv.AskPassword(-1)
		c.order("DP1").ok()
		pass(15*time.Second - 1)
		c.call(OpCancel, c.byClerk("DP1")).refused("订单创建15秒后才可撤销")
		c.state("DP1", StateWaiting, 0, 0)
		pass(1)
		a := c.call(OpCancel, c.byClerk("DP1").with(params{"time_zone": "z"})).ok()
		if len(a.Data) != 2 || a.Data["time_zone"] != "z" {
			c.t.Errorf("data %v, want no numbers and no state", a.Data)
		}
		c.state("DP1", StateCanceled, 0, 0)
		c.query("DP1").ok().has(map[string]string{"state": "2", "end_time": `"20990102120015"`})
		c.call(OpCancel, c.byClerk("DP1")).refused(alreadyRevoked)
		c.call(OpRefund, c.refundParams("DP1", "R1", "1")).refused(alreadyRevoked)
		if c.srv.Pay("DP1") == nil {
			c.t.Error("a canceled order was paid")
		}

		c.order("DP2").ok()
		pass(15 * time.Second)
		c.call(OpCancel, c.byClerk("DP2")).refused("订单已支付")
		c.state("DP2", StatePaid, 250, 0)
		c.preOrder("DP3").ok()
		pass(15 * time.Second)
		c.call(OpCancel, c.byClerk("DP3")).refused("订单类型不符")
		c.call(OpCancel, c.byClerk("DP9")).refused("CHARGE_NONEXISTENT")
		c.state("DP3", StateWaiting, 0, 0)

		// The gateway's number goes before the merchant's.
		c.srv.AskPassword(-1)
		c.order("DP4").ok()
		pass(15 * time.Second)
		c.call(OpCancel, c.byClerk("DP2").with(params{"trade_no": c.book("DP4").TradeNo})).ok()
		c.state("DP4", StateCanceled, 0, 0)
	})
}

func TestCancelWindow(t *testing.T) {
	for at, allowed := range map[string]bool{
		"00:59:59": false, "01:00:00": true, "12:00:00": true, "22:59:59": true, "23:00:00": false, "00:00:00": false,
	} {
		now, err := time.ParseInLocation(time.DateTime, "2099-01-02 "+at, beijing)
		if err != nil {
			t.Fatal(err)
		}
		c := newClient(t)
		pass := c.setClock(now.Add(-20 * time.Second).UTC()) // the zone is Beijing's, not the clock's
		c.srv.AskPassword(-1)
		c.order("DP1").ok()
		pass(20 * time.Second)
		a := c.call(OpCancel, c.byClerk("DP1"))
		if allowed {
			a.ok()
		} else {
			a.refused("撤销时间为1:00至23:00")
			c.state("DP1", StateWaiting, 0, 0)
		}
	}
}

func TestSlowCancel(t *testing.T) {
	c := newClient(t)
	pass := c.setClock(noon)
	c.srv.SlowCancel(2)
	c.srv.SlowCancel(-1)
	for _, no := range []string{"DP1", "DP2"} {
		c.srv.AskPassword(1)
		c.order(no).ok()
	}
	pass(15 * time.Second)
	c.call(OpCancel, c.byClerk("DP1")).ok()
	c.state("DP1", StateCanceling, 0, 0)
	c.call(OpCancel, c.byClerk("DP1")).refused("订单撤销中")
	c.call(OpRefund, c.refundParams("DP1", "R1", "1")).refused("订单未支付")
	for _, want := range []string{"3", "3", "2", "2"} {
		c.query("DP1").ok().has(map[string]string{"state": want})
	}
	c.state("DP1", StateCanceled, 0, 0)
	c.call(OpCancel, c.byClerk("DP2")).ok()
	for range 5 {
		c.query("DP2").ok().has(map[string]string{"state": "3"})
	}
	c.state("DP2", StateCanceling, 0, 0)
}

func TestClose(t *testing.T) {
	eachWay(t, func(c *client) {
		c.preOrder("DP1").ok()
		c.call(OpClose, c.byClerk("DP1").with(params{"time_zone": "z"})).ok().has(map[string]string{
			"out_trade_no": `"DP1"`, "trade_no": `"` + c.book("DP1").TradeNo + `"`, "time_zone": `"z"`, "state": "",
		})
		c.state("DP1", StateClosed, 0, 0)
		c.query("DP1").ok().has(map[string]string{"state": "6"})
		c.call(OpClose, c.byClerk("DP1")).refused("订单已关闭")
		c.call(OpRefund, c.refundParams("DP1", "R1", "1")).refused("订单已关闭")
		if c.srv.Pay("DP1") == nil {
			c.t.Error("a closed order was paid")
		}
		c.paid("DP2", nil)
		c.call(OpClose, c.byClerk("DP2")).refused("订单已支付")
		c.state("DP2", StatePaid, 250, 0)
		c.srv.AskPassword(-1)
		c.order("DP3").ok()
		c.call(OpClose, c.byClerk("DP3")).refused("订单类型不符")
		c.state("DP3", StateWaiting, 0, 0)
		c.call(OpClose, c.byClerk("DP9")).refused("CHARGE_NONEXISTENT")
	})
}

func TestOrdersAreCopies(t *testing.T) {
	c := newClient(t)
	c.order("DP1").ok()
	c.order("DP2").ok()
	c.call(OpRefund, c.refundParams("DP1", "R1", "20")).ok()
	orders := c.srv.Orders()
	if len(orders) != 2 || orders[0].OrderNo != "DP1" || orders[1].OrderNo != "DP2" {
		t.Fatalf("orders %+v", orders)
	}
	orders[0].Refunds[0].State = "changed"
	if c.book("DP1").Refunds[0].State != RefundPending {
		t.Error("the book can be changed from outside")
	}
	if _, ok := c.srv.Order("DP3"); ok {
		t.Error("found an order that is not there")
	}
}

func TestConcurrentOrders(t *testing.T) {
	c := newClient(t)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() { _, _, _ = c.raw(OpOrder, c.orderParams("DP1")) })
		wg.Go(func() { c.srv.Orders() })
	}
	wg.Wait()
	if n := len(c.srv.Orders()); n != 1 {
		t.Errorf("%d orders of one number", n)
	}
	if n := len(c.srv.Requests(OpOrder)); n != 8 {
		t.Errorf("%d orders arrived, want 8", n)
	}
}
