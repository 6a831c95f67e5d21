package duopay_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/duopay/duopay"
)

const orderNo = "20260101-0001"

var amount = duopay.MustMoney("12.50")

// The schedule that package fubei uses.
var brisk = duopay.Timing{
	FirstQuery: 2 * time.Second, QueryEvery: 3 * time.Second, GiveUp: 45 * time.Second,
	CancelAfter: 15 * time.Second, Cancels: 5, CancelEvery: 3 * time.Second, CancelSettle: 15 * time.Second,
}

// A schedule with one cancel, on which "no such order" proves something.
var patient = duopay.Timing{
	FirstQuery: 0, QueryEvery: 3 * time.Second, GiveUp: 100 * time.Second,
	CancelAfter: 15 * time.Second, Cancels: 1, CancelSettle: 6 * time.Second,
	NotFoundQueries: 3, NotFoundSpan: 20 * time.Second,
}

// A schedule on which two queries take longer than NotFoundSpan.
var leisurely = duopay.Timing{QueryEvery: 30 * time.Second, GiveUp: 100 * time.Second, NotFoundQueries: 3, NotFoundSpan: 20 * time.Second}

// answer is what the scripted gateway answers to one call.
type answer struct {
	payment duopay.Payment
	err     error
	took    time.Duration
}

func (a answer) after(took time.Duration) answer {
	a.took = took
	return a
}

// says is a readable answer.
func says(status duopay.Status, state string) answer {
	return answer{payment: duopay.Payment{OrderNo: orderNo, Status: status, State: state, Amount: amount}}
}

// fails is an error that may hold a payment, which nobody should believe.
func fails(e duopay.Error) answer {
	e.Provider, e.OrderNo = "fake", orderNo
	return answer{payment: duopay.Payment{OrderNo: orderNo, Status: duopay.Paid, State: "NOT TO BE BELIEVED"}, err: &e}
}

var (
	success  = says(duopay.Paid, "SUCCESS")
	paying   = says(duopay.Pending, "USERPAYING")
	revoking = says(duopay.Pending, "REVOKING")
	revoked  = says(duopay.Canceled, "REVOKED")
	closed   = says(duopay.Closed, "CLOSED")
	failed   = says(duopay.Failed, "PAYERROR")
	refunded = says(duopay.Refunded, "REFUND")
	partly   = says(duopay.PartialRefunded, "REFUND_PART")
	strange  = says(duopay.Unknown, "REVOKED_ERROR")
	accepted = answer{payment: duopay.Payment{OrderNo: orderNo, Status: duopay.Pending}}

	invalid  = fails(duopay.Error{Kind: duopay.Invalid, Err: errors.New("outside the hours")})
	notSent  = fails(duopay.Error{Kind: duopay.NotSent, Err: errors.New("connection refused")})
	rejected = fails(duopay.Error{Kind: duopay.Refused, Code: "400", Message: "balance too low"})
	forSure  = fails(duopay.Error{Kind: duopay.Refused, Certain: true, Code: "AUTH_CODE", Message: "code expired"})
	denied   = fails(duopay.Error{Kind: duopay.Refused, Code: "404", Message: "no such order"})
	lost     = fails(duopay.Error{Kind: duopay.Unsure, Err: errors.New("time-out")})
	missing  = fails(duopay.Error{Kind: duopay.Unsure, Code: "NO_ORDER", Err: duopay.ErrNotFound})
	tooMuch  = answer{
		payment: duopay.Payment{Status: duopay.Paid, State: "SUCCESS", Amount: duopay.MustMoney("99")},
		err:     &duopay.Error{Kind: duopay.Unsure, Err: duopay.ErrAmountMismatch},
	}
)

// times repeats an answer in a script.
func times(n int, a answer) []answer {
	answers := make([]answer, n)
	for i := range answers {
		answers[i] = a
	}
	return answers
}

// script is a gateway whose answers are fixed. The last answer of a list is
// repeated for ever.
type script struct {
	timing  duopay.Timing
	charge  answer
	queries []answer
	cancels []answer

	deaf  bool // goes on although the context has ended
	begin time.Time
	calls []string // such as "2s query"
	refs  []duopay.Reference
}

func (s *script) Timing() duopay.Timing { return s.timing }

func (s *script) Charge(ctx context.Context, charge duopay.Charge) (duopay.Payment, error) {
	if charge.OrderNo != orderNo || charge.Amount != amount {
		panic("another charge than the one asked for")
	}
	return s.play(ctx, "charge", s.charge)
}

func (s *script) Query(ctx context.Context, order duopay.Reference) (duopay.Payment, error) {
	s.refs = append(s.refs, order)
	a := s.queries[0]
	if len(s.queries) > 1 {
		s.queries = s.queries[1:]
	}
	return s.play(ctx, "query", a)
}

func (s *script) Cancel(ctx context.Context, order duopay.Reference) (duopay.Payment, error) {
	s.refs = append(s.refs, order)
	a := s.cancels[0]
	if len(s.cancels) > 1 {
		s.cancels = s.cancels[1:]
	}
	return s.play(ctx, "cancel", a)
}

func (s *script) play(ctx context.Context, call string, a answer) (duopay.Payment, error) {
	s.calls = append(s.calls, fmt.Sprint(time.Since(s.begin), " ", call))
	if s.deaf {
		ctx = context.WithoutCancel(ctx)
	}
	timer := time.NewTimer(a.took)
	defer timer.Stop()
	select {
	case <-timer.C:
		return a.payment, a.err
	case <-ctx.Done():
		return duopay.Payment{}, &duopay.Error{Provider: "fake", Kind: duopay.Unsure, Err: ctx.Err()}
	}
}

// uncancelable hides what a gateway can do beside the Settler's methods.
type uncancelable struct{ duopay.Settler }

// at lists a call at some seconds.
func at(call string, seconds ...int) []string {
	var calls []string
	for _, s := range seconds {
		calls = append(calls, fmt.Sprint(time.Duration(s)*time.Second, " ", call))
	}
	return calls
}

// every lists a call at regular times, both ends included.
func every(call string, step, first, last int) []string {
	var calls []string
	for s := first; s <= last; s += step {
		calls = append(calls, at(call, s)...)
	}
	return calls
}

func concat(lists ...[]string) []string {
	var all []string
	for _, l := range lists {
		all = append(all, l...)
	}
	return all
}

// outcome is one of the three ends of Settle.
type outcome string

const (
	isPaid    outcome = "paid"
	isNotPaid outcome = "not paid"
	isUnknown outcome = "unknown"
)

// outcomeOf reads an end as a caller would, and fails the test if its parts
// contradict each other.
func outcomeOf(t *testing.T, payment duopay.Payment, err error) outcome {
	t.Helper()
	assert.Equal(t, orderNo, payment.OrderNo, "the end names the order")
	if err == nil {
		assert.True(t, payment.Status.Paid(), "no error, but status %v", payment.Status)
		return isPaid
	}
	var e *duopay.Error
	require.ErrorAs(t, err, &e)
	for _, kind := range []duopay.Kind{duopay.Invalid, duopay.NotSent, duopay.Refused, duopay.Unsure} {
		assert.Equal(t, kind == e.Kind, errors.Is(err, kind), "one kind and no other: %v", err)
	}
	assert.NotContains(t, err.Error(), "\n")
	if e.Kind == duopay.Unsure {
		assert.Equal(t, duopay.Unknown, payment.Status)
		assert.False(t, e.Certain)
		return isUnknown
	}
	assert.Equal(t, e.Kind == duopay.Refused, e.Certain, "%#v", e)
	assert.True(t, payment.Status.NotPaid() || payment.Status == duopay.Refunded, "error %v, but status %v", err, payment.Status)
	return isNotPaid
}

// wait45 is the polling of the brisk schedule up to its end.
var wait45 = concat(every("query", 3, 2, 44), at("query", 45))

func TestSettle(t *testing.T) {
	type want struct {
		outcome outcome
		state   string // the provider's word in the payment
		code    string // of the error
		is      error  // what the error wraps beside its kind
		end     int    // seconds
		calls   []string
	}
	for name, c := range map[string]struct {
		script  script
		timing  *duopay.Timing // brisk if nil
		expires int            // seconds after the beginning
		abort   int
		plain   bool // the gateway cannot cancel
		want    want
	}{
		// 2, 3: the answer to the charge says it all.
		"not sent":       {script: script{charge: notSent}, want: want{isNotPaid, "", "", nil, 0, at("charge", 0)}},
		"invalid":        {script: script{charge: invalid}, want: want{isNotPaid, "", "", nil, 0, at("charge", 0)}},
		"surely refused": {script: script{charge: forSure}, want: want{isNotPaid, "", "AUTH_CODE", nil, 0, at("charge", 0)}},
		"paid":           {script: script{charge: success.after(4 * time.Second)}, want: want{isPaid, "SUCCESS", "", nil, 4, at("charge", 0)}},
		"paid in part":   {script: script{charge: partly}, want: want{isPaid, "REFUND_PART", "", nil, 0, at("charge", 0)}},
		"charge failed":  {script: script{charge: failed}, want: want{isNotPaid, "PAYERROR", "PAYERROR", nil, 0, at("charge", 0)}},
		"charge closed":  {script: script{charge: closed}, want: want{isNotPaid, "CLOSED", "CLOSED", nil, 0, at("charge", 0)}},
		"other amount": {script: script{charge: tooMuch},
			want: want{isUnknown, "SUCCESS", "", duopay.ErrAmountMismatch, 0, at("charge", 0)}},

		// 4: a refusal that proves nothing.
		"refused, but paid": {script: script{charge: rejected, queries: []answer{success}},
			want: want{isPaid, "SUCCESS", "", nil, 2, concat(at("charge", 0), at("query", 2))}},
		"refused, revoked": {script: script{charge: rejected, queries: []answer{revoked}},
			want: want{isNotPaid, "REVOKED", "REVOKED", nil, 2, concat(at("charge", 0), at("query", 2))}},
		"refused, closed": {script: script{charge: rejected.after(time.Second), queries: []answer{closed}},
			want: want{isNotPaid, "CLOSED", "CLOSED", nil, 3, concat(at("charge", 0), at("query", 3))}},
		"refused, but open": {script: script{charge: rejected, queries: []answer{paying, paying, success}},
			want: want{isPaid, "SUCCESS", "", nil, 8, concat(at("charge", 0), at("query", 2, 5, 8))}},
		"refused, being revoked": {script: script{charge: rejected, queries: []answer{revoking, revoked}},
			want: want{isNotPaid, "REVOKED", "REVOKED", nil, 5, concat(at("charge", 0), at("query", 2, 5))}},
		"refused and denied": {script: script{charge: rejected, queries: []answer{denied}, cancels: []answer{denied}},
			want: want{isNotPaid, "", "400", nil, 17, concat(at("charge", 0), at("query", 2), at("cancel", 15), at("query", 17))}},
		"refused, unclear, denied": {script: script{charge: rejected, queries: []answer{lost, denied}, cancels: []answer{lost}},
			want: want{isNotPaid, "", "400", nil, 17, concat(at("charge", 0), at("query", 2), at("cancel", 15), at("query", 17))}},
		"refused, denied, unclear": {script: script{charge: rejected, queries: []answer{denied, lost}, cancels: []answer{lost}},
			want: want{isNotPaid, "", "400", nil, 17, concat(at("charge", 0), at("query", 2), at("cancel", 15), at("query", 17))}},
		"refused, unclear": {script: script{charge: rejected, queries: []answer{lost}, cancels: []answer{accepted}},
			want: want{isUnknown, "", "", nil, 17, concat(at("charge", 0), at("query", 2), at("cancel", 15), at("query", 17))}},
		"refused, query cannot be sent": {script: script{charge: rejected, queries: []answer{notSent}, cancels: []answer{notSent}},
			want: want{isUnknown, "", "", nil, 17, concat(at("charge", 0), at("query", 2), at("cancel", 15), at("query", 17))}},
		"refused, denied, revoked": {script: script{charge: rejected, queries: []answer{denied, revoked}, cancels: []answer{accepted}},
			want: want{isNotPaid, "REVOKED", "REVOKED", nil, 17, concat(at("charge", 0), at("query", 2), at("cancel", 15), at("query", 17))}},
		"refused, denied, paid until the cancel is done": {script: script{charge: rejected, queries: []answer{denied, success}, cancels: []answer{accepted}},
			want: want{isPaid, "SUCCESS", "", nil, 32, concat(at("charge", 0), at("query", 2), at("cancel", 15), every("query", 3, 17, 32))}},
		"refused, denied, paid, revoked": {script: script{charge: rejected, queries: []answer{denied, success, success, revoked}, cancels: []answer{accepted}},
			want: want{isNotPaid, "REVOKED", "REVOKED", nil, 23, concat(at("charge", 0), at("query", 2), at("cancel", 15), at("query", 17, 20, 23))}},
		"refused, denied, paid, cancel was not sent": {script: script{charge: rejected, queries: []answer{denied, success}, cancels: []answer{notSent}},
			want: want{isPaid, "SUCCESS", "", nil, 17, concat(at("charge", 0), at("query", 2), at("cancel", 15), at("query", 17))}},
		"refused, denied, open": {script: script{charge: rejected, queries: []answer{denied, paying, closed}, cancels: []answer{accepted}},
			want: want{isNotPaid, "CLOSED", "CLOSED", nil, 20, concat(at("charge", 0), at("query", 2), at("cancel", 15), at("query", 17, 20))}},
		"refused, other amount": {script: script{charge: rejected, queries: []answer{tooMuch}},
			want: want{isUnknown, "SUCCESS", "", duopay.ErrAmountMismatch, 2, concat(at("charge", 0), at("query", 2))}},
		"refused and denied, no cancel": {script: script{charge: rejected, queries: []answer{denied}}, plain: true,
			want: want{isNotPaid, "", "400", nil, 4, concat(at("charge", 0), at("query", 2, 4))}},
		"refused and not found, no cancel": {script: script{charge: rejected, queries: []answer{missing}}, plain: true,
			want: want{isNotPaid, "", "400", nil, 4, concat(at("charge", 0), at("query", 2, 4))}},
		"refused and denied, no cancel allowed": {script: script{charge: rejected, queries: []answer{denied}}, timing: &duopay.Timing{FirstQuery: time.Second},
			want: want{isNotPaid, "", "400", nil, 2, concat(at("charge", 0), at("query", 1, 2))}},
		"refused, open, one cancel only": {
			script: script{charge: rejected, queries: []answer{denied, paying}, cancels: []answer{accepted}},
			timing: &duopay.Timing{FirstQuery: time.Second, QueryEvery: 4 * time.Second, GiveUp: 10 * time.Second, Cancels: 1},
			want:   want{isUnknown, "USERPAYING", "", nil, 10, concat(at("charge", 0), at("query", 1), at("cancel", 1), at("query", 2, 6, 10))},
		},

		// 5: waiting for the payer.
		"pays after a while": {script: script{charge: paying.after(time.Second), queries: []answer{paying, paying, success}},
			want: want{isPaid, "SUCCESS", "", nil, 9, concat(at("charge", 0), at("query", 3, 6, 9))}},
		"lost, then paid": {script: script{charge: lost.after(10 * time.Second), queries: []answer{success}},
			want: want{isPaid, "SUCCESS", "", nil, 12, concat(at("charge", 0), at("query", 12))}},
		"lost, then closed": {script: script{charge: lost, queries: []answer{closed}},
			want: want{isNotPaid, "CLOSED", "CLOSED", nil, 2, concat(at("charge", 0), at("query", 2))}},
		"errors are not final": {script: script{charge: lost, queries: []answer{lost, missing, missing, denied, forSure, invalid, notSent, success}},
			want: want{isPaid, "SUCCESS", "", nil, 23, concat(at("charge", 0), every("query", 3, 2, 23))}},
		"state without meaning": {script: script{charge: strange, queries: []answer{strange, success}},
			want: want{isPaid, "SUCCESS", "", nil, 5, concat(at("charge", 0), at("query", 2, 5))}},
		"bare kinds are no proof": {script: script{charge: answer{err: duopay.NotSent}, queries: []answer{success}},
			want: want{isPaid, "SUCCESS", "", nil, 2, concat(at("charge", 0), at("query", 2))}},
		"paid, then returned in full": {script: script{charge: paying, queries: []answer{refunded}},
			want: want{isNotPaid, "REFUND", "REFUND", nil, 2, concat(at("charge", 0), at("query", 2))}},
		"other amount later": {script: script{charge: paying, queries: []answer{paying, tooMuch}},
			want: want{isUnknown, "SUCCESS", "", duopay.ErrAmountMismatch, 5, concat(at("charge", 0), at("query", 2, 5))}},
		"expires early": {script: script{charge: paying, queries: append(times(7, paying), revoked), cancels: []answer{accepted}}, expires: 19,
			want: want{isNotPaid, "REVOKED", "REVOKED", nil, 19, concat(at("charge", 0), at("query", 2, 5, 8, 11, 14, 17, 19), at("cancel", 19), at("query", 19))}},
		"expires before a cancel is allowed": {script: script{charge: paying, queries: append(times(3, paying), revoked), cancels: []answer{accepted}}, expires: 7,
			want: want{isNotPaid, "REVOKED", "REVOKED", nil, 15, concat(at("charge", 0), at("query", 2, 5, 7), at("cancel", 15), at("query", 15))}},
		"expires after the time to give up": {script: script{charge: paying, queries: append(times(16, paying), closed), cancels: []answer{accepted}}, expires: 60,
			want: want{isNotPaid, "CLOSED", "CLOSED", nil, 45, concat(at("charge", 0), wait45, at("cancel", 45), at("query", 45))}},
		"charge takes longer than patience": {script: script{charge: lost.after(50 * time.Second), queries: []answer{lost, revoked}, cancels: []answer{accepted}},
			want: want{isNotPaid, "REVOKED", "REVOKED", nil, 50, concat(at("charge", 0), at("query", 50), at("cancel", 50), at("query", 50))}},
		"abort before a cancel is allowed": {script: script{charge: paying, queries: append(times(2, paying), revoked), cancels: []answer{accepted}}, abort: 4,
			want: want{isNotPaid, "REVOKED", "REVOKED", nil, 15, concat(at("charge", 0), at("query", 2, 4), at("cancel", 15), at("query", 15))}},
		"abort after a cancel is allowed": {script: script{charge: paying, queries: append(times(7, paying), revoked), cancels: []answer{accepted}}, abort: 18,
			want: want{isNotPaid, "REVOKED", "REVOKED", nil, 18, concat(at("charge", 0), every("query", 3, 2, 17), at("query", 18), at("cancel", 18), at("query", 18))}},
		"abort, but paid": {script: script{charge: paying, queries: []answer{paying, success}}, abort: 4,
			want: want{isPaid, "SUCCESS", "", nil, 4, concat(at("charge", 0), at("query", 2, 4))}},
		"abort while charging": {script: script{charge: paying.after(6 * time.Second), queries: []answer{paying, revoked}, cancels: []answer{accepted}}, abort: 4,
			want: want{isNotPaid, "REVOKED", "REVOKED", nil, 15, concat(at("charge", 0), at("query", 6), at("cancel", 15), at("query", 15))}},
		"abort while canceling": {script: script{charge: paying, queries: append(times(18, paying), revoked), cancels: []answer{accepted}}, abort: 46,
			want: want{isNotPaid, "REVOKED", "REVOKED", nil, 51, concat(at("charge", 0), wait45, at("cancel", 45), at("query", 45, 48, 51))}},

		// 6: giving up.
		"revoked": {script: script{charge: paying, queries: append(times(16, paying), revoked), cancels: []answer{accepted}},
			want: want{isNotPaid, "REVOKED", "REVOKED", nil, 45, concat(at("charge", 0), wait45, at("cancel", 45), at("query", 45))}},
		"being revoked": {script: script{charge: paying, queries: append(append(times(16, paying), times(5, revoking)...), revoked), cancels: []answer{accepted}},
			want: want{isNotPaid, "REVOKED", "REVOKED", nil, 60, concat(at("charge", 0), wait45, at("cancel", 45), every("query", 3, 45, 60))}},
		"being revoked for too long": {script: script{charge: paying, queries: append(append(times(16, paying), times(6, revoking)...), revoked), cancels: []answer{accepted}},
			want: want{isNotPaid, "REVOKED", "REVOKED", nil, 63, concat(at("charge", 0), wait45, at("cancel", 45), every("query", 3, 45, 60), at("cancel", 63), at("query", 63))}},
		"cancel unclear, then accepted": {script: script{charge: paying, queries: append(times(17, paying), closed), cancels: []answer{lost, accepted}},
			want: want{isNotPaid, "CLOSED", "CLOSED", nil, 48, concat(at("charge", 0), wait45, at("cancel", 45), at("query", 45), at("cancel", 48), at("query", 48))}},
		"abort between cancels": {script: script{charge: paying, queries: append(times(17, paying), closed), cancels: []answer{lost, accepted}}, abort: 46,
			want: want{isNotPaid, "CLOSED", "CLOSED", nil, 48, concat(at("charge", 0), wait45, at("cancel", 45), at("query", 45), at("cancel", 48), at("query", 48))}},
		"cancel unclear, but done": {script: script{charge: paying, queries: append(times(16, paying), revoked), cancels: []answer{lost}},
			want: want{isNotPaid, "REVOKED", "REVOKED", nil, 45, concat(at("charge", 0), wait45, at("cancel", 45), at("query", 45))}},
		"cancel always refused": {script: script{charge: paying, queries: []answer{paying}, cancels: []answer{denied}},
			want: want{isUnknown, "USERPAYING", "", nil, 57, concat(at("charge", 0), wait45,
				at("cancel", 45), at("query", 45), at("cancel", 48), at("query", 48), at("cancel", 51), at("query", 51),
				at("cancel", 54), at("query", 54), at("cancel", 57), at("query", 57))}},
		"cancel never sent": {script: script{charge: lost, queries: []answer{lost}, cancels: []answer{notSent}},
			want: want{isUnknown, "", "", nil, 57, concat(at("charge", 0), wait45,
				at("cancel", 45), at("query", 45), at("cancel", 48), at("query", 48), at("cancel", 51), at("query", 51),
				at("cancel", 54), at("query", 54), at("cancel", 57), at("query", 57))}},
		"payer faster than the cancel": {script: script{charge: paying, queries: append(times(16, paying), success), cancels: []answer{accepted}},
			want: want{isPaid, "SUCCESS", "", nil, 60, concat(at("charge", 0), wait45, at("cancel", 45), every("query", 3, 45, 60))}},
		"paid after an unclear cancel": {script: script{charge: paying, queries: append(times(16, paying), success), cancels: []answer{lost}},
			want: want{isPaid, "SUCCESS", "", nil, 66, concat(at("charge", 0), wait45, at("cancel", 45), every("query", 3, 45, 66))}},
		"paid after a cancel that was tried for long": {script: script{charge: paying, queries: append(times(16, paying), success), cancels: []answer{lost.after(36 * time.Second)}},
			want: want{isPaid, "SUCCESS", "", nil, 102, concat(at("charge", 0), wait45, at("cancel", 45), every("query", 3, 81, 102))}},
		"paid for a while, then revoked by a late cancel": {
			script: script{charge: paying, queries: slices.Concat(times(16, paying), times(6, success), []answer{revoked}), cancels: []answer{lost}},
			want:   want{isNotPaid, "REVOKED", "REVOKED", nil, 63, concat(at("charge", 0), wait45, at("cancel", 45), every("query", 3, 45, 63))}},
		"paid, cancel was not sent": {script: script{charge: paying, queries: append(times(16, paying), success), cancels: []answer{notSent}},
			want: want{isPaid, "SUCCESS", "", nil, 45, concat(at("charge", 0), wait45, at("cancel", 45), at("query", 45))}},
		"paid twice, then revoked": {script: script{charge: paying, queries: append(times(16, paying), success, success, revoked), cancels: []answer{accepted}},
			want: want{isNotPaid, "REVOKED", "REVOKED", nil, 51, concat(at("charge", 0), wait45, at("cancel", 45), at("query", 45, 48, 51))}},
		"paid, but not in a row": {script: script{charge: paying, queries: append(times(16, paying), success, success, lost, success, success, success), cancels: []answer{accepted}},
			want: want{isPaid, "SUCCESS", "", nil, 60, concat(at("charge", 0), wait45, at("cancel", 45), every("query", 3, 45, 60))}},
		"paid before and after no answer, then revoked": {
			script: script{charge: paying, queries: slices.Concat(times(16, paying), times(3, success), times(2, lost), times(2, success), []answer{revoked}), cancels: []answer{accepted}},
			want:   want{isNotPaid, "REVOKED", "REVOKED", nil, 66, concat(at("charge", 0), wait45, at("cancel", 45), every("query", 3, 45, 66))}},
		"paid at the last moment is confirmed": {script: script{charge: paying, queries: append(append(times(16, paying), times(5, revoking)...), success), cancels: []answer{accepted}},
			want: want{isPaid, "SUCCESS", "", nil, 66, concat(at("charge", 0), wait45, at("cancel", 45), every("query", 3, 45, 66))}},
		"reversal failed": {script: script{charge: paying, queries: append(times(16, paying), strange, revoked), cancels: []answer{accepted}},
			want: want{isNotPaid, "REVOKED", "REVOKED", nil, 48, concat(at("charge", 0), wait45, at("cancel", 45), at("query", 45), at("cancel", 48), at("query", 48))}},
		"unreadable after a cancel": {script: script{charge: paying, queries: append(times(16, paying), lost, lost, revoked), cancels: []answer{accepted}},
			want: want{isNotPaid, "REVOKED", "REVOKED", nil, 51, concat(at("charge", 0), wait45, at("cancel", 45), at("query", 45, 48, 51))}},
		"other amount after a cancel": {script: script{charge: paying, queries: append(times(16, paying), tooMuch), cancels: []answer{accepted}},
			want: want{isUnknown, "SUCCESS", "", duopay.ErrAmountMismatch, 45, concat(at("charge", 0), wait45, at("cancel", 45), at("query", 45))}},

		// 7: nothing settled.
		"cancel outside the hours": {script: script{charge: paying, queries: []answer{paying}, cancels: []answer{invalid}},
			want: want{isUnknown, "USERPAYING", "", nil, 45, concat(at("charge", 0), wait45, at("cancel", 45))}},
		"gateway cannot cancel": {script: script{charge: paying, queries: []answer{paying}}, plain: true,
			want: want{isUnknown, "USERPAYING", "", nil, 45, concat(at("charge", 0), wait45)}},
		"nothing is ever readable": {script: script{charge: lost, queries: []answer{lost}, cancels: []answer{lost}},
			want: want{isUnknown, "", "", nil, 57, concat(at("charge", 0), wait45,
				at("cancel", 45), at("query", 45), at("cancel", 48), at("query", 48), at("cancel", 51), at("query", 51),
				at("cancel", 54), at("query", 54), at("cancel", 57), at("query", 57))}},
		"no order, which proves nothing here": {script: script{charge: lost, queries: []answer{missing}, cancels: []answer{invalid}},
			want: want{isUnknown, "", "", nil, 45, concat(at("charge", 0), wait45, at("cancel", 45))}},
		"zero timing": {script: script{charge: lost, queries: []answer{lost}, cancels: []answer{accepted}}, timing: &duopay.Timing{},
			want: want{isUnknown, "", "", nil, 0, concat(at("charge", 0), at("query", 0))}},
		"no storm of queries": {script: script{charge: lost, queries: []answer{lost}}, timing: &duopay.Timing{GiveUp: 3 * time.Second},
			want: want{isUnknown, "", "", nil, 3, concat(at("charge", 0), at("query", 0, 1, 2, 3))}},

		// The other provider's flow.
		"at once": {timing: &patient, script: script{charge: lost.after(80 * time.Second), queries: []answer{paying, success}},
			want: want{isPaid, "SUCCESS", "", nil, 83, concat(at("charge", 0), at("query", 80, 83))}},
		"never arrived": {timing: &patient, script: script{charge: lost, queries: []answer{missing}},
			want: want{isNotPaid, "", "NO_ORDER", duopay.ErrNotFound, 100, concat(at("charge", 0), every("query", 3, 0, 99), at("query", 100))}},
		"still in flight": {timing: &patient, script: script{charge: lost, queries: append(times(33, missing), success)},
			want: want{isPaid, "SUCCESS", "", nil, 99, concat(at("charge", 0), every("query", 3, 0, 99))}},
		"not found long enough": {timing: &patient, script: script{charge: lost, queries: append(times(33, lost), missing)},
			want: want{isNotPaid, "", "NO_ORDER", duopay.ErrNotFound, 121, concat(at("charge", 0), every("query", 3, 0, 99), every("query", 3, 100, 121))}},
		"not found often enough": {
			timing: &patient, script: script{charge: lost.after(90 * time.Second), queries: []answer{missing.after(30 * time.Second)}},
			want: want{isNotPaid, "", "NO_ORDER", duopay.ErrNotFound, 186, concat(at("charge", 0), at("query", 90, 123, 156))},
		},
		"not found for long enough, but not often": {
			timing: &leisurely, script: script{charge: lost.after(100 * time.Second), queries: []answer{missing, missing, success}},
			want: want{isPaid, "SUCCESS", "", nil, 160, concat(at("charge", 0), at("query", 100, 130, 160))},
		},
		"not found for long enough, and often": {
			timing: &leisurely, script: script{charge: lost.after(100 * time.Second), queries: []answer{missing}},
			want: want{isNotPaid, "", "NO_ORDER", duopay.ErrNotFound, 160, concat(at("charge", 0), at("query", 100, 130, 160))},
		},
		"not found, but not in a row": {
			timing: &patient, script: script{charge: lost.after(98 * time.Second), queries: []answer{missing, missing, lost}, cancels: []answer{accepted}},
			want: want{isUnknown, "", "", nil, 109, concat(at("charge", 0), at("query", 98, 100, 103), at("cancel", 103), at("query", 103, 106, 109))},
		},
		"seen before, so it arrived": {
			timing: &patient, script: script{charge: paying.after(90 * time.Second), queries: []answer{missing}, cancels: []answer{missing}},
			want: want{isUnknown, "USERPAYING", "NO_ORDER", duopay.ErrNotFound, 100, concat(at("charge", 0), at("query", 90, 93, 96, 99, 100), at("cancel", 100), at("query", 100))},
		},
		"seen by a query, so it arrived": {
			timing: &patient, script: script{charge: lost.after(90 * time.Second), queries: []answer{paying, missing}, cancels: []answer{missing}},
			want: want{isUnknown, "USERPAYING", "NO_ORDER", duopay.ErrNotFound, 100, concat(at("charge", 0), at("query", 90, 93, 96, 99, 100), at("cancel", 100), at("query", 100))},
		},
		"the answer to the charge is not a query": {
			timing: &duopay.Timing{NotFoundQueries: 1}, script: script{charge: missing, queries: []answer{success}},
			want: want{isPaid, "SUCCESS", "", nil, 0, concat(at("charge", 0), at("query", 0))},
		},
		"abort does not make it missing": {
			timing: &patient, script: script{charge: lost, queries: []answer{missing}, cancels: []answer{missing}}, abort: 31,
			want: want{isUnknown, "", "NO_ORDER", duopay.ErrNotFound, 31, concat(at("charge", 0), every("query", 3, 0, 30), at("query", 31), at("cancel", 31), at("query", 31))},
		},
		"expiry does not make it missing": {
			timing: &patient, script: script{charge: lost, queries: []answer{missing}, cancels: []answer{missing}}, expires: 31,
			want: want{isUnknown, "", "NO_ORDER", duopay.ErrNotFound, 31, concat(at("charge", 0), every("query", 3, 0, 30), at("query", 31), at("cancel", 31), at("query", 31))},
		},
		"abort while it is being proven missing": {
			timing: &patient, script: script{charge: lost.after(98 * time.Second), queries: []answer{missing}}, abort: 101,
			want: want{isNotPaid, "", "NO_ORDER", duopay.ErrNotFound, 119, concat(at("charge", 0), at("query", 98, 100), every("query", 3, 101, 119))},
		},
		"abort at once": {
			timing: &patient, script: script{charge: paying, queries: []answer{paying, paying, revoked}, cancels: []answer{accepted}}, abort: 1,
			want: want{isNotPaid, "REVOKED", "REVOKED", nil, 15, concat(at("charge", 0), at("query", 0, 1), at("cancel", 15), at("query", 15))},
		},
		"one cancel": {
			timing: &patient, script: script{charge: lost.after(90 * time.Second), queries: append(times(5, paying), closed), cancels: []answer{accepted}},
			want: want{isNotPaid, "CLOSED", "CLOSED", nil, 100, concat(at("charge", 0), at("query", 90, 93, 96, 99, 100), at("cancel", 100), at("query", 100))},
		},
		"cancel came too late": {
			timing: &patient, script: script{charge: lost.after(90 * time.Second), queries: append(times(5, paying), success), cancels: []answer{accepted}},
			want: want{isPaid, "SUCCESS", "", nil, 106, concat(at("charge", 0), at("query", 90, 93, 96, 99, 100), at("cancel", 100), at("query", 100, 103, 106))},
		},
		"still open after the cancel": {
			timing: &patient, script: script{charge: lost.after(90 * time.Second), queries: []answer{paying}, cancels: []answer{accepted}},
			want: want{isUnknown, "USERPAYING", "", nil, 106, concat(at("charge", 0), at("query", 90, 93, 96, 99, 100), at("cancel", 100), at("query", 100, 103, 106))},
		},
		"open, outside the hours": {
			timing: &patient, script: script{charge: lost.after(90 * time.Second), queries: []answer{paying}, cancels: []answer{invalid}},
			want: want{isUnknown, "USERPAYING", "", nil, 100, concat(at("charge", 0), at("query", 90, 93, 96, 99, 100), at("cancel", 100))},
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				begin := time.Now()
				s := c.script
				s.begin = begin
				charge := duopay.Charge{OrderNo: orderNo, Amount: amount, AuthCode: "134567890123456789"}
				if c.expires > 0 {
					charge.ExpiresAt = begin.Add(time.Duration(c.expires) * time.Second)
				}
				timing := brisk
				if c.timing != nil {
					timing = *c.timing
				}
				options := []duopay.SettleOption{duopay.WithTiming(timing)}
				if c.abort > 0 {
					abort := make(chan struct{})
					time.AfterFunc(time.Duration(c.abort)*time.Second, func() { close(abort) })
					options = append(options, duopay.WithAbort(abort))
				}
				var gateway duopay.Settler = &s
				if c.plain {
					gateway = uncancelable{&s}
				}

				payment, err := duopay.Settle(t.Context(), gateway, charge, options...)

				assert.Equal(t, c.want.outcome, outcomeOf(t, payment, err), "%v", err)
				assert.Equal(t, c.want.calls, s.calls)
				assert.Equal(t, time.Duration(c.want.end)*time.Second, time.Since(begin), "when it ends")
				assert.Equal(t, c.want.state, payment.State)
				if err != nil {
					var e *duopay.Error
					require.ErrorAs(t, err, &e)
					assert.Equal(t, orderNo, orderNoOf(e))
					if c.want.code != "" {
						assert.Equal(t, c.want.code, e.Code)
					}
				}
				if c.want.is != nil {
					require.ErrorIs(t, err, c.want.is)
				}
				for _, ref := range s.refs {
					assert.Equal(t, orderNo, ref.OrderNo)
					assert.Equal(t, amount, ref.Amount)
					assert.Equal(t, begin, ref.CreatedAt)
				}
			})
		})
	}
}

// orderNoOf tolerates the scripted error that names no order.
func orderNoOf(e *duopay.Error) string {
	if errors.Is(e, duopay.ErrAmountMismatch) {
		return orderNo
	}
	return e.OrderNo
}

func TestSettleKeepsWhatIsKnown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first := paying
		first.payment.TradeNo = "T1"
		s := script{timing: brisk, charge: first, queries: []answer{paying, lost, tooMuch}, begin: time.Now()}
		payment, err := duopay.Settle(t.Context(), &s, duopay.Charge{OrderNo: orderNo, Amount: amount})
		require.ErrorIs(t, err, duopay.ErrAmountMismatch)
		assert.Equal(t, duopay.Payment{OrderNo: orderNo, TradeNo: "T1", State: "SUCCESS", Amount: duopay.MustMoney("99")}, payment)
		for _, ref := range s.refs {
			assert.Equal(t, "T1", ref.TradeNo)
		}
	})
}

func TestSettleUsesTheGatewaysTiming(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := script{timing: duopay.Timing{FirstQuery: 7 * time.Second, GiveUp: time.Minute}, charge: lost, queries: []answer{success}, begin: time.Now()}
		_, err := duopay.Settle(t.Context(), &s, duopay.Charge{OrderNo: orderNo, Amount: amount}, duopay.WithProgress(nil), duopay.WithAbort(nil))
		require.NoError(t, err)
		assert.Equal(t, concat(at("charge", 0), at("query", 7)), s.calls)
	})
}

func TestSettleCountsFromTheCharge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := script{timing: brisk, charge: paying, queries: append(times(16, paying), revoked), cancels: []answer{accepted}}
		slow := duopay.WithProgress(func(p duopay.Progress) {
			if p.Step == duopay.StepCharge {
				time.Sleep(time.Minute)
				s.begin = time.Now()
			}
		})
		_, err := duopay.Settle(t.Context(), &s, duopay.Charge{OrderNo: orderNo, Amount: amount}, slow)
		require.ErrorIs(t, err, duopay.Refused)
		assert.Equal(t, concat(at("charge", 0), wait45, at("cancel", 45), at("query", 45)), s.calls)
	})
}

func TestSettleContextEnds(t *testing.T) {
	slow := func(a answer) answer { return a.after(4 * time.Second) }
	hangUp := errors.New("the till was switched off")
	for name, c := range map[string]struct {
		script script
		end    int
		last   string // the last call that was made
	}{
		"during the charge":               {script{charge: slow(success)}, 1, "0s charge"},
		"during a charge that is refused": {script{charge: slow(forSure)}, 1, "0s charge"},
		"before the first query":          {script{charge: paying}, 1, "0s charge"},
		"during a query":                  {script{charge: paying, queries: []answer{slow(success)}}, 3, "2s query"},
		"between queries":                 {script{charge: paying, queries: []answer{paying}}, 7, "5s query"},
		"before the query after refusal":  {script{charge: rejected}, 1, "0s charge"},
		"during the query after refusal":  {script{charge: rejected, queries: []answer{slow(closed)}}, 3, "2s query"},
		"before a cancel after refusal":   {script{charge: rejected, queries: []answer{denied}}, 14, "2s query"},
		"during a cancel after refusal":   {script{charge: rejected, queries: []answer{denied}, cancels: []answer{slow(accepted)}}, 16, "15s cancel"},
		"after a cancel after refusal":    {script{charge: rejected, queries: []answer{denied}, cancels: []answer{accepted}}, 16, "15s cancel"},
		"during the last query":           {script{charge: rejected, queries: []answer{denied, slow(denied)}, cancels: []answer{accepted}}, 18, "17s query"},
		"during a cancel":                 {script{charge: paying, queries: []answer{paying}, cancels: []answer{slow(accepted)}}, 46, "45s cancel"},
		"during a query after a cancel":   {script{charge: paying, queries: append(times(16, paying), slow(revoked)), cancels: []answer{accepted}}, 46, "45s query"},
		"between queries after a cancel":  {script{charge: paying, queries: []answer{paying}, cancels: []answer{accepted}}, 50, "48s query"},
		"while paid is confirmed":         {script{charge: paying, queries: append(times(16, paying), success), cancels: []answer{accepted}}, 50, "48s query"},
		"between cancels":                 {script{charge: paying, queries: []answer{paying}, cancels: []answer{lost}}, 47, "45s query"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := c.script
				s.timing, s.begin = brisk, time.Now()
				ctx, cancel := context.WithCancelCause(t.Context())
				time.AfterFunc(time.Duration(c.end)*time.Second, func() { cancel(hangUp) })

				payment, err := duopay.Settle(ctx, &s, duopay.Charge{OrderNo: orderNo, Amount: amount})

				assert.Equal(t, isUnknown, outcomeOf(t, payment, err))
				require.ErrorIs(t, err, hangUp)
				assert.Equal(t, time.Duration(c.end)*time.Second, time.Since(s.begin))
				assert.Equal(t, c.last, s.calls[len(s.calls)-1])
			})
		})
	}
}

// A gateway that goes on when the context has ended may still answer. What it
// proves is taken, the rest is unknown, and nothing more is sent.
func TestSettleContextEndsDeafGateway(t *testing.T) {
	for name, c := range map[string]struct {
		script script
		want   outcome
		last   string
	}{
		"charge paid":        {script{charge: success}, isPaid, "0s charge"},
		"charge pending":     {script{charge: paying}, isUnknown, "0s charge"},
		"charge unclear":     {script{charge: lost}, isUnknown, "0s charge"},
		"charge refused":     {script{charge: rejected}, isUnknown, "0s charge"},
		"query paid":         {script{charge: paying.after(-1), queries: []answer{success}}, isPaid, "2s query"},
		"query denied":       {script{charge: rejected.after(-1), queries: []answer{denied}}, isUnknown, "2s query"},
		"query pending":      {script{charge: lost.after(-1), queries: []answer{paying}}, isUnknown, "2s query"},
		"query closed":       {script{charge: lost.after(-1), queries: []answer{closed}}, isNotPaid, "2s query"},
		"query other amount": {script{charge: lost.after(-1), queries: []answer{tooMuch}}, isUnknown, "2s query"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := c.script
				s.timing, s.begin, s.deaf = brisk, time.Now(), true
				for i := range s.queries {
					s.queries[i].took = time.Minute
				}
				if s.charge.took == 0 {
					s.charge.took = time.Minute
				}
				ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
				defer cancel()
				payment, err := duopay.Settle(ctx, &s, duopay.Charge{OrderNo: orderNo, Amount: amount})
				assert.Equal(t, c.want, outcomeOf(t, payment, err))
				assert.Equal(t, c.last, s.calls[len(s.calls)-1])
			})
		})
	}
}

func TestSettleContextEndsBeforeTheLastDenial(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := script{timing: brisk, charge: rejected, queries: []answer{denied, denied.after(time.Minute)}, cancels: []answer{accepted}, deaf: true, begin: time.Now()}
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		payment, err := duopay.Settle(ctx, &s, duopay.Charge{OrderNo: orderNo, Amount: amount})
		assert.Equal(t, isUnknown, outcomeOf(t, payment, err))
		require.ErrorIs(t, err, context.DeadlineExceeded)
		assert.Equal(t, "17s query", s.calls[len(s.calls)-1])
	})
}

// The kind says what is proven, the status stays unknown.
func TestSettleContextEndsNotSent(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	s := script{timing: brisk, charge: notSent, deaf: true}
	payment, err := duopay.Settle(ctx, &s, duopay.Charge{OrderNo: orderNo, Amount: amount})
	require.ErrorIs(t, err, duopay.NotSent)
	assert.Equal(t, duopay.Unknown, payment.Status)
	assert.Len(t, s.calls, 1)
}

func TestResume(t *testing.T) {
	for name, c := range map[string]struct {
		script  script
		timing  duopay.Timing
		age     int // seconds since the charge; negative: not given
		tradeNo string
		plain   bool
		want    outcome
		calls   []string
	}{
		"paid meanwhile": {script: script{queries: []answer{success}}, timing: brisk, age: 86400, want: isPaid, calls: every("query", 3, 0, 21)},
		"paid, but a cancel was under way": {script: script{queries: []answer{success, revoked}}, timing: brisk, age: 50,
			want: isNotPaid, calls: at("query", 0, 3)},
		"paid, said so long that a cancel came meanwhile": {
			script: script{queries: append(times(6, success), success.after(4*time.Second), revoked)}, timing: brisk, age: 50,
			want: isNotPaid, calls: concat(every("query", 3, 0, 18), at("query", 25)),
		},
		"paid, no cancel is possible": {script: script{queries: []answer{success}}, timing: brisk, age: 50, plain: true,
			want: isPaid, calls: at("query", 0)},
		"closed meanwhile": {script: script{queries: []answer{closed}}, timing: brisk, age: 50, want: isNotPaid, calls: at("query", 0)},
		"the time is over": {script: script{queries: []answer{paying, revoked}, cancels: []answer{accepted}}, timing: brisk, age: 50,
			want: isNotPaid, calls: concat(at("query", 0), at("cancel", 0), at("query", 0))},
		"the time goes on": {script: script{queries: []answer{lost, paying, paying, revoked}, cancels: []answer{accepted}}, timing: brisk, age: 40,
			want: isNotPaid, calls: concat(at("query", 0, 3, 5), at("cancel", 5), at("query", 5))},
		"the time begins now": {script: script{queries: append(times(16, paying), revoked), cancels: []answer{accepted}}, timing: brisk, age: -1,
			want: isNotPaid, calls: concat(every("query", 3, 0, 45), at("cancel", 45), at("query", 45))},
		"a clock that is ahead": {script: script{queries: append(times(16, paying), revoked), cancels: []answer{accepted}}, timing: brisk, age: -8 * 3600,
			want: isNotPaid, calls: concat(every("query", 3, 0, 45), at("cancel", 45), at("query", 45))},
		"other amount": {script: script{queries: []answer{tooMuch}}, timing: brisk, age: 50, want: isUnknown, calls: at("query", 0)},
		"nothing readable": {script: script{queries: []answer{lost}, cancels: []answer{invalid}}, timing: brisk, age: 50,
			want: isUnknown, calls: concat(at("query", 0), at("cancel", 0))},
		"never arrived": {script: script{queries: []answer{missing}}, timing: patient, age: 3600,
			want: isNotPaid, calls: every("query", 3, 0, 21)},
		"arrived while it was said that it had not": {
			script: script{queries: []answer{missing, missing, missing.after(35 * time.Second), success}}, timing: patient, age: 60,
			want: isPaid, calls: at("query", 0, 3, 6, 44, 47, 50),
		},
		"arrived, as its trade number shows": {script: script{queries: []answer{missing}, cancels: []answer{missing}}, timing: patient, age: 3600, tradeNo: "T1",
			want: isUnknown, calls: concat(at("query", 0), at("cancel", 0), at("query", 0))},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := c.script
				s.timing, s.begin = c.timing, time.Now()
				order := duopay.Reference{OrderNo: orderNo, TradeNo: c.tradeNo, Amount: amount}
				if c.age != -1 {
					order.CreatedAt = s.begin.Add(-time.Duration(c.age) * time.Second)
				}
				var gateway duopay.Settler = &s
				if c.plain {
					gateway = uncancelable{&s}
				}
				payment, err := duopay.Resume(t.Context(), gateway, order)
				assert.Equal(t, c.want, outcomeOf(t, payment, err))
				assert.Equal(t, c.calls, s.calls)
				assert.Equal(t, c.tradeNo, payment.TradeNo)
			})
		})
	}
}

func TestResumeContextEnded(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	s := script{timing: brisk, queries: []answer{success}}
	payment, err := duopay.Resume(ctx, &s, duopay.Reference{OrderNo: orderNo})
	assert.Equal(t, isUnknown, outcomeOf(t, payment, err))
	require.ErrorIs(t, err, context.Canceled)
	assert.Empty(t, s.calls)
}

func TestSettleProgress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := script{
			timing: brisk, charge: lost.after(14 * time.Second), queries: []answer{paying, lost, success, revoked},
			cancels: []answer{accepted}, begin: time.Now(),
		}
		var got []string
		_, err := duopay.Settle(t.Context(), &s, duopay.Charge{OrderNo: orderNo, Amount: amount, ExpiresAt: s.begin.Add(17 * time.Second)},
			duopay.WithProgress(func(p duopay.Progress) {
				assert.Equal(t, orderNo, p.OrderNo)
				failed := ""
				if p.Err != nil {
					failed = " error"
				}
				got = append(got, strings.TrimSpace(fmt.Sprintf("%v %s %v, %v %s%s", p.Elapsed, p.Step, p.Wait, p.Payment.Status, p.Payment.State, failed)))
			}))
		require.ErrorIs(t, err, duopay.Refused)
		assert.Equal(t, []string{
			"0s charging 0s, unknown",
			"14s waiting 2s, unknown  error",
			"16s querying 0s, unknown  error",
			"16s waiting 1s, pending USERPAYING",
			"17s querying 0s, pending USERPAYING",
			"17s canceling 0s, pending USERPAYING error",
			"17s querying 0s, pending USERPAYING",
			"17s waiting 3s, paid SUCCESS",
			"20s querying 0s, paid SUCCESS",
			"20s settled 0s, canceled REVOKED error",
		}, got)
	})
}

// The last report tells the outcome that Settle returns.
func TestSettleLastReport(t *testing.T) {
	for name, a := range map[string]answer{"paid": success, "not paid": closed, "not sent": notSent, "unknown": tooMuch} {
		t.Run(name, func(t *testing.T) {
			var last duopay.Progress
			payment, err := duopay.Settle(t.Context(), &script{charge: a}, duopay.Charge{OrderNo: orderNo, Amount: amount},
				duopay.WithProgress(func(p duopay.Progress) { last = p }))
			assert.Equal(t, duopay.StepDone, last.Step)
			assert.Equal(t, err, last.Err)
			assert.Equal(t, payment, last.Payment)
		})
	}
}

// dice answers at random, and remembers its last word.
type dice struct {
	*rand.Rand
	timing           duopay.Timing
	charges, cancels int
	early            bool // a cancel came before its time
	begin            time.Time
	last             answer
}

func (d *dice) Timing() duopay.Timing { return d.timing }

func (d *dice) roll() (duopay.Payment, error) {
	all := []answer{
		success, paying, revoking, revoked, closed, failed, refunded, partly, strange,
		invalid, notSent, rejected, forSure, denied, lost, missing, tooMuch,
	}
	// Mostly answers that settle nothing, so that the walk is long.
	dull := []answer{paying, revoking, strange, rejected, denied, lost, missing}
	if d.IntN(4) > 0 {
		all = dull
	}
	d.last = all[d.IntN(len(all))]
	time.Sleep(time.Duration(d.IntN(5000)) * time.Millisecond)
	return d.last.payment, d.last.err
}

func (d *dice) Charge(context.Context, duopay.Charge) (duopay.Payment, error) {
	d.charges++
	return d.roll()
}

func (d *dice) Query(context.Context, duopay.Reference) (duopay.Payment, error) { return d.roll() }

func (d *dice) Cancel(context.Context, duopay.Reference) (duopay.Payment, error) {
	d.cancels++
	d.early = d.early || time.Since(d.begin) < d.timing.CancelAfter
	payment, err := d.roll()
	d.last = answer{} // never the word that settles
	return payment, err
}

func TestSettleAnyAnswers(t *testing.T) {
	ends := make(map[outcome]int)
	for seed := range uint64(400) {
		synctest.Test(t, func(t *testing.T) {
			d := &dice{Rand: rand.New(rand.NewPCG(seed, 1)), timing: brisk, begin: time.Now()}
			if seed%2 == 1 {
				d.timing = patient
			}
			payment, err := duopay.Settle(t.Context(), d, duopay.Charge{OrderNo: orderNo, Amount: amount})
			end := outcomeOf(t, payment, err)
			ends[end]++
			assert.Equal(t, 1, d.charges)
			assert.LessOrEqual(t, d.cancels, d.timing.Cancels)
			assert.False(t, d.early)
			assert.Less(t, time.Since(d.begin), 10*time.Minute)
			switch end {
			case isPaid:
				require.NoError(t, d.last.err)
				assert.True(t, d.last.payment.Status.Paid())
			case isNotPaid:
				said := d.last.payment.Status
				assert.True(t, d.last.err != nil || said.NotPaid() || said == duopay.Refunded, "the last word was %v", said)
			}
			if t.Failed() {
				t.Fatal("seed", seed)
			}
		})
	}
	for _, end := range []outcome{isPaid, isNotPaid, isUnknown} {
		assert.Greater(t, ends[end], 20, "%s: the scripts are too tame", end)
	}
}

// world is a gateway that never lies, on a network that loses what it likes:
// requests may be lost, late (a charge up to a minute), or done without an
// answer, the payer pays at some time or never, reversals take some seconds.
type world struct {
	*rand.Rand
	timing             duopay.Timing
	begin              time.Time
	arrives, pays, end time.Time // of the charge, of the payer, of the reversal; zero: never
	cancels            int
}

func (w *world) Timing() duopay.Timing { return w.timing }

func (w *world) reached(t time.Time) bool { return !t.IsZero() && !time.Now().Before(t) }

// paid reports whether the payer's money is with the merchant.
func (w *world) paid() bool { return w.reached(w.pays) && !w.reached(w.end) }

// weather loses a request or its answer.
func (w *world) weather() (request, reply bool) {
	time.Sleep(time.Duration(w.IntN(1500)) * time.Millisecond)
	return w.IntN(5) > 0, w.IntN(5) > 0
}

// within returns a time from now.
func (w *world) within(d time.Duration) time.Time {
	return time.Now().Add(time.Duration(w.Int64N(int64(d))))
}

func (w *world) Charge(context.Context, duopay.Charge) (duopay.Payment, error) {
	if w.IntN(10) == 0 {
		return notSent.payment, notSent.err
	}
	if w.IntN(10) == 0 { // refused; seldom although the money is taken
		if w.IntN(4) == 0 {
			w.arrives, w.pays = time.Now(), time.Now()
		}
		return rejected.payment, rejected.err
	}
	request, reply := w.weather()
	if !request { // lost, or on its way for a long time
		if w.IntN(2) == 0 {
			w.arrives = w.within(time.Minute)
			w.pays = w.arrives
		}
		time.Sleep(10 * time.Second)
		return lost.payment, lost.err
	}
	w.arrives = time.Now()
	if w.IntN(3) > 0 {
		w.pays = w.within(90 * time.Second)
	}
	if !reply {
		return lost.payment, lost.err
	}
	return w.state()
}

func (w *world) state() (duopay.Payment, error) {
	a := paying
	switch {
	case !w.reached(w.arrives):
		a = missing
	case w.reached(w.end):
		a = revoked
	case w.reached(w.pays):
		a = success
	case !w.end.IsZero():
		a = revoking
	}
	return a.payment, a.err
}

func (w *world) Query(context.Context, duopay.Reference) (duopay.Payment, error) {
	if request, reply := w.weather(); !request || !reply {
		return lost.payment, lost.err
	}
	return w.state()
}

func (w *world) Cancel(context.Context, duopay.Reference) (duopay.Payment, error) {
	w.cancels++
	request, reply := w.weather()
	if request && w.reached(w.arrives) && w.end.IsZero() {
		w.end = w.within(6 * time.Second)
		if !w.reached(w.pays) && w.IntN(2) == 0 {
			w.pays = time.Time{}
		}
	}
	if !request || !reply {
		return lost.payment, lost.err
	}
	if !w.reached(w.arrives) {
		return denied.payment, denied.err
	}
	return accepted.payment, accepted.err
}

func TestSettleTellsTheTruth(t *testing.T) {
	ends := make(map[outcome]int)
	for seed := range uint64(600) {
		synctest.Test(t, func(t *testing.T) {
			w := &world{Rand: rand.New(rand.NewPCG(seed, 2)), timing: patient, begin: time.Now()}
			if seed%2 == 1 {
				w.timing = brisk
			}
			ctx, cancel := t.Context(), context.CancelFunc(func() {})
			if seed%5 == 0 { // the process dies, and comes back
				ctx, cancel = context.WithTimeout(ctx, time.Duration(w.IntN(120))*time.Second)
			}
			defer cancel()
			payment, err := duopay.Settle(ctx, w, duopay.Charge{OrderNo: orderNo, Amount: amount})
			if ctx.Err() != nil && errors.Is(err, duopay.Unsure) {
				payment, err = duopay.Resume(t.Context(), w, duopay.Reference{OrderNo: orderNo, Amount: amount, CreatedAt: w.begin})
			}
			end := outcomeOf(t, payment, err)
			ends[end]++
			assert.Less(t, time.Since(w.begin), 10*time.Minute)
			time.Sleep(time.Hour) // when all is over
			switch end {
			case isPaid:
				assert.True(t, w.paid(), "said paid, but it is not")
			case isNotPaid:
				assert.False(t, w.paid(), "said not paid, but it is")
			}
			if t.Failed() {
				t.Fatal("seed", seed)
			}
		})
	}
	for _, end := range []outcome{isPaid, isNotPaid, isUnknown} {
		assert.Greater(t, ends[end], 10, "%s: the world is too tame", end)
	}
}
