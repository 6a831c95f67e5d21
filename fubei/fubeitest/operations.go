package fubeitest

import (
	"slices"
	"strings"
	"time"
)

// The operations. Each reads all its fields before it does anything, and is
// called with s.mu held.

func (s *Server) swipe(in *fields) (object, error) {
	in.require("merchant_order_sn", "auth_code", "total_fee")
	o := readOrder(in, MethodSwipe, 1, 2, 5)
	code := in.text("auth_code", 0)
	discounted, said := in.whole("discount_switch", 0, 1)
	scene := in.text("scene", 32)
	if scene != "" && scene != "FACE_PAY" {
		in.fail("scene", "must be FACE_PAY")
	}
	in.text("buyer_id", 32)
	o.expires = in.moment("timeout_express")
	now := s.clock.Now()
	if !o.expires.IsZero() && o.expires.Sub(now) <= time.Minute {
		in.fail("timeout_express", "not more than a minute from now")
	}
	if err := in.done(); err != nil {
		return nil, err
	}

	if err := s.unused(o.OrderNo); err != nil {
		return nil, err
	}
	if !use(&s.book.codes, code) {
		return nil, failed("AUTH_CODE_USED", "付款码已使用")
	}
	if o.echo.kind == 0 {
		o.echo.kind = kindOf(code, scene)
	}
	if !said || discounted == 1 {
		o.DiscountFen = min(s.plan.discounts.Pop(0), o.AmountFen-1)
		o.ReceivedFen -= o.DiscountFen
	}
	s.book.enter(o, now)
	if o.password = s.plan.passwords.Pop(0); o.password == 0 {
		o.pay(now)
	}
	return o.reply(), nil
}

func (s *Server) scan(in *fields) (object, error) {
	in.require("merchant_order_sn", "type", "total_fee")
	o := readOrder(in, MethodScan, 1, 2)
	if err := in.done(); err != nil {
		return nil, err
	}
	if err := s.unused(o.OrderNo); err != nil {
		return nil, err
	}
	s.book.enter(o, s.clock.Now())
	return object{
		{"order_sn", o.OrderSN},
		{"trade_no", o.TradeNo},
		{"qr_code", "https://qr.fubei.invalid/" + o.OrderSN},
		{"store_id", o.echo.storeID},
		{"cashier_id", o.echo.cashierID},
		{"user_id", ""},
	}, nil
}

// readOrder reads what all new orders have in common. kinds are the types the
// operation knows.
func readOrder(in *fields, method string, kinds ...int64) *order {
	o := &order{Order: Order{Method: method, State: stateUserPaying}}
	o.OrderNo = in.number("merchant_order_sn")
	o.AmountFen, _ = in.amount("total_fee")
	o.ReceivedFen = o.AmountFen
	kind, said := in.whole("type", 1, 5)
	if said && !slices.Contains(kinds, kind) {
		in.fail("type", "must be one of %d", kinds)
	}
	o.echo.kind = kind
	o.echo.storeID, _ = in.whole("store_id", 1, 9999999999)
	o.echo.cashierID, _ = in.whole("cashier_id", 1, 9999999999)
	o.echo.deviceNo = in.text("device_no", 18)
	o.echo.body = in.text("body", 128)
	o.echo.callBackURL = in.link("call_back_url", 256)
	in.whole("equipment_type", 90, 127)
	o.echo.attach = in.text("attach", 127)
	in.text("goods_tag", 0)
	in.detail("detail")
	in.text("sub_appid", 0)
	return o
}

func (s *Server) unused(orderNo string) error {
	if _, used := s.book.index["merchant_order_sn="+orderNo]; used {
		return failed("ORDER_REPEAT", "商户订单号重复: %s", orderNo)
	}
	return nil
}

// kindOf tells the payer's app from the code, 0 if it cannot be told.
func kindOf(code, scene string) int64 {
	digits := strings.Trim(code, "0123456789") == ""
	switch {
	case scene == "FACE_PAY":
		return 2
	case digits && len(code) == 18 && "10" <= code[:2] && code[:2] <= "15":
		return 1
	case digits && 16 <= len(code) && len(code) <= 24 && "25" <= code[:2] && code[:2] <= "30":
		return 2
	case digits && len(code) == 19 && "621" <= code[:3] && code[:3] <= "628":
		return 5
	}
	return 0
}

// reply is an order as swipe and query tell it, in the manual's order.
func (o *order) reply() object {
	var payTime int64
	paid := !o.PaidAt.IsZero()
	if paid {
		payTime = o.PaidAt.Unix()
	}
	won := o.State == stateSuccess // these fields come with SUCCESS only
	fee := (o.ReceivedFen*38 + 5_000) / 10_000
	return object{
		{"merchant_order_sn", o.OrderNo},
		{"order_sn", o.OrderSN},
		{"trade_no", o.TradeNo},
		{"trade_state", o.State},
		{"total_fee", yuan(o.ReceivedFen)},
		{"net_money", when(won, yuan(o.ReceivedFen-fee))},
		{"order_price", yuan(o.AmountFen)},
		{"pay_time", payTime},
		{"type", when(o.echo.kind != 0, o.echo.kind)},
		{"discount_money", when(won, yuan(o.DiscountFen))},
		{"buyer_pay_amount", when(won, yuan(o.ReceivedFen))},
		{"attach", o.echo.attach},
		{"store_id", o.echo.storeID},
		{"cashier_id", o.echo.cashierID},
		{"device_no", o.echo.deviceNo},
		{"body", o.echo.body},
		{"user_id", o.echo.userID},
		{"user_logon_id", o.echo.userLogonID},
		{"cash_coupon_fee", when(won, yuan(0))},
		{"no_cash_coupon_fee", when(won, yuan(0))},
		{"fee", when(won, yuan(fee))},
		{"platform_order_no", when(paid, o.echo.platformNo)},
	}
}

// find reads the one of names that was sent and nothing more, and looks the
// order up.
func (s *Server) find(in *fields, names ...string) (*order, error) {
	name, number := in.oneOf(names...)
	if err := in.done(); err != nil {
		return nil, err
	}
	return s.book.find(name, number, s.clock.Now())
}

func (s *Server) query(in *fields) (object, error) {
	in.text("device_no", 18)
	o, err := s.find(in, "merchant_order_sn", "order_sn", "trade_no")
	if err != nil {
		return nil, err
	}
	o.queried(s.clock.Now())
	return o.reply(), nil
}

func (s *Server) reverse(in *fields) (object, error) {
	o, err := s.find(in, "merchant_order_sn", "order_sn")
	if err != nil {
		return nil, err
	}
	if o.Method != MethodSwipe {
		return nil, failed("ORDER_KIND", "only a swiped order can be reversed")
	}
	if _, refunds := o.refundable(); refunds > 0 {
		return nil, failed("ORDER_STATE", "the order has refunds")
	}
	switch o.State {
	case stateUserPaying, stateSuccess, stateRevokedError:
		plan := s.plan.revokes.Pop(revoke{})
		switch {
		case plan.fails:
			o.State = stateRevokedError
		case plan.queries != 0:
			o.State, o.revoking = stateRevoking, plan.queries
		default:
			o.revoked()
		}
	}
	// An order that is reversed, being reversed or closed has nothing left to
	// do: saying yes again is what makes repeating safe.
	return o.numbers(), nil
}

func (s *Server) close(in *fields) (object, error) {
	o, err := s.find(in, "merchant_order_sn", "order_sn")
	if err != nil {
		return nil, err
	}
	if o.Method == MethodSwipe {
		return nil, failed("ORDER_KIND", "a swiped order is reversed, not closed")
	}
	switch o.State {
	case stateUserPaying, stateClosed:
		o.State = stateClosed
		return o.numbers(), nil
	}
	return nil, failed("ORDER_STATE", "the order is %s", o.State)
}

func (o *order) numbers() object {
	return object{
		{"merchant_order_sn", o.OrderNo},
		{"order_sn", o.OrderSN},
	}
}

func (s *Server) refund(in *fields) (object, error) {
	in.require("merchant_refund_sn")
	refundNo := in.number("merchant_refund_sn")
	fen, said := in.amount("refund_money")
	o, err := s.find(in, "merchant_order_sn", "order_sn", "trade_no")
	if err != nil {
		return nil, err
	}
	now := s.clock.Now()
	left, refunds := o.refundable()
	if !said {
		fen = left // documented: without an amount everything goes back
	}
	switch {
	case s.book.refunds[refundNo]:
		return nil, failed("REFUND_REPEAT", "退款单号重复: %s", refundNo)
	case o.State != stateSuccess:
		return nil, failed("ORDER_STATE", "the order is %s", o.State)
	case now.Sub(o.PaidAt) > 90*24*time.Hour:
		return nil, failed("REFUND_TOO_LATE", "paid more than 90 days ago")
	case refunds >= 10:
		return nil, failed("REFUND_TOO_MANY", "the order has 10 refunds")
	case fen > left || left == 0:
		return nil, failed("REFUND_TOO_MUCH", "more than is left")
	}
	use(&s.book.refunds, refundNo)
	s.book.serial++
	refund := Refund{refundNo, serialNo(now, s.book.serial), fen, refundProcessing}
	o.Refunds = append(o.Refunds, refund)
	o.settling = append(o.settling, s.plan.refunds.Pop(settle{query: 1}))
	return object{
		{"refund_sn", refund.RefundSN},
		{"merchant_refund_sn", refund.RefundNo},
		{"trade_no", o.TradeNo},
		{"order_sn", o.OrderSN},
		{"merchant_order_sn", o.OrderNo},
	}, nil
}

func (s *Server) refundQuery(in *fields) (object, error) {
	name, number := in.oneOf("merchant_refund_sn", "refund_sn")
	o, err := s.find(in, "merchant_order_sn", "order_sn", "trade_no")
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(o.Refunds, func(r Refund) bool {
		return name == "refund_sn" && r.RefundSN == number || name == "merchant_refund_sn" && r.RefundNo == number
	})
	if i < 0 {
		return nil, failed("REFUND_NOT_EXIST", "退款单不存在: %s %s", name, number)
	}
	o.refundQueried(i)
	return object{
		{"merchant_order_sn", o.OrderNo},
		{"merchant_refund_sn", o.Refunds[i].RefundNo},
		{"order_sn", o.OrderSN},
		{"refund_sn", o.Refunds[i].RefundSN},
		{"trade_no", o.TradeNo},
		{"refund_status", o.Refunds[i].State},
	}, nil
}

func (s *Server) refundStatistics(in *fields) (object, error) {
	o, err := s.find(in, "merchant_order_sn", "order_sn", "trade_no")
	if err != nil {
		return nil, err
	}
	left, refunds := o.refundable()
	return object{
		{"order_sn", o.OrderSN},
		{"total_fee", yuan(o.ReceivedFen)},
		{"refund_num", int64(refunds)},
		{"can_refund", yuan(left)},
	}, nil
}

// time takes any fields.
func (s *Server) time(*fields) (object, error) {
	return object{{"time", s.clock.Now().In(beijing).Format(time.DateTime)}}, nil
}
