package ysepaytest

import (
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/duopay/duopay/internal/sandbox"
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
		{TrailingData, true, 200, true},
		{ByteOrderMark, true, 200, true},
	} {
		t.Run(test.fault.String(), func(t *testing.T) {
			eachWay(t, func(c *client) {
				c.srv.Next(MethodPay, test.fault)
				status, body, err := c.raw(MethodPay, payBiz(orderNo))
				if status != test.status || status == 0 && err == nil {
					c.t.Errorf("status %d, %v, want %d", status, err, test.status)
				}
				if broken := err != nil || !json.Valid([]byte(body)); broken != test.broken {
					c.t.Errorf("%v, %.80q", err, body)
				}
				if _, acted := c.srv.Order(orderNo); acted != test.acts {
					c.t.Errorf("acted %v, want %v", acted, test.acts)
				}
				if len(c.srv.Requests(MethodPay)) != 1 {
					c.t.Error("the request is not on record")
				}
				c.call(MethodPay, payBiz("20240520DP2")).ok(c.t)
			})
		})
	}
}

// Those two are good but for what stands around the answer.
func TestAroundTheAnswer(t *testing.T) {
	for _, test := range []struct {
		fault Fault
		cut   func(body string) (string, bool)
	}{
		{ByteOrderMark, func(body string) (string, bool) { return strings.CutPrefix(body, "\ufeff") }},
		{TrailingData, func(body string) (string, bool) { return strings.CutSuffix(body, `{"more":1}`) }},
	} {
		c := newClient(t)
		c.srv.Next(MethodPay, test.fault)
		_, body, err := c.raw(MethodPay, payBiz(orderNo))
		if err != nil {
			t.Fatal(err)
		}
		rest, found := test.cut(body)
		if !found || !c.verified(c.read(rest)) {
			t.Errorf("%v: %q", test.fault, body)
		}
	}
}

// replyFaults are the faults of the reply, what a good reader makes of them
// and how an answer to pay then looks.
var replyFaults = []struct {
	fault    Fault
	verified bool
	want     []string // parts of the body
	not      []string
}{
	{Unsigned, false, []string{`"total_amount":"30.50"`}, []string{`"sign":"M`}},
	{BlankSign, false, []string{`"sign":" "`}, nil},
	{WrongSignature, false, []string{`"total_amount":"30.50"`}, nil},
	{SignatureOfAnotherAnswer, false, []string{`"total_amount":"30.50"`}, nil},
	{Tampered, false, []string{`"total_amount":"31.50"`}, []string{"30.50"}},
	{WhitespaceAdded, false, []string{`"10000", "msg"`}, nil},
	{UppercaseSign, false, []string{`"SIGN":"M`}, []string{`"sign":"M`}},
	{OtherOrder, true, []string{`"combine_out_trade_no":"20990101ANOTHERORDER"`}, []string{orderNo}},
	{WrongAmount, true, []string{`"total_amount":"31.50"`}, []string{"30.50"}},
	{WithoutState, true, []string{`"code":"10000"`}, []string{"trade_status"}},
	{WithoutPayInfo, true, []string{`"code":"10000"`}, []string{"jsapi_pay_info"}},
	{State("TRADE_SUCCESS"), true, []string{`"trade_status":"TRADE_SUCCESS"`}, nil},
	{DecoySign, true, []string{`"sign":"M`, `"SIGN":"`}, nil},
	{WhitespaceInNode, true, []string{"\n\t\"total_amount\": \"30.50\""}, nil},
	{EscapedNode, true, []string{`"extra_common_param":"\u7aef\ud83d\ude00\/"`}, []string{"端"}},
	{AmountsAsNumbers, true, []string{`"total_amount":30.50`}, nil},
	{AmountsAsStrings, true, []string{`"total_amount":"30.50"`}, nil},
	{NullFields, true, []string{`"combine_trade_no":null`, `"total_amount":"30.50"`, `"jsapi_pay_info":"`}, nil},
}

func TestReplyFaults(t *testing.T) {
	biz := payBiz(orderNo, [2]string{"extra_common_param", `"端😀/"`})
	for _, test := range replyFaults {
		t.Run(test.fault.String(), func(t *testing.T) {
			c := newClient(t)
			c.srv.Next("", test.fault)
			_, body, err := c.raw(MethodPay, biz)
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
			if a := c.read(body); c.verified(a) != test.verified || a.node != nodeName(MethodPay) {
				t.Errorf("%s is verified %v, want %v", body, !test.verified, test.verified)
			}
			c.state("WAIT_BUYER_PAY", 0, 0)
			c.call(MethodQuery, combined(orderNo)).ok(t)
		})
	}
}

// The signatures are those of RSA too.
func TestReplyFaultsRSA(t *testing.T) {
	c := newClient(t)
	c.signType = "RSA"
	for fault, verified := range map[*Fault]bool{&WrongSignature: false, &SignatureOfAnotherAnswer: false, &WrongAmount: true} {
		c.srv.Next(MethodQuery, *fault)
		_, body, err := c.raw(MethodQuery, combined(orderNo))
		if err != nil || c.verified(c.read(body)) != verified {
			t.Errorf("%v: %s, %v", fault, body, err)
		}
	}
}

func TestOddNodes(t *testing.T) {
	c := newClient(t)
	c.call(MethodPay, payBiz(orderNo)).ok(t)
	c.srv.Next(MethodQuery, DuplicateMember, NodeAsArray, OtherNode)
	c.srv.Next(MethodClose, OtherNode)

	name := `"` + nodeName(MethodQuery) + `":`
	_, body, err := c.raw(MethodQuery, combined(orderNo))
	if _, twice := parseAnswer(body); err != nil || twice == nil || strings.Count(body, name+"{") != 2 ||
		strings.Index(body, `"total_amount":30.50`) > strings.Index(body, `"total_amount":31.50`) {
		t.Errorf("%s, %v", body, err)
	}
	_, body, err = c.raw(MethodQuery, combined(orderNo))
	values, _ := sandbox.ParseObject([]byte(body))
	array := values[nodeName(MethodQuery)]
	sign, _ := sandbox.ParseString(values["sign"])
	if err != nil || !strings.HasPrefix(string(array), `[{"code":"10000"`) || !c.genuine("SM", sign, array) {
		t.Errorf("%s, %v", body, err)
	}
	if a := c.call(MethodQuery, combined(orderNo)).ok(t); a.node != nodeName(MethodPay) {
		t.Errorf("node %s", a.node)
	}
	if a := c.call(MethodClose, combined(orderNo)).ok(t); a.node != nodeName(MethodQuery) {
		t.Errorf("node %s", a.node)
	}
}

// Faults of the reply leave a refusal a refusal, and suit every operation.
func TestReplyFaultsElsewhere(t *testing.T) {
	for _, test := range replyFaults {
		c := newClient(t)
		c.srv.Next("", test.fault, test.fault)
		for _, method := range []string{MethodQuery, "no.such.method"} {
			_, body, err := c.raw(method, combined(orderNo))
			if err != nil || strings.Contains(body, `"code":"10000"`) || !json.Valid([]byte(body)) {
				t.Errorf("%v: %s, %v", test.fault, body, err)
			}
			if a := c.read(body); c.verified(a) != test.verified {
				t.Errorf("%v: %s is verified %v", test.fault, body, !test.verified)
			}
		}
	}
	c := newClient(t)
	c.paid()
	c.call(MethodRefund, refundBiz(subNo, "R1", "1.00")).ok(t)
	c.srv.Next(MethodRefundQuery, State("fail"), WithoutState, OtherOrder, WrongAmount)
	for _, want := range []map[string]string{
		{"refund_state": `"fail"`, "out_request_no": `"R1"`, "refund_amount": "1.00"},
		{"refund_state": "", "out_request_no": `"R1"`},
		{"refund_state": `"success"`, "out_request_no": `"ANOTHERREFUND"`, "out_trade_no": `"20990101ANOTHERORDER"`},
		{"refund_amount": "2.00", "total_amount": "11.00"},
	} {
		c.call(MethodRefundQuery, refundOf(subNo, "R1")).ok(t).has(t, want)
	}
	c.srv.Next(MethodQuery, AmountsAsStrings, WrongAmount, State("TRADE_CLOSED"))
	for _, want := range []string{`"amount":"10.00"`, `"amount":11.00`, `"trade_status":"TRADE_PART_REFUND"`} {
		if a := c.call(MethodQuery, combined(orderNo)).ok(t); !strings.Contains(a.text, want) {
			t.Errorf("%s lacks %s", a.text, want)
		}
	}
}

func TestRefuse(t *testing.T) {
	eachWay(t, func(c *client) {
		c.srv.Next(MethodPay,
			Refuse("50000", "系统繁忙", "ACQ.SYSTEM_ERROR", "稍后再试"), Refuse("3501", "处理中", "", ""),
			ErrorNode("40006", "权限不足", "isv.insufficient", "未开通"))
		a := c.call(MethodPay, payBiz(orderNo))
		a.refused(c.t, "50000", "ACQ.SYSTEM_ERROR", "稍后再试")
		if a.node != nodeName(MethodPay) {
			c.t.Errorf("node %s", a.node)
		}
		if a := c.call(MethodPay, payBiz(orderNo)); a.text != `{"code":"3501","msg":"处理中"}` {
			c.t.Errorf("node %s", a.text)
		}
		a = c.call(MethodPay, payBiz(orderNo))
		a.refused(c.t, "40006", "isv.insufficient", "未开通")
		if a.node != "unknow_response" {
			c.t.Errorf("node %s", a.node)
		}
		if orders := c.srv.Orders(); orders != nil {
			c.t.Errorf("a refusal made %+v", orders)
		}
		for i, want := range []string{"稍后再试", "处理中", "未开通"} {
			if refused := c.srv.Requests(MethodPay)[i].Refused; refused != want {
				c.t.Errorf("on record as %q, want %q", refused, want)
			}
		}
		c.call(MethodPay, payBiz(orderNo)).ok(c.t)

		c.srv.Next(MethodQuery, RefuseUnsigned("40002", "非法的参数", "isv.invalid-signature", "签名错误"))
		_, body, err := c.raw(MethodQuery, combined(orderNo))
		if err != nil {
			c.t.Fatal(err)
		}
		if a := c.read(body); slices.Contains(a.names, "sign") {
			c.t.Errorf("signed: %s", body)
		} else {
			a.refused(c.t, "40002", "isv.invalid-signature", "签名错误")
		}
	})
}

// What GBK does not have is replaced, and signed as sent.
func TestRefuseInGBK(t *testing.T) {
	c := newClient(t)
	c.charset = gbkCharset
	c.srv.Next(MethodQuery, Refuse("40004", "业务异常😀", "", ""))
	if a := c.call(MethodQuery, combined(orderNo)); a.text != `{"code":"40004","msg":"业务异常?"}` {
		t.Errorf("node %q", a.text)
	}
}

func TestUnreachable(t *testing.T) {
	c := newClient(t)
	c.srv.Unreachable(1)
	if _, _, err := c.raw(MethodPay, payBiz(orderNo)); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("error %v", err)
	}
	if n := len(c.srv.Requests("")); n != 0 {
		t.Errorf("%d requests arrived", n)
	}
	c.call(MethodPay, payBiz(orderNo)).ok(t)
}

// Whoever follows a redirect arrives, and is seen.
func TestRedirectIsSeen(t *testing.T) {
	c := newClient(t)
	c.http.CheckRedirect = nil
	c.srv.Next(MethodPay, Redirect)
	status, _, err := c.raw(MethodPay, payBiz(orderNo))
	if n := len(c.srv.Requests("")); n != 2 || status != http.StatusOK || err != nil {
		t.Errorf("%d requests, status %d, %v", n, status, err)
	}
}

func TestSlowInBubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClient(t)
		c.srv.SetClock(nil)
		c.now = time.Now()
		c.http.Timeout = 30 * time.Second
		c.srv.Next(MethodPay, Slow(time.Minute))
		no := c.now.In(beijing).Format(dateLayout) + "DP1"
		start := time.Now()
		if _, _, err := c.raw(MethodPay, payBiz(no)); err == nil {
			t.Error("the reply came in time")
		}
		if took := time.Since(start); took != 30*time.Second {
			t.Errorf("took %v", took)
		}
		if o := c.order(no); !o.ExpiresAt.Equal(start.Add(90 * time.Minute)) {
			t.Errorf("order %+v", o)
		}
	})
}
