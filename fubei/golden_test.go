package fubei_test

import (
	"bytes"
	"context"
	"flag"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/duopay/duopay"
	"github.com/duopay/duopay/fubei"
	"github.com/duopay/duopay/fubei/fubeitest"
)

var update = flag.Bool("update", false, "write the requests under testdata anew")

const (
	appID    = "20990101000000000001"
	vendorSN = "2099010100000000002a"
	secret   = "test-secret-fubei-merchant-01"
)

// noon is the clock of the tests: 2099-01-02 12:00 in China.
var noon = time.Date(2099, 1, 2, 4, 0, 0, 0, time.UTC)

func fixedClock() duopay.Option { return duopay.WithClock(func() time.Time { return noon }) }
func fixedNonce() duopay.Option {
	return duopay.WithNonce(func() string { return "abcdefghijklmnopqrstuvwxyzABCDEF" })
}

// roundTrip is a transport in a function.
type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// answering returns a client whose every request is answered with body.
func answering(tb testing.TB, body []byte, options ...duopay.Option) *fubei.Client {
	tb.Helper()
	return over(tb, roundTrip(func(*http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(bytes.NewReader(body))}, nil
	}), options...)
}

// over returns a client that sends through transport, once.
func over(tb testing.TB, transport http.RoundTripper, options ...duopay.Option) *fubei.Client {
	tb.Helper()
	options = append([]duopay.Option{
		duopay.WithHTTPClient(&http.Client{Transport: transport}), duopay.WithAttempts(1), fixedClock(), fixedNonce(),
	}, options...)
	c, err := fubei.New(fubei.Config{BaseURL: "https://fubei.invalid/", AppID: appID, Secret: duopay.NewSecret(secret)}, options...)
	require.NoError(tb, err)
	return c
}

func golden(tb testing.TB, name string) []byte {
	tb.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	require.NoError(tb, err)
	return data
}

// operations are all of them, each with a request of its own. name is the
// stem of the files under testdata: the request byte for byte, and a reply.
var operations = []struct {
	name   string
	path   string
	method string
	call   func(context.Context, *fubei.Client) (any, error)
}{
	{"swipe", "/gateway", fubeitest.MethodSwipe, func(ctx context.Context, c *fubei.Client) (any, error) {
		return c.Swipe(ctx, manualSwipe()) // the manual's message
	}},
	{"swipe-full", "/gateway", fubeitest.MethodSwipe, func(ctx context.Context, c *fubei.Client) (any, error) {
		return c.Swipe(ctx, fullSwipe()) // every field
	}},
	{"query", "/gateway", fubeitest.MethodQuery, func(ctx context.Context, c *fubei.Client) (any, error) {
		return c.Query(ctx, fubei.QueryRequest{OrderNo: "DP20990102030405000001", DeviceNo: "123456", Amount: duopay.MustMoney("100")})
	}},
	{"reverse", "/gateway", fubeitest.MethodReverse, func(ctx context.Context, c *fubei.Client) (any, error) {
		return c.Reverse(ctx, fubei.ReverseRequest{OrderNo: "DP20990102030405000001"})
	}},
	{"close", "/gateway", fubeitest.MethodClose, func(ctx context.Context, c *fubei.Client) (any, error) {
		return c.Close(ctx, fubei.CloseRequest{OrderSN: "20990102030405000009"})
	}},
	{"refund", "/gateway", fubeitest.MethodRefund, func(ctx context.Context, c *fubei.Client) (any, error) {
		return c.Refund(ctx, fubei.RefundRequest{OrderNo: "DP20990102030405000001", RefundNo: "RF20990102030405000001", RefundMoney: duopay.MustMoney("0.01")})
	}},
	{"refund-query", "/gateway", fubeitest.MethodRefundQuery, func(ctx context.Context, c *fubei.Client) (any, error) {
		return c.RefundQuery(ctx, fubei.RefundQueryRequest{OrderNo: "DP20990102030405000001", RefundNo: "RF20990102030405000001"})
	}},
	{"refund-statistics", "/gateway", fubeitest.MethodRefundStatistics, func(ctx context.Context, c *fubei.Client) (any, error) {
		return c.RefundStatistics(ctx, fubei.RefundStatisticsRequest{OrderSN: "20990102030405000009"})
	}},
	{"scan", "/gateway", fubeitest.MethodScan, func(ctx context.Context, c *fubei.Client) (any, error) {
		return c.Scan(ctx, fubei.ScanRequest{
			OrderNo: "DP20990102030405000002", Type: fubei.TypeAlipay, TotalFee: duopay.MustMoney("8.8"), StoreID: 123,
			Body: "测试商品", CallBackURL: "https://pay.example.com/fubei/notify?shop=1&k=v",
		})
	}},
	{"call", "/gateway", fubeitest.MethodTime, func(ctx context.Context, c *fubei.Client) (any, error) {
		return c.Call(ctx, "openapi.get.time", nil)
	}},
}

// manualSwipe is the request of the manual's example.
func manualSwipe() fubei.SwipeRequest {
	return fubei.SwipeRequest{
		OrderNo: "201704191492587335309", Type: fubei.TypeWeChat, AuthCode: "130784921069830971", TotalFee: duopay.MustMoney("100"),
		StoreID: 25249, CashierID: 151156, DiscountSwitch: new(1), Attach: "订单:123456",
	}
}

// fullSwipe has every field set.
func fullSwipe() fubei.SwipeRequest {
	return fubei.SwipeRequest{
		OrderNo: "DP-2026_0001", Type: fubei.TypeAlipay, AuthCode: "ftoken <&>", TotalFee: duopay.MustMoney("11"),
		StoreID: 123, CashierID: 9999999999, DeviceNo: "123456", Body: "苹果 & <梨>", CallBackURL: "https://pay.example.com/fubei/notify?shop=1&k=v",
		EquipmentType: 90, DiscountSwitch: new(0), Attach: `a=1&b=2+3 %41 <x> /\`, GoodsTag: "WXG",
		Detail: &fubei.Detail{CostPrice: 608800, ReceiptID: "R-1", GoodsDetail: []fubei.GoodsDetail{
			{GoodsID: "sku_1", GoodsName: `苹果 "红"`, Quantity: 2, Price: 550},
		}},
		SubAppID: "wx0000000000000000", TimeoutExpress: fubei.At(noon.Add(2 * time.Minute)), Scene: fubei.SceneFacePay, BuyerID: "2088000000000001",
	}
}

// Every operation sends exactly these bytes, and gets its reply back whole.
func TestGolden(t *testing.T) {
	for _, op := range operations {
		t.Run(op.name, func(t *testing.T) {
			var sent []byte
			reply := golden(t, op.name+"-reply.json")
			c := over(t, roundTrip(func(r *http.Request) (*http.Response, error) {
				sent, _ = io.ReadAll(r.Body)
				assert.Equal(t, "https://fubei.invalid"+op.path, r.URL.String())
				assert.Equal(t, http.MethodPost, r.Method)
				assert.Equal(t, "application/json; charset=utf-8", r.Header.Get("Content-Type"))
				assert.EqualValues(t, len(sent), r.ContentLength)
				return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(bytes.NewReader(reply))}, nil
			}))
			_, err := op.call(t.Context(), c)
			require.NoError(t, err)
			checkGolden(t, op.name+"-request.json", sent)
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

// The requests under testdata are also what the fake, which has a signer of
// its own, takes for signed and well-formed: it refuses with 9996 otherwise.
func TestGoldenRequestsAreTakenByTheFake(t *testing.T) {
	for _, op := range operations {
		t.Run(op.name, func(t *testing.T) {
			server := fubeitest.NewUnstartedServer()
			server.AppID, server.Secret = appID, secret
			server.SetClock(func() time.Time { return noon })
			client := &http.Client{Transport: server.Transport()}
			answer, err := client.Post(server.URL+op.path, "application/json", bytes.NewReader(golden(t, op.name+"-request.json")))
			require.NoError(t, err)
			defer answer.Body.Close()
			body, err := io.ReadAll(answer.Body)
			require.NoError(t, err)
			assert.NotContains(t, string(body), "9996")
			assert.Len(t, server.Requests(op.method), 1)
		})
	}
}

// At vendor level vendor_sn stands for app_id, and methods of 2.0 have a path
// of their own.
func TestGoldenVendorLevel(t *testing.T) {
	var sent []byte
	c, err := fubei.New(fubei.Config{BaseURL: fubei.Production, VendorSN: vendorSN, Secret: duopay.NewSecret("test-secret-fubei-vendor-02")},
		duopay.WithNonce(func() string { return "Q9w8e7r6t5y4u3i2" }),
		duopay.WithHTTPClient(&http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
			sent, _ = io.ReadAll(r.Body)
			assert.Equal(t, "https://shq-api.51fubei.com/gateway/agent", r.URL.String())
			return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(bytes.NewReader(golden(t, "call-vendor-reply.json")))}, nil
		})}))
	require.NoError(t, err)
	reply, err := c.Call(t.Context(), "fbpay.order.query", struct {
		MerchantID int    `json:"merchant_id"`
		OrderNo    string `json:"merchant_order_sn"`
	}{1001, "DP20990102030405000001"})
	require.NoError(t, err)
	assert.JSONEq(t, `{"merchant_order_sn":"DP20990102030405000001","order_status":"SUCCESS","total_amount":12.5}`, string(reply.Data))
	assert.Contains(t, string(sent), `"sign":"FD553DB5241D67B21D39CC230DA6E925"`, "the signature of the vector request-vendor-level")
	checkGolden(t, "call-vendor-request.json", sent)
}

// Replies, read as they are printed.
func TestReplies(t *testing.T) {
	text := func(name string) *fubei.Client { return answering(t, golden(t, name)) }
	ctx := t.Context()

	order, err := text("swipe-reply.json").Swipe(ctx, manualSwipe())
	require.NoError(t, err)
	assert.Equal(t, fubei.StateSuccess, order.TradeState)
	assert.Equal(t, duopay.Amount("99.62"), order.NetMoney)
	assert.Equal(t, int64(1492587340), order.PaidAt().Unix())
	assert.Equal(t, "成功", order.Message)
	assert.Equal(t, string(golden(t, "swipe-reply.json")), string(order.Raw))

	// data as a string, numbers as strings and strings as numbers, null.
	order, err = text("swipe-full-reply.json").Swipe(ctx, fullSwipe())
	require.NoError(t, err)
	assert.Equal(t, fubei.StateUserPaying, order.TradeState)
	assert.Equal(t, duopay.Text("20261121000000000001"), order.OrderSN)
	assert.Equal(t, duopay.Integer("123"), order.StoreID)
	assert.Empty(t, order.TradeNo)
	assert.True(t, order.PaidAt().IsZero())

	// The answer about another order is not believed.
	_, err = text("swipe-reply.json").Query(ctx, fubei.QueryRequest{OrderNo: "DP1"})
	require.ErrorIs(t, err, duopay.ErrOrderMismatch)
	require.ErrorIs(t, err, duopay.Unsure)
	_, err = text("refund-query-reply.json").RefundQuery(ctx, fubei.RefundQueryRequest{OrderNo: "DP20990102030405000001", RefundNo: "RF2"})
	require.ErrorIs(t, err, duopay.ErrOrderMismatch)

	refund, err := text("refund-query-reply.json").RefundQuery(ctx, fubei.RefundQueryRequest{OrderNo: "DP20990102030405000001", RefundSN: "20990103030405000019"})
	require.NoError(t, err)
	assert.Equal(t, duopay.RefundFailed, refund.RefundStatus.Status())

	statistics, err := text("refund-statistics-reply.json").RefundStatistics(ctx, fubei.RefundStatisticsRequest{OrderSN: "20990102030405000009"})
	require.NoError(t, err)
	left, err := statistics.CanRefund.Money()
	require.NoError(t, err)
	assert.Equal(t, duopay.MustMoney("79.99"), left)

	opened, err := text("scan-reply.json").Scan(ctx, fubei.ScanRequest{OrderNo: "DP1", TotalFee: duopay.MustMoney("1")})
	require.NoError(t, err)
	assert.Equal(t, "https://qr.alipay.com/bax00000000000000000", opened.QRCode)
}

// The manual's replies, exactly as it prints them.
func TestManualReplies(t *testing.T) {
	request := fubei.SwipeRequest{OrderNo: "20160120105532871512", AuthCode: "130000000000000001", TotalFee: duopay.MustMoney("100")}

	// A comma is missing: it is not JSON, and so proves nothing.
	_, err := answering(t, golden(t, "swipe-manual-broken.json")).Swipe(t.Context(), request)
	require.ErrorIs(t, err, duopay.Unsure)
	var e *duopay.Error
	require.ErrorAs(t, err, &e)
	assert.Equal(t, string(golden(t, "swipe-manual-broken.json")), e.Reply.Reveal())

	// Repaired: 100 ordered, 20 discount, 80 received.
	c := answering(t, golden(t, "swipe-manual-repaired.json"))
	order, err := c.Swipe(t.Context(), request)
	require.NoError(t, err)
	assert.Equal(t, duopay.Amount("80.00"), order.TotalFee)
	payment, err := fubei.Gateway{Client: c}.Charge(t.Context(), duopay.Charge{OrderNo: request.OrderNo, AuthCode: request.AuthCode, Amount: request.TotalFee})
	require.NoError(t, err)
	assert.Equal(t, duopay.Paid, payment.Status)
	assert.Equal(t, duopay.MustMoney("80"), payment.Received)
	assert.Equal(t, duopay.MustMoney("100"), payment.Amount)

	// Failure: a refusal that is not certain.
	_, err = answering(t, golden(t, "swipe-manual-failure.json")).Swipe(t.Context(), request)
	require.ErrorAs(t, err, &e)
	assert.Equal(t, duopay.Refused, e.Kind)
	assert.False(t, e.Certain)
	assert.Equal(t, []string{"400", "ERROR_CODE", "失败", "20160120105532871512"}, []string{e.Code, e.SubCode, e.Message, e.OrderNo})
}
