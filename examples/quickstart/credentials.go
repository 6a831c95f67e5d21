package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/duopay/duopay"
	"github.com/duopay/duopay/fubei"
)

// credentials is the file for a real charge.
type credentials struct {
	BaseURL  string        `json:"base_url"`  // assigned with the contract
	AppID    string        `json:"app_id"`    // the merchant's id
	Secret   duopay.Secret `json:"secret"`    // the merchant's secret
	StoreID  int64         `json:"store_id"`  // if there are several stores
	AuthCode string        `json:"auth_code"` // scan it last: it lives about a minute
	Amount   duopay.Money  `json:"amount"`    // yuan
}

// printExample prints the form of the file.
func printExample(out io.Writer) error {
	_, err := fmt.Fprintf(out, `{
  "base_url": %q,
  "app_id": "your 20-digit app_id",
  "secret": "your secret",
  "store_id": 0,
  "auth_code": "the payment code from the payer's phone",
  "amount": "0.01"
}
`, fubei.Production)
	return err
}

// chargeForReal makes one charge and stays with it.
func chargeForReal(ctx context.Context, file string, out, progress io.Writer) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var c credentials
	if err := json.Unmarshal(text, &c); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	client, err := fubei.New(fubei.Config{BaseURL: c.BaseURL, AppID: c.AppID, Secret: c.Secret})
	if err != nil {
		return err
	}
	charge := duopay.Charge{
		OrderNo:  "DP" + time.Now().Format("20060102150405"),
		Amount:   c.Amount,
		AuthCode: c.AuthCode,
		Subject:  "duopay quickstart",
	}
	t := &table{out: out, progress: progress}
	fmt.Fprintln(progress, "charging real money, order", charge.OrderNo, "- note the number before anything else")
	paid, err := duopay.Settle(ctx, fubei.Gateway{Client: client, StoreID: c.StoreID}, charge, duopay.WithProgress(t.settling))
	t.head("fubei 付呗")
	t.payment("real charge", paid, charge.Amount, err)
	return err
}
