package fufu_test

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/duopay/duopay"
	"github.com/duopay/duopay/fufu"
	"github.com/duopay/duopay/fufu/fufutest"
	"github.com/duopay/duopay/internal/sandbox"
)

// shop is a gateway and the fake behind it, in memory.
func shop(t testing.TB, options ...duopay.Option) (fufu.Gateway, *fufutest.Server) {
	t.Helper()
	server := fufutest.NewUnstartedServer()
	return fufu.Gateway{
		Client: clientOf(t, server, server.Transport(), options...), OperatorID: "cashier 1", TerminalID: "收银机1", StoreID: "02016",
		SubAppID: "wx0000000000000000",
	}, server
}

func charge(no string) duopay.Charge {
	return duopay.Charge{OrderNo: no, Amount: duopay.MustMoney("2.50"), AuthCode: "288886863488188613", Subject: "测试 商品", Attach: "a\x00b"}
}

func TestGatewayCharge(t *testing.T) {
	gateway, server := shop(t)
	payment, err := gateway.Charge(t.Context(), charge("DP1"))
	require.NoError(t, err)
	order, ok := server.Order("DP1")
	require.True(t, ok)
	assert.EqualValues(t, 250, order.ChargedFen)
	native, ok := payment.Native.(*fufu.Order)
	require.True(t, ok)
	assert.Equal(t, duopay.Payment{
		OrderNo: "DP1", TradeNo: order.TradeNo, ChannelTradeNo: string(native.ChannelTradeNo),
		Status: duopay.Paid, State: "1", Amount: duopay.MustMoney("2.50"),
		PaidAt: native.PaidAt(), Attach: "a\x00b", Native: native,
	}, payment)
	assert.NotEmpty(t, native.ChannelTradeNo)
	assert.True(t, order.PaidAt.Truncate(time.Second).Equal(payment.PaidAt))
	assert.EqualValues(t, "cashier 1", native.OperatorID)
	assert.EqualValues(t, "收银机1", native.TerminalID)
	assert.Equal(t, "288886863488188613", native.AuthCode.Reveal())

	// A query has no amount to compare, or the right one, or another one.
	reference := duopay.Reference{OrderNo: "DP1", Amount: duopay.MustMoney("2.50")}
	found, err := gateway.Query(t.Context(), reference)
	require.NoError(t, err)
	assert.Equal(t, duopay.Paid, found.Status)
	assert.True(t, found.Amount.IsZero(), "it is not told")
	server.Next(fufutest.OpQuery, fufutest.WithAmount, fufutest.WrongAmount)
	found, err = gateway.Query(t.Context(), reference)
	require.NoError(t, err)
	assert.Equal(t, reference.Amount, found.Amount)
	found, err = gateway.Query(t.Context(), reference)
	require.NoError(t, err, "a wrong answer to a query is asked for again")
	server.Next(fufutest.OpQuery, thrice(fufutest.WrongAmount)...)
	found, err = gateway.Query(t.Context(), reference)
	require.ErrorIs(t, err, duopay.ErrAmountMismatch)
	assert.Equal(t, duopay.Unknown, found.Status)
	assert.NotNil(t, found.Native)
}

// Orders in another currency: the amount counts that one.
func TestGatewayCurrency(t *testing.T) {
	gateway, server := shop(t)
	gateway.FeeType = fufu.THB
	payment, err := gateway.Charge(t.Context(), charge("DP1"))
	require.NoError(t, err)
	assert.Equal(t, duopay.MustMoney("2.50"), payment.Amount)
	native := payment.Native.(*fufu.Order)
	assert.Equal(t, fufu.Rate("0.2183"), native.ExchangeRate)
	assert.Equal(t, fufu.Amount("55"), native.TransAmountCNY)
	_, err = gateway.Refund(t.Context(), duopay.Refund{OrderNo: "DP1", RefundNo: "RF1", Amount: duopay.MustMoney("1"), Reason: "r"})
	require.NoError(t, err)

	gateway.FeeType = ""
	found, err := gateway.Query(t.Context(), duopay.Reference{OrderNo: "DP1"})
	require.NoError(t, err)
	assert.True(t, found.Amount.IsZero(), "not yuan")
	_, err = gateway.Query(t.Context(), duopay.Reference{OrderNo: "DP1", Amount: duopay.MustMoney("2.50")})
	require.ErrorIs(t, err, duopay.ErrAmountMismatch)
	order, _ := server.Order("DP1")
	assert.Equal(t, "THB", order.Currency)
}

// The hooks come last and may change anything.
func TestGatewayHooks(t *testing.T) {
	gateway, server := shop(t)
	gateway.EditOrder = func(r *fufu.OrderRequest) { r.TimeZone = "order" }
	gateway.EditPreOrder = func(r *fufu.PreOrderRequest) { r.TimeZone = "preOrder" }
	gateway.EditRefund = func(r *fufu.RefundRequest) { r.TimeZone = "refund" }
	_, err := gateway.Charge(t.Context(), charge("DP1"))
	require.NoError(t, err)
	_, err = gateway.Prepare(t.Context(), duopay.Order{OrderNo: "DP2", Amount: duopay.MustMoney("1"), Subject: "x"})
	require.NoError(t, err)
	_, err = gateway.Refund(t.Context(), duopay.Refund{OrderNo: "DP1", RefundNo: "RF1", Amount: duopay.MustMoney("1"), Reason: "r"})
	require.NoError(t, err)
	for _, op := range []string{fufutest.OpOrder, fufutest.OpPreOrder, fufutest.OpRefund} {
		assert.Contains(t, string(server.Requests(op)[0].Body), `"time_zone":"`+op+`"`)
	}
}

// A preOrder in its three forms: opened, paid, notified; and closed.
func TestGatewayPrepare(t *testing.T) {
	gateway, server := shop(t)
	ctx := t.Context()
	order := duopay.Order{OrderNo: "DP1", Amount: duopay.MustMoney("12.50"), Subject: "午餐", Attach: "table=7", NotifyURL: "https://shop.example/fufu"}
	prepared, err := gateway.Prepare(ctx, order)
	require.NoError(t, err)
	assert.NotEmpty(t, prepared.QRCode)
	assert.NotEmpty(t, prepared.TradeNo)
	assert.Empty(t, prepared.PageData)
	assert.IsType(t, &fufu.PreOrderReply{}, prepared.Native)

	alipay := order
	alipay.OrderNo, alipay.Channel, alipay.Buyer = "DP2", duopay.Alipay, "2088102172184723"
	prepared, err = gateway.Prepare(ctx, alipay)
	require.NoError(t, err)
	assert.Empty(t, prepared.QRCode)
	assert.Regexp(t, `^\{"tradeNO":"\d+"\}$`, string(prepared.PageData))

	assert.NotContains(t, string(server.Requests(fufutest.OpPreOrder)[1].Body), "subAppId", "it is WeChat's")

	weChat := order
	weChat.OrderNo, weChat.Channel, weChat.Buyer = "DP3", duopay.WeChatPay, "oTEST"
	for i, fault := range []fufutest.Fault{fufutest.None, fufutest.PayInfoAsObject, fufutest.BrokenPayInfo} {
		weChat.OrderNo = "DP3" + strconv.Itoa(i)
		server.Next(fufutest.OpPreOrder, fault)
		prepared, err = gateway.Prepare(ctx, weChat)
		require.NoError(t, err)
		assert.Contains(t, string(prepared.PageData), `"appId":"wx0000000000000000"`)
		assert.Contains(t, string(prepared.PageData), `"paySign":"`)
	}

	found, err := gateway.Query(ctx, duopay.Reference{OrderNo: "DP1"})
	require.NoError(t, err)
	assert.Equal(t, duopay.Pending, found.Status)
	require.NoError(t, server.Pay("DP1"))
	for _, variants := range [][]fufutest.Variant{nil, {fufutest.Pretty}, {fufutest.Sparse}, {fufutest.Strings}, {fufutest.SpacedText}} {
		sign, body, err := server.Notification("DP1", variants...)
		require.NoError(t, err)
		n, err := gateway.ParseNotification(http.MethodPost, &url.URL{RawQuery: "sign=" + sign}, nil, []byte(body))
		require.NoError(t, err)
		require.NoError(t, n.Payment.Match(duopay.Reference{OrderNo: "DP1", Amount: order.Amount}))
		require.ErrorIs(t, n.Payment.Match(duopay.Reference{OrderNo: "DP1", Amount: duopay.MustMoney("12")}), duopay.ErrAmountMismatch)
		assert.Equal(t, duopay.Paid, n.Payment.Status)
		assert.False(t, n.Payment.PaidAt.IsZero())
		assert.Equal(t, "fufu", n.Provider)
		if len(variants) == 0 {
			assert.Equal(t, "table=7", n.Payment.Attach)
		}
	}

	closing, err := gateway.Close(ctx, duopay.Reference{OrderNo: "DP1"})
	require.ErrorIs(t, err, duopay.Unsure, "it is paid, but there is no code for that")
	assert.Equal(t, duopay.Unknown, closing.Status)
	closing, err = gateway.Close(ctx, duopay.Reference{OrderNo: "DP2"})
	require.NoError(t, err)
	assert.Equal(t, duopay.Pending, closing.Status, "believe only a query")
	found, err = gateway.Query(ctx, duopay.Reference{OrderNo: "DP2"})
	require.NoError(t, err)
	assert.Equal(t, duopay.Closed, found.Status)
}

// Delivered until it is acknowledged: at once and up to five times more, 5 s
// apart; booked once.
func TestRedelivery(t *testing.T) {
	for failures, want := range map[int]int{0: 1, 3: 4, 5: 6, 9: 6} {
		synctest.Test(t, func(t *testing.T) {
			gateway, server := shop(t)
			server.NotifyInterval = 5 * time.Second
			tries, booked := 0, false
			handler, err := duopay.NotificationHandler(gateway, func(context.Context, duopay.Notification) error {
				if tries++; tries <= failures {
					return errors.New("the database is away")
				}
				booked = true
				return nil
			})
			require.NoError(t, err)
			_, err = gateway.Prepare(t.Context(), duopay.Order{OrderNo: "DP1", Amount: duopay.MustMoney("1"), Subject: "x", NotifyURL: "https://shop.example/fufu"})
			require.NoError(t, err)
			require.NoError(t, server.Pay("DP1"))
			start := time.Now()
			deliveries, err := server.Notify(t.Context(), &http.Client{Transport: sandbox.NewTransport(handler)}, "DP1")
			assert.Equal(t, failures < 6, err == nil)
			assert.Equal(t, want, deliveries)
			assert.Equal(t, failures < 6, booked)
			assert.Equal(t, time.Duration(want-1)*5*time.Second, time.Since(start))
		})
	}
}

// The expiry, in whole minutes, rounded down.
func TestGatewayExpiry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gateway, server := shop(t)
		order := duopay.Order{OrderNo: "DP1", Amount: duopay.MustMoney("1"), Subject: "x", ExpiresAt: time.Now().Add(119 * time.Second)}
		_, err := gateway.Prepare(t.Context(), order)
		require.NoError(t, err)
		assert.Contains(t, string(server.Requests(fufutest.OpPreOrder)[0].Body), `"time_expire":"1"`)
		for _, at := range []time.Time{time.Now().Add(59 * time.Second), time.Now().Add(-time.Hour), time.Now().Add(25 * time.Hour)} {
			order.ExpiresAt = at
			_, err = gateway.Prepare(t.Context(), order)
			assert.Contains(t, broken(t, err), "time_expire")
		}
		// The gateway cancels it by itself.
		time.Sleep(time.Minute)
		found, err := gateway.Query(t.Context(), duopay.Reference{OrderNo: "DP1"})
		require.NoError(t, err)
		assert.Equal(t, duopay.Canceled, found.Status)
		closing, err := gateway.Close(t.Context(), duopay.Reference{OrderNo: "DP1"})
		require.NoError(t, err, "closed before")
		assert.Equal(t, duopay.Canceled, closing.Status)

		order.OrderNo, order.ExpiresAt = "DP2", time.Time{}
		_, err = gateway.Prepare(t.Context(), order)
		require.NoError(t, err)
		time.Sleep(5 * time.Minute)
		found, err = gateway.Query(t.Context(), duopay.Reference{OrderNo: "DP2"})
		require.NoError(t, err)
		assert.Equal(t, duopay.Canceled, found.Status)
	})
}

func TestGatewayRefund(t *testing.T) {
	gateway, server := shop(t)
	ctx := t.Context()
	c := charge("DP1")
	c.Amount = duopay.MustMoney("100")
	_, err := gateway.Charge(ctx, c)
	require.NoError(t, err)
	order, _ := server.Order("DP1")

	server.SlowRefund(3)
	first := duopay.Refund{OrderNo: "DP1", RefundNo: "RF1", Amount: duopay.MustMoney("30"), Reason: "one item"}
	result, err := gateway.Refund(ctx, first)
	require.NoError(t, err)
	assert.Equal(t, duopay.RefundPending, result.Status, "accepted is not refunded")
	assert.Equal(t, first.Amount, result.Amount)
	trade := result.RefundTradeNo
	assert.NotEmpty(t, trade)
	found, err := gateway.Query(ctx, duopay.Reference{OrderNo: "DP1"})
	require.NoError(t, err)
	assert.Equal(t, "8", found.State)
	assert.Equal(t, duopay.Paid, found.Status)
	for _, status := range []duopay.RefundStatus{duopay.RefundPending, duopay.RefundPending, duopay.RefundDone, duopay.RefundDone} {
		result, err = gateway.QueryRefund(ctx, first)
		require.NoError(t, err)
		assert.Equal(t, status, result.Status)
		assert.Equal(t, trade, result.RefundTradeNo)
	}
	assert.Equal(t, first.Amount, result.Amount)
	assert.Equal(t, "succ", result.State)
	found, err = gateway.Query(ctx, duopay.Reference{OrderNo: "DP1"})
	require.NoError(t, err)
	assert.Equal(t, duopay.PartialRefunded, found.Status)

	server.FailRefund()
	second := duopay.Refund{TradeNo: order.TradeNo, RefundNo: "RF2", Amount: duopay.MustMoney("70"), Reason: "all"}
	_, err = gateway.Refund(ctx, second)
	require.NoError(t, err)
	result, err = gateway.QueryRefund(ctx, second)
	require.NoError(t, err)
	assert.Equal(t, duopay.RefundFailed, result.Status)
	assert.Equal(t, "fail", result.State)

	third := duopay.Refund{OrderNo: "DP1", RefundNo: "RF3", Amount: duopay.MustMoney("70.01"), Reason: "all"}
	result, err = gateway.Refund(ctx, third)
	var e *duopay.Error
	require.ErrorAs(t, err, &e)
	assert.Equal(t, duopay.Refused, e.Kind, "more than is left")
	assert.True(t, e.Certain)
	assert.Equal(t, "AMT_ERROR", e.Code)
	assert.Equal(t, duopay.RefundUnknown, result.Status)

	// The answer is lost, the refund is not. Repeating it is of no harm, as the
	// number is the same, and of no use: ask.
	server.Next(fufutest.OpRefund, fufutest.DropAfter)
	fourth := duopay.Refund{OrderNo: "DP1", RefundNo: "RF4", Amount: duopay.MustMoney("70"), Reason: "all"}
	result, err = gateway.Refund(ctx, fourth)
	require.ErrorIs(t, err, duopay.Unsure)
	assert.Equal(t, duopay.RefundUnknown, result.Status)
	_, err = gateway.Refund(ctx, fourth)
	require.ErrorIs(t, err, duopay.Unsure)
	require.ErrorAs(t, err, &e)
	assert.Equal(t, "SERIAL_REPEAT", e.Code)
	result, err = gateway.QueryRefund(ctx, fourth)
	require.NoError(t, err)
	assert.Equal(t, duopay.RefundDone, result.Status)

	order, _ = server.Order("DP1")
	assert.EqualValues(t, 10000, order.ReturnedFen)
	found, err = gateway.Query(ctx, duopay.Reference{OrderNo: "DP1"})
	require.NoError(t, err)
	assert.Equal(t, duopay.Refunded, found.Status)

	_, err = gateway.QueryRefund(ctx, duopay.Refund{RefundNo: "RF9"})
	require.ErrorIs(t, err, duopay.ErrNotFound)
	require.ErrorIs(t, err, duopay.Refused)
	_, err = gateway.Refund(ctx, duopay.Refund{OrderNo: "DP9", RefundNo: "RF9", Amount: duopay.MustMoney("1"), Reason: "r"})
	require.ErrorIs(t, err, duopay.ErrNotFound)
	require.ErrorIs(t, err, duopay.Refused)
}

// Cancel: what it does, and what it says of what was done before.
func TestGatewayCancel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gateway, server := shop(t)
		ctx := t.Context()
		server.AskPassword(-1)
		reference := duopay.Reference{OrderNo: "DP1", Amount: duopay.MustMoney("2.50"), CreatedAt: time.Now()}
		pending, err := gateway.Charge(ctx, charge("DP1"))
		require.NoError(t, err)
		assert.Equal(t, duopay.Pending, pending.Status)

		time.Sleep(15*time.Second - time.Millisecond)
		_, err = gateway.Cancel(ctx, reference)
		require.ErrorIs(t, err, duopay.Invalid)
		require.ErrorIs(t, err, fufu.ErrCancelTime)
		assert.Empty(t, server.Requests(fufutest.OpCancel), "nothing was sent")

		time.Sleep(time.Millisecond)
		server.SlowCancel(1)
		accepted, err := gateway.Cancel(ctx, reference)
		require.NoError(t, err)
		assert.Equal(t, duopay.Pending, accepted.Status)
		for _, status := range []duopay.Status{duopay.Pending, duopay.Canceled} {
			found, err := gateway.Query(ctx, reference)
			require.NoError(t, err)
			assert.Equal(t, status, found.Status)
		}
		again, err := gateway.Cancel(ctx, reference)
		require.NoError(t, err)
		assert.Equal(t, duopay.Canceled, again.Status)
		_, err = gateway.Client.Cancel(ctx, fufu.CancelRequest{OperatorID: "o", TerminalID: "t", OrderNo: "DP1"})
		require.ErrorIs(t, err, duopay.Refused, "in the manual's words it is a refusal")

		server.Next(fufutest.OpQuery, fufutest.Refuse("FAIL", string(fufu.CodeRevoked)))
		found, err := gateway.Query(ctx, reference)
		require.NoError(t, err)
		assert.Equal(t, duopay.Canceled, found.Status)

		_, err = gateway.Cancel(ctx, duopay.Reference{OrderNo: "DP9"})
		require.ErrorIs(t, err, duopay.ErrNotFound)
		require.ErrorIs(t, err, duopay.Refused)
	})
}

// The hours in which cancels go, by the clock of the client and in UTC+8.
func TestCancelHours(t *testing.T) {
	request := fufu.CancelRequest{OperatorID: "o", TerminalID: "t", OrderNo: "DP1"}
	for clock, open := range map[string]bool{
		"2099-01-02T00:00:00+08:00": false, "2099-01-02T00:59:59.999+08:00": false, "2099-01-02T01:00:00+08:00": true,
		"2099-01-02T22:59:59.999+08:00": true, "2099-01-02T23:00:00+08:00": false, "2099-01-02T23:30:00+08:00": false,
		"2099-01-02T16:59:59Z": false, "2099-01-02T17:00:00Z": true, "2099-01-02T15:00:00Z": false, "2099-01-02T12:00:00-03:00": false,
	} {
		now, err := time.Parse(time.RFC3339Nano, clock)
		require.NoError(t, err)
		c := answering(t, ok+`{"return_code":"SUCCESS"}}`, clockAt(now))
		_, err = c.Cancel(t.Context(), request)
		assert.Equal(t, open, err == nil, clock)
		if !open {
			require.ErrorIs(t, err, fufu.ErrCancelTime)
			require.ErrorIs(t, err, duopay.Invalid)
		}
		anyTime := request
		anyTime.AnyTime, anyTime.CreatedAt = true, now
		_, err = c.Cancel(t.Context(), anyTime)
		require.NoError(t, err)
	}
}

func TestStatuses(t *testing.T) {
	for state, want := range map[fufu.State]duopay.Status{
		"0": duopay.Pending, "1": duopay.Paid, "2": duopay.Canceled, "3": duopay.Pending, "4": duopay.PartialRefunded,
		"5": duopay.Refunded, "6": duopay.Closed, "7": duopay.Unknown, "8": duopay.Paid, "9": duopay.Paid, "10": duopay.Unknown,
		"11": duopay.Unknown, "12": duopay.Unknown, "13": duopay.Unknown, "14": duopay.Canceled, "15": duopay.Unknown,
		"": duopay.Unknown, "-1": duopay.Unknown, "01": duopay.Unknown, "+1": duopay.Unknown,
	} {
		assert.Equal(t, want, state.Status(), string(state))
	}
	for state, want := range map[fufu.RefundState]duopay.RefundStatus{
		"succ": duopay.RefundDone, "fail": duopay.RefundFailed, "refunding": duopay.RefundPending,
		"": duopay.RefundUnknown, "SUCC": duopay.RefundUnknown,
	} {
		assert.Equal(t, want, state.Status(), string(state))
	}
	assert.Equal(t, "auto Alipay WeChat 31", fufu.ChannelAuto.String()+" "+fufu.ChannelAlipay.String()+" "+fufu.ChannelWeChat.String()+" "+fufu.Channel(31).String())
	assert.Equal(t, "WeChat cash coupon", fufu.Funding("41").String())
	assert.Equal(t, "99", fufu.Funding("99").String())
}

// clocks puts both sides' clocks forward by begin, to 23:30 in UTC+8 for one.
// The gateway's, if slow, goes at half the speed, so that the gateway does not
// cancel by itself what is unpaid after 80 s.
func clocks(server *fufutest.Server, begin time.Duration, slow bool) duopay.Option {
	start := time.Now() // 08:00 in UTC+8
	server.SetClock(func() time.Time {
		passed := time.Since(start)
		if slow {
			passed /= 2
		}
		return start.Add(begin + passed)
	})
	return duopay.WithClock(func() time.Time { return time.Now().Add(begin) })
}

// Settle, step by step as the flow is laid down, in virtual time: what it
// says, when it said so, and what really happened.
func TestSettle(t *testing.T) {
	night := 15*time.Hour + 30*time.Minute
	for _, test := range []struct {
		name     string
		begin    time.Duration // after 08:00 in UTC+8
		slow     bool          // the gateway's clock, so that it does not cancel by itself
		arrange  func(*fufutest.Server)
		status   duopay.Status
		kind     duopay.Kind // "" if paid
		took     time.Duration
		charged  bool // the payer is out of the money
		orders   int  // requests that arrived
		queries  int
		canceled int
	}{
		{name: "paid at once", status: duopay.Paid, charged: true, orders: 1},
		{name: "never left", arrange: func(s *fufutest.Server) { s.Unreachable(3) }, status: duopay.Failed, kind: duopay.NotSent},
		{name: "paid after 75 s", arrange: func(s *fufutest.Server) { s.Next(fufutest.OpOrder, fufutest.Slow(75*time.Second)) },
			status: duopay.Paid, took: 75 * time.Second, charged: true, orders: 1},
		{name: "paid at the fifth query", arrange: func(s *fufutest.Server) { s.AskPassword(5) },
			status: duopay.Paid, took: 12 * time.Second, charged: true, orders: 1, queries: 5},
		{name: "reply lost, paid", arrange: func(s *fufutest.Server) { s.Next(fufutest.OpOrder, fufutest.DropAfter) },
			status: duopay.Paid, charged: true, orders: 1, queries: 1},
		{name: "no answer in time, paid", arrange: func(s *fufutest.Server) { s.Next(fufutest.OpOrder, fufutest.Slow(time.Hour)) },
			status: duopay.Paid, took: 90 * time.Second, charged: true, orders: 1, queries: 1},
		{name: "reply of another order, paid", arrange: func(s *fufutest.Server) { s.Next(fufutest.OpOrder, fufutest.OtherOrder) },
			status: duopay.Paid, charged: true, orders: 1, queries: 1},
		{name: "no state, paid", arrange: func(s *fufutest.Server) { s.Next(fufutest.OpOrder, fufutest.WithoutState) },
			status: duopay.Paid, charged: true, orders: 1, queries: 1},
		{name: "exception, paid", arrange: func(s *fufutest.Server) { s.Next(fufutest.OpOrder, fufutest.RefuseAfter("FAIL", "EXCEPTION")) },
			status: duopay.Paid, charged: true, orders: 1, queries: 1},
		{name: "still on its way, paid", arrange: func(s *fufutest.Server) {
			s.Next(fufutest.OpOrder, fufutest.DropAfter)
			s.HideOrder(4)
		}, status: duopay.Paid, took: 12 * time.Second, charged: true, orders: 1, queries: 5},
		{name: "another amount", arrange: func(s *fufutest.Server) { s.Next(fufutest.OpOrder, fufutest.WrongAmount) },
			status: duopay.Unknown, kind: duopay.Unsure, charged: true, orders: 1},
		{name: "rejected", arrange: func(s *fufutest.Server) { s.Next(fufutest.OpOrder, fufutest.Refuse("FAIL", "SOUNDWAVE_PARSER_FAIL")) },
			status: duopay.Failed, kind: duopay.Refused, orders: 1},
		{name: "cancelled, it says", arrange: func(s *fufutest.Server) {
			s.Next(fufutest.OpOrder, fufutest.Refuse("FAIL", string(fufu.CodeRevoked)))
			s.Next(fufutest.OpQuery, fufutest.Refuse("FAIL", string(fufu.CodeRevoked)))
		}, status: duopay.Canceled, kind: duopay.Refused, orders: 1, queries: 1},
		{name: "order never arrived", arrange: func(s *fufutest.Server) { s.Next(fufutest.OpOrder, fufutest.DropBefore) },
			// 0, 3, ... 99, 100 s: 35 queries
			status: duopay.Failed, kind: duopay.Refused, took: 100 * time.Second, orders: 1, queries: 35},
		{name: "order never arrived, and that late", arrange: func(s *fufutest.Server) { s.Next(fufutest.OpOrder, outage) },
			// 90, 93, 96, 99, 100, 103, 106, 109, 112 s: 20 s of denials
			status: duopay.Failed, kind: duopay.Refused, took: 112 * time.Second, orders: 1, queries: 9},
		{name: "gateway cancels at 80 s", arrange: func(s *fufutest.Server) { s.AskPassword(-1) },
			// 0, 3, ... 81 s
			status: duopay.Canceled, kind: duopay.Refused, took: 81 * time.Second, orders: 1, queries: 28},
		{name: "never paid: cancelled", slow: true, arrange: func(s *fufutest.Server) { s.AskPassword(-1) },
			status: duopay.Canceled, kind: duopay.Refused, took: 100 * time.Second, orders: 1, queries: 35 + 1, canceled: 1},
		{name: "never paid: cancel is slow", slow: true, arrange: func(s *fufutest.Server) { s.AskPassword(-1); s.SlowCancel(2) },
			status: duopay.Canceled, kind: duopay.Refused, took: 106 * time.Second, orders: 1, queries: 35 + 3, canceled: 1},
		{name: "never paid: cancel for ever", slow: true, arrange: func(s *fufutest.Server) { s.AskPassword(-1); s.SlowCancel(-1) },
			status: duopay.Unknown, kind: duopay.Unsure, took: 106 * time.Second, orders: 1, queries: 35 + 3, canceled: 1},
		{name: "never paid: reply to the cancel lost", slow: true, arrange: func(s *fufutest.Server) {
			s.AskPassword(-1)
			s.Next(fufutest.OpCancel, fufutest.DropAfter)
		}, status: duopay.Canceled, kind: duopay.Refused, took: 100 * time.Second, orders: 1, queries: 35 + 1, canceled: 1},
		{name: "never paid: cancel lost", slow: true, arrange: func(s *fufutest.Server) {
			s.AskPassword(-1)
			s.Next(fufutest.OpCancel, fufutest.DropBefore)
		}, status: duopay.Unknown, kind: duopay.Unsure, took: 100 * time.Second, orders: 1, queries: 35 + 1, canceled: 1},
		{name: "paid while it is cancelled", slow: true, arrange: func(s *fufutest.Server) { s.AskPassword(36) },
			// the first query after the cancel would have paid it: state 2 stands
			status: duopay.Canceled, kind: duopay.Refused, took: 100 * time.Second, orders: 1, queries: 35 + 1, canceled: 1},
		{name: "paid before the cancel arrives", slow: true, arrange: func(s *fufutest.Server) {
			s.AskPassword(36)
			s.Next(fufutest.OpCancel, fufutest.Refuse("FAIL", "订单已支付"))
		}, status: duopay.Paid, took: 121 * time.Second, charged: true, orders: 1, queries: 35 + 8, canceled: 1},
		{name: "never paid at 23:30: unknown", begin: night, slow: true, arrange: func(s *fufutest.Server) { s.AskPassword(-1) },
			status: duopay.Unknown, kind: duopay.Unsure, took: 100 * time.Second, orders: 1, queries: 35},
		{name: "gateway cancels at 23:30", begin: night, arrange: func(s *fufutest.Server) { s.AskPassword(-1) },
			status: duopay.Canceled, kind: duopay.Refused, took: 81 * time.Second, orders: 1, queries: 28},
		{name: "number used before, for what was paid", arrange: func(s *fufutest.Server) {
			s.Next(fufutest.OpOrder, fufutest.RefuseAfter("FAIL", "SERIAL_REPEAT"))
		}, status: duopay.Paid, charged: true, orders: 1, queries: 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := fufutest.NewUnstartedServer()
				gateway := fufu.Gateway{OperatorID: "o", TerminalID: "t"}
				gateway.Client = clientOf(t, server, server.Transport(), clocks(server, test.begin, test.slow))
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
				if test.kind != duopay.NotSent { // which has pauses of random length
					assert.Equal(t, test.took, time.Since(start))
				}
				assert.Len(t, server.Requests(fufutest.OpOrder), test.orders)
				assert.Len(t, server.Requests(fufutest.OpQuery), test.queries)
				assert.Len(t, server.Requests(fufutest.OpCancel), test.canceled)
				order, _ := server.Order("DP1")
				assert.Equal(t, test.charged, order.ChargedFen > order.ReturnedFen)
				if test.begin > 0 && test.slow {
					require.ErrorIs(t, err, fufu.ErrCancelTime, "the reason is told")
				}
			})
		})
	}
}

// outage swallows a request and answers nothing.
var outage = sandbox.Before("outage", func(_ http.ResponseWriter, r *http.Request) {
	<-r.Context().Done()
	panic(http.ErrAbortHandler)
})

// The cashier gives up: not before the order is 16 s old, and never by night.
func TestSettleAbort(t *testing.T) {
	for begin, status := range map[time.Duration]duopay.Status{0: duopay.Canceled, 15*time.Hour + 30*time.Minute: duopay.Unknown} {
		synctest.Test(t, func(t *testing.T) {
			server := fufutest.NewUnstartedServer()
			gateway := fufu.Gateway{OperatorID: "o", TerminalID: "t"}
			gateway.Client = clientOf(t, server, server.Transport(), clocks(server, begin, false))
			server.AskPassword(-1)
			abort := make(chan struct{})
			time.AfterFunc(5*time.Second, func() { close(abort) })
			start := time.Now()
			payment, err := duopay.Settle(t.Context(), gateway, charge("DP1"), duopay.WithAbort(abort))
			require.Error(t, err)
			assert.Equal(t, status, payment.Status)
			assert.Equal(t, 16*time.Second, time.Since(start))
			assert.Len(t, server.Requests(fufutest.OpCancel), map[bool]int{true: 1, false: 0}[begin == 0])
		})
	}
}

// The caller leaves: unknown, never failed, and nothing is cancelled behind his
// back.
func TestSettleCanceled(t *testing.T) {
	for _, after := range []time.Duration{time.Millisecond, 10 * time.Second, 79 * time.Second} {
		synctest.Test(t, func(t *testing.T) {
			gateway, server := shop(t)
			server.AskPassword(-1)
			ctx, cancel := context.WithTimeout(t.Context(), after)
			defer cancel()
			payment, err := duopay.Settle(ctx, gateway, charge("DP1"))
			require.ErrorIs(t, err, duopay.Unsure)
			require.ErrorIs(t, err, context.DeadlineExceeded)
			assert.Equal(t, duopay.Unknown, payment.Status)
			assert.Empty(t, server.Requests(fufutest.OpCancel))
		})
	}
}

// A restart in the middle: the order is found as it is.
func TestResume(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gateway, server := shop(t)
		server.Next(fufutest.OpOrder, fufutest.DropAfter)
		start := time.Now()
		_, err := gateway.Charge(t.Context(), charge("DP1"))
		require.ErrorIs(t, err, duopay.Unsure)
		time.Sleep(time.Hour)
		payment, err := duopay.Resume(t.Context(), gateway, duopay.Reference{OrderNo: "DP1", Amount: duopay.MustMoney("2.50"), CreatedAt: start})
		require.NoError(t, err)
		assert.Equal(t, duopay.Paid, payment.Status)
	})
}

// One client, many goroutines.
func TestConcurrency(t *testing.T) {
	gateway, server := shop(t)
	var group sync.WaitGroup
	for i := range 64 {
		group.Go(func() {
			c := charge("DP" + strconv.Itoa(i))
			c.AuthCode = c.AuthCode[:16] + string([]byte{'0' + byte(i/10), '0' + byte(i%10)})
			payment, err := gateway.Charge(t.Context(), c)
			if err != nil {
				t.Error(err)
				return
			}
			assert.Equal(t, c.OrderNo, payment.OrderNo)
			found, err := gateway.Query(t.Context(), duopay.Reference{OrderNo: c.OrderNo, Amount: c.Amount})
			if err != nil {
				t.Error(err)
				return
			}
			assert.Equal(t, duopay.Paid, found.Status)
			_, err = gateway.Refund(t.Context(), duopay.Refund{OrderNo: c.OrderNo, RefundNo: "R" + c.OrderNo, Amount: c.Amount, Reason: "r"})
			if err != nil {
				t.Error(err)
				return
			}
			_, err = gateway.ParseNotification(http.MethodPost, nil, nil, nil)
			assert.ErrorIs(t, err, duopay.ErrMalformed)
		})
	}
	group.Wait()
	assert.Len(t, server.Orders(), 64)
}

// With every secret marked, none shows up anywhere but on the wire.
func TestSecretsStayInside(t *testing.T) {
	const key, code, buyer = "KEY-SECRET-1", "288886863488188613", "oBUYER-1"
	var log bytes.Buffer
	server := fufutest.NewUnstartedServer()
	server.Key = key
	leaky := roundTrip(func(r *http.Request) (*http.Response, error) {
		body := new(bytes.Buffer)
		_, _ = body.ReadFrom(r.Body)
		return nil, errors.New("cannot post " + r.URL.String() + " " + body.String())
	})
	config := fufu.Config{BaseURL: server.URL, BusiID: server.BusiID, Key: duopay.NewSecret(key)}
	logger := duopay.WithLogger(jsonLogger(&log))
	request, page := manualOrder(), weChatOrder()
	page.OpenID = buyer
	neutral := duopay.Charge{OrderNo: "DP1", Amount: duopay.MustMoney("2.50"), AuthCode: code, Subject: "s"}

	shown := []any{config, &config, struct{ config fufu.Config }{config}, request, &request, page, &page, neutral, logger}
	for _, transport := range []http.RoundTripper{server.Transport(), leaky} {
		c, err := fufu.New(config, logger, duopay.WithHTTPClient(&http.Client{Transport: transport}), duopay.WithAttempts(1))
		require.NoError(t, err)
		gateway := fufu.Gateway{Client: c, OperatorID: "o", TerminalID: "t"}
		shown = append(shown, c, gateway, &gateway)
		echo := fufutest.Refuse("CODE_"+code, "付款码 "+code+" 无效 "+key)
		for _, fault := range []fufutest.Fault{
			echo, fufutest.TradeStatus(code), fufutest.DropAfter, fufutest.Garbage,
			fufutest.ServerError, fufutest.OtherOrder, fufutest.WrongAmount, fufutest.WithoutState,
		} {
			server.Next("", fault)
			reply, err := c.Order(t.Context(), request)
			shown = append(shown, err, reply)
			server.Next("", fault)
			payment, err := gateway.Charge(t.Context(), neutral)
			shown = append(shown, err, payment)
			if fault.String() == echo.String() {
				fault = fufutest.Refuse("CODE_"+buyer, "用户 "+buyer+" 无效 "+key)
			}
			server.Next("", fault)
			opened, err := c.PreOrder(t.Context(), page)
			shown = append(shown, err, opened)
			if fault.String() != fufutest.DropAfter.String() {
				fault = fufutest.Refuse("CODE_"+buyer, "付款码 "+code+" 无效 "+key)
			}
			server.Next("", fault)
			called, err := c.Call(t.Context(), "order", map[string]string{"auth_code": code, "openId": buyer})
			shown = append(shown, err, called)
		}
		found, err := c.Query(t.Context(), fufu.QueryRequest{OrderNo: request.OrderNo})
		shown = append(shown, err, found)
		if found != nil {
			shown = append(shown, *found)
			assert.Equal(t, code, found.AuthCode.Reveal(), "it was echoed")
		}
		server.Next("", echoing)
		_, err = c.Query(t.Context(), fufu.QueryRequest{OrderNo: request.OrderNo})
		require.Error(t, err)
		shown = append(shown, err)
		called, err := c.Call(t.Context(), "query", map[string]string{"out_trade_no": request.OrderNo})
		shown = append(shown, err, called)
		_, err = c.Order(t.Context(), fufu.OrderRequest{AuthCode: code + " "})
		require.ErrorIs(t, err, duopay.Invalid)
		shown = append(shown, err)
		_, err = c.PreOrder(t.Context(), fufu.PreOrderRequest{OpenID: buyer + " ", NotifyURL: "http://u:" + key + "@x/"})
		require.ErrorIs(t, err, duopay.Invalid)
		shown = append(shown, err)
		_, err = c.ParseNotification(http.MethodPost, &url.URL{RawQuery: "sign=" + key}, []byte(key))
		require.Error(t, err)
		shown = append(shown, err)
		_, err = c.ParseNotification(http.MethodPost, &url.URL{RawQuery: "sign=5e585f9a9d2795b9745beef81eb15638:1700000000000"}, []byte(key))
		require.ErrorIs(t, err, duopay.ErrSignature)
		shown = append(shown, err)
	}

	for _, v := range shown {
		for _, text := range forms(v) {
			for _, secret := range []string{key, code, buyer, "sign=", "fufu.invalid"} {
				if _, isConfig := v.(fufu.Config); secret == "fufu.invalid" && (isConfig || !isError(v)) {
					continue // an address is no secret, but does not belong into errors
				}
				assert.NotContains(t, text, secret)
			}
			assert.NotRegexp(t, `[0-9a-fA-F]{32}`, text, "a signature")
		}
	}
	require.NotEmpty(t, log.String())
	for _, secret := range []string{key, code, buyer, "sign=", "fufu.invalid"} {
		assert.NotContains(t, log.String(), secret)
	}
	assert.NotRegexp(t, `[0-9a-fA-F]{32}`, log.String(), "a signature")
	assert.Contains(t, log.String(), `"provider":"fufu","operation":"order","order_no":"d2dbe5fb-fc71-4bfe-848f-a24875d9169c","attempt":1`)
}

// echoing refuses a query with the payer's code, which the query did not hold.
var echoing = sandbox.Body("echoing", func([]byte) []byte {
	return []byte(ok + `{"return_code":"FAIL","return_msg":"code 288886863488188613 expired","auth_code":"288886863488188613"}}`)
})

func isError(v any) bool {
	_, ok := v.(error)
	return ok
}
