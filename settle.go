package duopay

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"
)

// Settler is a gateway whose charges can be settled. One that is a [Canceler]
// too can give up on a payer who does not pay.
type Settler interface {
	Charger
	Querier
	// Timing returns the provider's schedule.
	Timing() Timing
}

// Timing is a provider's schedule for [Settle]. Every provider's gateway has
// its own, with the reasons in its documentation.
type Timing struct {
	FirstQuery   time.Duration // from the answer to the charge to the first query
	QueryEvery   time.Duration // between queries; 0 means a second
	GiveUp       time.Duration // from sending the charge to giving up on the payer
	CancelAfter  time.Duration // from sending the charge; no cancel is sent before
	Cancels      int           // how often a cancel is sent at most
	CancelEvery  time.Duration // between cancels
	CancelSettle time.Duration // how long a cancel is given to take effect; until then, paid is not believed
	// So many queries in a row that end in ErrNotFound, over at least that
	// time and not before GiveUp, prove that the charge never arrived, unless
	// the provider has shown the order before. With 0 queries nothing proves it.
	NotFoundQueries int
	NotFoundSpan    time.Duration
}

// SettleOption changes how [Settle] and [Resume] go about it.
type SettleOption func(*settlement)

// WithTiming replaces the provider's schedule.
func WithTiming(timing Timing) SettleOption {
	return func(s *settlement) { s.timing = timing }
}

// WithProgress calls report before every step, so that a till can show what is
// going on. report is called by the goroutine that called Settle, which goes
// on when it returns.
func WithProgress(report func(Progress)) SettleOption {
	return func(s *settlement) {
		if report != nil {
			s.report = report
		}
	}
}

// WithAbort gives up on the payer as soon as abort is closed, as if the
// provider's time for it had passed: Settle then queries and cancels. It is the
// cashier's cancel button. Cancelling the context instead leaves the order as
// it is, with an unknown outcome.
func WithAbort(abort <-chan struct{}) SettleOption {
	return func(s *settlement) { s.abort = abort }
}

// Step is what [Settle] does next.
type Step string

// The steps.
const (
	StepCharge Step = "charging"  // the charge is about to be sent
	StepWait   Step = "waiting"   // for Progress.Wait, then the next step
	StepQuery  Step = "querying"  // a query is about to be sent
	StepCancel Step = "canceling" // a cancel is about to be sent
	StepDone   Step = "settled"   // the outcome is known, as far as it can be
)

// Progress is what [Settle] is doing, and what it knows so far.
type Progress struct {
	Step    Step
	OrderNo string
	Elapsed time.Duration // since the charge was sent
	Wait    time.Duration // how long a StepWait will take
	Payment Payment       // the last answer
	Err     error         // the last error, nil if the last call succeeded
}

// Settle charges a payer and stays with the order until its outcome is known:
// it queries while the payer is busy or the answer was unclear, and cancels
// when the provider's time for it has passed. It may take a minute or more.
// The order number must be stored before, and must never have been used.
//
// Only one Settle or [Resume] may be at work on an order at a time: while one is
// told that the order is paid, another may give up on the payer and cancel.
//
// It ends in one of three ways:
//
//   - paid: the error is nil.
//   - not paid: the error is of kind [Invalid], [NotSent], or [Refused] with
//     Certain true. A new attempt needs a new order number and a new payment
//     code, but for the first two kinds, after which both may be used again. An
//     order that was paid and returned in full, status [Refunded], counts as not
//     paid.
//   - unknown: the status is [Unknown] and the error is of kind [Unsure].
//     Do not hand over the goods, do not use the number again, query later
//     (minutes, then the next day); [Resume] does.
//
// Whatever the end, the payment holds the last that is known of the order.
//
// A notification that the order is paid may come while Settle is at work, and
// Settle may cancel the order all the same. So if the gateway is a [Canceler],
// do not act on the notification before Settle has ended; if it ended with an
// unknown outcome, a cancel may be on its way, and the notification is a reason
// to call Resume and no proof.
//
// When ctx ends, so does Settle, without cancelling the order and with an
// unknown outcome, unless the call that was under way still proved one.
func Settle(ctx context.Context, gateway Settler, charge Charge, options ...SettleOption) (Payment, error) {
	s := newSettlement(gateway, Reference{OrderNo: charge.OrderNo, Amount: charge.Amount}, options)
	s.expires = charge.ExpiresAt
	s.tell(StepCharge, 0)
	s.order.CreatedAt = time.Now() // the report may have taken its time
	payment, err := gateway.Charge(ctx, charge)
	if neverHappened(err) {
		if ctx.Err() == nil {
			s.payment.Status = Failed
		}
		return s.end(ctx, err)
	}
	if s.note(payment, err) {
		return s.end(ctx, s.err)
	}
	if errors.Is(err, Refused) {
		return s.doubt(ctx, err)
	}
	return s.follow(ctx, s.timing.FirstQuery)
}

// Resume is [Settle] for a charge that was sent before and whose outcome is
// not known, as after a restart: it queries and, when the time has passed,
// cancels. order.CreatedAt is when the charge was sent; if it is zero, the time
// begins now. What sent the charge, and other calls of Resume for the order, must
// have ended: a program that may run twice locks the order.
//
// If the gateway is a [Canceler], a cancel may have been sent before, and may be
// on its way still: that the order is paid is then believed after 20 s only.
func Resume(ctx context.Context, gateway Settler, order Reference, options ...SettleOption) (Payment, error) {
	s := newSettlement(gateway, order, options)
	if _, ok := gateway.(Canceler); ok {
		s.cancelSent(underway)
	}
	return s.follow(ctx, 0)
}

// neverHappened reports whether a charge that ended in err did nothing.
func neverHappened(err error) bool {
	var e *Error
	return errors.As(err, &e) && (e.Kind == Invalid || e.Kind == NotSent || e.Kind == Refused && e.Certain)
}

// settlement is one order on its way to a known outcome.
type settlement struct {
	gateway Settler
	timing  Timing
	report  func(Progress)
	abort   <-chan struct{}

	order   Reference
	expires time.Time // when the payer cannot pay any more, or the cashier gave up; zero: unlimited

	payment  Payment   // the last readable answer
	err      error     // of the last call
	cancels  int       // how many cancels were tried
	canceled time.Time // by when a cancel has taken effect, if it arrived; zero: none can have arrived
	paid     int       // queries in a row that said paid
	asked    time.Time // when the last query was sent: its answer may tell of then, whenever it comes

	seen         bool      // the provider has shown the order
	missing      int       // queries in a row that said not found
	missingSince time.Time // when the first of them came
}

func newSettlement(gateway Settler, order Reference, options []SettleOption) *settlement {
	if now := time.Now(); order.CreatedAt.IsZero() || order.CreatedAt.After(now) {
		order.CreatedAt = now
	}
	s := &settlement{
		gateway: gateway,
		timing:  gateway.Timing(),
		report:  func(Progress) {},
		order:   order,
		payment: Payment{OrderNo: order.OrderNo, TradeNo: order.TradeNo},
		seen:    order.TradeNo != "",
	}
	for _, option := range options {
		option(s)
	}
	if s.timing.QueryEvery <= 0 { // nobody means a storm
		s.timing.QueryEvery = time.Second
	}
	return s
}

// follow waits for the payer and then gives up on him.
func (s *settlement) follow(ctx context.Context, pause time.Duration) (Payment, error) {
	if s.wait(ctx, pause) || s.cancel(ctx) {
		return s.end(ctx, s.err)
	}
	return s.unknown(ctx)
}

// wait pauses, and then queries until the outcome is known or it is time to
// give up. What is about to be proven then is given the time it takes.
func (s *settlement) wait(ctx context.Context, pause time.Duration) (settled bool) {
	pause = min(pause, max(0, time.Until(s.giveUp())))
	for {
		if s.sleep(ctx, pause, s.abort) {
			s.abort = nil
			s.expires = time.Now()
		}
		if ctx.Err() != nil {
			return false
		}
		if s.query(ctx) {
			return true
		}
		pause = s.timing.QueryEvery
		if left := time.Until(s.giveUp()); left > 0 {
			pause = min(pause, left)
		} else if s.paid == 0 && !s.maybeMissing() {
			return false
		}
	}
}

// giveUp returns when waiting for the payer ends.
func (s *settlement) giveUp() time.Time {
	byTiming := s.order.CreatedAt.Add(s.timing.GiveUp)
	if !s.expires.IsZero() && s.expires.Before(byTiming) {
		return s.expires
	}
	return byTiming
}

// maybeMissing reports whether this and more queries may prove that the charge
// never arrived. An early end, by the cashier or by the order's expiry, does
// not make that time come earlier: the charge may still be on its way.
func (s *settlement) maybeMissing() bool {
	return s.timing.NotFoundQueries > 0 && s.missing > 0 && !s.seen &&
		!time.Now().Before(s.order.CreatedAt.Add(s.timing.GiveUp))
}

// doubt makes sure of a refusal that proves nothing: it queries, cancels as
// far as that goes, and queries again. If the provider denies the order, the
// refusal stands; if it does not answer readably, nothing is known.
func (s *settlement) doubt(ctx context.Context, refusal error) (Payment, error) {
	denied := false
	for try := range 2 {
		if try == 1 && s.timing.Cancels > 0 {
			_ = s.sendCancel(ctx) // best effort: the query tells
		}
		s.sleep(ctx, s.timing.FirstQuery, nil)
		if ctx.Err() != nil {
			return s.unknown(ctx)
		}
		if s.query(ctx) {
			return s.end(ctx, s.err)
		}
		if s.err == nil { // the order is there, and open
			return s.follow(ctx, s.timing.QueryEvery)
		}
		denied = denied || errors.Is(s.err, Refused) || errors.Is(s.err, ErrNotFound)
	}
	if !denied || ctx.Err() != nil {
		return s.unknown(ctx)
	}
	s.payment.Status = Failed
	return s.end(ctx, s.certain(refusal))
}

// cancel sends cancels, and after each of them queries until it has taken
// effect.
func (s *settlement) cancel(ctx context.Context) (settled bool) {
	for first := true; s.cancels < s.timing.Cancels; first = false {
		if !first {
			s.sleep(ctx, s.timing.CancelEvery, nil)
		}
		err := s.sendCancel(ctx)
		if ctx.Err() != nil || errors.Is(err, Invalid) || errors.Is(err, errNoCancel) {
			return false
		}
		if s.watch(ctx, err == nil) {
			return true
		}
	}
	return false
}

var errNoCancel = errors.New("the provider cannot cancel a charge")

// sendCancel sends one cancel, not before its time.
func (s *settlement) sendCancel(ctx context.Context) error {
	canceler, ok := s.gateway.(Canceler)
	if !ok {
		return errNoCancel
	}
	s.sleep(ctx, time.Until(s.order.CreatedAt.Add(s.timing.CancelAfter)), nil)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	s.cancels++
	s.tell(StepCancel, 0)
	switch _, s.err = canceler.Cancel(ctx, s.order); {
	case s.err == nil:
		s.cancelSent(0)
	case !neverHappened(s.err):
		s.cancelSent(underway)
	}
	return s.err
}

// underway is how long a request may be on its way after its sender was left
// without an answer.
const underway = 20 * time.Second

// cancelSent notes that a cancel was sent, the last time no later than now, and
// may arrive within some time.
func (s *settlement) cancelSent(within time.Duration) {
	if effect := time.Now().Add(max(within, s.timing.CancelSettle)); effect.After(s.canceled) {
		s.canceled = effect
	}
}

// watch queries after a cancel until the outcome is known, or another cancel
// is due: at once if this one was not accepted or the provider reports that it
// failed, else when its time is over.
func (s *settlement) watch(ctx context.Context, accepted bool) (settled bool) {
	over := time.Now().Add(s.timing.CancelSettle)
	for ctx.Err() == nil {
		if s.query(ctx) {
			return true
		}
		failed := s.err == nil && s.payment.Status == Unknown
		if s.paid == 0 && (!accepted || failed || !time.Now().Before(over)) {
			return false
		}
		s.sleep(ctx, s.timing.QueryEvery, nil)
	}
	return false
}

// query asks once and reports whether the outcome is known.
func (s *settlement) query(ctx context.Context) (settled bool) {
	s.tell(StepQuery, 0)
	s.asked = time.Now()
	payment, err := s.gateway.Query(ctx, s.order)
	s.count(payment, err)
	return s.note(payment, err)
}

// note takes in an answer and reports whether the outcome is known. A failed
// query changes nothing.
func (s *settlement) note(payment Payment, err error) (settled bool) {
	s.err = err
	payment.OrderNo = cmp.Or(payment.OrderNo, s.order.OrderNo)
	payment.TradeNo = cmp.Or(payment.TradeNo, s.order.TradeNo)
	switch {
	case errors.Is(err, ErrAmountMismatch):
		// Paid, but not what was asked: neither more queries nor a cancel make
		// this right, so a person has to see it as it is.
		s.payment = payment
		return true
	case err != nil:
		return s.proveMissing()
	}
	s.seen = true
	s.payment = payment
	s.order.TradeNo = payment.TradeNo
	if !s.canceled.IsZero() && s.paid > 0 {
		// The payer was faster than the cancel, or the cancel is not done yet.
		return s.paid >= 3 && !s.asked.Before(s.canceled)
	}
	return payment.Status.Paid() || payment.Status.NotPaid()
}

// count counts queries in a row that ended alike.
func (s *settlement) count(payment Payment, err error) {
	s.paid++
	if err != nil || !payment.Status.Paid() {
		s.paid = 0
	}
	s.missing++
	if !errors.Is(err, ErrNotFound) {
		s.missing = 0
	}
	if s.missing == 1 {
		s.missingSince = time.Now()
	}
}

// proveMissing reports whether the provider has denied the order often enough,
// and late enough, to prove that the charge never arrived.
func (s *settlement) proveMissing() bool {
	if !s.maybeMissing() || s.asked.Before(s.order.CreatedAt.Add(s.timing.GiveUp)) ||
		s.missing < s.timing.NotFoundQueries || s.asked.Sub(s.missingSince) < s.timing.NotFoundSpan {
		return false
	}
	s.payment.Status = Failed
	s.err = s.certain(s.err)
	return true
}

// end returns the outcome that is known: s.payment, with the reason if it is
// not that the order was paid.
func (s *settlement) end(ctx context.Context, reason error) (Payment, error) {
	s.err = reason
	if reason != nil && !neverHappened(reason) {
		return s.unknown(ctx)
	}
	if reason == nil && (s.payment.Status.NotPaid() || s.payment.Status == Refunded) {
		s.err = &Error{
			Op: "settle", Kind: Refused, Certain: true, OrderNo: s.order.OrderNo,
			Code: s.payment.State, Message: "the order is " + s.payment.Status.String(),
		}
	}
	s.tell(StepDone, 0)
	return s.payment, s.err
}

// certain returns a refusal that was confirmed.
func (s *settlement) certain(refusal error) error {
	e := s.like(refusal)
	e.Kind, e.Certain = Refused, true
	return e
}

// unknown returns the outcome that is not known, with all that is.
func (s *settlement) unknown(ctx context.Context) (Payment, error) {
	s.payment.Status = Unknown
	e := s.like(s.err)
	e.Kind, e.Certain = Unsure, false
	switch cause := context.Cause(ctx); {
	case cause != nil && e.Err == nil:
		e.Err = cause
	case cause != nil && !errors.Is(e.Err, cause):
		e.Err = fmt.Errorf("%w: %w", cause, e.Err)
	case e.Err == nil && e.Code == "":
		e.Err = fmt.Errorf("after %v the order is in state %q", s.elapsed(), s.payment.State)
	}
	s.err = e
	s.tell(StepDone, 0)
	return s.payment, e
}

// like returns an error about the order with the particulars of err.
func (s *settlement) like(err error) *Error {
	var e *Error
	if !errors.As(err, &e) {
		return &Error{Op: "settle", OrderNo: s.order.OrderNo, Err: err}
	}
	same := *e
	return &same
}

// sleep waits, unless ctx ends or abort is closed, and reports whether the
// latter.
func (s *settlement) sleep(ctx context.Context, d time.Duration, abort <-chan struct{}) (aborted bool) {
	if d <= 0 || ctx.Err() != nil {
		return false
	}
	s.tell(StepWait, d)
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	case <-abort:
		return true
	}
	return false
}

// tell reports the next step.
func (s *settlement) tell(step Step, wait time.Duration) {
	s.report(Progress{
		Step: step, OrderNo: s.order.OrderNo, Elapsed: s.elapsed(), Wait: wait, Payment: s.payment, Err: s.err,
	})
}

func (s *settlement) elapsed() time.Duration { return time.Since(s.order.CreatedAt) }
