package fufutest

import (
	"fmt"
	"time"
)

// States of an order, as the field state has them. The manual has more, which
// this gateway does not give to its orders: 7 and 10 to 14. [State] says any.
const (
	StateWaiting        = 0 // not paid yet
	StatePaid           = 1
	StateCanceled       = 2 // by cancel, or because it was not paid in time
	StateCanceling      = 3
	StatePartlyRefunded = 4
	StateRefunded       = 5
	StateClosed         = 6
	StateRefunding      = 8 // a refund is under way
	StateRefundFailed   = 9 // none succeeded; the money is with the merchant
)

// States of a refund, as the field trade_status has them.
const (
	RefundSucceeded = "succ"
	RefundFailed    = "fail"
	RefundPending   = "refunding"
)

// How long an order may wait for its payer.
const (
	orderLife    = 80 * time.Second
	preOrderLife = 5 * time.Minute // unless time_expire says another
)

// beijing is the zone of every time of day on the wire.
var beijing = time.FixedZone("UTC+8", 8*60*60)

// wireTime is how a time of day is written.
const wireTime = "20060102150405"

// Order is a page of the order book: what really happened. Amounts are fen of
// its Currency.
type Order struct {
	Op          string // OpOrder or OpPreOrder
	OrderNo     string // the merchant's, out_trade_no
	TradeNo     string // the gateway's, trade_no
	Channel     int    // channel_type: 1 Alipay, 2 WeChat; 0 until a payer of a QR code chooses
	Currency    string // fee_type
	AmountFen   int64  // total_fee
	ChargedFen  int64  // taken from the payer
	ReturnedFen int64  // given back by refunds that are done
	State       int    // one of the States
	CreatedAt   time.Time
	PaidAt      time.Time
	Refunds     []Refund // in order of arrival
}

// Refund is one refund of an order.
type Refund struct {
	RefundNo  string // the merchant's, out_refund_no
	TradeNo   string // the gateway's, refund_no
	AmountFen int64
	State     string // RefundPending, RefundSucceeded or RefundFailed
}

// book is the order book.
type book struct {
	orders  []*order
	index   map[string]*order  // by field=number, for both numbers
	refunds map[string]*refund // by the merchant's number
	codes   map[string]bool    // auth codes used
	serial  int
}

func newBook() book {
	return book{index: make(map[string]*order), refunds: make(map[string]*refund), codes: make(map[string]bool)}
}

// order is an Order with what the gateway knows besides.
type order struct {
	Order
	echo
	notifyURL string
	expires   time.Time
	ended     time.Time // paid, canceled or closed

	serial    int // what the channel's numbers are made of
	hidden    int // look-ups that do not find it; negative: all
	password  int // queries until the payer confirms; 0 or less: not by queries
	canceling int // queries that still see it being canceled; negative: all
	refunds   []*refund
}

// echo is what the gateway says back as it was told.
type echo struct {
	operatorID, terminalID  string
	merchantParam, timeZone string
	authCode                string
}

// refund is a Refund with what the gateway knows besides.
type refund struct {
	Refund
	order                  *order
	subject                string
	operatorID, terminalID string
	settle                 settle
	done                   time.Time
}

// enter numbers an order and puts it on the books.
func (b *book) enter(o *order, now time.Time) {
	o.TradeNo = b.number(now)
	o.serial = b.serial
	o.CreatedAt = now
	b.index["out_trade_no="+o.OrderNo] = o
	b.index["trade_no="+o.TradeNo] = o
	b.orders = append(b.orders, o)
}

// enterRefund numbers a refund and puts it on the books, under way.
func (b *book) enterRefund(r *refund, o *order, now time.Time) {
	r.TradeNo = b.number(now)
	r.State = RefundPending
	r.order = o
	b.refunds[r.RefundNo] = r
	o.refunds = append(o.refunds, r)
	o.settled()
}

// number is the gateway's next, of 20 digits.
func (b *book) number(now time.Time) string {
	b.serial++
	return fmt.Sprintf("%s%012d", now.In(beijing).Format("20060102"), 100000_000000+b.serial)
}

// find returns the order a number belongs to, as it stands now, or nil.
func (b *book) find(name, number string, now time.Time) *order {
	o := b.index[name+"="+number]
	if o != nil {
		o.expire(now)
	}
	return o
}

// look spends one of the look-ups that do not find a hidden order.
func (o *order) look() (found bool) {
	if o.hidden > 0 {
		o.hidden--
		return false
	}
	return o.hidden == 0
}

func (o *order) expire(now time.Time) {
	if o.State == StateWaiting && !now.Before(o.expires) {
		o.end(StateCanceled, o.expires)
	}
}

func (o *order) end(state int, at time.Time) { o.State, o.ended = state, at }

func (o *order) pay(now time.Time) {
	o.end(StatePaid, now)
	o.PaidAt = now
	o.ChargedFen = o.AmountFen
	if o.Channel == 0 {
		o.Channel = channelAlipay // a payer of a QR code has to use one of the two
	}
}

// queried lets the time pass that a query stands for.
func (o *order) queried(now time.Time) {
	switch o.State {
	case StateWaiting:
		if o.password--; o.password == 0 {
			o.pay(now)
		}
	case StateCanceling:
		if o.canceling == 0 {
			o.end(StateCanceled, now)
		} else {
			o.canceling--
		}
	}
}

// refunded sums the refunds in a state.
func (o *order) refunded(state string) (fen int64) {
	for _, r := range o.refunds {
		if r.State == state {
			fen += r.AmountFen
		}
	}
	return fen
}

// refundable is what is left once every refund that has not failed is done.
func (o *order) refundable() int64 {
	return o.ChargedFen - o.refunded(RefundSucceeded) - o.refunded(RefundPending)
}

// settled brings a paid order up to date with its refunds.
func (o *order) settled() {
	o.ReturnedFen = o.refunded(RefundSucceeded)
	switch {
	case o.refunded(RefundPending) > 0:
		o.State = StateRefunding
	case o.ReturnedFen == o.ChargedFen:
		o.State = StateRefunded
	case o.ReturnedFen > 0:
		o.State = StatePartlyRefunded
	default:
		o.State = StateRefundFailed
	}
}

// queried lets the time pass that a refundQuery stands for.
func (r *refund) queried(now time.Time) {
	if r.State != RefundPending || r.settle.query < 0 {
		return
	}
	if r.settle.query--; r.settle.query > 0 {
		return
	}
	r.State, r.done = RefundSucceeded, now
	if r.settle.fails {
		r.State = RefundFailed
	}
	r.order.settled()
}

func (o *order) snapshot(now time.Time) Order {
	o.expire(now)
	page := o.Order
	for _, r := range o.refunds {
		page.Refunds = append(page.Refunds, r.Refund)
	}
	return page
}

// Order returns the order with the merchant's number orderNo.
func (s *Server) Order(orderNo string) (Order, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.clock.Now()
	o := s.book.find("out_trade_no", orderNo, now)
	if o == nil {
		return Order{}, false
	}
	return o.snapshot(now), true
}

// Orders returns all orders, oldest first.
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

// Pay lets the payer of an open order pay it now: the payer of a preOrder, or
// the one who was asked for a password.
func (s *Server) Pay(orderNo string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.clock.Now()
	o := s.book.find("out_trade_no", orderNo, now)
	if o == nil {
		return fmt.Errorf("fufutest: no order %s", orderNo)
	}
	if o.State != StateWaiting {
		return fmt.Errorf("fufutest: order %s has state %d, is not open", orderNo, o.State)
	}
	o.pay(now)
	return nil
}
