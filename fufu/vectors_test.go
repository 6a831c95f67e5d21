package fufu

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/duopay/duopay"
	"github.com/duopay/duopay/internal/exchange"
)

// vectors is testdata/vectors.json, which was made by other programs.
type vectors struct {
	Cases []struct {
		Name         string `json:"name"`
		Kind         string `json:"kind"`
		Key          string `json:"key"`
		Timestamp    string `json:"timestamp"`
		Body         string `json:"body"`
		StringToSign string `json:"string_to_sign"`
		Sign         string `json:"sign"`
		Valid        bool   `json:"valid"`
		ExpectedSign string `json:"expected_sign"`
	} `json:"cases"`
	NotifyURLs []struct {
		Name  string `json:"name"`
		URL   string `json:"url"`
		Sign  string `json:"sign"`
		Error bool   `json:"error"`
	} `json:"notify_urls"`
	Responses []struct {
		Name       string `json:"name"`
		Operation  string `json:"operation"`
		HTTPStatus int    `json:"http_status"`
		Body       string `json:"body"`
		Expect     struct {
			Class    string      `json:"class"`
			Status   string      `json:"status"`
			Code     string      `json:"code"`
			TotalFee *duopay.Fen `json:"total_fee"`
			Package  string      `json:"pay_info_package"`
		} `json:"expect"`
	} `json:"responses"`
	Notifications []struct {
		Name   string `json:"name"`
		Key    string `json:"key"`
		Body   string `json:"body"`
		Sign   string `json:"sign"`
		Accept bool   `json:"accept"`
	} `json:"notifications"`
}

func readVectors(t testing.TB) vectors {
	t.Helper()
	data, err := os.ReadFile("testdata/vectors.json")
	require.NoError(t, err)
	var file vectors
	require.NoError(t, json.Unmarshal(data, &file))
	return file
}

const testBusiID = "990000000000001"

// testClient is a client of which the clock shows any time that is asked for.
func testClient(t testing.TB, key string, now time.Time, options ...duopay.Option) *Client {
	t.Helper()
	options = append([]duopay.Option{duopay.WithClock(func() time.Time { return now })}, options...)
	c, err := New(Config{BaseURL: "https://fufu.invalid", BusiID: testBusiID, Key: duopay.NewSecret(key)}, options...)
	require.NoError(t, err)
	return c
}

func TestSignatureVectors(t *testing.T) {
	seen := 0
	for _, v := range readVectors(t).Cases {
		t.Run(v.Name, func(t *testing.T) {
			seen++
			honest := sign([]byte(v.Body), v.Key, v.Timestamp)
			if v.Valid {
				assert.Equal(t, v.Sign, honest)
			} else {
				assert.Equal(t, v.ExpectedSign, honest)
				assert.NotEqual(t, v.Sign, honest)
			}
			assert.Equal(t, v.StringToSign, v.Timestamp+v.Key+string(strip([]byte(v.Body))))

			// The whole way of a notification, with the clock at its time.
			at, err := signedAt(honest)
			require.NoError(t, err)
			c := testClient(t, v.Key, at)
			address := &url.URL{Path: "/notify", RawQuery: "sign=" + url.QueryEscape(v.Sign)}
			if v.Kind != "notification" {
				given, err := signIn(address)
				require.NoError(t, err)
				assert.Equal(t, v.Valid, verify(given, []byte(v.Body), v.Key))
				return
			}
			n, err := c.ParseNotification(http.MethodPost, address, []byte(v.Body))
			assert.Equal(t, v.Valid, err == nil, "%v", err)
			assert.Equal(t, v.Valid, n != nil)

			text, err := c.NotificationStringToSign(address, []byte(v.Body))
			if v.Valid {
				require.NoError(t, err)
				assert.Equal(t, v.StringToSign, strings.Replace(text, "[secret]", v.Key, 1))
			}
		})
	}
	assert.Equal(t, 25, seen)
}

func TestNotifyURLVectors(t *testing.T) {
	seen := 0
	for _, v := range readVectors(t).NotifyURLs {
		t.Run(v.Name, func(t *testing.T) {
			seen++
			address, err := url.ParseRequestURI(v.URL)
			require.NoError(t, err)
			sign, err := signIn(address)
			if v.Error {
				require.ErrorIs(t, err, ErrSignFormat)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, v.Sign, sign)
		})
	}
	assert.Equal(t, 6, seen)
}

func TestNotificationVectors(t *testing.T) {
	seen := 0
	for _, v := range readVectors(t).Notifications {
		t.Run(v.Name, func(t *testing.T) {
			seen++
			at, err := signedAt(v.Sign)
			require.NoError(t, err)
			n, err := testClient(t, v.Key, at).ParseNotification(http.MethodPost, &url.URL{RawQuery: "sign=" + v.Sign}, []byte(v.Body))
			if !v.Accept {
				require.ErrorIs(t, err, ErrSpace)
				return
			}
			require.NoError(t, err)
			assert.EqualValues(t, "DP7", n.Order.OrderNo)
			assert.False(t, n.Paid())
		})
	}
	assert.Equal(t, 4, seen)
}

// What the vectors call the status of an outcome.
func statusWord(status any, err error) string {
	var e *duopay.Error
	if errors.As(err, &e) && e.Certain {
		return "failed"
	}
	switch status {
	case duopay.Paid:
		return "succeeded"
	case duopay.PartialRefunded:
		return "partially_refunded"
	case duopay.RefundPending:
		return "refund_pending"
	case duopay.RefundDone:
		return "refunded"
	case duopay.Pending:
		return "pending"
	case duopay.Canceled:
		return "canceled"
	}
	return "unknown"
}

func TestResponseVectors(t *testing.T) {
	seen := 0
	for _, v := range readVectors(t).Responses {
		t.Run(v.Name, func(t *testing.T) {
			seen++
			answer := &exchange.Answer{Status: v.HTTPStatus, Body: []byte(v.Body)}
			op := known(v.Operation)
			for _, one := range []operation{order, preOrder, query, refundQuery} {
				if one.name == v.Operation {
					op = one
				}
			}
			if v.Operation == "notify" {
				op = notification
			}
			class, code := "unknown", ""
			verdict, err := open(op, answer, nil)
			if err == nil {
				class = string(verdict.class)
			}
			var e *duopay.Error
			if errors.As(err, &e) {
				class, code = string(Code(e.Code).Class()), e.Code
			}
			assert.Equal(t, v.Expect.Class, class)
			assert.Equal(t, v.Expect.Code, code)

			status, native, err := outcome(t, v.Operation, v.HTTPStatus, v.Body)
			assert.Equal(t, v.Expect.Status, statusWord(status, err))
			if order, ok := native.(*Order); ok && v.Expect.TotalFee != nil {
				fen, err := order.TotalFee.Fen()
				require.NoError(t, err)
				assert.Equal(t, *v.Expect.TotalFee, fen)
			}
			if v.Expect.Package != "" {
				var info struct {
					Package string `json:"package"`
				}
				require.NoError(t, json.Unmarshal(native.(*PreOrderReply).PayInfo, &info))
				assert.Equal(t, v.Expect.Package, info.Package)
			}
		})
	}
	assert.Equal(t, 22, seen)
}

type reply func(*http.Request) (*http.Response, error)

func (f reply) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// outcome is what an answer comes to in neutral words.
func outcome(t *testing.T, operation string, httpStatus int, body string) (status, native any, err error) {
	t.Helper()
	noon := time.Date(2099, 1, 2, 4, 0, 0, 0, time.UTC)
	c := testClient(t, "k", noon, duopay.WithAttempts(1), duopay.WithHTTPClient(&http.Client{Transport: reply(func(*http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: httpStatus, Body: io.NopCloser(strings.NewReader(body))}, nil
	})}))
	var answered struct {
		Data struct {
			FeeType string `json:"fee_type"`
			OrderNo string `json:"out_trade_no"`
		} `json:"data"`
	}
	_ = json.Unmarshal([]byte(body), &answered)
	gateway := Gateway{Client: c, OperatorID: "o", TerminalID: "t", FeeType: Currency(answered.Data.FeeType)}
	ctx, amount := context.Background(), duopay.MustMoney("2.50")
	switch operation {
	case "order":
		p, err := gateway.Charge(ctx, duopay.Charge{OrderNo: "A1", Amount: amount, AuthCode: "1", Subject: "s"})
		return p.Status, p.Native, err
	case "preOrder":
		r := PreOrderRequest{OrderNo: answered.Data.OrderNo, TotalFee: 250, Subject: "s", TradeType: TradeQRCode}
		if strings.Contains(body, "payInfo") {
			r.OrderNo, r.TradeType, r.Channel, r.OpenID, r.SubAppID = "A3", TradeJSAPI, ChannelWeChat, "o", "wx"
		}
		p, err := c.PreOrder(ctx, r)
		if err == nil {
			return duopay.Pending, p, nil
		}
		return duopay.Unknown, p, err
	case "query":
		p, err := gateway.Query(ctx, duopay.Reference{OrderNo: "A1", Amount: amount})
		return p.Status, p.Native, err
	case "refund":
		p, err := gateway.Refund(ctx, duopay.Refund{OrderNo: "A1", RefundNo: "R1", Amount: duopay.MustMoney("1"), Reason: "r"})
		return p.Status, p.Native, err
	case "refundQuery":
		p, err := gateway.QueryRefund(ctx, duopay.Refund{RefundNo: "R1", Amount: duopay.MustMoney("1")})
		return p.Status, p.Native, err
	case "cancel":
		p, err := gateway.Cancel(ctx, duopay.Reference{OrderNo: "A1"})
		return p.Status, p.Native, err
	}
	require.Equal(t, "notify", operation)
	n, err := gateway.ParseNotification(http.MethodPost, &url.URL{RawQuery: "sign=" + sign([]byte(body), "k", timestamp(noon))}, nil, []byte(body))
	require.NoError(t, err)
	return n.Payment.Status, &n.Native.(*Notification).Order, nil
}
