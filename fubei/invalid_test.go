package fubei_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/duopay/duopay"
	"github.com/duopay/duopay/fubei"
)

// forbidden returns a client that fails the test if it sends anything.
func forbidden(t *testing.T) *fubei.Client {
	t.Helper()
	return over(t, roundTrip(func(*http.Request) (*http.Response, error) {
		t.Error("a request was sent")
		return nil, io.ErrUnexpectedEOF
	}))
}

// broken returns the violations of an invalid request, by field.
func broken(t *testing.T, err error) map[string]string {
	t.Helper()
	require.ErrorIs(t, err, duopay.Invalid)
	var violations duopay.Violations
	require.ErrorAs(t, err, &violations)
	fields := make(map[string]string)
	for _, v := range violations {
		fields[v.Field] = v.Rule
	}
	return fields
}

func TestInvalidSwipe(t *testing.T) {
	c := forbidden(t)
	for _, test := range []struct {
		name   string
		change func(*fubei.SwipeRequest)
		field  string
	}{
		{"number missing", func(r *fubei.SwipeRequest) { r.OrderNo = "" }, "merchant_order_sn"},
		{"number too long", func(r *fubei.SwipeRequest) { r.OrderNo = strings.Repeat("1", 33) }, "merchant_order_sn"},
		{"number padded in front", func(r *fubei.SwipeRequest) { r.OrderNo = " DP1" }, "merchant_order_sn"},
		{"number padded behind", func(r *fubei.SwipeRequest) { r.OrderNo = "DP1\n" }, "merchant_order_sn"},
		{"number with a space", func(r *fubei.SwipeRequest) { r.OrderNo = "DP 1" }, "merchant_order_sn"},
		{"number in Chinese", func(r *fubei.SwipeRequest) { r.OrderNo = "订单1" }, "merchant_order_sn"},
		{"number in full-width digits", func(r *fubei.SwipeRequest) { r.OrderNo = "１２３" }, "merchant_order_sn"},
		{"code missing", func(r *fubei.SwipeRequest) { r.AuthCode = "" }, "auth_code"},
		{"code with a space", func(r *fubei.SwipeRequest) { r.AuthCode = "1307849 1" }, "auth_code"},
		{"code with a line end", func(r *fubei.SwipeRequest) { r.AuthCode = "130784921069830971\r\n" }, "auth_code"},
		{"code too long", func(r *fubei.SwipeRequest) { r.AuthCode = strings.Repeat("1", 65) }, "auth_code"},
		{"code in Chinese", func(r *fubei.SwipeRequest) { r.AuthCode = "付款码" }, "auth_code"},
		{"no face", func(r *fubei.SwipeRequest) { r.Scene, r.AuthCode = fubei.SceneFacePay, "" }, "auth_code"},
		{"amount zero", func(r *fubei.SwipeRequest) { r.TotalFee = duopay.Money{} }, "total_fee"},
		{"amount negative", func(r *fubei.SwipeRequest) { r.TotalFee = duopay.MustMoney("-0.01") }, "total_fee"},
		{"amount over the limit", func(r *fubei.SwipeRequest) { r.TotalFee = duopay.MustMoney("10000000") }, "total_fee"},
		{"type unknown", func(r *fubei.SwipeRequest) { r.Type = 3 }, "type"},
		{"store negative", func(r *fubei.SwipeRequest) { r.StoreID = -1 }, "store_id"},
		{"store of 11 digits", func(r *fubei.SwipeRequest) { r.StoreID = 10_000_000_000 }, "store_id"},
		{"cashier of 11 digits", func(r *fubei.SwipeRequest) { r.CashierID = 10_000_000_000 }, "cashier_id"},
		{"device too long", func(r *fubei.SwipeRequest) { r.DeviceNo = strings.Repeat("d", 19) }, "device_no"},
		{"body too long", func(r *fubei.SwipeRequest) { r.Body = strings.Repeat("商", 129) }, "body"},
		{"attach too long", func(r *fubei.SwipeRequest) { r.Attach = strings.Repeat("订", 128) }, "attach"},
		{"URL relative", func(r *fubei.SwipeRequest) { r.CallBackURL = "/fubei/notify" }, "call_back_url"},
		{"URL of another scheme", func(r *fubei.SwipeRequest) { r.CallBackURL = "ftp://shop.example/notify" }, "call_back_url"},
		{"URL too long", func(r *fubei.SwipeRequest) { r.CallBackURL = "https://shop.example/" + strings.Repeat("n", 240) }, "call_back_url"},
		{"hardware unknown", func(r *fubei.SwipeRequest) { r.EquipmentType = 89 }, "equipment_type"},
		{"hardware unknown above", func(r *fubei.SwipeRequest) { r.EquipmentType = 128 }, "equipment_type"},
		{"switch of 2", func(r *fubei.SwipeRequest) { r.DiscountSwitch = new(2) }, "discount_switch"},
		{"switch of -1", func(r *fubei.SwipeRequest) { r.DiscountSwitch = new(-1) }, "discount_switch"},
		{"expired", func(r *fubei.SwipeRequest) { r.TimeoutExpress = fubei.At(noon.Add(-time.Second)) }, "timeout_express"},
		{"expires within a minute", func(r *fubei.SwipeRequest) { r.TimeoutExpress = fubei.At(noon.Add(time.Minute)) }, "timeout_express"},
		{"expiry for UnionPay", func(r *fubei.SwipeRequest) {
			r.Type, r.AuthCode, r.TimeoutExpress = 0, "6230000000000000001", fubei.At(noon.Add(time.Hour))
		}, "timeout_express"},
		{"scene unknown", func(r *fubei.SwipeRequest) { r.Scene = "PALM_PAY" }, "scene"},
		{"buyer too long", func(r *fubei.SwipeRequest) { r.BuyerID = strings.Repeat("2", 33) }, "buyer_id"},
		{"detail without goods", func(r *fubei.SwipeRequest) { r.Detail = &fubei.Detail{} }, "detail.goods_detail"},
		{"goods without number", func(r *fubei.SwipeRequest) { r.Detail = goods(1, fubei.GoodsDetail{GoodsName: "n", Quantity: 1}) }, "detail.goods_detail[1].goods_id"},
		{"goods of a long name", func(r *fubei.SwipeRequest) {
			r.Detail = goods(2, fubei.GoodsDetail{GoodsID: "g", GoodsName: strings.Repeat("果", 257), Quantity: 1})
		}, "detail.goods_detail[2].goods_name"},
		{"goods of no quantity", func(r *fubei.SwipeRequest) { r.Detail = goods(0, fubei.GoodsDetail{GoodsID: "g", GoodsName: "n"}) }, "detail.goods_detail[0].quantity"},
		{"receipt too long", func(r *fubei.SwipeRequest) {
			r.Detail = goods(1)
			r.Detail.ReceiptID = strings.Repeat("r", 33)
		}, "detail.receipt_id"},
		{"detail over 6000", func(r *fubei.SwipeRequest) { r.Detail = goods(100) }, "detail"},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := manualSwipe()
			test.change(&r)
			_, err := c.Swipe(t.Context(), r)
			fields := broken(t, err)
			assert.Contains(t, fields, test.field)
			assert.Len(t, fields, 1)
			assert.Contains(t, err.Error(), test.field+" "+fields[test.field])
		})
	}
}

// goods returns a detail of n good lines and the given ones.
func goods(n int, lines ...fubei.GoodsDetail) *fubei.Detail {
	d := &fubei.Detail{}
	for range n {
		d.GoodsDetail = append(d.GoodsDetail, fubei.GoodsDetail{GoodsID: "sku", GoodsName: "苹果苹果", Quantity: 1, Price: 550})
	}
	d.GoodsDetail = append(d.GoodsDetail, lines...)
	return d
}

// All violations come at once.
func TestInvalidAllAtOnce(t *testing.T) {
	_, err := forbidden(t).Swipe(t.Context(), fubei.SwipeRequest{
		Type: 9, AuthCode: "a b", Detail: &fubei.Detail{}, TimeoutExpress: fubei.At(noon),
	})
	fields := broken(t, err)
	for _, field := range []string{"merchant_order_sn", "type", "auth_code", "total_fee", "detail.goods_detail", "timeout_express"} {
		assert.Contains(t, fields, field)
	}
}

// What looks odd and is right.
func TestValidSwipe(t *testing.T) {
	c := answering(t, []byte(`{"result_code":200,"data":{"trade_state":"USERPAYING"}}`))
	for name, change := range map[string]func(*fubei.SwipeRequest){
		"number of 32":           func(r *fubei.SwipeRequest) { r.OrderNo = strings.Repeat("a", 30) + "-_" },
		"amount of 1 fen":        func(r *fubei.SwipeRequest) { r.TotalFee = duopay.Fen(1).Money() },
		"largest amount":         func(r *fubei.SwipeRequest) { r.TotalFee = duopay.MustMoney("9999999.99") },
		"UnionPay code of 19":    func(r *fubei.SwipeRequest) { r.Type, r.AuthCode = fubei.TypeUnionPay, "6210000000000000001" },
		"Alipay code of 24":      func(r *fubei.SwipeRequest) { r.Type, r.AuthCode = 0, "280000000000000000000001" },
		"face token with blanks": func(r *fubei.SwipeRequest) { r.Scene, r.AuthCode = fubei.SceneFacePay, strings.Repeat("脸 ", 90) },
		"switch of 0":            func(r *fubei.SwipeRequest) { r.DiscountSwitch = new(0) },
		"128 Chinese characters": func(r *fubei.SwipeRequest) { r.Body = strings.Repeat("商", 128) },
		"a minute and a second":  func(r *fubei.SwipeRequest) { r.TimeoutExpress = fubei.At(noon.Add(61 * time.Second)) },
		"free goods": func(r *fubei.SwipeRequest) {
			r.Detail = goods(0, fubei.GoodsDetail{GoodsID: "g", GoodsName: "n", Quantity: 1})
		},
		"no optional field": func(r *fubei.SwipeRequest) {
			*r = fubei.SwipeRequest{OrderNo: "1", AuthCode: "1", TotalFee: duopay.MustMoney("1")}
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := manualSwipe()
			change(&r)
			_, err := c.Swipe(t.Context(), r)
			assert.NoError(t, err)
		})
	}
}

func TestInvalidOthers(t *testing.T) {
	c, ctx := forbidden(t), t.Context()
	one := duopay.MustMoney("1")
	for name, test := range map[string]struct {
		call  func() error
		field string
	}{
		"query of nothing":    {func() error { _, err := c.Query(ctx, fubei.QueryRequest{}); return err }, "merchant_order_sn"},
		"query of two":        {func() error { _, err := c.Query(ctx, fubei.QueryRequest{OrderNo: "1", TradeNo: "2"}); return err }, "merchant_order_sn"},
		"query of a bad one":  {func() error { _, err := c.Query(ctx, fubei.QueryRequest{OrderNo: "1 "}); return err }, "merchant_order_sn"},
		"reverse of nothing":  {func() error { _, err := c.Reverse(ctx, fubei.ReverseRequest{}); return err }, "merchant_order_sn"},
		"close of two":        {func() error { _, err := c.Close(ctx, fubei.CloseRequest{OrderNo: "1", OrderSN: "2"}); return err }, "merchant_order_sn"},
		"refund of no amount": {func() error { _, err := c.Refund(ctx, fubei.RefundRequest{OrderNo: "1", RefundNo: "2"}); return err }, "refund_money"},
		"refund of less": {func() error {
			_, err := c.Refund(ctx, fubei.RefundRequest{OrderNo: "1", RefundNo: "2", RefundMoney: duopay.MustMoney("-1")})
			return err
		}, "refund_money"},
		"refund of no number": {func() error { _, err := c.Refund(ctx, fubei.RefundRequest{OrderNo: "1", RefundMoney: one}); return err }, "merchant_refund_sn"},
		"refund of no order": {func() error {
			_, err := c.Refund(ctx, fubei.RefundRequest{RefundNo: "1", RefundMoney: one})
			return err
		}, "merchant_order_sn"},
		"refund query of no refund": {func() error { _, err := c.RefundQuery(ctx, fubei.RefundQueryRequest{OrderNo: "1"}); return err }, "merchant_refund_sn"},
		"refund query of no order":  {func() error { _, err := c.RefundQuery(ctx, fubei.RefundQueryRequest{RefundNo: "1"}); return err }, "merchant_order_sn"},
		"statistics of nothing":     {func() error { _, err := c.RefundStatistics(ctx, fubei.RefundStatisticsRequest{}); return err }, "merchant_order_sn"},
		"scan with UnionPay": {func() error {
			_, err := c.Scan(ctx, fubei.ScanRequest{OrderNo: "1", TotalFee: one, Type: fubei.TypeUnionPay})
			return err
		}, "type"},
		"scan of long detail": {func() error {
			_, err := c.Scan(ctx, fubei.ScanRequest{OrderNo: "1", TotalFee: one, Detail: goods(100)})
			return err
		}, "detail"},
		"prepare for what wallet": {func() error {
			_, err := fubei.Gateway{Client: c}.Prepare(ctx, duopay.Order{OrderNo: "1", Amount: one, Channel: "wampum"})
			return err
		}, "type"},
	} {
		t.Run(name, func(t *testing.T) { assert.Contains(t, broken(t, test.call()), test.field) })
	}

	_, err := c.Call(ctx, "openapi.get.time", []int{1})
	require.ErrorIs(t, err, duopay.Invalid)
	_, err = c.Call(ctx, "openapi.get.time", func() {})
	require.ErrorIs(t, err, duopay.Invalid)
}

// A third decimal cannot even be made.
func TestThirdDecimal(t *testing.T) {
	_, err := duopay.ParseMoney("1.005")
	require.ErrorIs(t, err, duopay.Invalid)
}

func TestInvalidConfig(t *testing.T) {
	good := fubei.Config{BaseURL: "https://fubei.invalid", AppID: "1", Secret: duopay.NewSecret("s")}
	_, err := fubei.New(good)
	require.NoError(t, err)
	for name, change := range map[string]func(*fubei.Config){
		"no address":       func(c *fubei.Config) { c.BaseURL = "" },
		"relative address": func(c *fubei.Config) { c.BaseURL = "/gateway" },
		"plain http":       func(c *fubei.Config) { c.BaseURL = "http://shq-api.51fubei.com" },
		"another scheme":   func(c *fubei.Config) { c.BaseURL = "ftp://shq-api.51fubei.com" },
		"address with key": func(c *fubei.Config) { c.BaseURL = "https://user:pass@fubei.invalid" },
		"no id":            func(c *fubei.Config) { c.AppID = "" },
		"two ids":          func(c *fubei.Config) { c.VendorSN = "2" },
		"no secret":        func(c *fubei.Config) { c.Secret = duopay.NewSecret("") },
	} {
		t.Run(name, func(t *testing.T) {
			config := good
			change(&config)
			c, err := fubei.New(config)
			require.ErrorIs(t, err, duopay.Invalid)
			assert.Nil(t, c)
			assert.NotContains(t, err.Error(), "pass@")
		})
	}
	_, err = fubei.New(good, duopay.WithHTTPClient(nil))
	require.ErrorIs(t, err, duopay.Invalid)
	for _, address := range []string{"http://127.0.0.1:8080", "http://[::1]:8080/", "http://localhost"} {
		good.BaseURL = address
		_, err = fubei.New(good)
		require.NoError(t, err, "plain http is for the loopback interface")
	}
	good.BaseURL = "http://10.0.0.1"
	_, err = fubei.New(good, duopay.WithPlainHTTP())
	require.NoError(t, err)
}

func TestDetectPayType(t *testing.T) {
	for code, want := range map[string]fubei.PayType{
		"100000000000000000": fubei.TypeWeChat, "159999999999999999": fubei.TypeWeChat,
		"160000000000000000": 0, "1300000000000000000": 0, "13000000000000000": 0,
		"2500000000000000": fubei.TypeAlipay, "309999999999999999999999": fubei.TypeAlipay,
		"250000000000000": 0, "3000000000000000000000000": 0, "310000000000000000": 0,
		"6210000000000000000": fubei.TypeUnionPay, "6289999999999999999": fubei.TypeUnionPay,
		"6290000000000000000": 0, "621000000000000000": 0,
		"510000000000000000": 0, "13000000000000000a": 0, "": 0,
	} {
		assert.Equal(t, want, fubei.DetectPayType(code), code)
	}
}
