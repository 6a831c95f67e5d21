package ysepay_test

import (
	"bytes"
	"context"
	"flag"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/duopay/duopay"
	"github.com/duopay/duopay/ysepay"
	"github.com/duopay/duopay/ysepay/ysepaytest"
)

var update = flag.Bool("update", false, "write the requests under testdata anew")

const partner = "dp_partner_01"

// morning is the clock of the tests: 2024-05-20 10:20:30 in China.
var morning = time.Date(2024, 5, 20, 2, 20, 30, 0, time.UTC)

func fixedClock() duopay.Option { return duopay.WithClock(func() time.Time { return morning }) }

// roundTrip is a transport in a function.
type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// keys are loaded once: tests make many clients.
var keys = sync.OnceValue(func() (k struct {
	merchantRSA, merchantSM, platformSigner *ysepay.Key
	platformRSA, platformSM                 *ysepay.PlatformKey
}) {
	must := func(err error) {
		if err != nil {
			panic(err)
		}
	}
	var err error
	k.merchantRSA, err = ysepay.LoadKeyFile("testdata/keys/merchant_rsa_legacy.pfx", duopay.NewSecret("Vec-Pfx-2024!"))
	must(err)
	k.merchantSM, err = ysepay.LoadKeyFile("testdata/keys/merchant.sm2", duopay.NewSecret("Vec-Sm2-2024!"))
	must(err)
	k.platformRSA, err = ysepay.LoadPlatformKeyFile("testdata/keys/platform_rsa.cer")
	must(err)
	k.platformSM, err = ysepay.LoadPlatformKeyFile("testdata/keys/platform_sm2.cer")
	must(err)
	return k
})

// config is that of the partner of the vectors, with RSA.
func config() ysepay.Config {
	return ysepay.Config{
		BaseURL: "https://orders.invalid", QueryURL: "https://queries.invalid/gateway.do", TradeURL: "https://trades.invalid/x/",
		PartnerID: partner, Key: keys().merchantRSA, PlatformKeys: []*ysepay.PlatformKey{keys().platformSM, keys().platformRSA},
	}
}

// over returns a client that sends through transport, once.
func over(t testing.TB, transport http.RoundTripper, change func(*ysepay.Config), options ...duopay.Option) *ysepay.Client {
	t.Helper()
	options = append([]duopay.Option{
		duopay.WithHTTPClient(&http.Client{Transport: transport}), duopay.WithAttempts(1), fixedClock(),
	}, options...)
	given := config()
	if change != nil {
		change(&given)
	}
	c, err := ysepay.New(given, options...)
	require.NoError(t, err)
	return c
}

// answering returns a client whose every request is answered with body.
func answering(t testing.TB, body []byte, options ...duopay.Option) *ysepay.Client {
	t.Helper()
	return over(t, roundTrip(func(*http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(bytes.NewReader(body))}, nil
	}), nil, options...)
}

func golden(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	require.NoError(t, err)
	return data
}

const (
	orders  = "https://orders.invalid/gateway.do"
	queries = "https://queries.invalid/gateway.do"
	trades  = "https://trades.invalid/x/gateway.do"

	methodBill = "ysepay.online.bill.downloadurl.get"
)

// operations are all of them, each with a request of its own. name is the stem
// of the files under testdata: the request byte for byte, and a reply, which was
// signed by the openssl command line.
var operations = []struct {
	name   string
	url    string
	method string
	call   func(context.Context, *ysepay.Client) (any, error)
}{
	{"pay", orders, ysepaytest.MethodPay, func(ctx context.Context, c *ysepay.Client) (any, error) {
		return c.Pay(ctx, combined())
	}},
	{"pay-gbk", orders, ysepaytest.MethodPay, func(ctx context.Context, c *ysepay.Client) (any, error) {
		return c.Pay(ctx, ysepay.PayRequest{
			NotifyURL: "https://pay.example.com/n", TranType: ysepay.TranEscrow,
			OrderNo: "20240520DP0000000003", ShopDate: "20240521", BuyerID: "2088000000000001", TimeoutExpress: "15d",
			SellerID: "dp_seller_a", BusinessCode: "00510151", Subject: "中文商品 <&>", TotalAmount: duopay.MustMoney("1"),
			Extra:     "\t1+1=2; \\\"",
			SubOrders: []ysepay.SubOrder{{OrderNo: "sub-1_A", Amount: duopay.MustMoney("1"), SellerID: "dp_seller_a"}},
			More:      map[string]any{"extend_params_channel": map[string]string{"food_order_type": "qr_order"}, "limit": 1.5},
		})
	}},
	{"query", queries, ysepaytest.MethodQuery, func(ctx context.Context, c *ysepay.Client) (any, error) {
		return c.Query(ctx, ysepay.QueryRequest{OrderNo: "20240520DP0000000002", Amount: duopay.MustMoney("30.5")})
	}},
	{"close", trades, ysepaytest.MethodClose, func(ctx context.Context, c *ysepay.Client) (any, error) {
		return c.Close(ctx, ysepay.CloseRequest{OrderNo: "20240520DP0000000002", TradeNo: "01C240520000000001", More: map[string]any{"close_type": "1"}})
	}},
	{"refund", trades, ysepaytest.MethodRefund, func(ctx context.Context, c *ysepay.Client) (any, error) {
		return c.Refund(ctx, ysepay.RefundRequest{
			NotifyURL: "https://pay.example.com/r", OrderNo: "20240520DP0000000002-1", RefundAmount: duopay.MustMoney("0.5"),
			Reason: "少发一件", RefundNo: "RF20240521000001",
		})
	}},
	{"refund-query", trades, ysepaytest.MethodRefundQuery, func(ctx context.Context, c *ysepay.Client) (any, error) {
		return c.RefundQuery(ctx, ysepay.RefundQueryRequest{
			OrderNo: "20240520DP0000000002-1", RefundNo: "RF20240521000001", RefundAmount: duopay.MustMoney("0.5"),
		})
	}},
	{"single-query", queries, ysepaytest.MethodSubQuery, func(ctx context.Context, c *ysepay.Client) (any, error) {
		return c.SingleQuery(ctx, ysepay.SingleQueryRequest{OrderNo: "20240520DP0000000002-1", Amount: duopay.MustMoney("10")})
	}},
	{"single-detail", queries, ysepaytest.MethodSubDetail, func(ctx context.Context, c *ysepay.Client) (any, error) {
		return c.SingleQuery(ctx, ysepay.SingleQueryRequest{TradeNo: "01S240520000000001", ShopDate: "20240520", Details: true})
	}},
	{"single-close", trades, ysepaytest.MethodSubClose, func(ctx context.Context, c *ysepay.Client) (any, error) {
		return c.SingleClose(ctx, ysepay.SingleCloseRequest{OrderNo: "20240520DP0000000009"})
	}},
	{"call", "https://other.invalid/gateway.do", methodBill, func(ctx context.Context, c *ysepay.Client) (any, error) {
		return c.Call(ctx, ysepay.CallRequest{
			Method: methodBill, Version: "3.1", BaseURL: "https://other.invalid/gateway.do", Content: map[string]string{"account_date": "2024-05-19"},
		})
	}},
}

// combined is the order of the vectors: two sellers, every field.
func combined() ysepay.PayRequest {
	return ysepay.PayRequest{
		NotifyURL: "https://pay.example.com/n/ysepay?shop=7&v=2,https://bak.example.com/n/ysepay", TranType: ysepay.TranInstant,
		OrderNo: "20240520DP0000000002", BuyerID: "2088000000000001", TimeoutExpress: ysepay.Timeout(90 * time.Minute),
		SellerID: partner, Subject: "端午礼盒 & 粽子(6只装)", TotalAmount: duopay.MustMoney("30.50"), Currency: "CNY", Extra: "渠道=小程序&批次=7",
		SubOrders: []ysepay.SubOrder{
			{OrderNo: "20240520DP0000000002-1", Amount: duopay.MustMoney("10"), SellerID: "dp_seller_a"},
			{OrderNo: "20240520DP0000000002-2", Amount: duopay.MustMoney("20.5"), SellerID: "dp_seller_b"},
		},
		ExtendParams: `{"food_order_type":"qr_order"}`,
	}
}

func charsetOf(name string) ysepay.Charset {
	if name == "pay-gbk" {
		return ysepay.GBK
	}
	return ysepay.UTF8
}

// Every operation sends exactly these bytes, and gets its reply back whole.
func TestGolden(t *testing.T) {
	for _, op := range operations {
		t.Run(op.name, func(t *testing.T) {
			var sent []byte
			reply := golden(t, op.name+"-reply.json")
			c := over(t, roundTrip(func(r *http.Request) (*http.Response, error) {
				sent, _ = io.ReadAll(r.Body)
				assert.Equal(t, op.url, r.URL.String())
				assert.Equal(t, http.MethodPost, r.Method)
				assert.Equal(t, "application/x-www-form-urlencoded; charset="+string(charsetOf(op.name)), r.Header.Get("Content-Type"))
				assert.EqualValues(t, len(sent), r.ContentLength)
				return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(bytes.NewReader(reply))}, nil
			}), func(c *ysepay.Config) { c.Charset = charsetOf(op.name) })
			_, err := op.call(t.Context(), c)
			require.NoError(t, err)
			checkGolden(t, op.name+"-request.txt", sent)
		})
	}
}

func checkGolden(t *testing.T, name string, got []byte) {
	t.Helper()
	if *update {
		require.NoError(t, os.WriteFile(filepath.Join("testdata", name), got, 0o600))
	}
	assert.Equal(t, string(golden(t, name)), string(got))
}

// The requests under testdata are also what the fake, which has a signer of its
// own, takes for signed and well-formed: it refuses with 40001 or 40002 otherwise.
func TestGoldenRequestsAreTakenByTheFake(t *testing.T) {
	for _, op := range operations {
		if op.name == "call" || op.name == "pay-gbk" || op.name == "close" {
			continue // has a method, or members, that do not exist
		}
		t.Run(op.name, func(t *testing.T) {
			server := ysepaytest.NewUnstartedServer()
			server.PartnerID = partner
			server.RSA.MerchantKey = string(golden(t, "keys/merchant_rsa.key.pem"))
			server.SetClock(func() time.Time { return morning })
			client := &http.Client{Transport: server.Transport()}
			media := "application/x-www-form-urlencoded; charset=" + string(charsetOf(op.name))
			answer, err := client.Post(server.URL+"/gateway.do", media, bytes.NewReader(golden(t, op.name+"-request.txt")))
			require.NoError(t, err)
			defer answer.Body.Close()
			body, err := io.ReadAll(answer.Body)
			require.NoError(t, err)
			assert.NotContains(t, string(body), "4000"+"1")
			assert.NotContains(t, string(body), "4000"+"2")
			assert.Len(t, server.Requests(op.method), 1)
		})
	}
}

// Replies, read as they are printed.
func TestReplies(t *testing.T) {
	text := func(name string) *ysepay.Client { return answering(t, golden(t, name+"-reply.json")) }
	ctx := t.Context()

	opened, err := text("pay").Pay(ctx, combined())
	require.NoError(t, err)
	assert.Equal(t, "2024052022001400001400000001", opened.PayInfo.TradeNO)
	assert.Equal(t, ysepay.TradeWaiting, opened.TradeStatus)
	assert.EqualValues(t, "渠道=小程序&批次=7", opened.Extra)
	assert.Equal(t, "Success", opened.Message)
	assert.JSONEq(t, `{"tradeNO":"2024052022001400001400000001"}`, string(opened.PayInfo.PageData()))
	assert.Contains(t, string(opened.Raw), `"combine_trade_no":"01C240520000000001"`)

	order, err := text("query").Query(ctx, ysepay.QueryRequest{OrderNo: "20240520DP0000000002"})
	require.NoError(t, err)
	assert.Equal(t, "交易成功", order.Message)
	assert.Equal(t, duopay.Amount("30.50"), order.TotalAmount)
	assert.Equal(t, duopay.Text("2024052022001400001400000001"), order.ChannelRecvSN)
	require.Len(t, order.SubOrders, 2)
	assert.Equal(t, ysepay.TradePartRefunded, order.SubOrders[1].TradeStatus)
	assert.Equal(t, duopay.Amount("20.5"), order.SubOrders[1].Amount)
	assert.Contains(t, string(order.Raw), `"fee":0.0,"remark":null`)

	// The answer about another order is not believed.
	_, err = text("query").Query(ctx, ysepay.QueryRequest{OrderNo: "20240520DP0000000003"})
	require.ErrorIs(t, err, duopay.ErrOrderMismatch)
	require.ErrorIs(t, err, duopay.Unsure)
	_, err = text("query").Query(ctx, ysepay.QueryRequest{OrderNo: "20240520DP0000000002", Amount: duopay.MustMoney("30.51")})
	require.ErrorIs(t, err, duopay.ErrAmountMismatch)
	_, err = text("refund-query").RefundQuery(ctx, ysepay.RefundQueryRequest{OrderNo: "20240520DP0000000002-1", RefundNo: "RF2"})
	require.ErrorIs(t, err, duopay.ErrOrderMismatch)
	_, err = text("refund-query").RefundQuery(ctx, ysepay.RefundQueryRequest{OrderNo: "20240520DP0000000002-1", RefundNo: "RF20240521000001", RefundAmount: duopay.MustMoney("10")})
	require.ErrorIs(t, err, duopay.ErrAmountMismatch)
	_, err = text("pay").Query(ctx, ysepay.QueryRequest{OrderNo: "20240520DP0000000002"})
	require.ErrorIs(t, err, duopay.Unsure, "the node of another method")

	refund, err := text("refund-query").RefundQuery(ctx, ysepay.RefundQueryRequest{TradeNo: "01S240520000000001", ShopDate: "20240520", RefundNo: "RF20240521000001"})
	require.NoError(t, err)
	assert.Equal(t, duopay.RefundPending, refund.RefundState.Status())

	single, err := text("single-detail").SingleQuery(ctx, ysepay.SingleQueryRequest{OrderNo: "20240520DP0000000002-1", Details: true})
	require.NoError(t, err)
	require.Len(t, single.PayDetails, 1)
	assert.EqualValues(t, "2024-05-20 10:24:59", single.PayDetails[0].PaySuccessTime)

	bill, err := text("call").Call(ctx, ysepay.CallRequest{Method: methodBill})
	require.NoError(t, err)
	assert.Contains(t, string(bill.Raw), `bill_download_url":"https:\/\/`, "the exact text")
}

// The addresses, with and without gateway.do; one for all if the others are not
// given.
func TestAddresses(t *testing.T) {
	var got string
	c := over(t, roundTrip(func(r *http.Request) (*http.Response, error) {
		got = r.URL.String()
		return nil, io.ErrUnexpectedEOF
	}), func(c *ysepay.Config) { c.BaseURL, c.QueryURL, c.TradeURL = ysepay.Test, "", "" })
	for _, op := range operations {
		if op.name == "call" {
			continue
		}
		_, err := op.call(t.Context(), c)
		require.Error(t, err)
		if op.name != "pay-gbk" {
			assert.Equal(t, "https://mertest.ysepay.com/openapi_gateway/gateway.do", got, op.name)
		}
	}
	_, err := c.Call(t.Context(), ysepay.CallRequest{Method: "a", BaseURL: "http://ysepay.invalid"})
	require.ErrorIs(t, err, duopay.Invalid)
}
