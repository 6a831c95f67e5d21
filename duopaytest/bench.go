package duopaytest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/duopay/duopay"
)

// bench is a rig on which one rule is checked, and the suite's handgrips.
type bench struct {
	Rig
	t     testing.TB
	ctx   context.Context
	fault Fault
	n     int // numbers given out
}

func newBench(t testing.TB, rig func(testing.TB, *http.Client) Rig, fault Fault) *bench {
	t.Helper()
	wire := new(line)
	b := &bench{Rig: rig(t, &http.Client{Transport: wire}), t: t, ctx: t.Context(), fault: fault}
	if b.line == nil {
		b.line, wire.fake = wire, b.Fake
	}
	if b.Gateway == nil || b.Book == nil || b.Fake == nil && b.line == wire {
		t.Fatal("duopaytest: the rig has no Gateway, Fake or Book")
	}
	for name := range b.Except {
		if !slices.ContainsFunc(rules(), func(r rule) bool { return r.name == name }) {
			t.Fatalf("duopaytest: Except names %q, which is no rule", name)
		}
	}
	return b
}

var (
	price = duopay.MustMoney("73.19") // an amount that does not turn up by chance
	other = duopay.MustMoney("41.07")
	fen   = duopay.Fen(1).Money()
)

func (b *bench) number() string {
	b.n++
	if b.Number != nil {
		return b.Number(b.n)
	}
	return fmt.Sprintf("DP%06d", b.n)
}

// newCharge returns a charge that the provider would take.
func (b *bench) newCharge(amount duopay.Money) duopay.Charge {
	c := duopay.Charge{OrderNo: b.number(), Amount: amount, Subject: "tea", NotifyURL: notifyURL}
	c.AuthCode = fmt.Sprintf("13%016d", 4000+b.n)
	if b.EditCharge != nil {
		b.EditCharge(&c)
	}
	return c
}

// newOrder returns an order that the provider would take.
func (b *bench) newOrder(amount duopay.Money) duopay.Order {
	o := duopay.Order{OrderNo: b.number(), Amount: amount, Subject: "tea", NotifyURL: notifyURL, Channel: duopay.Alipay}
	if b.EditOrder != nil {
		b.EditOrder(&o)
	}
	return o
}

func (b *bench) charge(c duopay.Charge) (duopay.Payment, error) {
	return b.Gateway.(duopay.Charger).Charge(b.ctx, c)
}

func (b *bench) prepare(o duopay.Order) (duopay.Prepared, error) {
	return b.Gateway.(duopay.Preparer).Prepare(b.ctx, o)
}

func (b *bench) query(order duopay.Reference) (duopay.Payment, error) {
	return b.Gateway.(duopay.Querier).Query(b.ctx, order)
}

func (b *bench) cancel(order duopay.Reference) (duopay.Payment, error) {
	return b.Gateway.(duopay.Canceler).Cancel(b.ctx, order)
}

func (b *bench) close(order duopay.Reference) (duopay.Payment, error) {
	return b.Gateway.(duopay.Closer).Close(b.ctx, order)
}

func (b *bench) refund(r duopay.Refund) (duopay.RefundResult, error) {
	return b.Gateway.(duopay.Refunder).Refund(b.ctx, r)
}

func (b *bench) queryRefund(r duopay.Refund) (duopay.RefundResult, error) {
	return b.Gateway.(duopay.RefundQuerier).QueryRefund(b.ctx, r)
}

// reference names an order as its merchant would who has stored it.
func reference(orderNo string, amount duopay.Money) duopay.Reference {
	return duopay.Reference{OrderNo: orderNo, Amount: amount, CreatedAt: time.Now()}
}

// charged makes an order that was charged.
func (b *bench) charged(amount duopay.Money) (duopay.Reference, error) {
	c := b.newCharge(amount)
	order := reference(c.OrderNo, amount)
	if _, err := b.charge(c); err != nil {
		return order, fmt.Errorf("a charge without a fault: %w", err)
	}
	return order, b.holds(order.OrderNo, amount.Fen())
}

// waiting makes a charge whose payer has not answered.
func (b *bench) waiting() (duopay.Reference, error) {
	b.AskPayer()
	c := b.newCharge(price)
	order := reference(c.OrderNo, c.Amount)
	if _, err := b.charge(c); err != nil {
		return order, fmt.Errorf("a charge whose payer is asked: %w", err)
	}
	return order, b.holds(order.OrderNo, 0)
}

// prepared makes an order that waits for its payer.
func (b *bench) prepared(amount duopay.Money) (duopay.Reference, error) {
	o := b.newOrder(amount)
	order := reference(o.OrderNo, amount)
	if _, err := b.prepare(o); err != nil {
		return order, fmt.Errorf("an order without a fault: %w", err)
	}
	return order, b.holds(order.OrderNo, 0)
}

// open makes an order that is not paid, by whichever way there is.
func (b *bench) open() (duopay.Reference, error) {
	if prepares.met(b) {
		return b.prepared(price)
	}
	return b.waiting()
}

// paid makes an order that is paid, by whichever way there is; those that are
// prepared are the ones that all providers notify.
func (b *bench) paid(amount duopay.Money) (duopay.Reference, error) {
	if !prepares.met(b) || b.Pay == nil {
		return b.charged(amount)
	}
	order, err := b.prepared(amount)
	if err != nil {
		return order, err
	}
	if err := b.Pay(order.OrderNo); err != nil {
		return order, err
	}
	return order, b.holds(order.OrderNo, amount.Fen())
}

// holds compares the book with what the merchant should have of an order.
func (b *bench) holds(orderNo string, want duopay.Fen) error {
	charged, returned := b.Book(orderNo)
	if got := charged - returned; got != want {
		return oneLine("by the book, the merchant holds %s of order %s, not %s", got.Money(), orderNo, want.Money())
	}
	return nil
}

// claim is what is said about the money.
type claim int

const (
	nothing claim = iota
	isPaid
	notPaid
)

// told is what a query, a cancel or a close says of its order. Their errors are
// about the call: they say nothing of the order.
func told(p duopay.Payment, err error) claim {
	switch {
	case err == nil && p.Status.Paid():
		return isPaid
	case err == nil && p.Status.NotPaid():
		return notPaid
	}
	return nothing
}

// ended is what a charge says of its order, whose errors may be certain.
func ended(p duopay.Payment, err error) claim {
	if certain(err) {
		return notPaid
	}
	return told(p, err)
}

// agrees reports an end of Settle whose payment and error do not go together: a
// program may go by either.
func agrees(p duopay.Payment, err error) error {
	paid := p.Status == duopay.Paid || p.Status == duopay.PartialRefunded
	switch {
	case err == nil && paid, certain(err) && !paid, errors.Is(err, duopay.Unsure) && p.Status == duopay.Unknown:
		return nil
	}
	return oneLine("the status is %v, and the error %v", p.Status, err)
}

// certain reports whether an error says that nothing was done.
func certain(err error) bool {
	var e *duopay.Error
	if errors.As(err, &e) {
		return e.Kind == duopay.Invalid || e.Kind == duopay.NotSent || e.Kind == duopay.Refused && e.Certain
	}
	return errors.Is(err, duopay.Invalid) || errors.Is(err, duopay.NotSent)
}

// truth compares what was said of an order with the book.
func (b *bench) truth(orderNo string, said claim, p duopay.Payment, err error) error {
	charged, returned := b.Book(orderNo)
	switch {
	case said == isPaid && charged == 0:
		return oneLine("order %s is reported as %v, and nothing was charged", orderNo, p.Status)
	case said == notPaid && charged > returned:
		return oneLine("order %s is reported as not paid (%v, %v), and %s was charged", orderNo, p.Status, err, (charged - returned).Money())
	}
	return nil
}

// final is truth, and that an order that is reported as not paid stays so.
func (b *bench) final(orderNo string, said claim, p duopay.Payment, err error) error {
	if lie := b.truth(orderNo, said, p, err); lie != nil || said != notPaid || b.Pay == nil {
		return lie
	}
	_ = b.Pay(orderNo) // is refused, or else the next line tells
	if lie := b.truth(orderNo, said, p, err); lie != nil {
		return fmt.Errorf("the payer could pay afterwards: %w", lie)
	}
	return nil
}

// unclear reports how an error differs from one that proves nothing, as after
// a fault. That nothing was sent may be said of what never left.
func unclear(fault Fault, status fmt.Stringer, err error) error {
	switch {
	case err == nil:
		return oneLine("it is reported as %v, without an error", status)
	case status.String() != duopay.Unknown.String():
		return oneLine("status %v comes with the error: %v", status, err)
	case errors.Is(err, duopay.Unsure), fault == Unreachable && errors.Is(err, duopay.NotSent):
		return nil
	}
	return oneLine("the error is not of kind unsure: %v", err)
}

// every returns how long to wait between two queries.
func (b *bench) every() time.Duration {
	if s, ok := b.Gateway.(duopay.Settler); ok && s.Timing().QueryEvery > 0 {
		return s.Timing().QueryEvery
	}
	return 3 * time.Second
}

// patience is how often the suite asks what becomes of an order or a refund.
const patience = 60

// becomes queries until something is known, for some minutes at most.
func (b *bench) becomes(order duopay.Reference) (p duopay.Payment, err error) {
	for range patience {
		if p, err = b.query(order); told(p, err) != nothing {
			return p, err
		}
		_ = pause(b.ctx, b.every())
	}
	return p, err
}

// cancelable waits until the provider would take a cancel.
func (b *bench) cancelable() {
	wait := 20 * time.Second
	if s, ok := b.Gateway.(duopay.Settler); ok {
		wait = s.Timing().CancelAfter
	}
	_ = pause(b.ctx, wait)
}

// first returns the first error there is.
func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
