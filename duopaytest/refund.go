package duopaytest

import (
	"errors"
	"time"

	"github.com/duopay/duopay"
)

func refundRules() []rule {
	return []rule{{
		name:  "refund/full",
		words: "a refund of everything is accepted, and then returns everything",
		needs: []need{refunds, payable},
		check: func(b *bench) error {
			order, err := b.paid(price)
			if err != nil {
				return err
			}
			return first(b.refunded(b.newRefund(order, price)), b.holds(order.OrderNo, 0))
		},
	}, {
		name:  "refund/partial",
		words: "several refunds in part return their amounts, and no more than these",
		needs: []need{refunds, payable},
		rests: []string{"refund/full"},
		check: func(b *bench) error {
			order, err := b.paid(price)
			if err != nil {
				return err
			}
			left := price
			for _, part := range []duopay.Money{duopay.MustMoney("10"), duopay.MustMoney("20.05")} {
				left = left.Sub(part)
				if err := first(b.refunded(b.newRefund(order, part)), b.holds(order.OrderNo, left.Fen())); err != nil {
					return err
				}
			}
			return nil
		},
	}, {
		name:  "refund/failed",
		words: "a refund that was accepted and then fails is never reported as done, and comes to be reported as failed",
		needs: []need{refunds, asks, payable, failures},
		rests: []string{"refund/full"},
		check: func(b *bench) error {
			b.FailRefund()
			order, err := b.paid(price)
			if err != nil {
				return err
			}
			refund := b.newRefund(order, price)
			result, err := b.refund(refund)
			for try := 0; try < patience && err == nil && result.Status != duopay.RefundFailed; try++ {
				if result.Status == duopay.RefundDone {
					return oneLine("it is reported as done (%s)", result.State)
				}
				_ = pause(b.ctx, b.every())
				result, err = b.queryRefund(refund)
			}
			if err == nil && result.Status != duopay.RefundFailed {
				err = oneLine("it stays %v (%s)", result.Status, result.State)
			}
			return first(err, b.holds(order.OrderNo, price.Fen()))
		},
	}, {
		name:  "refund/too much",
		words: "a refund of more than was paid is an error and returns nothing",
		needs: []need{refunds, payable},
		check: func(b *bench) error {
			order, err := b.paid(price)
			if err != nil {
				return err
			}
			result, err := b.refund(b.newRefund(order, price.Add(fen)))
			if err == nil || result.Status == duopay.RefundDone {
				return oneLine("it is reported as %v, %v", result.Status, err)
			}
			return b.holds(order.OrderNo, price.Fen())
		},
	}, {
		name:  "refund/again",
		words: "a refund that is repeated with its number returns the money once, and that it is refused is no proof that nothing was returned",
		needs: []need{refunds, payable},
		rests: []string{"refund/partial"},
		check: func(b *bench) error {
			order, err := b.paid(price)
			if err != nil {
				return err
			}
			refund := b.newRefund(order, other.Sub(fen))
			if err := b.refunded(refund); err != nil {
				return err
			}
			return first(b.repeated(refund), b.holds(order.OrderNo, price.Sub(refund.Amount).Fen()))
		},
	}, {
		name:   "refund/fault",
		words:  "a refund that went wrong is unsure, with status unknown, and repeating it with its number returns the money once",
		needs:  []need{refunds, payable},
		rests:  []string{"refund/partial", "refund/again"},
		faults: all(),
		check: func(b *bench) error {
			order, err := b.paid(price)
			if err != nil {
				return err
			}
			refund := b.newRefund(order, other.Sub(fen))
			b.line.set(always(b.fault, refund.RefundNo))
			result, err := b.refund(refund)
			b.line.set(nil)
			return first(
				unclear(b.fault, result.Status, err), b.repeated(refund), b.holds(order.OrderNo, price.Sub(refund.Amount).Fen()),
			)
		},
	}, {
		name:   "refund/once",
		words:  "a refund that may have arrived is not sent again by itself: whether it has to be is for the merchant to find out",
		needs:  []need{refunds, payable},
		rests:  []string{"refund/full"},
		faults: under(LostBefore, Stalled, ServerError, moved),
		check: func(b *bench) error {
			order, err := b.paid(price)
			if err != nil {
				return err
			}
			refund := b.newRefund(order, other)
			b.line.set(once(b.fault, refund.RefundNo)) // a second one would arrive
			_, _ = b.refund(refund)
			_ = b.done(refund, duopay.RefundResult{}) // nobody knows it
			return b.holds(order.OrderNo, price.Fen())
		},
	}, {
		name:   "refund query/fault",
		words:  "a query of a refund that went wrong changes nothing: status unknown, unsure or not sent",
		needs:  []need{asks, refunds, payable},
		rests:  []string{"refund/full"},
		faults: all(),
		check: func(b *bench) error {
			order, err := b.paid(price)
			if err != nil {
				return err
			}
			refund := b.newRefund(order, other)
			if err := b.refunded(refund); err != nil {
				return err
			}
			b.line.set(always(b.fault, anything))
			result, err := b.queryRefund(refund)
			return unclear(b.fault, result.Status, err)
		},
	}, {
		name:  "refund query/not found",
		words: "a refund that the provider does not know is neither done nor failed: it may be on its way",
		needs: []need{asks, payable},
		check: func(b *bench) error {
			order, err := b.paid(price)
			if err != nil {
				return err
			}
			return undecided(b.queryRefund(b.newRefund(order, other)))
		},
	}, {
		name:  "refund query/amount",
		words: "a refund that was done with another amount than was asked is unknown, with ErrAmountMismatch",
		needs: []need{asks, refunds, payable},
		rests: []string{"refund/full"},
		check: func(b *bench) error {
			order, err := b.paid(price)
			if err != nil {
				return err
			}
			refund := b.newRefund(order, other)
			if err := b.refunded(refund); err != nil {
				return err
			}
			result, err := b.queryRefund(refund)
			if err == nil && result.Amount.IsZero() {
				return skipped("the answer to a query tells no amount")
			}
			refund.Amount = other.Sub(fen)
			result, err = b.queryRefund(refund)
			if !errors.Is(err, duopay.ErrAmountMismatch) || result.Status != duopay.RefundUnknown {
				return oneLine("%s was returned in place of %s, and it is reported as %v, %v", other, refund.Amount, result.Status, err)
			}
			return nil
		},
	}, {
		name:  "refund query/other refund",
		words: "an answer about another refund says nothing about this one",
		needs: []need{asks, refunds, payable},
		rests: []string{"refund/full"},
		check: func(b *bench) error {
			order, err := b.paid(price)
			if err != nil {
				return err
			}
			if err := b.refunded(b.newRefund(order, other)); err != nil {
				return err
			}
			refund := b.newRefund(order, fen)
			b.line.set(always(swap, anything))
			return undecided(b.queryRefund(refund))
		},
	}}
}

func (b *bench) newRefund(order duopay.Reference, amount duopay.Money) duopay.Refund {
	return duopay.Refund{
		OrderNo: order.OrderNo, RefundNo: b.number(), Amount: amount, Reason: "not wanted", NotifyURL: notifyURL, CreatedAt: order.CreatedAt,
	}
}

// refunded refunds and asks until it is done.
func (b *bench) refunded(refund duopay.Refund) error {
	result, err := b.refund(refund)
	if err != nil {
		return err
	}
	if result.RefundNo != refund.RefundNo || result.OrderNo != refund.OrderNo || !result.Amount.IsZero() && result.Amount != refund.Amount {
		return oneLine("it was refund %s of %s, and is reported as refund %s of %s", refund.RefundNo, refund.Amount, result.RefundNo, result.Amount)
	}
	return b.done(refund, result)
}

// done asks until a refund is done.
func (b *bench) done(refund duopay.Refund, result duopay.RefundResult) (err error) {
	for try := 0; try < patience && asks.met(b) && result.Status != duopay.RefundDone; try++ {
		result, err = b.queryRefund(refund)
		if err != nil {
			return err
		}
		_ = pause(b.ctx, b.every())
	}
	if !asks.met(b) {
		_ = pause(b.ctx, time.Minute) // only the book tells
	}
	if asks.met(b) && result.Status != duopay.RefundDone || result.Status == duopay.RefundFailed {
		return oneLine("the refund was accepted, and is %v (%s)", result.Status, result.State)
	}
	return nil
}

// repeated refunds once more with the same number, which may be refused if it
// was done before.
func (b *bench) repeated(refund duopay.Refund) error {
	_, before := b.Book(refund.OrderNo)
	result, err := b.refund(refund)
	if before > 0 && (certain(err) || result.Status == duopay.RefundFailed) {
		return oneLine("%s was returned, and the repeated refund says that it was not: %v, %v", before.Money(), result.Status, err)
	}
	return b.done(refund, result)
}

// undecided reports a refund about which something is said.
func undecided(result duopay.RefundResult, err error) error {
	if result.Status == duopay.RefundDone || result.Status == duopay.RefundFailed || certain(err) {
		return oneLine("it is reported as %v, %v", result.Status, err)
	}
	return nil
}
