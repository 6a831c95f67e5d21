package guanaitong_test

import (
	"bytes"
	"context"
	"crypto"
	"flag"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/duopay/duopay"
	"github.com/duopay/duopay/guanaitong"
	"github.com/duopay/duopay/guanaitong/guanaitongtest"
)

var update = flag.Bool("update", false, "write the requests under testdata anew")

// Two apps: the enterprise's, which pays, and the seller's, of the manual.
const (
	callerID     = "90000001"
	callerSecret = "test-secret-guanaitong-caller-01"
	sellerID     = "20110783"
	sellerSecret = "test-secret-guanaitong-seller-02"
)

// noon is the clock of the tests: 2099-01-02 12:00 in China.
var noon = time.Date(2099, 1, 2, 4, 0, 0, 0, time.UTC)

func fixedClock() duopay.Option { return duopay.WithClock(func() time.Time { return noon }) }

// roundTrip is a transport in a function.
type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// reply returns an answer with a body.
func reply(status int, body []byte) *http.Response {
	return &http.Response{StatusCode: status, Header: http.Header{"X-Trace-Id": {"trace-1"}}, Body: io.NopCloser(bytes.NewReader(body))}
}

// answering returns a client whose every request is answered with body.
func answering(t testing.TB, body string, options ...duopay.Option) *guanaitong.Client {
	t.Helper()
	return over(t, roundTrip(func(*http.Request) (*http.Response, error) { return reply(http.StatusOK, []byte(body)), nil }), nil, options...)
}

// goldenToken is what the fake calls its first token.
const goldenToken = "677578fa480df7daa517233a6a8ac2ec"

// over returns a client of the caller's app that sends through transport, once,
// and has a token.
func over(t testing.TB, transport http.RoundTripper, change func(*guanaitong.Config), options ...duopay.Option) *guanaitong.Client {
	t.Helper()
	options = append([]duopay.Option{
		duopay.WithHTTPClient(&http.Client{Transport: transport}), duopay.WithAttempts(1), fixedClock(),
	}, options...)
	config := guanaitong.Config{
		BaseURL: "https://guanaitong.invalid/", AppID: callerID, Secret: duopay.NewSecret(callerSecret),
		Secrets: map[string]duopay.Secret{sellerID: duopay.NewSecret(sellerSecret)}, Tokens: always(goldenToken),
	}
	if change != nil {
		change(&config)
	}
	c, err := guanaitong.New(config, options...)
	require.NoError(t, err)
	return c
}

// always returns a store whose token never ends.
func always(token string) guanaitong.TokenStore { return endless{duopay.NewSecret(token)} }

type endless struct{ token duopay.Secret }

func (e endless) Get(context.Context, string) (guanaitong.Token, error) {
	end := noon.AddDate(1000, 0, 0)
	return guanaitong.Token{Value: e.token, RefreshAt: end, ExpiresAt: end}, nil
}
func (endless) Put(context.Context, string, guanaitong.Token) error        { return nil }
func (endless) Invalidate(context.Context, string, guanaitong.Token) error { return nil }

func golden(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	require.NoError(t, err)
	return data
}

func money(yuan string) duopay.Money { return duopay.MustMoney(yuan) }

// manualPay is the request of the manual's sample.
func manualPay() guanaitong.PayRequest {
	return guanaitong.PayRequest{
		AuthCode: "828544880731AA6035EA247DDF72FD65229F7F27", SellerAppID: sellerID, OrderNo: "201107831558403602084",
		PayType: guanaitong.PayQuota, Point: money("10.2"), Reason: "测试支付", AccountOpenID: "c2e74b2af66bf79921281ea8d5b38d7c",
		ReturnURL: "http://10.100.32.228:8087/open/return", NotifyURL: "http://10.100.32.228:8087/open/notify",
		TradeInfo: guanaitong.TradeInfo{
			TradeNo: "1212", TotalAmount: money("1"), PayAmount: money("1"),
			Goods: []guanaitong.Goods{{SKUID: "2", Name: "2", Quantity: 2, Price: money("2"), PayAmount: new(money("2"))}},
		},
	}
}

// fullPay has every field set.
func fullPay() guanaitong.PayRequest {
	goods := []guanaitong.Goods{
		{SKUID: "B-1", Name: `咖啡 "大" & <甜>`, Quantity: 2, Price: money("15"), PayAmount: new(money("14.4")), CostAmount: money("12")},
		{SKUID: "B-2", Name: "gift", Quantity: 1, Price: money("0.01"), PayAmount: new(money("0"))},
	}
	return guanaitong.PayRequest{
		AuthCode: "AAAABBBBCCCCDDDDEEEEFFFF0000111122223333", SellerAppID: sellerID, OrderNo: sellerID + "-A_1",
		PayType: guanaitong.PayPoints, Point: money("99999999.99"), Reason: "下午茶 100% a+b=c&d", AccountOpenID: strings.Repeat("0", 31) + "1",
		ReturnURL: "https://shop.example/pay/return?shop=1", NotifyURL: "https://shop.example/pay/notify", Attach: "桌号=7; a+b %41 /\\",
		TradeInfo: guanaitong.TradeInfo{
			TradeNo: "T-3", TotalAmount: money("66"), PayAmount: money("60"), CostAmount: money("50"),
			SubOrders: []guanaitong.SubOrder{
				{TradeNo: "T-3-1", TotalAmount: money("36"), PayAmount: money("30"), CostAmount: money("25"), Goods: goods},
				{TradeNo: "T-3-2", DeliveryFee: money("6.5"), TotalAmount: money("30"), PayAmount: money("30"), CostAmount: money("25"), Goods: goods[:1]},
			},
		},
	}
}

func manualRefund() guanaitong.RefundRequest {
	return guanaitong.RefundRequest{
		OrderNo: "201107831558403602084", RefundNo: "20110783R0001", Reason: "部分退款", RefundAmount: money("2.5"),
		CostAmount: new(money("0")), DeliveryFee: new(money("1")), NotifyURL: "https://shop.example/pay/refund-notify",
	}
}

// goldens are all operations, each with a request of its own. name is the stem
// of the files under testdata: the request byte for byte, and a reply.
var goldens = []struct {
	name   string
	path   string
	change func(*guanaitong.Config)
	call   func(context.Context, *guanaitong.Client) (any, error)
}{
	{"token", guanaitongtest.PathToken, func(c *guanaitong.Config) { c.Tokens = nil }, func(ctx context.Context, c *guanaitong.Client) (any, error) {
		return c.Token(ctx)
	}},
	{"pay", guanaitongtest.PathPay, nil, func(ctx context.Context, c *guanaitong.Client) (any, error) {
		return c.Pay(ctx, manualPay()) // the manual's message
	}},
	{"pay-full", guanaitongtest.PathPay, withAppID, func(ctx context.Context, c *guanaitong.Client) (any, error) {
		return c.Pay(ctx, fullPay()) // every field
	}},
	{"pay-split", guanaitongtest.PathPay, func(c *guanaitong.Config) { c.Placement = guanaitong.Split }, func(ctx context.Context, c *guanaitong.Client) (any, error) {
		return c.Pay(ctx, manualPay())
	}},
	{"pay-query", guanaitongtest.PathPay, func(c *guanaitong.Config) { c.Placement = guanaitong.InQuery }, func(ctx context.Context, c *guanaitong.Client) (any, error) {
		return c.Pay(ctx, manualPay()) // the manual's picture
	}},
	{"pay-sha256", guanaitongtest.PathPay, func(c *guanaitong.Config) { c.SignType = guanaitong.SHA256 }, func(ctx context.Context, c *guanaitong.Client) (any, error) {
		return c.Pay(ctx, manualPay())
	}},
	{"auth-code-mobile", guanaitongtest.PathAuthCodeByMobile, nil, func(ctx context.Context, c *guanaitong.Client) (any, error) {
		return c.AuthCodeByMobile(ctx, guanaitong.AuthCodeByMobileRequest{Mobile: "13000000000", MobileArea: "86", EnterpriseCode: "E90000001"})
	}},
	{"auth-code-corp-code", guanaitongtest.PathAuthCodeByCorpCode, nil, func(ctx context.Context, c *guanaitong.Client) (any, error) {
		return c.AuthCodeByCorpCode(ctx, guanaitong.AuthCodeByCorpCodeRequest{CorpCode: "0001"})
	}},
	{"auth-code-email", guanaitongtest.PathAuthCodeByEmail, nil, func(ctx context.Context, c *guanaitong.Client) (any, error) {
		return c.AuthCodeByEmail(ctx, guanaitong.AuthCodeByEmailRequest{Email: "han.meimei@example.com"})
	}},
	{"accounts", guanaitongtest.PathAccounts, nil, func(ctx context.Context, c *guanaitong.Client) (any, error) {
		return c.Accounts(ctx, guanaitong.AccountsRequest{UserID: "U0001", ThirdType: 5})
	}},
	{"consume", guanaitongtest.PathConsume, nil, func(ctx context.Context, c *guanaitong.Client) (any, error) {
		return c.Consume(ctx, guanaitong.ConsumeRequest{TradeNo: "2099010200000001", OrderNo: "201107831558403602084", Amount: money("10.2")})
	}},
	{"consume-list", guanaitongtest.PathConsumeList, nil, func(ctx context.Context, c *guanaitong.Client) (any, error) {
		// 16:00 UTC is the next day in China.
		return c.ConsumeList(ctx, guanaitong.ConsumeListRequest{
			PageIndex: 1, PageSize: 20, TimeStart: guanaitong.DayOf(noon.Add(-12 * time.Hour)), TimeEnd: guanaitong.DayOf(noon.Add(12 * time.Hour)),
			ContainFeeTrade: new(0), EnterpriseCode: "E90000001",
		})
	}},
	{"pay-record", guanaitongtest.PathRecord, asSeller, func(ctx context.Context, c *guanaitong.Client) (any, error) {
		return c.PayRecord(ctx, guanaitong.PayRecordRequest{OrderNo: "201107831558403602084"})
	}},
	{"refund", guanaitongtest.PathRefund, asSeller, func(ctx context.Context, c *guanaitong.Client) (any, error) {
		return c.Refund(ctx, manualRefund())
	}},
	{"refund-record", guanaitongtest.PathRefundRecord, asSeller, func(ctx context.Context, c *guanaitong.Client) (any, error) {
		return c.RefundRecord(ctx, guanaitong.RefundRecordRequest{RefundNo: "20110783R0001"})
	}},
	{"call", guanaitongtest.PathRecord, asSeller, func(ctx context.Context, c *guanaitong.Client) (any, error) {
		return c.Call(ctx, "/seller/pay/record", map[string]string{"outer_trade_no": " 201107831558403602084\t", "version": "1.0.2", "nothing": ""})
	}},
	{"call-json", "/seller/v3/pay/getResult", asSeller, func(ctx context.Context, c *guanaitong.Client) (any, error) {
		return c.CallJSON(ctx, "/seller/v3/pay/getResult", "1.0.1", map[string]string{"outerTradeNo": "201107831558403602084", "remark": "<&> 备注"})
	}},
}

func withAppID(c *guanaitong.Config) { c.IncludeAppID = true }

func asSeller(c *guanaitong.Config) {
	c.AppID, c.Secret, c.Secrets = sellerID, duopay.NewSecret(sellerSecret), nil
}

// Every operation sends exactly these bytes, and gets its reply back whole.
func TestGolden(t *testing.T) {
	for _, op := range goldens {
		t.Run(op.name, func(t *testing.T) {
			var sent string
			answer := golden(t, op.name+"-reply.json")
			c := over(t, roundTrip(func(r *http.Request) (*http.Response, error) {
				body, _ := io.ReadAll(r.Body)
				sent = r.URL.RequestURI() + "\n" + string(body)
				assert.Equal(t, "guanaitong.invalid", r.URL.Host)
				assert.Equal(t, http.MethodPost, r.Method)
				assert.Equal(t, mediaType(op.name), r.Header.Get("Content-Type"))
				assert.EqualValues(t, len(body), r.ContentLength)
				return reply(http.StatusOK, answer), nil
			}), op.change)
			_, err := op.call(t.Context(), c)
			require.NoError(t, err)
			if *update {
				require.NoError(t, os.WriteFile(filepath.Join("testdata", op.name+"-request.txt"), []byte(sent), 0o600))
			}
			assert.Equal(t, string(golden(t, op.name+"-request.txt")), sent)
			assert.True(t, strings.HasPrefix(sent, op.path))
		})
	}
}

func mediaType(name string) string {
	if name == "call-json" {
		return "application/json; charset=utf-8"
	}
	return "application/x-www-form-urlencoded"
}

// manualFake is a platform of the manual's time and apps, at which the codes of
// the requests above are good.
func manualFake(t *testing.T) *guanaitongtest.Server {
	t.Helper()
	server := guanaitongtest.NewUnstartedServer()
	server.Caller, server.Seller = guanaitongtest.App{ID: callerID, Secret: callerSecret}, guanaitongtest.App{ID: sellerID, Secret: sellerSecret}
	server.SetClock(func() time.Time { return noon })
	employee, _ := server.Employee("U0001")
	employee.Accounts[1].OpenID = manualPay().AccountOpenID
	server.SetEmployee(employee)
	for _, code := range []string{manualPay().AuthCode, fullPay().AuthCode} {
		require.NoError(t, server.SetAuthCode("U0001", code))
	}
	return server
}

// The requests under testdata are also what the fake, which has a signer of its
// own, takes for signed and well-formed.
func TestGoldenRequestsAreTakenByTheFake(t *testing.T) {
	for _, op := range goldens {
		t.Run(op.name, func(t *testing.T) {
			server := manualFake(t)
			if op.name == "pay-sha256" {
				server.Hash = crypto.SHA256
			}
			if op.name != "token" {
				token, err := over(t, server.Transport(), func(config *guanaitong.Config) {
					if op.change != nil {
						op.change(config)
					}
					config.Tokens = nil
				}).Token(t.Context())
				require.NoError(t, err)
				require.Equal(t, goldenToken, token.Value.Reveal())
			}
			client := &http.Client{Transport: server.Transport()}
			address, body, _ := strings.Cut(string(golden(t, op.name+"-request.txt")), "\n")
			answer, err := client.Post(server.URL+address, mediaType(op.name), strings.NewReader(body))
			require.NoError(t, err)
			defer answer.Body.Close()
			text, err := io.ReadAll(answer.Body)
			require.NoError(t, err)
			switch op.name {
			case "call-json":
				assert.Contains(t, string(text), "1000210005", "it has none of these, but the signature was right")
			case "pay-full":
				assert.Contains(t, string(text), "1001220005", "all but the money is there")
			case "consume", "pay-record", "refund", "refund-record", "call":
				assert.Contains(t, string(text), "1000220002", "all but the order is there")
			default:
				assert.Contains(t, string(text), `"code":0`)
			}
		})
	}
}
