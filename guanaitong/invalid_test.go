package guanaitong_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/duopay/duopay"
	"github.com/duopay/duopay/guanaitong"
)

// forbidden returns a client that fails the test if it sends anything.
func forbidden(t *testing.T) *guanaitong.Client {
	t.Helper()
	return over(t, roundTrip(func(*http.Request) (*http.Response, error) {
		t.Error("a request was sent")
		return nil, io.ErrUnexpectedEOF
	}), noTokens)
}

// violated returns the violations of an invalid request, by field.
func violated(t *testing.T, err error) map[string]string {
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

func TestInvalidPay(t *testing.T) {
	c := forbidden(t)
	long := strings.Repeat
	for _, test := range []struct {
		name   string
		change func(*guanaitong.PayRequest)
		field  string
	}{
		{"code missing", func(r *guanaitong.PayRequest) { r.AuthCode = "" }, "auth_code"},
		{"code with a blank", func(r *guanaitong.PayRequest) { r.AuthCode = "A B" }, "auth_code"},
		{"code with a line end", func(r *guanaitong.PayRequest) { r.AuthCode = "AB\n" }, "auth_code"},
		{"code in Chinese", func(r *guanaitong.PayRequest) { r.AuthCode = "授权码" }, "auth_code"},
		{"code of 65", func(r *guanaitong.PayRequest) { r.AuthCode = long("A", 65) }, "auth_code"},
		{"seller missing", func(r *guanaitong.PayRequest) { r.SellerAppID = "" }, "seller_appid"},
		{"seller too long", func(r *guanaitong.PayRequest) {
			r.SellerAppID = long("2", 33)
			r.OrderNo = long("2", 30)
		}, "seller_appid"},
		{"seller with a blank", func(r *guanaitong.PayRequest) { r.SellerAppID = "2011 " }, "seller_appid"},
		{"number missing", func(r *guanaitong.PayRequest) { r.OrderNo = "" }, "outer_trade_no"},
		{"number of another seller", func(r *guanaitong.PayRequest) { r.OrderNo = "201107841558403602084" }, "outer_trade_no"},
		{"number of 9", func(r *guanaitong.PayRequest) { r.OrderNo = sellerID + "1" }, "outer_trade_no"},
		{"number of 31", func(r *guanaitong.PayRequest) { r.OrderNo = sellerID + long("1", 23) }, "outer_trade_no"},
		{"number with a blank", func(r *guanaitong.PayRequest) { r.OrderNo = sellerID + " 001" }, "outer_trade_no"},
		{"number with a blank behind", func(r *guanaitong.PayRequest) { r.OrderNo = sellerID + "001 " }, "outer_trade_no"},
		{"number with &", func(r *guanaitong.PayRequest) { r.OrderNo = sellerID + "&x=1" }, "outer_trade_no"},
		{"number in Chinese", func(r *guanaitong.PayRequest) { r.OrderNo = sellerID + "订单" }, "outer_trade_no"},
		{"type missing", func(r *guanaitong.PayRequest) { r.PayType = 0 }, "pay_type"},
		{"type 3", func(r *guanaitong.PayRequest) { r.PayType = 3 }, "pay_type"},
		{"type 4, the account's", func(r *guanaitong.PayRequest) { r.PayType = 4 }, "pay_type"},
		{"type -1", func(r *guanaitong.PayRequest) { r.PayType = -1 }, "pay_type"},
		{"point 0", func(r *guanaitong.PayRequest) { r.Point = duopay.Money{} }, "point"},
		{"point below 0", func(r *guanaitong.PayRequest) { r.Point = money("-0.01") }, "point"},
		{"point 100000000", func(r *guanaitong.PayRequest) { r.Point = money("100000000") }, "point"},
		{"reason missing", func(r *guanaitong.PayRequest) { r.Reason = "" }, "reason"},
		{"reason blank", func(r *guanaitong.PayRequest) { r.Reason = " \t" }, "reason"},
		{"reason of 255", func(r *guanaitong.PayRequest) { r.Reason = long("餐", 255) }, "reason"},
		{"account of 33", func(r *guanaitong.PayRequest) { r.AccountOpenID = long("a", 33) }, "account_openid"},
		{"account with a blank", func(r *guanaitong.PayRequest) { r.AccountOpenID = "a b" }, "account_openid"},
		{"return missing", func(r *guanaitong.PayRequest) { r.ReturnURL = "" }, "return_url"},
		{"return relative", func(r *guanaitong.PayRequest) { r.ReturnURL = "/pay/return" }, "return_url"},
		{"return without scheme", func(r *guanaitong.PayRequest) { r.ReturnURL = "//shop.example/return" }, "return_url"},
		{"return of another scheme", func(r *guanaitong.PayRequest) { r.ReturnURL = "ftp://shop.example/return" }, "return_url"},
		{"return of 2001", func(r *guanaitong.PayRequest) { r.ReturnURL = "https://shop.example/" + long("r", 1980) }, "return_url"},
		{"return with a field of the page", func(r *guanaitong.PayRequest) { r.ReturnURL += "?pay_result=success" }, "return_url"},
		{"notify missing", func(r *guanaitong.PayRequest) { r.NotifyURL = "" }, "notify_url"},
		{"notify relative", func(r *guanaitong.PayRequest) { r.NotifyURL = "pay/notify" }, "notify_url"},
		{"notify of 255", func(r *guanaitong.PayRequest) { r.NotifyURL = "https://shop.example/" + long("n", 234) }, "notify_url"},
		{"attach with &", func(r *guanaitong.PayRequest) { r.Attach = "a&b" }, "attach"},
		{"attach with a line end", func(r *guanaitong.PayRequest) { r.Attach = "a\nb" }, "attach"},
		{"attach with DEL", func(r *guanaitong.PayRequest) { r.Attach = "a\x7f" }, "attach"},
		{"attach with a blank before", func(r *guanaitong.PayRequest) { r.Attach = " a" }, "attach"},
		{"attach with a blank behind", func(r *guanaitong.PayRequest) { r.Attach = "a " }, "attach"},
		{"attach of a blank", func(r *guanaitong.PayRequest) { r.Attach = " " }, "attach"},
		{"attach of no text", func(r *guanaitong.PayRequest) { r.Attach = "\xff" }, "attach"},
		{"attach of 101", func(r *guanaitong.PayRequest) { r.Attach = long("附", 101) }, "attach"},
		{"own number missing", func(r *guanaitong.PayRequest) { r.TradeInfo.TradeNo = "" }, "trade_info.third_trade_no"},
		{"own number of 51", func(r *guanaitong.PayRequest) { r.TradeInfo.TradeNo = long("1", 51) }, "trade_info.third_trade_no"},
		{"total 0", func(r *guanaitong.PayRequest) { r.TradeInfo.TotalAmount = duopay.Money{} }, "trade_info.third_total_amount"},
		{"pay 0", func(r *guanaitong.PayRequest) { r.TradeInfo.PayAmount = duopay.Money{} }, "trade_info.third_pay_amount"},
		{"pay too much", func(r *guanaitong.PayRequest) { r.TradeInfo.PayAmount = money("100000000") }, "trade_info.third_pay_amount"},
		{"cost below 0", func(r *guanaitong.PayRequest) { r.TradeInfo.CostAmount = money("-0.01") }, "trade_info.third_cost_amount"},
		{"neither", func(r *guanaitong.PayRequest) { r.TradeInfo.Goods = nil }, "trade_info.goods_detail"},
		{"both", func(r *guanaitong.PayRequest) { r.TradeInfo.SubOrders = fullPay().TradeInfo.SubOrders }, "trade_info.goods_detail"},
		{"goods without number", func(r *guanaitong.PayRequest) { r.TradeInfo.Goods[0].SKUID = "" }, "trade_info.goods_detail[0].sku_id"},
		{"goods of a long number", func(r *guanaitong.PayRequest) { r.TradeInfo.Goods[0].SKUID = long("s", 51) }, "trade_info.goods_detail[0].sku_id"},
		{"goods without name", func(r *guanaitong.PayRequest) { r.TradeInfo.Goods[0].Name = "" }, "trade_info.goods_detail[0].name"},
		{"goods of a name of 51", func(r *guanaitong.PayRequest) { r.TradeInfo.Goods[0].Name = long("咖", 51) }, "trade_info.goods_detail[0].name"},
		{"goods of quantity 0", func(r *guanaitong.PayRequest) { r.TradeInfo.Goods[0].Quantity = 0 }, "trade_info.goods_detail[0].quantity"},
		{"goods of quantity -1", func(r *guanaitong.PayRequest) { r.TradeInfo.Goods[0].Quantity = -1 }, "trade_info.goods_detail[0].quantity"},
		{"goods of no price", func(r *guanaitong.PayRequest) { r.TradeInfo.Goods[0].Price = duopay.Money{} }, "trade_info.goods_detail[0].good_price"},
		{"goods paid below 0", func(r *guanaitong.PayRequest) { r.TradeInfo.Goods[0].PayAmount = new(money("-1")) }, "trade_info.goods_detail[0].good_pay_amount"},
		{"goods of too high a cost", func(r *guanaitong.PayRequest) { r.TradeInfo.Goods[0].CostAmount = money("100000000") }, "trade_info.goods_detail[0].good_cost_amount"},
		{"over 4000", func(r *guanaitong.PayRequest) {
			for range 40 {
				r.TradeInfo.Goods = append(r.TradeInfo.Goods, r.TradeInfo.Goods[0])
			}
		}, "trade_info"},
		{"sub-order without number", func(r *guanaitong.PayRequest) { sub(r).TradeNo = "" }, "trade_info.third_orders[1].third_sub_trade_no"},
		{"sub-order of a long number", func(r *guanaitong.PayRequest) { sub(r).TradeNo = long("1", 51) }, "trade_info.third_orders[1].third_sub_trade_no"},
		{"sub-order of a negative fee", func(r *guanaitong.PayRequest) { sub(r).DeliveryFee = money("-1") }, "trade_info.third_orders[1].third_sub_delivery_fee"},
		{"sub-order of total 0", func(r *guanaitong.PayRequest) { sub(r).TotalAmount = duopay.Money{} }, "trade_info.third_orders[1].third_sub_total_amount"},
		{"sub-order of pay 0", func(r *guanaitong.PayRequest) { sub(r).PayAmount = duopay.Money{} }, "trade_info.third_orders[1].third_sub_pay_amount"},
		{"sub-order of a negative cost", func(r *guanaitong.PayRequest) { sub(r).CostAmount = money("-1") }, "trade_info.third_orders[1].third_sub_cost_amount"},
		{"sub-order without goods", func(r *guanaitong.PayRequest) { sub(r).Goods = nil }, "trade_info.third_orders[1].goods_detail"},
		{"sub-order of no quantity", func(r *guanaitong.PayRequest) { sub(r).Goods[0].Quantity = 0 }, "trade_info.third_orders[1].goods_detail[0].quantity"},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := manualPay()
			test.change(&r)
			_, err := c.Pay(t.Context(), r)
			fields := violated(t, err)
			assert.Contains(t, fields, test.field)
			assert.Contains(t, err.Error(), test.field+" "+fields[test.field])
			if test.field != "seller_appid" || r.SellerAppID == "" { // else no number begins with it
				assert.Len(t, fields, 1, "%v", fields)
			}
		})
	}
}

// sub gives a request two sub-orders and returns the second.
func sub(r *guanaitong.PayRequest) *guanaitong.SubOrder {
	r.TradeInfo.Goods, r.TradeInfo.SubOrders = nil, fullPay().TradeInfo.SubOrders
	last := &r.TradeInfo.SubOrders[1]
	last.Goods = append([]guanaitong.Goods(nil), last.Goods...)
	return last
}

// All violations come at once.
func TestInvalidAllAtOnce(t *testing.T) {
	_, err := forbidden(t).Pay(t.Context(), guanaitong.PayRequest{AuthCode: "a b", SellerAppID: "1", Attach: "&"})
	fields := violated(t, err)
	for _, field := range []string{
		"auth_code", "outer_trade_no", "pay_type", "point", "reason", "return_url", "notify_url", "attach", "trade_info.third_trade_no", "trade_info.goods_detail",
	} {
		assert.Contains(t, fields, field)
	}
}

// What looks odd and is right.
func TestValidPay(t *testing.T) {
	for name, change := range map[string]func(*guanaitong.PayRequest){
		"code of 64":              func(r *guanaitong.PayRequest) { r.AuthCode = strings.Repeat("A", 64) },
		"number of 10":            func(r *guanaitong.PayRequest) { r.OrderNo = sellerID + "01" },
		"number of 30":            func(r *guanaitong.PayRequest) { r.OrderNo = sellerID + strings.Repeat("1", 22) },
		"the manual's number":     func(r *guanaitong.PayRequest) { r.SellerAppID, r.OrderNo = "1000000", "1000000122" },
		"1 fen":                   func(r *guanaitong.PayRequest) { r.Point = duopay.Fen(1).Money() },
		"largest amount":          func(r *guanaitong.PayRequest) { r.Point = money("99999999.99") },
		"254 Chinese characters":  func(r *guanaitong.PayRequest) { r.Reason = strings.Repeat("餐", 254) },
		"100 Chinese characters":  func(r *guanaitong.PayRequest) { r.Attach = strings.Repeat("附", 100) },
		"attach with = and %":     func(r *guanaitong.PayRequest) { r.Attach = "%26=a b" },
		"a query of its own":      func(r *guanaitong.PayRequest) { r.ReturnURL += "?shop=1" },
		"no account":              func(r *guanaitong.PayRequest) { r.AccountOpenID = "" },
		"amounts that do not add": func(r *guanaitong.PayRequest) { r.TradeInfo.PayAmount = money("7") },
		"free goods":              func(r *guanaitong.PayRequest) { r.TradeInfo.Goods[0].PayAmount = new(duopay.Money{}) },
		"name of 50":              func(r *guanaitong.PayRequest) { r.TradeInfo.Goods[0].Name = strings.Repeat("咖", 50) },
		"sub-orders":              func(r *guanaitong.PayRequest) { sub(r) },
	} {
		t.Run(name, func(t *testing.T) {
			r := manualPay()
			change(&r)
			_, err := answering(t, `{"code":0,"msg":"OK","data":"1"}`).Pay(t.Context(), r)
			assert.NoError(t, err)
		})
	}
}

func TestInvalidOthers(t *testing.T) {
	c, ctx := forbidden(t), t.Context()
	refund := func(change func(*guanaitong.RefundRequest)) func() error {
		return func() error {
			r := manualRefund()
			r.OrderNo, r.RefundNo = callerID+"0001", callerID+"R001"
			change(&r)
			_, err := c.Refund(ctx, r)
			return err
		}
	}
	list := func(change func(*guanaitong.ConsumeListRequest)) func() error {
		return func() error {
			r := guanaitong.ConsumeListRequest{PageIndex: 1, PageSize: 1, TimeStart: guanaitong.DayOf(noon), TimeEnd: guanaitong.DayOf(noon)}
			change(&r)
			_, err := c.ConsumeList(ctx, r)
			return err
		}
	}
	for name, test := range map[string]struct {
		call  func() error
		field string
	}{
		"no mobile": {func() error {
			_, err := c.AuthCodeByMobile(ctx, guanaitong.AuthCodeByMobileRequest{})
			return err
		}, "mobile"},
		"short mobile": {func() error {
			_, err := c.AuthCodeByMobile(ctx, guanaitong.AuthCodeByMobileRequest{Mobile: "12345"})
			return err
		}, "mobile"},
		"long mobile": {func() error {
			_, err := c.AuthCodeByMobile(ctx, guanaitong.AuthCodeByMobileRequest{Mobile: strings.Repeat("1", 21)})
			return err
		}, "mobile"},
		"long enterprise": {func() error {
			_, err := c.AuthCodeByMobile(ctx, guanaitong.AuthCodeByMobileRequest{Mobile: "13000000000", EnterpriseCode: strings.Repeat("1", 21)})
			return err
		}, "enterprise_code"},
		"nobody": {func() error {
			_, err := c.AuthCodeByCorpCode(ctx, guanaitong.AuthCodeByCorpCodeRequest{})
			return err
		}, "userid"},
		"two": {func() error {
			_, err := c.AuthCodeByCorpCode(ctx, guanaitong.AuthCodeByCorpCodeRequest{UserID: "1", CorpCode: "2"})
			return err
		}, "userid"},
		"long staff number": {func() error {
			_, err := c.AuthCodeByCorpCode(ctx, guanaitong.AuthCodeByCorpCodeRequest{CorpCode: strings.Repeat("1", 21)})
			return err
		}, "corp_code"},
		"no mail": {func() error {
			_, err := c.AuthCodeByEmail(ctx, guanaitong.AuthCodeByEmailRequest{})
			return err
		}, "email"},
		"bad mail": {func() error {
			_, err := c.AuthCodeByEmail(ctx, guanaitong.AuthCodeByEmailRequest{Email: "han.meimei"})
			return err
		}, "email"},
		"accounts of nobody": {func() error {
			_, err := c.Accounts(ctx, guanaitong.AccountsRequest{})
			return err
		}, "userid"},
		"accounts of a blank": {func() error {
			_, err := c.Accounts(ctx, guanaitong.AccountsRequest{UserID: " "})
			return err
		}, "userid"},
		"accounts of what": {func() error {
			_, err := c.Accounts(ctx, guanaitong.AccountsRequest{UserID: "1", ThirdType: 6})
			return err
		}, "thirdType"},
		"no trade number": {func() error {
			_, err := c.Consume(ctx, guanaitong.ConsumeRequest{OrderNo: "1"})
			return err
		}, "trade_no"},
		"page 0":            {list(func(r *guanaitong.ConsumeListRequest) { r.PageIndex = 0 }), "page_index"},
		"size 0":            {list(func(r *guanaitong.ConsumeListRequest) { r.PageSize = 0 }), "page_size"},
		"no start":          {list(func(r *guanaitong.ConsumeListRequest) { r.TimeStart = guanaitong.Day{} }), "time_start"},
		"no end":            {list(func(r *guanaitong.ConsumeListRequest) { r.TimeEnd = guanaitong.Day{} }), "time_end"},
		"end before start":  {list(func(r *guanaitong.ConsumeListRequest) { r.TimeEnd = guanaitong.DayOf(noon.AddDate(0, 0, -1)) }), "time_end"},
		"record of nothing": {func() error { _, err := c.PayRecord(ctx, guanaitong.PayRecordRequest{}); return err }, "outer_trade_no"},
		"record of a short number": {func() error {
			_, err := c.RefundRecord(ctx, guanaitong.RefundRecordRequest{RefundNo: "1"})
			return err
		}, "outer_refund_no"},
		"refund of another's order":  {refund(func(r *guanaitong.RefundRequest) { r.OrderNo = sellerID + "0001" }), "outer_trade_no"},
		"refund of another's number": {refund(func(r *guanaitong.RefundRequest) { r.RefundNo = sellerID + "0001" }), "outer_refund_no"},
		"refund of a long number":    {refund(func(r *guanaitong.RefundRequest) { r.RefundNo = callerID + strings.Repeat("1", 25) }), "outer_refund_no"},
		"refund of no reason":        {refund(func(r *guanaitong.RefundRequest) { r.Reason = "" }), "reason"},
		"refund of nothing":          {refund(func(r *guanaitong.RefundRequest) { r.RefundAmount = duopay.Money{} }), "refund_amount"},
		"refund of less":             {refund(func(r *guanaitong.RefundRequest) { r.RefundAmount = money("-1") }), "refund_amount"},
		"refund of a negative cost":  {refund(func(r *guanaitong.RefundRequest) { r.CostAmount = new(money("-1")) }), "cost_amount"},
		"refund of a negative fee":   {refund(func(r *guanaitong.RefundRequest) { r.DeliveryFee = new(money("-1")) }), "delivery_fee"},
		"refund, relative URL":       {refund(func(r *guanaitong.RefundRequest) { r.NotifyURL = "/n" }), "notify_url"},
		"secret in Call": {func() error {
			_, err := c.Call(ctx, "/x", map[string]string{"appsecret": "x", "a": "1"})
			return err
		}, "appsecret"},
		"sign in Call":   {func() error { _, err := c.Call(ctx, "/x", map[string]string{" sign": "x"}); return err }, " sign"},
		"token in Call":  {func() error { _, err := c.Call(ctx, "/x", map[string]string{"access_token": "x"}); return err }, "access_token"},
		"body in Call":   {func() error { _, err := c.Call(ctx, "/x", map[string]string{"_body": "x"}); return err }, "_body"},
		"no name":        {func() error { _, err := c.Call(ctx, "/x", map[string]string{"": "x"}); return err }, ""},
		"blank in Call":  {func() error { _, err := c.Call(ctx, "/x", map[string]string{"a": " "}); return err }, "a"},
		"neutral charge": {func() error { _, err := guanaitong.Gateway{Client: c}.Charge(ctx, duopay.Charge{}); return err }, "pay_type"},
	} {
		t.Run(name, func(t *testing.T) { assert.Contains(t, violated(t, test.call()), test.field) })
	}

	for _, request := range []any{func() {}, []int{1}, "text", struct {
		A []string `url:"a"`
	}{[]string{"1", "2"}}} {
		_, err := c.Call(ctx, "/x", request)
		require.ErrorIs(t, err, duopay.Invalid)
	}
	for _, path := range []string{"", "x", "/x?a=b", "/x#a", "/x y", "/token/create", "https://guanaitong.invalid/x", "/%78"} {
		_, err := c.Call(ctx, path, nil)
		require.ErrorIs(t, err, duopay.Invalid, path)
		_, err = c.CallJSON(ctx, path, "", struct{}{})
		require.ErrorIs(t, err, duopay.Invalid, path)
	}
	for _, body := range []any{nil, func() {}, []int{1}, "text", 1} {
		_, err := c.CallJSON(ctx, "/x", "", body)
		require.ErrorIs(t, err, duopay.Invalid)
	}
	_, err := c.RequestStringToSign(guanaitong.PayRequest{})
	assert.Error(t, err)
}

// A third decimal cannot even be made.
func TestThirdDecimal(t *testing.T) {
	_, err := duopay.ParseMoney("1.005")
	require.ErrorIs(t, err, duopay.Invalid)
}

func TestInvalidConfig(t *testing.T) {
	good := guanaitong.Config{BaseURL: "https://guanaitong.invalid", AppID: "1", Secret: duopay.NewSecret("s")}
	_, err := guanaitong.New(good)
	require.NoError(t, err)
	for name, change := range map[string]func(*guanaitong.Config){
		"no address":        func(c *guanaitong.Config) { c.BaseURL = "" },
		"relative address":  func(c *guanaitong.Config) { c.BaseURL = "/gateway" },
		"plain http":        func(c *guanaitong.Config) { c.BaseURL = "http://openapi.guanaitong.com" },
		"address with key":  func(c *guanaitong.Config) { c.BaseURL = "https://user:pass@guanaitong.invalid" },
		"no app":            func(c *guanaitong.Config) { c.AppID = "" },
		"app with a blank":  func(c *guanaitong.Config) { c.AppID = "1 " },
		"app too long":      func(c *guanaitong.Config) { c.AppID = strings.Repeat("1", 33) },
		"no secret":         func(c *guanaitong.Config) { c.Secret = duopay.NewSecret("") },
		"another secret":    func(c *guanaitong.Config) { c.Secrets = map[string]duopay.Secret{"1": duopay.NewSecret("t")} },
		"an empty secret":   func(c *guanaitong.Config) { c.Secrets = map[string]duopay.Secret{"2": {}} },
		"an empty app":      func(c *guanaitong.Config) { c.Secrets = map[string]duopay.Secret{"": duopay.NewSecret("t")} },
		"unknown digest":    func(c *guanaitong.Config) { c.SignType = "sha256" },
		"unknown placement": func(c *guanaitong.Config) { c.Placement = 3 },
		"no placement":      func(c *guanaitong.Config) { c.Placement = -1 },
		"negative window":   func(c *guanaitong.Config) { c.NotificationWindow.Past = -time.Second },
		"negative ahead":    func(c *guanaitong.Config) { c.ReturnWindow.Future = -time.Second },
	} {
		t.Run(name, func(t *testing.T) {
			config := good
			change(&config)
			c, err := guanaitong.New(config)
			require.ErrorIs(t, err, duopay.Invalid)
			assert.Nil(t, c)
			assert.NotContains(t, err.Error(), "pass@")
		})
	}
	_, err = guanaitong.New(good, duopay.WithHTTPClient(nil))
	require.ErrorIs(t, err, duopay.Invalid)
	good.BaseURL = "http://127.0.0.1:8080"
	_, err = guanaitong.New(good)
	require.NoError(t, err, "plain http is for the loopback interface")
	good.Secrets = map[string]duopay.Secret{"1": duopay.NewSecret("s"), "2": duopay.NewSecret("t")}
	_, err = guanaitong.New(good)
	require.NoError(t, err)
}
