package fufutest

import (
	"encoding/json"
	"errors"
	"net/http"
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
	} {
		t.Run(test.fault.String(), func(t *testing.T) {
			eachWay(t, func(c *client) {
				c.srv.Next(OpOrder, test.fault)
				status, body, err := c.raw(OpOrder, c.orderParams("DP1"))
				if status != test.status || status == 0 && err == nil {
					c.t.Errorf("status %d, %v, want %d", status, err, test.status)
				}
				if broken := err != nil || !json.Valid([]byte(body)); broken != test.broken {
					c.t.Errorf("%v, %.80q", err, body)
				}
				if test.acts {
					c.state("DP1", StatePaid, 250, 0)
				} else if orders := c.srv.Orders(); orders != nil {
					c.t.Errorf("acted: %+v", orders)
				}
				if len(c.srv.Requests(OpOrder)) != 1 {
					c.t.Error("the request is not on record")
				}
				c.order("DP2").ok()
			})
		})
	}
}

// Who follows the redirect is seen.
func TestRedirectIsFollowed(t *testing.T) {
	c := newClient(t)
	c.http.CheckRedirect = nil
	c.srv.Next(OpOrder, Redirect)
	if status, body, err := c.raw(OpOrder, c.orderParams("DP1")); status != http.StatusOK || err != nil || !strings.Contains(body, "ILLEGAL_PARAMETER") {
		t.Errorf("status %d, %v, %s", status, err, body)
	}
	if all := c.srv.Requests(""); len(all) != 2 || all[1].Op != "" || !strings.HasPrefix(all[1].Refused, "HTTP: ") {
		t.Errorf("requests %+v", all)
	}
}

func TestReplyFaults(t *testing.T) {
	for _, test := range []struct {
		fault     Fault
		want, not []string // parts of the reply
	}{
		{OtherOrder, []string{`"out_trade_no":"ANOTHERORDER"`, `"trade_no":"20990101100000999999"`}, []string{"DP1"}},
		{WrongAmount, []string{`"state":1`, `"total_fee":350`, `"trans_amount_cny":328`}, []string{"250", "228"}},
		{WithAmount, []string{`"total_fee":250`}, nil},
		{WithoutState, []string{`"return_code":"SUCCESS","channel_type"`}, []string{"state"}},
		{WithoutCode, []string{`"data":{"channel_type"`, `"state":0`}, nil},
		{Misspelled, []string{`"return_msg":"OK","return_code":"SU` + `CESS"`, `"data":{"return_code":"SU` + `CESS"`}, []string{"SUCCESS"}},
		{NullData, []string{`"return_code":"SUCCESS"},"data":null}`}, nil},
		{NullFields, []string{`"merchant_param":null`, `"time_zone":null`, `"end_time":null`, `"state":0`, `"total_fee":250`}, []string{`""`}},
		{EmptyFields, []string{`"merchant_param":""`, `"time_zone":""`, `"end_time":""`, `"state":0`, `"total_fee":250`}, []string{"null"}},
		{NumbersAsStrings, []string{`"state":"0"`, `"total_fee":"250"`, `"trans_amount_cny":"228"`}, nil},
		{ChannelAsNumber, []string{`"channel_type":1,`}, nil},
		{State(14), []string{`"state":14`}, nil},
		{TradeStatus("x"), []string{`"state":0`}, []string{"trade_status"}},
		{PayInfoAsObject, []string{`"state":0`}, []string{"payInfo"}},
		{BrokenPayInfo, []string{`"state":0`}, []string{"payInfo"}},
		{RefuseAfter("FAIL", "EXCEPTION"), []string{`"data":{"return_code":"FAIL","return_msg":"EXCEPTION"}}`}, []string{"state"}},
	} {
		t.Run(test.fault.String(), func(t *testing.T) {
			c := newClient(t)
			c.setClock(noon)
			c.srv.AskPassword(-1)
			c.srv.Next("", test.fault)
			_, body, err := c.raw(OpOrder, c.orderParams("DP1").with(params{"fee_type": "HKD"}))
			if err != nil {
				t.Fatal(err)
			}
			contains(t, body, test.want, test.not)
			if !json.Valid([]byte(body)) {
				t.Errorf("not JSON: %s", body)
			}
			c.state("DP1", StateWaiting, 0, 0)
			if refused := c.srv.Requests("")[0].Refused; refused != "" {
				t.Errorf("on record as %q", refused)
			}
		})
	}
}

func contains(t *testing.T, body string, want, not []string) {
	t.Helper()
	for _, want := range want {
		if !strings.Contains(body, want) {
			t.Errorf("%s lacks %s", body, want)
		}
	}
	for _, not := range not {
		if strings.Contains(body, not) {
			t.Errorf("%s has %s", body, not)
		}
	}
}

// Queries say no amount, unless a fault does.
func TestAmountOfQuery(t *testing.T) {
	c := newClient(t)
	c.call(OpOrder, c.orderParams("DP1").with(params{"fee_type": "HKD"})).ok()
	c.call(OpRefund, c.refundParams("DP1", "R1", "100").with(params{"fee_type": "HKD"})).ok()
	c.srv.Next(OpQuery, None, WithAmount, WrongAmount)
	c.query("DP1").ok().has(map[string]string{"total_fee": "", "trans_amount_cny": "", "state": "8"})
	c.query("DP1").ok().has(map[string]string{"total_fee": "250", "trans_amount_cny": "228", "state": "8"})
	c.query("DP1").ok().has(map[string]string{"total_fee": "350", "trans_amount_cny": "328", "state": "1"})

	c.srv.Next(OpRefundQuery, TradeStatus("REFUNDING"), WithoutState, WrongAmount, OtherOrder, State(3))
	for _, want := range []map[string]string{
		{"trade_status": `"REFUNDING"`, "refund_fee": "100"},
		{"trade_status": "", "refund_fee": "100"},
		{"trade_status": `"succ"`, "refund_fee": "200", "state": ""},
		{"out_trade_no": `"ANOTHERORDER"`},
		{"state": ""},
	} {
		c.call(OpRefundQuery, c.byClerk("R1")).ok().has(want)
	}
	c.srv.Next(OpRefund, OtherOrder, WrongAmount)
	c.call(OpRefund, c.refundParams("DP1", "R2", "1").with(params{"fee_type": "HKD"})).ok().has(map[string]string{
		"out_refund_no": `"ANOTHERREFUND"`, "refund_no": `"20990101100000999998"`, "out_trade_no": `"ANOTHERORDER"`,
	})
	c.call(OpRefund, c.refundParams("DP1", "R3", "1").with(params{"fee_type": "HKD"})).ok().has(map[string]string{
		"refund_fee": "101", "refund_amount_cny": "101",
	})
}

func TestPayInfoFaults(t *testing.T) {
	c := newClient(t)
	jsapi := func(no string) params {
		return c.preOrderParams(no).with(params{"trade_type": "JSAPI", "channel_type": "2", "openId": "o", "subAppId": "wx17"})
	}
	c.srv.Next(OpPreOrder, PayInfoAsObject, BrokenPayInfo)
	a := c.call(OpPreOrder, jsapi("DP1")).ok()
	if info, _ := a.Data["payInfo"].(map[string]any); info["appId"] != "wx17" {
		t.Errorf("payInfo %v", a.Data["payInfo"])
	}
	_, body, err := c.raw(OpPreOrder, jsapi("DP2"))
	if err != nil {
		t.Fatal(err)
	}
	contains(t, body, []string{`"payInfo":"{"appId":"wx17","timeStamp":"`, `"callback_url":null,`, `"}"}}`}, []string{`\`})
	if json.Valid([]byte(body)) {
		t.Errorf("is JSON: %s", body)
	}
}

// Faults of the reply leave a refusal as it is.
func TestReplyFaultsOfRefusals(t *testing.T) {
	for _, fault := range []Fault{
		OtherOrder, WrongAmount, WithAmount, WithoutState, WithoutCode, Misspelled, NullData, NullFields, EmptyFields,
		NumbersAsStrings, ChannelAsNumber, State(1), TradeStatus("succ"), PayInfoAsObject, BrokenPayInfo, RefuseAfter("FAIL", "X"),
	} {
		c := newClient(t)
		c.srv.Next(OpQuery, fault, fault)
		c.query("DP9").refused("CHARGE_NONEXISTENT")
		c.call(OpQuery, c.of(" ")).invalid("ILLEGAL_PARAMETER", "out_trade_no")
	}
}

func TestRefuse(t *testing.T) {
	eachWay(t, func(c *client) {
		c.srv.Next(OpOrder, Refuse("FAIL", "INVALID_CONTRACT"), RefuseRequest("SERVICE_UNAVAILABLE", "服务不可用"))
		c.order("DP1").refused("INVALID_CONTRACT")
		if a := c.order("DP1"); a.Result.Code != "SERVICE_UNAVAILABLE" || a.Result.Message != "服务不可用" || a.Data != nil {
			c.t.Errorf("answer %v", a)
		}
		if orders := c.srv.Orders(); orders != nil {
			c.t.Errorf("a refusal made %+v", orders)
		}
		c.order("DP1").ok()
		requests := c.srv.Requests(OpOrder)
		if requests[0].Refused != "INVALID_CONTRACT" || requests[1].Refused != "服务不可用" || requests[2].Refused != "" {
			c.t.Errorf("on record as %+v", requests)
		}
	})
}

func TestUnreachable(t *testing.T) {
	c := newClient(t)
	c.srv.Unreachable(1)
	if _, _, err := c.raw(OpOrder, c.orderParams("DP1")); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("error %v", err)
	}
	if n := len(c.srv.Requests("")); n != 0 {
		t.Errorf("%d requests arrived", n)
	}
	c.order("DP1").ok()
}

func TestSlowInBubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClient(t)
		c.http.Timeout = 90 * time.Second
		c.srv.Next(OpOrder, Slow(2*time.Minute))
		start := time.Now()
		if _, _, err := c.raw(OpOrder, c.orderParams("DP1")); err == nil {
			t.Error("the reply came in time")
		}
		if took := time.Since(start); took != 90*time.Second {
			t.Errorf("took %v", took)
		}
		c.state("DP1", StatePaid, 250, 0)
		if paid := c.book("DP1").PaidAt; !paid.Equal(start) {
			t.Errorf("paid at %v, want %v", paid, start)
		}
	})
}
