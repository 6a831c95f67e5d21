// Charge is the program in the README: it charges a payment code and says
// whether the goods may be handed over.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/duopay/duopay"
	"github.com/duopay/duopay/fubei"
	"github.com/duopay/duopay/fubei/fubeitest"
)

func main() {
	ctx := context.Background()
	server := fubeitest.NewServer() // later: your address, app_id and secret
	defer server.Close()
	client, err := fubei.New(fubei.Config{BaseURL: server.URL, AppID: server.AppID, Secret: duopay.NewSecret(server.Secret)})
	if err != nil {
		log.Fatal(err)
	}
	payment, err := duopay.Settle(ctx, fubei.Gateway{Client: client, StoreID: 25249}, duopay.Charge{
		OrderNo: "A1001", Amount: duopay.MustMoney("12.80"), AuthCode: "130784921069830971", Subject: "coffee"})
	switch {
	case err == nil:
		fmt.Println("hand over the goods:", payment.Amount, payment.Status)
	case errors.Is(err, duopay.Unsure):
		log.Fatal("keep the goods, do not charge again, query later: ", err)
	default:
		log.Fatal("not paid: ", err)
	}
}
