package main

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/duopay/duopay"
)

// table prints rows as they happen, and progress beside them.
type table struct {
	out, progress io.Writer
}

const row = "%-29s  %-24s  %7s  %-13s  %s\n"

func (t *table) head(provider string) {
	fmt.Fprintf(t.out, "%s\n"+row, provider, "STEP", "ORDER", "YUAN", "OUTCOME", "WHAT A TILL SHOULD DO")
}

func (t *table) row(step, order string, amount duopay.Money, outcome, todo string) {
	fmt.Fprintf(t.out, row, step, short(order), amount, outcome, todo)
}

// short makes a number fit its column.
func short(order string) string {
	if len(order) <= 24 {
		return order
	}
	return order[:12] + "..." + order[len(order)-6:]
}

// payment prints what a call said of an order.
func (t *table) payment(step string, p duopay.Payment, amount duopay.Money, err error) {
	outcome := p.Status.String()
	var e *duopay.Error
	if errors.As(err, &e) && p.Status == duopay.Unknown {
		outcome = e.Kind.Error()
	}
	t.row(step, p.OrderNo, amount, outcome, advice(p.Status, e))
}

// advice says what a till does next.
func advice(status duopay.Status, e *duopay.Error) string {
	switch {
	case e != nil:
		return e.Next()
	case status.Paid():
		return "hand over the goods"
	case status == duopay.Pending:
		return "wait: the payer has to confirm"
	}
	return "query again"
}

// settling is a progress report of Settle in a line.
func (t *table) settling(p duopay.Progress) {
	switch p.Step {
	case duopay.StepWait:
		fmt.Fprintf(t.progress, "  ... %s: %s, asking again in %v\n", p.OrderNo, known(p), p.Wait.Round(100*time.Millisecond))
	case duopay.StepCancel:
		fmt.Fprintf(t.progress, "  ... %s: %s, taking it back\n", p.OrderNo, known(p))
	}
}

// known says in a word what is known so far.
func known(p duopay.Progress) string {
	var e *duopay.Error
	if errors.As(p.Err, &e) {
		return e.Kind.Error()
	}
	return p.Payment.Status.String()
}
