package guanaitong_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/duopay/duopay"
	"github.com/duopay/duopay/guanaitong"
	"github.com/duopay/duopay/guanaitong/guanaitongtest"
)

func jsonLogger(w io.Writer) *slog.Logger {
	return slog.New(slog.NewJSONHandler(w, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// forms returns all the ways in which a value is usually shown.
func forms(v any) []string {
	texts := []string{fmt.Sprintf("%v", v), fmt.Sprintf("%+v", v), fmt.Sprintf("%#v", v), fmt.Sprintf("%s", v)}
	var log bytes.Buffer
	jsonLogger(&log).Info("shown", "value", v)
	slog.New(slog.NewTextHandler(&log, nil)).Info("shown", "value", v)
	text, _ := json.Marshal(v)
	return append(texts, log.String(), string(text))
}

// A request that is printed keeps the code back, whatever the form.
func TestRequestForms(t *testing.T) {
	r := manualPay()
	text := r.String()
	assert.Contains(t, text, "{auth_code:[secret] seller_appid:20110783 outer_trade_no:201107831558403602084 pay_type:2 point:10.20 reason:测试支付 account_openid:[secret] ")
	assert.Equal(t, text, fmt.Sprintf("%#v", r))
	var log strings.Builder
	jsonLogger(&log).Info("x", "request", r)
	assert.Contains(t, log.String(), `"request":{"auth_code":"[secret]","seller_appid":"20110783"`)
}

// With every secret marked, none shows up anywhere but on the wire.
func TestSecretsStayInside(t *testing.T) {
	const key, other, code = "KEY-SECRET-1", "KEY-SECRET-2", "CODE-SECRET-3"
	var (
		log    bytes.Buffer
		shown  []any
		tokens = []string{goldenToken}
	)
	server := guanaitongtest.NewUnstartedServer()
	server.Caller.Secret, server.Seller.Secret = key, other
	var signs []string
	leaky := roundTrip(func(r *http.Request) (*http.Response, error) {
		body, _ := io.ReadAll(r.Body)
		whole := r.URL.String() + " " + string(body)
		form, _, _ := strings.Cut(whole[strings.Index(whole, "sign=")+5:], "&")
		signs = append(signs, form)
		return nil, errors.New("cannot post " + whole + " for " + code + " " + key + " with " + goldenToken)
	})
	logger := duopay.WithLogger(jsonLogger(&log))
	request := payment("9000000220990102001", code)
	request.AccountOpenID = "ACCOUNT-SECRET-4"
	neutral := duopay.Charge{OrderNo: request.OrderNo, Amount: money("10"), AuthCode: code, Subject: "s"}

	for _, transport := range []http.RoundTripper{server.Transport(), leaky} {
		for _, placement := range []guanaitong.Placement{guanaitong.InBody, guanaitong.Split, guanaitong.InQuery} {
			config := guanaitong.Config{
				BaseURL: server.URL, AppID: server.Caller.ID, Secret: duopay.NewSecret(key), Placement: placement,
				Secrets: map[string]duopay.Secret{server.Seller.ID: duopay.NewSecret(other)},
			}
			if _, ok := transport.(roundTrip); ok {
				config.Tokens = always(goldenToken)
			}
			c, err := guanaitong.New(config, logger, duopay.WithHTTPClient(&http.Client{Transport: transport}), duopay.WithAttempts(1))
			require.NoError(t, err)
			gateway := guanaitong.Gateway{
				Client: c, SellerAppID: server.Seller.ID, PayType: guanaitong.PayPoints,
				ReturnURL: request.ReturnURL, NotifyURL: request.NotifyURL,
			}
			token, err := c.Token(t.Context())
			require.NoError(t, err)
			tokens = append(tokens, token.Value.Reveal())
			shown = append(shown, config, &config, struct{ config guanaitong.Config }{config}, c, gateway, &gateway, token, &token, request, &request, neutral)

			echo := guanaitongtest.Refuse(1001220005, "code "+code+" token "+token.Value.Reveal()+" key "+key)
			for _, fault := range []guanaitongtest.Fault{
				echo, guanaitongtest.DropAfter, guanaitongtest.Garbage, guanaitongtest.ServerError, guanaitongtest.ReturnForged, guanaitongtest.ReturnElsewhere,
			} {
				server.Next(guanaitongtest.PathPay, fault)
				require.NoError(t, server.SetAuthCode("U0001", code))
				reply, err := c.Pay(t.Context(), request)
				require.Error(t, err)
				shown = append(shown, err, reply)
				server.Next(guanaitongtest.PathPay, fault)
				payment, err := gateway.Charge(t.Context(), neutral)
				require.Error(t, err)
				shown = append(shown, err, payment)
			}
			address, err := c.PayURL(t.Context(), request)
			require.NoError(t, err)
			assert.Contains(t, address.Reveal(), code)
			shown = append(shown, address)
			_, err = c.Pay(t.Context(), guanaitong.PayRequest{AuthCode: code + " "})
			require.ErrorIs(t, err, duopay.Invalid)
			shown = append(shown, err)
			_, err = c.Call(t.Context(), "/employee/pay", map[string]string{"auth_code": code})
			require.Error(t, err)
			shown = append(shown, err)
			_, err = c.CallJSON(t.Context(), "/seller/v3/person/getByAuthCode", "", map[string]string{"authCode": code})
			require.Error(t, err)
			shown = append(shown, err)
			_, err = c.ParseNotification(http.MethodPost, http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}, []byte("sign="+key))
			require.Error(t, err)
			shown = append(shown, err)
			if _, ok := transport.(roundTrip); !ok {
				issued, err := c.AuthCodeByMobile(t.Context(), guanaitong.AuthCodeByMobileRequest{Mobile: "13000000000"})
				require.NoError(t, err)
				tokens = append(tokens, issued.AuthCode.Reveal())
				shown = append(shown, issued, *issued)
			}
			if text, err := c.RequestStringToSign(guanaitong.AccountsRequest{UserID: "U"}); assert.NoError(t, err) {
				shown = append(shown, text)
			}
		}
	}
	for _, r := range server.Requests("") {
		_, sign, _ := strings.Cut(r.Query+"&"+string(r.Body), "sign=")
		signs = append(signs, sign[:40])
	}
	secrets := append([]string{key, other, code, "ACCOUNT-SECRET-4"}, append(tokens, signs...)...)
	require.Greater(t, len(signs), 30)
	for _, v := range shown {
		for _, text := range forms(v) {
			for _, secret := range secrets {
				require.NotContains(t, text, secret, "%T", v)
			}
			assert.NotRegexp(t, `[0-9a-f]{40}`, text, "a signature")
		}
	}
	require.NotEmpty(t, log.String())
	for _, secret := range append(secrets, "trade_info") {
		require.NotContains(t, log.String(), secret)
	}
	assert.NotRegexp(t, `[0-9a-f]{40}`, log.String(), "a signature")
	assert.Contains(t, log.String(), `"provider":"guanaitong","operation":"/employee/checkUserAndToPay","order_no":"9000000220990102001","attempt":1`)
}

// post delivers a notification.
func post(handler http.Handler, body string) (status int, answer string) {
	r := httptest.NewRequest(http.MethodPost, "/guanaitong/notify", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	return w.Code, w.Body.String()
}

// An answer that repeats what was sent gives nothing of it away.
func TestEchoedSecrets(t *testing.T) {
	var sign string
	c := over(t, roundTrip(func(r *http.Request) (*http.Response, error) {
		require.NoError(t, r.ParseForm())
		sign = r.PostForm.Get("sign")
		return reply(http.StatusOK, []byte(`{"code":1000210002,"msg":"sign `+sign+` of `+r.PostForm.Get("access_token")+` and `+r.PostForm.Get("auth_code")+` is wrong, `+sellerSecret+`"}`)), nil
	}), nil)
	_, err := c.Pay(t.Context(), manualPay())
	require.ErrorIs(t, err, duopay.Refused)
	require.Len(t, sign, 40)
	assert.Contains(t, err.Error(), "sign [secret] of [secret] and [secret] is wrong, [secret]")
}
