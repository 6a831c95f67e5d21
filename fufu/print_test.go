package fufu_test

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

	"github.com/duopay/duopay/fufu"
)

func jsonLogger(w io.Writer) *slog.Logger {
	return slog.New(slog.NewJSONHandler(w, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// forms returns all the ways in which a value is usually shown. The JSON of a
// request is its wire form and is left out.
func forms(v any) []string {
	texts := []string{fmt.Sprintf("%v", v), fmt.Sprintf("%+v", v), fmt.Sprintf("%#v", v), fmt.Sprintf("%s", v)}
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("shown", "value", v)
	switch v.(type) {
	case fufu.OrderRequest, *fufu.OrderRequest, fufu.PreOrderRequest, *fufu.PreOrderRequest, *fufu.PreOrderReply:
		// Their JSON is for the wire, or for the payer's page.
		jsonLogger(&log).Info("shown", "value", v)
	default:
		jsonLogger(&log).Info("shown", "value", v)
		text, _ := json.Marshal(v)
		texts = append(texts, string(text))
	}
	return append(texts, log.String())
}

// The JSON of a request is its wire form; the other forms keep the code back.
func TestRequestForms(t *testing.T) {
	r := manualOrder()
	wire, err := json.Marshal(r)
	require.NoError(t, err)
	assert.Contains(t, string(wire), `"auth_code":"288886863488188613"`)
	want := "{operator_id:test1 terminal_id:收銀機1 total_fee:250 channel_type:Alipay auth_code:[secret] out_trade_no:d2dbe5fb-fc71-4bfe-848f-a24875d9169c pay_subject:測試商品}"
	assert.Equal(t, want, r.String())
	assert.Equal(t, want, fmt.Sprintf("%#v", r))
	var log strings.Builder
	jsonLogger(&log).Info("x", "request", r)
	assert.Contains(t, log.String(), `"request":{"operator_id":"test1","terminal_id":"收銀機1","total_fee":"250","channel_type":"Alipay","auth_code":"[secret]"`)
	assert.Contains(t, fmt.Sprint(weChatOrder()), "openId:[secret]")
}

// Replies keep the echo of the code back, and the raw text that holds it.
func TestReplyForms(t *testing.T) {
	order, err := answering(t, golden(t, "order-full-reply.json")).Order(t.Context(), fullOrder())
	require.NoError(t, err)
	want := "{Message:OK Raw:[secret] channel_type:2 out_trade_no:DP-2026_0001 trade_no:20990102100000236136"
	for _, text := range forms(order) {
		assert.NotContains(t, text, "134567890123456789")
	}
	assert.Contains(t, fmt.Sprintf("%+v", order), want)
	assert.Contains(t, order.String(), "auth_code:[secret]")
	text, err := json.Marshal(order)
	require.NoError(t, err)
	assert.Contains(t, string(text), `"auth_code":"[secret]"`)

	opened, err := answering(t, golden(t, "preorder-wechat-reply.json")).PreOrder(t.Context(), weChatOrder())
	require.NoError(t, err)
	assert.Contains(t, opened.String(), "payInfo:[secret]")
	text, err = json.Marshal(opened)
	require.NoError(t, err)
	assert.Contains(t, string(text), `"payInfo":{"appId":"wx0000000000000000"`, "for the payer's page")
	empty, err := json.Marshal(fufu.PreOrderReply{})
	require.NoError(t, err)
	assert.Contains(t, string(empty), `"payInfo":null`)
}

// post delivers a notification.
func post(handler http.Handler, sign, body string) (status int, answer string) {
	r := httptest.NewRequest(http.MethodPost, "/fufu/notify?sign="+sign, strings.NewReader(body))
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	return w.Code, w.Body.String()
}
