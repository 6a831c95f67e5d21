package ysepaytest

import (
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/duopay/duopay/internal/sandbox"
)

// The operations. Each reads all its fields before it does anything, and is
// called with s.mu held.

func (s *Server) pay(m message) (object, error) {
	now := s.clock.Now()
	o := readOrder(m.biz, s.PartnerID, now)
	if err := m.biz.done(); err != nil {
		return nil, err
	}
	if s.book.used(o, now) {
		return nil, failed("ACQ.TRADE_HAS_EXISTED", "商户订单号重复: %s", o.OrderNo)
	}
	o.caller = m.caller()
	o.queries = s.plan.payments.Pop(0)
	s.book.enter(o, now)
	return success(
		field{"combine_out_trade_no", o.OrderNo},
		field{"combine_trade_no", o.TradeNo},
		field{"trade_status", o.state()},
		field{"total_amount", yuanText(o.AmountFen)},
		field{"extra_common_param", when(o.extra != "", o.extra)},
		field{"jsapi_pay_info", object{{"tradeNO", o.PayNo}}.Text()},
	), nil
}

func readOrder(in *fields, partnerID string, now time.Time) *order {
	in.require("combine_out_trade_no", "shopdate", "buyer_id", "timeout_express", "combine_seller_id",
		"business_code", "subject", "total_amount", "sub_order_list")
	o := &order{Order: Order{State: stateOpen}}
	o.OrderNo = in.number("combine_out_trade_no")
	checkTradeDate(in, "combine_out_trade_no", o.OrderNo, now)
	o.ShopDate = in.date("shopdate")
	if _, retired := in.values["buyer_logon_id"]; retired {
		in.fail("buyer_logon_id", "not supported since 2023-09-01")
	}
	o.BuyerID = in.text("buyer_id", 100)
	o.ExpiresAt = now.Add(in.span("timeout_express"))
	o.SellerID = in.text("combine_seller_id", 20)
	in.text("business_code", 10)
	o.Subject = in.title("subject", 250)
	if strings.ContainsFunc(o.Subject, unicode.IsControl) {
		in.fail("subject", "holds a control character")
	}
	o.AmountFen = in.amount("total_amount")
	if currency := in.text("currency", 3); currency != "" && currency != "CNY" {
		in.fail("currency", "must be CNY")
	}
	o.extra = in.text("extra_common_param", 2000)
	in.list("sub_order_list", 50, func(in *fields) { o.subs = append(o.subs, readSub(in, o)) })
	in.nested("extend_params_channel")
	checkParts(in, o, partnerID)
	return o
}

func readSub(in *fields, o *order) *sub {
	in.require("out_trade_no", "amount", "seller_id")
	part := &sub{of: o}
	part.OrderNo = in.number("out_trade_no")
	part.AmountFen = in.amount("amount")
	part.SellerID = in.text("seller_id", 200)
	if part.OrderNo == o.OrderNo || slices.Contains(o.subNumbers(), part.OrderNo) {
		in.fail("out_trade_no", "used before in this order")
	}
	return part
}

// checkTradeDate holds the first 8 characters of a number against the days
// around now.
func checkTradeDate(in *fields, name, number string, now time.Time) {
	for _, days := range []int{-1, 0, 1} {
		day := now.In(beijing).AddDate(0, 0, days).Format(dateLayout)
		if len(number) >= 8 && number[:8] == day {
			return
		}
	}
	in.fail(name, "must begin with the date of yesterday, today or tomorrow in UTC+8")
}

func checkParts(in *fields, o *order, partnerID string) {
	var sum int64
	receives := o.SellerID == partnerID
	for _, part := range o.subs {
		sum += part.AmountFen
		receives = receives || part.SellerID == o.SellerID
	}
	if !receives {
		in.fail("combine_seller_id", "neither the partner_id nor the seller_id of a sub order")
	}
	if sum != o.AmountFen {
		in.fail("total_amount", "the sub orders amount to %s", sandbox.Yuan(sum))
	}
}

// findOrder reads what names a combined order, and nothing more.
func (s *Server) findOrder(in *fields) (*order, error) {
	in.requireOne("combine_out_trade_no", "combine_trade_no")
	in.require("shopdate")
	no, tradeNo, date := in.number("combine_out_trade_no"), in.text("combine_trade_no", 30), in.date("shopdate")
	if err := in.done(); err != nil {
		return nil, err
	}
	for _, o := range s.book.orders {
		if (no == "" || no == o.OrderNo) && (tradeNo == "" || tradeNo == o.TradeNo) && date == o.ShopDate {
			o.expire(s.clock.Now())
			return o, nil
		}
	}
	return nil, noResult("%s %s %s", no, tradeNo, date)
}

// findSub reads what names a sub order, and nothing more; shopdate too, if it
// is there.
func (s *Server) findSub(in *fields) (*sub, error) {
	in.requireOne("out_trade_no", "trade_no")
	no, tradeNo, date := in.number("out_trade_no"), in.text("trade_no", 30), in.date("shopdate")
	if err := in.done(); err != nil {
		return nil, err
	}
	part, ok := s.book.sub(s.clock.Now(), func(p *sub) bool {
		return (no == "" || no == p.OrderNo) && (tradeNo == "" || tradeNo == p.TradeNo) &&
			(date == "" || date == p.of.ShopDate)
	})
	if !ok {
		return nil, noResult("%s %s %s", no, tradeNo, date)
	}
	return part, nil
}

func (s *Server) query(m message) (object, error) {
	o, err := s.findOrder(m.biz)
	if err != nil {
		return nil, err
	}
	o.queried(s.clock.Now())
	var parts []object
	for _, part := range o.subs {
		parts = append(parts, object{
			{"out_trade_no", part.OrderNo},
			{"trade_no", part.TradeNo},
			{"seller_id", part.SellerID},
			{"amount", yuan(part.AmountFen)},
			{"trade_status", part.state()},
		})
	}
	node := success(
		field{"combine_out_trade_no", o.OrderNo},
		field{"combine_trade_no", o.TradeNo},
		field{"trade_status", o.state()},
		field{"total_amount", yuan(o.AmountFen)},
		field{"receipt_amount", when(o.ChargedFen > 0, yuan(o.ChargedFen))},
		field{"account_date", when(o.ChargedFen > 0, o.accountDate())},
		field{"extra_common_param", when(o.extra != "", o.extra)},
		field{"sub_order_list", parts},
	)
	return append(node, o.payDetails()...), nil
}

// accountDate is yyyyMMdd.
func (o *order) accountDate() string { return o.PaidAt.In(beijing).Format(dateLayout) }

// payDetails is how the order was paid, empty while it is not.
func (o *order) payDetails() object {
	if o.ChargedFen == 0 {
		return nil
	}
	return object{
		{"channel_send_sn", "10" + o.TradeNo},
		{"channel_recv_sn", o.PayNo},
		{"paygate_no", payGate},
		{"buyer_user_id", o.BuyerID},
		{"pay_success_time", o.PaidAt.In(beijing).Format(time.DateTime)},
	}
}

// payGate is NetsUnion-Alipay, in the provider's numbers.
const payGate = "10000012"

func (s *Server) close(m message) (object, error) {
	o, err := s.findOrder(m.biz)
	if err != nil {
		return nil, err
	}
	if err := o.close(); err != nil {
		return nil, err
	}
	return success(
		field{"combine_out_trade_no", o.OrderNo},
		field{"combine_trade_no", o.TradeNo},
	), nil
}

// close closes the order. One that is closed has nothing left to do: saying
// yes again is what makes repeating safe.
func (o *order) close() error {
	if o.State != stateOpen && o.State != stateClosed {
		return failed("ACQ.TRADE_STATUS_ERROR", "the order is %s", o.state())
	}
	o.State = stateClosed
	return nil
}

// findQueried finds a sub order and lets the time pass that a query stands
// for.
func (s *Server) findQueried(in *fields) (*sub, error) {
	in.require("shopdate")
	part, err := s.findSub(in)
	if err != nil {
		return nil, err
	}
	part.of.queried(s.clock.Now())
	return part, nil
}

func (p *sub) reply() object {
	paid := p.of.ChargedFen > 0
	return success(
		field{"out_trade_no", p.OrderNo},
		field{"trade_no", p.TradeNo},
		field{"trade_status", p.state()},
		field{"total_amount", yuan(p.AmountFen)},
		field{"receipt_amount", when(paid, yuan(p.AmountFen))},
		field{"account_date", when(paid, p.of.accountDate())},
	)
}

func (s *Server) subQuery(m message) (object, error) {
	part, err := s.findQueried(m.biz)
	if err != nil {
		return nil, err
	}
	return part.reply(), nil
}

func (s *Server) subDetail(m message) (object, error) {
	part, err := s.findQueried(m.biz)
	if err != nil {
		return nil, err
	}
	details := part.of.payDetails()
	return append(part.reply(), field{"pay_detail_list", when(details != nil, []object{details})}), nil
}

func (s *Server) subClose(m message) (object, error) {
	m.biz.require("shopdate")
	part, err := s.findSub(m.biz)
	if err != nil {
		return nil, err
	}
	if err := part.of.close(); err != nil {
		return nil, err
	}
	return success(field{"out_trade_no", part.OrderNo}, field{"trade_no", part.TradeNo}), nil
}

func (s *Server) refund(m message) (object, error) {
	in := m.biz
	in.require("out_trade_no", "shopdate", "refund_amount", "refund_reason", "out_request_no")
	r := &refund{Refund: Refund{State: refundInProcess}, caller: m.caller(), at: s.clock.Now()}
	r.AmountFen = in.amount("refund_amount")
	r.Reason = in.title("refund_reason", 50)
	r.RefundNo = in.text("out_request_no", 32)
	part, err := s.findSub(in)
	if err != nil {
		return nil, err
	}
	r.of = part
	if before, used := s.book.refund(r.RefundNo); used {
		if before.of != r.of || before.AmountFen != r.AmountFen {
			return nil, failed("ACQ.REFUND_REPEAT", "退款请求号重复: %s", r.RefundNo)
		}
		return before.accepted(), nil
	}
	if part.of.State != statePaid {
		return nil, failed("ACQ.TRADE_STATUS_ERROR", "the order is %s", part.of.state())
	}
	if r.AmountFen > part.left() {
		return nil, failed("ACQ.REFUND_EXCEEDED", "%s is left", sandbox.Yuan(part.left()))
	}
	r.RefundSN = s.book.nextSerial(r.at)
	r.settle = s.plan.refunds.Pop(settle{1, refundSuccess})
	part.refunds = append(part.refunds, r)
	return r.accepted(), nil
}

// accepted says that the refund will be tried, and no more.
func (r *refund) accepted() object {
	return success(
		field{"trade_no", r.of.TradeNo},
		field{"out_trade_no", r.of.OrderNo},
		field{"refund_amount", yuanText(r.AmountFen)},
		field{"account_date", r.at.In(beijing).Format(dateLayout)},
		field{"out_request_no", r.RefundNo},
		field{"refundsn", r.RefundSN},
	)
}

func (s *Server) refundQuery(m message) (object, error) {
	in := m.biz
	in.require("out_request_no")
	no := in.text("out_request_no", 32)
	in.value("refund_query_type") // one integration sends 1, the number or the text
	part, err := s.findSub(in)
	if err != nil {
		return nil, err
	}
	r, ok := s.book.refund(no)
	if !ok || r.of != part {
		return nil, noResult("%s", no)
	}
	r.queried()
	dynamics := sandbox.JSON([]object{{{"amount", yuan(r.AmountFen)}, {"state", r.State}}})
	return success(
		field{"trade_no", part.TradeNo},
		field{"out_trade_no", part.OrderNo},
		field{"out_request_no", r.RefundNo},
		field{"refundsn", r.RefundSN},
		field{"refund_state", r.State},
		field{"funds_state", r.State},
		field{"funds_dynamics", string(dynamics)},
		field{"refund_reason", r.Reason},
		field{"total_amount", yuan(part.AmountFen)},
		field{"refund_amount", yuan(r.AmountFen)},
		field{"account_date", r.at.In(beijing).Format(time.DateOnly)}, // here with hyphens
	), nil
}
