package guanaitongtest

import (
	"encoding/json"
	"slices"
	"time"
)

// The operations. Each reads all its parameters before it does anything, and is
// called with s.mu held.

// location is the data of a pay call that is answered with a redirect.
type location string

func (s *Server) pay(c *call) (any, error) {
	if !c.has("auth_code") {
		c.fail(codeNoAuthCode, "auth_code", "missing")
	}
	c.require("seller_appid", "outer_trade_no", "pay_type", "point", "reason", "return_url", "notify_url", "trade_info")
	code := c.text("auth_code", 1, 64)
	if seller := c.text("seller_appid", 1, 32); seller != s.Seller.ID {
		c.fail(codeEnterprise, "seller_appid", "unknown")
	}
	o := readOrder(c.fields, s.Seller.ID)
	if err := c.done(); err != nil {
		return nil, err
	}

	o.CreatedAt = s.clock.Now()
	payer, err := s.staff.redeem(code, o.CreatedAt)
	if err != nil {
		return nil, err
	}
	if _, err := s.book.find(o.OrderNo); err == nil {
		return nil, refuse(codeExists, "outer_trade_no: %s exists", o.OrderNo)
	}
	account, err := payer.payFrom(int64(o.PayType), o.AccountOpenID)
	if err != nil {
		return nil, err
	}
	redirects := s.Redirects || c.edit.redirects
	if c.edit.declines || account.BalanceFen < o.AmountFen {
		if redirects {
			return s.location(o.Order, resultFail, c.edit), nil
		}
		return nil, refuse(codeNoMoney, "point: not enough money in the account")
	}
	o.UserID, o.AccountOpenID, o.payer = payer.UserID, account.OpenID, *payer
	s.book.enter(o)
	if o.queries = s.slow.Pop(0); o.queries == 0 {
		s.settle(o)
	}
	if redirects {
		return s.location(o.Order, resultSuccess, c.edit), nil
	}
	return o.TradeNo, nil
}

func readOrder(in *fields, seller string) *order {
	o := &order{Order: Order{Status: StatusPaying}}
	o.OrderNo = in.number("outer_trade_no", 30, seller)
	o.PayType = int(in.whole("pay_type", payPoints, payQuota))
	o.AmountFen = in.amount("point", oneFen)
	o.Reason = in.text("reason", 1, 254)
	o.AccountOpenID = in.text("account_openid", 1, 32)
	o.ReturnURL = in.link("return_url", 2000)
	o.NotifyURL = in.link("notify_url", 254)
	o.Attach = in.text("attach", 1, 100)
	o.tradeInfo = json.RawMessage(readTradeInfo(in, "trade_info"))
	return o
}

func (s *Server) authCodeByMobile(c *call) (any, error) {
	c.require("mobile")
	mobile := c.mobile("mobile")
	c.mobileArea()
	return s.authCode(c, "mobile", mobile)
}

func (s *Server) authCodeByCorpCode(c *call) (any, error) {
	name, text := c.employee()
	return s.authCode(c, name, text)
}

func (s *Server) authCodeByEmail(c *call) (any, error) {
	c.require("email")
	return s.authCode(c, "email", c.email("email"))
}

func (s *Server) authCode(c *call, by, value string) (any, error) {
	s.enterprise(c)
	if err := c.done(); err != nil {
		return nil, err
	}
	e, err := s.staff.find(by, value)
	if err != nil {
		return nil, err
	}
	return s.staff.issue(e.UserID, "", s.clock.Now()), nil
}

// mobileArea reads a country's telephone code.
func (f *fields) mobileArea() { f.whole("mobile_area", 1, 9999) }

// employee reads the one parameter that says who.
func (f *fields) employee() (name, text string) {
	switch {
	case f.has("userid") && f.has("corp_code"):
		f.fail(codeValue, "corp_code", "sent together with userid")
	case f.has("corp_code"):
		return "corp_code", f.text("corp_code", 1, 20)
	}
	f.require("userid")
	return "userid", f.text("userid", 1, 64)
}

// enterprise reads the enterprise_code, which must be the right one if it is
// there.
func (s *Server) enterprise(c *call) {
	if code := c.text("enterprise_code", 1, 20); code != "" && code != s.EnterpriseCode {
		c.fail(codeEnterprise, "enterprise_code", "unknown")
	}
}

func (s *Server) accounts(c *call) (any, error) {
	name, text := c.employee()
	c.whole("thirdType", 1, 5)
	s.enterprise(c)
	if err := c.done(); err != nil {
		return nil, err
	}
	e, err := s.staff.find(name, text)
	if err != nil {
		return nil, err
	}
	accounts := []object{}
	for _, a := range e.Accounts {
		status := int64(1)
		if a.Invalid {
			status = 2
		}
		accounts = append(accounts, object{
			{"account_openid", a.OpenID},
			{"name", a.Name},
			{"type", int64(a.Type)},
			{"balance", yuan(a.BalanceFen)},
			{"status", status},
		})
	}
	return accounts, nil
}

func (s *Server) consume(c *call) (any, error) {
	c.require("trade_no")
	tradeNo := c.text("trade_no", 16, 16)
	s.enterprise(c)
	if err := c.done(); err != nil {
		return nil, err
	}
	o, err := s.book.findTrade(tradeNo)
	if err != nil {
		return nil, err
	}
	s.queried(o)
	return append(o.consumption(), field{"commerce_order_detail", o.tradeInfo}), nil
}

// consumption is an order as the enterprise sees it, in the manual's order.
func (o *order) consumption() object {
	assets := map[int]string{payPoints: "POINTS", payQuota: "QUOTA"}
	var refunded time.Time
	for _, r := range o.Refunds {
		refunded = r.At
	}
	return object{
		{"trade_no", o.TradeNo},
		{"outer_trade_no", o.OrderNo},
		{"userid", o.UserID},
		{"payer_name", o.payer.Name},
		{"subject", o.Reason},
		{"total_amount", yuan(o.AmountFen)},
		{"pay_amount", yuan(o.ChargedFen)},
		{"refund_amount", yuan(o.ReturnedFen)},
		{"status", int64(o.Status)},
		{"create_time", moment(o.CreatedAt)},
		{"pay_time", moment(o.PaidAt)},
		{"refund_time", moment(refunded)},
		{"asset_code", assets[o.PayType]},
	}
}

// moment is a time of day as the platform writes it, null for the zero time.
func moment(t time.Time) any {
	if t.IsZero() {
		return null
	}
	return t.In(beijing).Format(time.DateTime)
}

// consumeList lists orders by the time they were made, the newest first. The
// provider does not say which parameters must be there: here it is the page and
// the span of time.
func (s *Server) consumeList(c *call) (any, error) {
	c.require("page_index", "page_size", "time_start", "time_end")
	index := c.whole("page_index", 1, 1<<31-1)
	size := c.whole("page_size", 1, 100)
	start, end := c.moment("time_start", false), c.moment("time_end", true)
	if end.Before(start) {
		c.fail(codeValue, "time_end", "before time_start")
	}
	c.whole("contain_fee_trade", 0, 9)
	s.enterprise(c)
	if err := c.done(); err != nil {
		return nil, err
	}

	all := []object{}
	for _, o := range slices.Backward(s.book.orders) {
		// The wire knows whole seconds only.
		if made := o.CreatedAt.Truncate(time.Second); !made.Before(start) && !made.After(end) {
			s.queried(o)
			all = append(all, o.consumption())
		}
	}
	total := int64(len(all))
	from := min((index-1)*size, total)
	return object{
		{"total_count", total},
		{"data_list", all[from:min(from+size, total)]},
	}, nil
}

func (s *Server) record(c *call) (any, error) {
	c.require("outer_trade_no")
	orderNo := c.text("outer_trade_no", 10, 30)
	if err := c.done(); err != nil {
		return nil, err
	}
	o, err := s.book.find(orderNo)
	if err != nil {
		return nil, err
	}
	s.queried(o)
	return object{
		{"outer_trade_no", o.OrderNo},
		{"trade_no", o.TradeNo},
		{"buyer_open_id", o.payer.OpenID},
		{"total_amount", yuan(o.AmountFen)},
		{"refund_amount", yuan(o.ReturnedFen)},
		{"status", int64(o.Status)},
		{"pay_time", moment(o.PaidAt)},
	}, nil
}

func (s *Server) refund(c *call) (any, error) {
	c.require("outer_trade_no", "outer_refund_no", "reason", "refund_amount")
	orderNo := c.number("outer_trade_no", 32, c.app.ID)
	refund := Refund{
		RefundNo:  c.number("outer_refund_no", 32, c.app.ID),
		Reason:    c.text("reason", 1, 254),
		AmountFen: c.amount("refund_amount", oneFen),
		NotifyURL: c.link("notify_url", 254),
	}
	c.amount("cost_amount", 0)
	c.amount("delivery_fee", 0)
	if err := c.done(); err != nil {
		return nil, err
	}

	if _, _, err := s.book.findRefund(refund.RefundNo); err == nil {
		return nil, refuse(codeExists, "outer_refund_no: %s exists", refund.RefundNo)
	}
	o, err := s.book.find(orderNo)
	if err != nil {
		return nil, err
	}
	if refund.AmountFen > o.ChargedFen-o.ReturnedFen {
		return nil, refuse(codeValue, "refund_amount: more than is left of the payment")
	}
	refund.At = s.clock.Now()
	refund.TradeNo = s.book.tradeNo(refund.At)
	o.Refunds = append(o.Refunds, refund)
	s.giveBack(o, refund.AmountFen)
	return refund.TradeNo, nil
}

func (s *Server) refundRecord(c *call) (any, error) {
	c.require("outer_refund_no")
	refundNo := c.text("outer_refund_no", 10, 32)
	if err := c.done(); err != nil {
		return nil, err
	}
	o, refund, err := s.book.findRefund(refundNo)
	if err != nil {
		return nil, err
	}
	return object{
		{"outer_trade_no", o.OrderNo},
		{"outer_refund_no", refund.RefundNo},
		{"trade_no", refund.TradeNo},
		{"refund_amount", yuan(refund.AmountFen)},
		{"status", int64(StatusRefunded)},
		{"refund_time", moment(refund.At)},
	}, nil
}
