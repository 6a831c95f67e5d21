package fubei_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"sync"

	"github.com/duopay/duopay"
	"github.com/duopay/duopay/fubei"
	"github.com/duopay/duopay/fubei/fubeitest"
)

// Charge a payment code and stay with it until the outcome is known.
func Example() {
	server := fubeitest.NewServer() // instead of fubei.Production
	defer server.Close()
	client, err := fubei.New(fubei.Config{
		BaseURL: server.URL,
		AppID:   server.AppID,
		Secret:  duopay.NewSecret(server.Secret),
	})
	if err != nil {
		log.Fatal(err)
	}
	till := fubei.Gateway{Client: client, StoreID: 25249}

	payment, err := duopay.Settle(context.Background(), till, duopay.Charge{
		OrderNo:  "A1001",
		Amount:   duopay.MustMoney("12.80"),
		AuthCode: "130784921069830971",
		Subject:  "coffee",
	})
	switch {
	case err == nil:
		fmt.Println(payment.Status, payment.Amount)
	case errors.Is(err, duopay.Unsure):
		log.Print("keep the goods, do not charge again, query later: ", err)
	default:
		log.Print("not paid: ", err)
	}
	// Output: paid 12.80
}

// The manual's own words, for what the neutral ones leave out.
func ExampleClient_Swipe() {
	server := fubeitest.NewServer()
	defer server.Close()
	client, err := fubei.New(fubei.Config{BaseURL: server.URL, AppID: server.AppID, Secret: duopay.NewSecret(server.Secret)})
	if err != nil {
		log.Fatal(err)
	}
	server.Discount(2000) // the merchant has a discount of 20 yuan on
	order, err := client.Swipe(context.Background(), fubei.SwipeRequest{
		OrderNo:        "A1002",
		AuthCode:       "280784921069830971",
		TotalFee:       duopay.MustMoney("100"),
		StoreID:        25249,
		DiscountSwitch: new(1),
		Detail: &fubei.Detail{GoodsDetail: []fubei.GoodsDetail{
			{GoodsID: "sku_1", GoodsName: "苹果", Quantity: 2, Price: 5000}, // fen
		}},
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(order.TradeState, "ordered", order.OrderPrice, "received", order.TotalFee)
	// Output: SUCCESS ordered 100.00 received 80.00
}

// A handler that books an order once, however often the notification comes.
func ExampleClient_ParseNotification() {
	server := fubeitest.NewServer()
	defer server.Close()
	client, err := fubei.New(fubei.Config{BaseURL: server.URL, AppID: server.AppID, Secret: duopay.NewSecret(server.Secret)})
	if err != nil {
		log.Fatal(err)
	}
	gateway := fubei.Gateway{Client: client}
	charge := duopay.Charge{OrderNo: "A1003", Amount: duopay.MustMoney("8"), AuthCode: "130784921069830971"}
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
	http.Handle("/fubei/notify", handler)

	// What Fubei would post, twice, and what somebody else might.
	genuine, err := server.Notification("A1003")
	if err != nil {
		log.Fatal(err)
	}
	forged, err := server.Notification("A1003", fubeitest.Forged)
	if err != nil {
		log.Fatal(err)
	}
	for _, body := range []string{forged, genuine, genuine} {
		status, answer := post(handler, body)
		fmt.Println(status, answer)
	}
	// Output:
	// 400 fail
	// booked A1003 8.00
	// 200 success
	// 200 success
}
