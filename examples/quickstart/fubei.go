package main

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/duopay/duopay"
	"github.com/duopay/duopay/fubei"
	"github.com/duopay/duopay/fubei/fubeitest"
)

// fubeiDay is a day at a shop that takes payments through Fubei.
func fubeiDay(ctx context.Context, t *table) error {
	server := fubeitest.NewServer() // a pretend Fubei; a real shop has its address instead
	defer server.Close()
	client, err := fubei.New(fubei.Config{
		BaseURL: server.URL, AppID: server.AppID, Secret: duopay.NewSecret(server.Secret),
	})
	if err != nil {
		return err
	}
	till := hurried{fubei.Gateway{Client: client, StoreID: 25249, CashierID: 151156}}

	// The order that the notifications below are about.
	var booked int
	first := duopay.Charge{
		OrderNo:  "201704191492587335309",
		Amount:   duopay.MustMoney("100"),
		AuthCode: "130784921069830971",
		Attach:   "订单:123456",
	}
	inbox, err := notifications(till, duopay.Reference{OrderNo: first.OrderNo, Amount: first.Amount}, &booked)
	if err != nil {
		return err
	}
	defer inbox.Close()
	first.NotifyURL = inbox.URL

	paid, err := till.Charge(ctx, first)
	t.payment("the manual's own order", paid, first.Amount, err)

	server.AskPassword(3)
	err = settle(ctx, t, till, duopay.Charge{
		OrderNo: "201704191492587335310", Amount: duopay.MustMoney("36.50"), AuthCode: "280784921069830972",
	}, "payer must type a password", "  ... stay with it")
	if err != nil {
		return err
	}

	server.Next(fubeitest.MethodSwipe, fubeitest.DropAfter) // the money is taken, the reply is not
	err = settle(ctx, t, till, duopay.Charge{
		OrderNo: "201704191492587335311", Amount: duopay.MustMoney("12.80"), AuthCode: "130784921069830973",
	}, "the reply gets lost", "  ... settled by a query")
	if err != nil {
		return err
	}

	refund(ctx, t, till, first.OrderNo)
	return notify(ctx, t, server, first, &booked)
}

// settle charges and stays with the order. It prints what the charge itself
// said, and how it ended.
func settle(ctx context.Context, t *table, till hurried, charge duopay.Charge, first, last string) error {
	answered := false
	paid, err := duopay.Settle(ctx, till, charge, duopay.WithProgress(func(p duopay.Progress) {
		if p.Step == duopay.StepWait && !answered {
			answered = true
			t.payment(first, p.Payment, charge.Amount, p.Err)
		}
		t.settling(p)
	}))
	t.payment(last, paid, charge.Amount, err)
	return err
}

// refund returns a part of a payment and follows it.
func refund(ctx context.Context, t *table, till hurried, orderNo string) {
	request := duopay.Refund{OrderNo: orderNo, RefundNo: "R" + orderNo, Amount: duopay.MustMoney("20"), Reason: "one item returned"}
	result, err := till.Refund(ctx, request)
	t.row("refund of a part", orderNo, request.Amount, outcome(result.Status, err), "accepted is not refunded: ask")
	result, err = till.QueryRefund(ctx, request)
	t.row("  ... asked", orderNo, request.Amount, outcome(result.Status, err), "tell the payer")
}

func outcome(status duopay.RefundStatus, err error) string {
	if err != nil {
		return err.Error()
	}
	return status.String()
}

// notifications is where Fubei posts. It believes what is signed, of the right
// amount, and books it once.
func notifications(till hurried, order duopay.Reference, booked *int) (*httptest.Server, error) {
	handler, err := duopay.NotificationHandler(till, func(_ context.Context, n duopay.Notification) error {
		if err := n.Payment.Match(order); err != nil {
			return err
		}
		if n.Payment.Status.Paid() && *booked == 0 { // a real shop asks its database
			*booked++
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return httptest.NewServer(handler), nil
}

// notify delivers a forged notification and then the genuine one, twice.
func notify(ctx context.Context, t *table, server *fubeitest.Server, charge duopay.Charge, booked *int) error {
	_, err := server.Notify(ctx, http.DefaultClient, charge.OrderNo, fubeitest.Forged)
	if err == nil || *booked != 0 {
		return fmt.Errorf("the forged notification was believed")
	}
	t.row("forged notification", charge.OrderNo, charge.Amount, "not believed", "nothing: it was answered with fail")
	for range 2 {
		if _, err := server.Notify(ctx, http.DefaultClient, charge.OrderNo); err != nil {
			return err
		}
	}
	t.row("genuine one, twice", charge.OrderNo, charge.Amount, fmt.Sprintf("booked %d time", *booked), "nothing: it was answered with success")
	return nil
}

// hurried is a gateway whose payers are quick, so that nobody waits for the
// example. Leave the provider's own timing alone in a shop.
type hurried struct{ fubei.Gateway }

// Timing replaces the provider's.
func (h hurried) Timing() duopay.Timing {
	timing := h.Gateway.Timing()
	timing.FirstQuery = 300 * time.Millisecond
	timing.QueryEvery = 300 * time.Millisecond
	return timing
}
