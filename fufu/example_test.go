package fufu_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"sync"

	"github.com/duopay/duopay"
	"github.com/duopay/duopay/fufu"
	"github.com/duopay/duopay/fufu/fufutest"
)

// Charge a payment code and stay with it until the outcome is known.
func Example() {
	server := fufutest.NewServer() // instead of the provider's address
	defer server.Close()
	client, err := fufu.New(fufu.Config{
		BaseURL: server.URL,
		BusiID:  server.BusiID,
		Key:     duopay.NewSecret(server.Key),
	})
	if err != nil {
		log.Fatal(err)
	}
	till := fufu.Gateway{Client: client, OperatorID: "oper01", TerminalID: "dev01"}

	payment, err := duopay.Settle(context.Background(), till, duopay.Charge{
		OrderNo:  "A1001",
		Amount:   duopay.MustMoney("12.80"),
		AuthCode: "288886863488188613",
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
func ExampleClient_Order() {
	server := fufutest.NewServer()
	defer server.Close()
	client, err := fufu.New(fufu.Config{BaseURL: server.URL, BusiID: server.BusiID, Key: duopay.NewSecret(server.Key)})
	if err != nil {
		log.Fatal(err)
	}
	order, err := client.Order(context.Background(), fufu.OrderRequest{
		TotalFee: 25000, // 250 baht
		AuthCode: "288886863488188613",
		OrderNo:  "A1002",
		Subject:  "coffee",
		FeeType:  fufu.THB,
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(order.State == fufu.StatePaid, order.FeeType, order.TotalFee, "at", order.ExchangeRate, "is", order.TransAmountCNY, "fen")
	// Output: true THB 25000 at 0.2183 is 5458 fen
}

// A refund is accepted first and done later.
func ExampleClient_RefundQuery() {
	server := fufutest.NewServer()
	defer server.Close()
	client, err := fufu.New(fufu.Config{BaseURL: server.URL, BusiID: server.BusiID, Key: duopay.NewSecret(server.Key)})
	if err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()
	order := fufu.OrderRequest{TotalFee: 250, AuthCode: "288886863488188613", OrderNo: "A1003", Subject: "coffee"}
	if _, err := client.Order(ctx, order); err != nil {
		log.Fatal(err)
	}

	server.SlowRefund(2)
	_, err = client.Refund(ctx, fufu.RefundRequest{
		OperatorID: "oper01", TerminalID: "dev01", RefundFee: 100, RefundSubject: "too cold", OrderNo: "A1003", RefundNo: "R1003",
	})
	if err != nil {
		log.Fatal(err)
	}
	for range 2 { // after 5 s, 15 s, 60 s and so on
		reply, err := client.RefundQuery(ctx, fufu.RefundQueryRequest{OperatorID: "oper01", TerminalID: "dev01", RefundNo: "R1003", Amount: 100})
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(reply.TradeStatus)
	}
	// Output:
	// refunding
	// succ
}

// A handler that books an order once, however often the notification comes.
func ExampleClient_ParseNotification() {
	server := fufutest.NewServer()
	defer server.Close()
	client, err := fufu.New(fufu.Config{BaseURL: server.URL, BusiID: server.BusiID, Key: duopay.NewSecret(server.Key)})
	if err != nil {
		log.Fatal(err)
	}
	gateway := fufu.Gateway{Client: client}
	order := duopay.Order{OrderNo: "A1004", Amount: duopay.MustMoney("8"), Subject: "tea"}
	prepared, err := gateway.Prepare(context.Background(), order)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("show a code:", prepared.QRCode != "")

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
		if err := n.Payment.Match(duopay.Reference{OrderNo: order.OrderNo, Amount: order.Amount}); err != nil {
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
	http.Handle("/fufu/notify", handler)

	// What Fufu would post, twice, and what somebody else might.
	if err := server.Pay("A1004"); err != nil {
		log.Fatal(err)
	}
	for _, variants := range [][]fufutest.Variant{{fufutest.Forged}, {}, {}, {fufutest.SpacedNumber}} {
		sign, body, err := server.Notification("A1004", variants...)
		if err != nil {
			log.Fatal(err)
		}
		status, answer := post(handler, sign, body)
		fmt.Println(status, answer)
	}
	// Output:
	// show a code: true
	// 400 FAIL
	// booked A1004 8.00
	// 200 SUCCESS
	// 200 SUCCESS
	// 400 FAIL
}
