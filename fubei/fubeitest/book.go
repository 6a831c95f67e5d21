package fubeitest

import (
	"fmt"
	"slices"
	"time"
)

// States of orders and refunds.
const (
	stateUserPaying   = "USERPAYING"
	stateSuccess      = "SUCCESS"
	stateClosed       = "CLOSED"
	stateRevoking     = "REVOKING"
	stateRevoked      = "REVOKED"
	stateRevokedError = "REVOKED_ERROR"

	refundProcessing = "REFUND_PROCESSING"
	refundSuccess    = "REFUND_SUCCESS"
	refundFailed     = "REFUND_FAILER" // the provider's spelling
)

// Order is a page of the order book: what really happened. Amounts are fen.
type Order struct {
	Method      string // MethodSwipe or MethodScan
	OrderNo     string // the merchant's, merchant_order_sn
	OrderSN     string // the gateway's, order_sn
	TradeNo     string // on the payer's bill, trade_no
	AmountFen   int64  // order_price
	DiscountFen int64  // discount_money
	ReceivedFen int64  // total_fee: amount less discount, whether paid yet or not
	ChargedFen  int64  // taken from the payer
	ReturnedFen int64  // given back by reversal and refunds that are done
	State       string // trade_state
	PaidAt      time.Time
	Refunds     []Refund // in order of arrival
}

// Refund is one refund of an order.
type Refund struct {
	RefundNo  string // the merchant's, merchant_refund_sn
	RefundSN  string // the gateway's, refund_sn
	AmountFen int64
	State     string // refund_status
}

// book is the order book. The zero book is empty.
type book struct {
	orders  []*order
	index   map[string]*order // by field=number, for each of the three numbers
	codes   map[string]bool   // auth codes used
	refunds map[string]bool   // merchant's refund numbers used
	serial  int
}

// order is an Order with what the gateway knows besides.
type order struct {
	Order
	echo    echo
	expires time.Time // zero: never

	password int      // queries until the payer confirms; 0 or less: not by queries
	revoking int      // queries that still see REVOKING; negative: all
	settling []settle // one per refund
}

// echo is what the gateway says back as it was told.
type echo struct {
	kind                    int64 // type
	storeID, cashierID      int64
	deviceNo, body, attach  string
	callBackURL, userID     string
	userLogonID, platformNo string
}

// enter numbers an order and puts it on the books.
func (b *book) enter(o *order, now time.Time) {
	b.serial++
	o.OrderSN = serialNo(now, b.serial)
	o.TradeNo = o.OrderSN + fmt.Sprintf("%08d", b.serial)
	if b.index == nil {
		b.index = make(map[string]*order)
	}
	b.index["merchant_order_sn="+o.OrderNo] = o
	b.index["order_sn="+o.OrderSN] = o
	b.index["trade_no="+o.TradeNo] = o
	b.orders = append(b.orders, o)
}

// find returns the order a number belongs to, as it stands now.
func (b *book) find(name, number string, now time.Time) (*order, error) {
	o, ok := b.index[name+"="+number]
	if !ok {
		return nil, failed("ORDER_NOT_EXIST", "订单不存在: %s %s", name, number)
	}
	o.expire(now)
	return o, nil
}

// use marks a number as used and reports whether it was new.
func use(numbers *map[string]bool, number string) bool {
	if *numbers == nil {
		*numbers = make(map[string]bool)
	}
	if (*numbers)[number] {
		return false
	}
	(*numbers)[number] = true
	return true
}

// serialNo is a number of 20 digits.
func serialNo(now time.Time, serial int) string {
	return now.In(beijing).Format("20060102150405") + fmt.Sprintf("%06d", serial)
}

func (o *order) expire(now time.Time) {
	if o.State == stateUserPaying && !o.expires.IsZero() && !now.Before(o.expires) {
		o.State = stateClosed
	}
}

func (o *order) pay(now time.Time) {
	o.State = stateSuccess
	o.PaidAt = now
	o.ChargedFen = o.ReceivedFen
	o.echo.platformNo = "4200" + o.TradeNo
	switch o.echo.kind {
	case 1:
		o.echo.userID = "made-up-open-id"
	case 2:
		o.echo.userID, o.echo.userLogonID = "2088000000000000", "pay***@example.com"
	}
}

// queried lets the time pass that a query stands for.
func (o *order) queried(now time.Time) {
	switch o.State {
	case stateUserPaying:
		if o.password--; o.password == 0 {
			o.pay(now)
		}
	case stateRevoking:
		if o.revoking == 0 {
			o.revoked()
		} else {
			o.revoking--
		}
	}
}

func (o *order) revoked() {
	o.State = stateRevoked
	o.ReturnedFen = o.ChargedFen
}

// refundable is what is left of the amount received once every refund that has
// not failed is paid out.
func (o *order) refundable() (fen int64, refunds int) {
	fen = o.ChargedFen
	for _, r := range o.Refunds {
		if r.State != refundFailed {
			fen -= r.AmountFen
			refunds++
		}
	}
	if o.State != stateSuccess {
		fen = 0
	}
	return fen, refunds
}

// refundQueried lets the time pass that a query of refund i stands for.
func (o *order) refundQueried(i int) {
	refund, settle := &o.Refunds[i], &o.settling[i]
	if refund.State != refundProcessing || settle.query < 0 {
		return
	}
	if settle.query--; settle.query > 0 {
		return
	}
	if settle.fails {
		refund.State = refundFailed
		return
	}
	refund.State = refundSuccess
	o.ReturnedFen += refund.AmountFen
}

func (o *order) snapshot(now time.Time) Order {
	o.expire(now)
	page := o.Order
	page.Refunds = slices.Clone(o.Refunds)
	return page
}

// Order returns the order with the merchant's number orderNo.
func (s *Server) Order(orderNo string) (Order, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.clock.Now()
	o, err := s.book.find("merchant_order_sn", orderNo, now)
	if err != nil {
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

// Pay lets the payer of an open order pay it now: the payer of a scanned
// order, or the one who was asked for a password.
func (s *Server) Pay(orderNo string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.clock.Now()
	o, err := s.book.find("merchant_order_sn", orderNo, now)
	if err != nil {
		return fmt.Errorf("fubeitest: %w", err)
	}
	if o.State != stateUserPaying {
		return fmt.Errorf("fubeitest: order %s is %s, not open", orderNo, o.State)
	}
	o.pay(now)
	return nil
}
