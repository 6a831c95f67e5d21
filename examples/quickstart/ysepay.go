package main

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/duopay/duopay"
	"github.com/duopay/duopay/ysepay"
	"github.com/duopay/duopay/ysepay/ysepaytest"
)

// ysepayDay is a day at a market that takes payments for two shops at once
// through Ysepay: with the manual's own order numbers, and so on the manual's own
// day.
func ysepayDay(ctx context.Context, t *table) error {
	clock := func() time.Time { return time.Date(2022, 5, 25, 2, 0, 0, 0, time.UTC) }
	server := ysepaytest.NewServer() // a pretend Ysepay; a real market has its addresses instead
	defer server.Close()
	server.SetClock(clock)

	for _, family := range []struct {
		name    string
		keys    ysepaytest.Keys // a real market has files: LoadKeyFile("merchant.pfx", password), or "merchant.sm2"
		orderNo string
		parts   []string
	}{
		{"RSA", server.RSA, "202205256843192280647118", []string{"201805256843192280647118", "201805256843192280647119"}},
		{"SM2", server.SM, "202205256843192280647120", []string{"201805256843192280647120", "201805256843192280647121"}},
	} {
		key, err := ysepay.LoadKey([]byte(family.keys.MerchantKey), duopay.NewSecret(""))
		if err != nil {
			return err
		}
		platform, err := ysepay.LoadPlatformKey(family.keys.PlatformDER())
		if err != nil {
			return err
		}
		client, err := ysepay.New(ysepay.Config{
			BaseURL: server.URL, PartnerID: server.PartnerID, Key: key, PlatformKeys: []*ysepay.PlatformKey{platform},
		}, duopay.WithClock(clock))
		if err != nil {
			return err
		}
		market := ysepay.Gateway{Client: client, SubOrders: []ysepay.SubOrder{
			{OrderNo: family.parts[0], Amount: duopay.MustMoney("10"), SellerID: "dp_seller_a"},
			{OrderNo: family.parts[1], Amount: duopay.MustMoney("20.50"), SellerID: "dp_seller_b"},
		}}
		if err := ysepayOrder(ctx, t, server, market, family.name, family.orderNo); err != nil {
			return err
		}
	}
	return nil
}

// ysepayOrder takes one payment for two shops, is told of it, and gives the
// second shop's part back in part.
func ysepayOrder(ctx context.Context, t *table, server *ysepaytest.Server, market ysepay.Gateway, family, orderNo string) error {
	amount, booked := duopay.MustMoney("30.50"), 0
	reference := duopay.Reference{OrderNo: orderNo, Amount: amount}
	handler, err := duopay.NotificationHandler(market, func(_ context.Context, n duopay.Notification) error {
		if err := n.Payment.Match(reference); err != nil {
			return err
		}
		if n.Payment.Status.Paid() && booked == 0 { // a real market asks its database
			booked++
		}
		return nil
	})
	if err != nil {
		return err
	}
	inbox := httptest.NewServer(handler)
	defer inbox.Close()

	prepared, err := market.Prepare(ctx, duopay.Order{
		OrderNo: orderNo, Amount: amount, Subject: "两家店的商品", Channel: duopay.Alipay, Buyer: "2088000000000001", NotifyURL: inbox.URL,
	})
	if err != nil {
		return err
	}
	t.row("two shops at once, "+family, orderNo, amount, "open", fmt.Sprintf("give the page %d bytes for tradePay", len(prepared.PageData)))
	if err := server.Pay(orderNo); err != nil { // the payer pays
		return err
	}
	if _, err := server.Notify(ctx, http.DefaultClient, orderNo, ysepaytest.Forged); err == nil || booked != 0 {
		return fmt.Errorf("the forged notification was believed")
	}
	t.row("forged notification", orderNo, amount, "not believed", "nothing: it was answered with fail")
	for range 2 {
		if _, err := server.Notify(ctx, http.DefaultClient, orderNo); err != nil {
			return err
		}
	}
	t.row("genuine one, twice", orderNo, amount, fmt.Sprintf("booked %d time", booked), "nothing: it was answered with success")
	paid, err := market.Query(ctx, reference)
	t.payment("asked all the same", paid, amount, err)

	second := market.SubOrders[1]
	market.SubOrderNo = second.OrderNo
	back := duopay.Refund{
		OrderNo: orderNo, RefundNo: "R" + orderNo, Amount: duopay.MustMoney("5"), Reason: "少发一件",
		CreatedAt: time.Date(2022, 5, 25, 2, 0, 0, 0, time.UTC),
	}
	result, err := market.Refund(ctx, back)
	t.row("refund by the second shop", second.OrderNo, back.Amount, outcome(result.Status, err), "accepted is not refunded: ask")
	result, err = market.QueryRefund(ctx, back)
	t.row("  ... asked", second.OrderNo, back.Amount, outcome(result.Status, err), "tell the payer")
	return nil
}
