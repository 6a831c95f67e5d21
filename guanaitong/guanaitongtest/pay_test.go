package guanaitongtest

import (
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"
)

// The manual's own order, to the letter.
func TestManualSample(t *testing.T) {
	eachWay(t, func(c *client) {
		c.srv.Seller.ID = "20110783"
		c.at(time.Unix(1558403602, 0))
		c.srv.SetEmployee(Employee{UserID: "U0002", OpenID: "d87797eea12a2f80ad72ed93214a0908", Accounts: []Account{
			{OpenID: "c2e74b2af66bf79921281ea8d5b38d7c", Name: "福利", Type: AccountQuota, BalanceFen: 20_00},
			{OpenID: "c2e74b2af66bf79921281ea8d5b38d7d", Name: "餐补", Type: AccountQuota, BalanceFen: 20_00},
		}})
		if err := c.srv.SetAuthCode("U0002", "828544880731AA6035EA247DDF72FD65229F7F27"); err != nil {
			c.t.Fatal(err)
		}
		a := c.call(PathPay, map[string]string{
			"reason": "测试支付", "outer_trade_no": "201107831558403602084",
			"notify_url": "http://10.100.32.228:8087/open/notify", "point": "10.2",
			"trade_info": `{"third_pay_amount":1,"third_cost_amount":0,"third_total_amount":1,"is_third_orders":2,"third_trade_no":1212,` +
				`"goods_detail":[{"good_price":2,"quantity":2,"name":2,"sku_id":2,"good_cost_amount":0,"good_pay_amount":2}]}`,
			"auth_code": "828544880731AA6035EA247DDF72FD65229F7F27", "account_openid": "c2e74b2af66bf79921281ea8d5b38d7c",
			"return_url": "http://10.100.32.228:8087/open/return", "pay_type": "2", "seller_appid": "20110783",
		}).ok(c.t)
		o := c.order("201107831558403602084")
		if a.text(c.t) != o.TradeNo || o.TradeNo != "2019052100000001" {
			c.t.Errorf("data %s, order %+v", a.Data, o)
		}
		if o.AmountFen != 10_20 || o.ChargedFen != 10_20 || o.Status != StatusPaid || o.UserID != "U0002" || o.PayType != 2 ||
			o.AccountOpenID != "c2e74b2af66bf79921281ea8d5b38d7c" || o.Reason != "测试支付" || o.Attach != "" ||
			o.ReturnURL != "http://10.100.32.228:8087/open/return" || o.NotifyURL != "http://10.100.32.228:8087/open/notify" ||
			!o.CreatedAt.Equal(time.Unix(1558403602, 0)) || !o.PaidAt.Equal(o.CreatedAt) {
			c.t.Errorf("order %+v", o)
		}
		e, _ := c.srv.Employee("U0002")
		if e.Accounts[0].BalanceFen != 9_80 || e.Accounts[1].BalanceFen != 20_00 {
			c.t.Errorf("accounts %+v", e.Accounts)
		}
	})
}

func long(n int) string { return strings.Repeat("字", n) }

func TestPayParameters(t *testing.T) {
	const link = "https://shop.invalid/"
	const length, wrong = 1000220001, 1000220002
	for name, values := range map[string]struct {
		good []string
		bad  map[string]int64
	}{
		"auth_code": {nil, map[string]int64{"": 1000210015, "unknown": 1000210014, long(65): length}},
		"seller_appid": {nil, map[string]int64{
			"": 1000210006, "90000001": 1000220052, "9000000": 1000220052, long(33): length,
		}},
		"outer_trade_no": {
			[]string{"9000000212", "90000002" + strings.Repeat("9", 22)},
			map[string]int64{
				"": 1000210006, "900000021": length, "90000002" + strings.Repeat("9", 23): length,
				"9000000112345": wrong, "1290000002": wrong,
			},
		},
		"pay_type": {[]string{"1", "2"}, map[string]int64{"": 1000210006, "0": wrong, "3": wrong, "01": wrong, "+1": wrong, "1.0": wrong, "x": wrong}},
		"point": {
			[]string{"0.01", "0.1", "1", "999.99"},
			map[string]int64{
				"": 1000210006, "0": wrong, "0.00": wrong, "-1": wrong, "0.001": wrong, "1e2": wrong, "1,00": wrong, ".5": wrong, "1.": wrong,
				"100000000.00": wrong, "01": wrong, "NaN": wrong, "99999999.99": 1001220005,
			},
		},
		"reason":         {[]string{"x", long(254)}, map[string]int64{"": 1000210006, long(255): length}},
		"account_openid": {[]string{"00000000000000000000000000000001"}, map[string]int64{long(33): length, "00000000000000000000000000000004": 1000220050, "1": 1000220050}},
		"return_url": {
			[]string{"http://127.0.0.1:80/x?k=v#f", link + strings.Repeat("x", 2000-len(link))},
			map[string]int64{"": 1000210006, "shop.invalid": wrong, "ftp://shop.invalid": wrong, "https://": wrong, "/return": wrong, link + strings.Repeat("x", 2001-len(link)): length},
		},
		"notify_url": {
			[]string{link + strings.Repeat("x", 254-len(link))},
			map[string]int64{"": 1000210006, "shop.invalid": wrong, link + strings.Repeat("x", 255-len(link)): length},
		},
		"attach":     {[]string{"x", long(100), "a&b=c"}, map[string]int64{long(101): length}},
		"trade_info": {nil, map[string]int64{"": 1000210006, "x": wrong, tradeInfo(`"x":"` + long(4000) + `"`): length}},
	} {
		t.Run(name, func(t *testing.T) {
			c := newClient(t)
			for i, value := range values.good {
				if a := c.pay(c.no(i), name, value); a.Code != "0" {
					t.Errorf("%.80s refused: %s", value, a.Msg)
				}
				c.srv.SetEmployee(someEmployee())
			}
			before := len(c.srv.Orders())
			for value, code := range values.bad {
				a := c.pay(c.no(99), name, value)
				msg := name
				switch code {
				case 1001220005:
					msg = "point"
				case 1000220050:
					msg = "account_openid"
				}
				a.refused(t, code, msg+": ")
			}
			if after := len(c.srv.Orders()); after != before || c.points() != 1000_00 {
				t.Errorf("%d orders more, balance %d", after-before, c.points())
			}
		})
	}
}

func TestTradeInfo(t *testing.T) {
	const sub = `{"third_sub_trade_no":"S1","third_sub_delivery_fee":0,"third_sub_total_amount":12.5,` +
		`"third_sub_pay_amount":12.50,"third_sub_cost_amount":0.00,"goods_detail":[` + goods + `]}`
	one := func(goods string) string { return tradeInfo(`"is_third_orders":2,"goods_detail":[` + goods + `]`) }
	subs := func(subs string) string { return tradeInfo(`"is_third_orders":1,"third_orders":[` + subs + `]`) }
	in := func(text, old, fresh string) string {
		if !strings.Contains(text, old) {
			t.Fatalf("no %s in %s", old, text)
		}
		return strings.Replace(text, old, fresh, 1)
	}
	const missing, length, wrong = 1000210006, 1000220001, 1000220002
	for _, test := range []struct {
		text string
		code int64 // 0: good
		msg  string
	}{
		{one(goods), 0, ""},
		{one(goods + "," + goods), 0, ""},
		{subs(sub), 0, ""},
		{subs(sub + "," + sub), 0, ""},
		{one(in(goods, `"good_pay_amount":12.50,`, "")), 0, ""}, // the remark at good_price
		{one(in(goods, `"good_pay_amount":12.50`, `"good_pay_amount":0`)), 0, ""},
		{one(in(goods, `"午餐"`, `"`+long(50)+`"`)), 0, ""},
		{one(in(goods, `"午餐"`, `"<a&b>"`)), 0, ""},
		{one(in(goods, `12.50`, `99999999.99`)), 0, ""},
		{" " + one(goods) + " ", wrong, "trade_info: blank"},

		{`[]`, wrong, "trade_info: not a JSON object"},
		{`null`, wrong, "trade_info: not a JSON object"},
		{`{}`, missing, "trade_info.third_trade_no: missing"},
		{one(goods) + "{}", wrong, "trade_info: something follows"},
		{one(goods)[:60], wrong, "trade_info: "},
		{`{"a":1,"a":1}`, wrong, `trade_info: "a" occurs twice`},
		{`{"a"}`, wrong, "trade_info: "},
		{`{"a":}`, wrong, "trade_info: "},
		{`{"a":1,`, wrong, "trade_info: "},
		{`{"a":1 "b":2}`, wrong, "trade_info: "},
		{in(one(goods), `"T1"`, `""`), length, "trade_info.third_trade_no: must have 1 to 50"},
		{in(one(goods), `"T1"`, `"`+long(51)+`"`), length, "trade_info.third_trade_no: "},
		{in(one(goods), `"T1"`, `["T1"]`), wrong, "trade_info.third_trade_no: must be a JSON string"},
		{in(one(goods), `"T1"`, `null`), wrong, "trade_info.third_trade_no: null"},
		{in(one(goods), `"third_total_amount":12.50`, `"third_total_amount":"12.50"`), wrong, "trade_info.third_total_amount: must be a JSON number"},
		{in(one(goods), `"third_total_amount":12.50`, `"third_total_amount":0`), wrong, "trade_info.third_total_amount: must be from 0.01"},
		{in(one(goods), `"third_total_amount":12.50`, `"third_total_amount":true`), wrong, "trade_info.third_total_amount: "},
		{in(one(goods), `"third_pay_amount":12.50`, `"third_pay_amount":0.00`), wrong, "trade_info.third_pay_amount: "},
		{in(one(goods), `"third_pay_amount":12.50`, `"third_pay_amount":1250e-2`), wrong, "trade_info.third_pay_amount: "},
		{in(one(goods), `"third_cost_amount":0.00`, `"third_cost_amount":-1`), wrong, "trade_info.third_cost_amount: "},
		{in(one(goods), `"third_cost_amount":0.00`, `"third_cost_amount":100000000`), wrong, "trade_info.third_cost_amount: "},
		{in(one(goods), `"third_trade_no":"T1",`, ``), missing, "trade_info.third_trade_no: "},
		{in(one(goods), `"third_total_amount":12.50,`, ``), missing, "trade_info.third_total_amount: "},
		{in(one(goods), `"third_pay_amount":12.50,`, ``), missing, "trade_info.third_pay_amount: "},
		{in(one(goods), `"third_cost_amount":0.00,`, ``), missing, "trade_info.third_cost_amount: "},
		{in(one(goods), `"is_third_orders":2,`, ``), missing, "trade_info.is_third_orders: "},
		{in(one(goods), `"is_third_orders":2`, `"is_third_orders":"2"`), wrong, "trade_info.is_third_orders: "},
		{in(one(goods), `"is_third_orders":2`, `"is_third_orders":3`), wrong, "trade_info.is_third_orders: "},
		{in(one(goods), `"is_third_orders":2`, `"is_third_orders":1`), missing, "trade_info.third_orders: missing"},
		{in(subs(sub), `"is_third_orders":1`, `"is_third_orders":2`), missing, "trade_info.goods_detail: missing"},
		{in(subs(sub), `"is_third_orders":1`, `"is_third_orders":1,"goods_detail":[`+goods+`]`), wrong, "trade_info.goods_detail: does not go"},
		{in(one(goods), `"is_third_orders":2`, `"is_third_orders":2,"third_orders":[]`), wrong, "trade_info.third_orders: does not go"},
		{in(one(goods), `"is_third_orders":2`, `"is_third_orders":2,"note":1`), wrong, "trade_info.note: not a parameter"},
		{one(""), wrong, "trade_info.goods_detail: must be a JSON array"},
		{subs(""), wrong, "trade_info.third_orders: must be a JSON array"},
		{tradeInfo(`"is_third_orders":2,"goods_detail":` + goods), wrong, "trade_info.goods_detail: must be a JSON array"},
		{tradeInfo(`"is_third_orders":2,"goods_detail":"[]"`), wrong, "trade_info.goods_detail: must be a JSON array"},
		{one("1"), wrong, "trade_info.goods_detail[0]: not a JSON object"},
		{one(goods + ",{}"), missing, "trade_info.goods_detail[1].sku_id: missing"},
		{one(in(goods, `"SKU-1"`, `""`)), length, "trade_info.goods_detail[0].sku_id: "},
		{one(in(goods, `"午餐"`, `"`+long(51)+`"`)), length, "trade_info.goods_detail[0].name: "},
		{one(in(goods, `"quantity":1`, `"quantity":0`)), wrong, "trade_info.goods_detail[0].quantity: "},
		{one(in(goods, `"quantity":1`, `"quantity":1.0`)), wrong, "trade_info.goods_detail[0].quantity: "},
		{one(in(goods, `"quantity":1`, `"quantity":"1"`)), wrong, "trade_info.goods_detail[0].quantity: "},
		{one(in(goods, `"good_price":12.50`, `"good_price":0`)), wrong, "trade_info.goods_detail[0].good_price: "},
		{one(in(goods, `"good_pay_amount":12.50`, `"good_pay_amount":12.505`)), wrong, "trade_info.goods_detail[0].good_pay_amount: "},
		{one(in(goods, `,"good_cost_amount":0.00`, ``)), missing, "trade_info.goods_detail[0].good_cost_amount: "},
		{one(in(goods, `"quantity":1,`, ``)), missing, "trade_info.goods_detail[0].quantity: "},
		{one(in(goods, `"good_price":12.50,`, ``)), missing, "trade_info.goods_detail[0].good_price: "},
		{one(in(goods, `"name":"午餐",`, ``)), missing, "trade_info.goods_detail[0].name: "},
		{one(in(goods, `{`, `{"color":1,`)), wrong, "trade_info.goods_detail[0].color: "},
		{subs("{}"), missing, "trade_info.third_orders[0].third_sub_trade_no: "},
		{subs(in(sub, `"S1"`, `"`+long(51)+`"`)), length, "trade_info.third_orders[0].third_sub_trade_no: "},
		{subs(in(sub, `"third_sub_delivery_fee":0,`, ``)), missing, "trade_info.third_orders[0].third_sub_delivery_fee: "},
		{subs(in(sub, `"third_sub_delivery_fee":0`, `"third_sub_delivery_fee":-1`)), wrong, "trade_info.third_orders[0].third_sub_delivery_fee: "},
		{subs(in(sub, `"third_sub_total_amount":12.5`, `"third_sub_total_amount":0`)), wrong, "trade_info.third_orders[0].third_sub_total_amount: "},
		{subs(in(sub, `"third_sub_pay_amount":12.50`, `"third_sub_pay_amount":0`)), wrong, "trade_info.third_orders[0].third_sub_pay_amount: "},
		{subs(in(sub, `"third_sub_cost_amount":0.00`, `"third_sub_cost_amount":"0"`)), wrong, "trade_info.third_orders[0].third_sub_cost_amount: "},
		{subs(in(sub, `,"goods_detail":[`+goods+`]`, ``)), missing, "trade_info.third_orders[0].goods_detail: "},
		{subs(sub + "," + in(sub, goods, "")), wrong, "trade_info.third_orders[1].goods_detail: "},
		{subs(sub + "," + in(sub, `"SKU-1"`, `[]`)), wrong, "trade_info.third_orders[1].goods_detail[0].sku_id: "},
	} {
		c := newClient(t)
		a := c.pay(c.no(1), "trade_info", test.text)
		if test.code == 0 {
			if a.Code != "0" {
				t.Errorf("%s refused: %s", test.text, a.Msg)
			}
			continue
		}
		a.refused(t, test.code, test.msg)
		if t.Failed() {
			t.Fatalf("trade_info was %s", test.text)
		}
	}
}

func TestAuthCodeOnce(t *testing.T) {
	c := newClient(t)
	code := c.code()
	if len(code) != 40 || strings.ToUpper(code) != code {
		t.Errorf("code %s", code)
	}
	c.pay(c.no(1), "auth_code", code).ok(t)
	c.pay(c.no(2), "auth_code", code).refused(t, 1000210014, "auth_code: ")
	// Repeated as it was, the call says nothing about the first one.
	c.pay(c.no(1), "auth_code", code).refused(t, 1000210014, "auth_code: ")
	// With a new code it does; the code is used up nevertheless.
	code = c.code()
	c.pay(c.no(1), "auth_code", code).refused(t, 1000220003, "outer_trade_no: ")
	c.pay(c.no(2), "auth_code", code).refused(t, 1000210014, "auth_code: ")
	// A call that is wrong in itself does not use the code up.
	code = c.code()
	c.pay(c.no(2), "auth_code", code, "point", "0").refused(t, 1000220002, "point: ")
	c.pay(c.no(2), "auth_code", code).ok(t)
	if got := c.points(); got != 975_00 {
		t.Errorf("balance %d", got)
	}
}

func TestAuthCodeExpires(t *testing.T) {
	c := newClient(t)
	now := time.Date(2099, 1, 2, 3, 4, 5, 0, time.UTC)
	c.at(now)
	first, second := c.code(), c.code()
	c.at(now.Add(time.Minute - time.Nanosecond))
	c.pay(c.no(1), "auth_code", first).ok(t)
	c.at(now.Add(time.Minute))
	c.pay(c.no(2), "auth_code", second).refused(t, 1000210014, "auth_code: ")
	if _, err := c.srv.AuthCode("U9"); err == nil {
		t.Error("nobody has an auth code")
	}
	if err := c.srv.SetAuthCode("U9", "X"); err == nil {
		t.Error("nobody has an auth code")
	}
}

func TestAccounts(t *testing.T) {
	c := newClient(t)
	e, _ := c.srv.Employee("U0001")
	e.Accounts = append(e.Accounts,
		Account{OpenID: "Q2", Type: AccountQuota, BalanceFen: 12_50},
		Account{OpenID: "Q3", Type: AccountQuota, BalanceFen: 99_00, Invalid: true})
	c.srv.SetEmployee(e)
	c.pay(c.no(1), "pay_type", "2").refused(t, 1000210006, "account_openid: ")
	c.pay(c.no(1), "pay_type", "2", "account_openid", "Q3").refused(t, 1000220050, "account_openid: ")
	c.pay(c.no(1), "pay_type", "2", "account_openid", "Q2", "point", "12.51").refused(t, 1001220005, "point: ")
	c.pay(c.no(1), "pay_type", "2", "account_openid", "Q2").ok(t)
	e, _ = c.srv.Employee("U0001")
	if e.Accounts[2].BalanceFen != 0 {
		t.Errorf("accounts %+v", e.Accounts)
	}
	e.Accounts[0].BalanceFen = 0 // ours, not the platform's
	if c.points() != 1000_00 {
		t.Error("an account can be changed from outside")
	}
	e, _ = c.srv.Employee("U0001")
	e.Accounts = e.Accounts[:2]
	c.srv.SetEmployee(e)
	e.Accounts[1].BalanceFen = 0 // ours, not the platform's
	c.pay(c.no(2), "pay_type", "2").ok(t)
	if got, _ := c.srv.Employee("U0001"); got.Accounts[1].BalanceFen != 487_50 || c.points() != 1000_00 {
		t.Errorf("accounts %+v", got.Accounts)
	}
	e.Accounts = nil
	c.srv.SetEmployee(e)
	c.pay(c.no(3)).refused(t, 1000220050, "account_openid: ")
	if _, ok := c.srv.Employee("U9"); ok {
		t.Error("nobody is employed")
	}
}

func TestRedirects(t *testing.T) {
	eachWay(t, func(c *client) {
		c.srv.Redirects = true
		a := c.pay(c.no(1), "attach", "桌号=7", "return_url", "https://shop.invalid/return?shop=1#top")
		params := c.returned(a, "https://shop.invalid/return?shop=1&", "#top")
		if params["pay_result"] != "success" || params["outer_trade_no"] != c.no(1) || params["attach"] != "桌号=7" || params["appid"] != c.srv.Seller.ID {
			c.t.Errorf("returned %v", params)
		}
		c.state(c.no(1), StatusPaid, 12_50, 0)
		a = c.pay(c.no(2), "point", "987.51")
		if params := c.returned(a, "https://shop.invalid/return?", ""); params["pay_result"] != "fail" {
			c.t.Errorf("returned %v", params)
		}
		c.pay(c.no(1)).refused(c.t, 1000220003, "outer_trade_no: ")
		if n := len(c.srv.Orders()); n != 1 {
			c.t.Errorf("%d orders", n)
		}
	})
}

// judge is a merchant that knows both apps.
func (c *client) judge() merchant {
	return merchant{
		secrets: map[string]string{c.srv.Caller.ID: c.srv.Caller.Secret, c.srv.Seller.ID: c.srv.Seller.Secret},
		hash:    c.srv.Hash, now: c.srv.clock.Now().Unix(), past: 300, future: 300,
	}
}

// returned checks a redirect to a return page and returns its fields.
func (c *client) returned(a answer, before, behind string) map[string]string {
	c.t.Helper()
	query, ok := strings.CutPrefix(a.location, before)
	query, ok2 := strings.CutSuffix(query, behind)
	if a.status != 302 || !ok || !ok2 || a.body != "" {
		c.t.Fatalf("status %d, location %s, %s", a.status, a.location, a.body)
	}
	params, reason := c.judge().verify("return", query)
	if reason != "" {
		c.t.Errorf("%s: %s", query, reason)
	}
	return params
}

func TestSlowPay(t *testing.T) {
	c := newClient(t)
	c.srv.SlowPay(2)
	c.srv.SlowPay(-1)
	c.srv.SlowPay(1)
	for i := range 4 {
		c.pay(c.no(i)).ok(t)
	}
	for i, status := range []int{StatusPaying, StatusPaying, StatusPaying, StatusPaid} {
		if o := c.order(c.no(i)); o.Status != status || o.PaidAt.IsZero() == (status == StatusPaid) {
			t.Errorf("order %+v", o)
		}
	}
	for _, want := range []string{"2", "3", "3"} {
		c.call(PathRecord, map[string]string{"outer_trade_no": c.no(0)}).ok(t).has(t, map[string]string{"status": want})
	}
	c.state(c.no(0), StatusPaid, 12_50, 0)
	for range 3 {
		c.call(PathConsume, map[string]string{"trade_no": c.order(c.no(1)).TradeNo}).ok(t).
			has(t, map[string]string{"status": "2", "pay_amount": "0.00", "pay_time": "null"})
	}
	if err := c.srv.Pay(c.no(1)); err != nil {
		t.Error(err)
	}
	c.state(c.no(1), StatusPaid, 12_50, 0)
	if c.srv.Pay(c.no(1)) == nil || c.srv.Pay(c.no(9)) == nil {
		t.Error("paid twice, or what is not there")
	}
	e, _ := c.srv.Employee("U0001")
	e.Accounts[0].BalanceFen = 12_49
	c.srv.SetEmployee(e)
	if c.srv.Pay(c.no(2)) == nil {
		t.Error("paid without money")
	}
	c.state(c.no(2), StatusReversed, 0, 0)
}

func TestOrdersAreCopies(t *testing.T) {
	c := newClient(t)
	c.pay(c.no(1)).ok(t)
	c.pay(c.no(2)).ok(t)
	c.call(PathRefund, c.refund(c.no(1), c.no(5), "1.00")).ok(t)
	orders := c.srv.Orders()
	if len(orders) != 2 || orders[0].OrderNo != c.no(1) || orders[1].OrderNo != c.no(2) {
		t.Fatalf("orders %+v", orders)
	}
	orders[0].Refunds[0].AmountFen = 0
	if c.order(c.no(1)).Refunds[0].AmountFen != 1_00 {
		t.Error("the book can be changed from outside")
	}
	if _, ok := c.srv.Order(c.no(3)); ok {
		t.Error("found an order that is not there")
	}
}

func TestConcurrentPayments(t *testing.T) {
	c := newClient(t)
	c.token(c.srv.Caller)
	var requests []func()
	for range 8 {
		params := c.common(c.srv.Caller)
		for name, value := range c.payment(c.no(1)) {
			params[name] = value
		}
		params["sign"] = sign(c.srv.Hash, params, c.srv.Caller.Secret)
		r := c.request(PathPay, params)
		requests = append(requests, func() {
			if a, err := c.do(r); err != nil || !strings.Contains(a.body, `"code":`) {
				t.Errorf("%v, %s", err, a.body)
			}
		})
	}
	var wg sync.WaitGroup
	for _, send := range requests {
		wg.Go(send)
		wg.Go(func() { c.srv.Orders() })
	}
	wg.Wait()
	if n := len(c.srv.Orders()); n != 1 || c.points() != 987_50 {
		t.Errorf("%d orders of one number, balance %d", n, c.points())
	}
}

// The answers to a browser are good for one: a GET of the location leads to
// the merchant with the fields in the query.
func TestLocationIsAddress(t *testing.T) {
	c := newClient(t)
	c.srv.Redirects = true
	a := c.pay(c.no(1), "attach", "a b+c&d")
	u, err := url.Parse(a.location)
	if err != nil || u.Host != "shop.invalid" || u.Query().Get("attach") != "a b+c&d" || strings.Contains(u.RawQuery, "+") {
		t.Errorf("location %s, %v", a.location, err)
	}
}
