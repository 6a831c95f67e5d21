package guanaitong_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/url"
	"sync"
	"time"

	"github.com/duopay/duopay"
	"github.com/duopay/duopay/guanaitong"
	"github.com/duopay/duopay/guanaitong/guanaitongtest"
)

// Two apps: the enterprise's pays and queries, the seller's refunds.
func gatewayOf(server *guanaitongtest.Server) guanaitong.Gateway {
	app := func(of guanaitongtest.App) *guanaitong.Client {
		client, err := guanaitong.New(guanaitong.Config{
			BaseURL: server.URL, // instead of guanaitong.Production
			AppID:   of.ID,
			Secret:  duopay.NewSecret(of.Secret),
		})
		if err != nil {
			log.Fatal(err)
		}
		return client
	}
	return guanaitong.Gateway{
		Client:    app(server.Caller),
		Seller:    app(server.Seller),
		PayType:   guanaitong.PayPoints,
		ReturnURL: "https://shop.example/pay/return",
		NotifyURL: "https://shop.example/pay/notify",
	}
}

// Charge an employee and stay with the order until the outcome is known.
func Example() {
	server := guanaitongtest.NewServer()
	defer server.Close()
	gateway := gatewayOf(server)
	code, err := gateway.Client.AuthCodeByMobile(context.Background(), guanaitong.AuthCodeByMobileRequest{Mobile: "13000000000"})
	if err != nil {
		log.Fatal(err)
	}

	quick := gateway.Timing()
	quick.FirstQuery = 10 * time.Millisecond // an example need not wait; leave it alone in a shop
	payment, err := duopay.Settle(context.Background(), gateway, duopay.Charge{
		OrderNo:  "9000000220990102A1", // begins with the seller's appid
		Amount:   duopay.MustMoney("12.80"),
		AuthCode: code.AuthCode.Reveal(),
		Subject:  "lunch",
	}, duopay.WithTiming(quick))
	switch {
	case err == nil:
		fmt.Println(payment.Status, payment.Amount)
	case errors.Is(err, duopay.Unsure):
		log.Print("do not charge again: wait for the notification, and query later: ", err)
	default:
		log.Print("not paid: ", err)
	}
	// Output: paid 12.80
}

// The manual's own words, for what the neutral ones leave out.
func ExampleClient_Pay() {
	server := guanaitongtest.NewServer()
	defer server.Close()
	client := gatewayOf(server).Client
	code, err := client.AuthCodeByCorpCode(context.Background(), guanaitong.AuthCodeByCorpCodeRequest{CorpCode: "0001"})
	if err != nil {
		log.Fatal(err)
	}
	reply, err := client.Pay(context.Background(), guanaitong.PayRequest{
		AuthCode:    code.AuthCode.Reveal(),
		SellerAppID: server.Seller.ID,
		OrderNo:     server.Seller.ID + "20990102A2",
		PayType:     guanaitong.PayQuota,
		Point:       duopay.MustMoney("28.80"),
		Reason:      "员工午餐",
		ReturnURL:   "https://shop.example/pay/return",
		NotifyURL:   "https://shop.example/pay/notify",
		TradeInfo: guanaitong.TradeInfo{
			TradeNo:     "T-2",
			TotalAmount: duopay.MustMoney("30"),
			PayAmount:   duopay.MustMoney("28.80"),
			Goods: []guanaitong.Goods{
				{SKUID: "A-100", Name: "午餐（大份）", Quantity: 2, Price: duopay.MustMoney("15"), PayAmount: new(duopay.MustMoney("14.40"))},
			},
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	order, _ := server.Order(server.Seller.ID + "20990102A2")
	fmt.Println("reported as", reply.TradeNo == order.TradeNo, "- wait for the notification")
	// Output: reported as true - wait for the notification
}

// What the payer's browser brings along is a claim: show "in progress".
func ExampleClient_ParseReturnPage() {
	server := guanaitongtest.NewServer()
	defer server.Close()
	gateway := gatewayOf(server)
	code, _ := server.AuthCode("U0001")
	charge := duopay.Charge{OrderNo: "9000000220990102A3", Amount: duopay.MustMoney("8"), AuthCode: code}
	if _, err := gateway.Charge(context.Background(), charge); err != nil {
		log.Fatal(err)
	}
	page, err := server.ReturnPage(charge.OrderNo)
	if err != nil {
		log.Fatal(err)
	}
	address, err := url.Parse(page) // r.URL, in a handler
	if err != nil {
		log.Fatal(err)
	}
	claim, err := gateway.Seller.ParseReturnPage(address) // the seller's app has signed it
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(claim.OrderNo, "claims", claim.Claims)
	// Output: 9000000220990102A3 claims success
}

// A handler that books an order once, however often the notification comes.
func ExampleClient_ParseNotification() {
	server := guanaitongtest.NewServer()
	defer server.Close()
	gateway := gatewayOf(server)
	code, _ := server.AuthCode("U0001")
	charge := duopay.Charge{OrderNo: "9000000220990102A4", Amount: duopay.MustMoney("8"), AuthCode: code}
	if _, err := gateway.Charge(context.Background(), charge); err != nil {
		log.Fatal(err)
	}

	var (
		mu     sync.Mutex
		booked = map[string]bool{} // a database, in a shop
	)
	handler, err := duopay.NotificationHandler(gateway, func(_ context.Context, n duopay.Notification) error {
		mu.Lock()
		defer mu.Unlock()
		if booked[n.Payment.OrderNo] {
			return nil // delivered again: acknowledge again
		}
		if err := n.Payment.Match(duopay.Reference{OrderNo: charge.OrderNo, Amount: charge.Amount}); err != nil {
			return err
		}
		if n.Payment.Status.Paid() {
			booked[n.Payment.OrderNo] = true
			fmt.Println("booked", n.Payment.OrderNo, n.Payment.Amount)
		}
		return nil
	})
	if err != nil {
		log.Fatal(err)
	}

	// What Guanaitong would post, twice, and what a payer might who chose attach
	// so that his return page's signature fits a notification.
	genuine, err := server.Notification(charge.OrderNo)
	if err != nil {
		log.Fatal(err)
	}
	forged, err := server.Notification(charge.OrderNo, guanaitongtest.Recut)
	if err != nil {
		log.Fatal(err)
	}
	for _, body := range []string{forged, genuine, genuine} {
		status, answer := post(handler, body)
		fmt.Println(status, answer)
	}
	// Output:
	// 400 fail
	// booked 9000000220990102A4 8.00
	// 200 success
	// 200 success
}
