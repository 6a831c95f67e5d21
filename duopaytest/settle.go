package duopaytest

import (
	"context"
	"strings"
	"sync/atomic"
	"time"

	"github.com/duopay/duopay"
)

func settleRules() []rule {
	whole := []string{"charge/fault", "charge/once", "charge/number used", "charge/pending", "query/open", "query/paid", "query/fault", "query/not found", "cancel/open", "cancel/paid", "cancel/slow"}
	return []rule{{
		name:   "settle/fault",
		words:  "whatever goes wrong with the charge, Settle comes to a paid order if it was paid, and never says more than is true",
		needs:  []need{settles},
		rests:  whole,
		faults: append(under(None), all()...),
		check: func(b *bench) error {
			c := b.newCharge(price)
			b.line.set(once(b.fault, c.OrderNo))
			p, err := b.settle(b.ctx, c)
			return b.settled(c.OrderNo, p, err)
		},
	}, {
		name:  "settle/late",
		words: "a charge that arrives only after the connection was lost is not given up on too early",
		needs: []need{settles},
		rests: append(whole, "settle/fault"),
		check: func(b *bench) error {
			c := b.newCharge(price)
			b.line.set(once(late, c.OrderNo))
			p, err := b.settle(b.ctx, c)
			_ = pause(b.ctx, 2*delay)
			return first(agrees(p, err), b.final(c.OrderNo, ended(p, err), p, err))
		},
	}, {
		name:  "settle/dark",
		words: "when nothing is heard any more after a charge, its outcome is unknown",
		needs: []need{settles},
		rests: append(whole, "settle/fault"),
		check: func(b *bench) error {
			c := b.newCharge(price)
			var dark atomic.Bool
			b.line.set(func(sent string) Fault {
				switch {
				case dark.Load():
					return Unreachable
				case strings.Contains(sent, c.OrderNo):
					dark.Store(true)
					return LostAfter
				}
				return None // such as a token, before the charge
			})
			p, err := b.settle(b.ctx, c)
			return first(agrees(p, err), saysNothing(ended(p, err), p, err, "nothing was heard"))
		},
	}, {
		name:   "settle/resume",
		words:  "what became of a charge that was cut short, as by a restart, is found out later by its number, amount and time",
		needs:  []need{settles},
		rests:  append(whole, "settle/fault"),
		faults: under(None, LostBefore, LostAfter, Slow),
		check: func(b *bench) error {
			c := b.newCharge(price)
			order := reference(c.OrderNo, c.Amount)
			b.line.set(once(b.fault, c.OrderNo))
			_, _ = b.charge(c) // nobody was there to hear it
			_ = pause(b.ctx, meanwhile)
			p, err := duopay.Resume(b.ctx, b.Gateway.(duopay.Settler), order)
			return b.settled(c.OrderNo, p, err)
		},
	}, {
		name:  "settle/race",
		words: "whenever the payer pays, or if he never does, Settle says what happened",
		needs: []need{settles, hesitation},
		rests: append(whole, "settle/fault", "cancel/race"),
		check: func(b *bench) error {
			var c duopay.Charge
			return b.races(func() (duopay.Reference, error) {
				b.AskPayer()
				c = b.newCharge(price)
				return reference(c.OrderNo, c.Amount), nil
			}, func(duopay.Reference) error {
				p, err := b.settle(b.ctx, c)
				return first(agrees(p, err), b.final(c.OrderNo, ended(p, err), p, err))
			})
		},
	}, {
		name:  "settle/other amount",
		words: "an order that is paid with another amount than was ordered is unknown, and not taken back: somebody has to look",
		needs: []need{settles},
		rests: append(whole, "settle/fault", "charge/other amount", "query/amount"),
		check: settleOtherAmount,
	}}
}

func settleOtherAmount(b *bench) error {
	told := b.otherAmount()
	c := b.newCharge(price)
	p, err := b.settle(b.ctx, c)
	if !told() {
		return skipped("no answer tells the amount")
	}
	return first(
		agrees(p, err), saysNothing(ended(p, err), p, err, "the amount in the answers was another one"), b.holds(c.OrderNo, price.Fen()),
	)
}

// meanwhile is how long a restart takes.
const meanwhile = 2 * time.Minute

// settled is final, and that an order that was paid is known to be.
func (b *bench) settled(orderNo string, p duopay.Payment, err error) error {
	if charged, returned := b.Book(orderNo); charged > returned && told(p, err) != isPaid {
		return oneLine("it was paid, and Settle ends in %v, %v", p.Status, err)
	}
	return first(agrees(p, err), b.final(orderNo, ended(p, err), p, err))
}

func (b *bench) settle(ctx context.Context, c duopay.Charge) (duopay.Payment, error) {
	return duopay.Settle(ctx, b.Gateway.(duopay.Settler), c)
}
