package guanaitong_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/duopay/duopay"
	"github.com/duopay/duopay/guanaitong"
	"github.com/duopay/duopay/guanaitong/guanaitongtest"
)

// shop is a gateway and the fake behind it, in memory.
func shop(t testing.TB, options ...duopay.Option) (guanaitong.Gateway, *guanaitongtest.Server) {
	t.Helper()
	server := guanaitongtest.NewUnstartedServer()
	p := clientsOf(t, server, server.Transport(), options...)
	return guanaitong.Gateway{
		Client: p.caller, Seller: p.seller, PayType: guanaitong.PayPoints, EnterpriseCode: server.EnterpriseCode,
		ReturnURL: "https://shop.example/pay/return", NotifyURL: "https://shop.example/pay/notify",
	}, server
}

// charge is a charge of 100 yuan with a good code.
func charge(t testing.TB, server *guanaitongtest.Server, no string) duopay.Charge {
	t.Helper()
	code, err := server.AuthCode("U0001")
	require.NoError(t, err)
	return duopay.Charge{OrderNo: server.Seller.ID + no, Amount: money("100"), AuthCode: code, Subject: "午餐", Attach: "桌 7"}
}

func TestGatewayCharge(t *testing.T) {
	gateway, server := shop(t)
	c := charge(t, server, "0001")
	payment, err := gateway.Charge(t.Context(), c)
	require.NoError(t, err)
	order, ok := server.Order(c.OrderNo)
	require.True(t, ok)
	native, ok := payment.Native.(*guanaitong.PayReply)
	require.True(t, ok)
	assert.Equal(t, duopay.Payment{OrderNo: c.OrderNo, TradeNo: order.TradeNo, Status: duopay.Pending, State: "OK", Native: native}, payment,
		"what is reported at once is provisional")
	assert.EqualValues(t, 10000, order.ChargedFen)
	assert.Equal(t, "午餐", order.Reason)
	assert.Equal(t, "桌 7", order.Attach)

	found, err := gateway.Query(t.Context(), duopay.Reference{OrderNo: c.OrderNo, Amount: c.Amount, CreatedAt: time.Now()})
	require.NoError(t, err)
	one, ok := found.Native.(*guanaitong.Consumption)
	require.True(t, ok)
	assert.Equal(t, duopay.Payment{
		OrderNo: c.OrderNo, TradeNo: order.TradeNo, Status: duopay.Paid, State: "3", Amount: c.Amount, Received: c.Amount,
		PaidAt: one.PayTime.Time(), Native: one,
	}, found)
	assert.WithinDuration(t, order.PaidAt, found.PaidAt, time.Second)
	found, err = gateway.Query(t.Context(), duopay.Reference{TradeNo: order.TradeNo, Amount: c.Amount})
	require.NoError(t, err)
	assert.Equal(t, c.OrderNo, found.OrderNo)
	assert.IsType(t, &guanaitong.ConsumeReply{}, found.Native)
	for _, reference := range []duopay.Reference{{OrderNo: c.OrderNo, Amount: money("80")}, {TradeNo: order.TradeNo, Amount: money("80")}} {
		found, err = gateway.Query(t.Context(), reference)
		require.ErrorIs(t, err, duopay.ErrAmountMismatch)
		require.ErrorIs(t, err, duopay.Unsure)
		assert.Equal(t, duopay.Unknown, found.Status)
		assert.NotNil(t, found.Native)
	}
	_, err = gateway.Query(t.Context(), duopay.Reference{})
	require.ErrorIs(t, err, duopay.Invalid)
}

// The hook comes last and may change anything. Without it the goods are one
// line that fits.
func TestGatewayHook(t *testing.T) {
	gateway, server := shop(t)
	c := charge(t, server, "0001")
	c.Subject = strings.Repeat("餐", 60)
	_, err := gateway.Charge(t.Context(), c)
	require.NoError(t, err, "a long subject is shortened where it has to be")
	order, _ := server.Order(c.OrderNo)
	assert.Equal(t, c.Subject, order.Reason)

	c = charge(t, server, "0002")
	c.Subject = ""
	gateway.EditPay = func(r *guanaitong.PayRequest) { r.PayType = guanaitong.PayQuota; r.TradeInfo.CostAmount = money("90") }
	_, err = gateway.Charge(t.Context(), c)
	require.NoError(t, err)
	order, _ = server.Order(c.OrderNo)
	assert.Equal(t, 2, order.PayType)
	assert.Equal(t, c.OrderNo, order.Reason)
	sent := server.Requests(guanaitongtest.PathPay)
	form, err := url.ParseQuery(string(sent[1].Body))
	require.NoError(t, err)
	assert.Contains(t, form.Get("trade_info"), `"third_cost_amount":90.00,"is_third_orders":2,"goods_detail":[{"sku_id":"900000020002","name":"900000020002","quantity":1,"good_price":100.00,`)

	// One app for all.
	gateway.Seller = nil
	gateway.EditPay = nil
	_, err = gateway.Charge(t.Context(), charge(t, server, "0003"))
	require.ErrorIs(t, err, duopay.Invalid, "the number does not begin with the caller's appid")
	gateway.SellerAppID = server.Seller.ID
	_, err = gateway.Charge(t.Context(), charge(t, server, "0003"))
	require.NoError(t, err)
}

func TestGatewayRefund(t *testing.T) {
	gateway, server := shop(t)
	ctx := t.Context()
	c := charge(t, server, "0001")
	_, err := gateway.Charge(ctx, c)
	require.NoError(t, err)

	first := duopay.Refund{OrderNo: c.OrderNo, RefundNo: server.Seller.ID + "R1", Amount: money("30"), NotifyURL: "https://shop.example/pay/refunded"}
	result, err := gateway.Refund(ctx, first)
	require.NoError(t, err)
	order, _ := server.Order(c.OrderNo)
	assert.Equal(t, duopay.RefundResult{
		OrderNo: c.OrderNo, RefundNo: first.RefundNo, RefundTradeNo: order.Refunds[0].TradeNo, Status: duopay.RefundPending, State: "OK", Native: result.Native,
	}, result)
	assert.Equal(t, "退款", order.Refunds[0].Reason)
	assert.IsType(t, &guanaitong.RefundReply{}, result.Native)

	body, err := server.RefundNotification(first.RefundNo)
	require.NoError(t, err)
	n, err := gateway.ParseNotification(http.MethodPost, nil, http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}, []byte(body))
	require.NoError(t, err)
	assert.Equal(t, duopay.RefundDone, n.Refund.Status)
	assert.Equal(t, money("30"), n.Refund.Amount)

	found, err := gateway.Query(ctx, duopay.Reference{OrderNo: c.OrderNo, Amount: c.Amount})
	require.NoError(t, err)
	assert.Equal(t, duopay.PartialRefunded, found.Status)

	// The answer is lost, the refund is not: the same number again is Unsure,
	// and does not pay twice.
	server.Next(guanaitongtest.PathRefund, guanaitongtest.DropAfter)
	second := duopay.Refund{OrderNo: c.OrderNo, RefundNo: server.Seller.ID + "R2", Amount: money("70"), Reason: "all of it"}
	for _, code := range []string{"", "1000220003"} {
		result, err = gateway.Refund(ctx, second)
		require.ErrorIs(t, err, duopay.Unsure)
		assert.Equal(t, duopay.RefundUnknown, result.Status)
		var e *duopay.Error
		require.ErrorAs(t, err, &e)
		assert.Equal(t, code, e.Code)
	}
	order, _ = server.Order(c.OrderNo)
	assert.EqualValues(t, 10000, order.ReturnedFen)
	found, err = gateway.Query(ctx, duopay.Reference{OrderNo: c.OrderNo, Amount: c.Amount})
	require.NoError(t, err)
	assert.Equal(t, duopay.Refunded, found.Status)

	_, err = gateway.Refund(ctx, duopay.Refund{OrderNo: c.OrderNo, RefundNo: server.Seller.ID + "R3", Amount: money("1")})
	require.ErrorIs(t, err, duopay.Refused, "more than is left")
	server.Next(guanaitongtest.PathRefund, guanaitongtest.NullData)
	_, err = gateway.Seller.Refund(ctx, guanaitong.RefundRequest{OrderNo: c.OrderNo, RefundNo: server.Seller.ID + "R4", RefundAmount: money("1"), Reason: "r"})
	require.Error(t, err)
}

func TestStatuses(t *testing.T) {
	for state, want := range map[guanaitong.ConsumeStatus]duopay.Status{
		"1": duopay.Pending, "2": duopay.Pending, "3": duopay.Paid, "4": duopay.Paid, "5": duopay.Paid, "6": duopay.Refunded, "7": duopay.Canceled,
		"": duopay.Unknown, "0": duopay.Unknown, "8": duopay.Unknown, "paid": duopay.Unknown, "03": duopay.Unknown, "3.0": duopay.Unknown,
	} {
		assert.Equal(t, want, state.Status(), string(state))
	}
	for _, test := range []struct {
		c    guanaitong.Consumption
		want duopay.Status
	}{
		{guanaitong.Consumption{State: "3", PayAmount: "10", RefundAmount: "0.00"}, duopay.Paid},
		{guanaitong.Consumption{State: "3", PayAmount: "10", RefundAmount: "1"}, duopay.PartialRefunded},
		{guanaitong.Consumption{State: "3", PayAmount: "10", RefundAmount: "?"}, duopay.Paid},
		{guanaitong.Consumption{State: "3", RefundAmount: "1"}, duopay.Paid},
		{guanaitong.Consumption{State: "5", PayAmount: "10", RefundAmount: "1"}, duopay.Paid},
		{guanaitong.Consumption{State: "6", PayAmount: "10", RefundAmount: "1"}, duopay.PartialRefunded},
		{guanaitong.Consumption{State: "6", PayAmount: "10", RefundAmount: "10"}, duopay.Refunded},
		{guanaitong.Consumption{State: "6"}, duopay.Refunded},
		{guanaitong.Consumption{State: "2", PayAmount: "10", RefundAmount: "1"}, duopay.Pending},
	} {
		assert.Equal(t, test.want, test.c.Status(), "%+v", test.c)
	}
	assert.Equal(t, time.Date(2099, 1, 2, 4, 0, 1, 0, time.UTC), guanaitong.Moment("2099-01-02 12:00:01").Time().UTC())
	assert.True(t, guanaitong.Moment("soon").Time().IsZero())
}

// pages are the answers of a list, one a page.
func pages(t *testing.T, bodies ...string) (guanaitong.Gateway, *int) {
	t.Helper()
	asked := new(int)
	c := over(t, roundTrip(func(r *http.Request) (*http.Response, error) {
		require.NoError(t, r.ParseForm())
		*asked++
		assert.Equal(t, fmt.Sprint(*asked), r.PostForm.Get("page_index"))
		return reply(http.StatusOK, []byte(`{"code":0,"msg":"OK","data":`+bodies[min(*asked, len(bodies))-1]+`}`)), nil
	}), nil)
	return guanaitong.Gateway{Client: c}, asked
}

// What the list proves, and what it does not.
func TestReconciliation(t *testing.T) {
	const (
		other = `{"trade_no":"1","outer_trade_no":"9000000200","total_amount":100,"status":3}`
		paid  = `{"trade_no":"2","outer_trade_no":"9000000201","total_amount":100,"pay_amount":100,"status":3}`
		twin  = `{"trade_no":"3","outer_trade_no":"9000000201","total_amount":100,"pay_amount":100,"status":3}`
		back  = `{"trade_no":"4","outer_trade_no":"9000000201","total_amount":100,"status":7}`
		busy  = `{"trade_no":"5","outer_trade_no":"9000000201","total_amount":100,"status":"2"}`
		odd   = `{"trade_no":"6","outer_trade_no":"9000000201","total_amount":100,"status":9}`
	)
	page := func(total any, list ...string) string {
		return fmt.Sprintf(`{"total_count":%v,"data_list":[%s]}`, total, strings.Join(list, ","))
	}
	for _, test := range []struct {
		name   string
		pages  []string
		status duopay.Status
		cause  error
		asked  int
	}{
		{"paid", []string{page(1, paid)}, duopay.Paid, nil, 1},
		{"on the second page", []string{page(2, other), page(2, paid)}, duopay.Paid, nil, 2},
		{"found early", []string{page(500, other, paid), page(500)}, duopay.Paid, nil, 1},
		{"without a count", []string{page("null", other), page("null", busy), page("null")}, duopay.Pending, nil, 3},
		{"a count as text", []string{page(`"2"`, other), page(`"2"`, paid)}, duopay.Paid, nil, 2},
		{"data_list as text", []string{`{"total_count":1,"data_list":"[{\"outer_trade_no\":9000000201,\"status\":3}]"}`}, duopay.Paid, nil, 1},
		{"reversed", []string{page(1, back)}, duopay.Canceled, nil, 1},
		{"reversed, and paid on another page", []string{page(2, back), page(2, paid)}, duopay.Paid, nil, 2},
		{"paid, then reversed", []string{page(2, paid, back)}, duopay.Paid, nil, 1},
		{"the same twice", []string{page(2, busy, busy)}, duopay.Pending, nil, 1},
		{"not there", []string{page(1, other)}, duopay.Unknown, duopay.ErrNotFound, 1},
		{"an empty list", []string{page(0)}, duopay.Unknown, duopay.ErrNotFound, 1},
		{"no list", []string{`{"total_count":0,"data_list":null}`}, duopay.Unknown, duopay.ErrNotFound, 1},
		{"fewer than counted", []string{page(3, other), page(3)}, duopay.Unknown, duopay.ErrNotFound, 2},
		{"paid twice", []string{page(2, paid, twin)}, duopay.Unknown, errAny, 1},
		{"open twice", []string{page(2, busy, back)}, duopay.Unknown, errAny, 1},
		{"unknown state", []string{page(1, odd)}, duopay.Unknown, errAny, 1},
		{"another amount", []string{page(1, strings.Replace(paid, `"total_amount":100`, `"total_amount":99.99`, 1))}, duopay.Unknown, duopay.ErrAmountMismatch, 1},
		{"unreadable amount", []string{page(1, strings.Replace(paid, `"total_amount":100`, `"total_amount":"a lot"`, 1))}, duopay.Unknown, duopay.ErrAmountMismatch, 1},
		{"without an end", []string{page(1e9, other)}, duopay.Unknown, errAny, 200},
		{"null", []string{`null`}, duopay.Unknown, errAny, 1},
		{"a text", []string{`"x"`}, duopay.Unknown, errAny, 1},
		{"list of another kind", []string{`{"total_count":1,"data_list":{}}`}, duopay.Unknown, errAny, 1},
		{"list of texts", []string{`{"total_count":1,"data_list":["x"]}`}, duopay.Unknown, errAny, 1},
		{"a state of another kind", []string{`{"total_count":1,"data_list":[{"outer_trade_no":"9000000201","status":{}}]}`}, duopay.Unknown, errAny, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			gateway, asked := pages(t, test.pages...)
			payment, err := gateway.Query(t.Context(), duopay.Reference{OrderNo: "9000000201", Amount: money("100"), CreatedAt: noon})
			assert.Equal(t, test.status, payment.Status)
			assert.Equal(t, "9000000201", payment.OrderNo)
			assert.Equal(t, test.asked, *asked)
			if test.cause == nil {
				require.NoError(t, err)
				return
			}
			require.ErrorIs(t, err, duopay.Unsure)
			if test.cause != errAny { //nolint:errorlint // the table's own word
				require.ErrorIs(t, err, test.cause)
			}
			var e *duopay.Error
			require.ErrorAs(t, err, &e)
			assert.Equal(t, [3]string{"guanaitong", guanaitongtest.PathConsumeList, "9000000201"}, [3]string{e.Provider, e.Op, e.OrderNo})
		})
	}

	// A list that is refused says nothing of the order.
	_, err := guanaitong.Gateway{Client: answering(t, `{"code":1000200051,"msg":"no"}`)}.Query(t.Context(), duopay.Reference{OrderNo: "9000000201"})
	require.ErrorIs(t, err, duopay.Unsure)
	require.NotErrorIs(t, err, duopay.Refused)
	assert.Contains(t, err.Error(), "1000200051")
}

var errAny = errors.New("any")

// The span that is searched: from the day before to the day after, in China.
func TestReconciliationSpan(t *testing.T) {
	for at, want := range map[time.Time]string{
		noon:                     "2099-01-01 2099-01-03",
		noon.Add(12 * time.Hour): "2099-01-02 2099-01-04", // midnight in China
		{}:                       "2099-01-01 2099-01-03", // now
	} {
		var span string
		c := over(t, roundTrip(func(r *http.Request) (*http.Response, error) {
			require.NoError(t, r.ParseForm())
			span = r.PostForm.Get("time_start") + " " + r.PostForm.Get("time_end")
			return reply(http.StatusOK, []byte(`{"code":0,"data":{"total_count":0,"data_list":[]}}`)), nil
		}), nil)
		_, err := guanaitong.Gateway{Client: c}.Query(t.Context(), duopay.Reference{OrderNo: "9000000201", CreatedAt: at})
		require.ErrorIs(t, err, duopay.ErrNotFound)
		assert.Equal(t, want, span)
	}
}

// Settle, step by step, in virtual time: what it says, when it said so, and
// what really happened. Whatever happens, one pay call is sent, or two after a
// token code.
func TestSettle(t *testing.T) {
	for _, test := range []struct {
		name    string
		arrange func(*guanaitongtest.Server)
		status  duopay.Status
		kind    duopay.Kind // "" if paid
		took    time.Duration
		charged bool // the payer is out of the money
		queries int
		pays    int
	}{
		{name: "reported, and found", status: duopay.Paid, took: 2 * time.Second, charged: true, queries: 1, pays: 1},
		{name: "redirected, and found", arrange: func(s *guanaitongtest.Server) { s.Redirects = true },
			status: duopay.Paid, took: 2 * time.Second, charged: true, queries: 1, pays: 1},
		{name: "never left", arrange: func(s *guanaitongtest.Server) { s.Unreachable(3) }, status: duopay.Failed, kind: duopay.NotSent},
		{name: "no token", arrange: func(s *guanaitongtest.Server) {
			s.Next(guanaitongtest.PathToken, thrice(guanaitongtest.ServerError)...)
		}, status: duopay.Failed, kind: duopay.NotSent},
		{name: "token refused once", arrange: func(s *guanaitongtest.Server) {
			s.Next(guanaitongtest.PathPay, guanaitongtest.Refuse(1000210004, ""))
		}, status: duopay.Paid, took: 2 * time.Second, charged: true, queries: 1, pays: 2},
		{name: "paid at the third query", arrange: func(s *guanaitongtest.Server) { s.SlowPay(3) },
			status: duopay.Paid, took: 12 * time.Second, charged: true, queries: 3, pays: 1},
		{name: "reply lost, paid", arrange: func(s *guanaitongtest.Server) { s.Next(guanaitongtest.PathPay, guanaitongtest.DropAfter) },
			status: duopay.Paid, took: 2 * time.Second, charged: true, queries: 1, pays: 1},
		{name: "no answer in time, paid", arrange: func(s *guanaitongtest.Server) {
			s.Next(guanaitongtest.PathPay, guanaitongtest.Slow(time.Hour))
		}, status: duopay.Paid, took: 60 * time.Second, charged: true, queries: 1, pays: 1},
		{name: "forged redirect, paid", arrange: func(s *guanaitongtest.Server) {
			s.Next(guanaitongtest.PathPay, guanaitongtest.ReturnForged)
		}, status: duopay.Paid, took: 2 * time.Second, charged: true, queries: 1, pays: 1},
		{name: "request lost: the list never shows it", arrange: func(s *guanaitongtest.Server) {
			s.Next(guanaitongtest.PathPay, guanaitongtest.DropBefore)
		}, status: duopay.Unknown, kind: duopay.Unsure, took: time.Minute, queries: 13, pays: 1},
		{name: "redirect says fail: the list does not show it", arrange: func(s *guanaitongtest.Server) {
			s.Next(guanaitongtest.PathPay, guanaitongtest.ReturnFail)
		}, status: duopay.Failed, kind: duopay.Refused, took: 4 * time.Second, queries: 2, pays: 1},
		{name: "not enough money, by a code that is not listed", arrange: func(s *guanaitongtest.Server) {
			s.Next(guanaitongtest.PathPay, guanaitongtest.Decline)
		}, status: duopay.Unknown, kind: duopay.Unsure, took: time.Minute, queries: 13, pays: 1},
		{name: "the number exists", arrange: func(s *guanaitongtest.Server) {
			s.Next(guanaitongtest.PathPay, guanaitongtest.Refuse(1000220003, ""))
		}, status: duopay.Unknown, kind: duopay.Unsure, took: time.Minute, queries: 13, pays: 1},
		{name: "the code is dead", arrange: func(s *guanaitongtest.Server) {
			s.Next(guanaitongtest.PathPay, guanaitongtest.Refuse(1000210014, ""))
		}, status: duopay.Failed, kind: duopay.Refused, took: 4 * time.Second, queries: 2, pays: 1},
		{name: "lost, and no list for want of permission", arrange: func(s *guanaitongtest.Server) {
			s.Next(guanaitongtest.PathPay, guanaitongtest.ReturnFail)
			s.Next(guanaitongtest.PathConsumeList, thrice(guanaitongtest.Refuse(1000200051, ""))...)
		}, status: duopay.Unknown, kind: duopay.Unsure, took: 4 * time.Second, queries: 2, pays: 1},
		{name: "another amount in the list", arrange: func(s *guanaitongtest.Server) {
			s.Next(guanaitongtest.PathConsumeList, guanaitongtest.WrongAmount)
		}, status: duopay.Unknown, kind: duopay.Unsure, took: 2 * time.Second, charged: true, queries: 1, pays: 1},
		{name: "reversed", arrange: func(s *guanaitongtest.Server) {
			s.SlowPay(-1)
			s.Next(guanaitongtest.PathConsumeList, guanaitongtest.Status(7))
		}, status: duopay.Canceled, kind: duopay.Refused, took: 2 * time.Second, queries: 1, pays: 1},
		{name: "never paid", arrange: func(s *guanaitongtest.Server) { s.SlowPay(-1) },
			status: duopay.Unknown, kind: duopay.Unsure, took: time.Minute, queries: 13, pays: 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				gateway, server := shop(t)
				if test.arrange != nil {
					test.arrange(server)
				}
				c := charge(t, server, "0001")
				start := time.Now()
				payment, err := duopay.Settle(t.Context(), gateway, c)

				assert.Equal(t, test.status, payment.Status)
				assert.Equal(t, c.OrderNo, payment.OrderNo)
				assert.Equal(t, test.kind == "", err == nil)
				if test.kind != "" {
					require.ErrorIs(t, err, test.kind)
					var e *duopay.Error
					require.ErrorAs(t, err, &e)
					assert.Equal(t, test.kind == duopay.Refused, e.Certain)
				}
				if test.took > 0 {
					assert.Equal(t, test.took, time.Since(start).Round(time.Second))
				}
				assert.Len(t, server.Requests(guanaitongtest.PathConsumeList), test.queries)
				assert.Len(t, server.Requests(guanaitongtest.PathPay), test.pays)
				order, _ := server.Order(c.OrderNo)
				assert.Equal(t, test.charged, order.ChargedFen > order.ReturnedFen)
			})
		})
	}
}

// An unknown end is unknown until the notification comes, however long that
// takes, and Resume asks and does not pay.
func TestUnknownUntilNotified(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gateway, server := shop(t)
		server.SlowPay(-1)
		c := charge(t, server, "0001")
		sent := time.Now()
		payment, err := duopay.Settle(t.Context(), gateway, c)
		require.ErrorIs(t, err, duopay.Unsure)
		assert.Equal(t, duopay.Unknown, payment.Status)
		time.Sleep(time.Hour)
		payment, err = duopay.Resume(t.Context(), gateway, duopay.Reference{OrderNo: c.OrderNo, Amount: c.Amount, CreatedAt: sent})
		require.ErrorIs(t, err, duopay.Unsure)
		assert.Equal(t, duopay.Unknown, payment.Status)

		require.NoError(t, server.Pay(c.OrderNo))
		body, err := server.Notification(c.OrderNo)
		require.NoError(t, err)
		n, err := gateway.ParseNotification(http.MethodPost, nil, http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}, []byte(body))
		require.NoError(t, err)
		require.NoError(t, n.Payment.Match(duopay.Reference{OrderNo: c.OrderNo, Amount: c.Amount}))
		assert.Equal(t, duopay.Paid, n.Payment.Status)
		payment, err = duopay.Resume(t.Context(), gateway, duopay.Reference{OrderNo: c.OrderNo, Amount: c.Amount, CreatedAt: sent})
		require.NoError(t, err)
		assert.Equal(t, duopay.Paid, payment.Status)
		assert.Len(t, server.Requests(guanaitongtest.PathPay), 1)
	})
}

// The caller leaves: unknown, never failed.
func TestSettleCanceled(t *testing.T) {
	for _, after := range []time.Duration{time.Millisecond, 10 * time.Second} {
		synctest.Test(t, func(t *testing.T) {
			gateway, server := shop(t)
			server.SlowPay(-1)
			ctx, cancel := context.WithTimeout(t.Context(), after)
			defer cancel()
			payment, err := duopay.Settle(ctx, gateway, charge(t, server, "0001"))
			require.ErrorIs(t, err, duopay.Unsure)
			require.ErrorIs(t, err, context.DeadlineExceeded)
			assert.Equal(t, duopay.Unknown, payment.Status)
		})
	}
}

// One client, many goroutines.
func TestConcurrency(t *testing.T) {
	gateway, server := shop(t)
	var group sync.WaitGroup
	for i := range 64 {
		c := charge(t, server, fmt.Sprintf("%04d", i))
		c.Amount = money("1")
		group.Go(func() {
			_, charging := gateway.Charge(t.Context(), c)
			found, finding := gateway.Query(t.Context(), duopay.Reference{OrderNo: c.OrderNo, Amount: c.Amount})
			_, forging := gateway.ParseNotification(http.MethodPost, nil, http.Header{}, nil)
			_, refunding := gateway.Refund(t.Context(), duopay.Refund{OrderNo: c.OrderNo, RefundNo: c.OrderNo + "R", Amount: c.Amount})
			if err := errors.Join(charging, finding, refunding); err != nil {
				t.Error(err)
			}
			assert.Equal(t, c.OrderNo, found.OrderNo)
			assert.Equal(t, duopay.Paid, found.Status)
			assert.ErrorIs(t, forging, duopay.ErrMalformed)
		})
	}
	group.Wait()
	assert.Len(t, server.Orders(), 64)
	assert.Equal(t, 2, server.Tokens(), "one for each app")
}
