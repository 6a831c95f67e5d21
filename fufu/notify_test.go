package fufu

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/duopay/duopay"
)

const testKey = "unit-test-key-A-not-a-real-key-1"

// testNow is the clock of the tests of notifications.
var testNow = time.UnixMilli(1700000060000)

// notice returns the address and body of a genuine notification.
func notice(body string) (*url.URL, string) {
	return &url.URL{Path: "/notify", RawQuery: "sign=" + sign([]byte(body), testKey, timestamp(testNow))}, body
}

const envelopeOK = `{"result":{"return_code":"SUCCESS","return_msg":"OK"},"data":`

const paidBody = envelopeOK + `{"busi_id":"` + testBusiID + `","out_trade_no":"DP1","trade_no":"T1","total_fee":250,"fee_type":"CNY","state":1,"end_time":"20231114221400","operator_id":"Li Lei","merchant_param":"dGFibGU9Nw=="}}`

func TestNotificationRefused(t *testing.T) {
	genuine, _ := notice(paidBody)
	given := strings.TrimPrefix(genuine.RawQuery, "sign=")
	replaced := func(old, with string) string {
		require.Contains(t, paidBody, old)
		return strings.Replace(paidBody, old, with, 1)
	}
	for _, test := range []struct {
		name   string
		method string
		query  string // "": the sign of signed
		signed string // "": paidBody
		body   string // "": signed
		reason error
	}{
		{name: "GET", method: http.MethodGet, reason: ErrMalformedBody},
		{name: "5 MiB", signed: paidBody + strings.Repeat(" ", 5<<20), reason: ErrMalformedBody},

		{name: "no sign", query: "shop=7", reason: ErrSignFormat},
		{name: "empty sign", query: "sign=", reason: ErrSignFormat},
		{name: "sign twice", query: "sign=" + given + "&sign=" + given, reason: ErrSignFormat},
		{name: "sign twice, one empty", query: "sign=" + given + "&sign=", reason: ErrSignFormat},
		{name: "sign twice behind a query", query: "a=1?sign=" + given + "?sign=" + given, reason: ErrSignFormat},
		{name: "sign badly escaped behind a query", query: "a=1?sign=%zz" + given, reason: ErrSignFormat},
		{name: "SIGN", query: "SIGN=" + given, reason: ErrSignFormat},
		{name: "upper-case digest", query: "sign=" + strings.ToUpper(given), reason: ErrSignFormat},
		{name: "no colon", query: "sign=" + strings.Replace(given, ":", "", 1), reason: ErrSignFormat},
		{name: "two colons", query: "sign=" + strings.Replace(given, ":", "::", 1), reason: ErrSignFormat},
		{name: "seconds", query: "sign=" + given[:43], reason: ErrSignFormat},
		{name: "14 digits", query: "sign=" + given + "0", reason: ErrSignFormat},
		{name: "short digest", query: "sign=" + given[1:], reason: ErrSignFormat},
		{name: "blank in front", query: "sign=+" + given, reason: ErrSignFormat},
		{name: "line end behind", query: "sign=" + given + "%0a", reason: ErrSignFormat},
		{name: "line end instead of a digit", query: "sign=" + given[:45] + "%0a", reason: ErrSignFormat},
		{name: "other digits", query: "sign=" + given[:45] + "g", reason: ErrSignFormat},
		{name: "digest of other digits", query: "sign=g" + given[1:], reason: ErrSignFormat},
		{name: "letters for the time", query: "sign=" + given[:33] + "17000000600ab", reason: ErrSignFormat},
		{name: "digits of another script", query: "sign=" + given[:43] + "%d9%a1", reason: ErrSignFormat},

		{name: "wrong digest", query: "sign=" + strings.Repeat("0", 32) + given[32:], reason: ErrSignature},
		{name: "another time", query: "sign=" + given[:33] + "1700000060001", reason: ErrSignature},
		{name: "another key", query: "sign=" + sign([]byte(paidBody), testKey+"x", timestamp(testNow)), reason: ErrSignature},
		{name: "the key padded", query: "sign=" + sign([]byte(paidBody), testKey+" ", timestamp(testNow)), reason: ErrSignature},
		{name: "amount changed", body: replaced(`250`, `251`), reason: ErrSignature},
		{name: "field added", body: replaced(`"state":1`, `"state":1,"x":1`), reason: ErrSignature},
		{name: "full-width blank added", body: replaced(`Li Lei`, "Li\u3000Lei"), reason: ErrSignature},
		{name: "non-breaking blank added", body: replaced(`Li Lei`, "Li\u00a0Lei"), reason: ErrSignature},
		{name: "empty body", body: " ", reason: ErrSignature},

		{name: "too old", query: "sign=" + sign([]byte(paidBody), testKey, timestamp(testNow.Add(-15*time.Minute-time.Millisecond))), reason: ErrStale},
		{name: "from the future", query: "sign=" + sign([]byte(paidBody), testKey, timestamp(testNow.Add(15*time.Minute+time.Millisecond))), reason: ErrStale},
		{name: "from the year 1970", query: "sign=" + sign([]byte(paidBody), testKey, "0000000000000"), reason: ErrStale},
		{name: "from the year 2286", query: "sign=" + sign([]byte(paidBody), testKey, "9999999999999"), reason: ErrStale},

		{name: "not JSON", signed: "paid", reason: ErrMalformedBody},
		{name: "an array", signed: "[" + paidBody + "]", reason: ErrMalformedBody},
		{name: "with a tail", signed: paidBody + "{}", reason: ErrMalformedBody},
		{name: "extended as MD5 can be", signed: paidBody + "\x80\x00\x00" + `{"data":{"state":1}}`, reason: ErrMalformedBody},
		{name: "invalid UTF-8", signed: replaced("Li", "\xff"), reason: ErrMalformedBody},
		{name: "a name twice", signed: replaced(`"state":1`, `"state":0,"state":1`), reason: ErrMalformedBody},
		{name: "data twice", signed: strings.TrimSuffix(paidBody, "}") + `,"data":{}}`, reason: ErrMalformedBody},
		{name: "no result", signed: `{"data":{"out_trade_no":"DP1","state":1}}`, reason: ErrMalformedBody},
		{name: "result a string", signed: `{"result":"SUCCESS","data":{"out_trade_no":"DP1","state":1}}`, reason: ErrMalformedBody},
		{name: "no data", signed: `{"result":{"return_code":"SUCCESS"}}`, reason: ErrMalformedBody},
		{name: "no data, and failed", signed: `{"result":{"return_code":"FAIL"}}`, reason: ErrMalformedBody},
		{name: "data null", signed: envelopeOK + `null}`, reason: ErrMalformedBody},
		{name: "data a string", signed: envelopeOK + `"{}"}`, reason: ErrMalformedBody},
		{name: "no order", signed: envelopeOK + `{"state":1}}`, reason: ErrMalformedBody},
		{name: "order of another case", signed: envelopeOK + `{"OUT_TRADE_NO":"DP1","state":1}}`, reason: ErrMalformedBody},
		{name: "amount unreadable", signed: replaced(`250`, `"2.50"`), reason: ErrMalformedBody},
		{name: "amount negative", signed: replaced(`250`, `-250`), reason: ErrMalformedBody},
		{name: "deep", signed: envelopeOK + strings.Repeat(`{"a":`, 20000) + "1" + strings.Repeat("}", 20000) + "}", reason: ErrMalformedBody},

		// White space is not signed, so these have the right signature.
		{name: "blank in result", body: replaced(`"result"`, `"re sult"`), reason: ErrMalformedBody},
		{name: "blank in a name", body: replaced(`"state"`, `"sta te"`), reason: ErrSpace},
		{name: "blank in a name at the top", signed: replaced(`"data"`, `"x":1,"data"`), body: replaced(`"data"`, `"x ":1,"data"`), reason: ErrSpace},
		{name: "blank in a name of result", body: replaced(`"return_msg"`, `"return_msg "`), reason: ErrSpace},
		{name: "tab, escaped, in a name", signed: replaced(`"state"`, `"sta\tte"`), reason: ErrSpace},
		{name: "blank in return_code", body: replaced(`"SUCCESS"`, `" SUCCESS"`), reason: ErrSpace},
		{name: "blank in busi_id", body: replaced(testBusiID, testBusiID+" "), reason: ErrSpace},
		{name: "blank in out_trade_no", body: replaced(`"DP1"`, `"DP 1"`), reason: ErrSpace},
		{name: "blank in trade_no", body: replaced(`"T1"`, `" T1"`), reason: ErrSpace},
		{name: "blank in total_fee", signed: replaced(`250`, `"250"`), body: replaced(`250`, `"25 0"`), reason: ErrSpace},
		{name: "blank in fee_type", body: replaced(`"CNY"`, `"CNY "`), reason: ErrSpace},
		{name: "blank in state", signed: replaced(`"state":1`, `"state":"1"`), body: replaced(`"state":1`, `"state":"1 "`), reason: ErrSpace},
		{name: "blank in data's code", signed: replaced(`"state":1`, `"state":1,"return_code":"FAIL"`), body: replaced(`"state":1`, `"state":1,"return_code":"FA IL"`), reason: ErrSpace},

		{name: "another merchant", signed: replaced(testBusiID, "990000000000002"), reason: ErrMerchant},
		{name: "another merchant, as number", signed: replaced(`"`+testBusiID+`"`, "990000000000002"), reason: ErrMerchant},
	} {
		t.Run(test.name, func(t *testing.T) {
			signed, method := test.signed, test.method
			if signed == "" {
				signed = paidBody
			}
			if method == "" {
				method = http.MethodPost
			}
			address, body := notice(signed)
			if test.query != "" {
				address.RawQuery = test.query
			}
			if test.body != "" {
				body = test.body
			}
			gateway := Gateway{Client: testClient(t, testKey, testNow)}
			n, err := gateway.ParseNotification(method, address, nil, []byte(body))
			require.ErrorIs(t, err, test.reason)
			require.ErrorIs(t, err, duopay.Unsure)
			assert.Zero(t, n)
			for _, other := range []error{ErrMalformedBody, ErrSignFormat, ErrSpace, ErrSignature, ErrStale, ErrMerchant} {
				assert.Equal(t, errors.Is(other, test.reason), errors.Is(err, other), "one reason only")
			}
			assert.NotContains(t, err.Error(), "DP", "nothing of it is repeated")
			assert.NotRegexp(t, `[0-9a-f]{32}`, err.Error())
			assert.Equal(t, duopay.Acknowledgement{Status: 400, ContentType: "text/plain; charset=utf-8", Body: "FAIL"}, gateway.Acknowledge(err))
		})
	}
	_, err := testClient(t, testKey, testNow).ParseNotification(http.MethodPost, nil, []byte(paidBody))
	require.ErrorIs(t, err, ErrSignFormat)
}

// Freshness: 15 minutes either way, as configured, or none.
func TestNotificationFreshness(t *testing.T) {
	address, body := notice(paidBody)
	for _, test := range []struct {
		maxAge, off time.Duration
		fresh       bool
	}{
		{0, 15 * time.Minute, true}, {0, -15 * time.Minute, true}, {0, 15*time.Minute + time.Millisecond, false},
		{time.Second, time.Second, true}, {time.Second, 1001 * time.Millisecond, false},
		{-1, 1000 * time.Hour, true}, {-1, -1000 * time.Hour, true},
	} {
		c, err := New(Config{BaseURL: Secure, BusiID: testBusiID, Key: duopay.NewSecret(testKey), MaxAge: test.maxAge},
			duopay.WithClock(func() time.Time { return testNow.Add(test.off) }))
		require.NoError(t, err)
		_, err = c.ParseNotification(http.MethodPost, address, []byte(body))
		assert.Equal(t, test.fresh, err == nil, "%+v", test)
		if !test.fresh {
			require.ErrorIs(t, err, duopay.ErrStale)
		}
	}
}

// What is tolerated.
func TestNotificationTolerated(t *testing.T) {
	gateway := Gateway{Client: testClient(t, testKey, testNow)}
	for name, body := range map[string]string{
		"as it is":         paidBody,
		"pretty":           strings.NewReplacer(`,"`, ",\r\n\t \"", `":`, "\": ").Replace(paidBody) + "\n",
		"blanks in text":   strings.Replace(paidBody, "Li Lei", " L i L e i ", 1),
		"blanks in words":  strings.Replace(paidBody, `"OK"`, `"O K"`, 1),
		"without merchant": strings.Replace(paidBody, `"busi_id":"`+testBusiID+`",`, "", 1),
		"empty merchant":   strings.Replace(paidBody, testBusiID, "", 1),
		"strings":          strings.NewReplacer(`:250`, `:"250"`, `"state":1`, `"state":"1"`).Replace(paidBody),
		"data's code":      strings.Replace(paidBody, `"state":1`, `"state":1,"return_code":"SUCCESS"`, 1),
		"misspelled":       strings.Replace(paidBody, `"SUCCESS"`, `"SUCESS"`, 1),
	} {
		address, _ := notice(body)
		n, err := gateway.ParseNotification(http.MethodPost, address, nil, []byte(body))
		require.NoError(t, err, name)
		assert.Equal(t, duopay.Paid, n.Payment.Status, name)
		assert.Equal(t, duopay.MustMoney("2.50"), n.Payment.Amount, name)
		assert.Equal(t, "table=7", n.Payment.Attach, name)
		assert.Equal(t, body, string(n.Native.(*Notification).Order.Raw), name)
		assert.Equal(t, "2023-11-14T22:14:00+08:00", n.Payment.PaidAt.Format(time.RFC3339), name)
	}
}

// What a genuine notification means.
func TestNotificationMeaning(t *testing.T) {
	gateway := Gateway{Client: testClient(t, testKey, testNow)}
	for _, test := range []struct {
		name   string
		body   string
		status duopay.Status
		amount string
		class  Class
	}{
		{"paid", `{"out_trade_no":"DP1","state":1,"total_fee":1}`, duopay.Paid, "0.01", ClassOK},
		{"paid, no amount", `{"out_trade_no":"DP1","state":1}`, duopay.Paid, "0", ClassOK},
		{"paid in another currency", `{"out_trade_no":"DP1","state":1,"total_fee":1,"fee_type":"HKD"}`, duopay.Paid, "0", ClassOK},
		{"waiting", `{"out_trade_no":"DP1","state":0,"total_fee":1}`, duopay.Pending, "0.01", ClassOK},
		{"cancelled", `{"out_trade_no":"DP1","state":2,"total_fee":1}`, duopay.Canceled, "0.01", ClassOK},
		{"closed", `{"out_trade_no":"DP1","state":6}`, duopay.Closed, "0", ClassOK},
		{"refunded", `{"out_trade_no":"DP1","state":5}`, duopay.Refunded, "0", ClassOK},
		{"unknown state", `{"out_trade_no":"DP1","state":99}`, duopay.Unknown, "0", ClassOK},
		{"success, no state", `{"out_trade_no":"DP1","return_code":"SUCCESS"}`, duopay.Unknown, "0", ClassOK},
		{"no state", `{"out_trade_no":"DP1"}`, duopay.Unknown, "0", ClassUnknown},
		{"failed", `{"out_trade_no":"DP1","return_code":"FAIL","state":1,"end_time":"20231114221400"}`, duopay.Unknown, "0", ClassUnknown},
		{"rejected", `{"out_trade_no":"DP1","return_code":"FAIL","return_msg":"AMT_ERROR","state":1}`, duopay.Unknown, "0", ClassRejected},
		{"revoked", `{"out_trade_no":"DP1","return_code":"` + string(CodeRevoked) + `","state":1}`, duopay.Canceled, "0", ClassAlreadyCanceled},
	} {
		t.Run(test.name, func(t *testing.T) {
			address, body := notice(envelopeOK + test.body + "}")
			n, err := gateway.ParseNotification(http.MethodPost, address, nil, []byte(body))
			require.NoError(t, err)
			assert.Equal(t, test.status, n.Payment.Status)
			assert.Equal(t, duopay.MustMoney(test.amount), n.Payment.Amount)
			assert.Equal(t, "DP1", n.Payment.OrderNo)
			native := n.Native.(*Notification)
			assert.Equal(t, test.status == duopay.Paid, native.Paid())
			assert.Equal(t, test.class, native.Class)
			assert.True(t, n.Payment.PaidAt.IsZero())
		})
	}
	address, body := notice(strings.Replace(envelopeOK, "SUCCESS", "FAIL", 1) + `{"out_trade_no":"DP1","state":1}}`)
	n, err := gateway.ParseNotification(http.MethodPost, address, nil, []byte(body))
	require.NoError(t, err)
	assert.Equal(t, duopay.Unknown, n.Payment.Status, "the call failed")
}

// The manual's sample, signed.
func TestManualNotification(t *testing.T) {
	gateway := Gateway{Client: testClient(t, testKey, testNow)}
	address, body := notice(manualNotification(t))
	n, err := gateway.ParseNotification(http.MethodPost, address, nil, []byte(body))
	require.NoError(t, err)
	require.NoError(t, n.Payment.Match(duopay.Reference{OrderNo: "8f02c2a5-1e8f-44ce-911f-8dae85e6c80d", Amount: duopay.Fen(1).Money()}))
	assert.Equal(t, duopay.Paid, n.Payment.Status)
	assert.Equal(t, "20170815100000235428", n.Payment.TradeNo)
	assert.Equal(t, "2017-08-15 23:21:46", n.Payment.PaidAt.Format(time.DateTime))
}

// The acknowledgement, byte for byte, through the handler.
func TestNotificationHandler(t *testing.T) {
	var failure error
	handler, err := duopay.NotificationHandler(Gateway{Client: testClient(t, testKey, testNow)}, func(context.Context, duopay.Notification) error { return failure })
	require.NoError(t, err)
	post := func(query, body string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/notify?"+query, strings.NewReader(body)))
		return w
	}
	address, body := notice(paidBody)
	for _, query := range []string{
		address.RawQuery, "shop=7&" + address.RawQuery, "shop=7?" + address.RawQuery, "shop=7?" + address.RawQuery + "&a=b",
		strings.Replace(address.RawQuery, ":", "%3A", 1), "shop=7?" + strings.Replace(address.RawQuery, ":", "%3a", 1),
	} {
		w := post(query, body)
		assert.Equal(t, 200, w.Code, query)
		assert.Equal(t, "SUCCESS", w.Body.String())
		assert.Equal(t, "text/plain; charset=utf-8", w.Header().Get("Content-Type"))
	}
	w := post(address.RawQuery, "forged")
	assert.Equal(t, 400, w.Code)
	assert.Equal(t, "FAIL", w.Body.String())

	failure = errors.New("the database is away")
	w = post(address.RawQuery, body)
	assert.Equal(t, 500, w.Code)
	assert.Equal(t, "FAIL", w.Body.String())
}

// What support asks for: the text that is signed, with the key masked.
func TestStringToSign(t *testing.T) {
	c := testClient(t, testKey, testNow)
	text, err := c.RequestStringToSign(QueryRequest{OrderNo: "DP1", TimeZone: "a b"})
	require.NoError(t, err)
	assert.Equal(t, `1700000060000[secret]{"busi_id":"990000000000001","out_trade_no":"DP1","time_zone":"a\u0020b"}`, text)
	text, err = c.RequestStringToSign(OrderRequest{OrderNo: "DP1", AuthCode: "1", Subject: "s", TotalFee: 1})
	require.NoError(t, err)
	assert.Contains(t, text, `"fee_type":"CNY"`)
	_, err = c.RequestStringToSign(QueryRequest{})
	require.Error(t, err)
	_, err = c.NotificationStringToSign(&url.URL{}, nil)
	require.Error(t, err)
	_, err = c.NotificationStringToSign(&url.URL{RawQuery: "sign=" + testKey}, nil)
	require.Error(t, err)
}
