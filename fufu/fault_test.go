package fufu_test

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
	"github.com/duopay/duopay/fufu"
	"github.com/duopay/duopay/fufu/fufutest"
)

// exchanges are all operations against a gateway that knows the paid order
// PAID, the unpaid ones OPEN and SCAN and the refund RF0.
var exchanges = []struct {
	name       string
	op         string
	repeatable bool // may be sent again after an unclear end
	call       func(context.Context, *fufu.Client) error
}{
	{"order", fufutest.OpOrder, false, func(ctx context.Context, c *fufu.Client) error {
		_, err := c.Order(ctx, fufu.OrderRequest{OrderNo: "NEW", AuthCode: "130000000000000009", TotalFee: 100, Subject: "s"})
		return err
	}},
	{"preOrder by code", fufutest.OpPreOrder, false, func(ctx context.Context, c *fufu.Client) error {
		_, err := c.PreOrder(ctx, fufu.PreOrderRequest{OrderNo: "NEW", TotalFee: 100, Subject: "s", TradeType: fufu.TradeQRCode})
		return err
	}},
	{"preOrder in a page", fufutest.OpPreOrder, false, func(ctx context.Context, c *fufu.Client) error {
		r := weChatOrder()
		r.OrderNo = "NEW"
		_, err := c.PreOrder(ctx, r)
		return err
	}},
	{"refund", fufutest.OpRefund, false, func(ctx context.Context, c *fufu.Client) error {
		_, err := c.Refund(ctx, fufu.RefundRequest{OperatorID: "o", TerminalID: "t", OrderNo: "PAID", RefundNo: "RF1", RefundFee: 100, RefundSubject: "r"})
		return err
	}},
	{"cancel", fufutest.OpCancel, false, func(ctx context.Context, c *fufu.Client) error {
		_, err := c.Cancel(ctx, fufu.CancelRequest{OperatorID: "o", TerminalID: "t", OrderNo: "OPEN"})
		return err
	}},
	{"close", fufutest.OpClose, false, func(ctx context.Context, c *fufu.Client) error {
		_, err := c.Close(ctx, fufu.CloseRequest{OperatorID: "o", TerminalID: "t", OrderNo: "SCAN"})
		return err
	}},
	{"Call", fufutest.OpQuery, false, func(ctx context.Context, c *fufu.Client) error {
		_, err := c.Call(ctx, "query", map[string]string{"out_trade_no": "PAID"})
		return err
	}},
	{"query", fufutest.OpQuery, true, func(ctx context.Context, c *fufu.Client) error {
		_, err := c.Query(ctx, fufu.QueryRequest{OrderNo: "PAID"})
		return err
	}},
	{"refundQuery", fufutest.OpRefundQuery, true, func(ctx context.Context, c *fufu.Client) error {
		_, err := c.RefundQuery(ctx, fufu.RefundQueryRequest{OperatorID: "o", TerminalID: "t", RefundNo: "RF0"})
		return err
	}},
}

// stocked returns a gateway with the orders that exchanges need.
func stocked(t *testing.T) *fufutest.Server {
	t.Helper()
	server := fufutest.NewUnstartedServer()
	c, ctx := clientOf(t, server, server.Transport()), t.Context()
	_, err := c.Order(ctx, fufu.OrderRequest{OrderNo: "PAID", AuthCode: "130000000000000001", TotalFee: 1000, Subject: "s"})
	require.NoError(t, err)
	server.AskPassword(-1)
	_, err = c.Order(ctx, fufu.OrderRequest{OrderNo: "OPEN", AuthCode: "130000000000000002", TotalFee: 1000, Subject: "s"})
	require.NoError(t, err)
	_, err = c.PreOrder(ctx, fufu.PreOrderRequest{OrderNo: "SCAN", TotalFee: 1000, Subject: "s", TradeType: fufu.TradeQRCode})
	require.NoError(t, err)
	_, err = c.Refund(ctx, fufu.RefundRequest{OperatorID: "o", TerminalID: "t", OrderNo: "PAID", RefundNo: "RF0", RefundFee: 100, RefundSubject: "r"})
	require.NoError(t, err)
	time.Sleep(15 * time.Second) // before which nothing is cancelled
	return server
}

func clientOf(t testing.TB, server *fufutest.Server, transport http.RoundTripper, options ...duopay.Option) *fufu.Client {
	t.Helper()
	options = append([]duopay.Option{duopay.WithHTTPClient(&http.Client{Transport: transport})}, options...)
	c, err := fufu.New(fufu.Config{BaseURL: server.URL, BusiID: server.BusiID, Key: duopay.NewSecret(server.Key)}, options...)
	require.NoError(t, err)
	return c
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

// Every fault of the way there and back, for every operation: what it means,
// and how often the request reached the gateway.
func TestFaults(t *testing.T) {
	const never, once = 0, 1
	for _, fault := range []struct {
		name    string
		inject  []fufutest.Fault                        // into the gateway, for three attempts
		dial    func(context.Context) (net.Conn, error) // instead of the gateway
		cancel  func(cancel func())                     // the caller leaves
		kind    duopay.Kind
		reached int    // for what may not be sent again; 3 if it may
		not     string // the operation whose answer tells no numbers
	}{
		{name: "connection refused", dial: func(context.Context) (net.Conn, error) {
			return nil, &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("connection refused")}
		}, kind: duopay.NotSent, reached: never},
		{name: "name not found", dial: func(context.Context) (net.Conn, error) {
			return nil, &net.DNSError{Err: "no such host", Name: "fufu.invalid", IsNotFound: true}
		}, kind: duopay.NotSent, reached: never},
		{name: "TLS failure", dial: notTLS, kind: duopay.NotSent, reached: never},
		{name: "time-out before the connection", dial: func(ctx context.Context) (net.Conn, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}, kind: duopay.NotSent, reached: never},
		{name: "time-out after the request", inject: thrice(fufutest.Slow(time.Hour)), kind: duopay.Unsure, reached: once},
		{name: "reset before it acted", inject: thrice(fufutest.DropBefore), kind: duopay.Unsure, reached: once},
		{name: "reset after it acted", inject: thrice(fufutest.DropAfter), kind: duopay.Unsure, reached: once},
		{name: "redirect", inject: thrice(fufutest.Redirect), kind: duopay.Unsure, reached: once},
		{name: "HTML with 502", inject: thrice(fufutest.ServerError), kind: duopay.Unsure, reached: once},
		{name: "HTML with 502 after it acted", inject: thrice(fufutest.ServerErrorAfter), kind: duopay.Unsure, reached: once},
		{name: "truncated", inject: thrice(fufutest.Truncated), kind: duopay.Unsure, reached: once},
		{name: "garbage", inject: thrice(fufutest.Garbage), kind: duopay.Unsure, reached: once},
		{name: "empty", inject: thrice(fufutest.Empty), kind: duopay.Unsure, reached: once},
		{name: "over the limit", inject: thrice(fufutest.Oversized), kind: duopay.Unsure, reached: once},
		{name: "no data", inject: thrice(fufutest.NullData), kind: duopay.Unsure, reached: once},
		{name: "another order", inject: thrice(fufutest.OtherOrder), kind: duopay.Unsure, reached: once, not: "cancel"},
		{name: "exception", inject: thrice(fufutest.Refuse("FAIL", "EXCEPTION")), kind: duopay.Unsure, reached: once},
		{name: "exception after it acted", inject: thrice(fufutest.RefuseAfter("FAIL", "IO_EXCEPTION")), kind: duopay.Unsure, reached: once},
		{name: "unknown code", inject: thrice(fufutest.Refuse("SOMETHING_NEW", "什么")), kind: duopay.Unsure, reached: once},
		{name: "free text", inject: thrice(fufutest.Refuse("FAIL", "系统繁忙")), kind: duopay.Unsure, reached: once},
		{name: "number used before", inject: thrice(fufutest.Refuse("FAIL", "SERIAL_REPEAT")), kind: duopay.Unsure, reached: once},
		{name: "request not understood", inject: thrice(fufutest.RefuseRequest("SERVICE_UNAVAILABLE", "")), kind: duopay.Unsure, reached: once},
		{name: "canceled before", cancel: func(cancel func()) { cancel() }, kind: duopay.NotSent, reached: never},
		{name: "canceled after writing", inject: thrice(fufutest.Slow(time.Hour)), cancel: func(cancel func()) {
			time.AfterFunc(time.Second, cancel)
		}, kind: duopay.Unsure, reached: once},
	} {
		for _, x := range exchanges {
			if fault.not == x.name {
				continue
			}
			t.Run(fault.name+"/"+x.name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					server := stocked(t)
					before := len(server.Requests(""))
					server.Next(x.op, fault.inject...)
					transport := server.Transport()
					if fault.dial != nil {
						wire := dialing(fault.dial)
						defer wire.CloseIdleConnections()
						transport = wire
					}
					ctx, cancel := context.WithCancel(t.Context())
					defer cancel()
					if fault.cancel != nil {
						fault.cancel(cancel)
					}

					err := x.call(ctx, clientOf(t, server, transport))

					var e *duopay.Error
					require.ErrorAs(t, err, &e)
					assert.Equal(t, fault.kind, e.Kind)
					assert.False(t, e.Certain)
					assert.Equal(t, x.op, e.Op)
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

func thrice(f fufutest.Fault) []fufutest.Fault { return []fufutest.Fault{f, f, f} }

// What may be sent again is, and comes to a good end; what never left is sent
// by any operation.
func TestSentAgain(t *testing.T) {
	for _, x := range exchanges {
		t.Run(x.name, func(t *testing.T) {
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
				server.Next(x.op, fufutest.DropAfter, fufutest.Refuse("FAIL", "EXCEPTION"))
				require.NoError(t, x.call(t.Context(), clientOf(t, server, server.Transport())))
			})
			synctest.Test(t, func(t *testing.T) {
				server := stocked(t)
				server.Next(x.op, fufutest.DropAfter)
				c := clientOf(t, server, server.Transport(), duopay.WithAttempts(1))
				require.ErrorIs(t, x.call(t.Context(), c), duopay.Unsure)
			})
		})
	}
}

// A reply belongs to the error it comes with, not to an attempt before.
func TestReplyOfTheLastAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := stocked(t)
		server.Next(fufutest.OpQuery, fufutest.WithoutState, fufutest.DropAfter, fufutest.DropAfter)
		order, err := clientOf(t, server, server.Transport()).Query(t.Context(), fufu.QueryRequest{OrderNo: "PAID"})
		require.ErrorIs(t, err, duopay.Unsure)
		assert.Nil(t, order)
	})
}

// Each attempt has a time and so a signature of its own.
func TestEveryAttemptIsSignedAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := stocked(t)
		server.Next(fufutest.OpQuery, fufutest.DropAfter)
		seen := make(map[string]string)
		spy := roundTrip(func(r *http.Request) (*http.Response, error) {
			body, err := r.GetBody()
			require.NoError(t, err)
			text, err := io.ReadAll(body)
			require.NoError(t, err)
			seen[r.URL.RawQuery] = string(text)
			return server.Transport().RoundTrip(r)
		})
		_, err := clientOf(t, server, spy).Query(t.Context(), fufu.QueryRequest{OrderNo: "PAID"})
		require.NoError(t, err)
		require.Len(t, seen, 2, "two signatures")
		for _, body := range seen {
			assert.JSONEq(t, `{"busi_id":"990000000000001","out_trade_no":"PAID"}`, body)
		}
	})
}

// The time limits: 90 s for order, which the gateway may need, 30 s otherwise.
func TestTimeLimits(t *testing.T) {
	for _, x := range exchanges {
		if x.repeatable {
			continue
		}
		synctest.Test(t, func(t *testing.T) {
			server := stocked(t)
			server.Next(x.op, fufutest.Slow(time.Hour))
			start := time.Now()
			require.ErrorIs(t, x.call(t.Context(), clientOf(t, server, server.Transport())), context.DeadlineExceeded)
			want := 30 * time.Second
			if x.op == fufutest.OpOrder {
				want = 90 * time.Second
			}
			assert.Equal(t, want, time.Since(start), x.name)
		})
	}
}

const ok = `{"result":{"return_code":"SUCCESS","return_msg":"OK"},"data":`

// What SUCCESS must not be taken for.
func TestDoubtfulAnswers(t *testing.T) {
	r := manualOrder()
	r.OrderNo = "DP1"
	for name, test := range map[string]struct {
		body  string
		cause error // nil: any
		reply bool  // is returned too
	}{
		"no state":                  {body: ok + `{"return_code":"SUCCESS","out_trade_no":"DP1","total_fee":250}}`, reply: true},
		"state null":                {body: ok + `{"return_code":"SUCCESS","state":null}}`, reply: true},
		"state empty":               {body: ok + `{"return_code":"SUCCESS","state":""}}`, reply: true},
		"state out of the table":    {body: ok + `{"return_code":"SUCCESS","state":15}}`, reply: true},
		"state of another kind":     {body: ok + `{"return_code":"SUCCESS","state":true}}`, reply: true},
		"state as object":           {body: ok + `{"return_code":"SUCCESS","state":{"1":1}}}`, reply: true},
		"state as fraction":         {body: ok + `{"return_code":"SUCCESS","state":1.0}}`, reply: true},
		"state padded":              {body: ok + `{"return_code":"SUCCESS","state":" 1"}}`, reply: true},
		"state reserved":            {body: ok + `{"return_code":"SUCCESS","state":7}}`, reply: true},
		"state of a refund":         {body: ok + `{"return_code":"SUCCESS","state":11}}`, reply: true},
		"name in upper case":        {body: ok + `{"return_code":"SUCCESS","STATE":1}}`, reply: true},
		"neither code nor state":    {body: ok + `{"out_trade_no":"DP1"}}`},
		"no data":                   {body: `{"result":{"return_code":"SUCCESS"}}`},
		"data null":                 {body: ok + `null}`},
		"data a string":             {body: ok + `"{\"state\":1}"}`},
		"data an array":             {body: ok + `[{"state":1}]}`},
		"no result":                 {body: `{"data":{"return_code":"SUCCESS","state":1}}`},
		"result null":               {body: `{"result":null,"data":{"return_code":"SUCCESS","state":1}}`},
		"result a string":           {body: `{"result":"SUCCESS","data":{"return_code":"SUCCESS","state":1}}`},
		"result without code":       {body: `{"result":{},"data":{"return_code":"SUCCESS","state":1}}`},
		"result in lower case":      {body: `{"result":{"return_code":"success"},"data":{"return_code":"SUCCESS","state":1}}`},
		"envelope in upper case":    {body: `{"RESULT":{"return_code":"SUCCESS"},"data":{"return_code":"SUCCESS","state":1}}`},
		"failure with a good state": {body: ok + `{"return_code":"FAIL","state":1}}`},
		"failure that says SUCCESS": {body: ok + `{"return_code":"FAIL","return_msg":"SUCCESS","state":1}}`},
		"code twice":                {body: ok + `{"return_code":"FAIL","return_code":"SUCCESS","state":1}}`},
		"state twice":               {body: ok + `{"return_code":"SUCCESS","state":0,"state":1}}`},
		"trailing data":             {body: ok + `{"return_code":"SUCCESS","state":1}}{}`},
		"an array":                  {body: `[` + ok + `{"return_code":"SUCCESS","state":1}}]`},
		"not closed":                {body: ok + `{"return_code":"SUCCESS","state":1}`},
		"non-breaking blanks":       {body: "{\u00a0" + (ok + `{"return_code":"SUCCESS","state":1}}`)[1:]},
		"invalid UTF-8":             {body: ok + "{\"return_code\":\"SUCCESS\",\"state\":1,\"credit\":\"\xff\"}}"},
		"another order":             {body: ok + `{"return_code":"SUCCESS","state":1,"out_trade_no":"DP2"}}`, cause: duopay.ErrOrderMismatch},
		"order number as object":    {body: ok + `{"return_code":"SUCCESS","state":1,"out_trade_no":{"a":1}}}`, cause: duopay.ErrOrderMismatch},
		"refusal of another order":  {body: ok + `{"return_code":"FAIL","return_msg":"AMT_ERROR","out_trade_no":"DP2"}}`, cause: duopay.ErrOrderMismatch},
		"another amount":            {body: ok + `{"return_code":"SUCCESS","state":1,"total_fee":249}}`, cause: duopay.ErrAmountMismatch, reply: true},
		"amount in yuan":            {body: ok + `{"return_code":"SUCCESS","state":1,"total_fee":"2.50"}}`, cause: duopay.ErrAmountMismatch, reply: true},
		"amount as fraction":        {body: ok + `{"return_code":"SUCCESS","state":1,"total_fee":250.0}}`, cause: duopay.ErrAmountMismatch, reply: true},
		"amount with exponent":      {body: ok + `{"return_code":"SUCCESS","state":1,"total_fee":25e1}}`, cause: duopay.ErrAmountMismatch, reply: true},
		"amount with a sign":        {body: ok + `{"return_code":"SUCCESS","state":1,"total_fee":"+250"}}`, cause: duopay.ErrAmountMismatch, reply: true},
		"amount with zeros":         {body: ok + `{"return_code":"SUCCESS","state":1,"total_fee":"0250"}}`, cause: duopay.ErrAmountMismatch, reply: true},
		"amount negative":           {body: ok + `{"return_code":"SUCCESS","state":1,"total_fee":-250}}`, cause: duopay.ErrAmountMismatch, reply: true},
		"amount of 40 digits":       {body: ok + `{"return_code":"SUCCESS","state":1,"total_fee":1111111111111111111111111111111111111111}}`, cause: duopay.ErrAmountMismatch, reply: true},
		"amount unreadable":         {body: ok + `{"return_code":"SUCCESS","state":1,"total_fee":"a lot"}}`, cause: duopay.ErrAmountMismatch, reply: true},
		"amount when refunded":      {body: ok + `{"return_code":"SUCCESS","state":5,"total_fee":1}}`, cause: duopay.ErrAmountMismatch, reply: true},
		"another currency":          {body: ok + `{"return_code":"SUCCESS","state":1,"total_fee":250,"fee_type":"THB"}}`, cause: duopay.ErrAmountMismatch, reply: true},
	} {
		t.Run(name, func(t *testing.T) {
			order, err := answering(t, test.body).Order(t.Context(), r)
			require.ErrorIs(t, err, duopay.Unsure)
			require.NotErrorIs(t, err, duopay.Refused)
			if test.cause != nil {
				require.ErrorIs(t, err, test.cause)
			}
			assert.Equal(t, test.reply, order != nil)
			payment, err := fufu.Gateway{Client: answering(t, test.body)}.Charge(t.Context(),
				duopay.Charge{OrderNo: "DP1", AuthCode: r.AuthCode, Amount: r.TotalFee.Money(), Subject: "s"})
			require.Error(t, err)
			assert.Equal(t, duopay.Unknown, payment.Status)
		})
	}
}

// A good answer under a status that is not 200 is none.
func TestHTTPStatus(t *testing.T) {
	for _, status := range []int{201, 202, 204, 302, 400, 404, 500, 503} {
		c := over(t, roundTrip(func(*http.Request) (*http.Response, error) {
			body := io.NopCloser(strings.NewReader(golden(t, "order-reply.json")))
			return &http.Response{StatusCode: status, Body: body}, nil
		}))
		_, err := c.Order(t.Context(), manualOrder())
		require.ErrorIs(t, err, duopay.Unsure)
		var e *duopay.Error
		require.ErrorAs(t, err, &e)
		assert.Equal(t, status, e.HTTPStatus)
	}
}

// What is tolerated: other forms of the same meaning, and odd text where
// nobody needs the value.
func TestToleratedAnswers(t *testing.T) {
	r := manualOrder()
	r.OrderNo = "DP1"
	for name, body := range map[string]string{
		"misspelled":           `{"result":{"return_code":"SUCESS"},"data":{"return_code":"SUCESS","state":1}}`,
		"no code, but a state": ok + `{"state":1,"total_fee":250}}`,
		"empty code":           ok + `{"return_code":"","state":"1"}}`,
		"strings":              ok + `{"return_code":"SUCCESS","channel_type":"1","state":"1","total_fee":"250"}}`,
		"numbers":              ok + `{"return_code":"SUCCESS","channel_type":1,"trade_no":20990102,"state":1,"total_fee":250}}`,
		"nulls":                ok + `{"return_code":"SUCCESS","return_msg":null,"state":1,"total_fee":null,"fee_type":null,"credit":null,"auth_code":null,"merchant_param":null}}`,
		"empty strings":        ok + `{"return_code":"SUCCESS","state":1,"total_fee":"","fee_type":"","out_trade_no":"","exchange_rate":"","end_time":""}}`,
		"odd text":             ok + `{"return_code":"SUCCESS","state":1,"channel_type":"QQ","credit":7,"exchange_rate":"much","trans_amount_cny":"some","end_time":"soon","merchant_param":"?","auth_code":7,"refund_fee":{},"time_zone":8}}`,
		"unknown fields":       `{"new":{"a":[1]},"result":{"return_code":"SUCCESS","x":1},"data":{"return_code":"SUCCESS","state":1,"new":[{}]}}`,
		"indented":             "\r\n{ \"result\" : {\n\t\"return_code\" : \"SUCCESS\" } , \"data\" : { \"state\" : 1 } }\n",
	} {
		t.Run(name, func(t *testing.T) {
			order, err := answering(t, body).Order(t.Context(), r)
			require.NoError(t, err)
			assert.Equal(t, fufu.StatePaid, order.State)
			assert.Equal(t, body, string(order.Raw))
		})
	}
}

// The three forms of payInfo, and what is none.
func TestPayInfo(t *testing.T) {
	r := weChatOrder()
	head := ok + `{"return_code":"SUCCESS","payInfo":`
	for name, body := range map[string]string{
		"string":            head + `"{\"package\":\"p\",\"a\":null}"}}`,
		"object":            head + `{"package":"p","a":null}}}`,
		"printed":           head + `"{"package":"p","a":null}"}}`,
		"printed, indented": ok + "{\n \"payInfo\" : \"{\"package\":\"p\",\"a\":null}\" ,\n \"time_zone\":\"\" }}",
	} {
		reply, err := answering(t, body).PreOrder(t.Context(), r)
		require.NoError(t, err, name)
		assert.JSONEq(t, `{"package":"p","a":null}`, string(reply.PayInfo), name)
		assert.Equal(t, body, string(reply.Raw), name)
	}
	for name, body := range map[string]string{
		"absent":               ok + `{"return_code":"SUCCESS"}}`,
		"null":                 head + `null}}`,
		"empty":                head + `""}}`,
		"not an object":        head + `"p"}}`,
		"an array":             head + `["p"]}}`,
		"a number":             head + `1}}`,
		"a broken string":      head + `"{\"package\":"}}`,
		"printed, not closed":  head + `"{"package":"p"}}`,
		"printed, not JSON":    head + `"{"package":p}"}}`,
		"printed twice":        head + `"{"package":"p"}","payInfo":"{"package":"p"}"}}`,
		"printed, and written": ok + `{"return_code":"SUCCESS","x":{"payInfo":"{\"a\":1}"},"payInfo":"{"package":"p"}"}}`,
		"written, and printed": ok + `{"return_code":"SUCCESS","payInfo":"{"package":"p"}","x":{"payInfo":"{\"a\":1}"}}}`,
		"printed, broken tail": head + `"{"package":"p"}"}`,
		"printed, name twice":  head + `"{"package":"p","package":"q"}"}}`,
		"printed, code again":  head + `"{"package":"p"}","return_code":"SUCCESS"}}`,
	} {
		_, err := answering(t, body).PreOrder(t.Context(), r)
		require.ErrorIs(t, err, duopay.Unsure, name)
	}
}

// A preOrder that is open, but tells not how to pay it.
func TestPreOrderWithoutAWayToPay(t *testing.T) {
	for name, r := range map[string]fufu.PreOrderRequest{"qr_code": qrOrder(), "prePayId": alipayOrder(), "payInfo": weChatOrder()} {
		reply, err := answering(t, ok+`{"return_code":"SUCCESS","trade_no":"7"}}`).PreOrder(t.Context(), r)
		require.ErrorIs(t, err, duopay.Unsure)
		require.ErrorContains(t, err, name+" is missing")
		assert.EqualValues(t, "7", reply.TradeNo)
	}
	// The manual's table has no return_code: any of the three fields will do.
	_, err := answering(t, ok+`{"qr_code":"q"}}`).PreOrder(t.Context(), qrOrder())
	require.NoError(t, err)
}

// What is said of refunds.
func TestRefundAnswers(t *testing.T) {
	for body, cause := range map[string]error{
		ok + `{"trade_no":"1"}}`:                              nil, // nothing there tells of success
		ok + `{"return_code":"SUCCESS","refund_fee":99}}`:     duopay.ErrAmountMismatch,
		ok + `{"return_code":"SUCCESS","refund_fee":"1.00"}}`: duopay.ErrAmountMismatch,
		ok + `{"return_code":"SUCCESS","fee_type":"HKD"}}`:    duopay.ErrAmountMismatch,
		ok + `{"return_code":"SUCCESS","out_refund_no":"2"}}`: duopay.ErrOrderMismatch,
		ok + `{"return_code":"SUCCESS","out_trade_no":"2"}}`:  duopay.ErrOrderMismatch,
	} {
		_, err := answering(t, body).Refund(t.Context(), someRefund())
		require.ErrorIs(t, err, duopay.Unsure)
		if cause != nil {
			require.ErrorIs(t, err, cause)
		}
	}
	r := fufu.RefundQueryRequest{OperatorID: "o", TerminalID: "t", RefundNo: "RF1", Amount: 100}
	for body, cause := range map[string]error{
		ok + `{"return_code":"SUCCESS"}}`:                                          nil,
		ok + `{"return_code":"SUCCESS","trade_status":"SUCC"}}`:                    nil,
		ok + `{"return_code":"SUCCESS","trade_status":"closed"}}`:                  nil,
		ok + `{"return_code":"SUCCESS","trade_status":"succ","refund_fee":1}}`:     duopay.ErrAmountMismatch,
		ok + `{"return_code":"SUCCESS","trade_status":"succ","out_trade_no":"R"}}`: duopay.ErrOrderMismatch,
	} {
		_, err := answering(t, body).RefundQuery(t.Context(), r)
		require.ErrorIs(t, err, duopay.Unsure)
		if cause != nil {
			require.ErrorIs(t, err, cause)
		}
		result, err := fufu.Gateway{Client: answering(t, body), OperatorID: "o", TerminalID: "t"}.QueryRefund(t.Context(),
			duopay.Refund{RefundNo: "RF1", Amount: duopay.MustMoney("1")})
		require.Error(t, err)
		assert.Equal(t, duopay.RefundUnknown, result.Status)
	}
	reply, err := answering(t, ok+`{"trade_status":"refunding","refund_fee":1}}`).RefundQuery(t.Context(), r)
	require.NoError(t, err, "an amount counts when it is done")
	assert.Equal(t, duopay.RefundPending, reply.TradeStatus.Status())
}

// Whatever number was sent, the answer has to be about it.
func TestAnotherNumber(t *testing.T) {
	for _, name := range []string{"out_trade_no", "trade_no", "out_refund_no"} {
		sent := map[string]string{name: "1"}
		_, err := answering(t, ok+`{"return_code":"SUCCESS","`+name+`":"1"}}`).Call(t.Context(), "refund", sent)
		require.NoError(t, err, name)
		_, err = answering(t, ok+`{"return_code":"SUCCESS","`+name+`":"2"}}`).Call(t.Context(), "refund", sent)
		require.ErrorIs(t, err, duopay.Unsure, name)
		require.ErrorIs(t, err, duopay.ErrOrderMismatch, name)
	}
}

// Every code at both levels, for every operation: what it means.
func TestCodes(t *testing.T) {
	kinds := map[fufu.Class]duopay.Kind{
		fufu.ClassRejected: duopay.Refused, fufu.ClassNotFound: duopay.Refused, fufu.ClassAlreadyCanceled: duopay.Refused,
		fufu.ClassDuplicate: duopay.Unsure, fufu.ClassUnknown: duopay.Unsure,
	}
	for code, class := range map[string]fufu.Class{
		"ILLEGAL_PARAMETER": fufu.ClassRejected, "INVALID_SIGN": fufu.ClassRejected, "AMT_ERROR": fufu.ClassRejected,
		"INVALID_CONTRACT": fufu.ClassRejected, "UNREGISTERED_BUSI": fufu.ClassRejected, "SOUNDWAVE_PARSER_FAIL": fufu.ClassRejected,
		"AREADY_REVOKED": fufu.ClassAlreadyCanceled, "ALREADY_REVOKED": fufu.ClassAlreadyCanceled,
		"SERIAL_REPEAT": fufu.ClassDuplicate, "CHARGE_NONEXISTENT": fufu.ClassNotFound,
		"DATABASE_ERROR": fufu.ClassUnknown, "EXCEPTION": fufu.ClassUnknown, "SERVICE_UNAVAILABLE": fufu.ClassUnknown,
		"HTTP_EXCEPTION": fufu.ClassUnknown, "IO_EXCEPTION": fufu.ClassUnknown, "CREATE_SECURITY_CONNECTION_ERROR": fufu.ClassUnknown,
		"BRAND_NEW": fufu.ClassUnknown, "FAIL": fufu.ClassUnknown, "illegal_parameter": fufu.ClassUnknown, "AMT_ERROR\u00a0": fufu.ClassUnknown,
	} {
		assert.Equal(t, class, fufu.Code(code).Class(), code)
		for form, body := range map[string]string{
			"result, code":    `{"result":{"return_code":"` + code + `","return_msg":"参数错误"}}`,
			"result, message": `{"result":{"return_code":"FAIL","return_msg":"` + code + `"},"data":null}`,
			"data, code":      ok + `{"return_code":"` + code + `"}}`,
			"data, message":   ok + `{"return_code":"FAIL","return_msg":"` + code + `"}}`,
		} {
			for _, x := range exchanges {
				var e *duopay.Error
				require.ErrorAs(t, x.call(t.Context(), answering(t, body)), &e)
				opens := x.op == fufutest.OpOrder || x.op == fufutest.OpPreOrder
				kind := kinds[class]
				if class == fufu.ClassNotFound && opens {
					kind = duopay.Unsure
				}
				name := code + ", " + form + ", " + x.name
				assert.Equal(t, kind, e.Kind, name)
				assert.Equal(t, class == fufu.ClassRejected && (opens || x.op == fufutest.OpRefund), e.Certain, name)
				assert.Equal(t, class == fufu.ClassNotFound, errors.Is(e, duopay.ErrNotFound), name)
				if class != fufu.ClassUnknown {
					assert.Equal(t, code, e.Code, name)
				}
			}
		}
	}
}

// Where the code stands, and where the words.
func TestCodeAndMessage(t *testing.T) {
	for body, want := range map[string][2]string{
		`{"result":{"return_code":"FAIL","return_msg":"参数错误"}}`:                 {"FAIL", "参数错误"},
		`{"result":{"return_code":"FAIL","return_msg":"OK"}}`:                   {"FAIL", "OK"},
		`{"result":{"return_code":"AMT_ERROR","return_msg":"EXCEPTION"}}`:       {"AMT_ERROR", "EXCEPTION"},
		`{"result":{"return_code":"","return_msg":"EXCEPTION"}}`:                {"EXCEPTION", ""},
		`{"result":{"return_msg":"EXCEPTION"}}`:                                 {"EXCEPTION", ""},
		ok + `{"return_code":"FAIL"}}`:                                          {"FAIL", ""},
		ok + `{"return_code":"FAIL","return_msg":"订单已支付"}}`:                     {"FAIL", "订单已支付"},
		ok + `{"return_code":404,"return_msg":"EXCEPTION"}}`:                    {"404", "EXCEPTION"},
		ok + `{"return_code":"FAIL","return_msg":"EXCEPTION","state":"1"}}`:     {"EXCEPTION", ""},
		`{"result":{"return_code":"FAIL","return_msg":"BAD"},"data":[1]}`:       {"BAD", ""},
		`{"result":{"return_code":"FAIL","return_msg":"EXCEPTION\n"},"data":1}`: {"FAIL", "EXCEPTION\n"},
	} {
		_, err := answering(t, body).Query(t.Context(), fufu.QueryRequest{OrderNo: "DP1"})
		var e *duopay.Error
		require.ErrorAs(t, err, &e)
		assert.Equal(t, want, [2]string{e.Code, e.Message}, body)
		assert.Equal(t, duopay.NewSecret(body).Reveal(), e.Reply.Reveal())
	}
}
