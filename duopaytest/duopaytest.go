// Package duopaytest holds what a payment provider has to keep: [Run] puts a
// gateway, and the fake provider behind it, through every rule of every
// capability that the gateway has. A failure prints the rule that is broken.
// [Simulate] runs whole lives of orders, in which everything happens that can,
// and compares what the merchant was told with the fake's book. [Gateway] is a
// provider in memory that passes both, for unit tests of programs that take
// money.
//
// A provider's whole conformance test:
//
//	func rig(t testing.TB, client *http.Client) duopaytest.Rig {
//		fake := faketest.NewServer()
//		gateway, err := provider.New(fake.Key, duopay.WithHTTPClient(client))
//		if err != nil {
//			t.Fatal(err)
//		}
//		return duopaytest.Rig{Gateway: gateway, Fake: fake, Book: fake.Book, Pay: fake.Pay, Notify: fake.Notify}
//	}
//
//	var lives = duopaytest.LivesFlags()
//
//	func TestConformance(t *testing.T) { duopaytest.Run(t, rig) }
//	func TestSimulation(t *testing.T)  { duopaytest.Simulate(t, rig, *lives) }
package duopaytest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/duopay/duopay"
)

// Rig is a new gateway, and a new fake provider to go with it. Gateway, Fake
// and Book are needed; without the others the rules that need them are
// skipped.
//
// A rig is used inside of a testing/synctest bubble, where time is virtual: the
// fake must work in memory, without sockets, and must take the time from
// package time.
type Rig struct {
	// Gateway is what is tested. What it can do is told by the interfaces of
	// package duopay that it implements.
	Gateway any

	// Fake is the provider. The suite stands between the two: the gateway sends
	// through the client that the rig was made with, which leads to Fake, unless
	// the suite loses the request or the answer.
	Fake http.Handler

	// Book tells what really happened: how much was taken from the payer of an
	// order, and how much of it he got back. It knows no fault.
	Book func(orderNo string) (charged, returned duopay.Fen)

	// Pay lets the payer of an open order pay it now. An order that is not open
	// is an error.
	Pay func(orderNo string) error

	// AskPayer makes the coming charge wait for its payer, who does nothing
	// until Pay.
	AskPayer func()

	// SlowCancel makes the coming cancel take its time, and FailRefund makes the
	// coming refund fail after it was accepted.
	SlowCancel, FailRefund func()

	// Notify posts the provider's message that an order is paid to the order's
	// NotifyURL, with client, and again until it is acknowledged as the provider
	// demands it, or until the provider gives up, which is an error. A Variant
	// that the provider does not know is errors.ErrUnsupported.
	Notify func(ctx context.Context, client *http.Client, orderNo string, variant Variant) error

	// SetClock makes now the fake's clock, for simulations in which it is wrong.
	SetClock func(now func() time.Time)

	// Restart returns a new gateway for the same merchant and fake, as after a
	// restart of the merchant's program. If nil, simulations go on with Gateway.
	Restart func() any

	// Number returns the n-th number for an order or refund that the provider
	// takes; DP000001 and so on if nil.
	Number func(n int) string

	// EditCharge and EditOrder, if set, complete what the suite asks the
	// gateway for. The suite has filled in a number, an amount, a subject, a new
	// payment code as WeChat makes them, and Alipay as the channel of orders.
	EditCharge func(*duopay.Charge)
	EditOrder  func(*duopay.Order)

	// Signed says that the provider signs its answers.
	Signed bool

	// OpenCodes are codes with which the provider refuses a charge, and which are
	// no proof that it was not carried out: for failures of its own, or a number
	// that was used.
	OpenCodes []string

	// Secrets are texts that must not be in any error, such as the gateway's
	// key.
	Secrets []string

	// Except names rules that the provider's protocol makes impossible to keep,
	// or pointless, as refund/once is where the protocol lets a refund be repeated
	// by its number; with the reason. They are skipped with it.
	Except map[string]string

	line *line // of the gateway in memory
}

// Variant is a way in which a notification is not the usual one.
type Variant int

// The variants of a notification.
const (
	Genuine       Variant = iota // the usual one
	Forged                       // signed with another key
	Stale                        // genuine, and a day old
	OtherMerchant                // signed with the right key, for another merchant
)

// String returns the variant in words.
func (v Variant) String() string {
	return [...]string{"genuine", "forged", "stale", "for another merchant"}[v]
}

// Run checks every rule in a subtest of its own. rig is called for each of
// them, and for each of the faults it is checked under: it makes a new gateway
// that sends through client, and a new fake.
func Run(t *testing.T, rig func(t testing.TB, client *http.Client) Rig) {
	t.Helper()
	broken := make(map[string]bool)
	for _, r := range rules() {
		t.Run(r.name, func(t *testing.T) {
			err := r.verdict(t, rig, broken)
			var reason skipped
			switch {
			case errors.As(err, &reason):
				t.Skip(string(reason))
			case err != nil:
				broken[r.name] = true
				t.Errorf("the rule: %s\n%v", r.words, err)
			}
		})
	}
}

// rule is one rule, and how to find out whether a gateway keeps it.
type rule struct {
	name   string
	words  string
	needs  []need
	rests  []string // rules without which this one cannot be judged
	faults []Fault  // it is checked under each of them; nil: under none
	check  func(*bench) error
}

// rules returns all of them, those that others rest on first.
func rules() []rule {
	return slices.Concat(
		chargeRules(), prepareRules(), queryRules(), cancelRules(), closeRules(), refundRules(), notificationRules(),
		settleRules(), callRules(),
	)
}

// skipped is why a rule was not checked.
type skipped string

func (s skipped) Error() string { return string(s) }

// need is something without which a rule cannot be checked.
type need struct {
	met    func(*bench) bool
	reason skipped
}

func has[C any](b *bench) bool {
	_, ok := b.Gateway.(C)
	return ok
}

var (
	charges    = need{has[duopay.Charger], "the gateway is no duopay.Charger"}
	prepares   = need{has[duopay.Preparer], "the gateway is no duopay.Preparer"}
	queries    = need{has[duopay.Querier], "the gateway is no duopay.Querier"}
	cancels    = need{has[duopay.Canceler], "the gateway is no duopay.Canceler"}
	closes     = need{has[duopay.Closer], "the gateway is no duopay.Closer"}
	refunds    = need{has[duopay.Refunder], "the gateway is no duopay.Refunder"}
	asks       = need{has[duopay.RefundQuerier], "the gateway is no duopay.RefundQuerier"}
	settles    = need{has[duopay.Settler], "the gateway is no duopay.Settler"}
	parses     = need{has[duopay.NotificationParser], "the gateway is no duopay.NotificationParser"}
	payers     = need{func(b *bench) bool { return b.Pay != nil }, "the rig has no Pay"}
	hesitation = need{func(b *bench) bool { return b.AskPayer != nil && b.Pay != nil }, "the rig has no AskPayer"}
	slowness   = need{func(b *bench) bool { return b.SlowCancel != nil }, "the rig has no SlowCancel"}
	failures   = need{func(b *bench) bool { return b.FailRefund != nil }, "the rig has no FailRefund"}
	openCodes  = need{func(b *bench) bool { return len(b.OpenCodes) > 0 }, "the rig has no OpenCodes"}
	signs      = need{func(b *bench) bool { return b.Signed }, "the answers are not signed"}
	messages   = need{func(b *bench) bool { return b.Notify != nil }, "the rig has no Notify"}
	payable    = need{func(b *bench) bool { return has[duopay.Charger](b) || has[duopay.Preparer](b) && b.Pay != nil },
		"no order can be paid: the gateway is no duopay.Charger, or the rig has no Pay"}
	openable = need{func(b *bench) bool { return has[duopay.Preparer](b) || has[duopay.Charger](b) && b.AskPayer != nil },
		"no order stays open: the gateway is no duopay.Preparer, or the rig has no AskPayer"}
)

// verdict checks the rule in new bubbles. The error is a skipped if it could
// not be checked.
func (r rule) verdict(t *testing.T, rig func(testing.TB, *http.Client) Rig, brokenRules map[string]bool) error {
	t.Helper()
	for _, name := range r.rests {
		if brokenRules[name] {
			return skipped("it rests on " + name + ", which is broken")
		}
	}
	faults := r.faults
	if faults == nil {
		faults = []Fault{None}
	}
	var failures []error
	var reason skipped
	for _, fault := range faults {
		var err error
		synctest.Test(t, func(t *testing.T) { err = r.try(newBench(t, rig, fault)) })
		if errors.As(err, &reason) {
			continue
		}
		if err != nil && r.faults != nil {
			err = fmt.Errorf("%v: %w", fault, err)
		}
		failures = append(failures, err)
	}
	if len(failures) == 0 {
		return reason // under all faults
	}
	return errors.Join(failures...)
}

func (r rule) try(b *bench) error {
	if reason, ok := b.Except[r.name]; ok {
		return skipped(reason)
	}
	for _, n := range r.needs {
		if !n.met(b) {
			return n.reason
		}
	}
	return r.check(b)
}

// under lists faults.
func under(faults ...Fault) []Fault { return faults }

// all returns every fault of the list above.
func all() []Fault {
	return under(Unreachable, LostBefore, Stalled, ServerError, LostAfter, Slow, ServerErrorAfter, StatusError, Garbage, Truncated, Stuck, Empty)
}

// oneLine makes an error of all that is found fault with.
func oneLine(format string, args ...any) error {
	return errors.New(strings.ReplaceAll(fmt.Sprintf(format, args...), "\n", " "))
}
