package ysepay_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"testing"

	"github.com/duopay/duopay"
	"github.com/duopay/duopay/duopaytest"
	"github.com/duopay/duopay/ysepay"
	"github.com/duopay/duopay/ysepay/ysepaytest"
)

// The rules that every provider keeps.
func TestConformance(t *testing.T) {
	for _, signType := range []ysepay.SignType{ysepay.RSA, ysepay.SM} {
		t.Run(string(signType), func(t *testing.T) { duopaytest.Run(t, rig(signType)) })
	}
}

var lives = duopaytest.LivesFlags()

// Whole lives of orders, with all that can go wrong. SM2, as RSA would take most
// of the time for itself.
func TestSimulation(t *testing.T) { duopaytest.Simulate(t, rig(ysepay.SM), *lives) }

func rig(signType ysepay.SignType) func(testing.TB, *http.Client) duopaytest.Rig {
	return func(t testing.TB, client *http.Client) duopaytest.Rig {
		t.Helper()
		return newRig(t, client, signType)
	}
}

func newRig(t testing.TB, client *http.Client, signType ysepay.SignType) duopaytest.Rig {
	t.Helper()
	server := ysepaytest.NewUnstartedServer()
	start := func() any { return ysepay.Gateway{Client: clientOf(t, server, client.Transport, signType)} }
	return duopaytest.Rig{
		Gateway: start(), Restart: start, Fake: server, SetClock: server.SetClock, Pay: server.Pay,
		FailRefund: server.FailRefund, Signed: true,
		Number:    func(n int) string { return today(fmt.Sprintf("DP%06d", n)) },
		EditOrder: func(o *duopay.Order) { o.Buyer = "2088000000000001" },
		Book: func(orderNo string) (charged, returned duopay.Fen) {
			order, _ := server.Order(orderNo)
			return duopay.Fen(order.ChargedFen), duopay.Fen(order.ReturnedFen)
		},
		Notify: func(ctx context.Context, client *http.Client, orderNo string, variant duopaytest.Variant) error {
			variants, ok := map[duopaytest.Variant][]ysepaytest.Variant{
				duopaytest.Genuine: nil, duopaytest.Forged: {ysepaytest.Forged},
			}[variant]
			if !ok { // the message has no age after which it is stale, and names no merchant
				return errors.ErrUnsupported
			}
			_, err := server.Notify(ctx, client, orderNo, variants...)
			return err
		},
	}
}
