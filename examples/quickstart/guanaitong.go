package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/duopay/duopay"
	"github.com/duopay/duopay/guanaitong"
	"github.com/duopay/duopay/guanaitong/guanaitongtest"
)

// guanaitongDay is a day at a canteen whose guests pay from their quota at
// Guanaitong, without a password.
func guanaitongDay(ctx context.Context, t *table) error {
	server := guanaitongtest.NewServer() // a pretend Guanaitong; a real canteen has guanaitong.Production instead
	defer server.Close()
	const account = "c2e74b2af66bf79921281ea8d5b38d7c" // of the manual's employee
	guest, _ := server.Employee("U0001")
	guest.Accounts[1].OpenID = account
	server.SetEmployee(guest)
	server.Seller.ID = "20110783" // the manual's seller

	app := func(of guanaitongtest.App) (*guanaitong.Client, error) {
		return guanaitong.New(guanaitong.Config{BaseURL: server.URL, AppID: of.ID, Secret: duopay.NewSecret(of.Secret)})
	}
	payer, err := app(server.Caller) // pays and queries
	if err != nil {
		return err
	}
	seller, err := app(server.Seller) // refunds
	if err != nil {
		return err
	}
	till := hurriedGuanaitong{guanaitong.Gateway{
		Client: payer, Seller: seller, PayType: guanaitong.PayQuota, ReturnURL: "http://10.100.32.228:8087/open/return",
		EditPay: func(r *guanaitong.PayRequest) {
			r.AccountOpenID = account
			r.TradeInfo = guanaitong.TradeInfo{
				TradeNo: "1212", TotalAmount: duopay.MustMoney("1"), PayAmount: duopay.MustMoney("1"),
				Goods: []guanaitong.Goods{{SKUID: "2", Name: "2", Quantity: 2, Price: duopay.MustMoney("2")}},
			}
		},
	}}

	// The order that the notifications below are about.
	var booked int
	first := duopay.Charge{OrderNo: "201107831558403602084", Amount: duopay.MustMoney("10.2"), Subject: "测试支付"}
	inbox, err := guanaitongInbox(till, duopay.Reference{OrderNo: first.OrderNo, Amount: first.Amount}, &booked)
	if err != nil {
		return err
	}
	defer inbox.Close()
	till.NotifyURL = inbox.URL

	charge := func(charge duopay.Charge, step, last string) error {
		// The guest's authorisation code lives one minute and works once.
		code, err := payer.AuthCodeByMobile(ctx, guanaitong.AuthCodeByMobileRequest{Mobile: guest.Mobile})
		if err != nil {
			return err
		}
		charge.AuthCode = code.AuthCode.Reveal()
		answered := false
		paid, err := duopay.Settle(ctx, till, charge, duopay.WithProgress(func(p duopay.Progress) {
			if p.Step == duopay.StepWait && !answered {
				answered = true
				t.payment(step, p.Payment, charge.Amount, p.Err)
			}
			t.settling(p)
		}))
		t.payment(last, paid, charge.Amount, err)
		return nil
	}
	if err := charge(first, "the manual's own order", "  ... found in the list"); err != nil {
		return err
	}

	server.ExpireTokens()                                         // the token dies: another is made, and the call repeated
	server.Next(guanaitongtest.PathPay, guanaitongtest.DropAfter) // the money is taken, the reply is not
	if err := charge(duopay.Charge{OrderNo: "201107831558403602085", Amount: duopay.MustMoney("12.80"), Subject: "午餐"},
		"the reply gets lost", "  ... found in the list"); err != nil {
		return err
	}

	server.Next(guanaitongtest.PathPay, guanaitongtest.DropBefore) // nothing is paid, which nobody can prove
	if err := charge(duopay.Charge{OrderNo: "201107831558403602086", Amount: duopay.MustMoney("5"), Subject: "咖啡"},
		"the request gets lost", "  ... not in the list"); err != nil {
		return err
	}
	t.row("  ... nor is it notified", "201107831558403602086", duopay.MustMoney("5"), "unsure", "wait, and query tomorrow; never charge again")

	refund := duopay.Refund{OrderNo: first.OrderNo, RefundNo: "20110783R0001", Amount: duopay.MustMoney("2"), Reason: "one item returned"}
	result, err := till.Refund(ctx, refund)
	t.row("refund of a part", refund.OrderNo, refund.Amount, outcome(result.Status, err), "wait for its notification")
	return guanaitongNotify(ctx, t, server, first, &booked)
}

// guanaitongInbox is where Guanaitong posts. It believes what is signed, of the
// right amount, and books it once.
func guanaitongInbox(till hurriedGuanaitong, order duopay.Reference, booked *int) (*httptest.Server, error) {
	handler, err := duopay.NotificationHandler(till, func(_ context.Context, n duopay.Notification) error {
		if err := n.Payment.Match(order); err != nil {
			return err
		}
		if n.Payment.Status.Paid() && *booked == 0 { // a real canteen asks its database
			*booked++
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return httptest.NewServer(handler), nil
}

// guanaitongNotify delivers a notification cut from a return page's signature,
// and then the genuine one, twice.
func guanaitongNotify(ctx context.Context, t *table, server *guanaitongtest.Server, charge duopay.Charge, booked *int) error {
	_, err := server.Notify(ctx, http.DefaultClient, charge.OrderNo, guanaitongtest.Recut)
	if err == nil || *booked != 0 {
		return errors.New("the forged notification was believed")
	}
	t.row("forged, signature is right", charge.OrderNo, charge.Amount, "not believed", "nothing: it was answered with fail")
	for range 2 {
		if _, err := server.Notify(ctx, http.DefaultClient, charge.OrderNo); err != nil {
			return err
		}
	}
	t.row("genuine one, twice", charge.OrderNo, charge.Amount, fmt.Sprintf("booked %d time", *booked), "nothing: it was answered with success")
	return nil
}

// hurriedGuanaitong is a gateway whose payers are quick, so that nobody waits
// for the example. Leave the provider's own timing alone in a canteen.
type hurriedGuanaitong struct{ guanaitong.Gateway }

// Timing replaces the provider's.
func (h hurriedGuanaitong) Timing() duopay.Timing {
	timing := h.Gateway.Timing()
	timing.FirstQuery, timing.QueryEvery, timing.GiveUp = 100*time.Millisecond, 200*time.Millisecond, 400*time.Millisecond
	return timing
}
