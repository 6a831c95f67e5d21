package ysepay_test

import (
	"bytes"
	"encoding/json"
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
	"github.com/duopay/duopay/ysepay"
)

func jsonLogger(w io.Writer) *slog.Logger {
	return slog.New(slog.NewJSONHandler(w, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// forms returns all the ways in which a value is usually shown. The JSON of a
// request is its wire form and is left out.
func forms(v any) []string {
	texts := []string{fmt.Sprintf("%v", v), fmt.Sprintf("%+v", v), fmt.Sprintf("%#v", v), fmt.Sprintf("%s", v)}
	var log bytes.Buffer
	_, isRequest := v.(ysepay.PayRequest)
	_, isPointer := v.(*ysepay.PayRequest)
	_, isInside := v.(struct{ R ysepay.PayRequest })
	if !isInside {
		jsonLogger(&log).Info("shown", "value", v)
	}
	slog.New(slog.NewTextHandler(&log, nil)).Info("shown", "value", v)
	texts = append(texts, log.String())
	if !isRequest && !isPointer && !isInside {
		text, _ := json.Marshal(v)
		texts = append(texts, string(text))
	}
	return texts
}

// The JSON of a request is its wire form; the other forms keep the payer back.
func TestRequestForms(t *testing.T) {
	r := combined()
	wire, err := json.Marshal(r)
	require.NoError(t, err)
	assert.Contains(t, string(wire), `"buyer_id":"2088000000000001"`)
	assert.Contains(t, string(wire), `"total_amount":"30.50"`)
	want := "{notify_url:https://pay.example.com/n/ysepay?shop=7&v=2,https://bak.example.com/n/ysepay tran_type:1 combine_out_trade_no:20240520DP0000000002 buyer_id:[secret]"
	assert.True(t, strings.HasPrefix(r.String(), want), r.String())
	assert.Equal(t, r.String(), fmt.Sprintf("%#v", r))
	var log strings.Builder
	jsonLogger(&log).Info("x", "request", r)
	assert.Contains(t, log.String(), `"buyer_id":"[secret]"`)
	assert.NotContains(t, log.String(), "2088000000000001")
}

// Amounts are texts, and nothing else becomes one.
func TestAmountsAsText(t *testing.T) {
	r := combined()
	r.Subject, r.Extra = `1.5 "2" \3 {"a":4}`, `\"5`
	r.TotalAmount = duopay.MustMoney("-0.05")
	wire, err := json.Marshal(r)
	require.NoError(t, err)
	var back map[string]any
	require.NoError(t, json.Unmarshal(wire, &back))
	assert.Equal(t, r.Subject, back["subject"])
	assert.Equal(t, r.Extra, back["extra_common_param"])
	assert.Equal(t, "-0.05", back["total_amount"])
}

// The snippet for the page: whatever the number holds, it stays a string.
func TestScript(t *testing.T) {
	script, err := ysepay.PayInfo{TradeNO: "2024052022001400001400000001"}.Script("shop.paid")
	require.NoError(t, err)
	assert.Equal(t, `(function(pay){if(window.AlipayJSBridge){pay()}else{document.addEventListener("AlipayJSBridgeReady",pay,false)}})(`+
		`function(){AlipayJSBridge.call("tradePay",{"tradeNO":"2024052022001400001400000001"},shop.paid)});`, script)
	script, err = ysepay.PayInfo{TradeNO: "</script><script>alert(1)//\"\\\u2028'&"}.Script("")
	require.NoError(t, err)
	assert.Contains(t, script, `{"tradeNO":"\u003c/script\u003e\u003cscript\u003ealert(1)//\"\\\u2028'\u0026"},function(){}`)
	assert.NotContains(t, script, "<")
	for _, callback := range []string{"a b", "alert(1)", "a.", ".a", "1a", "a\n", "a;b", "функция", "</script>"} {
		_, err = ysepay.PayInfo{TradeNO: "1"}.Script(callback)
		require.ErrorIs(t, err, duopay.Invalid, callback)
	}
	_, err = ysepay.PayInfo{}.Script("")
	require.ErrorIs(t, err, duopay.Invalid)
}

// jsapi_pay_info, as a string that holds JSON and in other forms.
func TestPayInfo(t *testing.T) {
	for text, want := range map[string]string{
		`"{\"tradeNO\":\"1\"}"`:                   "1",
		`{"tradeNO":"1"}`:                         "1",
		`"{\"tradeNO\":1}"`:                       "1",
		`"{\"x\":0,\"tradeNO\":\"\\u0031\"}"`:     "1",
		`"{\"tradeno\":\"1\"}"`:                   "",
		`"{\"tradeNO\":\"1\",\"tradeNO\":\"2\"}"`: "",
		`"tradeNO"`:                               "", `null`: "", `""`: "", `[]`: "", `{}`: "",
	} {
		var p ysepay.PayInfo
		require.NoError(t, p.UnmarshalJSON([]byte(text)))
		assert.Equal(t, want, p.TradeNO, text)
	}
}

// post delivers a notification.
func post(handler http.Handler, body string) (status int, answer string) {
	r := httptest.NewRequest(http.MethodPost, "/ysepay/notify", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	return w.Code, w.Body.String()
}
