package fubeitest

import (
	"encoding/json"
	"errors"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

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
		{BrokenJSON, true, 200, true},
	} {
		t.Run(test.fault.String(), func(t *testing.T) {
			eachWay(t, func(t *testing.T, c *client) {
				c.srv.Next(MethodSwipe, test.fault)
				status, body, err := c.raw(MethodSwipe, swipeBiz("DP1", "1.00"))
				if status != test.status || status == 0 && err == nil {
					t.Errorf("status %d, %v, want %d", status, err, test.status)
				}
				if broken := err != nil || !json.Valid([]byte(body)); broken != test.broken {
					t.Errorf("%v, %.80q", err, body)
				}
				if _, acted := c.srv.Order("DP1"); acted != test.acts {
					t.Errorf("acted %v, want %v", acted, test.acts)
				}
				if len(c.srv.Requests(MethodSwipe)) != 1 {
					t.Error("the request is not on record")
				}
				c.swipe("DP2", "1.00").ok(t)
			})
		})
	}
}

func TestReplyFaults(t *testing.T) {
	for _, test := range []struct {
		fault Fault
		want  []string // parts of the reply
		not   []string
	}{
		{OtherOrder, []string{`"merchant_order_sn":"ANOTHERORDER"`}, []string{"DP1"}},
		{WrongAmount, []string{`"trade_state":"SUCCESS"`, `"total_fee":13.50`, `"order_price":13.50`}, []string{"12.50"}},
		{WithoutState, []string{`"result_code":200`}, []string{"trade_state"}},
		{State("CLOSED"), []string{`"trade_state":"CLOSED"`}, nil},
		{DataAsString, []string{`"data":"{\"merchant_order_sn\":\"DP1\"`, `\"total_fee\":12.50`}, nil},
		{AmountsAsStrings, []string{`"result_code":200`, `"total_fee":"12.50"`, `"fee":"0.05"`, `"store_id":0`}, nil},
		{NumbersAsStrings, []string{`"result_code":"200"`, `"total_fee":"12.50"`, `"store_id":"0"`, `"type":"1"`}, nil},
		{NullFields, []string{`"fee":null`, `"attach":null`, `"sub_code":null`, `"total_fee":12.50`, `"trade_state":"SUCCESS"`}, nil},
		{BrokenJSON, []string{`"trade_state":"SUCCESS""total_fee":12.50`}, nil},
	} {
		t.Run(test.fault.String(), func(t *testing.T) {
			c := newClient(t)
			c.srv.Next("", test.fault)
			_, body, err := c.raw(MethodSwipe, swipeBiz("DP1", "12.50"))
			if err != nil {
				t.Fatal(err)
			}
			for _, want := range test.want {
				if !strings.Contains(body, want) {
					t.Errorf("%s lacks %s", body, want)
				}
			}
			for _, not := range test.not {
				if strings.Contains(body, not) {
					t.Errorf("%s has %s", body, not)
				}
			}
			if test.fault.String() != BrokenJSON.String() && !json.Valid([]byte(body)) {
				t.Errorf("not JSON: %s", body)
			}
			c.state("DP1", "SUCCESS", 12_50, 0)
		})
	}
}

// Faults of the reply leave a refusal a refusal, and suit every operation.
func TestReplyFaultsElsewhere(t *testing.T) {
	for _, fault := range []Fault{
		OtherOrder, WrongAmount, WithoutState, State("X"), DataAsString, AmountsAsStrings, NumbersAsStrings, NullFields,
	} {
		c := newClient(t)
		c.srv.Next(MethodQuery, fault, fault)
		for _, biz := range []string{of("DP9"), `{}`} {
			if _, body, err := c.raw(MethodQuery, biz); err != nil || strings.Contains(body, `"result_code":200`) || !json.Valid([]byte(body)) {
				t.Errorf("%v: %s, %v", fault, body, err)
			}
		}
	}
	c := newClient(t)
	c.srv.Next("", OtherOrder, BrokenJSON)
	c.call(MethodScan, `{"merchant_order_sn":"DP1","type":1,"total_fee":1}`).ok(t).
		has(t, map[string]string{"merchant_order_sn": "ANOTHERORDER"})
	if _, body, _ := c.raw(MethodTime, "{}"); json.Valid([]byte(body)) {
		t.Errorf("BrokenJSON without a state: %s", body)
	}
	c.swipe("DP2", "1.00").ok(t)
	c.call(MethodRefund, refundBiz("DP2", "R1", "1")).ok(t)
	c.srv.Next(MethodRefundQuery, State("REFUND_FAIL"))
	c.call(MethodRefundQuery, refundOf("DP2", "R1")).ok(t).has(t, map[string]string{"refund_status": "REFUND_FAIL"})
}

func TestRefuse(t *testing.T) {
	eachWay(t, func(t *testing.T, c *client) {
		c.srv.Next(MethodSwipe, Refuse(60303, "ACQ.ACCESS_FORBIDDEN", "商户资料缺失"), Refuse(4006, "", "门店已隐藏"))
		a := c.swipe("DP1", "1.00")
		a.refused(t, "60303", "ACQ.ACCESS_FORBIDDEN")
		a.has(t, map[string]string{"merchant_order_sn": "DP1"})
		c.swipe("DP1", "1.00").refused(t, "4006", "")
		if orders := c.srv.Orders(); orders != nil {
			t.Errorf("a refusal made %+v", orders)
		}
		c.swipe("DP1", "1.00").ok(t)
		if refused := c.srv.Requests(MethodSwipe)[0].Refused; refused != "商户资料缺失" {
			t.Errorf("on record as %q", refused)
		}
	})
}

func TestUnreachable(t *testing.T) {
	c := newClient(t)
	c.srv.Unreachable(1)
	if _, _, err := c.raw(MethodSwipe, swipeBiz("DP1", "1.00")); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("error %v", err)
	}
	if n := len(c.srv.Requests("")); n != 0 {
		t.Errorf("%d requests arrived", n)
	}
	c.swipe("DP1", "1.00").ok(t)
}

func TestSlowInBubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClient(t)
		c.http.Timeout = 35 * time.Second
		c.srv.Next(MethodSwipe, Slow(time.Minute))
		start := time.Now()
		if _, _, err := c.raw(MethodSwipe, swipeBiz("DP1", "1.00")); err == nil {
			t.Error("the reply came in time")
		}
		if took := time.Since(start); took != 35*time.Second {
			t.Errorf("took %v", took)
		}
		c.state("DP1", "SUCCESS", 100, 0)
		if paid := c.order("DP1").PaidAt; !paid.Equal(start) {
			t.Errorf("paid at %v, want %v", paid, start)
		}
	})
}
