package fufutest

import "testing"

func TestRefund(t *testing.T) {
	eachWay(t, func(c *client) {
		c.setClock(noon)
		c.order("DP1").ok()
		a := c.call(OpRefund, c.refundParams("DP1", "R1", "100").with(params{"time_zone": "z"})).ok()
		o := c.book("DP1")
		if len(o.Refunds) != 1 || o.Refunds[0].State != RefundPending || o.Refunds[0].AmountFen != 100 || len(o.Refunds[0].TradeNo) != 20 {
			c.t.Fatalf("order %+v", o)
		}
		refundNo := `"` + o.Refunds[0].TradeNo + `"`
		a.has(map[string]string{
			"out_trade_no": `"DP1"`, "trade_no": `"` + o.TradeNo + `"`, "out_refund_no": `"R1"`, "refund_no": refundNo,
			"operator_id": `"oper01"`, "terminal_id": `"dev01"`, "begin_time": `"20990102120000"`, "end_time": `"20990102120000"`,
			"refund_fee": "100", "fee_type": `"CNY"`, "channel_type": `"1"`, "time_zone": `"z"`,
			"exchange_rate": "", "refund_amount_cny": "", "state": "", "trade_status": "",
		})
		c.state("DP1", StateRefunding, 250, 0)
		c.query("DP1").ok().has(map[string]string{"state": "8", "refund_fee": ""})

		for range 2 {
			c.call(OpRefundQuery, c.byClerk("R1")).ok().has(map[string]string{
				"out_trade_no": `"R1"`, "trade_no": refundNo, "trade_status": `"succ"`, "refund_fee": "100", "refund_subject": `"退款"`,
				"gmt_refund_time": `"20990102120000"`, "operator_id": `"oper01"`, "terminal_id": `"dev01"`,
			})
		}
		c.state("DP1", StatePartlyRefunded, 250, 100)
		c.query("DP1").ok().has(map[string]string{"state": "4", "refund_fee": "100"})

		// The refund's number is not the order's.
		c.call(OpRefundQuery, c.byClerk("DP1")).refused("CHARGE_NONEXISTENT")
		c.query("R1").refused("CHARGE_NONEXISTENT")
	})
}

func TestRefundLimits(t *testing.T) {
	c := newClient(t)
	c.order("DP1").ok()
	c.order("DP2").ok()
	c.call(OpRefund, c.refundParams("DP1", "R1", "251")).refused("AMT_ERROR")
	c.call(OpRefund, c.refundParams("DP1", "R1", "100")).ok()
	c.call(OpRefund, c.refundParams("DP1", "R1", "100")).refused("SERIAL_REPEAT")
	c.call(OpRefund, c.refundParams("DP2", "R1", "100")).refused("SERIAL_REPEAT")
	c.call(OpRefund, c.refundParams("DP1", "R2", "151")).refused("AMT_ERROR") // R1 is under way, its money is bound
	c.call(OpRefundQuery, c.byClerk("R1")).ok()
	c.call(OpRefund, c.refundParams("DP1", "R2", "151")).refused("AMT_ERROR")
	c.call(OpRefund, c.refundParams("DP1", "R2", "150")).ok()
	c.call(OpRefundQuery, c.byClerk("R2")).ok()
	c.state("DP1", StateRefunded, 250, 250)
	c.query("DP1").ok().has(map[string]string{"state": "5", "refund_fee": "250"})
	c.call(OpRefund, c.refundParams("DP1", "R3", "1")).refused("AMT_ERROR")

	c.call(OpRefund, c.refundParams("DP9", "R4", "1")).refused("CHARGE_NONEXISTENT")
	c.preOrder("DP3").ok()
	c.call(OpRefund, c.refundParams("DP3", "R4", "1")).refused("订单未支付")
	c.state("DP2", StatePaid, 250, 0)
}

// Either number of the order will do, and the gateway's goes before the
// merchant's.
func TestRefundByTradeNo(t *testing.T) {
	c := newClient(t)
	c.order("DP1").ok()
	c.order("DP2").ok()
	tradeNo := params{"trade_no": c.book("DP2").TradeNo}
	c.call(OpRefund, c.refundParams("DP1", "R1", "1").with(tradeNo)).ok().has(map[string]string{"out_trade_no": `"DP2"`})
	c.call(OpRefund, c.refundParams("DP1", "R2", "1").with(tradeNo).with(params{"out_trade_no": nil})).ok()
	if n := len(c.book("DP2").Refunds); n != 2 {
		t.Errorf("%d refunds, want 2", n)
	}
	c.state("DP1", StatePaid, 250, 0)
}

func TestSlowAndFailedRefund(t *testing.T) {
	c := newClient(t)
	c.srv.SlowRefund(2)
	c.srv.SlowRefund(-1)
	c.srv.FailRefund()
	c.order("DP1").ok()
	c.call(OpRefund, c.refundParams("DP1", "R0", "999")).refused("AMT_ERROR") // takes nothing from the plan
	for _, no := range []string{"R1", "R2", "R3"} {
		c.call(OpRefund, c.refundParams("DP1", no, "50")).ok()
	}
	for no, states := range map[string][]string{
		"R1": {`"refunding"`, `"succ"`, `"succ"`},
		"R2": {`"refunding"`, `"refunding"`, `"refunding"`},
		"R3": {`"fail"`, `"fail"`},
	} {
		for _, want := range states {
			a := c.call(OpRefundQuery, c.byClerk(no)).ok().has(map[string]string{"trade_status": want})
			if want != `"succ"` {
				a.has(map[string]string{
					"refund_fee": "", "refund_subject": "", "gmt_refund_time": "", "operator_id": "", "terminal_id": "",
				})
			}
		}
	}
	c.state("DP1", StateRefunding, 250, 50)
	if o := c.book("DP1"); o.Refunds[0].State != RefundSucceeded || o.Refunds[1].State != RefundPending || o.Refunds[2].State != RefundFailed {
		t.Errorf("refunds %+v", o.Refunds)
	}
	c.call(OpRefund, c.refundParams("DP1", "R4", "151")).refused("AMT_ERROR")
	c.call(OpRefund, c.refundParams("DP1", "R4", "150")).ok()
}

// After a refund that failed the money is where it was, and can be refunded.
func TestFailedRefund(t *testing.T) {
	c := newClient(t)
	c.srv.FailRefund()
	c.order("DP1").ok()
	c.call(OpRefund, c.refundParams("DP1", "R1", "250")).ok()
	c.call(OpRefundQuery, c.byClerk("R1")).ok().has(map[string]string{"trade_status": `"fail"`})
	c.query("DP1").ok().has(map[string]string{"state": "9"})
	c.state("DP1", StateRefundFailed, 250, 0)
	c.call(OpRefund, c.refundParams("DP1", "R2", "250")).ok()
	c.call(OpRefundQuery, c.byClerk("R2")).ok()
	c.state("DP1", StateRefunded, 250, 250)
}
