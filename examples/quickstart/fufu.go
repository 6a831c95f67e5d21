package main

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/duopay/duopay"
	"github.com/duopay/duopay/fufu"
	"github.com/duopay/duopay/fufu/fufutest"
)

// fufuDay is a day at a shop that takes payments through Fufu.
func fufuDay(ctx context.Context, t *table) error {
	server := fufutest.NewServer() // a pretend Fufu; a real shop has its address instead
	defer server.Close()
	client, err := fufu.New(fufu.Config{
		BaseURL: server.URL, BusiID: server.BusiID, Key: duopay.NewSecret(server.Key),
	})
	if err != nil {
		return err
	}
	till := hurriedFufu{fufu.Gateway{Client: client, OperatorID: "test1", TerminalID: "收銀機1"}}

	first := duopay.Charge{
		OrderNo:  "d2dbe5fb-fc71-4bfe-848f-a24875d9169c",
		Amount:   duopay.Fen(250).Money(),
		AuthCode: "288886863488188613",
		Subject:  "測試商品",
	}
	paid, err := till.Charge(ctx, first)
	if err != nil {
		return err
	}
	t.payment("the manual's own order", paid, first.Amount, err)

	server.Next(fufutest.OpOrder, fufutest.RefuseAfter("FAIL", "EXCEPTION")) // the money is taken, the answer says nothing
	second := duopay.Charge{OrderNo: "20990102030405000002", Amount: duopay.MustMoney("36.50"), AuthCode: "130784921069830971", Subject: "lunch"}
	paid, err = duopay.Settle(ctx, till, second, duopay.WithProgress(t.settling))
	t.payment("EXCEPTION, settled by query", paid, second.Amount, err)
	if err != nil {
		return err
	}

	if err := fufuRefund(ctx, t, till, server, first.OrderNo); err != nil {
		return err
	}
	if err := fufuScan(ctx, t, till, server); err != nil {
		return err
	}
	return fufuClose(ctx, t, till)
}

// fufuRefund returns a part of a payment and follows it until it is done.
func fufuRefund(ctx context.Context, t *table, till hurriedFufu, server *fufutest.Server, orderNo string) error {
	server.SlowRefund(2)
	refund := duopay.Refund{OrderNo: orderNo, RefundNo: "20990102030405900001", Amount: duopay.MustMoney("1"), Reason: "one item returned"}
	result, err := till.Refund(ctx, refund)
	t.row("refund of a part", orderNo, refund.Amount, outcome(result.Status, err), "accepted is not refunded: ask")
	for range 2 { // a real shop asks after 5 s, 15 s, a minute, and then every few minutes
		if result, err = till.QueryRefund(ctx, refund); err != nil {
			return err
		}
		todo := "ask again later"
		if result.Status == duopay.RefundDone {
			todo = "tell the payer"
		}
		t.row("  ... asked", orderNo, refund.Amount, outcome(result.Status, err), todo)
	}
	return nil
}

// fufuScan shows a QR code, and books the order when it is notified.
func fufuScan(ctx context.Context, t *table, till hurriedFufu, server *fufutest.Server) error {
	order := duopay.Order{OrderNo: "20990102030405000003", Amount: duopay.MustMoney("8.80"), Subject: "二維碼產品支付"}
	var booked int
	handler, err := duopay.NotificationHandler(till, func(_ context.Context, n duopay.Notification) error {
		if err := n.Payment.Match(duopay.Reference{OrderNo: order.OrderNo, Amount: order.Amount}); err != nil {
			return err
		}
		if n.Payment.Status.Paid() && booked == 0 { // a real shop asks its database
			booked++
		}
		return nil
	})
	if err != nil {
		return err
	}
	inbox := httptest.NewServer(handler)
	defer inbox.Close()
	order.NotifyURL = inbox.URL

	prepared, err := till.Prepare(ctx, order)
	if err != nil {
		return err
	}
	if prepared.QRCode == "" {
		return fmt.Errorf("there is no code to show")
	}
	t.row("a code to scan", order.OrderNo, order.Amount, "open", "draw the QR code, and wait")
	if err := server.Pay(order.OrderNo); err != nil {
		return err
	}
	if _, err := server.Notify(ctx, http.DefaultClient, order.OrderNo, fufutest.Tampered); err == nil || booked != 0 {
		return fmt.Errorf("the tampered notification was believed")
	}
	t.row("  ... tampered notification", order.OrderNo, order.Amount, "not believed", "nothing: it was answered with FAIL")
	for range 2 {
		if _, err := server.Notify(ctx, http.DefaultClient, order.OrderNo); err != nil {
			return err
		}
	}
	t.row("  ... genuine one, twice", order.OrderNo, order.Amount, fmt.Sprintf("booked %d time", booked), "nothing: it was answered with SUCCESS")
	return nil
}

// fufuClose shuts an order that nobody has paid.
func fufuClose(ctx context.Context, t *table, till hurriedFufu) error {
	order := duopay.Order{OrderNo: "20990102030405000004", Amount: duopay.MustMoney("5"), Subject: "tea"}
	if _, err := till.Prepare(ctx, order); err != nil {
		return err
	}
	reference := duopay.Reference{OrderNo: order.OrderNo, Amount: order.Amount}
	if _, err := till.Close(ctx, reference); err != nil {
		return err
	}
	found, err := till.Query(ctx, reference) // believe only a query
	if err != nil {
		return err
	}
	t.row("a code that nobody scanned", order.OrderNo, order.Amount, found.Status.String(), "open another order, if wanted")
	return nil
}

// hurriedFufu is a gateway whose payers are quick, so that nobody waits for the
// example. Leave the provider's own timing alone in a shop.
type hurriedFufu struct{ fufu.Gateway }

// Timing replaces the provider's.
func (h hurriedFufu) Timing() duopay.Timing {
	timing := h.Gateway.Timing()
	timing.QueryEvery = 300 * time.Millisecond
	return timing
}
