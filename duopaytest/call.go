package duopaytest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/duopay/duopay"
)

// callRules are those that are the same for every operation.
func callRules() []rule {
	return []rule{{
		name:  "call/canceled before",
		words: "nothing is sent for a context that has ended, and the call is an error",
		check: canceledBefore,
	}, {
		name:   "call/canceled",
		words:  "a call returns as soon as its context ends, and what may have arrived is unsure",
		faults: under(Unreachable, Stalled, Slow, Stuck),
		check:  canceledMeanwhile,
	}, {
		name:  "call/attempts",
		words: "what may have arrived is unsure, even if it is sent again and that never leaves",
		check: attempts,
	}, {
		name:   "call/errors",
		words:  "every error is a *duopay.Error that names provider, operation and number",
		faults: under(LostAfter, ServerError, Garbage),
		check: func(bench *bench) error {
			return bench.eachCall(func(c call) error {
				bench.line.set(always(bench.fault, c.number))
				_, err := c.do(bench.ctx)
				var e *duopay.Error
				if !errors.As(err, &e) {
					return oneLine("the error is no *duopay.Error: %v", err)
				}
				if e.Provider == "" || e.Op == "" || e.OrderNo == "" {
					return oneLine("the error lacks its provider, operation or number: %v", err)
				}
				return nil
			})
		},
	}, {
		name:   "call/secrets",
		words:  "no key, payment code or address is in an error, whichever way it is printed, logged or marshalled",
		faults: append(all(), parrot, echo),
		check:  secrets,
	}, {
		name:  "call/raw reply",
		words: "the provider's reply is in Native as it came, byte for byte: all of it, or the part that is signed",
		check: func(bench *bench) error {
			return bench.eachCall(func(c call) error {
				native, err := c.do(bench.ctx)
				if err != nil || !c.replies {
					return nil //nolint:nilerr // that it fails is another rule's
				}
				if native == nil {
					return oneLine("Native is nil")
				}
				reply := string(bench.line.lastBody())
				if !holds(native, func(text string) bool { return isReply(text) && strings.Contains(reply, text) }) {
					return oneLine("Native, a %T, does not hold the reply as it came", native)
				}
				return nil
			})
		},
	}, {
		name:  "call/unknown fields",
		words: "a field that the gateway does not know does no harm, and is reachable in Native",
		rests: []string{"call/raw reply"},
		check: unknownFields,
	}, {
		name:  "call/concurrent",
		words: "calls at the same time, with one gateway, do not get into each other's way",
		needs: []need{queries, payable},
		rests: []string{"charge/paid", "query/paid"},
		check: concurrent,
	}}
}

// call is an operation, ready to go.
type call struct {
	name    string
	number  string // that all its requests name
	code    string // payment code, of a charge
	replies bool   // has a reply for Native
	do      func(context.Context) (native any, err error)
}

// eachCall checks every operation of the gateway, each with orders of its own.
func (b *bench) eachCall(check func(call) error) error {
	tried := 0
	for _, c := range b.calls() {
		if !c.can.met(b) {
			continue
		}
		b.line.set(nil)
		b.line.alter(nil)
		ready, err := c.arrange(b)
		if err == nil {
			ready.name = c.name
			err = check(ready)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
		tried++
	}
	if tried == 0 {
		return skipped("the gateway can do nothing that the rig can arrange")
	}
	return nil
}

// arrangement is how to get an operation ready.
type arrangement struct {
	name    string
	can     need
	arrange func(*bench) (call, error)
}

func both(needs ...need) need {
	return need{met: func(b *bench) bool {
		for _, n := range needs {
			if !n.met(b) {
				return false
			}
		}
		return true
	}}
}

func (b *bench) calls() []arrangement {
	return []arrangement{
		{"Charge", charges, func(b *bench) (call, error) {
			c := b.newCharge(price)
			return call{number: c.OrderNo, code: c.AuthCode, replies: true, do: func(ctx context.Context) (any, error) {
				p, err := b.Gateway.(duopay.Charger).Charge(ctx, c)
				return p.Native, err
			}}, nil
		}},
		{"Charge with a used code", charges, func(b *bench) (call, error) {
			c := b.newCharge(price)
			_, err := b.charge(c)
			c.OrderNo = b.number()
			return call{number: c.OrderNo, code: c.AuthCode, do: func(ctx context.Context) (any, error) {
				p, err := b.Gateway.(duopay.Charger).Charge(ctx, c)
				return p.Native, err
			}}, err
		}},
		{"Prepare", prepares, func(b *bench) (call, error) {
			o := b.newOrder(price)
			return call{number: o.OrderNo, replies: true, do: func(ctx context.Context) (any, error) {
				p, err := b.Gateway.(duopay.Preparer).Prepare(ctx, o)
				return p.Native, err
			}}, nil
		}},
		{"Query", both(queries, payable), func(b *bench) (call, error) {
			order, err := b.paid(price)
			return call{number: anything, replies: true, do: func(ctx context.Context) (any, error) {
				p, err := b.Gateway.(duopay.Querier).Query(ctx, order)
				return p.Native, err
			}}, err
		}},
		{"Refund", both(refunds, payable), func(b *bench) (call, error) {
			order, err := b.paid(price)
			r := b.newRefund(order, other)
			return call{number: r.RefundNo, replies: true, do: func(ctx context.Context) (any, error) {
				result, err := b.Gateway.(duopay.Refunder).Refund(ctx, r)
				return result.Native, err
			}}, err
		}},
		{"QueryRefund", both(asks, refunds, payable), func(b *bench) (call, error) {
			order, err := b.paid(price)
			r := b.newRefund(order, other)
			if err == nil {
				err = b.refunded(r)
			}
			return call{number: anything, replies: true, do: func(ctx context.Context) (any, error) {
				result, err := b.Gateway.(duopay.RefundQuerier).QueryRefund(ctx, r)
				return result.Native, err
			}}, err
		}},
		{"Cancel", both(cancels, charges), func(b *bench) (call, error) {
			order, err := b.charged(price)
			b.cancelable()
			return call{number: order.OrderNo, do: func(ctx context.Context) (any, error) {
				p, err := b.Gateway.(duopay.Canceler).Cancel(ctx, order)
				return p.Native, err
			}}, err
		}},
		{"Close", both(closes, prepares), func(b *bench) (call, error) {
			order, err := b.prepared(price)
			return call{number: order.OrderNo, do: func(ctx context.Context) (any, error) {
				p, err := b.Gateway.(duopay.Closer).Close(ctx, order)
				return p.Native, err
			}}, err
		}},
	}
}

func canceledBefore(b *bench) error {
	return b.eachCall(func(c call) error {
		ctx, cancel := context.WithCancel(b.ctx)
		cancel()
		before := b.line.requests(c.number)
		_, err := c.do(ctx)
		if err == nil || b.line.requests(c.number) != before {
			return oneLine("the context had ended; the call ended in %v after %d requests", err, b.line.requests(c.number)-before)
		}
		return nil
	})
}

func canceledMeanwhile(b *bench) error {
	return b.eachCall(func(c call) error {
		const after, soon = time.Second, 2 * time.Second
		b.line.set(always(b.fault, c.number))
		ctx, cancel := context.WithTimeout(b.ctx, after)
		defer cancel()
		start := time.Now()
		_, err := c.do(ctx)
		if took := time.Since(start); took > soon {
			return oneLine("the context ended after %v, the call after %v", after, took)
		}
		return unclear(b.fault, duopay.Unknown, err)
	})
}

func attempts(b *bench) error {
	return b.eachCall(func(c call) error {
		var made atomic.Int32
		b.line.set(func(sent string) Fault {
			switch {
			case !strings.Contains(sent, c.number):
				return None
			case made.Add(1) == 1:
				return LostAfter
			}
			return Unreachable
		})
		_, err := c.do(b.ctx)
		if made.Load() < 2 {
			return nil // is not sent again
		}
		return unclear(LostAfter, duopay.Unknown, err)
	})
}

func secrets(b *bench) error {
	return b.eachCall(func(c call) error {
		hidden := append([]string{c.code}, b.Secrets...)
		// An answer in which every text ends with what must not be seen.
		gossip := func(body []byte) []byte {
			return texts.ReplaceAll(body, []byte("$1 "+strings.Join(hidden, " ")+`"`))
		}
		b.line.set(always(b.fault, c.number))
		if b.fault == echo {
			b.line.set(nil)
			b.line.alter(gossip)
		}
		_, err := c.do(b.ctx)
		if err == nil {
			return nil // not this rule's
		}
		shown := printed(err)
		for _, secret := range append(b.line.addresses(), hidden...) {
			if secret != "" && strings.Contains(shown, secret) {
				return oneLine("the error holds a key, payment code or address: %s", strings.ReplaceAll(shown, secret, "<HERE>"))
			}
		}
		return nil
	})
}

// texts matches the texts in JSON that are values.
var texts = regexp.MustCompile(`(:\s*"[^"\\]*)"`)

// printed returns an error in every form in which it may be seen.
func printed(err error) string {
	var out bytes.Buffer
	fmt.Fprintf(&out, "%v %+v %#v %q %s\n", err, err, err, err, err)
	slog.New(slog.NewJSONHandler(&out, nil)).Error("failed", slog.Any("error", err))
	slog.New(slog.NewTextHandler(&out, nil)).Error("failed", slog.Any("error", err))
	var e *duopay.Error
	if errors.As(err, &e) {
		text, _ := json.Marshal(e) // what cannot be marshalled shows nothing
		out.Write(text)
	}
	return out.String()
}

func unknownFields(b *bench) error {
	const field = "duopaytest_new"
	var refused []error
	good := 0
	err := b.eachCall(func(c call) error {
		if !c.replies {
			return nil
		}
		b.line.alter(func(body []byte) []byte {
			return bytes.ReplaceAll(body, []byte(`{"`), []byte(`{"`+field+`":"kept","`))
		})
		native, err := c.do(b.ctx)
		if err != nil {
			refused = append(refused, fmt.Errorf("%s: %w", c.name, err))
			return nil
		}
		if good++; !holds(native, func(text string) bool { return strings.Contains(text, field) }) {
			return oneLine("Native, a %T, does not hold a field that the gateway does not know", native)
		}
		return nil
	})
	if err == nil && len(refused) > 0 && good == 0 {
		return skipped("nothing can be added to an answer, as where answers are signed")
	}
	return first(err, errors.Join(refused...))
}

func concurrent(b *bench) error {
	type order struct {
		make func() error
		duopay.Reference
	}
	orders := make([]order, 32)
	for i := range orders {
		amount := duopay.Fen(101 + i).Money()
		if charges.met(b) {
			c := b.newCharge(amount)
			orders[i] = order{func() error {
				p, err := b.charge(c)
				if err == nil && p.OrderNo != c.OrderNo {
					err = oneLine("it is reported as order %s", p.OrderNo)
				}
				return err
			}, reference(c.OrderNo, amount)}
			continue
		}
		o := b.newOrder(amount)
		orders[i] = order{func() error {
			p, err := b.prepare(o)
			if err == nil && p.OrderNo != o.OrderNo {
				err = oneLine("it is reported as order %s", p.OrderNo)
			}
			return first(err, b.Pay(o.OrderNo))
		}, reference(o.OrderNo, amount)}
	}
	failures := make([]error, len(orders))
	var group sync.WaitGroup
	for i, o := range orders {
		group.Go(func() {
			err := o.make()
			if err == nil {
				var p duopay.Payment
				if p, err = b.query(o.Reference); err == nil && (!p.Status.Paid() || p.OrderNo != o.OrderNo) {
					err = oneLine("it was paid, and is reported as order %s, %v", p.OrderNo, p.Status)
				}
			}
			if err == nil {
				err = b.holds(o.OrderNo, o.Amount.Fen())
			}
			if err != nil {
				failures[i] = fmt.Errorf("order %s: %w", o.OrderNo, err)
			}
		})
	}
	group.Wait()
	return first(failures...)
}

// isReply tells a reply from a word that happens to be in it.
func isReply(text string) bool {
	const shortest = 20
	return len(text) >= shortest && strings.ContainsAny(text[:1], "{[<")
}

// holds reports whether a value has a text like this anywhere.
func holds(value any, like func(text string) bool) bool {
	return found(reflect.ValueOf(value), like, 0)
}

func found(v reflect.Value, like func(string) bool, depth int) bool {
	const deepest = 12
	if depth > deepest {
		return false
	}
	deeper := func(v reflect.Value) bool { return found(v, like, depth+1) }
	switch v.Kind() {
	case reflect.String:
		return like(v.String())
	case reflect.Pointer, reflect.Interface:
		return !v.IsNil() && deeper(v.Elem())
	case reflect.Struct:
		if v.CanInterface() {
			if secret, ok := v.Interface().(duopay.Secret); ok {
				return like(secret.Reveal())
			}
		}
		for i := range v.NumField() {
			if deeper(v.Field(i)) {
				return true
			}
		}
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			return like(string(v.Bytes()))
		}
		for i := range v.Len() {
			if deeper(v.Index(i)) {
				return true
			}
		}
	case reflect.Map:
		for _, key := range v.MapKeys() {
			if deeper(key) || deeper(v.MapIndex(key)) {
				return true
			}
		}
	}
	return false
}
