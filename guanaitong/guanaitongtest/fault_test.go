package guanaitongtest

import (
	"encoding/json"
	"errors"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// sent is a payment, ready to be sent.
func (c *client) sent(orderNo string) (answer, error) {
	c.t.Helper()
	params := c.common(c.srv.Caller)
	for name, value := range c.payment(orderNo) {
		params[name] = value
	}
	params["sign"] = sign(c.srv.Hash, params, c.srv.Caller.Secret)
	return c.do(c.request(PathPay, params))
}

func TestWireFaults(t *testing.T) {
	for _, test := range []struct {
		fault  Fault
		acts   bool
		status int // 0: no answer
		broken bool
	}{
		{None, true, 200, false},
		{DropBefore, false, 0, true},
		{DropAfter, true, 0, true},
		{ServerError, false, 502, true},
		{ServerErrorAfter, true, 502, true},
		{Garbage, true, 200, true},
		{Empty, true, 200, true},
		{Oversized, true, 200, false},
		{Truncated, true, 200, true},
		{Redirect, false, 302, true},
		{Slow(time.Millisecond), true, 200, false},
	} {
		t.Run(test.fault.String(), func(t *testing.T) {
			eachWay(t, func(c *client) {
				c.srv.Next(PathPay, test.fault)
				a, err := c.sent(c.no(1))
				if a.status != test.status || a.status == 0 && err == nil {
					c.t.Errorf("status %d, %v, want %d", a.status, err, test.status)
				}
				if broken := err != nil || !json.Valid([]byte(a.body)); broken != test.broken {
					c.t.Errorf("%v, %.80q", err, a.body)
				}
				if _, acted := c.srv.Order(c.no(1)); acted != test.acts || acted != (c.points() == 987_50) {
					c.t.Errorf("acted %v, want %v; balance %d", acted, test.acts, c.points())
				}
				if len(c.srv.Requests(PathPay)) != 1 {
					c.t.Error("the request is not on record")
				}
				c.pay(c.no(2)).ok(c.t)
			})
		})
	}
}

func TestReturnFaults(t *testing.T) {
	for _, test := range []struct {
		fault  Fault
		host   string
		result string
		reason string
		paid   bool
	}{
		{ReturnSuccess, "shop.invalid/return", "success", "", true},
		{ReturnFail, "shop.invalid/return", "fail", "", false},
		{ReturnForged, "shop.invalid/return", "success", "bad_signature", true},
		{ReturnElsewhere, "elsewhere.invalid/", "success", "", true},
	} {
		t.Run(test.fault.String(), func(t *testing.T) {
			eachWay(t, func(c *client) {
				c.srv.Next(PathPay, test.fault)
				a := c.pay(c.no(1))
				address, query, _ := strings.Cut(a.location, "?")
				params, _ := parse(query)
				_, reason := c.judge().verify("return", query)
				if a.status != 302 || address != "https://"+test.host || reason != test.reason {
					c.t.Errorf("status %d, location %s: %s", a.status, a.location, reason)
				}
				if params["pay_result"] != test.result || params["outer_trade_no"] != c.no(1) {
					c.t.Errorf("returned %v", params)
				}
				if _, paid := c.srv.Order(c.no(1)); paid != test.paid || paid != (c.points() == 987_50) {
					c.t.Errorf("paid %v, balance %d", paid, c.points())
				}
				c.srv.Next(PathPay, test.fault)
				c.pay(c.no(2), "auth_code", "used").refused(c.t, 1000210014, "auth_code: ")
			})
		})
	}
}

func TestOtherOrderReturned(t *testing.T) {
	c := newClient(t)
	c.srv.Redirects = true
	c.srv.Next(PathPay, OtherOrder)
	params := c.returned(c.pay(c.no(1)), "https://shop.invalid/return?", "")
	if got := params["outer_trade_no"]; got == c.no(1) || len(got) != len(c.no(1)) {
		t.Errorf("returned %v", params)
	}
	c.state(c.no(1), StatusPaid, 12_50, 0)
	for number, want := range map[string]string{"": "", "19": "18", "12": "19"} {
		if got := other(number); got != want {
			t.Errorf("other(%q) = %q, want %q", number, got, want)
		}
	}
}

func TestDecline(t *testing.T) {
	eachWay(t, func(c *client) {
		code := c.code()
		c.srv.Next(PathPay, Decline)
		c.pay(c.no(1), "auth_code", code).refused(c.t, 1001220005, "point: ")
		c.pay(c.no(1), "auth_code", code).refused(c.t, 1000210014, "auth_code: ")
		c.pay(c.no(1)).ok(c.t)
	})
}

func TestReplyFaults(t *testing.T) {
	const get, list, record, assets, refundRecord = PathConsume, PathConsumeList, PathRecord, PathAccounts, PathRefundRecord
	for _, test := range []struct {
		fault Fault
		path  string
		want  string // part of the reply
		not   string // no part of it
	}{
		{OtherOrder, PathPay, `"data":"2099010199999999"`, `"data":"20990103`},
		{OtherOrder, get, `"outer_trade_no":"90000002209901019"`, `90000002209901010`},
		{OtherOrder, list, `"outer_trade_no":"90000002209901019"`, `90000002209901010`},
		{OtherOrder, record, `"trade_no":"2099010199999999"`, `"trade_no":"20990103`},
		{OtherOrder, refundRecord, `"outer_refund_no":"90000002209901019"`, `90000002209901017`},
		{OtherOrder, PathRefund, `"data":"2099010199999999"`, `"data":"20990103`},
		{OtherOrder, assets, `"balance":987.50`, ``},
		{WrongAmount, get, `"total_amount":13.50,"pay_amount":13.50`, `:12.50,"pay`},
		{WrongAmount, list, `"total_amount":13.50`, `12.50`},
		{WrongAmount, assets, `"balance":988.50`, `987.50`},
		{WithoutStatus, get, `"create_time"`, `"status"`},
		{WithoutStatus, list, `"create_time"`, `"status"`},
		{WithoutStatus, record, `"pay_time"`, `"status"`},
		{Status(5), get, `"status":5`, `"status":3`},
		{Status(1), list, `"status":1`, `"status":3`},
		{Status(7), refundRecord, `"status":7`, `"status":6`},
		{OutTradeNo, get, `"out_trade_no":"90000002209901010"`, `"outer_trade_no"`},
		{OutTradeNo, list, `"out_trade_no":"90000002209901010"`, `"outer_trade_no"`},
		{AmountsAsStrings, get, `"total_amount":"12.50"`, `:12.50,"pay`},
		{AmountsAsStrings, assets, `"balance":"987.50"`, `:987.50`},
		{CodeAsString, get, `{"code":"0","msg":"OK"`, ``},
		{DataAsString, get, `"data":"{\"trade_no\":`, ``},
		{DataAsString, assets, `"data":"[{\"account_openid\":`, ``},
		{DataAsString, PathPay, `"data":"20990103`, ``},
		{NullData, get, `"msg":"OK","data":null`, ``},
		{NullData, PathPay, `"msg":"OK","data":null`, ``},
	} {
		t.Run(test.fault.String()+test.path, func(t *testing.T) {
			c := newClient(t)
			c.at(time.Date(2099, 1, 3, 12, 0, 0, 0, beijing))
			c.pay(c.no(0)).ok(t)
			if test.path == refundRecord {
				c.call(PathRefund, c.refund(c.no(0), c.no(7), "1.00")).ok(t)
			}
			params := map[string]map[string]string{
				PathPay: c.payment(c.no(1)), get: {"trade_no": "2099010300000001"}, list: span(), record: {"outer_trade_no": c.no(0)},
				assets: {"userid": "U0001"}, refundRecord: {"outer_refund_no": c.no(7)}, PathRefund: c.refund(c.no(0), c.no(8), "1.00"),
			}
			c.token(c.app(test.path))
			c.srv.Next("", test.fault)
			a := c.call(test.path, params[test.path])
			if !strings.Contains(a.body, test.want) || test.not != "" && strings.Contains(a.body, test.not) {
				t.Errorf("%s\nwant %s, not %s", a.body, test.want, test.not)
			}
		})
	}
}

// Faults of the reply leave a refusal a refusal.
func TestReplyFaultsOfRefusals(t *testing.T) {
	for _, fault := range []Fault{
		OtherOrder, WrongAmount, WithoutStatus, Status(3), OutTradeNo, AmountsAsStrings, CodeAsString, DataAsString, NullData,
	} {
		c := newClient(t)
		c.token(c.srv.Caller)
		c.srv.Next(PathConsume, fault)
		a := c.call(PathConsume, map[string]string{"trade_no": "2099010300000001"})
		if want := `1000220002`; !strings.Contains(a.body, want) || string(a.Data) != "null" {
			t.Errorf("%v: %s", fault, a.body)
		}
	}
}

func TestRefuse(t *testing.T) {
	eachWay(t, func(c *client) {
		code := c.code()
		c.srv.Next(PathPay, Refuse(1000200050, "IP"), Refuse(1000210004, "tokeninfo check failed"))
		c.pay(c.no(1), "auth_code", code).refused(c.t, 1000200050, "IP")
		c.pay(c.no(1), "auth_code", code).refused(c.t, 1000210004, "tokeninfo")
		c.pay(c.no(1), "auth_code", code).ok(c.t)
		if got := c.srv.Requests(PathPay)[0].Refused; got != "1000200050 IP" {
			c.t.Errorf("on record as %q", got)
		}
	})
}

func TestUnreachable(t *testing.T) {
	c := newClient(t)
	c.token(c.srv.Caller)
	c.srv.Unreachable(1)
	if _, err := c.sent(c.no(1)); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("error %v", err)
	}
	if n := len(c.srv.Requests(PathPay)); n != 0 {
		t.Errorf("%d requests arrived", n)
	}
	c.pay(c.no(1)).ok(t)
}

func TestSlowInBubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClient(t)
		c.token(c.srv.Caller)
		c.http.Timeout = 35 * time.Second
		c.srv.Next(PathPay, Slow(time.Minute))
		start := time.Now()
		if _, err := c.sent(c.no(1)); err == nil {
			t.Error("the reply came in time")
		}
		if took := time.Since(start); took != 35*time.Second {
			t.Errorf("took %v", took)
		}
		c.state(c.no(1), StatusPaid, 12_50, 0)
	})
}
