package duopaytest

import (
	"cmp"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/duopay/duopay"
)

func queryRules() []rule {
	return []rule{{
		name:  "query/open",
		words: "an order that nobody has paid is neither paid nor not paid: it still can be",
		needs: []need{queries, openable},
		check: func(b *bench) error {
			order, err := b.open()
			if err != nil {
				return err
			}
			p, err := b.query(order)
			return saysNothing(told(p, err), p, err, "nobody has paid")
		},
	}, {
		name:  "query/paid",
		words: "an order that was paid is paid, with its number and amount",
		needs: []need{queries, payable},
		check: func(b *bench) error {
			order, err := b.paid(price)
			if err != nil {
				return err
			}
			p, err := b.query(order)
			if told(p, err) != isPaid {
				return oneLine("it was paid, and is reported as %v, %v", p.Status, err)
			}
			if p.OrderNo != order.OrderNo || !p.Amount.IsZero() && p.Amount != price {
				return oneLine("it was order %s of %s, and is reported as order %s of %s", order.OrderNo, price, p.OrderNo, p.Amount)
			}
			return nil
		},
	}, {
		name:   "query/fault",
		words:  "a query that went wrong changes nothing: status unknown, unsure or not sent, and not even that the order is not found",
		needs:  []need{queries, payable},
		faults: all(),
		check: func(b *bench) error {
			order, err := b.paid(price)
			if err != nil {
				return err
			}
			b.line.set(always(b.fault, anything))
			p, err := b.query(order)
			if errors.Is(err, duopay.ErrNotFound) {
				return oneLine("it is reported as not found: %v", err)
			}
			return unclear(b.fault, p.Status, err)
		},
	}, {
		name:  "query/not found",
		words: "an order that the provider does not know is an error and proves nothing: it may be on its way; ErrNotFound, if Settle is to count it",
		needs: []need{queries},
		check: queryNotFound,
	}, {
		name:  "query/other order",
		words: "an answer about another order says nothing about this one",
		needs: []need{queries, payable, openable},
		check: func(b *bench) error {
			paid, err := b.paid(price)
			if err != nil {
				return err
			}
			open, err := b.open()
			if err != nil {
				return err
			}
			if _, err := b.query(paid); err != nil {
				return err
			}
			b.line.set(always(swap, anything))
			p, err := b.query(open)
			return saysNothing(told(p, err), p, err, "the answer was about another order")
		},
	}, {
		name:  "query/changed",
		words: "where answers are signed, no letter or digit of one can be changed so that it says something else and is believed, nor beside the genuine one or without a part of it",
		needs: []need{queries, payable, signs},
		check: queryChanged,
	}, {
		name:  "query/amount",
		words: "an order that was paid with another amount than was ordered is unknown, with ErrAmountMismatch",
		needs: []need{queries, payable},
		check: func(b *bench) error {
			order, err := b.paid(price)
			if err != nil {
				return err
			}
			p, err := b.query(order)
			if err == nil && p.Amount.IsZero() {
				return skipped("the answer to a query tells no amount")
			}
			order.Amount = price.Add(fen)
			p, err = b.query(order)
			if !errors.Is(err, duopay.ErrAmountMismatch) || p.Status != duopay.Unknown {
				return oneLine("%s was paid in place of %s, and it is reported as %v, %v", price, order.Amount, p.Status, err)
			}
			return nil
		},
	}}
}

func queryNotFound(b *bench) error {
	p, err := b.query(reference(b.number(), price))
	if err == nil || p.Status != duopay.Unknown {
		return oneLine("it is reported as %v, %v", p.Status, err)
	}
	if certain(err) {
		return oneLine("nobody knows the order, and the error is certain: %v", err)
	}
	s, ok := b.Gateway.(duopay.Settler)
	if ok && s.Timing().NotFoundQueries > 0 && !errors.Is(err, duopay.ErrNotFound) {
		return oneLine("the timing counts answers that are ErrNotFound, and this one is not: %v", err)
	}
	return nil
}

// mostChanges bounds in how many places an answer is changed.
const mostChanges = 64

func queryChanged(b *bench) error {
	order, err := b.paid(price)
	if err != nil {
		return err
	}
	genuine, err := b.query(order)
	if err != nil {
		return err
	}
	length := len(b.line.lastBody())
	for i, n := 0, 0; i < length; i, n = i+length/mostChanges+1, n+1 {
		for _, smuggle := range []smuggle{inPlace, smuggles[n%len(smuggles)]} {
			var from, to string
			b.line.alter(func(body []byte) []byte {
				from = string(body)
				to, _ = change(from, min(i, len(from)-1))
				return []byte(smuggle(from, cmp.Or(to, from)))
			})
			p, err := b.query(order)
			if err == nil && !alike(p, genuine) {
				return oneLine("with byte %d changed it says something else and is believed: %.60q", i, to[max(0, i-20):])
			}
		}
	}
	return nil
}

// smuggle is a way to bring a changed answer; both are JSON objects.
type smuggle func(genuine, changed string) string

func inPlace(_, changed string) string { return changed }

// smuggles bring it before or behind the genuine one, by the same names or almost,
// and without one of its members, which may be the signature.
var smuggles = []smuggle{
	func(genuine, changed string) string { return joined(changed, genuine) },
	joined,
	func(genuine, changed string) string { return joined(renamed(changed), genuine) },
	func(genuine, changed string) string { return joined(genuine, renamed(changed)) },
	func(genuine, changed string) string { return joined(renamed(less(changed, 0)), genuine) },
	func(_, changed string) string { return less(changed, 0) },
	func(_, changed string) string { return less(changed, 1) },
}

// joined returns an object with the members of both.
func joined(a, b string) string {
	return strings.TrimSuffix(strings.TrimSpace(a), "}") + "," + strings.TrimPrefix(strings.TrimSpace(b), "{")
}

// renamed returns an object whose members have their names in upper case.
func renamed(object string) string {
	return rebuilt(object, func(_ int, name string) (string, bool) { return strings.ToUpper(name), true })
}

// less returns an object without its n-th member, by name.
func less(object string, n int) string {
	return rebuilt(object, func(i int, name string) (string, bool) { return name, i != n })
}

// rebuilt returns an object with the members, sorted by name, that keep names;
// what is no object stays as it is.
func rebuilt(object string, keep func(i int, name string) (string, bool)) string {
	var members map[string]json.RawMessage
	if json.Unmarshal([]byte(object), &members) != nil {
		return object
	}
	var kept []string
	for i, name := range slices.Sorted(maps.Keys(members)) {
		if as, ok := keep(i, name); ok {
			kept = append(kept, strconv.Quote(as)+":"+string(members[name]))
		}
	}
	return "{" + strings.Join(kept, ",") + "}"
}
