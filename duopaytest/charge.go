package duopaytest

import (
	"bytes"
	"errors"
	"regexp"
	"strings"

	"github.com/duopay/duopay"
)

func chargeRules() []rule {
	return []rule{{
		name:  "charge/paid",
		words: "a charge takes the amount once, and its outcome names the order and the amount that was ordered",
		needs: []need{charges},
		check: chargePaid,
	}, {
		name:  "charge/pending",
		words: "a charge whose payer has something to do is neither paid nor not paid",
		needs: []need{charges, hesitation},
		check: func(b *bench) error {
			b.AskPayer()
			c := b.newCharge(price)
			p, err := b.charge(c)
			if err != nil || told(p, err) != nothing {
				return oneLine("nobody has paid, and it is reported as %v, %v", p.Status, err)
			}
			return nil
		},
	}, {
		name:   "charge/fault",
		words:  "a charge that went wrong is unsure, with status unknown; only one that never left may be called not sent",
		needs:  []need{charges},
		faults: all(),
		check: func(b *bench) error {
			c := b.newCharge(price)
			for range 2 { // the second one is refused, where the code of the first was used
				b.line.set(always(b.fault, c.OrderNo))
				p, err := b.charge(c)
				if err := unclear(b.fault, p.Status, err); err != nil {
					return err
				}
				c.OrderNo = b.number()
			}
			return nil
		},
	}, {
		name:   "charge/once",
		words:  "a charge that may have arrived is not sent again",
		needs:  []need{charges},
		faults: under(LostBefore, Stalled, ServerError, moved),
		check: func(b *bench) error {
			c := b.newCharge(price)
			b.line.set(once(b.fault, c.OrderNo)) // a second one would arrive
			_, _ = b.charge(c)
			return b.holds(c.OrderNo, 0)
		},
	}, {
		name:  "charge/number used",
		words: "an order number that was paid is not charged again, and that it is refused is no proof that nothing was charged",
		needs: []need{charges},
		check: func(b *bench) error {
			order, err := b.charged(price)
			if err != nil {
				return err
			}
			again := b.newCharge(price)
			again.OrderNo = order.OrderNo
			p, err := b.charge(again)
			return first(b.truth(order.OrderNo, ended(p, err), p, err), b.holds(order.OrderNo, price.Fen()))
		},
	}, {
		name:  "charge/code used",
		words: "a charge with a payment code that was used before is not paid",
		needs: []need{charges},
		check: func(b *bench) error {
			c := b.newCharge(price)
			if _, err := b.charge(c); err != nil {
				return err
			}
			c.OrderNo = b.number()
			p, err := b.charge(c)
			return b.truth(c.OrderNo, ended(p, err), p, err)
		},
	}, {
		name:  "charge/invalid",
		words: "a charge without an order number or without an amount is invalid, and nothing is sent",
		needs: []need{charges},
		check: chargeInvalid,
	}, {
		name:  "charge/other order",
		words: "an answer about another order says nothing about this one",
		needs: []need{charges},
		check: func(b *bench) error {
			if _, err := b.charged(price); err != nil {
				return err
			}
			c := b.newCharge(price)
			b.line.set(always(swap, c.OrderNo))
			p, err := b.charge(c)
			return saysNothing(ended(p, err), p, err, "the answer was about another order")
		},
	}, {
		name:  "charge/not found",
		words: "a charge that is answered as if by a query, that nobody knows the order, is neither paid nor not paid",
		needs: []need{charges, queries},
		check: func(b *bench) error {
			c := b.newCharge(price)
			_, _ = b.query(reference(c.OrderNo, price)) // for its answer
			b.line.set(always(swap, c.OrderNo))
			p, err := b.charge(c)
			return saysNothing(ended(p, err), p, err, "the answer was that nobody knows the order")
		},
	}, {
		name:  "charge/unknown code",
		words: "a refusal with a code that is on no list proves nothing",
		needs: []need{charges},
		check: chargeUnknownCode,
	}, {
		name:  "charge/open code",
		words: "a refusal with a code that may come after the money was taken proves nothing",
		needs: []need{charges, openCodes},
		rests: []string{"charge/number used", "charge/unknown code"},
		check: chargeOpenCode,
	}, {
		name:  "charge/other amount",
		words: "an answer with another amount than was ordered is not paid",
		needs: []need{charges},
		check: func(b *bench) error {
			told := b.otherAmount()
			p, err := b.charge(b.newCharge(price))
			if !told() {
				return skipped("the answer to a charge tells no amount")
			}
			return saysNothing(ended(p, err), p, err, "the amount in the answer was another one")
		},
	}}
}

// amounts finds the price in an answer, in yuan or in fen.
var amounts = regexp.MustCompile(`\b73(\.?)19\b`)

// otherAmount changes the price in the coming answers. It returns how to ask
// whether there was one.
func (b *bench) otherAmount() (told func() bool) {
	found := false
	b.line.alter(func(body []byte) []byte {
		found = found || amounts.Match(body)
		return amounts.ReplaceAll(body, []byte("73${1}18"))
	})
	return func() bool { return found }
}

// saysNothing reports an outcome that claims something.
func saysNothing(said claim, p duopay.Payment, err error, because string) error {
	if said != nothing {
		return oneLine("%s, and the order is reported as %v, %v", because, p.Status, err)
	}
	return nil
}

func chargePaid(b *bench) error {
	c := b.newCharge(price)
	p, err := b.charge(c)
	if err != nil {
		return err
	}
	if p.OrderNo != c.OrderNo || !p.Amount.IsZero() && p.Amount != price {
		return oneLine("it was order %s of %s, and is reported as order %s of %s", c.OrderNo, price, p.OrderNo, p.Amount)
	}
	if told(p, err) == nothing && queries.met(b) { // some providers only accept at first
		p, err = b.becomes(reference(c.OrderNo, price))
	}
	if told(p, err) != isPaid {
		return oneLine("it was paid, and is reported as %v, %v", p.Status, err)
	}
	return b.holds(c.OrderNo, price.Fen())
}

// refused has a charge refused, as its payment code was used. It returns how to
// have another one refused with another code in the answer.
func (b *bench) refused() (code string, again func(code string) (duopay.Payment, error), err error) {
	c := b.newCharge(price)
	if _, err := b.charge(c); err != nil {
		return "", nil, err
	}
	c.OrderNo = b.number()
	_, err = b.charge(c)
	e, ok := errors.AsType[*duopay.Error](err)
	if !ok || e.Code == "" {
		return "", nil, skipped("no charge is refused with a code")
	}
	return e.Code, func(code string) (duopay.Payment, error) {
		b.line.alter(func(body []byte) []byte { return bytes.ReplaceAll(body, []byte(e.Code), []byte(code)) })
		c.OrderNo = b.number()
		return b.charge(c)
	}, nil
}

func chargeOpenCode(b *bench) error {
	_, again, err := b.refused()
	if err != nil {
		return err
	}
	for _, code := range b.OpenCodes {
		if p, err := again(code); err == nil || certain(err) || p.Status != duopay.Unknown {
			return oneLine("the code is %s, and the order is reported as %v, %v", code, p.Status, err)
		}
	}
	return nil
}

// chargeUnknownCode has a charge refused with a code that does not exist.
func chargeUnknownCode(b *bench) error {
	code, again, err := b.refused()
	if err != nil {
		return err
	}
	unknown := "DUOPAY_NEW"
	if strings.Trim(code, "0123456789") == "" {
		unknown = strings.Repeat("7", len(code))
	}
	p, err := again(unknown)
	return saysNothing(ended(p, err), p, err, "the code was "+unknown)
}

func chargeInvalid(b *bench) error {
	for name, spoil := range map[string]func(*duopay.Charge){
		"order number": func(c *duopay.Charge) { c.OrderNo = "" },
		"amount":       func(c *duopay.Charge) { c.Amount = duopay.Money{} },
	} {
		c := b.newCharge(price)
		spoil(&c)
		before := b.line.requests("")
		_, err := b.charge(c)
		if !errors.Is(err, duopay.Invalid) {
			return oneLine("without an %s it ended in: %v", name, err)
		}
		if b.line.requests("") != before {
			return oneLine("without an %s it was sent", name)
		}
	}
	return nil
}

func prepareRules() []rule {
	return []rule{{
		name:  "prepare/open",
		words: "an order that was prepared takes no money, and its payer is told where to pay",
		needs: []need{prepares},
		check: func(b *bench) error {
			o := b.newOrder(price)
			p, err := b.prepare(o)
			switch {
			case err != nil:
				return err
			case p.OrderNo != o.OrderNo:
				return oneLine("it was order %s, and is reported as %s", o.OrderNo, p.OrderNo)
			case p.QRCode == "" && p.PayURL == "" && len(p.PageData) == 0:
				return oneLine("there is neither a QRCode nor a PayURL nor PageData")
			}
			return b.holds(o.OrderNo, 0)
		},
	}, {
		name:   "prepare/fault",
		words:  "an order whose opening went wrong is unsure; only one that never left may be called not sent",
		needs:  []need{prepares},
		faults: all(),
		check: func(b *bench) error {
			o := b.newOrder(price)
			b.line.set(always(b.fault, o.OrderNo))
			_, err := b.prepare(o)
			return unclear(b.fault, duopay.Unknown, err)
		},
	}}
}
