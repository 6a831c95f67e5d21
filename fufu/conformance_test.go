package fufu_test

import (
	"context"
	"errors"
	"net/http"
	"testing"

	"github.com/duopay/duopay"
	"github.com/duopay/duopay/duopaytest"
	"github.com/duopay/duopay/fufu"
	"github.com/duopay/duopay/fufu/fufutest"
)

// The rules that every provider keeps.
func TestConformance(t *testing.T) { duopaytest.Run(t, rig) }

var lives = duopaytest.LivesFlags()

// Whole lives of orders, with all that can go wrong.
func TestSimulation(t *testing.T) { duopaytest.Simulate(t, rig, *lives) }

func rig(t testing.TB, client *http.Client) duopaytest.Rig {
	t.Helper()
	server := fufutest.NewUnstartedServer()
	start := func() any {
		return fufu.Gateway{Client: clientOf(t, server, client.Transport), OperatorID: "cashier 1", TerminalID: "till 1"}
	}
	return duopaytest.Rig{
		Gateway: start(), Restart: start, Fake: server, SetClock: server.SetClock, Pay: server.Pay, AskPayer: func() { server.AskPassword(-1) },
		SlowCancel: func() { server.SlowCancel(2) }, FailRefund: server.FailRefund, Secrets: []string{server.Key},
		OpenCodes: []string{
			"FAIL", "EXCEPTION", "SERIAL_REPEAT", "DATABASE_ERROR", "SERVICE_UNAVAILABLE", "HTTP_EXCEPTION", "IO_EXCEPTION",
			"CREATE_SECURITY_CONNECTION_ERROR", "CHARGE_NONEXISTENT", "AREADY_REVOKED",
		},
		Book: func(orderNo string) (charged, returned duopay.Fen) {
			order, _ := server.Order(orderNo)
			return duopay.Fen(order.ChargedFen), duopay.Fen(order.ReturnedFen)
		},
		Notify: func(ctx context.Context, client *http.Client, orderNo string, variant duopaytest.Variant) error {
			variants, ok := map[duopaytest.Variant][]fufutest.Variant{
				duopaytest.Genuine: nil, duopaytest.Forged: {fufutest.Forged}, duopaytest.Stale: {fufutest.Stale},
				duopaytest.OtherMerchant: {fufutest.OtherMerchant},
			}[variant]
			if !ok {
				return errors.ErrUnsupported
			}
			_, err := server.Notify(ctx, client, orderNo, variants...)
			return err
		},
	}
}
