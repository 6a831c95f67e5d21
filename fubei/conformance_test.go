package fubei_test

import (
	"context"
	"errors"
	"net/http"
	"testing"

	"github.com/duopay/duopay"
	"github.com/duopay/duopay/duopaytest"
	"github.com/duopay/duopay/fubei"
	"github.com/duopay/duopay/fubei/fubeitest"
)

// The rules that every provider keeps.
func TestConformance(t *testing.T) { duopaytest.Run(t, rig) }

var lives = duopaytest.LivesFlags()

// Whole lives of orders, with all that can go wrong.
func TestSimulation(t *testing.T) { duopaytest.Simulate(t, rig, *lives) }

func rig(t testing.TB, client *http.Client) duopaytest.Rig {
	t.Helper()
	server := fubeitest.NewUnstartedServer()
	start := func() any { return fubei.Gateway{Client: clientOf(t, server, client.Transport), StoreID: 7} }
	return duopaytest.Rig{
		Gateway: start(), Restart: start, Fake: server, SetClock: server.SetClock, Pay: server.Pay, AskPayer: func() { server.AskPassword(-1) },
		SlowCancel: func() { server.SlowRevoke(2) }, FailRefund: server.FailRefund, Secrets: []string{server.Secret},
		Book: func(orderNo string) (charged, returned duopay.Fen) {
			order, _ := server.Order(orderNo)
			return duopay.Fen(order.ChargedFen), duopay.Fen(order.ReturnedFen)
		},
		Notify: func(ctx context.Context, client *http.Client, orderNo string, variant duopaytest.Variant) error {
			variants, ok := map[duopaytest.Variant][]fubeitest.Variant{
				duopaytest.Genuine: nil, duopaytest.Forged: {fubeitest.Forged},
			}[variant]
			if !ok { // the message has no time and names no merchant
				return errors.ErrUnsupported
			}
			_, err := server.Notify(ctx, client, orderNo, variants...)
			return err
		},
	}
}
