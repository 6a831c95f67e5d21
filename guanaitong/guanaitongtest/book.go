package guanaitongtest

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"
)

// Statuses of an order. This platform brings orders to StatusPaying,
// StatusPaid, StatusRefunded (when all of the money is back) and
// StatusReversed (a slow payment found the account empty); for the others see
// the fault [Status].
const (
	StatusToPay     = 1
	StatusPaying    = 2
	StatusPaid      = 3
	StatusToRefund  = 4
	StatusRefunding = 5
	StatusRefunded  = 6
	StatusReversed  = 7
)

// Values of pay_type.
const (
	payPoints = 1
	payQuota  = 2
)

// Order is a page of the order book: what really happened. Amounts are fen. A
// pay call that was refused has no page.
type Order struct {
	OrderNo       string // the merchant's, outer_trade_no
	TradeNo       string // the platform's, trade_no
	UserID        string // who pays
	AccountOpenID string // from which account
	PayType       int    // 1 points, 2 quota
	AmountFen     int64  // point
	ChargedFen    int64  // taken from the account
	ReturnedFen   int64  // given back by refunds
	Status        int
	Reason        string
	Attach        string // "" if none was sent
	ReturnURL     string
	NotifyURL     string
	CreatedAt     time.Time
	PaidAt        time.Time
	Refunds       []Refund // in order of arrival
}

// Refund is one refund of an order. All refunds are done at once.
type Refund struct {
	RefundNo  string // the merchant's, outer_refund_no
	TradeNo   string // the platform's number of the refund
	AmountFen int64
	Reason    string
	NotifyURL string // "" if none was sent
	At        time.Time
}

// book is the order book. The zero book is empty.
type book struct {
	orders []*order
	serial int
}

// order is an Order with what the platform knows besides.
type order struct {
	Order
	payer     Employee
	tradeInfo json.RawMessage
	queries   int // until it is paid; 0 or less: not by queries
}

// enter numbers an order and puts it on the books.
func (b *book) enter(o *order) {
	o.TradeNo = b.tradeNo(o.CreatedAt)
	b.orders = append(b.orders, o)
}

// tradeNo is a new number of 16 digits.
func (b *book) tradeNo(now time.Time) string {
	b.serial++
	return now.In(beijing).Format("20060102") + fmt.Sprintf("%08d", b.serial)
}

// find returns the order with an outer_trade_no.
func (b *book) find(orderNo string) (*order, error) {
	return b.search("outer_trade_no", orderNo, func(o *order) bool { return o.OrderNo == orderNo })
}

// findTrade returns the order with a trade_no.
func (b *book) findTrade(tradeNo string) (*order, error) {
	return b.search("trade_no", tradeNo, func(o *order) bool { return o.TradeNo == tradeNo })
}

func (b *book) search(name, number string, is func(*order) bool) (*order, error) {
	i := slices.IndexFunc(b.orders, is)
	if i < 0 {
		return nil, refuse(codeValue, "%s: no order %s", name, number)
	}
	return b.orders[i], nil
}

// findRefund returns the refund with an outer_refund_no and its order.
func (b *book) findRefund(refundNo string) (*order, Refund, error) {
	for _, o := range b.orders {
		for _, r := range o.Refunds {
			if r.RefundNo == refundNo {
				return o, r, nil
			}
		}
	}
	return nil, Refund{}, refuse(codeValue, "outer_refund_no: no refund %s", refundNo)
}

// settle takes the money of an order that is being paid, if it is there.
func (s *Server) settle(o *order) {
	account := s.staff.account(o.AccountOpenID)
	if account == nil || account.BalanceFen < o.AmountFen {
		o.Status = StatusReversed
		return
	}
	account.BalanceFen -= o.AmountFen
	o.ChargedFen = o.AmountFen
	o.Status = StatusPaid
	o.PaidAt = s.clock.Now()
}

// queried lets the time pass that a query stands for.
func (s *Server) queried(o *order) {
	if o.Status != StatusPaying {
		return
	}
	if o.queries--; o.queries == 0 {
		s.settle(o)
	}
}

// giveBack pays fen of an order back.
func (s *Server) giveBack(o *order, fen int64) {
	if account := s.staff.account(o.AccountOpenID); account != nil {
		account.BalanceFen += fen
	}
	if o.ReturnedFen += fen; o.ReturnedFen == o.ChargedFen {
		o.Status = StatusRefunded
	}
}

func (o *order) snapshot() Order {
	page := o.Order
	page.Refunds = slices.Clone(o.Refunds)
	return page
}

// Order returns the order with the merchant's number orderNo.
func (s *Server) Order(orderNo string) (Order, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	o, err := s.book.find(orderNo)
	if err != nil {
		return Order{}, false
	}
	return o.snapshot(), true
}

// Orders returns all orders, oldest first.
func (s *Server) Orders() []Order {
	s.mu.Lock()
	defer s.mu.Unlock()
	var pages []Order
	for _, o := range s.book.orders {
		pages = append(pages, o.snapshot())
	}
	return pages
}

// Pay completes an order that is being paid; see [Server.SlowPay].
func (s *Server) Pay(orderNo string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	o, err := s.book.find(orderNo)
	if err != nil {
		return fmt.Errorf("guanaitongtest: %w", err)
	}
	if o.Status != StatusPaying {
		return fmt.Errorf("guanaitongtest: order %s has status %d, not %d", orderNo, o.Status, StatusPaying)
	}
	if s.settle(o); o.Status != StatusPaid {
		return fmt.Errorf("guanaitongtest: order %s: not enough money", orderNo)
	}
	return nil
}
