package guanaitong_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"testing"

	"github.com/duopay/duopay"
	"github.com/duopay/duopay/duopaytest"
	"github.com/duopay/duopay/guanaitong"
	"github.com/duopay/duopay/guanaitong/guanaitongtest"
)

// The rules that every provider keeps.
func TestConformance(t *testing.T) { duopaytest.Run(t, rig) }

var lives = duopaytest.LivesFlags()

// Whole lives of orders, with all that can go wrong.
func TestSimulation(t *testing.T) { duopaytest.Simulate(t, rig, *lives) }

func rig(t testing.TB, client *http.Client) duopaytest.Rig {
	t.Helper()
	server := guanaitongtest.NewUnstartedServer()
	app := func(app guanaitongtest.App, secrets map[string]duopay.Secret) *guanaitong.Client {
		c, err := guanaitong.New(guanaitong.Config{
			BaseURL: server.URL, AppID: app.ID, Secret: duopay.NewSecret(app.Secret), Secrets: secrets,
		}, duopay.WithHTTPClient(client))
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	seller := map[string]duopay.Secret{server.Seller.ID: duopay.NewSecret(server.Seller.Secret)}
	start := func() any {
		return guanaitong.Gateway{
			Client: app(server.Caller, seller), Seller: app(server.Seller, nil),
			PayType: guanaitong.PayPoints, ReturnURL: "https://shop.example/return",
		}
	}
	return duopaytest.Rig{
		Gateway: start(), Restart: start, Fake: server, SetClock: server.SetClock, Pay: server.Pay, AskPayer: func() { server.SlowPay(-1) }, Secrets: []string{server.Caller.Secret, server.Seller.Secret},
		OpenCodes: []string{"1000220003", "1000210001", "1000210014", "1000200052", "1000220064", "1000310010", "1000410010"},
		Number:    func(n int) string { return fmt.Sprintf("%s20990101%06d", server.Seller.ID, n) },
		EditCharge: func(c *duopay.Charge) {
			code, err := server.AuthCode("U0001")
			if err != nil {
				t.Fatal(err)
			}
			c.AuthCode = code
		},
		Book: func(orderNo string) (charged, returned duopay.Fen) {
			order, _ := server.Order(orderNo)
			return duopay.Fen(order.ChargedFen), duopay.Fen(order.ReturnedFen)
		},
		Notify: func(ctx context.Context, client *http.Client, orderNo string, variant duopaytest.Variant) error {
			variants, ok := map[duopaytest.Variant][]guanaitongtest.Variant{
				duopaytest.Genuine: nil, duopaytest.Forged: {guanaitongtest.Forged}, duopaytest.Stale: {guanaitongtest.Stale},
				duopaytest.OtherMerchant: {guanaitongtest.UnknownApp},
			}[variant]
			if !ok {
				return errors.ErrUnsupported
			}
			_, err := server.Notify(ctx, client, orderNo, variants...)
			return err
		},
	}
}
