package duopaytest

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/duopay/duopay"
)

// store is what the merchant has stored, and has again after a restart.
type store struct {
	order   duopay.Reference
	charge  duopay.Charge // the request, of an order that is charged
	sent    bool          // the order was made, or may have been
	cancels bool          // the order, which was paid, is to be taken back
	refunds []*repayment

	mu       sync.Mutex
	said     claim
	seen     bool // the provider has answered as to the order
	settling bool // Settle is at work, and may cancel
	canceled bool // it may have canceled
}

// repayment is one refund.
type repayment struct {
	duopay.Refund
	sent   bool // it was made, or may have been
	denied bool // it certainly was not
	status duopay.RefundStatus
}

// over reports whether it is known what became of the refund.
func (r *repayment) over() bool {
	return r.denied || r.status == duopay.RefundDone || r.status == duopay.RefundFailed
}

// repaid returns the sum of the refunds that are reported as done.
func (s *store) repaid() (sum duopay.Fen) {
	for _, r := range s.refunds {
		if r.status == duopay.RefundDone {
			sum += r.Amount.Fen()
		}
	}
	return sum
}

// outcome returns what the merchant goes by.
func (s *store) outcome() claim {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.said
}

// exists reports whether the provider has ever answered as to the order.
func (s *store) exists() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.seen
}

// set sets one of the flags.
func (s *store) set(flag *bool, to bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	*flag = to
}

// provable reports whether a notification that the order is paid proves it, as
// it does unless a cancel may take the money back.
func (s *store) provable() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.settling && !s.canceled
}

// learn stores what became of the order. The first word is the last: goods are
// handed over by it.
func (l *life) learn(said claim, by figure) {
	l.store.mu.Lock()
	first := l.store.said == nothing && said != nothing
	if first {
		l.store.said = said
	}
	l.store.mu.Unlock()
	if first && said == isPaid {
		l.count(by)
	}
}

// merchant is the merchant's program, with its restarts.
func (l *life) merchant() {
	for _, crash := range l.script.crashes {
		ctx, stop := context.WithTimeout(l.ctx, crash.after)
		l.stop = stop
		l.startHandler()
		l.program(ctx)
		stopped := ctx.Err() != nil
		stop()
		if !stopped {
			return // all is done
		}
		l.say("the merchant's program is stopped")
		l.count(restarts)
		l.stopHandler()
		_ = pause(l.ctx, crash.down)
		if l.Restart != nil {
			l.Gateway = l.Restart()
		}
	}
	l.stop = nil
	l.startHandler()
	l.program(l.ctx)
}

// stubborn is how often the merchant tries a thing when all is quiet.
const stubborn = 12

// tooLong is a time in which every call comes to an end, Settle included.
const tooLong = 20 * time.Minute

// keepTrying does a thing until it is done, often and then less often.
func (l *life) keepTrying(ctx context.Context, done func() bool, try func()) {
	wait := 5 * time.Second
	for left := stubborn; left > 0 && !done() && ctx.Err() == nil; {
		start := time.Now()
		try()
		if took := time.Since(start); took > tooLong {
			l.fail("it took %v to be told anything", took)
		}
		if done() || pause(ctx, wait) != nil {
			return
		}
		wait = min(2*wait, 5*time.Minute)
		if l.quiet() {
			left--
		}
	}
}

// program goes on from what is stored.
func (l *life) program(ctx context.Context) {
	known := func() bool { return l.store.outcome() != nothing }
	if l.script.prepared {
		l.keepTrying(ctx, known, func() { l.follow(ctx) })
	} else {
		l.keepTrying(ctx, known, func() { l.settle(ctx) })
	}
	switch {
	case l.store.outcome() != isPaid || ctx.Err() != nil:
	case l.script.takenBack:
		l.takeBack(ctx)
	case refunds.met(l.bench):
		l.repay(ctx)
	}
}

// settle charges, or finds out what became of the charge.
func (l *life) settle(ctx context.Context) {
	gateway := l.Gateway.(duopay.Settler)
	queried := false
	options := []duopay.SettleOption{duopay.WithProgress(func(p duopay.Progress) {
		l.say("  %s", p.Step)
		queried = queried || p.Step == duopay.StepQuery
		l.sky.sends(p.Step)
		if p.Step == duopay.StepCancel {
			l.store.set(&l.store.canceled, true)
			l.cross()
			if early := gateway.Timing().CancelAfter - p.Elapsed; early > 0 {
				l.fail("a cancel is sent %v too early", early)
			}
		}
	})}
	if l.script.abort > 0 {
		abort := make(chan struct{})
		defer time.AfterFunc(time.Until(l.began.Add(l.script.abort)), func() { close(abort) }).Stop()
		options = append(options, duopay.WithAbort(abort))
	}
	if l.store.order.OrderNo == "" {
		l.storeCharge()
	}
	l.store.set(&l.store.settling, cancels.met(l.bench))
	defer l.store.set(&l.store.settling, false)

	by := "Resume"
	var p duopay.Payment
	var err error
	if l.store.sent {
		p, err = duopay.Resume(ctx, gateway, l.store.order, options...)
	} else {
		by, l.store.sent = "Settle", true
		p, err = duopay.Settle(ctx, gateway, l.store.charge, options...)
	}
	l.hear(by, ended(p, err), p, err)
	if lie := agrees(p, err); lie != nil {
		l.fail("%s: %v", by, lie)
	}
	if l.sky.repeated {
		l.fail("the charge was sent again, after it may have arrived")
	}
	switch {
	case ctx.Err() != nil: // nobody has heard it
	case by == "Settle" && errors.Is(err, duopay.NotSent):
		l.store.sent = false // the same number may be used
	case queried:
		l.learn(ended(p, err), paidByQuery)
	default:
		l.learn(ended(p, err), paidAtOnce)
	}
}

// storeCharge makes the request for a charge.
func (l *life) storeCharge() {
	if l.script.asked {
		l.AskPayer()
	}
	c := l.newCharge(l.script.amount)
	if l.script.expires > 0 {
		c.ExpiresAt = l.began.Add(l.script.expires)
	}
	l.store.charge, l.store.order = c, reference(c.OrderNo, c.Amount)
	l.sky.charge, l.sky.taken = c.AuthCode, func() bool {
		charged, _ := l.Book(c.OrderNo)
		return charged > 0
	}
	close(l.stored)
	close(l.shown)
}

// follow prepares an order, or finds out what became of it, and closes it when
// the merchant's patience is at its end.
func (l *life) follow(ctx context.Context) {
	if !l.store.sent {
		l.prepareOnce(ctx)
		return
	}
	p, err := l.Gateway.(duopay.Querier).Query(ctx, l.store.order)
	l.hear("Query", told(p, err), p, err)
	if ctx.Err() != nil {
		return
	}
	l.learn(told(p, err), paidByQuery)
	if l.store.outcome() == nothing && closes.met(l.bench) && time.Since(l.began) > l.script.patience {
		p, err = l.Gateway.(duopay.Closer).Close(ctx, l.store.order)
		l.hear("Close", told(p, err), p, err)
	}
}

func (l *life) prepareOnce(ctx context.Context) {
	o := l.newOrder(l.script.amount)
	if l.script.expires > 0 {
		o.ExpiresAt = l.began.Add(l.script.expires)
	}
	if l.store.order.OrderNo == "" {
		l.store.order = reference(o.OrderNo, o.Amount)
		close(l.stored)
	}
	o.OrderNo, l.store.sent = l.store.order.OrderNo, true
	_, err := l.Gateway.(duopay.Preparer).Prepare(ctx, o)
	l.say("Prepare: %s", gist(err))
	l.keepsSecrets(err)
	switch {
	case ctx.Err() != nil:
	case err == nil:
		close(l.shown)
	case errors.Is(err, duopay.NotSent):
		l.store.sent = false
	case certain(err):
		l.learn(notPaid, neverPaid)
	}
}

// takeBack cancels a paid order, and waits for what becomes of it.
func (l *life) takeBack(ctx context.Context) {
	l.store.cancels = true
	var accepted, canceled bool
	var last error // what is told of the order in the end
	l.keepTrying(ctx, func() bool { return canceled }, func() {
		p, err := l.Gateway.(duopay.Canceler).Cancel(ctx, l.store.order)
		accepted = err == nil
		l.hear("Cancel", told(p, err), p, err)
		p, err = l.Gateway.(duopay.Querier).Query(ctx, l.store.order)
		l.hear("Query", told(p, err), p, err)
		canceled = told(p, err) == notPaid
		last = oneLine("%v, %v", p.Status, err)
	})
	if accepted && !canceled && ctx.Err() == nil {
		l.fail("nothing goes wrong any more, a cancel is accepted, and the order is %v", last)
	}
}

// repay makes the refunds, one after the other.
func (l *life) repay(ctx context.Context) {
	for i := len(l.store.refunds); i < len(l.script.refunds); i++ {
		l.store.refunds = append(l.store.refunds, &repayment{Refund: l.newRefund(l.store.order, l.script.refunds[i])})
	}
	for _, r := range l.store.refunds {
		l.keepTrying(ctx, r.over, func() { l.repayOnce(ctx, r) })
	}
}

// repayOnce asks what became of a refund, or makes it: for the first time, or
// again with its number, if the provider does not know it.
func (l *life) repayOnce(ctx context.Context, r *repayment) {
	first, missing := !r.sent, false
	if r.sent && asks.met(l.bench) {
		result, err := l.Gateway.(duopay.RefundQuerier).QueryRefund(ctx, r.Refund)
		l.hearRefund("QueryRefund", r, result, err)
		if missing = errors.Is(err, duopay.Refused); !missing || ctx.Err() != nil {
			return
		}
	}
	r.sent = true
	result, err := l.Gateway.(duopay.Refunder).Refund(ctx, r.Refund)
	l.hearRefund("Refund", r, result, err)
	switch {
	case err == nil:
		l.count(refundsAccepted)
	case first && errors.Is(err, duopay.NotSent):
		r.sent = false
	case first && certain(err), missing && l.quiet() && errors.Is(err, duopay.Refused):
		r.denied = true
	}
}

// hearRefund takes in what the merchant is told of a refund.
func (l *life) hearRefund(from string, r *repayment, result duopay.RefundResult, err error) {
	l.say("%s %s of %s: %v, %s", from, r.RefundNo, r.Amount, result.Status, gist(err))
	l.keepsSecrets(err)
	if err != nil {
		if result.Status != duopay.RefundUnknown {
			l.fail("%s: status %v comes with the error %v", from, result.Status, err)
		}
		return
	}
	if result.RefundNo != r.RefundNo || !result.Amount.IsZero() && result.Amount != r.Amount {
		l.fail("%s: refund %s of %s is reported as %s of %s", from, r.RefundNo, r.Amount, result.RefundNo, result.Amount)
	}
	r.status = result.Status
	if _, returned := l.Book(r.OrderNo); returned < l.store.repaid() {
		l.fail("%s: by what was reported %s is returned, and it is %s", from, l.store.repaid().Money(), returned.Money())
	}
}
