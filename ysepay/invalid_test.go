package ysepay_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/duopay/duopay"
	"github.com/duopay/duopay/ysepay"
)

// forbidden returns a client that fails the test if it sends anything.
func forbidden(t *testing.T, charset ysepay.Charset) *ysepay.Client {
	t.Helper()
	return over(t, roundTrip(func(*http.Request) (*http.Response, error) {
		t.Error("a request was sent")
		return nil, io.ErrUnexpectedEOF
	}), func(c *ysepay.Config) { c.Charset = charset })
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

// parts returns an order of n parts of a fen each.
func parts(r *ysepay.PayRequest, n int) {
	r.SubOrders = nil
	for i := range n {
		r.SubOrders = append(r.SubOrders, ysepay.SubOrder{OrderNo: fmt.Sprint("part", i), Amount: duopay.Fen(1).Money(), SellerID: "dp_seller_a"})
	}
	r.TotalAmount = duopay.Fen(n).Money()
}

func TestInvalidPay(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(*ysepay.PayRequest)
		field  string
	}{
		{"number missing", func(r *ysepay.PayRequest) { r.OrderNo = "" }, "combine_out_trade_no"},
		{"number of 33", func(r *ysepay.PayRequest) { r.OrderNo = "20240520" + strings.Repeat("a", 25) }, "combine_out_trade_no"},
		{"number of the day before yesterday", func(r *ysepay.PayRequest) { r.OrderNo = "20240518a" }, "combine_out_trade_no"},
		{"number of the day after tomorrow", func(r *ysepay.PayRequest) { r.OrderNo = "20240522a" }, "combine_out_trade_no"},
		{"number without a date", func(r *ysepay.PayRequest) { r.OrderNo = "DP20240520" }, "combine_out_trade_no"},
		{"number of a day that is none", func(r *ysepay.PayRequest) { r.OrderNo = "20240532a" }, "combine_out_trade_no"},
		{"number with a line end", func(r *ysepay.PayRequest) { r.OrderNo = "20240520a\n" }, "combine_out_trade_no"},
		{"number with a dot", func(r *ysepay.PayRequest) { r.OrderNo = "20240520.1" }, "combine_out_trade_no"},
		{"date that is none", func(r *ysepay.PayRequest) { r.ShopDate = "20240230" }, "shopdate"},
		{"date with hyphens", func(r *ysepay.PayRequest) { r.ShopDate = "2024-05-20" }, "shopdate"},
		{"payer missing", func(r *ysepay.PayRequest) { r.BuyerID = "" }, "buyer_id"},
		{"payer of 101 bytes", func(r *ysepay.PayRequest) { r.BuyerID = strings.Repeat("2", 101) }, "buyer_id"},
		{"payer blank", func(r *ysepay.PayRequest) { r.BuyerID = " \t" }, "buyer_id"},
		{"time missing", func(r *ysepay.PayRequest) { r.TimeoutExpress = "" }, "timeout_express"},
		{"time with a dot", func(r *ysepay.PayRequest) { r.TimeoutExpress = "1.5h" }, "timeout_express"},
		{"time of 16 days", func(r *ysepay.PayRequest) { r.TimeoutExpress = "16d" }, "timeout_express"},
		{"time of 361 hours", func(r *ysepay.PayRequest) { r.TimeoutExpress = "361h" }, "timeout_express"},
		{"time of 21601 minutes", func(r *ysepay.PayRequest) { r.TimeoutExpress = "21601m" }, "timeout_express"},
		{"time of nothing", func(r *ysepay.PayRequest) { r.TimeoutExpress = "0m" }, "timeout_express"},
		{"time with a line end", func(r *ysepay.PayRequest) { r.TimeoutExpress = "5m\n" }, "timeout_express"},
		{"time of six digits", func(r *ysepay.PayRequest) { r.TimeoutExpress = "100000m" }, "timeout_express"},
		{"seller missing", func(r *ysepay.PayRequest) { r.SellerID = "" }, "combine_seller_id"},
		{"seller of 21 bytes", func(r *ysepay.PayRequest) {
			r.SellerID = strings.Repeat("s", 21)
			r.SubOrders[0].SellerID = r.SellerID
		}, "combine_seller_id"},
		{"seller who is nobody", func(r *ysepay.PayRequest) { r.SellerID = "dp_seller_c" }, "combine_seller_id"},
		{"code of 11 bytes", func(r *ysepay.PayRequest) { r.BusinessCode = "00510150000" }, "business_code"},
		{"subject missing", func(r *ysepay.PayRequest) { r.Subject = "" }, "subject"},
		{"subject of 251", func(r *ysepay.PayRequest) { r.Subject = strings.Repeat("商", 251) }, "subject"},
		{"subject of two lines", func(r *ysepay.PayRequest) { r.Subject = "a\nb" }, "subject"},
		{"subject blank", func(r *ysepay.PayRequest) { r.Subject = "  " }, "subject"},
		{"subject of bad UTF-8", func(r *ysepay.PayRequest) { r.Subject = "a\xff" }, "subject"},
		{"total of nothing", func(r *ysepay.PayRequest) { r.TotalAmount = duopay.Money{} }, "total_amount"},
		{"total negative", func(r *ysepay.PayRequest) { r.TotalAmount = duopay.MustMoney("-30.5") }, "total_amount"},
		{"total over the limit", func(r *ysepay.PayRequest) {
			r.SubOrders[0].Amount, r.TotalAmount = duopay.MustMoney("99999979.51"), duopay.MustMoney("100000000.01")
		}, "total_amount"},
		{"total is not the sum", func(r *ysepay.PayRequest) { r.TotalAmount = duopay.MustMoney("30.49") }, "total_amount"},
		{"total is more than the sum", func(r *ysepay.PayRequest) { r.TotalAmount = duopay.MustMoney("30.51") }, "total_amount"},
		{"currency of others", func(r *ysepay.PayRequest) { r.Currency = "USD" }, "currency"},
		{"extra of 2001 bytes", func(r *ysepay.PayRequest) { r.Extra = strings.Repeat("渠", 667) }, "extra_common_param"},
		{"no parts", func(r *ysepay.PayRequest) { r.SubOrders = nil }, "sub_order_list"},
		{"empty parts", func(r *ysepay.PayRequest) { r.SubOrders = []ysepay.SubOrder{} }, "sub_order_list"},
		{"51 parts", func(r *ysepay.PayRequest) { parts(r, 51) }, "sub_order_list"},
		{"part without number", func(r *ysepay.PayRequest) { r.SubOrders[1].OrderNo = "" }, "sub_order_list[1].out_trade_no"},
		{"part with a number of 33", func(r *ysepay.PayRequest) { r.SubOrders[1].OrderNo = strings.Repeat("a", 33) }, "sub_order_list[1].out_trade_no"},
		{"part with a blank in its number", func(r *ysepay.PayRequest) { r.SubOrders[0].OrderNo = "a b" }, "sub_order_list[0].out_trade_no"},
		{"two parts of one number", func(r *ysepay.PayRequest) { r.SubOrders[1].OrderNo = r.SubOrders[0].OrderNo }, "sub_order_list[1].out_trade_no"},
		{"part with the number of the whole", func(r *ysepay.PayRequest) { r.SubOrders[1].OrderNo = r.OrderNo }, "sub_order_list[1].out_trade_no"},
		{"part of nothing", func(r *ysepay.PayRequest) {
			parts(r, 3)
			r.SubOrders[2].Amount, r.TotalAmount = duopay.Money{}, duopay.Fen(2).Money()
		}, "sub_order_list[2].amount"},
		{"part negative", func(r *ysepay.PayRequest) {
			parts(r, 3)
			r.SubOrders[2].Amount, r.TotalAmount = duopay.Fen(-1).Money(), duopay.Fen(1).Money()
		}, "sub_order_list[2].amount"},
		{"part without seller", func(r *ysepay.PayRequest) { r.SubOrders[1].SellerID = "" }, "sub_order_list[1].seller_id"},
		{"part with a seller of 201 bytes", func(r *ysepay.PayRequest) { r.SubOrders[1].SellerID = strings.Repeat("s", 201) }, "sub_order_list[1].seller_id"},
		{"parameters that are no JSON", func(r *ysepay.PayRequest) { r.ExtendParams = "food" }, "extend_params_channel"},
		{"parameters that are a list", func(r *ysepay.PayRequest) { r.ExtendParams = "[]" }, "extend_params_channel"},
		{"parameters twice", func(r *ysepay.PayRequest) { r.ExtendParams = `{"a":1,"a":2}` }, "extend_params_channel"},
		{"address missing", func(r *ysepay.PayRequest) { r.NotifyURL = "" }, "notify_url"},
		{"address of 191 bytes", func(r *ysepay.PayRequest) { r.NotifyURL = "https://a.example/" + strings.Repeat("n", 173) }, "notify_url"},
		{"two addresses of 191 bytes", func(r *ysepay.PayRequest) {
			r.NotifyURL = "https://a.example/" + strings.Repeat("n", 77) + ",https://a.example/" + strings.Repeat("n", 77)
		}, "notify_url"},
		{"address relative", func(r *ysepay.PayRequest) { r.NotifyURL = "/n" }, "notify_url"},
		{"address of another scheme", func(r *ysepay.PayRequest) { r.NotifyURL = "ftp://a.example/n" }, "notify_url"},
		{"second address empty", func(r *ysepay.PayRequest) { r.NotifyURL = "https://a.example/n," }, "notify_url"},
		{"blank between addresses", func(r *ysepay.PayRequest) { r.NotifyURL = "https://a.example/n, https://b.example/n" }, "notify_url"},
		{"blank in an address", func(r *ysepay.PayRequest) { r.NotifyURL = "https://a.example/n m" }, "notify_url"},
		{"settlement unknown", func(r *ysepay.PayRequest) { r.TranType = "3" }, "tran_type"},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := combined()
			test.change(&r)
			_, err := forbidden(t, ysepay.UTF8).Pay(t.Context(), r)
			fields := broken(t, err)
			assert.Contains(t, fields, test.field)
			assert.Len(t, fields, 1)
			assert.Contains(t, err.Error(), test.field+" "+fields[test.field])
		})
	}
}

// What GBK does not have is refused before anything is sent, by its field.
func TestInvalidGBK(t *testing.T) {
	c := forbidden(t, ysepay.GBK)
	for field, change := range map[string]func(*ysepay.PayRequest){
		"subject":                     func(r *ysepay.PayRequest) { r.Subject = "粽子 😀" },
		"extra_common_param":          func(r *ysepay.PayRequest) { r.Extra = "😀" },
		"sub_order_list[1].seller_id": func(r *ysepay.PayRequest) { r.SubOrders[1].SellerID = "é́" },
		"extend_params_channel":       func(r *ysepay.PayRequest) { r.ExtendParams = `{"a":"😀"}` },
		"biz_content":                 func(r *ysepay.PayRequest) { r.More = map[string]any{"x": "😀"} },
	} {
		r := combined()
		change(&r)
		_, err := c.Pay(t.Context(), r)
		assert.Len(t, broken(t, err), 1, field)
		assert.Contains(t, broken(t, err), field)
	}
	r := combined()
	r.Extra = strings.Repeat("渠", 1001)
	_, err := c.Pay(t.Context(), r)
	assert.Equal(t, map[string]string{"extra_common_param": "must not be longer than 2000 bytes"}, broken(t, err))
}

// Limits in bytes count those of the charset: 800 characters are 1600 in GBK, and
// 2400 in UTF-8.
func TestBytesOfTheCharset(t *testing.T) {
	r := combined()
	r.Extra = strings.Repeat("渠", 800)
	reached := roundTrip(func(*http.Request) (*http.Response, error) { return nil, io.ErrUnexpectedEOF })
	_, err := over(t, reached, func(c *ysepay.Config) { c.Charset = ysepay.GBK }).Pay(t.Context(), r)
	require.ErrorIs(t, err, duopay.Unsure)
	_, err = over(t, reached, nil).Pay(t.Context(), r)
	assert.Contains(t, broken(t, err), "extra_common_param")
}

// All violations come at once.
func TestInvalidAllAtOnce(t *testing.T) {
	_, err := forbidden(t, ysepay.UTF8).Pay(t.Context(), ysepay.PayRequest{OrderNo: "1", SubOrders: make([]ysepay.SubOrder, 1)})
	fields := broken(t, err)
	for _, field := range []string{
		"notify_url", "combine_out_trade_no", "buyer_id", "timeout_express", "combine_seller_id", "subject", "total_amount",
		"sub_order_list[0].out_trade_no", "sub_order_list[0].amount", "sub_order_list[0].seller_id",
	} {
		assert.Contains(t, fields, field)
	}
}

// What looks odd and is right.
func TestValidPay(t *testing.T) {
	reply := golden(t, "pay-reply.json")
	for name, change := range map[string]func(*ysepay.PayRequest){
		"50 parts":                func(r *ysepay.PayRequest) { parts(r, 50) },
		"250 characters":          func(r *ysepay.PayRequest) { r.Subject = strings.Repeat("商", 250) },
		"an emoji":                func(r *ysepay.PayRequest) { r.Subject = "😀" },
		"extra of 2000 bytes":     func(r *ysepay.PayRequest) { r.Extra = strings.Repeat("渠", 666) + "12" },
		"extra of several lines":  func(r *ysepay.PayRequest) { r.Extra = "a\r\n&b=\u2028" },
		"address of 190 bytes":    func(r *ysepay.PayRequest) { r.NotifyURL = "https://a.example/" + strings.Repeat("n", 172) },
		"comma inside an address": func(r *ysepay.PayRequest) { r.NotifyURL = "https://a.example/n?x=1%2C2" },
		"seller of a part":        func(r *ysepay.PayRequest) { r.SellerID = "dp_seller_b" },
		"another date":            func(r *ysepay.PayRequest) { r.ShopDate = "20240519" },
		"largest amount": func(r *ysepay.PayRequest) {
			r.SubOrders, r.TotalAmount = r.SubOrders[:1], duopay.MustMoney("100000000")
			r.SubOrders[0].Amount = r.TotalAmount
		},
		"only what is required": func(r *ysepay.PayRequest) { r.TranType, r.Currency, r.Extra, r.ExtendParams = "", "", "", "" },
	} {
		t.Run(name, func(t *testing.T) {
			r := combined()
			change(&r)
			_, err := answering(t, reply).Pay(t.Context(), r)
			if r.TotalAmount != combined().TotalAmount { // the reply is that of the order as it was
				require.ErrorIs(t, err, duopay.ErrAmountMismatch)
				return
			}
			require.NoError(t, err)
		})
	}
}

// The days are those of UTC+8, whatever the clock's zone.
func TestTradeDate(t *testing.T) {
	for _, test := range []struct {
		now string // UTC
		no  string
		ok  bool
	}{
		{"2024-05-19T15:59:59Z", "20240518a", true},
		{"2024-05-19T16:00:00Z", "20240518a", false}, // it is the 20th in China
		{"2024-05-19T16:00:00Z", "20240521a", true},
		{"2024-05-19T15:59:59Z", "20240521a", false},
		{"2024-02-29T00:00:00Z", "20240301a", true},
		{"2024-12-31T20:00:00Z", "20250102a", true},
	} {
		now, err := time.Parse(time.RFC3339, test.now)
		require.NoError(t, err)
		r := combined()
		r.OrderNo = test.no
		c := answering(t, nil, duopay.WithClock(func() time.Time { return now.In(time.FixedZone("west", -8*60*60)) }))
		_, err = c.Pay(t.Context(), r)
		assert.Equal(t, !test.ok, strings.Contains(err.Error(), "combine_out_trade_no"), "%+v", test)
	}
}

func TestInvalidOthers(t *testing.T) {
	c, ctx := forbidden(t, ysepay.UTF8), t.Context()
	one := duopay.MustMoney("1")
	good := ysepay.RefundRequest{OrderNo: "20240520a", RefundAmount: one, Reason: "x", RefundNo: "r"}
	refund := func(change func(*ysepay.RefundRequest)) func() error {
		return func() error {
			r := good
			change(&r)
			_, err := c.Refund(ctx, r)
			return err
		}
	}
	for name, test := range map[string]struct {
		call  func() error
		field string
	}{
		"query of nothing": {func() error {
			_, err := c.Query(ctx, ysepay.QueryRequest{ShopDate: "20240520"})
			return err
		}, "combine_out_trade_no"},
		"query without a date": {func() error { _, err := c.Query(ctx, ysepay.QueryRequest{TradeNo: "1"}); return err }, "shopdate"},
		"query of a bad number": {func() error {
			_, err := c.Query(ctx, ysepay.QueryRequest{OrderNo: "20240520 "})
			return err
		}, "combine_out_trade_no"},
		"close of nothing": {func() error {
			_, err := c.Close(ctx, ysepay.CloseRequest{ShopDate: "20240520"})
			return err
		}, "combine_out_trade_no"},
		"close of a long number": {func() error {
			_, err := c.Close(ctx, ysepay.CloseRequest{TradeNo: strings.Repeat("1", 31), ShopDate: "20240520"})
			return err
		}, "combine_trade_no"},
		"single query without a date": {func() error {
			_, err := c.SingleQuery(ctx, ysepay.SingleQueryRequest{OrderNo: "sub-1"})
			return err
		}, "shopdate"},
		"single query of nothing": {func() error {
			_, err := c.SingleQuery(ctx, ysepay.SingleQueryRequest{ShopDate: "20240520"})
			return err
		}, "out_trade_no"},
		"single close of nothing": {func() error {
			_, err := c.SingleClose(ctx, ysepay.SingleCloseRequest{ShopDate: "20240520"})
			return err
		}, "out_trade_no"},
		"refund of no order":       {refund(func(r *ysepay.RefundRequest) { r.OrderNo, r.ShopDate = "", "20240520" }), "out_trade_no"},
		"refund without a date":    {refund(func(r *ysepay.RefundRequest) { r.OrderNo = "sub-1" }), "shopdate"},
		"refund of nothing":        {refund(func(r *ysepay.RefundRequest) { r.RefundAmount = duopay.Money{} }), "refund_amount"},
		"refund of less":           {refund(func(r *ysepay.RefundRequest) { r.RefundAmount = duopay.MustMoney("-1") }), "refund_amount"},
		"refund without a reason":  {refund(func(r *ysepay.RefundRequest) { r.Reason = "" }), "refund_reason"},
		"refund for a long reason": {refund(func(r *ysepay.RefundRequest) { r.Reason = strings.Repeat("因", 51) }), "refund_reason"},
		"refund without a number":  {refund(func(r *ysepay.RefundRequest) { r.RefundNo = "" }), "out_request_no"},
		"refund of a long number":  {refund(func(r *ysepay.RefundRequest) { r.RefundNo = strings.Repeat("r", 33) }), "out_request_no"},
		"refund to no address":     {refund(func(r *ysepay.RefundRequest) { r.NotifyURL = "a.example" }), "notify_url"},
		"refund query of no refund": {func() error {
			_, err := c.RefundQuery(ctx, ysepay.RefundQueryRequest{OrderNo: "20240520a"})
			return err
		}, "out_request_no"},
		"refund query of no order": {func() error {
			_, err := c.RefundQuery(ctx, ysepay.RefundQueryRequest{RefundNo: "r", ShopDate: "20240520"})
			return err
		}, "out_trade_no"},
		"prepare for another wallet": {func() error {
			_, err := ysepay.Gateway{Client: c}.Prepare(ctx, duopay.Order{OrderNo: "20240520a", Channel: duopay.WeChatPay})
			return err
		}, "channel"},
		"prepare with a number of 31": {func() error {
			_, err := ysepay.Gateway{Client: c}.Prepare(ctx, duopay.Order{
				OrderNo: "20240520" + strings.Repeat("a", 23), Amount: one, Subject: "x", Buyer: "2088", NotifyURL: "https://a.example/n",
			})
			return err
		}, "sub_order_list[0].out_trade_no"},
		"prepare what has expired": {func() error {
			_, err := ysepay.Gateway{Client: c}.Prepare(ctx, duopay.Order{
				OrderNo: "20240520a", Amount: one, Subject: "x", Buyer: "2088", NotifyURL: "https://a.example/n", ExpiresAt: morning.Add(59 * time.Second),
			})
			return err
		}, "timeout_express"},
	} {
		t.Run(name, func(t *testing.T) {
			fields := broken(t, test.call())
			assert.Contains(t, fields, test.field)
			assert.Len(t, fields, 1)
		})
	}

	for _, r := range []ysepay.CallRequest{{Method: "a", Content: []int{1}}, {Method: "a", Content: func() {}}, {Method: "a", Content: "text"}} {
		_, err := c.Call(ctx, r)
		require.ErrorIs(t, err, duopay.Invalid)
	}
	_, err := c.Query(ctx, ysepay.QueryRequest{OrderNo: "20240520a", More: map[string]any{"shopdate": "20240521"}})
	require.ErrorIs(t, err, duopay.Invalid, "a member twice")
	_, err = c.Query(ctx, ysepay.QueryRequest{OrderNo: "20240520a", More: map[string]any{"x": func() {}}})
	require.ErrorIs(t, err, duopay.Invalid)
}

func TestInvalidConfig(t *testing.T) {
	_, err := ysepay.New(config())
	require.NoError(t, err)
	for name, change := range map[string]func(*ysepay.Config){
		"no address":                 func(c *ysepay.Config) { c.BaseURL = "" },
		"no address but others":      func(c *ysepay.Config) { c.BaseURL, c.QueryURL = "", "https://q.invalid" },
		"relative address":           func(c *ysepay.Config) { c.BaseURL = "/gateway.do" },
		"plain http":                 func(c *ysepay.Config) { c.BaseURL = "http://qrcode.ysepay.com" },
		"plain http for queries":     func(c *ysepay.Config) { c.QueryURL = "http://search.ysepay.com" },
		"another scheme for trades":  func(c *ysepay.Config) { c.TradeURL = "ftp://openapi.ysepay.com" },
		"address with user":          func(c *ysepay.Config) { c.TradeURL = "https://user:pass@ysepay.invalid" },
		"no partner":                 func(c *ysepay.Config) { c.PartnerID = "" },
		"partner of 21 bytes":        func(c *ysepay.Config) { c.PartnerID = strings.Repeat("p", 21) },
		"blank partner":              func(c *ysepay.Config) { c.PartnerID = " " },
		"GB2312":                     func(c *ysepay.Config) { c.Charset = "GB2312" },
		"charset in another case":    func(c *ysepay.Config) { c.Charset = "utf-8" },
		"no key":                     func(c *ysepay.Config) { c.Key = nil },
		"empty key":                  func(c *ysepay.Config) { c.Key = &ysepay.Key{} },
		"no platform key":            func(c *ysepay.Config) { c.PlatformKeys = nil },
		"platform key of other kind": func(c *ysepay.Config) { c.PlatformKeys = []*ysepay.PlatformKey{keys().platformSM} },
		"empty platform key":         func(c *ysepay.Config) { c.PlatformKeys = []*ysepay.PlatformKey{keys().platformRSA, {}} },
		"nil platform key":           func(c *ysepay.Config) { c.PlatformKeys = []*ysepay.PlatformKey{keys().platformRSA, nil} },
	} {
		t.Run(name, func(t *testing.T) {
			bad := config()
			change(&bad)
			c, err := ysepay.New(bad)
			require.ErrorIs(t, err, duopay.Invalid)
			assert.Nil(t, c)
			assert.NotContains(t, err.Error(), "pass@")
		})
	}
	_, err = ysepay.New(config(), duopay.WithHTTPClient(nil))
	require.ErrorIs(t, err, duopay.Invalid)
	plain := config()
	plain.BaseURL, plain.QueryURL, plain.TradeURL = "http://127.0.0.1:8080/gateway.do", "", "http://[::1]:8080/"
	_, err = ysepay.New(plain)
	require.NoError(t, err, "plain http is for the loopback interface")
	plain.BaseURL = "http://10.0.0.1"
	_, err = ysepay.New(plain, duopay.WithPlainHTTP())
	require.NoError(t, err)
}

func TestTimeout(t *testing.T) {
	for d, want := range map[time.Duration]string{
		time.Minute: "1m", 90 * time.Minute: "90m", 90*time.Minute + 59*time.Second: "90m", 2 * time.Hour: "2h", 24 * time.Hour: "1d",
		36 * time.Hour: "36h", 15 * 24 * time.Hour: "15d", 59 * time.Second: "0m", -time.Hour: "-60m",
	} {
		assert.Equal(t, want, ysepay.Timeout(d))
	}
}
