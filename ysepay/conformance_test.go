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
		t.Run(string(signType), func(t *testing.T) {
			duopaytest.Run(t, func(t testing.TB, client *http.Client) duopaytest.Rig { return rig(t, client, signType) })
		})
	}
}

func rig(t testing.TB, client *http.Client, signType ysepay.SignType) duopaytest.Rig {
	t.Helper()
	server := ysepaytest.NewUnstartedServer()
	return duopaytest.Rig{
		Gateway: ysepay.Gateway{Client: clientOf(t, server, client.Transport, signType)}, Fake: server, Pay: server.Pay,
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
