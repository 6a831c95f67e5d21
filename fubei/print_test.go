package fubei_test

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

	"github.com/duopay/duopay/fubei"
)

func jsonLogger(w io.Writer) *slog.Logger {
	return slog.New(slog.NewJSONHandler(w, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// forms returns all the ways in which a value is usually shown. The JSON of a
// request is its wire form and is left out.
func forms(v any) []string {
	texts := []string{fmt.Sprintf("%v", v), fmt.Sprintf("%+v", v), fmt.Sprintf("%#v", v), fmt.Sprintf("%s", v)}
	var log bytes.Buffer
	jsonLogger(&log).Info("shown", "value", v)
	slog.New(slog.NewTextHandler(&log, nil)).Info("shown", "value", v)
	texts = append(texts, log.String())
	switch v.(type) {
	case fubei.SwipeRequest, *fubei.SwipeRequest:
	default:
		text, _ := json.Marshal(v)
		texts = append(texts, string(text))
	}
	return texts
}

// The JSON of a request is its wire form; the other forms keep the code back.
func TestRequestForms(t *testing.T) {
	r := manualSwipe()
	wire, err := json.Marshal(r)
	require.NoError(t, err)
	assert.Contains(t, string(wire), `"auth_code":"130784921069830971"`)
	want := "{merchant_order_sn:201704191492587335309 type:1 auth_code:[secret] total_fee:100.00 store_id:25249 cashier_id:151156 discount_switch:1 attach:订单:123456}"
	assert.Equal(t, want, r.String())
	assert.Equal(t, want, fmt.Sprintf("%#v", r))
	var log strings.Builder
	jsonLogger(&log).Info("x", "request", r)
	assert.Contains(t, log.String(), `"request":{"merchant_order_sn":"201704191492587335309","type":"1","auth_code":"[secret]","total_fee":"100.00"`)
}

// post delivers a notification.
func post(handler http.Handler, body string) (status int, answer string) {
	r := httptest.NewRequest(http.MethodPost, "/fubei/notify", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	return w.Code, w.Body.String()
}
