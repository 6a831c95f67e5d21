package duopaytest_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/duopay/duopay"
	"github.com/duopay/duopay/duopaytest"
)

// till is a program to be tested: it takes any provider.
type till struct{ gateway duopay.Settler }

// sell tells the cashier what to do.
func (t till) sell(ctx context.Context, orderNo, authCode string) string {
	_, err := duopay.Settle(ctx, t.gateway, duopay.Charge{OrderNo: orderNo, Amount: duopay.MustMoney("12.50"), AuthCode: authCode})
	switch {
	case err == nil:
		return "hand over the tea"
	case errors.Is(err, duopay.Unsure):
		return "call the manager"
	}
	return "ask for another payment code"
}

// A test of one's own program: all goes well, the network is away, and a
// payment code is shown twice.
func ExampleGateway() {
	gateway := duopaytest.NewGateway()
	shop := till{gateway}
	ctx := context.Background()

	fmt.Println(shop.sell(ctx, "A1", "130000000000000001"))

	gateway.Next(duopaytest.Unreachable)
	fmt.Println(shop.sell(ctx, "A2", "130000000000000002"))

	fmt.Println(shop.sell(ctx, "A3", "130000000000000001"))

	charged, _ := gateway.Book("A1")
	fmt.Println("A1:", charged.Money())
	// Output:
	// hand over the tea
	// ask for another payment code
	// ask for another payment code
	// A1: 12.50
}

// A provider that takes the money and loses the answer.
func ExampleGateway_Next() {
	gateway := duopaytest.NewGateway()
	gateway.Next(duopaytest.LostAfter)
	_, err := gateway.Charge(context.Background(), duopay.Charge{
		OrderNo: "A1", Amount: duopay.MustMoney("12.50"), AuthCode: "130000000000000001",
	})
	fmt.Println(err)

	payment, err := gateway.Query(context.Background(), duopay.Reference{OrderNo: "A1"})
	fmt.Println(payment.Status, err)
	// Output:
	// duopaytest charge A1 unsure: unexpected EOF; it may have happened: query the order before anything else
	// paid <nil>
}

// A prepared order that its payer pays, and the notification of it.
func ExampleGateway_Notify() {
	gateway := duopaytest.NewGateway()
	handler, err := duopay.NotificationHandler(gateway, func(_ context.Context, n duopay.Notification) error {
		fmt.Println(n.Payment.OrderNo, n.Payment.Status, n.Payment.Amount)
		return nil
	})
	if err != nil {
		panic(err)
	}
	shop := httptest.NewServer(handler)
	defer shop.Close()

	ctx := context.Background()
	order := duopay.Order{OrderNo: "A1", Amount: duopay.MustMoney("12.50"), NotifyURL: shop.URL}
	if _, err := gateway.Prepare(ctx, order); err != nil {
		panic(err)
	}
	if err := gateway.Pay("A1"); err != nil {
		panic(err)
	}
	fmt.Println(gateway.Notify(ctx, http.DefaultClient, "A1", duopaytest.Genuine))
	fmt.Println(gateway.Notify(ctx, http.DefaultClient, "A1", duopaytest.Forged))
	// Output:
	// A1 paid 12.50
	// <nil>
	// duopaytest: the notification was not acknowledged
}
