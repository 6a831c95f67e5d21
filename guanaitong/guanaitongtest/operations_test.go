package guanaitongtest

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

func TestGetAuthCode(t *testing.T) {
	eachWay(t, func(c *client) {
		for i, test := range []struct {
			path   string
			params map[string]string
		}{
			{PathAuthCodeByMobile, map[string]string{"mobile": "13000000000"}},
			{PathAuthCodeByMobile, map[string]string{"mobile": "13000000000", "mobile_area": "86", "enterprise_code": "E90000001"}},
			{PathAuthCodeByCorpCode, map[string]string{"userid": "U0001"}},
			{PathAuthCodeByCorpCode, map[string]string{"corp_code": "0001", "enterprise_code": "E90000001"}},
			{PathAuthCodeByEmail, map[string]string{"email": "han.meimei@example.com"}},
		} {
			code := c.call(test.path, test.params).ok(c.t).text(c.t)
			if len(code) != 40 {
				c.t.Errorf("%s: code %s", test.path, code)
			}
			c.pay(c.no(i), "auth_code", code).ok(c.t)
		}
	})
}

func TestEmployeeRules(t *testing.T) {
	c := newClient(t)
	for _, test := range []struct {
		path   string
		params []string
		code   int64
		msg    string
	}{
		{PathAuthCodeByMobile, nil, 1000210006, "mobile: missing"},
		{PathAuthCodeByMobile, []string{"mobile", "13000000001"}, 1000220051, "mobile: no such"},
		{PathAuthCodeByMobile, []string{"mobile", "13000"}, 1000220001, "mobile: "},
		{PathAuthCodeByMobile, []string{"mobile", strings.Repeat("1", 21)}, 1000220001, "mobile: "},
		{PathAuthCodeByMobile, []string{"mobile", "+8613000000000"}, 1000220004, "mobile: "},
		{PathAuthCodeByMobile, []string{"mobile", "13000000000", "mobile_area", "+86"}, 1000220002, "mobile_area: "},
		{PathAuthCodeByMobile, []string{"mobile", "13000000000", "enterprise_code", "E1"}, 1000220052, "enterprise_code: "},
		{PathAuthCodeByMobile, []string{"mobile", "13000000000", "enterprise_code", strings.Repeat("E", 21)}, 1000220001, "enterprise_code: "},
		{PathAuthCodeByMobile, []string{"mobile", "13000000000", "email", "x@example.com"}, 1000220002, "email: not a parameter"},
		{PathAuthCodeByCorpCode, nil, 1000210006, "userid: missing"},
		{PathAuthCodeByCorpCode, []string{"userid", "U0001", "corp_code", "0001"}, 1000220002, "corp_code: sent together"},
		{PathAuthCodeByCorpCode, []string{"userid", "U9"}, 1000220051, "userid: no such"},
		{PathAuthCodeByCorpCode, []string{"corp_code", "9"}, 1000220051, "corp_code: no such"},
		{PathAuthCodeByCorpCode, []string{"corp_code", strings.Repeat("1", 21)}, 1000220001, "corp_code: "},
		{PathAuthCodeByEmail, nil, 1000210006, "email: missing"},
		{PathAuthCodeByEmail, []string{"email", "x@example.com"}, 1000220051, "email: no such"},
		{PathAuthCodeByEmail, []string{"email", "example.com"}, 1000220005, "email: "},
		{PathAuthCodeByEmail, []string{"email", "<x@example.com>"}, 1000220005, "email: "},
		{PathAccounts, nil, 1000210006, "userid: missing"},
		{PathAccounts, []string{"userid", "U9"}, 1000220051, "userid: no such"},
		{PathAccounts, []string{"userid", "U0001", "thirdType", "6"}, 1000220002, "thirdType: "},
		{PathAccounts, []string{"userid", "U0001", "third_type", "5"}, 1000220002, "third_type: "},
		{PathAccounts, []string{"userid", "U0001", "enterprise_code", "E1"}, 1000220052, "enterprise_code: "},
	} {
		c.call(test.path, change(map[string]string{}, test.params...)).refused(t, test.code, test.msg)
	}
}

func TestGetAccounts(t *testing.T) {
	eachWay(t, func(c *client) {
		e, _ := c.srv.Employee("U0001")
		e.Accounts[1].Invalid = true
		c.srv.SetEmployee(e)
		for _, params := range []map[string]string{
			{"userid": "U0001"}, {"corp_code": "0001", "thirdType": "5", "enterprise_code": "E90000001"},
		} {
			a := c.call(PathAccounts, params).ok(c.t)
			want := `[{"account_openid":"00000000000000000000000000000001","name":"积分","type":1,"balance":1000.00,"status":1},` +
				`{"account_openid":"00000000000000000000000000000004","name":"餐补","type":4,"balance":500.00,"status":2}]`
			if string(a.Data) != want {
				c.t.Errorf("data %s", a.Data)
			}
		}
		c.srv.SetEmployee(Employee{UserID: "U0002"})
		if a := c.call(PathAccounts, map[string]string{"userid": "U0002"}).ok(c.t); string(a.Data) != "[]" {
			c.t.Errorf("data %s", a.Data)
		}
	})
}

func TestConsume(t *testing.T) {
	eachWay(t, func(c *client) {
		c.at(time.Date(2099, 1, 2, 23, 30, 0, 0, time.UTC)) // 07:30 on the 3rd in Beijing
		c.pay(c.no(1), "reason", "<a&b>").ok(c.t)
		o := c.order(c.no(1))
		a := c.call(PathConsume, map[string]string{"trade_no": o.TradeNo, "enterprise_code": "E90000001"}).ok(c.t)
		a.has(c.t, map[string]string{
			"trade_no": "2099010300000001", "outer_trade_no": c.no(1), "userid": "U0001", "payer_name": "韩梅梅", "subject": "<a&b>",
			"total_amount": "12.50", "pay_amount": "12.50", "refund_amount": "0.00", "status": "3",
			"create_time": "2099-01-03 07:30:00", "pay_time": "2099-01-03 07:30:00", "refund_time": "null", "asset_code": "POINTS",
			"commerce_order_detail": tradeInfo(`"is_third_orders":2,"goods_detail":[` + goods + `]`),
		})
		c.call(PathConsume, map[string]string{"trade_no": "2099010300000009"}).refused(c.t, 1000220002, "trade_no: no order")
		c.call(PathConsume, map[string]string{"trade_no": "1"}).refused(c.t, 1000220001, "trade_no: ")
		c.call(PathConsume, nil).refused(c.t, 1000210006, "trade_no: ")
		c.call(PathConsume, map[string]string{"trade_no": o.TradeNo, "enterprise_code": "E1"}).refused(c.t, 1000220052, "enterprise_code: ")
	})
}

// list asks for a page of consumption and returns the order numbers and the
// total.
func (c *client) list(changes ...string) (numbers []string, total int) {
	c.t.Helper()
	a := c.call(PathConsumeList, span(changes...)).ok(c.t)
	var page struct {
		Total int `json:"total_count"`
		List  []struct {
			OrderNo string          `json:"outer_trade_no"`
			Status  int             `json:"status"`
			Detail  json.RawMessage `json:"commerce_order_detail"`
		} `json:"data_list"`
	}
	if err := json.Unmarshal(a.Data, &page); err != nil || page.List == nil {
		c.t.Fatalf("%v in %s", err, a.Data)
	}
	for _, each := range page.List {
		numbers = append(numbers, strings.TrimPrefix(each.OrderNo, c.srv.Seller.ID+"20990101"))
		if each.Status != StatusPaid || each.Detail != nil {
			c.t.Errorf("listed %+v", each)
		}
	}
	return numbers, page.Total
}

func span(changes ...string) map[string]string {
	return change(map[string]string{
		"page_index": "1", "page_size": "3", "time_start": "2099-01-03", "time_end": "2099-01-03", "contain_fee_trade": "1",
	}, changes...)
}

func TestConsumeList(t *testing.T) {
	c := newClient(t)
	day := time.Date(2099, 1, 3, 0, 0, 0, 0, beijing)
	for i, at := range []time.Duration{-time.Second, 0, time.Hour, 2 * time.Hour, 24*time.Hour - time.Millisecond, 24 * time.Hour} {
		c.at(day.Add(at))
		c.srv.ExpireTokens()
		clear(c.tokens)
		c.pay(c.no(i)).ok(t)
	}
	for _, test := range []struct {
		changes []string
		want    string
		total   int
	}{
		{nil, "4 3 2", 4},
		{[]string{"page_index", "2"}, "1", 4},
		{[]string{"page_index", "3"}, "", 4},
		{[]string{"page_index", "2147483647", "page_size", "100"}, "", 4},
		{[]string{"page_size", "100"}, "4 3 2 1", 4},
		{[]string{"time_end", "2099-01-04", "page_size", "1"}, "5", 5},
		{[]string{"time_start", "2099-01-03 01:00:00", "time_end", "2099-01-03 02:00:00"}, "3 2", 2},
		{[]string{"time_start", "2099-01-03 01:00:01", "time_end", "2099-01-03 01:59:59"}, "", 0},
		{[]string{"time_start", "2099-02-01", "time_end", "2099-02-01"}, "", 0},
		{[]string{"contain_fee_trade", "", "enterprise_code", "E90000001"}, "4 3 2", 4},
	} {
		numbers, total := c.list(test.changes...)
		if got := strings.Join(numbers, " "); got != test.want || total != test.total {
			t.Errorf("%v: %q of %d, want %q of %d", test.changes, got, total, test.want, test.total)
		}
	}
	for _, test := range []struct {
		name, value string
		code        int64
	}{
		{"page_index", "", 1000210006},
		{"page_index", "0", 1000220002},
		{"page_size", "", 1000210006},
		{"page_size", "101", 1000220002},
		{"time_start", "", 1000210006},
		{"time_end", "", 1000210006},
		{"time_start", "20990103", 1000220006},
		{"time_end", "2099-13-03", 1000220006},
		{"time_end", "2099-01-02", 1000220002},
		{"time_start", "2099-01-03T00:00:00Z", 1000220001},
		{"contain_fee_trade", "x", 1000220002},
		{"enterprise_code", "E1", 1000220052},
	} {
		c.call(PathConsumeList, span(test.name, test.value)).refused(t, test.code, test.name+": ")
	}
}

func TestRecord(t *testing.T) {
	eachWay(t, func(c *client) {
		c.at(time.Date(2099, 1, 2, 23, 30, 0, 0, time.UTC))
		c.pay(c.no(1)).ok(c.t)
		c.call(PathRecord, map[string]string{"outer_trade_no": c.no(1)}).ok(c.t).has(c.t, map[string]string{
			"outer_trade_no": c.no(1), "trade_no": "2099010300000001", "total_amount": "12.50", "refund_amount": "0.00",
			"buyer_open_id": "0123456789abcdef0123456789abcdef", "status": "3", "pay_time": "2099-01-03 07:30:00",
		})
		c.call(PathRecord, map[string]string{"outer_trade_no": c.no(2)}).refused(c.t, 1000220002, "outer_trade_no: no order")
		c.call(PathRecord, map[string]string{"outer_trade_no": "1"}).refused(c.t, 1000220001, "outer_trade_no: ")
	})
}

// refund are the parameters of a refund.
func (c *client) refund(orderNo, refundNo, yuan string) map[string]string {
	return map[string]string{"outer_trade_no": orderNo, "outer_refund_no": refundNo, "refund_amount": yuan, "reason": "退"}
}

func TestRefund(t *testing.T) {
	eachWay(t, func(c *client) {
		c.at(time.Date(2099, 1, 2, 23, 30, 0, 0, time.UTC))
		c.pay(c.no(1)).ok(c.t)
		a := c.call(PathRefund, change(c.refund(c.no(1), c.no(5), "2.50"),
			"cost_amount", "0", "delivery_fee", "0.00", "notify_url", "https://shop.invalid/refund")).ok(c.t)
		c.state(c.no(1), StatusPaid, 12_50, 2_50)
		o := c.order(c.no(1))
		r := o.Refunds[0]
		if a.text(c.t) != r.TradeNo || r.RefundNo != c.no(5) || r.AmountFen != 2_50 || r.Reason != "退" ||
			r.NotifyURL != "https://shop.invalid/refund" || r.At.IsZero() || r.TradeNo == o.TradeNo {
			c.t.Errorf("data %s, refund %+v", a.Data, r)
		}
		if got := c.points(); got != 990_00 {
			c.t.Errorf("balance %d", got)
		}
		c.call(PathRefundRecord, map[string]string{"outer_refund_no": c.no(5)}).ok(c.t).has(c.t, map[string]string{
			"outer_trade_no": c.no(1), "outer_refund_no": c.no(5), "trade_no": r.TradeNo, "refund_amount": "2.50",
			"status": "6", "refund_time": "2099-01-03 07:30:00",
		})
		c.call(PathConsume, map[string]string{"trade_no": o.TradeNo}).ok(c.t).has(c.t, map[string]string{
			"status": "3", "refund_amount": "2.50", "refund_time": "2099-01-03 07:30:00",
		})
		c.call(PathRefund, c.refund(c.no(1), c.no(5), "2.50")).refused(c.t, 1000220003, "outer_refund_no: ")
		c.call(PathRefund, c.refund(c.no(1), c.no(6), "10.01")).refused(c.t, 1000220002, "refund_amount: more than")
		c.call(PathRefund, c.refund(c.no(1), c.no(6), "10.00")).ok(c.t)
		c.state(c.no(1), StatusRefunded, 12_50, 12_50)
		c.call(PathRefund, c.refund(c.no(1), c.no(7), "0.01")).refused(c.t, 1000220002, "refund_amount: more than")
		if got := c.points(); got != 1000_00 {
			c.t.Errorf("balance %d", got)
		}
	})
}

func TestRefundRules(t *testing.T) {
	c := newClient(t)
	c.srv.SlowPay(-1)
	c.pay(c.no(1)).ok(t)
	for _, test := range []struct {
		name, value string
		code        int64
	}{
		{"outer_trade_no", "", 1000210006},
		{"outer_trade_no", c.no(2), 1000220002},
		{"outer_trade_no", "9000000112345", 1000220002},
		{"outer_trade_no", c.srv.Seller.ID, 1000220001},
		{"outer_refund_no", "", 1000210006},
		{"outer_refund_no", "9000000112345", 1000220002},
		{"outer_refund_no", c.srv.Seller.ID + "1", 1000220001},
		{"outer_refund_no", c.srv.Seller.ID + strings.Repeat("1", 25), 1000220001},
		{"reason", "", 1000210006},
		{"reason", long(255), 1000220001},
		{"refund_amount", "", 1000210006},
		{"refund_amount", "0", 1000220002},
		{"refund_amount", "0.01", 1000220002}, // not paid yet
		{"cost_amount", "-1", 1000220002},
		{"delivery_fee", "x", 1000220002},
		{"notify_url", "shop.invalid", 1000220002},
		{"notify_url", "https://" + strings.Repeat("x", 250), 1000220001},
		{"refund_no", "x", 1000220002},
	} {
		c.call(PathRefund, change(c.refund(c.no(1), c.no(5), "1.00"), test.name, test.value)).refused(t, test.code, test.name+": ")
	}
	c.call(PathRefundRecord, nil).refused(t, 1000210006, "outer_refund_no: ")
	c.call(PathRefundRecord, map[string]string{"outer_refund_no": c.no(5)}).refused(t, 1000220002, "outer_refund_no: no refund")
}
