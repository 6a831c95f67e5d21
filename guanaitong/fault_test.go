package guanaitong_test

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
	"github.com/duopay/duopay/guanaitong"
	"github.com/duopay/duopay/guanaitong/guanaitongtest"
)

// The orders that exchanges are about.
const (
	paidNo   = "9000000220990102PAID"
	newNo    = "9000000220990102NEW"
	refundNo = "9000000220990102RF0"
)

// pair is the caller's and the seller's client of a platform.
type pair struct{ caller, seller *guanaitong.Client }

// exchanges are all operations against a platform that knows the paid order
// paidNo and its refund refundNo.
var exchanges = []struct {
	path       string
	repeatable bool // may be sent again after an unclear end
	named      bool // names its order in the answer
	call       func(context.Context, pair) error
}{
	{guanaitongtest.PathPay, false, false, func(ctx context.Context, p pair) error {
		_, err := p.caller.Pay(ctx, payment(newNo, "CODE-NEW"))
		return err
	}},
	{guanaitongtest.PathRefund, false, false, func(ctx context.Context, p pair) error {
		_, err := p.seller.Refund(ctx, guanaitong.RefundRequest{OrderNo: paidNo, RefundNo: refundNo + "1", Reason: "r", RefundAmount: money("1")})
		return err
	}},
	{guanaitongtest.PathRecord, false, true, func(ctx context.Context, p pair) error {
		_, err := p.seller.Call(ctx, "/seller/pay/record", map[string]string{"outer_trade_no": paidNo})
		return err
	}},
	{guanaitongtest.PathAuthCodeByMobile, true, false, func(ctx context.Context, p pair) error {
		_, err := p.caller.AuthCodeByMobile(ctx, guanaitong.AuthCodeByMobileRequest{Mobile: "13000000000"})
		return err
	}},
	{guanaitongtest.PathAuthCodeByCorpCode, true, false, func(ctx context.Context, p pair) error {
		_, err := p.caller.AuthCodeByCorpCode(ctx, guanaitong.AuthCodeByCorpCodeRequest{UserID: "U0001"})
		return err
	}},
	{guanaitongtest.PathAuthCodeByEmail, true, false, func(ctx context.Context, p pair) error {
		_, err := p.caller.AuthCodeByEmail(ctx, guanaitong.AuthCodeByEmailRequest{Email: "han.meimei@example.com"})
		return err
	}},
	{guanaitongtest.PathAccounts, true, false, func(ctx context.Context, p pair) error {
		_, err := p.caller.Accounts(ctx, guanaitong.AccountsRequest{CorpCode: "0001"})
		return err
	}},
	{guanaitongtest.PathConsume, true, true, func(ctx context.Context, p pair) error {
		_, err := p.caller.Consume(ctx, guanaitong.ConsumeRequest{TradeNo: "2000010100000001", OrderNo: paidNo, Amount: money("10")})
		return err
	}},
	{guanaitongtest.PathConsumeList, true, false, func(ctx context.Context, p pair) error {
		_, err := p.caller.ConsumeList(ctx, guanaitong.ConsumeListRequest{PageIndex: 1, PageSize: 10, TimeStart: guanaitong.DayOf(time.Now()), TimeEnd: guanaitong.DayOf(time.Now())})
		return err
	}},
	{guanaitongtest.PathRecord, true, true, func(ctx context.Context, p pair) error {
		_, err := p.seller.PayRecord(ctx, guanaitong.PayRecordRequest{OrderNo: paidNo})
		return err
	}},
	{guanaitongtest.PathRefundRecord, true, true, func(ctx context.Context, p pair) error {
		_, err := p.seller.RefundRecord(ctx, guanaitong.RefundRecordRequest{RefundNo: refundNo})
		return err
	}},
	{guanaitongtest.PathToken, true, false, func(ctx context.Context, p pair) error {
		_, err := p.caller.Token(ctx)
		return err
	}},
}

// payment is a pay call of 10 yuan from points.
func payment(orderNo, code string) guanaitong.PayRequest {
	return guanaitong.PayRequest{
		AuthCode: code, SellerAppID: "90000002", OrderNo: orderNo, PayType: guanaitong.PayPoints, Point: money("10"), Reason: "lunch",
		ReturnURL: "https://shop.example/pay/return", NotifyURL: "https://shop.example/pay/notify",
		TradeInfo: guanaitong.TradeInfo{
			TradeNo: "T-1", TotalAmount: money("10"), PayAmount: money("10"), CostAmount: money("8"),
			Goods: []guanaitong.Goods{{SKUID: "S-1", Name: "lunch box", Quantity: 1, Price: money("10"), CostAmount: money("8")}},
		},
	}
}

// stocked returns a platform with the order and the refund that exchanges need.
func stocked(t *testing.T) *guanaitongtest.Server {
	t.Helper()
	server := guanaitongtest.NewUnstartedServer()
	server.KeepTokens = true // the test's own clients come and go
	p := clientsOf(t, server, server.Transport())
	require.NoError(t, server.SetAuthCode("U0001", "CODE-PAID"))
	_, err := p.caller.Pay(t.Context(), payment(paidNo, "CODE-PAID"))
	require.NoError(t, err)
	_, err = p.seller.Refund(t.Context(), guanaitong.RefundRequest{OrderNo: paidNo, RefundNo: refundNo, Reason: "r", RefundAmount: money("1")})
	require.NoError(t, err)
	require.NoError(t, server.SetAuthCode("U0001", "CODE-NEW"))
	return server
}

// clientsOf returns clients for both apps of a platform.
func clientsOf(t testing.TB, server *guanaitongtest.Server, transport http.RoundTripper, options ...duopay.Option) pair {
	t.Helper()
	options = append([]duopay.Option{duopay.WithHTTPClient(&http.Client{Transport: transport})}, options...)
	secrets := map[string]duopay.Secret{
		server.Caller.ID: duopay.NewSecret(server.Caller.Secret), server.Seller.ID: duopay.NewSecret(server.Seller.Secret),
	}
	of := func(id string) *guanaitong.Client {
		c, err := guanaitong.New(guanaitong.Config{BaseURL: server.URL, AppID: id, Secret: secrets[id], Secrets: secrets}, options...)
		require.NoError(t, err)
		return c
	}
	return pair{of(server.Caller.ID), of(server.Seller.ID)}
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
// and how often the request reached the platform.
func TestFaults(t *testing.T) {
	const never, once = 0, 1
	for _, fault := range []struct {
		name    string
		inject  []guanaitongtest.Fault                  // into the platform, for three attempts
		dial    func(context.Context) (net.Conn, error) // instead of the platform
		cancel  func(c func())                          // the caller leaves
		named   bool                                    // for answers that name the order only
		kind    duopay.Kind
		reached int // for what may not be sent again; 3 if it may
	}{
		{name: "connection refused", dial: func(context.Context) (net.Conn, error) {
			return nil, &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("connection refused")}
		}, kind: duopay.NotSent, reached: never},
		{name: "name not found", dial: func(context.Context) (net.Conn, error) {
			return nil, &net.DNSError{Err: "no such host", Name: "guanaitong.invalid", IsNotFound: true}
		}, kind: duopay.NotSent, reached: never},
		{name: "TLS failure", dial: notTLS, kind: duopay.NotSent, reached: never},
		{name: "time-out before the connection", dial: func(ctx context.Context) (net.Conn, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}, kind: duopay.NotSent, reached: never},
		{name: "time-out after the request", inject: thrice(guanaitongtest.Slow(time.Hour)), kind: duopay.Unsure, reached: once},
		{name: "reset before it acted", inject: thrice(guanaitongtest.DropBefore), kind: duopay.Unsure, reached: once},
		{name: "reset after it acted", inject: thrice(guanaitongtest.DropAfter), kind: duopay.Unsure, reached: once},
		{name: "redirect", inject: thrice(guanaitongtest.Redirect), kind: duopay.Unsure, reached: once},
		{name: "HTML with 502", inject: thrice(guanaitongtest.ServerError), kind: duopay.Unsure, reached: once},
		{name: "HTML with 502 after it acted", inject: thrice(guanaitongtest.ServerErrorAfter), kind: duopay.Unsure, reached: once},
		{name: "truncated", inject: thrice(guanaitongtest.Truncated), kind: duopay.Unsure, reached: once},
		{name: "garbage", inject: thrice(guanaitongtest.Garbage), kind: duopay.Unsure, reached: once},
		{name: "empty", inject: thrice(guanaitongtest.Empty), kind: duopay.Unsure, reached: once},
		{name: "over the limit", inject: thrice(guanaitongtest.Oversized), kind: duopay.Unsure, reached: once},
		{name: "another order", inject: thrice(guanaitongtest.OtherOrder), named: true, kind: duopay.Unsure, reached: once},
		{name: "unknown code", inject: thrice(guanaitongtest.Refuse(4711, "什么")), kind: duopay.Unsure, reached: once},
		{name: "system error", inject: thrice(guanaitongtest.Refuse(1000310010, "系统错误")), kind: duopay.Unsure, reached: once},
		{name: "the number exists", inject: thrice(guanaitongtest.Refuse(1000220003, "已存在")), kind: duopay.Unsure, reached: once},
		{name: "rejected", inject: thrice(guanaitongtest.Refuse(1000210003, "应用")), kind: duopay.Refused, reached: once},
		{name: "canceled before", cancel: func(cancel func()) { cancel() }, kind: duopay.NotSent, reached: never},
		{name: "canceled after writing", inject: thrice(guanaitongtest.Slow(time.Hour)), cancel: func(cancel func()) {
			time.AfterFunc(time.Second, cancel)
		}, kind: duopay.Unsure, reached: once},
	} {
		for _, x := range exchanges {
			if fault.named && !x.named {
				continue
			}
			t.Run(fault.name+x.path, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					server := stocked(t)
					before := len(server.Requests(x.path))
					server.Next(x.path, fault.inject...)
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

					err := x.call(ctx, clientsOf(t, server, transport))

					var e *duopay.Error
					require.ErrorAs(t, err, &e)
					assert.Equal(t, fault.kind, e.Kind)
					assert.Equal(t, fault.kind == duopay.Refused, e.Certain)
					assert.Equal(t, x.path, e.Op)
					reached := fault.reached
					if x.repeatable && fault.kind == duopay.Unsure && fault.cancel == nil {
						reached = 3
					}
					assert.Len(t, server.Requests(x.path)[before:], reached)
				})
			})
		}
	}
}

func thrice(f guanaitongtest.Fault) []guanaitongtest.Fault { return []guanaitongtest.Fault{f, f, f} }

// What may be sent again is, and comes to a good end; what never left is sent
// by any operation.
func TestSentAgain(t *testing.T) {
	for _, x := range exchanges {
		t.Run(x.path, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := stocked(t)
				p := clientsOf(t, server, server.Transport())
				if x.path != guanaitongtest.PathToken {
					_, err := p.caller.Token(t.Context())
					require.NoError(t, err)
					_, err = p.seller.Token(t.Context())
					require.NoError(t, err)
				}
				server.Unreachable(2)
				require.NoError(t, x.call(t.Context(), p), "two attempts never left")
			})
			if !x.repeatable {
				return
			}
			synctest.Test(t, func(t *testing.T) {
				server := stocked(t)
				server.Next(x.path, guanaitongtest.DropAfter, guanaitongtest.ServerError)
				require.NoError(t, x.call(t.Context(), clientsOf(t, server, server.Transport())))
			})
			synctest.Test(t, func(t *testing.T) {
				server := stocked(t)
				server.Next(x.path, guanaitongtest.DropAfter)
				p := clientsOf(t, server, server.Transport(), duopay.WithAttempts(1))
				require.ErrorIs(t, x.call(t.Context(), p), duopay.Unsure)
			})
		})
	}
}

// Each attempt has a time and so a signature of its own.
func TestEveryAttemptIsSignedAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := stocked(t)
		server.Next(guanaitongtest.PathRecord, guanaitongtest.Slow(time.Minute))
		_, err := clientsOf(t, server, server.Transport()).seller.PayRecord(t.Context(), guanaitong.PayRecordRequest{OrderNo: paidNo})
		require.NoError(t, err)
		sent := server.Requests(guanaitongtest.PathRecord)
		require.Len(t, sent, 2)
		assert.NotEqual(t, string(sent[0].Body), string(sent[1].Body))
	})
}

// The codes that prove that a pay call did nothing, as the provider lists them,
// and some that do not.
func TestCodes(t *testing.T) {
	// Refused by one arrival, a request that arrives twice may be taken by the other.
	passing := map[string]bool{"1000210001": true, "1000210004": true, "1000210013": true, "1000210014": true, "1000200052": true}
	for code, certain := range map[string]bool{
		"1000210001": false, "1000210002": true, "1000210003": true, "1000210004": false, "1000210005": true, "1000210006": true, "1000210009": true,
		"1000210012": true, "1000210013": false, "1000210014": false, "1000210015": true, "1000210017": true, "1000200050": true, "1000200051": true,
		"1000200052": false, "1000220001": true, "1000220002": true, "1000220004": true, "1000220005": true, "1000220006": true, "1000220050": true,
		"1000220051": true, "1000220052": true, "1000220053": true, "1000220054": true,
		"1000220003": false, "1000220064": false, "1000310010": false, "1000410010": false, "1001220005": false,
		"1": false, "-1": false, "1000210016": false, "1000210000": false, "1000220055": false, "10002100010": false,
	} {
		for _, text := range []string{code, `"` + code + `"`} {
			_, err := answering(t, `{"code":`+text+`,"msg":"不行","data":null}`).Pay(t.Context(), manualPay())
			var e *duopay.Error
			require.ErrorAs(t, err, &e)
			assert.Equal(t, certain || passing[code], e.Kind == duopay.Refused, code)
			assert.Equal(t, certain, e.Certain, code)
			assert.Equal(t, [3]string{code, "不行", "201107831558403602084"}, [3]string{e.Code, e.Message, e.OrderNo})
			assert.Contains(t, err.Error(), "trace-1", "what the provider's support asks for")
		}
	}
}

// What a 200 must not be taken for.
func TestDoubtfulAnswers(t *testing.T) {
	for name, body := range map[string]string{
		"no code":                `{"msg":"OK","data":"2099010200000001"}`,
		"code null":              `{"code":null,"data":"2099010200000001"}`,
		"code fractional":        `{"code":0.5,"data":"2099010200000001"}`,
		"code empty":             `{"code":"","data":"2099010200000001"}`,
		"code of another kind":   `{"code":[0],"data":"2099010200000001"}`,
		"code twice":             `{"code":0,"code":1000310010,"data":"2099010200000001"}`,
		"code in upper case":     `{"CODE":0,"data":"2099010200000001"}`,
		"an array":               `[{"code":0}]`,
		"trailing data":          `{"code":0,"data":"2099010200000001"}{}`,
		"invalid UTF-8":          "{\"code\":0,\"msg\":\"\xff\"}",
		"another order":          `{"code":0,"data":{"outer_trade_no":"201107831558403602085"}}`,
		"another order, spelled": `{"code":0,"data":{"out_trade_no":"201107831558403602085"}}`,
		"another order, quoted":  `{"code":0,"data":"{\"outer_trade_no\":\"201107831558403602085\"}"}`,
		"another order refused":  `{"code":1000210001,"data":{"outer_trade_no":"201107831558403602085"}}`,
		"order as object":        `{"code":0,"data":{"outer_trade_no":{"a":1}}}`,
		"order twice":            `{"code":0,"data":{"outer_trade_no":"1","outer_trade_no":"201107831558403602084"}}`,
	} {
		t.Run(name, func(t *testing.T) {
			reply, err := answering(t, body).Pay(t.Context(), manualPay())
			require.ErrorIs(t, err, duopay.Unsure)
			assert.Nil(t, reply)
			if strings.HasPrefix(name, "another order") {
				require.ErrorIs(t, err, duopay.ErrOrderMismatch)
			}
		})
	}
}

// Whatever number was sent, the answer has to be about it.
func TestAnotherNumber(t *testing.T) {
	form := func(c *guanaitong.Client, name string) error {
		_, err := c.Call(t.Context(), "/some/path", map[string]string{name: "1"})
		return err
	}
	later := func(c *guanaitong.Client, name string) error {
		_, err := c.CallJSON(t.Context(), "/some/v3/path", "", map[string]string{name: "1"})
		return err
	}
	for name, call := range map[string]func(*guanaitong.Client, string) error{
		"outer_trade_no": form, "outer_refund_no": form, "trade_no": form,
		"outerTradeNo": later, "orderNo": later, "paySeqNo": later, "refundOrderNo": later, "refundSeqNo": later, "refundOuterTradeNo": later,
	} {
		t.Run(name, func(t *testing.T) {
			require.NoError(t, call(answering(t, `{"code":0,"data":{"`+name+`":"1"}}`), name))
			err := call(answering(t, `{"code":0,"data":{"`+name+`":"2"}}`), name)
			require.ErrorIs(t, err, duopay.Unsure)
			require.ErrorIs(t, err, duopay.ErrOrderMismatch)
		})
	}
}

// What is tolerated: other forms of the same meaning.
func TestToleratedAnswers(t *testing.T) {
	for body, tradeNo := range map[string]string{
		`{"code":0,"msg":"OK","data":"2099010200000001"}`:               "2099010200000001",
		`{"code":"0","msg":"OK","data":"2099010200000001"}`:             "2099010200000001",
		`{"code":0,"msg":null,"data":2099010200000001,"new":{"a":[1]}}`: "2099010200000001",
		`{"code":0}`:                     "",
		`{"code":0,"msg":1,"data":null}`: "",
		`{"code":0,"data":""}`:           "",
		`{"code":0,"data":{"outer_trade_no":"201107831558403602084","x":[{}]}}`: "",
		`{"code":0,"data":"{\"outer_trade_no\":\"201107831558403602084\"}"}`:    "",
		`{"code":0,"data":[1,2]}`: "",
	} {
		reply, err := answering(t, body).Pay(t.Context(), manualPay())
		require.NoError(t, err, body)
		assert.Equal(t, body, string(reply.Raw))
		assert.Equal(t, tradeNo, reply.TradeNo)
		assert.Equal(t, "trace-1", reply.TraceID)
	}
}

// Another status than 200 proves nothing, whatever the body says.
func TestOtherStatus(t *testing.T) {
	for _, status := range []int{201, 204, 300, 304, 400, 403, 500, 503} {
		for _, body := range []string{`{"code":0,"data":"2099010200000001"}`, `{"code":1000210001}`} {
			c := over(t, roundTrip(func(*http.Request) (*http.Response, error) { return reply(status, []byte(body)), nil }), nil)
			r, err := c.Pay(t.Context(), manualPay())
			require.ErrorIs(t, err, duopay.Unsure)
			assert.Nil(t, r)
			var e *duopay.Error
			require.ErrorAs(t, err, &e)
			assert.Equal(t, status, e.HTTPStatus)
		}
	}
}
