package duopay_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/duopay/duopay"
)

// slowPayer is a gateway whose payer needs two queries to pay. A program uses
// a provider's Gateway instead.
type slowPayer struct{ queries int }

func (g *slowPayer) Charge(_ context.Context, c duopay.Charge) (duopay.Payment, error) {
	return duopay.Payment{OrderNo: c.OrderNo, Status: duopay.Pending, Amount: c.Amount}, nil
}

func (g *slowPayer) Query(_ context.Context, order duopay.Reference) (duopay.Payment, error) {
	g.queries++
	payment := duopay.Payment{OrderNo: order.OrderNo, Status: duopay.Pending, Amount: order.Amount}
	if g.queries == 2 {
		payment.Status, payment.TradeNo = duopay.Paid, "T20260101"
	}
	return payment, nil
}

func (g *slowPayer) Timing() duopay.Timing {
	return duopay.Timing{FirstQuery: time.Millisecond, QueryEvery: time.Millisecond, GiveUp: time.Minute}
}

func ExampleSettle() {
	var gateway duopay.Settler = &slowPayer{} // such as fubei.Gateway
	charge := duopay.Charge{
		OrderNo:  "20260101-0001", // stored before
		Amount:   duopay.MustMoney("12.50"),
		AuthCode: "134567890123456789",
		Subject:  "a pot of tea",
	}
	payment, err := duopay.Settle(context.Background(), gateway, charge,
		duopay.WithProgress(func(p duopay.Progress) {
			if p.Step != duopay.StepWait {
				fmt.Println(p.Step, p.Payment.Status)
			}
		}))
	switch {
	case err == nil:
		fmt.Println("hand over the goods:", payment.OrderNo, payment.TradeNo, payment.Amount)
	case errors.Is(err, duopay.Unsure):
		fmt.Println("not known: Resume in some minutes:", err)
	default:
		fmt.Println("not paid:", err)
	}
	// Output:
	// charging unknown
	// querying pending
	// querying pending
	// settled paid
	// hand over the goods: 20260101-0001 T20260101 12.50
}

// plainParser reads "order amount" and believes everybody. A provider's
// Gateway verifies the signature.
type plainParser struct{}

func (plainParser) ParseNotification(_ string, _ *url.URL, _ http.Header, body []byte) (duopay.Notification, error) {
	orderNo, amount, _ := strings.Cut(string(body), " ")
	yuan, err := duopay.Amount(amount).Money()
	if err != nil {
		return duopay.Notification{}, &duopay.Error{Op: "notification", Kind: duopay.Unsure, Err: fmt.Errorf("%w: %w", duopay.ErrMalformed, err)}
	}
	return duopay.Notification{Payment: duopay.Payment{OrderNo: orderNo, Status: duopay.Paid, Amount: yuan}}, nil
}

func (plainParser) Acknowledge(err error) duopay.Acknowledgement {
	a := duopay.Acknowledgement{Status: duopay.AcknowledgementStatus(err), ContentType: "text/plain", Body: "success"}
	if err != nil {
		a.Body = "fail"
	}
	return a
}

func ExampleNotificationHandler() {
	// The merchant's own record of its orders; a program has a database for it.
	type record struct {
		amount duopay.Money
		booked bool
	}
	var mutex sync.Mutex
	orders := map[string]*record{"A1": {amount: duopay.MustMoney("12.50")}}

	// book books an order once, however often it is told that it is paid.
	book := func(_ context.Context, n duopay.Notification) error {
		if !n.Payment.Status.Paid() {
			return nil // genuine, but nothing to book
		}
		mutex.Lock() // a transaction
		defer mutex.Unlock()
		orderNo := n.Payment.OrderNo
		order, ok := orders[orderNo]
		if !ok {
			return fmt.Errorf("no order %q", orderNo)
		}
		if err := n.Payment.Match(duopay.Reference{OrderNo: orderNo, Amount: order.amount}); err != nil {
			return err
		}
		if order.booked {
			fmt.Println("again:", orderNo)
			return nil // acknowledge it, or it comes again
		}
		order.booked = true
		fmt.Println("booked:", orderNo, n.Payment.Amount)
		return nil
	}

	gateway := plainParser{} // such as a fubei.Gateway
	handler, err := duopay.NotificationHandler(gateway, book)
	if err != nil {
		panic(err)
	}
	// http.Handle("POST /notify", handler)
	for _, body := range []string{"A1 12.50", "A1 12.50", "A1 0.01", "A2 12.50", "rubbish"} {
		answer := httptest.NewRecorder()
		handler.ServeHTTP(answer, httptest.NewRequest(http.MethodPost, "/notify", strings.NewReader(body)))
		fmt.Println(answer.Code, answer.Body)
	}
	// Output:
	// booked: A1 12.50
	// 200 success
	// again: A1
	// 200 success
	// 500 fail
	// 500 fail
	// 400 fail
}

func ExampleParseMoney() {
	price, err := duopay.ParseMoney("12.5")
	fmt.Println(price, price.Fen(), err)

	_, err = duopay.ParseMoney("12.505")
	fmt.Println(errors.Is(err, duopay.Invalid), err)
	// Output:
	// 12.50 1250 <nil>
	// true ParseMoney invalid: an amount has at most two decimals; nothing was sent: correct the call
}

func ExampleKind() {
	// What a gateway's operation may return.
	err := error(&duopay.Error{
		Provider: "fubei", Op: "swipe", OrderNo: "A1", Kind: duopay.Refused, Code: "400", Message: "balance too low",
	})
	switch {
	case errors.Is(err, duopay.NotSent):
		fmt.Println("try again")
	case errors.Is(err, duopay.Refused):
		fmt.Println(err)
	case errors.Is(err, duopay.Unsure):
		fmt.Println("query")
	}
	var e *duopay.Error
	if errors.As(err, &e) {
		fmt.Println(e.Code, e.Certain, e.Next())
	}
	// Output:
	// fubei swipe A1 refused (400 balance too low); query the order before starting anew
	// 400 false query the order before starting anew
}
