package ysepaytest

import (
	"fmt"
	"slices"
	"time"
)

// States of orders and refunds.
const (
	stateOpen       = "WAIT_BUYER_PAY"
	statePaid       = "TRADE_SUCCESS"
	statePartRefund = "TRADE_PART_REFUND"
	stateAllRefund  = "TRADE_ALL_REFUND"
	stateUndeposit  = "TRADE_UNDEPOSIT"
	stateClosed     = "TRADE_CLOSED"
	stateFailed     = "TRADE_FAILD" // the provider's spelling
	stateToSend     = "WAIT_SELLER_SEND_GOODS"
	stateToReceive  = "WAIT_BUYER_CONFIRM_GOODS"

	refundInProcess = "in_process"
	refundSuccess   = "success"
	refundFailed    = "fail"
	refundManual    = "fail_to_manual_deal"
	refundClosed    = "fail_due_manual_close"
)

// Order is a page of the order book: what really happened to a combined order.
// Amounts are fen.
type Order struct {
	OrderNo     string // the merchant's, combine_out_trade_no
	TradeNo     string // the gateway's, combine_trade_no
	PayNo       string // the tradeNO in jsapi_pay_info, for the front end
	ShopDate    string // shopdate, yyyyMMdd
	BuyerID     string // buyer_id
	SellerID    string // combine_seller_id
	Subject     string // subject
	AmountFen   int64  // total_amount
	ChargedFen  int64  // taken from the payer
	ReturnedFen int64  // given back by refunds that are success
	State       string // trade_status
	ExpiresAt   time.Time
	PaidAt      time.Time
	SubOrders   []SubOrder
}

// SubOrder is the part of a combined order that one seller receives.
type SubOrder struct {
	OrderNo     string // the merchant's, out_trade_no
	TradeNo     string // the gateway's, trade_no
	SellerID    string // seller_id
	AmountFen   int64  // amount
	ReturnedFen int64  // given back by refunds that are success
	State       string // trade_status
	Refunds     []Refund
}

// Refund is one refund of a sub order.
type Refund struct {
	RefundNo  string // the merchant's, out_request_no
	RefundSN  string // the gateway's, refundsn
	AmountFen int64  // refund_amount
	Reason    string // refund_reason
	State     string // refund_state
}

// book is the order book. The zero book is empty.
type book struct {
	orders []*order
	serial int
}

// order is a combined order. State is the state without regard to refunds, and
// the fields that follow from the sub orders are set in snapshots only.
type order struct {
	Order
	caller
	subs    []*sub
	extra   string // extra_common_param
	queries int    // until the payer pays; 0 or less: not by queries
}

// caller is what the gateway has to know to send a notification.
type caller struct {
	signType  string
	charset   charset
	notifyURL string
}

func (m message) caller() caller {
	return caller{m.params["sign_type"], m.charset, m.params["notify_url"]}
}

type sub struct {
	SubOrder
	of      *order
	refunds []*refund
}

type refund struct {
	Refund
	caller
	of     *sub
	at     time.Time
	settle settle
}

// nextSerial is a number of 18 digits.
func (b *book) nextSerial(now time.Time) string {
	b.serial++
	return now.In(beijing).Format(dateLayout) + fmt.Sprintf("%010d", b.serial)
}

// enter numbers an order and puts it on the books.
func (b *book) enter(o *order, now time.Time) {
	o.TradeNo = b.nextSerial(now)
	for _, part := range o.subs {
		part.TradeNo = b.nextSerial(now)
	}
	o.PayNo = now.In(beijing).Format(dateLayout) + "22001400" + fmt.Sprintf("%012d", b.serial)
	b.orders = append(b.orders, o)
}

// order returns the order with the merchant's number, as it stands now.
func (b *book) order(orderNo string, now time.Time) (*order, bool) {
	for _, o := range b.orders {
		if o.OrderNo == orderNo {
			o.expire(now)
			return o, true
		}
	}
	return nil, false
}

// sub returns the sub order for which is holds, as it stands now.
func (b *book) sub(now time.Time, is func(*sub) bool) (*sub, bool) {
	for _, o := range b.orders {
		for _, part := range o.subs {
			if is(part) {
				o.expire(now)
				return part, true
			}
		}
	}
	return nil, false
}

func (b *book) refund(refundNo string) (*refund, bool) {
	for _, o := range b.orders {
		for _, part := range o.subs {
			for _, r := range part.refunds {
				if r.RefundNo == refundNo {
					return r, true
				}
			}
		}
	}
	return nil, false
}

func (o *order) expire(now time.Time) {
	if o.State == stateOpen && !now.Before(o.ExpiresAt) {
		o.State = stateClosed
	}
}

// took reports whether in this state the payer's money has been taken.
func took(state string) bool {
	switch state {
	case statePaid, stateUndeposit, stateToSend, stateToReceive:
		return true
	}
	return false
}

// open reports whether the order can still be paid.
func (o *order) open() bool {
	switch o.State {
	case stateClosed, stateFailed, "TRADE_FAILED":
		return false
	}
	return !took(o.State)
}

func (o *order) become(state string, now time.Time) {
	if took(state) && o.ChargedFen == 0 {
		o.ChargedFen = o.AmountFen
		o.PaidAt = now
	}
	o.State = state
}

// queried lets the time pass that a query stands for.
func (o *order) queried(now time.Time) {
	if !o.open() || o.queries <= 0 {
		return
	}
	if o.queries--; o.queries == 0 {
		o.become(statePaid, now)
	}
}

// returned is what refunds have given back.
func (o *order) returned() (fen int64) {
	for _, part := range o.subs {
		fen += part.returned()
	}
	return fen
}

func (p *sub) returned() (fen int64) {
	for _, r := range p.refunds {
		if r.State == refundSuccess {
			fen += r.AmountFen
		}
	}
	return fen
}

// left is what is left of the sub order once every refund that has not failed
// is paid out.
func (p *sub) left() int64 {
	fen := p.AmountFen
	for _, r := range p.refunds {
		if r.State != refundFailed && r.State != refundClosed {
			fen -= r.AmountFen
		}
	}
	return fen
}

// withRefunds is the state of an order of which some has been given back.
func withRefunds(state string, fen, returned int64) string {
	switch {
	case returned == 0 || state != statePaid:
		return state
	case returned < fen:
		return statePartRefund
	}
	return stateAllRefund
}

func (o *order) state() string { return withRefunds(o.State, o.AmountFen, o.returned()) }

func (p *sub) state() string { return withRefunds(p.of.State, p.AmountFen, p.returned()) }

// final reports whether no query changes the refund any more.
func (r *refund) final() bool {
	switch r.State {
	case refundSuccess, refundFailed, refundClosed:
		return true
	}
	return false
}

// queried lets the time pass that a query stands for.
func (r *refund) queried() {
	if r.State != refundInProcess || r.settle.query <= 0 {
		return
	}
	if r.settle.query--; r.settle.query == 0 {
		r.State = r.settle.state
	}
}

func (o *order) snapshot(now time.Time) Order {
	o.expire(now)
	page := o.Order
	page.ReturnedFen, page.State = o.returned(), o.state()
	for _, part := range o.subs {
		line := part.SubOrder
		line.ReturnedFen, line.State = part.returned(), part.state()
		for _, r := range part.refunds {
			line.Refunds = append(line.Refunds, r.Refund)
		}
		page.SubOrders = append(page.SubOrders, line)
	}
	return page
}

// Order returns the combined order with the merchant's number orderNo.
func (s *Server) Order(orderNo string) (Order, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.clock.Now()
	o, ok := s.book.order(orderNo, now)
	if !ok {
		return Order{}, false
	}
	return o.snapshot(now), true
}

// Orders returns all combined orders, oldest first.
func (s *Server) Orders() []Order {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.clock.Now()
	var pages []Order
	for _, o := range s.book.orders {
		pages = append(pages, o.snapshot(now))
	}
	return pages
}

// Pay lets the payer of an open combined order pay it now.
func (s *Server) Pay(orderNo string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.clock.Now()
	o, ok := s.book.order(orderNo, now)
	if !ok {
		return fmt.Errorf("ysepaytest: no order %s", orderNo)
	}
	if !o.open() {
		return fmt.Errorf("ysepaytest: order %s is %s, not open", orderNo, o.state())
	}
	o.become(statePaid, now)
	return nil
}

// SetState puts a combined order into any trade_status, for the states that
// the flow of a test does not lead to: TRADE_UNDEPOSIT, TRADE_FAILD,
// TRADE_PROCESS, one that does not exist, or TRADE_SUCCESS after TRADE_CLOSED.
// In TRADE_SUCCESS, TRADE_UNDEPOSIT, WAIT_SELLER_SEND_GOODS and
// WAIT_BUYER_CONFIRM_GOODS the payer's money has been taken. It cannot be given
// back here: that, and the states that speak of it, take a refund.
func (s *Server) SetState(orderNo, state string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.clock.Now()
	o, ok := s.book.order(orderNo, now)
	switch {
	case !ok:
		return fmt.Errorf("ysepaytest: no order %s", orderNo)
	case state == statePartRefund || state == stateAllRefund:
		return fmt.Errorf("ysepaytest: %s takes a refund", state)
	case o.ChargedFen > 0 && !took(state):
		return fmt.Errorf("ysepaytest: order %s is %s and paid, it cannot become %s", orderNo, o.state(), state)
	}
	o.become(state, now)
	return nil
}

// SettleRefund puts a refund that is not final into any refund_state: success
// gives the money back, fail and fail_due_manual_close leave it with the
// seller, all others are not final. From then on queries do not change it.
func (s *Server) SettleRefund(refundNo, state string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, ok := s.book.refund(refundNo)
	if !ok {
		return fmt.Errorf("ysepaytest: no refund %s", refundNo)
	}
	if r.final() {
		return fmt.Errorf("ysepaytest: refund %s is %s already", refundNo, r.State)
	}
	r.State, r.settle.query = state, -1
	return nil
}

// subNumbers returns the merchant's numbers of the sub orders.
func (o *order) subNumbers() []string {
	var numbers []string
	for _, part := range o.subs {
		numbers = append(numbers, part.OrderNo)
	}
	return numbers
}

// used reports whether one of the order's numbers was used before.
func (b *book) used(o *order, now time.Time) bool {
	_, used := b.order(o.OrderNo, now)
	if !used {
		_, used = b.sub(now, func(p *sub) bool { return slices.Contains(o.subNumbers(), p.OrderNo) })
	}
	return used
}
