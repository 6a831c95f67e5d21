package fufu_test

import (
	"bytes"
	"context"
	"flag"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/duopay/duopay"
	"github.com/duopay/duopay/fufu"
	"github.com/duopay/duopay/fufu/fufutest"
)

var update = flag.Bool("update", false, "write the requests under testdata anew")

const (
	busiID = "990000000000001"
	key    = "unit-test-key-A-not-a-real-key-1"
)

// noon is the clock of the tests: 2099-01-02 12:00 in China.
var noon = time.Date(2099, 1, 2, 4, 0, 0, 0, time.UTC)

func clockAt(now time.Time) duopay.Option {
	return duopay.WithClock(func() time.Time { return now })
}

// roundTrip is a transport in a function.
type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// answering returns a client whose every request is answered with body.
func answering(t testing.TB, body string, options ...duopay.Option) *fufu.Client {
	t.Helper()
	return over(t, roundTrip(func(*http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(strings.NewReader(body))}, nil
	}), options...)
}

// over returns a client that sends through transport, once.
func over(t testing.TB, transport http.RoundTripper, options ...duopay.Option) *fufu.Client {
	t.Helper()
	options = append([]duopay.Option{
		duopay.WithHTTPClient(&http.Client{Transport: transport}), duopay.WithAttempts(1), clockAt(noon),
	}, options...)
	c, err := fufu.New(fufu.Config{BaseURL: "https://fufu.invalid/gateway/pay/", BusiID: busiID, Key: duopay.NewSecret(key)}, options...)
	require.NoError(t, err)
	return c
}

func golden(t testing.TB, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	require.NoError(t, err)
	return string(data)
}

// operations are all of them, each with a request of its own. name is the stem
// of the files under testdata: the request byte for byte, its address in the
// first line, and a reply.
var operations = []struct {
	name string
	op   string
	call func(context.Context, *fufu.Client) (any, error)
}{
	{"order", fufutest.OpOrder, func(ctx context.Context, c *fufu.Client) (any, error) {
		return c.Order(ctx, manualOrder()) // the manual's message
	}},
	{"order-full", fufutest.OpOrder, func(ctx context.Context, c *fufu.Client) (any, error) {
		return c.Order(ctx, fullOrder()) // every field
	}},
	{"preorder-qrcode", fufutest.OpPreOrder, func(ctx context.Context, c *fufu.Client) (any, error) {
		return c.PreOrder(ctx, qrOrder())
	}},
	{"preorder-alipay", fufutest.OpPreOrder, func(ctx context.Context, c *fufu.Client) (any, error) {
		return c.PreOrder(ctx, alipayOrder())
	}},
	{"preorder-wechat", fufutest.OpPreOrder, func(ctx context.Context, c *fufu.Client) (any, error) {
		return c.PreOrder(ctx, weChatOrder()) // every field
	}},
	{"refund", fufutest.OpRefund, func(ctx context.Context, c *fufu.Client) (any, error) {
		return c.Refund(ctx, someRefund())
	}},
	{"refund-foreign", fufutest.OpRefund, func(ctx context.Context, c *fufu.Client) (any, error) {
		r := someRefund()
		r.OrderNo, r.TradeNo, r.RefundNo, r.FeeType, r.TimeZone = "", "20990102100000236135", "RF20990102030405000002", fufu.HKD, "+08:00"
		return c.Refund(ctx, r)
	}},
	{"query", fufutest.OpQuery, func(ctx context.Context, c *fufu.Client) (any, error) {
		return c.Query(ctx, fufu.QueryRequest{OrderNo: "DP20990102030405000001", TradeNo: "20990102100000236135", Amount: 250})
	}},
	{"cancel", fufutest.OpCancel, func(ctx context.Context, c *fufu.Client) (any, error) {
		return c.Cancel(ctx, someCancel())
	}},
	{"close", fufutest.OpClose, func(ctx context.Context, c *fufu.Client) (any, error) {
		return c.Close(ctx, fufu.CloseRequest{OperatorID: "cashier-1", TerminalID: "POS-01", OrderNo: "DP20990102030405000002"})
	}},
	{"refund-query", fufutest.OpRefundQuery, func(ctx context.Context, c *fufu.Client) (any, error) {
		return c.RefundQuery(ctx, fufu.RefundQueryRequest{OperatorID: "cashier-1", TerminalID: "POS-01", RefundNo: "RF20990102030405000001", Amount: 100})
	}},
	{"call", "", func(ctx context.Context, c *fufu.Client) (any, error) {
		return c.Call(ctx, "queryTrades", struct {
			Date string `json:"date"`
			Page string `json:"page"`
		}{"20990102", "1"})
	}},
}

// manualOrder is the request of the manual's example.
func manualOrder() fufu.OrderRequest {
	return fufu.OrderRequest{
		OperatorID: "test1", TerminalID: "收銀機1", TotalFee: 250, Channel: fufu.ChannelAlipay, AuthCode: "288886863488188613",
		OrderNo: "d2dbe5fb-fc71-4bfe-848f-a24875d9169c", Subject: "測試商品",
	}
}

// fullOrder has every field set, with every kind of white space.
func fullOrder() fufu.OrderRequest {
	return fufu.OrderRequest{
		OperatorID: "张 三", TerminalID: "1\u3000号\u00a0机", MerchantParam: []byte("\x00\xff <x>"), StoreID: "02016",
		TotalFee: 9999999999, Channel: fufu.ChannelWeChat, AuthCode: "134567890123456789", OrderNo: "DP-2026_0001",
		Subject: "tea & <cake>\t\"1\"\n\\", FeeType: fufu.THB, TimeZone: "Asia/Shanghai",
	}
}

func qrOrder() fufu.PreOrderRequest {
	return fufu.PreOrderRequest{
		TotalFee: 10, OrderNo: "DP20990102030405000002", Subject: "午餐", TradeType: fufu.TradeQRCode,
		NotifyURL: "https://merchant.example/fufu/notify", MerchantParam: []byte("table=7"),
	}
}

func alipayOrder() fufu.PreOrderRequest {
	return fufu.PreOrderRequest{
		TotalFee: 10, Channel: fufu.ChannelAlipay, OrderNo: "DP20990102030405000003", Subject: "測試商戶",
		OpenID: "2088102172184723", TradeType: fufu.TradeJSAPI,
	}
}

func weChatOrder() fufu.PreOrderRequest {
	return fufu.PreOrderRequest{
		OperatorID: "op", TerminalID: "05315830", MerchantParam: []byte("m"), StoreID: "s", TotalFee: 1, Channel: fufu.ChannelWeChat,
		OrderNo: "DP20990102030405000004", Subject: "tea & cake <set>", FeeType: fufu.CNY, OpenID: "oTESTtestTESTtestTESTtest0001",
		NotifyURL: "https://merchant.example/fufu/notify/7", SubAppID: "wx0000000000000000", TradeType: fufu.TradeJSAPI,
		TimeExpire: new(15), TimeZone: "+08:00",
	}
}

func someRefund() fufu.RefundRequest {
	return fufu.RefundRequest{
		OperatorID: "cashier-1", TerminalID: "POS-01", RefundFee: 100, RefundSubject: "退款",
		OrderNo: "DP20990102030405000001", RefundNo: "RF20990102030405000001",
	}
}

func someCancel() fufu.CancelRequest {
	return fufu.CancelRequest{OperatorID: "cashier-1", TerminalID: "POS-01", OrderNo: "DP20990102030405000001", CreatedAt: noon.Add(-15 * time.Second)}
}

// Every operation sends exactly these bytes, and gets its reply back whole.
func TestGolden(t *testing.T) {
	for _, op := range operations {
		t.Run(op.name, func(t *testing.T) {
			var sent string
			reply := golden(t, op.name+"-reply.json")
			c := over(t, roundTrip(func(r *http.Request) (*http.Response, error) {
				body, _ := io.ReadAll(r.Body)
				sent = r.URL.String() + "\n" + string(body)
				assert.Equal(t, http.MethodPost, r.Method)
				assert.Equal(t, "application/json;charset=UTF-8", r.Header.Get("Content-Type"))
				assert.Equal(t, "application/json", r.Header.Get("Accept"))
				assert.EqualValues(t, len(body), r.ContentLength)
				assert.NotContains(t, string(body), "sign\":", "the signature stands in the URL only")
				return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(strings.NewReader(reply))}, nil
			}))
			got, err := op.call(t.Context(), c)
			require.NoError(t, err)
			name := op.name + "-request.txt"
			if *update {
				require.NoError(t, os.WriteFile(filepath.Join("testdata", name), []byte(sent), 0o600))
			}
			assert.Equal(t, golden(t, name), sent)
			assert.NotZero(t, got)
		})
	}
}

// The requests under testdata are also what the fake, which has a signer of its
// own, takes for signed and well-formed.
func TestGoldenRequestsAreTakenByTheFake(t *testing.T) {
	for _, op := range operations {
		if op.op == "" {
			continue // an operation that it does not have
		}
		t.Run(op.name, func(t *testing.T) {
			server := fufutest.NewUnstartedServer()
			server.BusiID, server.Key, server.MaxAge = busiID, key, time.Second
			server.SetClock(func() time.Time { return noon })
			client := &http.Client{Transport: server.Transport()}
			address, body, _ := strings.Cut(golden(t, op.name+"-request.txt"), "\n")
			answer, err := client.Post(address, "application/json;charset=UTF-8", strings.NewReader(body))
			require.NoError(t, err)
			defer answer.Body.Close()
			text, err := io.ReadAll(answer.Body)
			require.NoError(t, err)
			assert.Contains(t, string(text), `"result":{"return_msg":"OK","return_code":"SUCCESS"}`)
			assert.Len(t, server.Requests(op.op), 1)

			answer, err = client.Post(address, "application/json;charset=UTF-8", strings.NewReader(strings.Replace(body, `"out_trade_no":"`, `"out_trade_no":"X`, 1)))
			require.NoError(t, err)
			defer answer.Body.Close()
			text, err = io.ReadAll(answer.Body)
			require.NoError(t, err)
			if strings.Contains(body, `"out_trade_no":"`) {
				assert.Contains(t, string(text), "INVALID_SIGN", "the fake does check")
			}
		})
	}
}

// No body has white space, whatever the texts in it, so that it does not matter
// what a server takes for white space.
func TestBodiesWithoutWhiteSpace(t *testing.T) {
	_, body, _ := strings.Cut(golden(t, "order-full-request.txt"), "\n")
	assert.Len(t, strings.Fields(body), 1)
	assert.Contains(t, body, `"operator_id":"张\u0020三","terminal_id":"1\u3000号\u00a0机"`)
	assert.Contains(t, body, `"pay_subject":"tea\u0020&\u0020<cake>\t\"1\"\n\\"`)
}

// Replies, read as they are printed.
func TestReplies(t *testing.T) {
	ctx := t.Context()
	from := func(name string) *fufu.Client { return answering(t, golden(t, name+"-reply.json")) }

	order, err := from("order-full").Order(ctx, fullOrder())
	require.NoError(t, err)
	assert.Equal(t, fufu.StatePaid, order.State)
	assert.Equal(t, "OK", order.Message)
	assert.Equal(t, golden(t, "order-full-reply.json"), string(order.Raw))
	assert.Equal(t, "134567890123456789", order.AuthCode.Reveal())
	assert.Equal(t, "\x00\xff <x>", string(order.MerchantParam))
	assert.Equal(t, duopay.Integer("2"), order.Channel)
	assert.Equal(t, fufu.CreditHuabei, order.Credit)
	rate, err := order.ExchangeRate.Decimal()
	require.NoError(t, err)
	assert.True(t, rate.Equal(decimal.RequireFromString("0.21830001")))
	cny, err := order.TransAmountCNY.Fen()
	require.NoError(t, err)
	assert.EqualValues(t, 2183000100, cny)
	assert.Equal(t, noon.Add(9*time.Second), order.PaidAt().UTC())
	assert.EqualValues(t, "张 三", order.OperatorID)

	found, err := from("query").Query(ctx, fufu.QueryRequest{OrderNo: "DP20990102030405000001"})
	require.NoError(t, err)
	assert.Equal(t, duopay.PartialRefunded, found.State.Status())
	assert.False(t, found.TotalFee.Given())
	assert.Equal(t, fufu.Amount("100"), found.RefundFee)
	assert.False(t, found.RefundAmountCNY.Given(), "null")

	back, err := from("refund").Refund(ctx, someRefund())
	require.NoError(t, err)
	assert.EqualValues(t, "20990102100000236136", back.RefundTradeNo)
	begin, err := back.BeginTime.Time()
	require.NoError(t, err)
	assert.Equal(t, noon.Add(3*time.Minute+43*time.Second), begin.UTC())

	asked, err := from("refund-query").RefundQuery(ctx, fufu.RefundQueryRequest{OperatorID: "o", TerminalID: "t", RefundNo: "RF20990102030405000001"})
	require.NoError(t, err)
	assert.Equal(t, fufu.RefundSucc, asked.TradeStatus)
	assert.EqualValues(t, "退款", asked.RefundSubject)

	opened, err := from("preorder-wechat").PreOrder(ctx, weChatOrder())
	require.NoError(t, err)
	assert.Contains(t, string(opened.PayInfo), `"package":"prepay_id=wx1"`)

	called, err := from("call").Call(ctx, "queryTrades", nil)
	require.NoError(t, err)
	assert.JSONEq(t, `{"return_code":"SUCCESS","total":0,"list":[]}`, string(called.Data))
}

// The manual's replies, exactly as it prints them, but for the non-breaking
// blanks of the page, which are ordinary ones here.
func TestManualReplies(t *testing.T) {
	ctx := t.Context()
	from := func(name string) *fufu.Client { return answering(t, golden(t, name)) }
	r := manualOrder()
	r.OrderNo = "63c27efb-a133-4da0-91f3-6e7744b66825"

	// Asked in CNY, answered in HKD: the two samples are of different orders.
	order, err := from("order-manual-reply.json").Order(ctx, r)
	require.ErrorIs(t, err, duopay.ErrAmountMismatch)
	require.NotNil(t, order)
	r.FeeType = fufu.HKD
	order, err = from("order-manual-reply.json").Order(ctx, r)
	require.NoError(t, err)
	assert.Equal(t, fufu.StatePaid, order.State)
	assert.Equal(t, "2017-07-11 15:00:00 +0800", order.PaidAt().Format("2006-01-02 15:04:05 -0700"))
	r.OrderNo = manualOrder().OrderNo
	_, err = from("order-manual-reply.json").Order(ctx, r)
	require.ErrorIs(t, err, duopay.ErrOrderMismatch)

	p := qrOrder()
	p.OrderNo = "deca1cd8-e4dc-42de-a4b6-9440d64af6ff"
	opened, err := from("preorder-qrcode-manual-reply.json").PreOrder(ctx, p)
	require.NoError(t, err)
	assert.EqualValues(t, "http://www.jnfbg.cn/online/pay/?id=733010020151348&tradeNo=20170811100000235332&price=0.01", opened.QRCode)
	assert.EqualValues(t, "20170724100000236187", opened.TradeNo)
	p = alipayOrder()
	p.OrderNo = "deca1cd8-e4dc-42de-a4b6-9440d64af6ff"
	opened, err = from("preorder-alipay-manual-reply.json").PreOrder(ctx, p)
	require.NoError(t, err)
	assert.EqualValues(t, "2017072421001004720201154848", opened.PrePayID)
	p = weChatOrder()
	p.OrderNo = "deca1cd8-e4dc-42de-a4b6-9440d64af6ff"
	opened, err = from("preorder-wechat-manual-reply.json").PreOrder(ctx, p)
	require.NoError(t, err, "payInfo is not JSON there")
	assert.JSONEq(t, `{"appId":"wx17e91dae2802695e","timeStamp":"1502466163850","status":"0","signType":"MD5",
		"package":"prepay_id=wx20170811234243933827008d0347249790","callback_url":null,"nonceStr":"1502466163850",
		"paySign":"A844D51548F5460847BBBCC1C864F317"}`, string(opened.PayInfo))
	assert.Equal(t, golden(t, "preorder-wechat-manual-reply.json"), string(opened.Raw))

	// 25000 asked, 250 answered, in another currency and for another refund:
	// the two samples are of different calls.
	back := fufu.RefundRequest{
		OperatorID: "devid1", TerminalID: "terminal1", RefundFee: 25000, RefundSubject: "退款",
		OrderNo: "63c27efb-a133-4da0-91f3-6e7744b66825", RefundNo: "b12959ea-3678-4ccc-b3b8-8d8a0a9fee41",
	}
	_, err = from("refund-manual-reply.json").Refund(ctx, back)
	require.ErrorIs(t, err, duopay.ErrOrderMismatch)
	back.RefundNo = "c934b562-ffd7-4971-a877-c538db0b5409"
	_, err = from("refund-manual-reply.json").Refund(ctx, back)
	require.ErrorIs(t, err, duopay.ErrAmountMismatch, "the currency")
	back.FeeType = fufu.HKD
	reply, err := from("refund-manual-reply.json").Refund(ctx, back)
	require.ErrorIs(t, err, duopay.ErrAmountMismatch, "the amount")
	require.NotNil(t, reply)
	back.RefundFee = 250
	reply, err = from("refund-manual-reply.json").Refund(ctx, back)
	require.NoError(t, err)
	assert.EqualValues(t, "20170711100000236136", reply.RefundTradeNo)

	// trade_no counts before out_trade_no, of which the answer has another.
	q := fufu.QueryRequest{TradeNo: "20170706100000236103", OrderNo: "8aa699fb-74f2-4bb6-8cf6-14e61d2e6740"}
	found, err := from("query-manual-reply.json").Query(ctx, q)
	require.NoError(t, err)
	assert.Equal(t, fufu.StatePaid, found.State)
	q.TradeNo = ""
	_, err = from("query-manual-reply.json").Query(ctx, q)
	require.ErrorIs(t, err, duopay.ErrOrderMismatch)

	_, err = from("cancel-manual-reply.json").Cancel(ctx, someCancel())
	require.ErrorIs(t, err, duopay.Refused)
	require.ErrorIs(t, err, duopay.ErrNotFound)
	var e *duopay.Error
	require.ErrorAs(t, err, &e)
	assert.Equal(t, "CHARGE_NONEXISTENT", e.Code)
	assert.False(t, e.Certain)
	assert.Equal(t, bytes.TrimSpace([]byte(golden(t, "cancel-manual-reply.json"))), []byte(e.Reply.Reveal()))
}
