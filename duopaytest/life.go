package duopaytest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/duopay/duopay"
)

// life is one order on its way through its script, and everybody who has to do
// with it: the merchant, the payer, and those who post messages to the merchant.
type life struct {
	*bench
	script *script
	sky    *weather
	began  time.Time
	store  store         // the merchant's
	stored chan struct{} // closed when the merchant has stored the order
	shown  chan struct{} // closed when the payer knows how to pay

	crossed bool               // a cancel has met its payment
	stop    context.CancelFunc // stops the merchant's program; nil: it goes on

	mu      sync.Mutex
	lines   []string // its story
	broken  error    // the first thing that should not have happened
	figures figures
	web     http.Handler // the merchant's handler of notifications; nil: he is away
}

// newLife makes a new rig. It must be called in a bubble.
func newLife(t testing.TB, rig func(testing.TB, *http.Client) Rig, seed uint64) *life {
	t.Helper()
	b := newBench(t, rig, None)
	return &life{bench: b, script: write(seed, b), stored: make(chan struct{}), shown: make(chan struct{})}
}

// live goes through the whole life.
func (l *life) live() {
	ctx, cancel := context.WithCancel(l.ctx)
	defer cancel()
	l.ctx = ctx
	_ = pause(ctx, l.script.hour)
	l.began = time.Now()
	neighbor := l.makeNeighbor()
	l.raise()

	var others sync.WaitGroup
	others.Go(l.payer)
	if messages.met(l.bench) && parses.met(l.bench) { // is asked now: a restart replaces the gateway
		others.Go(func() { l.postman(neighbor) })
	}
	l.merchant()
	for !l.quiet() {
		_ = pause(ctx, time.Second)
	}
	l.ending()
	cancel()
	others.Wait()
	l.count(livesLived)
	l.figures.add(&l.sky.figures)
}

// quiet reports whether nothing goes wrong any more, nor is on its way.
func (l *life) quiet() bool { return time.Since(l.began) > l.script.calm+2*longest }

// neighbor is another order, which is paid, and the message that it is.
type neighbor struct {
	orderNo string
	message delivery
}

// makeNeighbor makes another order while the weather is fair.
func (l *life) makeNeighbor() *neighbor {
	if !l.script.neighbor {
		return nil
	}
	order, err := l.paid(price)
	if err != nil {
		l.fail("an order in fair weather: %v", err)
		return nil
	}
	if !messages.met(l.bench) || !parses.met(l.bench) {
		return nil
	}
	message, err := l.message(order.OrderNo, Genuine)
	if err != nil {
		return nil // not all orders are notified
	}
	return &neighbor{order.OrderNo, message}
}

// raise begins the weather, and arranges what the provider will do.
func (l *life) raise() {
	l.sky = &weather{script: l.script, dice: newDice(l.script.seed, 2), began: l.began}
	l.line.sky = l.sky
	l.line.set(l.sky.fault)
	if l.SetClock != nil && l.script.skew != 0 {
		l.SetClock(func() time.Time {
			if l.quiet() { // what is late or doubled meets the same clock
				return time.Now()
			}
			return time.Now().Add(l.script.skew)
		})
	}
	if l.script.slowly {
		l.SlowCancel()
	}
	if l.script.failing {
		l.FailRefund()
	}
}

// say writes a line of the story.
func (l *life) say(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, fmt.Sprintf("%14.9fs  ", time.Since(l.began).Seconds())+fmt.Sprintf(format, args...))
}

// fail notes that something happened that must not.
func (l *life) fail(format string, args ...any) {
	err := oneLine(format, args...)
	l.say("WRONG: %v", err)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.broken == nil {
		l.broken = err
	}
}

func (l *life) count(f figure) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.figures.counts[f]++
}

// hear takes in what the merchant is told of the order.
func (l *life) hear(from string, said claim, p duopay.Payment, err error) {
	l.say("%s: %v, %s", from, p.Status, gist(err))
	l.keepsSecrets(err)
	if err == nil && p.State != "" { // and not that a cancel or close is accepted
		l.store.set(&l.store.seen, true)
	}
	orderNo := l.store.order.OrderNo
	if lie := first(l.truth(orderNo, said, p, err), l.refundedTruth(p)); lie != nil {
		l.fail("%s: %v", from, lie)
	}
	switch {
	case said == nothing && err != nil && p.Status != duopay.Unknown:
		l.fail("%s: status %v comes with the error %v", from, p.Status, err)
	case said != nothing && p.OrderNo != orderNo:
		l.fail("%s: order %s is reported as order %s", from, orderNo, p.OrderNo)
	case said == isPaid && !p.Amount.IsZero() && p.Amount != l.script.amount: // notifications may tell no amount
		l.fail("%s: it is reported as paid with %s in place of %s", from, p.Amount, l.script.amount)
	}
}

// refundedTruth compares a status that says that money was returned with the
// book. What was returned stays so, so that an old answer is true as well.
func (l *life) refundedTruth(p duopay.Payment) error {
	charged, returned := l.Book(l.store.order.OrderNo)
	if p.Status == duopay.PartialRefunded && returned == 0 || p.Status == duopay.Refunded && returned < charged {
		return oneLine("order %s is reported as %v, and %s of %s was returned", l.store.order.OrderNo, p.Status, returned.Money(), charged.Money())
	}
	return nil
}

// gist returns an error without what differs from one time to the next.
func gist(err error) string {
	e, ok := errors.AsType[*duopay.Error](err)
	switch {
	case !ok:
		return fmt.Sprint(err)
	case e.Certain:
		return fmt.Sprintf("certainly %v %s", e.Kind, e.Code)
	}
	return fmt.Sprintf("%v %s", e.Kind, e.Code)
}

func (l *life) keepsSecrets(err error) {
	if err == nil {
		return
	}
	for _, secret := range append([]string{l.store.charge.AuthCode}, l.Secrets...) {
		if secret != "" && strings.Contains(err.Error(), secret) {
			l.fail("a secret stands in an error")
		}
	}
}

// payer tries to pay an order that waits for him.
func (l *life) payer() {
	if !l.script.prepared && !l.script.asked || !closed(l.ctx, l.shown) {
		return
	}
	for _, wait := range l.script.payments {
		if pause(l.ctx, wait) != nil {
			return
		}
		l.say("the payer pays: %v", l.Pay(l.store.order.OrderNo))
	}
}

// cross lets the payer pay, and stops the merchant's program, while the first
// cancel is on its way.
func (l *life) cross() {
	if l.script.crossing == 0 || l.crossed {
		return
	}
	l.crossed = true
	dice := newDice(l.script.seed, 20)
	time.AfterFunc(dice.time(0, pick(dice, time.Second, 5*time.Second)), func() { l.say("the payer pays: %v", l.Pay(l.store.order.OrderNo)) })
	if l.stop != nil {
		time.AfterFunc(dice.time(0, 5*time.Second), l.stop)
	}
}

// closed waits until a channel is closed, and reports whether it ever was.
func closed(ctx context.Context, c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	case <-ctx.Done():
		return false
	}
}

// ending compares what the merchant knows in the end with the book.
func (l *life) ending() {
	charged, returned := l.Book(l.store.order.OrderNo)
	held := charged - returned
	if charged > l.script.amount.Fen() {
		l.fail("%s was ordered, and %s was taken", l.script.amount, charged.Money())
	}
	l.lastQuery()
	l.lastMessage()
	switch l.store.outcome() {
	case isPaid:
		if !l.store.cancels && len(l.store.refunds) == 0 && held != l.script.amount.Fen() {
			l.fail("the order was reported as paid, nobody wanted it back, and the merchant holds %s of %s", held.Money(), l.script.amount)
		}
		l.refundsEnd(returned)
	case notPaid:
		l.count(neverPaid)
		if l.Pay != nil {
			_ = l.Pay(l.store.order.OrderNo) // is refused, or else the next lines tell
		}
		if charged, returned := l.Book(l.store.order.OrderNo); charged > returned {
			l.fail("the order was reported as not paid, and in the end %s is taken", (charged - returned).Money())
		}
	case nothing:
		l.count(neverProven)
		if held > 0 {
			l.fail("nothing goes wrong any more, %s is taken, and the merchant is not told", held.Money())
		}
		l.unresolved()
	}
}

// lastQuery asks what became of an order that money was taken for. By now the
// answer is what the book says.
func (l *life) lastQuery() {
	charged, returned := l.Book(l.store.order.OrderNo)
	if charged == 0 || !queries.met(l.bench) {
		return
	}
	p, err := l.query(l.store.order)
	said := told(p, err)
	l.hear("Query, in the end", said, p, err)
	switch {
	case charged > returned && said != isPaid:
		l.fail("nothing goes wrong any more, %s is taken, and the order is %v, %v", (charged - returned).Money(), p.Status, err)
	case charged == returned && l.store.repaid() == 0 && p.Status == duopay.Paid: // of refunds not all providers tell
		l.fail("nothing goes wrong any more, %s was canceled, and the order is %v", charged.Money(), p.Status)
	}
}

// lastMessage lets the provider post that the order is paid, which is believed
// by now.
func (l *life) lastMessage() {
	charged, returned := l.Book(l.store.order.OrderNo)
	if charged == 0 || returned > 0 || !messages.met(l.bench) || !parses.met(l.bench) {
		return
	}
	message, err := l.message(l.store.order.OrderNo, Genuine)
	if err != nil {
		return // not all orders are notified
	}
	n, err := l.parse(message)
	l.hear("notification, in the end", told(n.Payment, err), n.Payment, err)
	if told(n.Payment, err) != isPaid {
		l.fail("nothing goes wrong any more, and the provider's notification says %v, %v", n.Payment.Status, err)
	}
}

// unresolved reports an order that nobody has paid, and of which this is not
// known although there are ways to end it. Of an order that never reached it, a
// provider may say no more than that it does not know it, in a code that fits
// other refusals as well.
func (l *life) unresolved() {
	if !queries.met(l.bench) || !cancels.met(l.bench) && !closes.met(l.bench) {
		return
	}
	p, err := l.query(l.store.order)
	if l.store.exists() || !errors.Is(err, duopay.Refused) {
		l.fail("nothing goes wrong any more, and the order is %v, %v", p.Status, err)
	}
}

// refundsEnd compares the refunds with the book.
func (l *life) refundsEnd(returned duopay.Fen) {
	if l.store.cancels {
		return
	}
	least := l.store.repaid()
	most := least
	for _, r := range l.store.refunds {
		switch {
		case r.denied:
		case !r.sent:
			l.fail("nothing goes wrong any more, and the refund %s never leaves", r.RefundNo)
		case !asks.met(l.bench):
			if !r.over() {
				most += r.Amount.Fen()
			}
		case r.over():
			l.lastQueryRefund(r)
		default:
			l.fail("nothing goes wrong any more, and the refund %s is %v", r.RefundNo, r.status)
		}
	}
	if returned < least || returned > most {
		l.fail("%s was returned, and by what was reported it is %s to %s", returned.Money(), least.Money(), most.Money())
	}
}

// lastQueryRefund asks again what became of a refund, which is not forgotten.
func (l *life) lastQueryRefund(r *repayment) {
	known := r.status
	result, err := l.Gateway.(duopay.RefundQuerier).QueryRefund(l.ctx, r.Refund)
	l.hearRefund("QueryRefund, in the end", r, result, err)
	if err != nil || result.Status != known {
		l.fail("nothing goes wrong any more, and the refund %s, which was %v, is %v, %v", r.RefundNo, known, result.Status, err)
	}
}
