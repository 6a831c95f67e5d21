package duopaytest

import (
	"sync"

	"github.com/duopay/duopay"
)

func cancelRules() []rule {
	return append(ending{
		name: "cancel", able: cancels, openable: hesitation, payable: charges,
		open: (*bench).waiting,
		paid: func(b *bench) (duopay.Reference, error) { return b.charged(price) },
		end:  (*bench).cancel,
	}.rules(), rule{
		name:  "cancel/slow",
		words: "an order that is being canceled is neither paid nor not paid, until it is canceled",
		needs: []need{cancels, queries, charges, slowness},
		rests: []string{"cancel/paid", "query/open"},
		check: func(b *bench) error {
			b.SlowCancel()
			order, err := b.charged(price)
			if err != nil {
				return err
			}
			b.cancelable()
			p, err := b.cancel(order)
			if err != nil {
				return skipped("the provider does not cancel what is paid")
			}
			for try := 0; try < patience && err == nil && told(p, err) != notPaid; try++ {
				if lie := b.truth(order.OrderNo, told(p, err), p, err); lie != nil {
					return lie
				}
				if p, err = b.query(order); err == nil {
					err = pause(b.ctx, b.every())
				}
			}
			return first(err, b.final(order.OrderNo, told(p, err), p, err))
		},
	})
}

func closeRules() []rule {
	return ending{
		name: "close", able: closes, openable: prepares, payable: payers,
		open: func(b *bench) (duopay.Reference, error) { return b.prepared(price) },
		paid: func(b *bench) (duopay.Reference, error) {
			order, err := b.prepared(price)
			return order, first(err, b.Pay(order.OrderNo))
		},
		end: (*bench).close,
	}.rules()
}

// ending is a way to end an order: a cancel or a close.
type ending struct {
	name                    string
	able, openable, payable need
	open, paid              func(*bench) (duopay.Reference, error)
	end                     func(*bench, duopay.Reference) (duopay.Payment, error)
}

// mostRaces bounds at how many moments a payer is tried to pay.
const mostRaces = 100

func (e ending) rules() []rule {
	return []rule{{
		name:  e.name + "/open",
		words: "after a " + e.name + " was accepted a query tells what became of the order, and one that is not paid cannot be paid any more",
		needs: []need{e.able, queries, e.openable},
		check: func(b *bench) error {
			order, p, err := e.after(b, e.open)
			if err != nil {
				return err
			}
			if told(p, nil) == nothing {
				return oneLine("the %s was accepted, and the order stays %v", e.name, p.Status)
			}
			return b.final(order.OrderNo, told(p, nil), p, nil)
		},
	}, {
		name:  e.name + "/paid",
		words: "a paid order stays paid after a " + e.name + ", or the money goes back: what is said is what happened",
		needs: []need{e.able, queries, e.openable, e.payable},
		check: func(b *bench) error {
			order, p, err := e.after(b, e.paid)
			if err != nil {
				return err
			}
			return b.final(order.OrderNo, told(p, nil), p, nil)
		},
	}, {
		name:   e.name + "/fault",
		words:  "a " + e.name + " that went wrong is unsure, with status unknown, and the next query tells the truth",
		needs:  []need{e.able, queries, e.openable},
		rests:  []string{e.name + "/open", "query/open"},
		faults: all(),
		check: func(b *bench) error {
			order, err := e.open(b)
			if err != nil {
				return err
			}
			b.cancelable()
			b.line.set(always(b.fault, order.OrderNo))
			p, err := e.end(b, order)
			if err := unclear(b.fault, p.Status, err); err != nil {
				return err
			}
			b.line.set(nil)
			p, err = b.query(order)
			return b.final(order.OrderNo, told(p, err), p, err)
		},
	}, {
		name:  e.name + "/race",
		words: "a payer who pays while the order is being ended either pays or does not, and what is said is what happened",
		needs: []need{e.able, queries, e.openable, payers},
		rests: []string{e.name + "/open", e.name + "/paid"},
		check: func(b *bench) error {
			return b.races(func() (duopay.Reference, error) {
				order, err := e.open(b)
				b.cancelable()
				return order, err
			}, func(order duopay.Reference) error {
				p, err := e.end(b, order)
				if lie := b.truth(order.OrderNo, told(p, err), p, err); lie != nil {
					return lie
				}
				p, err = b.becomes(order)
				return b.final(order.OrderNo, told(p, err), p, err)
			})
		},
	}}
}

// after makes an order, ends it, and queries what became of it. A refusal to
// end it is as good as an acceptance, if it is true.
func (e ending) after(b *bench, begin func(*bench) (duopay.Reference, error)) (duopay.Reference, duopay.Payment, error) {
	order, err := begin(b)
	if err != nil {
		return order, duopay.Payment{}, err
	}
	b.cancelable()
	p, err := e.end(b, order)
	if lie := b.truth(order.OrderNo, told(p, err), p, err); lie != nil {
		return order, p, lie
	}
	p, err = b.becomes(order)
	return order, p, err
}

// races tries act on a new order once for every request that it makes, with a
// payer who pays just before that one arrives.
func (b *bench) races(open func() (duopay.Reference, error), act func(duopay.Reference) error) error {
	for moment := 1; moment <= mostRaces; moment++ {
		order, err := open()
		if err != nil {
			return err
		}
		passed := b.payBefore(moment, order.OrderNo)
		if err := act(order); err != nil {
			return oneLine("the payer paid before request %d: %v", moment, err)
		}
		b.line.set(nil)
		if passed() < moment {
			return nil
		}
	}
	return nil
}

// payBefore lets the payer pay before the n-th request from now on. It returns
// how to ask for the number of requests there were.
func (b *bench) payBefore(n int, orderNo string) (requests func() int) {
	var mu sync.Mutex
	count := 0
	b.line.set(func(string) Fault {
		mu.Lock()
		defer mu.Unlock()
		if count++; count == n {
			_ = b.Pay(orderNo) // if it is open
		}
		return None
	})
	return func() int {
		mu.Lock()
		defer mu.Unlock()
		return count
	}
}
