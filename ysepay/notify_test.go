package ysepay

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/duopay/duopay"
)

var formHeader = http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}

// paid is the fields of a genuine notification, with changes: "" removes one.
func paid(changes ...string) map[string]string {
	fields := map[string]string{
		"sign_type": "RSA", "notify_type": "directpay.status.sync", "notify_time": "2024-05-20 10:25:01", "combine_out_trade_no": "20240520DP1",
		"combine_total_amount": "30.50", "trade_no": "01C1", "trade_status": "TRADE_SUCCESS", "extra_common_param": "a=1&b=2+3",
	}
	for i := 0; i < len(changes); i += 2 {
		fields[changes[i]] = changes[i+1]
	}
	maps.DeleteFunc(fields, func(_, value string) bool { return value == "" })
	return fields
}

// post returns fields as a body, signed by one of the vectors' keys.
func post(t testing.TB, by string, fields map[string]string) string {
	t.Helper()
	form := url.Values{"sign": {signs(t, by, stringToSign(fields))}}
	for name, value := range fields {
		form.Set(name, value)
	}
	return form.Encode()
}

func TestNotificationRefused(t *testing.T) {
	gateway := Gateway{Client: client(t, "platform_rsa", UTF8)}
	genuine := post(t, "platform_rsa", paid())
	other := post(t, "platform_rsa", paid("combine_out_trade_no", "20240520DP2"))
	with := func(change func(url.Values)) string {
		form, err := url.ParseQuery(genuine)
		require.NoError(t, err)
		change(form)
		return form.Encode()
	}
	otherForm, err := url.ParseQuery(other)
	require.NoError(t, err)
	for _, test := range []struct {
		name   string
		method string
		media  string
		body   string
		reason error
	}{
		{name: "GET", method: http.MethodGet, body: genuine, reason: ErrMalformedBody},
		{name: "JSON", media: "application/json", body: `{"sign_type":"RSA"}`, reason: ErrMalformedBody},
		{name: "no media type", media: "-", body: genuine, reason: ErrMalformedBody},
		{name: "multipart", media: "multipart/form-data; boundary=x", body: genuine, reason: ErrMalformedBody},
		{name: "5 MiB", body: genuine + "&x=" + strings.Repeat("x", 5<<20), reason: ErrMalformedBody},
		{name: "bad escape", body: genuine + "&x=%zz", reason: ErrMalformedBody},
		{name: "semicolons", body: strings.ReplaceAll(genuine, "&", ";"), reason: ErrMalformedBody},
		{name: "field twice", body: genuine + "&trade_status=TRADE_SUCCESS", reason: ErrDuplicateField},
		{name: "sign twice", body: genuine + "&sign=x", reason: ErrDuplicateField},
		{name: "empty", body: "", reason: ErrUnsigned},
		{name: "no sign", body: with(func(f url.Values) { f.Del("sign") }), reason: ErrUnsigned},
		{name: "blank sign", body: with(func(f url.Values) { f.Set("sign", " \t") }), reason: ErrUnsigned},
		{name: "SIGN", body: strings.Replace(genuine, "sign=", "SIGN=", 1), reason: ErrUnsigned},
		{name: "no sign_type", body: post(t, "platform_rsa", paid("sign_type", "")), reason: ErrSignType},
		{name: "sign_type in lower case", body: post(t, "platform_rsa", paid("sign_type", "rsa")), reason: ErrSignType},
		{name: "sign_type RSA2", body: post(t, "platform_rsa", paid("sign_type", "RSA2")), reason: ErrSignType},
		{name: "sign_type without a key", body: post(t, "platform_sm2", paid("sign_type", "SM")), reason: ErrSignType},
		{name: "sign not base64", body: with(func(f url.Values) { f.Set("sign", "***") }), reason: ErrSignature},
		{name: "sign of another notification", body: with(func(f url.Values) { f.Set("sign", otherForm.Get("sign")) }), reason: ErrSignature},
		{name: "sign by the merchant", body: post(t, "merchant_rsa", paid()), reason: ErrSignature},
		{name: "sign by an older key", body: post(t, "platform_rsa1024", paid()), reason: ErrSignature},
		{name: "amount changed", body: with(func(f url.Values) { f.Set("combine_total_amount", "0.01") }), reason: ErrSignature},
		{name: "amount added", body: strings.Replace(post(t, "platform_rsa", paid("combine_total_amount", "")), "&", "&total_amount=30.50&", 1), reason: ErrSignature},
		{name: "field removed", body: with(func(f url.Values) { f.Del("trade_no") }), reason: ErrSignature},
		{name: "unknown field added", body: genuine + "&x=1", reason: ErrSignature},
		{name: "blank trimmed", body: with(func(f url.Values) { f.Set("trade_no", " 01C1") }), reason: ErrSignature},
		{name: "another type", body: post(t, "platform_rsa", paid("notify_type", "split.status.sync")), reason: ErrNotifyType},
		{name: "no type", body: post(t, "platform_rsa", paid("notify_type", "")), reason: ErrNotifyType},
		{name: "no order", body: post(t, "platform_rsa", paid("combine_out_trade_no", "")), reason: ErrMissingField},
		{name: "no state", body: post(t, "platform_rsa", paid("trade_status", "")), reason: ErrMissingField},
		{name: "blank state", body: post(t, "platform_rsa", paid("trade_status", " ")), reason: ErrMissingField},
		{name: "refund without a number", body: post(t, "platform_rsa", paid("notify_type", NotifyRefund, "refund_state", "success")), reason: ErrMissingField},
		{name: "amount with a comma", body: post(t, "platform_rsa", paid("combine_total_amount", "30,50")), reason: ErrAmount},
		{name: "amount of three decimals", body: post(t, "platform_rsa", paid("combine_total_amount", "30.505")), reason: ErrAmount},
		{name: "bad UTF-8", body: post(t, "platform_rsa", paid("extra_common_param", "\xff")), reason: ErrMalformedBody},
	} {
		t.Run(test.name, func(t *testing.T) {
			method, header := http.MethodPost, formHeader
			if test.method != "" {
				method = test.method
			}
			if test.media != "" {
				header = http.Header{"Content-Type": {test.media}}
			}
			n, err := gateway.ParseNotification(method, nil, header, []byte(test.body))
			require.ErrorIs(t, err, test.reason)
			require.ErrorIs(t, err, duopay.Unsure)
			assert.NotEqual(t, errors.Is(err, duopay.ErrMalformed), errors.Is(err, duopay.ErrSignature))
			assert.Zero(t, n)
			assert.NotContains(t, err.Error(), "DP", "nothing of it is repeated")
			assert.Equal(t, duopay.Acknowledgement{Status: 400, ContentType: "text/plain; charset=utf-8", Body: "fail"}, gateway.Acknowledge(err))
		})
	}
}

// What a genuine notification means.
func TestNotificationMeaning(t *testing.T) {
	gateway := Gateway{Client: client(t, "platform_rsa", UTF8)}
	for _, test := range []struct {
		name   string
		fields map[string]string
		no     string
		status duopay.Status
		amount string
	}{
		{"paid", paid(), "20240520DP1", duopay.Paid, "30.5"},
		{"paid, no amount", paid("combine_total_amount", ""), "20240520DP1", duopay.Paid, "0"},
		{"blank fields are not signed", paid("card_type", "  "), "20240520DP1", duopay.Paid, "30.5"},
		{"zero is signed", paid("fee", "0"), "20240520DP1", duopay.Paid, "30.5"},
		{"closed", paid("trade_status", "TRADE_CLOSED"), "20240520DP1", duopay.Closed, "30.5"},
		{"not credited", paid("trade_status", "TRADE_UNDEPOSIT"), "20240520DP1", duopay.Paid, "30.5"},
		{"in lower case", paid("trade_status", "trade_success"), "20240520DP1", duopay.Unknown, "30.5"},
		{"of a single order", paid("combine_out_trade_no", "", "combine_total_amount", "", "out_trade_no", "S1", "total_amount", "1"), "S1", duopay.Paid, "1"},
		{"of both", paid("out_trade_no", "S1", "total_amount", "1"), "20240520DP1", duopay.Paid, "30.5"},
	} {
		t.Run(test.name, func(t *testing.T) {
			n, err := gateway.ParseNotification(http.MethodPost, nil, formHeader, []byte(post(t, "platform_rsa", test.fields)))
			require.NoError(t, err)
			assert.Equal(t, test.status, n.Payment.Status)
			assert.Equal(t, duopay.MustMoney(test.amount), n.Payment.Amount)
			assert.Equal(t, test.no, n.Payment.OrderNo)
			assert.Equal(t, "a=1&b=2+3", n.Payment.Attach)
			assert.Nil(t, n.Refund)
		})
	}
}

// The acknowledgement, byte for byte, through the handler.
func TestNotificationHandler(t *testing.T) {
	var failure error
	handler, err := duopay.NotificationHandler(Gateway{Client: client(t, "platform_rsa", UTF8)}, func(context.Context, duopay.Notification) error { return failure })
	require.NoError(t, err)
	deliver := func(body string) *httptest.ResponseRecorder {
		// A query in the merchant's own URL does not count.
		r := httptest.NewRequest(http.MethodPost, "/notify?sign=x&fee=1", strings.NewReader(body))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=UTF-8")
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		return w
	}
	genuine := post(t, "platform_rsa", paid())
	w := deliver(genuine)
	assert.Equal(t, 200, w.Code)
	assert.Equal(t, "success", w.Body.String())
	assert.Equal(t, "text/plain; charset=utf-8", w.Header().Get("Content-Type"))

	w = deliver("forged")
	assert.Equal(t, 400, w.Code)
	assert.Equal(t, "fail", w.Body.String())

	failure = errors.New("the database is away")
	w = deliver(genuine)
	assert.Equal(t, 500, w.Code)
	assert.Equal(t, "fail", w.Body.String())
}

// A time that cannot be read is none.
func TestSentAt(t *testing.T) {
	assert.Equal(t, int64(1716171901), (&Notification{NotifyTime: "2024-05-20 10:25:01"}).SentAt().Unix())
	assert.True(t, (&Notification{NotifyTime: "soon"}).SentAt().IsZero())
}
