package ysepay_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/duopay/duopay"
	"github.com/duopay/duopay/ysepay"
	"github.com/duopay/duopay/ysepay/ysepaytest"
)

// began is when the tests began.
var began = time.Now()

// day returns a moment of the trade date of all orders: midnight may pass while
// the tests run, and numbers made before and after it must go together. In a
// bubble, where it is the year 2000, it is now.
func day() time.Time {
	if now := time.Now(); now.Before(began) {
		return now
	}
	return began
}

// today returns an order number of that day in China.
func today(no string) string {
	return day().In(time.FixedZone("", 8*60*60)).Format("20060102") + no
}

// twoSellers is an order of 30.50.
func twoSellers(no string) ysepay.PayRequest {
	r := combined()
	r.OrderNo = no
	for i := range r.SubOrders {
		r.SubOrders[i].OrderNo = no + []string{"-1", "-2"}[i]
	}
	return r
}

// exchanges are all operations against a gateway that knows the paid order PAID
// with the refund RF0, and the open order OPEN.
var exchanges = []struct {
	method     string
	repeatable bool // may be sent again after an unclear end
	call       func(context.Context, *ysepay.Client) error
}{
	{ysepaytest.MethodPay, false, func(ctx context.Context, c *ysepay.Client) error {
		_, err := c.Pay(ctx, twoSellers(today("NEW")))
		return err
	}},
	{ysepaytest.MethodRefund, false, func(ctx context.Context, c *ysepay.Client) error {
		_, err := c.Refund(ctx, ysepay.RefundRequest{OrderNo: today("PAID-2"), RefundAmount: duopay.MustMoney("1"), Reason: "x", RefundNo: "RF1"})
		return err
	}},
	{ysepaytest.MethodClose, false, func(ctx context.Context, c *ysepay.Client) error {
		_, err := c.Close(ctx, ysepay.CloseRequest{OrderNo: today("OPEN")})
		return err
	}},
	{ysepaytest.MethodSubClose, false, func(ctx context.Context, c *ysepay.Client) error {
		_, err := c.SingleClose(ctx, ysepay.SingleCloseRequest{OrderNo: today("OPEN-1")})
		return err
	}},
	{ysepaytest.MethodSubQuery, false, func(ctx context.Context, c *ysepay.Client) error {
		_, err := c.Call(ctx, ysepay.CallRequest{Method: ysepaytest.MethodSubQuery, Content: map[string]string{"out_trade_no": today("PAID-1"), "shopdate": today("")}})
		return err
	}},
	{ysepaytest.MethodQuery, true, func(ctx context.Context, c *ysepay.Client) error {
		_, err := c.Query(ctx, ysepay.QueryRequest{OrderNo: today("PAID"), Amount: duopay.MustMoney("30.5")})
		return err
	}},
	{ysepaytest.MethodSubDetail, true, func(ctx context.Context, c *ysepay.Client) error {
		_, err := c.SingleQuery(ctx, ysepay.SingleQueryRequest{OrderNo: today("PAID-1"), Details: true, Amount: duopay.MustMoney("10")})
		return err
	}},
	{ysepaytest.MethodRefundQuery, true, func(ctx context.Context, c *ysepay.Client) error {
		_, err := c.RefundQuery(ctx, ysepay.RefundQueryRequest{OrderNo: today("PAID-2"), RefundNo: "RF0", RefundAmount: duopay.MustMoney("1")})
		return err
	}},
}

// stocked returns a gateway with the orders that exchanges need.
func stocked(t *testing.T) *ysepaytest.Server {
	t.Helper()
	server := ysepaytest.NewUnstartedServer()
	c := clientOf(t, server, server.Transport(), ysepay.SM)
	for _, no := range []string{today("PAID"), today("OPEN")} {
		_, err := c.Pay(t.Context(), twoSellers(no))
		require.NoError(t, err)
	}
	require.NoError(t, server.Pay(today("PAID")))
	_, err := c.Refund(t.Context(), ysepay.RefundRequest{OrderNo: today("PAID-2"), RefundAmount: duopay.MustMoney("1"), Reason: "x", RefundNo: "RF0"})
	require.NoError(t, err)
	return server
}

// clientOf returns a client of a gateway. SM is the quicker one by far.
func clientOf(t testing.TB, server *ysepaytest.Server, transport http.RoundTripper, signType ysepay.SignType, options ...duopay.Option) *ysepay.Client {
	t.Helper()
	c, err := ysepay.New(configOf(t, server, signType), append([]duopay.Option{duopay.WithHTTPClient(&http.Client{Transport: transport})}, options...)...)
	require.NoError(t, err)
	return c
}

func configOf(t testing.TB, server *ysepaytest.Server, signType ysepay.SignType) ysepay.Config {
	t.Helper()
	pair := map[ysepay.SignType]ysepaytest.Keys{ysepay.RSA: server.RSA, ysepay.SM: server.SM}[signType]
	key, err := ysepay.LoadKey([]byte(pair.MerchantKey), duopay.Secret{})
	require.NoError(t, err)
	platform, err := ysepay.LoadPlatformKey(pair.PlatformDER())
	require.NoError(t, err)
	return ysepay.Config{BaseURL: server.URL, PartnerID: server.PartnerID, Key: key, PlatformKeys: []*ysepay.PlatformKey{platform}}
}

// dialing is a transport whose connections come from dial.
func dialing(dial func(context.Context) (net.Conn, error)) *http.Transport {
	return &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return dial(ctx) }}
}

// notTLS answers the client's first bytes with something else.
func notTLS(context.Context) (net.Conn, error) {
	ours, theirs := net.Pipe()
	go func() {
		_, _ = theirs.Read(make([]byte, 1024))
		_, _ = io.WriteString(theirs, "HTTP/1.0 400 Bad Request\r\n\r\n")
		_ = theirs.Close()
	}()
	return ours, nil
}

// Every fault of the way there and back, for every operation: what it means, and
// how often the request reached the gateway.
func TestFaults(t *testing.T) {
	const never, once = 0, 1
	for _, fault := range []struct {
		name    string
		inject  []ysepaytest.Fault                                        // into the gateway, for three attempts
		dial    func(context.Context) (net.Conn, error)                   // instead of the gateway
		cancel  func(ctx context.Context, c func(), s *ysepaytest.Server) // the caller leaves
		kind    duopay.Kind
		cause   error
		reached int // for what may not be sent again; 3 if it may
	}{
		{name: "connection refused", dial: func(context.Context) (net.Conn, error) {
			return nil, &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("connection refused")}
		}, kind: duopay.NotSent, reached: never},
		{name: "name not found", dial: func(context.Context) (net.Conn, error) {
			return nil, &net.DNSError{Err: "no such host", Name: "ysepay.invalid", IsNotFound: true}
		}, kind: duopay.NotSent, reached: never},
		{name: "TLS failure", dial: notTLS, kind: duopay.NotSent, reached: never},
		{name: "time-out before the connection", dial: func(ctx context.Context) (net.Conn, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}, kind: duopay.NotSent, reached: never},
		{name: "time-out after the request", inject: thrice(ysepaytest.Slow(time.Hour)), kind: duopay.Unsure, reached: once},
		{name: "reset before it acted", inject: thrice(ysepaytest.DropBefore), kind: duopay.Unsure, reached: once},
		{name: "reset after it acted", inject: thrice(ysepaytest.DropAfter), kind: duopay.Unsure, reached: once},
		{name: "redirect", inject: thrice(ysepaytest.Redirect), kind: duopay.Unsure, reached: once},
		{name: "HTML with 502", inject: thrice(ysepaytest.ServerError), kind: duopay.Unsure, reached: once},
		{name: "HTML with 502 after it acted", inject: thrice(ysepaytest.ServerErrorAfter), kind: duopay.Unsure, reached: once},
		{name: "truncated", inject: thrice(ysepaytest.Truncated), kind: duopay.Unsure, reached: once},
		{name: "garbage", inject: thrice(ysepaytest.Garbage), kind: duopay.Unsure, reached: once},
		{name: "empty", inject: thrice(ysepaytest.Empty), kind: duopay.Unsure, reached: once},
		{name: "over the limit", inject: thrice(ysepaytest.Oversized), kind: duopay.Unsure, reached: once},
		{name: "unsigned", inject: thrice(ysepaytest.Unsigned), kind: duopay.Unsure, cause: ysepay.ErrUnsigned, reached: once},
		{name: "blank sign", inject: thrice(ysepaytest.BlankSign), kind: duopay.Unsure, cause: ysepay.ErrUnsigned, reached: once},
		{name: "sign in upper case", inject: thrice(ysepaytest.UppercaseSign), kind: duopay.Unsure, cause: ysepay.ErrUnsigned, reached: once},
		{name: "wrong signature", inject: thrice(ysepaytest.WrongSignature), kind: duopay.Unsure, cause: ysepay.ErrSignature, reached: once},
		{name: "signature of another answer", inject: thrice(ysepaytest.SignatureOfAnotherAnswer), kind: duopay.Unsure, cause: ysepay.ErrSignature, reached: once},
		{name: "tampered", inject: thrice(ysepaytest.Tampered), kind: duopay.Unsure, cause: ysepay.ErrSignature, reached: once},
		{name: "white space added", inject: thrice(ysepaytest.WhitespaceAdded), kind: duopay.Unsure, cause: ysepay.ErrSignature, reached: once},
		{name: "two nodes", inject: thrice(ysepaytest.DuplicateMember), kind: duopay.Unsure, reached: once},
		{name: "node as array", inject: thrice(ysepaytest.NodeAsArray), kind: duopay.Unsure, reached: once},
		{name: "node of another method", inject: thrice(ysepaytest.OtherNode), kind: duopay.Unsure, reached: once},
		{name: "trailing data", inject: thrice(ysepaytest.TrailingData), kind: duopay.Unsure, reached: once},
		{name: "another order", inject: thrice(ysepaytest.OtherOrder), kind: duopay.Unsure, cause: duopay.ErrOrderMismatch, reached: once},
		{name: "system error", inject: thrice(ysepaytest.Refuse("50000", "系统忙", "", "")), kind: duopay.Unsure, reached: once},
		{name: "unknown code", inject: thrice(ysepaytest.Refuse("4711", "什么", "WHAT", "")), kind: duopay.Unsure, reached: once},
		{name: "success of no method", inject: thrice(ysepaytest.ErrorNode("10000", "Success", "", "")), kind: duopay.Unsure, reached: once},
		{name: "failure of no method", inject: thrice(ysepaytest.ErrorNode("40004", "业务异常", "ACQ.X", "")), kind: duopay.Unsure, reached: once},
		{name: "unsigned refusal", inject: thrice(ysepaytest.RefuseUnsigned("40004", "业务异常", "ACQ.X", "")), kind: duopay.Unsure, cause: ysepay.ErrUnsigned, reached: once},
		{name: "refusal that is open", inject: thrice(ysepaytest.Refuse("40004", "业务异常", "ACQ.SYSTEM_ERROR", "")), kind: duopay.Unsure, reached: once},
		{name: "refusal without a reason", inject: thrice(ysepaytest.Refuse("40004", "业务异常", "", "")), kind: duopay.Unsure, reached: once},
		{name: "refusal", inject: thrice(ysepaytest.Refuse("40004", "业务异常", "ACQ.WHATEVER", "")), kind: duopay.Refused, reached: once},
		{name: "not known", inject: thrice(ysepaytest.Refuse("40004", "业务异常", "ACQ.QUERY_NO_RECORD", "")), kind: duopay.Refused, cause: duopay.ErrNotFound, reached: once},
		{name: "canceled before", cancel: func(_ context.Context, cancel func(), _ *ysepaytest.Server) { cancel() }, kind: duopay.NotSent, reached: never},
		{name: "canceled after writing", inject: thrice(ysepaytest.Slow(time.Hour)), cancel: func(_ context.Context, cancel func(), _ *ysepaytest.Server) {
			time.AfterFunc(time.Second, cancel)
		}, kind: duopay.Unsure, reached: once},
	} {
		for _, x := range exchanges {
			t.Run(fault.name+"/"+x.method, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					server := stocked(t)
					before := len(server.Requests(""))
					server.Next(x.method, fault.inject...)
					transport := server.Transport()
					if fault.dial != nil {
						wire := dialing(fault.dial)
						defer wire.CloseIdleConnections()
						transport = wire
					}
					ctx, cancel := context.WithCancel(t.Context())
					defer cancel()
					if fault.cancel != nil {
						fault.cancel(ctx, cancel, server)
					}

					err := x.call(ctx, clientOf(t, server, transport, ysepay.SM))

					var e *duopay.Error
					require.ErrorAs(t, err, &e)
					assert.Equal(t, fault.kind, e.Kind)
					assert.False(t, e.Certain)
					assert.Equal(t, x.method, e.Op)
					if fault.cause != nil {
						require.ErrorIs(t, err, fault.cause)
					}
					reached := fault.reached
					if x.repeatable && fault.kind == duopay.Unsure && fault.cancel == nil {
						reached = 3
					}
					assert.Len(t, server.Requests("")[before:], reached)
				})
			})
		}
	}
}

func thrice(f ysepaytest.Fault) []ysepaytest.Fault { return []ysepaytest.Fault{f, f, f} }

// What may be sent again is, and comes to a good end; what never left is sent by
// any operation.
func TestSentAgain(t *testing.T) {
	for _, x := range exchanges {
		t.Run(x.method, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := stocked(t)
				server.Unreachable(2)
				require.NoError(t, x.call(t.Context(), clientOf(t, server, server.Transport(), ysepay.SM)), "two attempts never left")
			})
			if !x.repeatable {
				return
			}
			synctest.Test(t, func(t *testing.T) {
				server := stocked(t)
				server.Next(x.method, ysepaytest.DropAfter, ysepaytest.WrongSignature)
				require.NoError(t, x.call(t.Context(), clientOf(t, server, server.Transport(), ysepay.SM)))
			})
			synctest.Test(t, func(t *testing.T) {
				server := stocked(t)
				server.Next(x.method, ysepaytest.DropAfter)
				c := clientOf(t, server, server.Transport(), ysepay.SM, duopay.WithAttempts(1))
				require.ErrorIs(t, x.call(t.Context(), c), duopay.Unsure)
			})
		})
	}
}

// Each attempt has a timestamp and so a signature of its own.
func TestEveryAttemptIsSignedAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := stocked(t)
		server.Next(ysepaytest.MethodQuery, ysepaytest.Slow(time.Minute)) // the attempt takes its 10 s
		_, err := clientOf(t, server, server.Transport(), ysepay.RSA).Query(t.Context(), ysepay.QueryRequest{OrderNo: today("PAID")})
		require.NoError(t, err)
		sent := server.Requests(ysepaytest.MethodQuery)
		require.Len(t, sent, 2)
		assert.NotEqual(t, string(sent[0].Body), string(sent[1].Body))
		assert.NotContains(t, string(sent[0].Body), "%2010%3A", "UTC+8")
	})
}

// Replies that look odd and are genuine come through, with both families.
func TestToleratedAnswers(t *testing.T) {
	for name, fault := range map[string]ysepaytest.Fault{
		"none": ysepaytest.None, "decoy": ysepaytest.DecoySign, "white space": ysepaytest.WhitespaceInNode, "escapes": ysepaytest.EscapedNode,
		"strings": ysepaytest.AmountsAsStrings, "numbers": ysepaytest.AmountsAsNumbers, "nulls": ysepaytest.NullFields, "mark": ysepaytest.ByteOrderMark,
	} {
		for _, signType := range []ysepay.SignType{ysepay.RSA, ysepay.SM} {
			t.Run(name+"/"+string(signType), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					server := stocked(t)
					c := clientOf(t, server, server.Transport(), signType, duopay.WithAttempts(1))
					for _, x := range exchanges {
						if x.method == ysepaytest.MethodSubClose {
							continue // closes what is closed
						}
						server.Next(x.method, fault)
						require.NoError(t, x.call(t.Context(), c), x.method)
					}
				})
			})
		}
	}
}

// What a verified 10000 must not be taken for.
func TestDoubtfulAnswers(t *testing.T) {
	for name, test := range map[string]struct {
		fault  ysepaytest.Fault
		method string
		cause  error // nil: any
	}{
		"no state":             {fault: ysepaytest.WithoutState, method: ysepaytest.MethodPay},
		"no state of an order": {fault: ysepaytest.WithoutState, method: ysepaytest.MethodQuery},
		"no state of a refund": {fault: ysepaytest.WithoutState, method: ysepaytest.MethodRefundQuery},
		"state in lower case":  {fault: ysepaytest.State("trade_success"), method: ysepaytest.MethodQuery},
		"state of a closed":    {fault: ysepaytest.State("TRADE_CLOSED"), method: ysepaytest.MethodPay},
		"state of a paid":      {fault: ysepaytest.State("TRADE_SUCCESS"), method: ysepaytest.MethodPay},
		"refund in upper case": {fault: ysepaytest.State("SUCCESS"), method: ysepaytest.MethodRefundQuery},
		"nothing to pay with":  {fault: ysepaytest.WithoutPayInfo, method: ysepaytest.MethodPay},
		"amount of an open":    {fault: ysepaytest.WrongAmount, method: ysepaytest.MethodPay, cause: duopay.ErrAmountMismatch},
		"amount of an order":   {fault: ysepaytest.WrongAmount, method: ysepaytest.MethodQuery, cause: duopay.ErrAmountMismatch},
		"amount of a part":     {fault: ysepaytest.WrongAmount, method: ysepaytest.MethodSubDetail, cause: duopay.ErrAmountMismatch},
		"amount of a refund":   {fault: ysepaytest.WrongAmount, method: ysepaytest.MethodRefund, cause: duopay.ErrAmountMismatch},
		"amount of a refund 2": {fault: ysepaytest.WrongAmount, method: ysepaytest.MethodRefundQuery, cause: duopay.ErrAmountMismatch},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := stocked(t)
				c := clientOf(t, server, server.Transport(), ysepay.SM, duopay.WithAttempts(1))
				seen := false
				for _, x := range exchanges {
					if x.method != test.method {
						continue
					}
					seen = true
					server.Next(x.method, test.fault)
					err := x.call(t.Context(), c)
					require.ErrorIs(t, err, duopay.Unsure)
					if test.cause != nil {
						require.ErrorIs(t, err, test.cause)
					}
				}
				assert.True(t, seen)
			})
		})
	}
}
