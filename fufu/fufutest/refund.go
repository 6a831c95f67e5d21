package fufutest

import "time"

func (s *Server) refund(in *fields) (object, error) {
	in.require("refund_fee", "refund_subject", "out_refund_no", "fee_type")
	r := new(refund)
	var timeZone string
	r.operatorID, r.terminalID, timeZone = readClerk(in)
	r.AmountFen = in.amount("refund_fee")
	r.subject = in.text("refund_subject", 100)
	r.RefundNo = in.number("out_refund_no", 50)
	currency := in.currency("fee_type")
	o, err := s.find(in, "trade_no", "out_trade_no")
	if err != nil {
		return nil, err
	}
	if currency != o.Currency {
		return nil, invalid("fee_type", "the order is in %s", o.Currency)
	}
	if s.book.refunds[r.RefundNo] != nil {
		return nil, failed("SERIAL_REPEAT", "out_refund_no %s", r.RefundNo)
	}
	if err := o.allows(r); err != nil {
		return nil, err
	}

	now := s.clock.Now()
	r.settle = s.plan.refunds.Pop(settle{query: 1})
	s.book.enterRefund(r, o, now)
	return r.reply(now, timeZone), nil
}

// allows tells why a refund cannot be made.
func (o *order) allows(r *refund) error {
	switch o.State {
	case StateCanceled:
		return failed(codeCanceled, "")
	case StateClosed:
		return failed("订单已关闭", "")
	case StateWaiting, StateCanceling:
		return failed("订单未支付", "state %d", o.State)
	}
	if left := o.refundable(); r.AmountFen > left {
		return failed("AMT_ERROR", "%d fen of %d that are left", r.AmountFen, left)
	}
	return nil
}

// reply is a refund as it is accepted. Nothing in it tells how it will end.
func (r *refund) reply(now time.Time, timeZone string) object {
	reply := object{
		{"out_trade_no", r.order.OrderNo},
		{"trade_no", r.order.TradeNo},
		{"out_refund_no", r.RefundNo},
		{"refund_no", r.TradeNo},
		{"operator_id", r.operatorID},
		{"terminal_id", r.terminalID},
		{"begin_time", clock(now)},
		{"end_time", clock(now)},
	}
	reply = append(reply, r.order.money("refund_fee", "refund_amount_cny", r.AmountFen)...)
	return append(reply,
		field{"channel_type", channelType(r.order.Channel)},
		field{"time_zone", optional(timeZone)})
}

func (s *Server) refundQuery(in *fields) (object, error) {
	in.require("out_trade_no")
	_, _, timeZone := readClerk(in)
	refundNo := in.number("out_trade_no", 50) // the manual's name for it
	if err := in.done(); err != nil {
		return nil, err
	}
	r := s.book.refunds[refundNo]
	if r == nil {
		return nil, failed("CHARGE_NONEXISTENT", "refund %s", refundNo)
	}
	r.queried(s.clock.Now())
	done := r.State == RefundSucceeded // the fields in the middle come with succ only
	return object{
		{"out_trade_no", r.RefundNo},
		{"trade_no", r.TradeNo},
		{"trade_status", r.State},
		{"refund_fee", when(done, r.AmountFen)},
		{"refund_subject", when(done, r.subject)},
		{"gmt_refund_time", when(done, clock(r.done))},
		{"operator_id", when(done, r.operatorID)},
		{"terminal_id", when(done, r.terminalID)},
		{"time_zone", optional(timeZone)},
	}, nil
}
