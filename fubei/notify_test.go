package fubei

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/duopay/duopay"
)

const testSecret = "test-secret-fubei-merchant-01"

// signed returns the body of a notification of these fields, signed.
func signed(fields map[string]string) string {
	form := url.Values{"sign": {signature(fields, testSecret)}}
	for name, value := range fields {
		form.Set(name, value)
	}
	return form.Encode()
}

// paidFields are those of a genuine notification.
func paidFields(data string) map[string]string {
	return map[string]string{"result_code": "200", "result_message": "成功", "data": data}
}

const paidData = `{"merchant_order_sn":"DP1","order_sn":"2","total_fee":80.00,"order_price":100.00,"attach":"a"}`

func TestNotificationRefused(t *testing.T) {
	genuine := signed(paidFields(paidData))
	other := signed(paidFields(strings.Replace(paidData, "DP1", "DP2", 1)))
	_, sign, _ := strings.Cut(other, "&sign=")
	with := func(change func(url.Values)) string {
		form, err := url.ParseQuery(genuine)
		require.NoError(t, err)
		change(form)
		return form.Encode()
	}
	for _, test := range []struct {
		name   string
		method string
		media  string
		body   string
		reason error
	}{
		{name: "GET", method: http.MethodGet, body: genuine, reason: ErrMalformedBody},
		{name: "JSON", media: "application/json", body: `{"result_code":"200"}`, reason: ErrMalformedBody},
		{name: "no media type", media: "-", body: genuine, reason: ErrMalformedBody},
		{name: "multipart", media: "multipart/form-data; boundary=x", body: genuine, reason: ErrMalformedBody},
		{name: "5 MiB", body: genuine + "&x=" + strings.Repeat("x", 5<<20), reason: ErrMalformedBody},
		{name: "bad escape", body: genuine + "&x=%zz", reason: ErrMalformedBody},
		{name: "semicolons", body: strings.ReplaceAll(genuine, "&", ";"), reason: ErrMalformedBody},
		{name: "invalid UTF-8", body: genuine + "&x=%ff", reason: ErrMalformedBody},
		{name: "invalid UTF-8 in a name", body: genuine + "&%ff=x", reason: ErrMalformedBody},
		{name: "field twice", body: genuine + "&data=x", reason: ErrDuplicateField},
		{name: "sign twice", body: genuine + "&sign=" + strings.Repeat("0", 32), reason: ErrDuplicateField},
		{name: "empty", body: "", reason: ErrMissingField},
		{name: "no code", body: with(func(f url.Values) { f.Del("result_code") }), reason: ErrMissingField},
		{name: "empty code", body: with(func(f url.Values) { f.Set("result_code", "") }), reason: ErrMissingField},
		{name: "no message", body: with(func(f url.Values) { f.Del("result_message") }), reason: ErrMissingField},
		{name: "empty data", body: with(func(f url.Values) { f.Set("data", "") }), reason: ErrMissingField},
		{name: "names in upper case", body: strings.Replace(genuine, "data=", "DATA=", 1), reason: ErrMissingField},
		{name: "empty sign", body: with(func(f url.Values) { f.Set("sign", "") }), reason: ErrSignFormat},
		{name: "short sign", body: with(func(f url.Values) { f.Set("sign", f.Get("sign")[:31]) }), reason: ErrSignFormat},
		{name: "padded sign", body: with(func(f url.Values) { f.Set("sign", f.Get("sign")+" ") }), reason: ErrSignFormat},
		{name: "sign of other digits", body: with(func(f url.Values) { f.Set("sign", strings.Repeat("g", 32)) }), reason: ErrSignFormat},
		{name: "wrong sign", body: with(func(f url.Values) { f.Set("sign", strings.Repeat("0", 32)) }), reason: ErrSignature},
		{name: "sign of another order", body: with(func(f url.Values) { f.Set("sign", sign) }), reason: ErrSignature},
		{name: "code changed", body: with(func(f url.Values) { f.Set("result_code", "0200") }), reason: ErrSignature},
		{name: "field added", body: genuine + "&x=1", reason: ErrSignature},
		{name: "data not JSON", body: signed(paidFields("paid")), reason: ErrMalformedData},
		{name: "data an array", body: signed(paidFields("[" + paidData + "]")), reason: ErrMalformedData},
		{name: "data with a tail", body: signed(paidFields(paidData + "{}")), reason: ErrMalformedData},
		{name: "data with a name twice", body: signed(paidFields(`{"merchant_order_sn":"DP1","merchant_order_sn":"DP2"}`)), reason: ErrMalformedData},
		{name: "data of another case", body: signed(paidFields(`{"Merchant_Order_Sn":"DP1"}`)), reason: ErrMalformedData},
		{name: "data of no order", body: signed(paidFields(`{}`)), reason: ErrMalformedData},
		{name: "deep data", body: signed(paidFields(strings.Repeat(`{"a":`, 20000) + "1" + strings.Repeat("}", 20000))), reason: ErrMalformedData},
		{name: "amount unreadable", body: signed(paidFields(`{"merchant_order_sn":"DP1","order_price":"1,00"}`)), reason: ErrMalformedData},
		{name: "state of another kind", body: signed(paidFields(`{"merchant_order_sn":"DP1","trade_state":{}}`)), reason: ErrMalformedData},
		// The string to sign is ambiguous: these fields give the same one as
		// the genuine message, and so the same signature.
		{name: "cut elsewhere", body: url.Values{
			"data": {paidData + "&result_code=200&result_message=成功"}, "sign": {signature(paidFields(paidData), testSecret)},
		}.Encode(), reason: ErrMissingField},
	} {
		t.Run(test.name, func(t *testing.T) {
			method, header := http.MethodPost, formHeader
			if test.method != "" {
				method = test.method
			}
			if test.media != "" {
				header = http.Header{"Content-Type": {test.media}}
			}
			gateway := Gateway{Client: client(t, testSecret)}
			n, err := gateway.ParseNotification(method, nil, header, []byte(test.body))
			require.ErrorIs(t, err, test.reason)
			require.ErrorIs(t, err, duopay.Unsure)
			assert.Zero(t, n)
			assert.NotContains(t, err.Error(), "DP", "nothing of it is repeated")
			assert.Equal(t, duopay.Acknowledgement{Status: 400, ContentType: "text/plain; charset=utf-8", Body: "fail"}, gateway.Acknowledge(err))
		})
	}
}

// What a genuine notification means.
func TestNotificationMeaning(t *testing.T) {
	gateway := Gateway{Client: client(t, testSecret)}
	for _, test := range []struct {
		name   string
		code   string
		data   string
		status duopay.Status
		amount string
	}{
		{"no state", "200", paidData, duopay.Paid, "100"},
		{"state", "200", `{"merchant_order_sn":"DP1","trade_state":"SUCCESS","total_fee":"1.50"}`, duopay.Paid, "1.5"},
		{"empty state", "200", `{"merchant_order_sn":"DP1","trade_state":"","total_fee":80,"discount_money":20}`, duopay.Paid, "100"},
		{"in words of 2.0", "200", `{"merchant_order_sn":"DP1","order_status":"SUCCESS","total_amount":12.5}`, duopay.Paid, "12.5"},
		{"not paid yet", "200", `{"merchant_order_sn":"DP1","trade_state":"USERPAYING"}`, duopay.Pending, "0"},
		{"reversed", "200", `{"merchant_order_sn":"DP1","order_status":"REVOKED"}`, duopay.Canceled, "0"},
		{"unknown state", "200", `{"merchant_order_sn":"DP1","trade_state":"success"}`, duopay.Unknown, "0"},
		{"failure", "400", `{"merchant_order_sn":"DP1"}`, duopay.Unknown, "0"},
		{"contradiction", "400", `{"merchant_order_sn":"DP1","trade_state":"SUCCESS"}`, duopay.Unknown, "0"},
		{"another way to write 200", "200.0", `{"merchant_order_sn":"DP1"}`, duopay.Unknown, "0"},
	} {
		t.Run(test.name, func(t *testing.T) {
			body := signed(map[string]string{"result_code": test.code, "result_message": "", "data": test.data})
			n, err := gateway.ParseNotification(http.MethodPost, nil, formHeader, []byte(body))
			require.NoError(t, err)
			assert.Equal(t, test.status, n.Payment.Status)
			assert.Equal(t, duopay.MustMoney(test.amount), n.Payment.Amount)
			assert.Equal(t, "DP1", n.Payment.OrderNo)
			assert.Equal(t, test.status == duopay.Paid, n.Native.(*Notification).Paid())
		})
	}
}

// The acknowledgement, byte for byte, through the handler.
func TestNotificationHandler(t *testing.T) {
	var failure error
	handler, err := duopay.NotificationHandler(Gateway{Client: client(t, testSecret)}, func(context.Context, duopay.Notification) error { return failure })
	require.NoError(t, err)
	post := func(body string) *httptest.ResponseRecorder {
		// A query in the merchant's own URL does not count.
		r := httptest.NewRequest(http.MethodPost, "/notify?sign=x&data=y", strings.NewReader(body))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=UTF-8")
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		return w
	}
	w := post(signed(paidFields(paidData)))
	assert.Equal(t, 200, w.Code)
	assert.Equal(t, "success", w.Body.String())
	assert.Equal(t, "text/plain; charset=utf-8", w.Header().Get("Content-Type"))

	w = post("forged")
	assert.Equal(t, 400, w.Code)
	assert.Equal(t, "fail", w.Body.String())

	failure = errors.New("the database is away")
	w = post(signed(paidFields(paidData)))
	assert.Equal(t, 500, w.Code)
	assert.Equal(t, "fail", w.Body.String())
}
