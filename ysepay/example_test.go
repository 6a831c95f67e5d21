package ysepay_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"sync"
	"time"

	"github.com/duopay/duopay"
	"github.com/duopay/duopay/ysepay"
	"github.com/duopay/duopay/ysepay/ysepaytest"
)

// connect returns a client of a fake gateway. In a shop the keys are files: the
// merchant's .pfx or .sm2, and the platform's .cer.
func connect(server *ysepaytest.Server) *ysepay.Client {
	key, err := ysepay.LoadKey([]byte(server.RSA.MerchantKey), duopay.NewSecret("")) // LoadKeyFile("merchant.pfx", password)
	if err != nil {
		log.Fatal(err)
	}
	platform, err := ysepay.LoadPlatformKey(server.RSA.PlatformDER()) // LoadPlatformKeyFile("businessgate.cer")
	if err != nil {
		log.Fatal(err)
	}
	client, err := ysepay.New(ysepay.Config{
		BaseURL:      server.URL, // ysepay.Orders, with QueryURL: ysepay.Queries and TradeURL: ysepay.Trades
		PartnerID:    server.PartnerID,
		Key:          key,
		PlatformKeys: []*ysepay.PlatformKey{platform},
	})
	if err != nil {
		log.Fatal(err)
	}
	return client
}

// Open an order that the payer pays inside an Alipay page, and ask what became of
// it.
func Example() {
	server := ysepaytest.NewServer()
	defer server.Close()
	shop := ysepay.Gateway{Client: connect(server)}
	ctx := context.Background()

	orderNo := tradeDate() + "A1001" // store it first: it is the handle on everything
	prepared, err := shop.Prepare(ctx, duopay.Order{
		OrderNo: orderNo, Amount: duopay.MustMoney("12.80"), Subject: "coffee", Channel: duopay.Alipay, Buyer: "2088000000000001",
		NotifyURL: "https://pay.example.com/ysepay/notify",
	})
	if errors.Is(err, duopay.Unsure) {
		log.Fatal("query before anything else: ", err)
	} else if err != nil {
		log.Fatal(err)
	}
	fmt.Println("parameters for the page:", len(prepared.PageData) > 0)

	if err := server.Pay(orderNo); err != nil { // the payer pays
		log.Fatal(err)
	}
	payment, err := shop.Query(ctx, duopay.Reference{OrderNo: orderNo, Amount: duopay.MustMoney("12.80")})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(payment.Status, payment.Amount)
	// Output:
	// parameters for the page: true
	// paid 12.80
}

// tradeDate is what order numbers begin with.
func tradeDate() string { return time.Now().In(time.FixedZone("UTC+8", 8*60*60)).Format("20060102") }

// Two sellers, paid at once, in the manual's own words.
func ExampleClient_Pay() {
	server := ysepaytest.NewServer()
	defer server.Close()
	client := connect(server)
	orderNo := tradeDate() + "A1002"
	reply, err := client.Pay(context.Background(), ysepay.PayRequest{
		NotifyURL:      "https://pay.example.com/ysepay/notify",
		OrderNo:        orderNo,
		BuyerID:        "2088000000000001",
		TimeoutExpress: ysepay.Timeout(90 * time.Minute),
		SellerID:       server.PartnerID,
		Subject:        "端午礼盒",
		TotalAmount:    duopay.MustMoney("30.50"),
		SubOrders: []ysepay.SubOrder{
			{OrderNo: orderNo + "-1", Amount: duopay.MustMoney("10"), SellerID: "dp_seller_a"},
			{OrderNo: orderNo + "-2", Amount: duopay.MustMoney("20.50"), SellerID: "dp_seller_b"},
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	script, err := reply.PayInfo.Script("paid") // into a script element of the payer's page
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(reply.TradeStatus, reply.TotalAmount, len(script) > 0)
	// Output: WAIT_BUYER_PAY 30.50 true
}

// A handler that books an order once, however often the notification comes.
func ExampleClient_ParseNotification() {
	server := ysepaytest.NewServer()
	defer server.Close()
	gateway := ysepay.Gateway{Client: connect(server)}
	order := duopay.Order{
		OrderNo: tradeDate() + "A1003", Amount: duopay.MustMoney("8"), Subject: "tea", Buyer: "2088000000000001",
		NotifyURL: "https://pay.example.com/ysepay/notify",
	}
	if _, err := gateway.Prepare(context.Background(), order); err != nil {
		log.Fatal(err)
	}

	var (
		mu     sync.Mutex
		booked = map[string]bool{} // a database, in a shop
	)
	handler, err := duopay.NotificationHandler(gateway, func(ctx context.Context, n duopay.Notification) error {
		mu.Lock()
		defer mu.Unlock()
		if n.Refund != nil || booked[n.Payment.OrderNo] {
			return nil // not about the payment, or delivered again: acknowledge
		}
		reference := duopay.Reference{OrderNo: order.OrderNo, Amount: order.Amount}
		payment := n.Payment
		if payment.Amount.IsZero() { // the manual lets it out: ask
			var err error
			if payment, err = gateway.Query(ctx, reference); err != nil {
				return err
			}
		}
		if err := payment.Match(reference); err != nil {
			return err
		}
		if payment.Status.Paid() {
			booked[payment.OrderNo] = true
			fmt.Println("booked", payment.Amount)
		}
		return nil
	})
	if err != nil {
		log.Fatal(err)
	}
	http.Handle("/ysepay/notify", handler)

	// What Ysepay would post, twice, and what somebody else might.
	if err := server.Pay(order.OrderNo); err != nil {
		log.Fatal(err)
	}
	for _, variants := range [][]ysepaytest.Variant{{ysepaytest.Forged}, {ysepaytest.WithoutAmount}, {}} {
		body, err := server.Notification(order.OrderNo, variants...)
		if err != nil {
			log.Fatal(err)
		}
		status, answer := post(handler, body)
		fmt.Println(status, answer)
	}
	// Output:
	// 400 fail
	// booked 8.00
	// 200 success
	// 200 success
}
