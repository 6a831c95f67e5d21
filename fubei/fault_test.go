package fubei_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/duopay/duopay"
	"github.com/duopay/duopay/fubei"
	"github.com/duopay/duopay/fubei/fubeitest"
)

// exchanges are all operations against a gateway that knows the paid orders
// PAID and BACK, the open order SCAN and the refund RF0.
var exchanges = []struct {
	method     string
	repeatable bool // may be sent again after an unclear end
	call       func(context.Context, *fubei.Client) error
}{
	{fubeitest.MethodSwipe, false, func(ctx context.Context, c *fubei.Client) error {
		_, err := c.Swipe(ctx, fubei.SwipeRequest{OrderNo: "NEW", AuthCode: "130000000000000009", TotalFee: duopay.MustMoney("1")})
		return err
	}},
	{fubeitest.MethodScan, false, func(ctx context.Context, c *fubei.Client) error {
		_, err := c.Scan(ctx, fubei.ScanRequest{OrderNo: "NEW", Type: fubei.TypeWeChat, TotalFee: duopay.MustMoney("1")})
		return err
	}},
	{fubeitest.MethodRefund, false, func(ctx context.Context, c *fubei.Client) error {
		_, err := c.Refund(ctx, fubei.RefundRequest{OrderNo: "PAID", RefundNo: "RF1", RefundMoney: duopay.MustMoney("1")})
		return err
	}},
	{fubeitest.MethodTime, false, func(ctx context.Context, c *fubei.Client) error {
		_, err := c.Call(ctx, fubeitest.MethodTime, map[string]string{"merchant_order_sn": "ANY"})
		return err
	}},
	{fubeitest.MethodQuery, true, func(ctx context.Context, c *fubei.Client) error {
		_, err := c.Query(ctx, fubei.QueryRequest{OrderNo: "PAID"})
		return err
	}},
	{fubeitest.MethodRefundQuery, true, func(ctx context.Context, c *fubei.Client) error {
		_, err := c.RefundQuery(ctx, fubei.RefundQueryRequest{OrderNo: "PAID", RefundNo: "RF0"})
		return err
	}},
	{fubeitest.MethodRefundStatistics, true, func(ctx context.Context, c *fubei.Client) error {
		_, err := c.RefundStatistics(ctx, fubei.RefundStatisticsRequest{OrderNo: "PAID"})
		return err
	}},
	{fubeitest.MethodReverse, true, func(ctx context.Context, c *fubei.Client) error {
		_, err := c.Reverse(ctx, fubei.ReverseRequest{OrderNo: "BACK"})
		return err
	}},
	{fubeitest.MethodClose, true, func(ctx context.Context, c *fubei.Client) error {
		_, err := c.Close(ctx, fubei.CloseRequest{OrderNo: "SCAN"})
		return err
	}},
}

// stocked returns a gateway with the orders that exchanges need.
func stocked(t *testing.T) *fubeitest.Server {
	t.Helper()
	server := fubeitest.NewUnstartedServer()
	c := clientOf(t, server, server.Transport())
	for i, no := range []string{"PAID", "BACK"} {
		_, err := c.Swipe(t.Context(), fubei.SwipeRequest{OrderNo: no, AuthCode: []string{"130000000000000001", "130000000000000002"}[i], TotalFee: duopay.MustMoney("10")})
		require.NoError(t, err)
	}
	_, err := c.Scan(t.Context(), fubei.ScanRequest{OrderNo: "SCAN", Type: fubei.TypeWeChat, TotalFee: duopay.MustMoney("10")})
	require.NoError(t, err)
	_, err = c.Refund(t.Context(), fubei.RefundRequest{OrderNo: "PAID", RefundNo: "RF0", RefundMoney: duopay.MustMoney("1")})
	require.NoError(t, err)
	return server
}

func clientOf(tb testing.TB, server *fubeitest.Server, transport http.RoundTripper, options ...duopay.Option) *fubei.Client {
	tb.Helper()
	options = append([]duopay.Option{duopay.WithHTTPClient(&http.Client{Transport: transport})}, options...)
	c, err := fubei.New(fubei.Config{BaseURL: server.URL, AppID: server.AppID, Secret: duopay.NewSecret(server.Secret)}, options...)
	require.NoError(tb, err)
	return c
}

// dialing is a transport whose connections come from dial.
func dialing(dial func(context.Context) (net.Conn, error)) *http.Transport {
	return &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return dial(ctx) }}
}

// notTLS answers the client's first bytes with something else.
func notTLS(context.Context) (net.Conn, error) {
	ours, theirs := net.Pipe()
	go func() { _, _ = io.Copy(io.Discard, theirs) }() // a pipe has no buffer: the client's alert must be read too
	go func() {
		_, _ = io.WriteString(theirs, "HTTP/1.0 400 Bad Request\r\n\r\n")
		_ = theirs.Close()
	}()
	return ours, nil
}

// Every fault of the way there and back, for every operation: what it means,
// and how often the request reached the gateway.
func TestFaults(t *testing.T) {
	const never, once = 0, 1
	for _, fault := range []struct {
		name    string
		inject  []fubeitest.Fault                                        // into the gateway, for three attempts
		dial    func(context.Context) (net.Conn, error)                  // instead of the gateway
		cancel  func(ctx context.Context, c func(), s *fubeitest.Server) // the caller leaves
		kind    duopay.Kind
		reached int // for what may not be sent again; 3 if it may
	}{
		{name: "connection refused", dial: func(context.Context) (net.Conn, error) {
			return nil, &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("connection refused")}
		}, kind: duopay.NotSent, reached: never},
		{name: "name not found", dial: func(context.Context) (net.Conn, error) {
			return nil, &net.DNSError{Err: "no such host", Name: "fubei.invalid", IsNotFound: true}
		}, kind: duopay.NotSent, reached: never},
		{name: "TLS failure", dial: notTLS, kind: duopay.NotSent, reached: never},
		{name: "time-out before the connection", dial: func(ctx context.Context) (net.Conn, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}, kind: duopay.NotSent, reached: never},
		{name: "time-out after the request", inject: thrice(fubeitest.Slow(time.Hour)), kind: duopay.Unsure, reached: once},
		{name: "reset before it acted", inject: thrice(fubeitest.DropBefore), kind: duopay.Unsure, reached: once},
		{name: "reset after it acted", inject: thrice(fubeitest.DropAfter), kind: duopay.Unsure, reached: once},
		{name: "redirect", inject: thrice(fubeitest.Redirect), kind: duopay.Unsure, reached: once},
		{name: "HTML with 502", inject: thrice(fubeitest.ServerError), kind: duopay.Unsure, reached: once},
		{name: "HTML with 502 after it acted", inject: thrice(fubeitest.ServerErrorAfter), kind: duopay.Unsure, reached: once},
		{name: "truncated", inject: thrice(fubeitest.Truncated), kind: duopay.Unsure, reached: once},
		{name: "garbage", inject: thrice(fubeitest.Garbage), kind: duopay.Unsure, reached: once},
		{name: "empty", inject: thrice(fubeitest.Empty), kind: duopay.Unsure, reached: once},
		{name: "over the limit", inject: thrice(fubeitest.Oversized), kind: duopay.Unsure, reached: once},
		{name: "another order", inject: thrice(fubeitest.OtherOrder), kind: duopay.Unsure, reached: once},
		{name: "unknown code", inject: thrice(fubeitest.Refuse(4711, "WHAT", "什么")), kind: duopay.Refused, reached: once},
		{name: "canceled before", cancel: func(_ context.Context, cancel func(), _ *fubeitest.Server) { cancel() }, kind: duopay.NotSent, reached: never},
		{name: "canceled after writing", inject: thrice(fubeitest.Slow(time.Hour)), cancel: func(_ context.Context, cancel func(), _ *fubeitest.Server) {
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

					err := x.call(ctx, clientOf(t, server, transport))

					var e *duopay.Error
					require.ErrorAs(t, err, &e)
					assert.Equal(t, fault.kind, e.Kind)
					assert.False(t, e.Certain)
					assert.Equal(t, x.method, e.Op)
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

func thrice(f fubeitest.Fault) []fubeitest.Fault { return []fubeitest.Fault{f, f, f} }

// What may be sent again is, and comes to a good end; what never left is sent
// by any operation.
func TestSentAgain(t *testing.T) {
	for _, x := range exchanges {
		t.Run(x.method, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := stocked(t)
				server.Unreachable(2)
				require.NoError(t, x.call(t.Context(), clientOf(t, server, server.Transport())), "two attempts never left")
			})
			if !x.repeatable {
				return
			}
			synctest.Test(t, func(t *testing.T) {
				server := stocked(t)
				server.Next(x.method, fubeitest.DropAfter, fubeitest.ServerError)
				require.NoError(t, x.call(t.Context(), clientOf(t, server, server.Transport())))
			})
			synctest.Test(t, func(t *testing.T) {
				server := stocked(t)
				server.Next(x.method, fubeitest.DropAfter)
				c := clientOf(t, server, server.Transport(), duopay.WithAttempts(1))
				require.ErrorIs(t, x.call(t.Context(), c), duopay.Unsure)
			})
		})
	}
}

// Each attempt has a nonce and so a signature of its own.
func TestEveryAttemptIsSignedAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := stocked(t)
		server.Next(fubeitest.MethodQuery, fubeitest.DropAfter)
		_, err := clientOf(t, server, server.Transport()).Query(t.Context(), fubei.QueryRequest{OrderNo: "PAID"})
		require.NoError(t, err)
		sent := server.Requests(fubeitest.MethodQuery)
		require.Len(t, sent, 2)
		assert.NotEqual(t, string(sent[0].Body), string(sent[1].Body))
	})
}

// What a 200 must not be taken for.
func TestDoubtfulAnswers(t *testing.T) {
	request := fubei.SwipeRequest{OrderNo: "DP1", AuthCode: "130000000000000001", TotalFee: duopay.MustMoney("100")}
	for name, test := range map[string]struct {
		body  string
		cause error // nil: any
		reply bool  // is returned too
	}{
		"no state":                {body: `{"result_code":200,"data":{"merchant_order_sn":"DP1"}}`, reply: true},
		"no data":                 {body: `{"result_code":200}`, reply: true},
		"state in lower case":     {body: `{"result_code":200,"data":{"trade_state":"success"}}`, reply: true},
		"state of another kind":   {body: `{"result_code":200,"data":{"trade_state":1}}`},
		"name in upper case":      {body: `{"result_code":200,"data":{"TRADE_STATE":"SUCCESS"}}`, reply: true},
		"envelope in upper case":  {body: `{"RESULT_CODE":200,"data":{"trade_state":"SUCCESS"}}`},
		"reversed":                {body: `{"result_code":200,"data":{"trade_state":"REVOKED"}}`, reply: true},
		"code missing":            {body: `{"data":{"trade_state":"SUCCESS"}}`},
		"code null":               {body: `{"result_code":null,"data":{"trade_state":"SUCCESS"}}`},
		"code fractional":         {body: `{"result_code":200.5,"data":{"trade_state":"SUCCESS"}}`},
		"code twice":              {body: `{"result_code":400,"result_code":200,"data":{"trade_state":"SUCCESS"}}`},
		"state twice":             {body: `{"result_code":200,"data":{"trade_state":"USERPAYING","trade_state":"SUCCESS"}}`},
		"data of another kind":    {body: `{"result_code":200,"data":[{"trade_state":"SUCCESS"}]}`},
		"data a broken string":    {body: `{"result_code":200,"data":"{\"trade_state\":"}`},
		"trailing data":           {body: `{"result_code":200,"data":{"trade_state":"SUCCESS"}}{}`},
		"invalid UTF-8":           {body: "{\"result_code\":200,\"data\":{\"trade_state\":\"SUCCESS\",\"body\":\"\xff\"}}"},
		"amount of another order": {body: `{"result_code":200,"data":{"trade_state":"SUCCESS","order_price":99.99}}`, cause: duopay.ErrAmountMismatch, reply: true},
		"received too little":     {body: `{"result_code":200,"data":{"trade_state":"SUCCESS","total_fee":"1.00"}}`, cause: duopay.ErrAmountMismatch, reply: true},
		"discount does not fit":   {body: `{"result_code":200,"data":{"trade_state":"SUCCESS","total_fee":80,"discount_money":19.99}}`, cause: duopay.ErrAmountMismatch, reply: true},
		"amount unreadable":       {body: `{"result_code":200,"data":{"trade_state":"SUCCESS","order_price":"a lot"}}`, cause: duopay.ErrAmountMismatch, reply: true},
		"third decimal":           {body: `{"result_code":200,"data":{"trade_state":"SUCCESS","order_price":100.001}}`, cause: duopay.ErrAmountMismatch, reply: true},
		"order number as object":  {body: `{"result_code":200,"data":{"trade_state":"SUCCESS","merchant_order_sn":{"a":1}}}`, cause: duopay.ErrOrderMismatch},
		"refusal of another":      {body: `{"result_code":400,"data":{"merchant_order_sn":"DP2"}}`, cause: duopay.ErrOrderMismatch},
	} {
		t.Run(name, func(t *testing.T) {
			order, err := answering(t, []byte(test.body)).Swipe(t.Context(), request)
			require.ErrorIs(t, err, duopay.Unsure)
			require.NotErrorIs(t, err, duopay.Invalid)
			if test.cause != nil {
				require.ErrorIs(t, err, test.cause)
			}
			assert.Equal(t, test.reply, order != nil)
			payment, err := fubei.Gateway{Client: answering(t, []byte(test.body))}.Charge(t.Context(),
				duopay.Charge{OrderNo: "DP1", AuthCode: request.AuthCode, Amount: request.TotalFee})
			require.Error(t, err)
			assert.Equal(t, duopay.Unknown, payment.Status)
		})
	}
}

// What is tolerated: other forms of the same meaning, and odd text where
// nobody needs the value.
func TestToleratedAnswers(t *testing.T) {
	for name, body := range map[string]string{
		"code as string":       `{"result_code":"200","data":{"trade_state":"SUCCESS","order_price":"100"}}`,
		"data as string":       `{"result_code":200,"data":"{\"trade_state\":\"SUCCESS\",\"total_fee\":1e2}"}`,
		"nulls":                `{"result_code":200,"sub_code":null,"data":{"trade_state":"SUCCESS","order_price":null,"total_fee":100.0,"discount_money":null,"store_id":null,"order_sn":null}}`,
		"empty strings":        `{"result_code":200,"data":{"trade_state":"SUCCESS","order_price":"","total_fee":"","pay_time":""}}`,
		"fee that is a word":   `{"result_code":200,"data":{"trade_state":"SUCCESS","order_price":100,"fee":"none","net_money":"?","cash_coupon_fee":{}}}`,
		"store that is a word": `{"result_code":200,"data":{"trade_state":"SUCCESS","order_price":100,"store_id":"main","pay_time":"soon"}}`,
		"unknown fields":       `{"result_code":200,"new":{"a":[1]},"data":{"trade_state":"SUCCESS","order_price":100,"new":[{}]}}`,
	} {
		t.Run(name, func(t *testing.T) {
			order, err := answering(t, []byte(body)).Swipe(t.Context(), fubei.SwipeRequest{OrderNo: "DP1", AuthCode: "130000000000000001", TotalFee: duopay.MustMoney("100")})
			require.NoError(t, err)
			assert.Equal(t, body, string(order.Raw))
		})
	}
}

// sub_code stands beside data, or inside it.
func TestRefusals(t *testing.T) {
	for body, want := range map[string][2]string{
		`{"result_code":400,"sub_code":"A","data":{"sub_code":"B"}}`: {"400", "A"},
		`{"result_code":"60303","data":{"sub_code":"B"}}`:            {"60303", "B"},
		`{"result_code":9996,"result_message":"参数错误","data":null}`:   {"9996", ""},
		`{"result_code":-9999,"data":"not JSON"}`:                    {"-9999", ""},
		`{"result_code":0}`: {"0", ""},
	} {
		_, err := answering(t, []byte(body)).Query(t.Context(), fubei.QueryRequest{OrderNo: "DP1"})
		var e *duopay.Error
		require.ErrorAs(t, err, &e)
		assert.Equal(t, duopay.Refused, e.Kind, body)
		assert.Equal(t, want[0], e.Code, body)
		assert.Equal(t, want[1], e.SubCode, body)
		assert.False(t, e.Certain, body)
		require.NotErrorIs(t, err, duopay.ErrNotFound, "no code is known to deny an order: %s", body)
		_, err = fubei.Gateway{Client: answering(t, []byte(body))}.Query(t.Context(), duopay.Reference{OrderNo: "DP1"})
		require.ErrorIs(t, err, duopay.Refused, body)
		require.NotErrorIs(t, err, duopay.ErrNotFound, body)
	}
}

// Whatever number was asked for, the answer has to be about it.
func TestAnotherNumber(t *testing.T) {
	queried := func(r fubei.QueryRequest) func(*fubei.Client) error {
		return func(c *fubei.Client) error {
			_, err := c.Query(t.Context(), r)
			return err
		}
	}
	refunded := func(r fubei.RefundQueryRequest) func(*fubei.Client) error {
		return func(c *fubei.Client) error {
			_, err := c.RefundQuery(t.Context(), r)
			return err
		}
	}
	for name, ask := range map[string]func(*fubei.Client) error{
		"merchant_order_sn":  queried(fubei.QueryRequest{OrderNo: "1"}),
		"order_sn":           queried(fubei.QueryRequest{OrderSN: "1"}),
		"trade_no":           queried(fubei.QueryRequest{TradeNo: "1"}),
		"merchant_refund_sn": refunded(fubei.RefundQueryRequest{OrderNo: "DP1", RefundNo: "1"}),
		"refund_sn":          refunded(fubei.RefundQueryRequest{OrderNo: "DP1", RefundSN: "1"}),
	} {
		t.Run(name, func(t *testing.T) {
			body := `{"result_code":200,"data":{"trade_state":"SUCCESS","refund_status":"REFUND_SUCCESS","` + name + `":"%s"}}`
			require.NoError(t, ask(answering(t, []byte(strings.Replace(body, "%s", "1", 1)))))
			err := ask(answering(t, []byte(strings.Replace(body, "%s", "2", 1))))
			require.ErrorIs(t, err, duopay.Unsure)
			require.ErrorIs(t, err, duopay.ErrOrderMismatch)
		})
	}
}

// Another status than 200 proves nothing, whatever the body says.
func TestOtherStatus(t *testing.T) {
	for _, status := range []int{201, 204, 301, 400, 403, 500, 503} {
		for _, body := range []string{`{"result_code":200,"data":{"trade_state":"SUCCESS"}}`, `{"result_code":400,"sub_code":"A"}`} {
			c := over(t, roundTrip(func(*http.Request) (*http.Response, error) {
				return &http.Response{StatusCode: status, Body: io.NopCloser(strings.NewReader(body))}, nil
			}))
			order, err := c.Swipe(t.Context(), manualSwipe())
			require.ErrorIs(t, err, duopay.Unsure)
			assert.Nil(t, order)
			var e *duopay.Error
			require.ErrorAs(t, err, &e)
			assert.Equal(t, status, e.HTTPStatus)
		}
	}
}

// A reply is returned with the error of its own attempt only.
func TestReplyOfAnotherAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := stocked(t)
		server.Next(fubeitest.MethodQuery, fubeitest.State("STRANGE"), fubeitest.Garbage, fubeitest.DropAfter)
		order, err := clientOf(t, server, server.Transport()).Query(t.Context(), fubei.QueryRequest{OrderNo: "PAID"})
		require.ErrorIs(t, err, duopay.Unsure)
		assert.Nil(t, order)
	})
}
