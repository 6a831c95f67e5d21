package fubei_test

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/duopay/duopay"
	"github.com/duopay/duopay/fubei"
	"github.com/duopay/duopay/fubei/fubeitest"
	"github.com/duopay/duopay/internal/sandbox"
)

// shop is a gateway and the fake behind it, in memory.
func shop(tb testing.TB, options ...duopay.Option) (fubei.Gateway, *fubeitest.Server) {
	tb.Helper()
	server := fubeitest.NewUnstartedServer()
	return fubei.Gateway{Client: clientOf(tb, server, server.Transport(), options...), StoreID: 7, CashierID: 8, DeviceNo: "T1"}, server
}

func charge(no string) duopay.Charge {
	return duopay.Charge{OrderNo: no, Amount: duopay.MustMoney("100"), AuthCode: "130784921069830971", Subject: "苹果", Attach: "a"}
}

func TestGatewayCharge(t *testing.T) {
	gateway, server := shop(t)
	server.Discount(2000)
	payment, err := gateway.Charge(t.Context(), charge("DP1"))
	require.NoError(t, err)
	order, ok := server.Order("DP1")
	require.True(t, ok)
	native, ok := payment.Native.(*fubei.Order)
	require.True(t, ok)
	assert.Equal(t, duopay.Payment{
		OrderNo: "DP1", TradeNo: order.OrderSN, ChannelTradeNo: string(native.PlatformOrderNo),
		Status: duopay.Paid, State: "SUCCESS", Amount: duopay.MustMoney("100"), Received: duopay.MustMoney("80"),
		PaidAt: order.PaidAt.Truncate(time.Second), Attach: "a", Native: native,
	}, payment)
	assert.NotEmpty(t, native.PlatformOrderNo)
	assert.Equal(t, []duopay.Integer{"7", "8"}, []duopay.Integer{native.StoreID, native.CashierID})
	assert.EqualValues(t, "T1", native.DeviceNo)
	assert.EqualValues(t, "苹果", native.Body)

	found, err := gateway.Query(t.Context(), duopay.Reference{OrderNo: "DP1", Amount: duopay.MustMoney("100")})
	require.NoError(t, err)
	assert.Equal(t, duopay.Paid, found.Status)
	found, err = gateway.Query(t.Context(), duopay.Reference{TradeNo: order.OrderSN})
	require.NoError(t, err)
	assert.Equal(t, "DP1", found.OrderNo)
	found, err = gateway.Query(t.Context(), duopay.Reference{OrderNo: "DP1", Amount: duopay.MustMoney("80")})
	require.ErrorIs(t, err, duopay.ErrAmountMismatch)
	assert.Equal(t, duopay.Unknown, found.Status)
	assert.NotNil(t, found.Native)
}

// The hooks come last and may change anything.
func TestGatewayHooks(t *testing.T) {
	gateway, server := shop(t)
	gateway.EditSwipe = func(r *fubei.SwipeRequest) { r.DiscountSwitch = new(0) }
	server.Discount(2000)
	payment, err := gateway.Charge(t.Context(), charge("DP1"))
	require.NoError(t, err)
	assert.Equal(t, payment.Amount, payment.Received, "the discount was declined")

	gateway.EditScan = func(r *fubei.ScanRequest) { r.Body = "changed" }
	_, err = gateway.Prepare(t.Context(), duopay.Order{OrderNo: "DP2", Amount: duopay.MustMoney("1"), Channel: duopay.WeChatPay, Subject: "x"})
	require.NoError(t, err)
	sent := server.Requests(fubeitest.MethodScan)
	assert.Contains(t, string(sent[0].Body), `changed`)
}

// An expiry is sent, except for UnionPay codes, which cannot have one.
func TestGatewayExpiry(t *testing.T) {
	gateway, server := shop(t)
	wallet := charge("DP1")
	wallet.ExpiresAt = time.Now().Add(time.Hour)
	_, err := gateway.Charge(t.Context(), wallet)
	require.NoError(t, err)
	card := wallet
	card.OrderNo, card.AuthCode = "DP2", "6230000000000000001"
	_, err = gateway.Charge(t.Context(), card)
	require.NoError(t, err)
	sent := server.Requests(fubeitest.MethodSwipe)
	assert.Contains(t, string(sent[0].Body), "timeout_express")
	assert.NotContains(t, string(sent[1].Body), "timeout_express")
}

// An order to be scanned: opened, paid, notified; and closed.
func TestGatewayScan(t *testing.T) {
	gateway, server := shop(t)
	ctx := t.Context()
	for channel, no := range map[duopay.Channel]string{duopay.WeChatPay: "DP1", duopay.Alipay: "DP2"} {
		prepared, err := gateway.Prepare(ctx, duopay.Order{OrderNo: no, Amount: duopay.MustMoney("12.5"), Channel: channel})
		require.NoError(t, err)
		assert.NotEmpty(t, prepared.QRCode)
		assert.NotEmpty(t, prepared.TradeNo)
		assert.IsType(t, &fubei.ScanReply{}, prepared.Native)
	}
	found, err := gateway.Query(ctx, duopay.Reference{OrderNo: "DP1"})
	require.NoError(t, err)
	assert.Equal(t, duopay.Pending, found.Status)

	require.NoError(t, server.Pay("DP1"))
	body, err := server.Notification("DP1")
	require.NoError(t, err)
	n, err := gateway.ParseNotification(http.MethodPost, nil, http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}, []byte(body))
	require.NoError(t, err)
	require.NoError(t, n.Payment.Match(duopay.Reference{OrderNo: "DP1", Amount: duopay.MustMoney("12.5")}))
	require.ErrorIs(t, n.Payment.Match(duopay.Reference{OrderNo: "DP1", Amount: duopay.MustMoney("12")}), duopay.ErrAmountMismatch)
	assert.Equal(t, duopay.Paid, n.Payment.Status)
	assert.Equal(t, "fubei", n.Provider)

	_, err = gateway.Close(ctx, duopay.Reference{OrderNo: "DP1"})
	require.ErrorIs(t, err, duopay.Refused, "it is paid")
	closing, err := gateway.Close(ctx, duopay.Reference{OrderNo: "DP2"})
	require.NoError(t, err)
	assert.Equal(t, duopay.Pending, closing.Status, "believe only a query")
	found, err = gateway.Query(ctx, duopay.Reference{OrderNo: "DP2"})
	require.NoError(t, err)
	assert.Equal(t, duopay.Closed, found.Status)
}

func TestGatewayRefund(t *testing.T) {
	gateway, server := shop(t)
	ctx := t.Context()
	_, err := gateway.Charge(ctx, charge("DP1"))
	require.NoError(t, err)
	order, _ := server.Order("DP1")

	server.SlowRefund(2)
	first := duopay.Refund{OrderNo: "DP1", RefundNo: "RF1", Amount: duopay.MustMoney("30")}
	result, err := gateway.Refund(ctx, first)
	require.NoError(t, err)
	assert.Equal(t, duopay.RefundPending, result.Status, "accepted is not refunded")
	assert.NotEmpty(t, result.RefundTradeNo)
	for _, status := range []duopay.RefundStatus{duopay.RefundPending, duopay.RefundDone, duopay.RefundDone} {
		result, err = gateway.QueryRefund(ctx, first)
		require.NoError(t, err)
		assert.Equal(t, status, result.Status)
	}

	server.FailRefund()
	second := duopay.Refund{TradeNo: order.OrderSN, RefundNo: "RF2", Amount: duopay.MustMoney("70")}
	_, err = gateway.Refund(ctx, second)
	require.NoError(t, err)
	result, err = gateway.QueryRefund(ctx, second)
	require.NoError(t, err)
	assert.Equal(t, duopay.RefundFailed, result.Status)
	assert.Equal(t, "REFUND_FAILER", result.State)

	third := duopay.Refund{OrderNo: "DP1", RefundNo: "RF3", Amount: duopay.MustMoney("70.01")}
	result, err = gateway.Refund(ctx, third)
	require.ErrorIs(t, err, duopay.Refused, "more than is left")
	assert.Equal(t, duopay.RefundUnknown, result.Status)

	// The answer is lost, the refund is not: ask, never make a new number.
	server.Next(fubeitest.MethodRefund, fubeitest.DropAfter)
	fourth := duopay.Refund{OrderNo: "DP1", RefundNo: "RF4", Amount: duopay.MustMoney("70")}
	result, err = gateway.Refund(ctx, fourth)
	require.ErrorIs(t, err, duopay.Unsure)
	assert.Equal(t, duopay.RefundUnknown, result.Status)
	result, err = gateway.QueryRefund(ctx, fourth)
	require.NoError(t, err)
	assert.Equal(t, duopay.RefundDone, result.Status)

	order, _ = server.Order("DP1")
	assert.EqualValues(t, 10000, order.ReturnedFen)
	found, err := gateway.Query(ctx, duopay.Reference{OrderNo: "DP1"})
	require.NoError(t, err)
	assert.Equal(t, duopay.Paid, found.Status, "a refunded order stays SUCCESS")
}

func TestStatuses(t *testing.T) {
	for state, want := range map[fubei.TradeState]duopay.Status{
		"SUCCESS": duopay.Paid, "USERPAYING": duopay.Pending, "REVOKING": duopay.Pending, "REVOKED": duopay.Canceled,
		"CLOSED": duopay.Closed, "REVOKED_ERROR": duopay.Unknown, "": duopay.Unknown, "success": duopay.Unknown,
	} {
		assert.Equal(t, want, state.Status(), string(state))
	}
	for state, want := range map[fubei.RefundState]duopay.RefundStatus{
		"REFUND_SUCCESS": duopay.RefundDone, "REFUND_FAILER": duopay.RefundFailed, "REFUND_FAIL": duopay.RefundFailed,
		"REFUND_FAILED": duopay.RefundFailed, "REFUND_PROCESSING": duopay.RefundPending, "": duopay.RefundPending, "?": duopay.RefundPending,
	} {
		assert.Equal(t, want, state.Status(), string(state))
	}
}

// Settle, step by step as the flow is laid down, in virtual time: what it
// says, when it said so, and what really happened.
func TestSettle(t *testing.T) {
	for _, test := range []struct {
		name     string
		arrange  func(*fubeitest.Server)
		status   duopay.Status
		kind     duopay.Kind // "" if paid
		took     time.Duration
		charged  bool // the payer is out of the money
		queries  int
		reversed int
	}{
		{name: "paid at once", status: duopay.Paid, charged: true},
		{name: "never left", arrange: func(s *fubeitest.Server) { s.Unreachable(3) }, status: duopay.Failed, kind: duopay.NotSent},
		{name: "paid at the third query", arrange: func(s *fubeitest.Server) { s.AskPassword(3) },
			status: duopay.Paid, took: 8 * time.Second, charged: true, queries: 3},
		{name: "reply lost, paid", arrange: func(s *fubeitest.Server) { s.Next(fubeitest.MethodSwipe, fubeitest.DropAfter) },
			status: duopay.Paid, took: 2 * time.Second, charged: true, queries: 1},
		{name: "no answer in time, paid", arrange: func(s *fubeitest.Server) { s.Next(fubeitest.MethodSwipe, fubeitest.Slow(time.Hour)) },
			status: duopay.Paid, took: 37 * time.Second, charged: true, queries: 1},
		{name: "request lost: the order is never found", arrange: func(s *fubeitest.Server) { s.Next(fubeitest.MethodSwipe, fubeitest.DropBefore) },
			// 2, 5, ... 44, 45 s: 16 queries; then 5 reversals that are refused as well, each with a query
			status: duopay.Unknown, kind: duopay.Unsure, took: 57 * time.Second, queries: 16 + 5, reversed: 5},
		{name: "reply of another order, paid", arrange: func(s *fubeitest.Server) { s.Next(fubeitest.MethodSwipe, fubeitest.OtherOrder) },
			status: duopay.Paid, took: 2 * time.Second, charged: true, queries: 1},
		{name: "no state, paid", arrange: func(s *fubeitest.Server) { s.Next(fubeitest.MethodSwipe, fubeitest.WithoutState) },
			status: duopay.Paid, took: 2 * time.Second, charged: true, queries: 1},
		{name: "another amount", arrange: func(s *fubeitest.Server) { s.Next(fubeitest.MethodSwipe, fubeitest.WrongAmount) },
			status: duopay.Unknown, kind: duopay.Unsure, charged: true},
		{name: "refused, and it is true", arrange: func(s *fubeitest.Server) {
			s.Next(fubeitest.MethodSwipe, fubeitest.Refuse(400, "NOTENOUGH", "余额不足"))
		}, status: duopay.Failed, kind: duopay.Refused, took: 17 * time.Second, queries: 2, reversed: 1},
		{name: "refused, but paid", arrange: func(s *fubeitest.Server) {
			s.Next(fubeitest.MethodSwipe, sayRefused)
		}, status: duopay.Paid, took: 2 * time.Second, charged: true, queries: 1},
		{name: "refused, and no answer to anything", arrange: func(s *fubeitest.Server) {
			s.Next(fubeitest.MethodSwipe, fubeitest.Refuse(400, "NOTENOUGH", "余额不足"))
			s.Next("", repeat(fubeitest.ServerError, 100)...)
		}, status: duopay.Unknown, kind: duopay.Unsure},
		{name: "never paid: reversed", arrange: func(s *fubeitest.Server) { s.AskPassword(-1) },
			status: duopay.Canceled, kind: duopay.Refused, took: 45 * time.Second, queries: 16 + 1, reversed: 1},
		{name: "never paid: reversal is slow", arrange: func(s *fubeitest.Server) { s.AskPassword(-1); s.SlowRevoke(2) },
			status: duopay.Canceled, kind: duopay.Refused, took: 51 * time.Second, queries: 16 + 3, reversed: 1},
		{name: "never paid: reversal fails once", arrange: func(s *fubeitest.Server) { s.AskPassword(-1); s.FailRevoke() },
			status: duopay.Canceled, kind: duopay.Refused, took: 48 * time.Second, queries: 16 + 2, reversed: 2},
		{name: "never paid: reversal for ever", arrange: func(s *fubeitest.Server) { s.AskPassword(-1); s.SlowRevoke(-1) },
			status: duopay.Unknown, kind: duopay.Unsure, took: 45*time.Second + 5*15*time.Second + 4*3*time.Second, queries: 16 + 5*6, reversed: 5},
		{name: "paid at the last moment", arrange: func(s *fubeitest.Server) { s.AskPassword(16) },
			status: duopay.Paid, took: 45 * time.Second, charged: true, queries: 16},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				gateway, server := shop(t)
				if test.arrange != nil {
					test.arrange(server)
				}
				start := time.Now()
				payment, err := duopay.Settle(t.Context(), gateway, charge("DP1"))

				assert.Equal(t, test.status, payment.Status)
				assert.Equal(t, "DP1", payment.OrderNo)
				assert.Equal(t, test.kind == "", err == nil)
				if test.kind != "" {
					require.ErrorIs(t, err, test.kind)
					var e *duopay.Error
					require.ErrorAs(t, err, &e)
					assert.Equal(t, test.kind == duopay.Refused, e.Certain)
				}
				if test.took > 0 {
					assert.Equal(t, test.took, time.Since(start).Round(time.Second))
					assert.Len(t, server.Requests(fubeitest.MethodQuery), test.queries)
					assert.Len(t, server.Requests(fubeitest.MethodReverse), test.reversed)
				}
				assert.LessOrEqual(t, len(server.Requests(fubeitest.MethodSwipe)), 1, "a swipe is never sent twice")
				order, _ := server.Order("DP1")
				assert.Equal(t, test.charged, order.ChargedFen > order.ReturnedFen)
			})
		})
	}
}

func repeat(f fubeitest.Fault, n int) []fubeitest.Fault {
	faults := make([]fubeitest.Fault, n)
	for i := range faults {
		faults[i] = f
	}
	return faults
}

// sayRefused takes the money and says no.
var sayRefused = sandbox.Body("say refused", func([]byte) []byte {
	return []byte(`{"result_code":400,"result_message":"失败","sub_code":"SYSTEMERROR","data":{"merchant_order_sn":"DP1"}}`)
})

// The caller leaves: unknown, never failed, and nothing is reversed behind his
// back.
func TestSettleCanceled(t *testing.T) {
	for _, after := range []time.Duration{time.Millisecond, 10 * time.Second, 44900 * time.Millisecond} {
		synctest.Test(t, func(t *testing.T) {
			gateway, server := shop(t)
			server.AskPassword(-1)
			ctx, cancel := context.WithTimeout(t.Context(), after)
			defer cancel()
			payment, err := duopay.Settle(ctx, gateway, charge("DP1"))
			require.ErrorIs(t, err, duopay.Unsure)
			require.ErrorIs(t, err, context.DeadlineExceeded)
			assert.Equal(t, duopay.Unknown, payment.Status)
			assert.Empty(t, server.Requests(fubeitest.MethodReverse))
		})
	}
}

// timeout_express, if it comes first, ends the waiting.
func TestSettleExpiry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gateway, server := shop(t)
		server.SetClock(func() time.Time { return time.Now().Add(-time.Hour) }) // which does not close it by itself
		server.AskPassword(-1)
		c := charge("DP1")
		c.ExpiresAt = time.Now().Add(61 * time.Second)
		start := time.Now()
		timing := gateway.Timing()
		timing.GiveUp = 2 * time.Minute
		payment, err := duopay.Settle(t.Context(), gateway, c, duopay.WithTiming(timing))
		require.ErrorIs(t, err, duopay.Refused)
		assert.Equal(t, duopay.Canceled, payment.Status)
		assert.Equal(t, 61*time.Second, time.Since(start).Round(time.Second))
	})
}

// One client, many goroutines.
func TestConcurrency(t *testing.T) {
	gateway, server := shop(t)
	var group sync.WaitGroup
	for i := range 64 {
		group.Go(func() {
			c := charge("DP" + string(rune('A'+i%26)) + string(rune('a'+i/26)))
			c.AuthCode = c.AuthCode[:16] + string([]byte{'0' + byte(i/10), '0' + byte(i%10)})
			payment, err := gateway.Charge(t.Context(), c)
			if !assert.NoError(t, err) { //nolint:testifylint // require must not be called here: it ends the test's own goroutine
				return
			}
			assert.Equal(t, c.OrderNo, payment.OrderNo)
			found, err := gateway.Query(t.Context(), duopay.Reference{OrderNo: c.OrderNo, Amount: c.Amount})
			assert.Equal(t, duopay.Paid, found.Status, "%v", err)
			_, err = gateway.ParseNotification(http.MethodPost, nil, http.Header{}, nil)
			assert.ErrorIs(t, err, duopay.ErrMalformed)
		})
	}
	group.Wait()
	assert.Len(t, server.Orders(), 64)
}

// With every secret marked, none shows up anywhere but on the wire.
func TestSecretsStayInside(t *testing.T) {
	const key, code, buyer = "KEY-SECRET-1", "130784921069830971", "2088BUYER"
	var log bytes.Buffer
	server := fubeitest.NewUnstartedServer()
	server.Secret = key
	leaky := roundTrip(func(r *http.Request) (*http.Response, error) {
		return nil, errors.New("cannot post " + r.URL.String() + " for " + code + " " + key)
	})
	config := fubei.Config{BaseURL: server.URL, AppID: server.AppID, Secret: duopay.NewSecret(key)}
	logger := duopay.WithLogger(jsonLogger(&log))
	request := manualSwipe()
	request.BuyerID = buyer
	neutral := duopay.Charge{OrderNo: "DP1", Amount: duopay.MustMoney("1"), AuthCode: code}

	shown := []any{config, &config, struct{ config fubei.Config }{config}, request, &request, neutral, duopay.Options{}, logger}
	for _, transport := range []http.RoundTripper{server.Transport(), leaky} {
		c, err := fubei.New(config, logger, duopay.WithHTTPClient(&http.Client{Transport: transport}), duopay.WithAttempts(1))
		require.NoError(t, err)
		gateway := fubei.Gateway{Client: c}
		shown = append(shown, c, gateway, &gateway)
		echo := fubeitest.Refuse(400, "CODE_"+code, "付款码 "+code+" 无效 "+key)
		for _, fault := range []fubeitest.Fault{echo, fubeitest.State(code), fubeitest.DropAfter, fubeitest.Garbage, fubeitest.ServerError, fubeitest.OtherOrder} {
			server.Next(fubeitest.MethodSwipe, fault)
			_, err := c.Swipe(t.Context(), request)
			require.Error(t, err)
			shown = append(shown, err)
			server.Next(fubeitest.MethodSwipe, fault)
			_, err = gateway.Charge(t.Context(), neutral)
			require.Error(t, err)
			shown = append(shown, err)
		}
		_, err = c.Swipe(t.Context(), fubei.SwipeRequest{AuthCode: code + " ", BuyerID: buyer})
		require.ErrorIs(t, err, duopay.Invalid)
		shown = append(shown, err)
		_, err = c.Call(t.Context(), "fbpay.order.pay", map[string]string{"auth_code": code})
		require.Error(t, err)
		shown = append(shown, err)
		_, err = c.ParseNotification(http.MethodPost, http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}, []byte("sign="+key))
		require.Error(t, err)
		shown = append(shown, err)
	}
	text, err := (&fubei.Client{}).MarshalJSON()
	require.NoError(t, err)
	shown = append(shown, string(text))

	for _, v := range shown {
		for _, text := range forms(v) {
			for _, secret := range []string{key, code, buyer} {
				assert.NotContains(t, text, secret)
			}
			assert.NotRegexp(t, `[0-9A-F]{32}`, text, "a signature")
		}
	}
	require.NotEmpty(t, log.String())
	for _, secret := range []string{key, code, buyer, "biz_content"} {
		assert.NotContains(t, log.String(), secret)
	}
	assert.NotRegexp(t, `[0-9A-F]{32}`, log.String(), "a signature")
	assert.Contains(t, log.String(), `"provider":"fubei","operation":"openapi.payment.order.swipe","order_no":"201704191492587335309","attempt":1`)
}
