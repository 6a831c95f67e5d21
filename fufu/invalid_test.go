package fufu_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/duopay/duopay"
	"github.com/duopay/duopay/fufu"
)

// forbidden returns a client that fails the test if it sends anything.
func forbidden(t *testing.T) *fufu.Client {
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

func TestInvalidOrder(t *testing.T) {
	c := forbidden(t)
	for _, test := range []struct {
		name   string
		change func(*fufu.OrderRequest)
		field  string
	}{
		{"operator too long", func(r *fufu.OrderRequest) { r.OperatorID = strings.Repeat("张", 33) }, "operator_id"},
		{"terminal too long", func(r *fufu.OrderRequest) { r.TerminalID = strings.Repeat("t", 33) }, "terminal_id"},
		{"param of 94 bytes", func(r *fufu.OrderRequest) { r.MerchantParam = make([]byte, 94) }, "merchant_param"},
		{"store too long", func(r *fufu.OrderRequest) { r.StoreID = strings.Repeat("s", 33) }, "store_id"},
		{"amount zero", func(r *fufu.OrderRequest) { r.TotalFee = 0 }, "total_fee"},
		{"amount negative", func(r *fufu.OrderRequest) { r.TotalFee = -1 }, "total_fee"},
		{"amount over the limit", func(r *fufu.OrderRequest) { r.TotalFee = 10_000_000_000 }, "total_fee"},
		{"channel unknown", func(r *fufu.OrderRequest) { r.Channel = 3 }, "channel_type"},
		{"channel negative", func(r *fufu.OrderRequest) { r.Channel = -1 }, "channel_type"},
		{"code missing", func(r *fufu.OrderRequest) { r.AuthCode = "" }, "auth_code"},
		{"code too long", func(r *fufu.OrderRequest) { r.AuthCode = strings.Repeat("2", 101) }, "auth_code"},
		{"code with a space", func(r *fufu.OrderRequest) { r.AuthCode = "28888686 488188613" }, "auth_code"},
		{"code with a line end", func(r *fufu.OrderRequest) { r.AuthCode = "288886863488188613\r\n" }, "auth_code"},
		{"number missing", func(r *fufu.OrderRequest) { r.OrderNo = "" }, "out_trade_no"},
		{"number too long", func(r *fufu.OrderRequest) { r.OrderNo = strings.Repeat("1", 51) }, "out_trade_no"},
		{"number padded in front", func(r *fufu.OrderRequest) { r.OrderNo = " DP1" }, "out_trade_no"},
		{"number padded behind", func(r *fufu.OrderRequest) { r.OrderNo = "DP1\n" }, "out_trade_no"},
		{"number with a tab", func(r *fufu.OrderRequest) { r.OrderNo = "DP\t1" }, "out_trade_no"},
		{"number with a vertical tab", func(r *fufu.OrderRequest) { r.OrderNo = "DP\v1" }, "out_trade_no"},
		{"number with a full-width space", func(r *fufu.OrderRequest) { r.OrderNo = "DP\u30001" }, "out_trade_no"},
		{"number with a non-breaking space", func(r *fufu.OrderRequest) { r.OrderNo = "DP\u00a01" }, "out_trade_no"},
		{"number with nothing to see", func(r *fufu.OrderRequest) { r.OrderNo = "DP\u200b1" }, "out_trade_no"},
		{"number that is not UTF-8", func(r *fufu.OrderRequest) { r.OrderNo = "DP\xff1" }, "out_trade_no"},
		{"subject missing", func(r *fufu.OrderRequest) { r.Subject = "" }, "pay_subject"},
		{"subject too long", func(r *fufu.OrderRequest) { r.Subject = strings.Repeat("商", 101) }, "pay_subject"},
		{"currency misspelled", func(r *fufu.OrderRequest) { r.FeeType = "CHY" }, "fee_type"},
		{"currency in lower case", func(r *fufu.OrderRequest) { r.FeeType = "cny" }, "fee_type"},
		{"currency not taken", func(r *fufu.OrderRequest) { r.FeeType = "USD" }, "fee_type"},
		{"zone too long", func(r *fufu.OrderRequest) { r.TimeZone = strings.Repeat("z", 65) }, "time_zone"},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := manualOrder()
			test.change(&r)
			_, err := c.Order(t.Context(), r)
			fields := broken(t, err)
			assert.Contains(t, fields, test.field)
			assert.Len(t, fields, 1)
			assert.Contains(t, err.Error(), test.field+" "+fields[test.field])
		})
	}
}

func TestInvalidPreOrder(t *testing.T) {
	c := forbidden(t)
	for _, test := range []struct {
		name   string
		change func(*fufu.PreOrderRequest)
		field  string
	}{
		{"JSAPI without payer", func(r *fufu.PreOrderRequest) { r.OpenID = "" }, "openId"},
		{"payer too long", func(r *fufu.PreOrderRequest) { r.OpenID = strings.Repeat("o", 129) }, "openId"},
		{"payer with a space", func(r *fufu.PreOrderRequest) { r.OpenID = "o 1" }, "openId"},
		{"WeChat without appid", func(r *fufu.PreOrderRequest) { r.SubAppID = "" }, "subAppId"},
		{"appid too long", func(r *fufu.PreOrderRequest) { r.SubAppID = strings.Repeat("w", 33) }, "subAppId"},
		{"appid with a space", func(r *fufu.PreOrderRequest) { r.SubAppID = "wx 1" }, "subAppId"},
		{"JSAPI with any channel", func(r *fufu.PreOrderRequest) { r.Channel = fufu.ChannelAuto }, "channel_type"},
		{"channel unknown", func(r *fufu.PreOrderRequest) { r.Channel = 32 }, "channel_type"},
		{"trade type missing", func(r *fufu.PreOrderRequest) { r.TradeType = "" }, "trade_type"},
		{"trade type unknown", func(r *fufu.PreOrderRequest) { r.TradeType = "NATIVE" }, "trade_type"},
		{"expiry of 0", func(r *fufu.PreOrderRequest) { r.TimeExpire = new(0) }, "time_expire"},
		{"expiry negative", func(r *fufu.PreOrderRequest) { r.TimeExpire = new(-1) }, "time_expire"},
		{"expiry of 1441", func(r *fufu.PreOrderRequest) { r.TimeExpire = new(1441) }, "time_expire"},
		{"URL with a query", func(r *fufu.PreOrderRequest) { r.NotifyURL = "https://shop.example/n?a=1" }, "notifyUrl"},
		{"URL with an empty query", func(r *fufu.PreOrderRequest) { r.NotifyURL = "https://shop.example/n?" }, "notifyUrl"},
		{"URL with a fragment", func(r *fufu.PreOrderRequest) { r.NotifyURL = "https://shop.example/n#a" }, "notifyUrl"},
		{"URL with a user", func(r *fufu.PreOrderRequest) { r.NotifyURL = "https://u:p@shop.example/n" }, "notifyUrl"},
		{"URL relative", func(r *fufu.PreOrderRequest) { r.NotifyURL = "/n" }, "notifyUrl"},
		{"URL of another scheme", func(r *fufu.PreOrderRequest) { r.NotifyURL = "ftp://shop.example/n" }, "notifyUrl"},
		{"URL with a space", func(r *fufu.PreOrderRequest) { r.NotifyURL = "https://shop.example/n n" }, "notifyUrl"},
		{"URL too long", func(r *fufu.PreOrderRequest) { r.NotifyURL = "https://shop.example/" + strings.Repeat("n", 240) }, "notifyUrl"},
		{"amount zero", func(r *fufu.PreOrderRequest) { r.TotalFee = 0 }, "total_fee"},
		{"amount over the limit", func(r *fufu.PreOrderRequest) { r.TotalFee = 10_000_000_000 }, "total_fee"},
		{"number missing", func(r *fufu.PreOrderRequest) { r.OrderNo = "" }, "out_trade_no"},
		{"number with a space", func(r *fufu.PreOrderRequest) { r.OrderNo = "DP 1" }, "out_trade_no"},
		{"number too long", func(r *fufu.PreOrderRequest) { r.OrderNo = strings.Repeat("1", 51) }, "out_trade_no"},
		{"subject missing", func(r *fufu.PreOrderRequest) { r.Subject = "" }, "pay_subject"},
		{"subject too long", func(r *fufu.PreOrderRequest) { r.Subject = strings.Repeat("商", 101) }, "pay_subject"},
		{"currency misspelled", func(r *fufu.PreOrderRequest) { r.FeeType = "CHY" }, "fee_type"},
		{"operator too long", func(r *fufu.PreOrderRequest) { r.OperatorID = strings.Repeat("o", 33) }, "operator_id"},
		{"terminal too long", func(r *fufu.PreOrderRequest) { r.TerminalID = strings.Repeat("o", 33) }, "terminal_id"},
		{"param of 94 bytes", func(r *fufu.PreOrderRequest) { r.MerchantParam = make([]byte, 94) }, "merchant_param"},
		{"store too long", func(r *fufu.PreOrderRequest) { r.StoreID = strings.Repeat("s", 33) }, "store_id"},
		{"zone too long", func(r *fufu.PreOrderRequest) { r.TimeZone = strings.Repeat("z", 65) }, "time_zone"},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := weChatOrder()
			test.change(&r)
			_, err := c.PreOrder(t.Context(), r)
			fields := broken(t, err)
			assert.Contains(t, fields, test.field)
			assert.Len(t, fields, 1)
		})
	}
	alipay := alipayOrder()
	alipay.OpenID = ""
	_, err := c.PreOrder(t.Context(), alipay)
	assert.Contains(t, broken(t, err), "openId")
}

// All violations come at once.
func TestInvalidAllAtOnce(t *testing.T) {
	_, err := forbidden(t).PreOrder(t.Context(), fufu.PreOrderRequest{
		OrderNo: "a b", TradeType: fufu.TradeJSAPI, TimeExpire: new(0), FeeType: "CHY", NotifyURL: "https://shop.example/?a",
	})
	fields := broken(t, err)
	for _, field := range []string{"out_trade_no", "total_fee", "pay_subject", "openId", "channel_type", "time_expire", "fee_type", "notifyUrl"} {
		assert.Contains(t, fields, field)
	}
}

// What looks odd and is right.
func TestValid(t *testing.T) {
	c := answering(t, ok+`{"return_code":"SUCCESS","state":0,"qr_code":"q","prePayId":"p","payInfo":{}}}`)
	for name, change := range map[string]func(*fufu.OrderRequest){
		"amount of 1 fen":        func(r *fufu.OrderRequest) { r.TotalFee = 1 },
		"largest amount":         func(r *fufu.OrderRequest) { r.TotalFee = 9_999_999_999 },
		"number of 50":           func(r *fufu.OrderRequest) { r.OrderNo = strings.Repeat("a", 48) + "-/" },
		"param of 93 bytes":      func(r *fufu.OrderRequest) { r.MerchantParam = make([]byte, 93) },
		"100 Chinese characters": func(r *fufu.OrderRequest) { r.Subject = strings.Repeat("商", 100) },
		"Hong Kong dollars":      func(r *fufu.OrderRequest) { r.FeeType = fufu.HKD },
		"no optional field": func(r *fufu.OrderRequest) {
			*r = fufu.OrderRequest{OrderNo: "1", AuthCode: "1", TotalFee: 1, Subject: "s"}
		},
	} {
		r := manualOrder()
		change(&r)
		_, err := c.Order(t.Context(), r)
		require.NoError(t, err, name)
	}
	for name, change := range map[string]func(*fufu.PreOrderRequest){
		"a minute":            func(r *fufu.PreOrderRequest) { r.TimeExpire = new(1) },
		"a day":               func(r *fufu.PreOrderRequest) { r.TimeExpire = new(1440) },
		"code for a wallet":   func(r *fufu.PreOrderRequest) { r.TradeType, r.OpenID, r.SubAppID = fufu.TradeQRCode, "", "" },
		"code for any":        func(r *fufu.PreOrderRequest) { r.TradeType, r.Channel = fufu.TradeQRCode, fufu.ChannelAuto },
		"Alipay, no appid":    func(r *fufu.PreOrderRequest) { r.Channel, r.SubAppID = fufu.ChannelAlipay, "" },
		"URL with plain http": func(r *fufu.PreOrderRequest) { r.NotifyURL = "http://shop.example:8080/fufu/7" },
		"no URL":              func(r *fufu.PreOrderRequest) { r.NotifyURL = "" },
	} {
		r := weChatOrder()
		change(&r)
		_, err := c.PreOrder(t.Context(), r)
		require.NoError(t, err, name)
	}
}

func TestInvalidOthers(t *testing.T) {
	c, ctx := forbidden(t), t.Context()
	who := func(change func(*fufu.RefundRequest)) func() error {
		return func() error {
			r := someRefund()
			change(&r)
			_, err := c.Refund(ctx, r)
			return err
		}
	}
	for name, test := range map[string]struct {
		call  func() error
		field string
	}{
		"query of nothing":    {func() error { _, err := c.Query(ctx, fufu.QueryRequest{}); return err }, "out_trade_no"},
		"query by trade_no":   {func() error { _, err := c.Query(ctx, fufu.QueryRequest{TradeNo: "1"}); return err }, "out_trade_no"},
		"query of a bad one":  {func() error { _, err := c.Query(ctx, fufu.QueryRequest{OrderNo: "1 "}); return err }, "out_trade_no"},
		"query of a bad two":  {func() error { _, err := c.Query(ctx, fufu.QueryRequest{OrderNo: "1", TradeNo: "1 2"}); return err }, "trade_no"},
		"query of a long one": {func() error { _, err := c.Query(ctx, fufu.QueryRequest{OrderNo: strings.Repeat("1", 51)}); return err }, "out_trade_no"},
		"query of a long two": {func() error {
			_, err := c.Query(ctx, fufu.QueryRequest{OrderNo: "1", TradeNo: strings.Repeat("1", 51)})
			return err
		}, "trade_no"},
		"query in a long zone": {func() error {
			_, err := c.Query(ctx, fufu.QueryRequest{OrderNo: "1", TimeZone: strings.Repeat("z", 65)})
			return err
		}, "time_zone"},
		"cancel by nobody":    {func() error { _, err := c.Cancel(ctx, fufu.CancelRequest{TerminalID: "t", OrderNo: "1"}); return err }, "operator_id"},
		"cancel from nowhere": {func() error { _, err := c.Cancel(ctx, fufu.CancelRequest{OperatorID: "o", OrderNo: "1"}); return err }, "terminal_id"},
		"cancel of nothing": {func() error {
			_, err := c.Cancel(ctx, fufu.CancelRequest{OperatorID: "o", TerminalID: "t", TradeNo: "1"})
			return err
		}, "out_trade_no"},
		"cancel of a bad one": {func() error {
			_, err := c.Cancel(ctx, fufu.CancelRequest{OperatorID: "o", TerminalID: "t", OrderNo: "1", TradeNo: " "})
			return err
		}, "trade_no"},
		"close by nobody":    {func() error { _, err := c.Close(ctx, fufu.CloseRequest{TerminalID: "t", OrderNo: "1"}); return err }, "operator_id"},
		"close from nowhere": {func() error { _, err := c.Close(ctx, fufu.CloseRequest{OperatorID: "o", OrderNo: "1"}); return err }, "terminal_id"},
		"close of nothing":   {func() error { _, err := c.Close(ctx, fufu.CloseRequest{OperatorID: "o", TerminalID: "t"}); return err }, "out_trade_no"},
		"close of a bad one": {func() error {
			_, err := c.Close(ctx, fufu.CloseRequest{OperatorID: "o", TerminalID: "t", OrderNo: "\n"})
			return err
		}, "out_trade_no"},
		"refund by nobody":      {who(func(r *fufu.RefundRequest) { r.OperatorID = "" }), "operator_id"},
		"refund from nowhere":   {who(func(r *fufu.RefundRequest) { r.TerminalID = "" }), "terminal_id"},
		"refund of no amount":   {who(func(r *fufu.RefundRequest) { r.RefundFee = 0 }), "refund_fee"},
		"refund of less":        {who(func(r *fufu.RefundRequest) { r.RefundFee = -1 }), "refund_fee"},
		"refund of more":        {who(func(r *fufu.RefundRequest) { r.RefundFee = 10_000_000_000 }), "refund_fee"},
		"refund without reason": {who(func(r *fufu.RefundRequest) { r.RefundSubject = "" }), "refund_subject"},
		"refund of long reason": {who(func(r *fufu.RefundRequest) { r.RefundSubject = strings.Repeat("退", 101) }), "refund_subject"},
		"refund of no order":    {who(func(r *fufu.RefundRequest) { r.OrderNo = "" }), "out_trade_no"},
		"refund of a bad order": {who(func(r *fufu.RefundRequest) { r.OrderNo = "D P" }), "out_trade_no"},
		"refund of a bad trade": {who(func(r *fufu.RefundRequest) { r.TradeNo = "T\t" }), "trade_no"},
		"refund of no number":   {who(func(r *fufu.RefundRequest) { r.RefundNo = "" }), "out_refund_no"},
		"refund of bad number":  {who(func(r *fufu.RefundRequest) { r.RefundNo = "R 1" }), "out_refund_no"},
		"refund of long number": {who(func(r *fufu.RefundRequest) { r.RefundNo = strings.Repeat("r", 51) }), "out_refund_no"},
		"refund in yuans":       {who(func(r *fufu.RefundRequest) { r.FeeType = "CHY" }), "fee_type"},
		"refund query of nothing": {func() error {
			_, err := c.RefundQuery(ctx, fufu.RefundQueryRequest{OperatorID: "o", TerminalID: "t"})
			return err
		}, "out_trade_no"},
		"refund query of a bad one": {func() error {
			_, err := c.RefundQuery(ctx, fufu.RefundQueryRequest{OperatorID: "o", TerminalID: "t", RefundNo: "R 1"})
			return err
		}, "out_trade_no"},
		"refund query by nobody": {func() error {
			_, err := c.RefundQuery(ctx, fufu.RefundQueryRequest{TerminalID: "t", RefundNo: "1"})
			return err
		}, "operator_id"},
		"refund query from nowhere": {func() error {
			_, err := c.RefundQuery(ctx, fufu.RefundQueryRequest{OperatorID: "o", RefundNo: "1"})
			return err
		}, "terminal_id"},
		"prepare for what wallet": {func() error {
			_, err := fufu.Gateway{Client: c}.Prepare(ctx, duopay.Order{OrderNo: "1", Amount: duopay.MustMoney("1"), Subject: "s", Channel: duopay.UnionPay})
			return err
		}, "channel_type"},
		"prepare a page for any wallet": {func() error {
			_, err := fufu.Gateway{Client: c}.Prepare(ctx, duopay.Order{OrderNo: "1", Amount: duopay.MustMoney("1"), Subject: "s", Buyer: "b"})
			return err
		}, "channel_type"},
		"neutral refund without reason": {func() error {
			_, err := fufu.Gateway{Client: c, OperatorID: "o", TerminalID: "t"}.Refund(ctx, duopay.Refund{OrderNo: "1", RefundNo: "2", Amount: duopay.MustMoney("1")})
			return err
		}, "refund_subject"},
	} {
		t.Run(name, func(t *testing.T) {
			fields := broken(t, test.call())
			assert.Contains(t, fields, test.field)
			assert.Len(t, fields, 1)
		})
	}

	for _, content := range []any{[]int{1}, func() {}, "text", map[string]string{"busi_id": "1"}} {
		_, err := c.Call(ctx, "query", content)
		require.ErrorIs(t, err, duopay.Invalid)
	}
	for _, operation := range []string{"", "../query", "a/b", "query?x=1", "que ry", "查询"} {
		_, err := c.Call(ctx, operation, nil)
		require.ErrorIs(t, err, duopay.Invalid)
	}
}

func TestInvalidConfig(t *testing.T) {
	good := fufu.Config{BaseURL: fufu.Secure, BusiID: "581010199011345", Key: duopay.NewSecret("k")}
	_, err := fufu.New(good)
	require.NoError(t, err)
	for name, change := range map[string]func(*fufu.Config){
		"no address":         func(c *fufu.Config) { c.BaseURL = "" },
		"relative address":   func(c *fufu.Config) { c.BaseURL = "/gateway/pay" },
		"the manual's own":   func(c *fufu.Config) { c.BaseURL = fufu.Production },
		"plain http":         func(c *fufu.Config) { c.BaseURL = "http://10.0.0.1/gateway/pay" },
		"another scheme":     func(c *fufu.Config) { c.BaseURL = "ftp://www.ffdzpay.com" },
		"address with key":   func(c *fufu.Config) { c.BaseURL = "https://user:pass@www.ffdzpay.com" },
		"address with query": func(c *fufu.Config) { c.BaseURL = "https://www.ffdzpay.com/?a=b" },
		"no merchant":        func(c *fufu.Config) { c.BusiID = "" },
		"merchant too long":  func(c *fufu.Config) { c.BusiID = strings.Repeat("1", 33) },
		"merchant padded":    func(c *fufu.Config) { c.BusiID = "581010199011345 " },
		"no key":             func(c *fufu.Config) { c.Key = duopay.NewSecret("") },
	} {
		t.Run(name, func(t *testing.T) {
			config := good
			change(&config)
			c, err := fufu.New(config)
			require.ErrorIs(t, err, duopay.Invalid)
			assert.Nil(t, c)
			assert.NotContains(t, err.Error(), "pass@")
		})
	}
	_, err = fufu.New(good, duopay.WithHTTPClient(nil))
	require.ErrorIs(t, err, duopay.Invalid)
	for _, address := range []string{"http://127.0.0.1:8080", "http://[::1]:8080/", "http://localhost/gateway/pay"} {
		good.BaseURL = address
		_, err = fufu.New(good)
		require.NoError(t, err, "plain http is for the loopback interface")
	}
	good.BaseURL = fufu.Production
	_, err = fufu.New(good, duopay.WithPlainHTTP())
	require.NoError(t, err)
}

// The values that answers write in more than one form.
func TestLiterals(t *testing.T) {
	for text, want := range map[fufu.Amount]duopay.Fen{"0": 0, "1": 1, "9999999999": 9999999999} {
		fen, err := text.Fen()
		require.NoError(t, err)
		assert.Equal(t, want, fen)
	}
	for _, text := range []fufu.Amount{"", "-1", "+1", "01", "1.0", "1e2", " 1", "１", "99999999999999999999"} {
		_, err := text.Fen()
		require.Error(t, err, string(text))
	}
	rate, err := fufu.Rate("4.930000000000000000001").Decimal()
	require.NoError(t, err)
	assert.Equal(t, "4.930000000000000000001", rate.String())
	for _, text := range []fufu.Rate{"", ".", "1.2.3", "-1", "1e1000000", "1e2", "4,93", fufu.Rate(strings.Repeat("1", 41))} {
		_, err := text.Decimal()
		require.Error(t, err, string(text))
	}
	for _, text := range []fufu.Time{"", "2017071115000", "20171311150000", "2017-07-11 15:00:00", "20170711150000 "} {
		_, err := text.Time()
		require.Error(t, err, string(text))
	}
	paid := fufu.Order{State: fufu.StatePaid, EndTime: "20170711150000"}
	assert.Equal(t, "2017-07-11T15:00:00+08:00", paid.PaidAt().Format("2006-01-02T15:04:05Z07:00"))
	paid.TimeZone = "Asia/Bangkok"
	assert.True(t, paid.PaidAt().IsZero(), "whose time it is, nobody knows")
	paid.TimeZone, paid.State = "", fufu.StateWaiting
	assert.True(t, paid.PaidAt().IsZero())
	for text, want := range map[string]string{`"MDEwMDAwMDE="`: "01000001", `"table 7"`: "table 7", `null`: "", `7`: "7", `""`: ""} {
		var p fufu.Param
		require.NoError(t, p.UnmarshalJSON([]byte(text)))
		assert.Equal(t, want, string(p))
	}
}
