package duopaytest

import (
	"math/rand/v2"
	"time"

	"github.com/duopay/duopay"
)

// script is what will happen in one life. All of it follows from the seed, and
// from what the gateway and the rig can do. Times are since the beginning of
// the life, if nothing else is said.
type script struct {
	seed uint64

	hour    time.Duration // how long the life waits to begin: an hour of the day
	calm    time.Duration // from when on nothing goes wrong any more
	faults  float64       // how many of all requests have a fault
	slow    float64       // and how many ways take their time
	outages []outage
	signed  bool          // answers can be forged, and it shows
	skew    time.Duration // how far the provider's clock is ahead, until all is quiet

	prepared  bool // the order is prepared; else its payer is charged
	amount    duopay.Money
	neighbor  bool            // there is another order, which is paid
	asked     bool            // the payer of a charge has something to do
	payments  []time.Duration // when the payer tries to pay, each since the one before; none: never
	patience  time.Duration   // when a prepared order is closed
	expires   time.Duration   // 0: never
	abort     time.Duration   // when the cashier gives up; 0: never
	crossing  time.Duration   // how late what Settle sends to cancel is, while the payer pays; 0: it is not
	slowly    bool            // the first cancel takes its time
	takenBack bool            // the merchant cancels the order after it was paid
	refunds   []duopay.Money
	failing   bool // the first refund fails after it was accepted

	crashes  []crash
	notices  []notice
	unbooked float64 // how many of all notifications the merchant cannot book
	road     float64 // and how many are lost, late or doubled on their way
}

// outage is a time in which every request has the same fault.
type outage struct {
	from, to time.Duration
	fault    Fault
}

// crash is a restart of the merchant's program.
type crash struct {
	after time.Duration // since its last start
	down  time.Duration
}

// notice is a message that an order is paid, from the provider or from others.
type notice struct {
	after   time.Duration // since the payment, or the notice before
	variant Variant
}

// write makes the script of a life.
func write(seed uint64, b *bench) *script {
	d := newDice(seed, 1)
	s := &script{seed: seed, hour: d.time(0, 24*time.Hour), signed: b.Signed}
	s.prepared = prepares.met(b) && payers.met(b) && (!settles.met(b) || d.one(0.4))
	if d.one(0.8) {
		s.weather(d)
	}
	s.order(d, b)
	s.payer(d)
	s.merchant(d)
	s.post(d)
	if s.asked && cancels.met(b) && d.one(0.3) {
		s.cross(d)
	}
	return s
}

// weather draws how the exchanges go.
func (s *script) weather(d dice) {
	s.calm = d.time(time.Second, pick(d, time.Minute, 5*time.Minute, 20*time.Minute))
	if d.one(0.7) {
		s.faults = d.few()
	}
	if d.one(0.4) {
		s.slow = d.few()
	}
	for range d.IntN(3) {
		from := d.time(0, min(s.calm, 3*time.Minute))
		s.outages = append(s.outages, outage{from, min(s.calm, from+d.time(0, 8*time.Minute)), pick(d, outageFaults()...)})
	}
	switch {
	case d.one(0.2):
		s.skew = d.time(-4*time.Minute, 4*time.Minute)
	case d.one(0.1):
		s.skew = d.time(-20*time.Minute, 20*time.Minute)
	}
}

// order draws the order and what becomes of its money.
func (s *script) order(d dice, b *bench) {
	s.amount, s.neighbor = d.money(), payable.met(b) && d.one(0.3)
	s.slowly = slowness.met(b) && d.one(0.3)
	switch {
	case d.one(0.4):
		for range 1 + d.IntN(3) {
			s.refunds = append(s.refunds, pick(d, s.amount, d.money(), ((s.amount.Fen()+1)/2).Money()))
		}
		s.failing = failures.met(b) && d.one(0.2)
	case d.one(0.2):
		s.takenBack = cancels.met(b) && !s.prepared
	}
	if hesitation.met(b) && !s.prepared {
		s.asked = d.one(0.5)
	}
}

// payer draws when the payer pays.
func (s *script) payer(d dice) {
	if d.one(0.7) {
		s.payments = d.times(4, pick(d, 5*time.Second, time.Minute, 5*time.Minute))
	}
	s.patience = d.time(10*time.Second, 10*time.Minute)
	if d.one(0.2) {
		s.expires = d.time(2*time.Minute, 10*time.Minute)
	}
	if d.one(0.1) {
		s.abort = d.time(0, time.Minute)
	}
}

// merchant draws when the merchant's program is stopped.
func (s *script) merchant(d dice) {
	if d.one(0.6) {
		return
	}
	for range 1 + d.IntN(3) {
		s.crashes = append(s.crashes, crash{d.time(0, pick(d, 2*time.Second, time.Minute)), d.time(0, 3*time.Minute)})
	}
}

// post draws what is posted to the merchant.
func (s *script) post(d dice) {
	latest := pick(d, 2*time.Second, time.Minute, 10*time.Minute)
	for range d.IntN(4) {
		s.notices = append(s.notices, notice{d.time(0, latest), pick(d, Genuine, Genuine, Genuine, Genuine, Forged, Stale, OtherMerchant)})
	}
	if d.one(0.3) {
		s.unbooked = d.few()
	}
	if d.one(0.5) {
		s.road = d.few()
	}
}

// cross makes a payment meet the cancel that Settle sends when nobody has paid:
// all is slow, and half of the time the program is stopped then.
func (s *script) cross(d dice) {
	s.crossing, s.payments, s.crashes = d.time(time.Second, longest-time.Second), nil, nil
	s.calm, s.faults, s.slow = max(s.calm, 4*time.Minute), pick(d, s.faults, 0, 0), pick(d, 0.1, 0.3, 0.6)
	if d.one(0.5) {
		s.crashes = []crash{{time.Hour, d.time(0, 10*time.Second)}} // see life.cross
	}
}

// dice draws what follows from a seed.
type dice struct{ *rand.Rand }

// newDice returns the dice of somebody. Each has his own: what one draws does
// not depend on when the others do.
func newDice(seed, whose uint64) dice {
	return dice{rand.New(rand.NewPCG(seed, whose))} //nolint:gosec // nothing secret
}

// one reports whether something happens that has a chance.
func (d dice) one(chance float64) bool { return d.Float64() < chance }

// few draws a chance, a small one rather than a large one.
func (d dice) few() float64 { return d.Float64() * d.Float64() }

// time draws a time, to the nanosecond, so that no two things happen at once.
func (d dice) time(from, to time.Duration) time.Duration {
	return from + time.Duration(d.Int64N(int64(to-from)))
}

// times draws up to most times.
func (d dice) times(most int, latest time.Duration) []time.Duration {
	times := make([]time.Duration, d.IntN(most+1))
	for i := range times {
		times[i] = d.time(0, latest)
	}
	return times
}

// money draws an amount up to 100 yuan; small ones are as likely as large ones.
func (d dice) money() duopay.Money {
	return duopay.Fen(1 + d.Int64N(pick[int64](d, 10, 1_00, 100_00))).Money()
}

// pick draws one of several things.
func pick[T any](d dice, things ...T) T { return things[d.IntN(len(things))] }
