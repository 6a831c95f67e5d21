package guanaitong

import (
	"context"
	"crypto/sha1"
	"encoding"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/duopay/duopay"
)

const testSecret = "test-secret-guanaitong-seller-02"

// signedAt is the timestamp of the manual's notification.
const signedAt = 1531120153

// manualFields are those of the manual's notification.
func manualFields() map[string]string {
	return map[string]string{
		"appid": "10000001", "outer_trade_no": "100000010000000001", "total_amount": "100.00",
		"buyer_open_id": "d87797eea12a2f80ad72ed93214a0908", "trade_no": "2018070920000005", "timestamp": "1531120153",
	}
}

// signed returns the body of a notification of these fields, signed.
func signed(fields map[string]string) string {
	form := url.Values{"sign": {SHA1.signature(fields, testSecret)}}
	for name, value := range fields {
		form.Set(name, value)
	}
	return form.Encode()
}

func with(fields map[string]string, namesAndValues ...string) map[string]string {
	changed := make(map[string]string)
	for name, value := range fields {
		changed[name] = value
	}
	for i := 0; i < len(namesAndValues); i += 2 {
		if changed[namesAndValues[i]] = namesAndValues[i+1]; namesAndValues[i+1] == "-" {
			delete(changed, namesAndValues[i])
		}
	}
	return changed
}

// at returns a client at a time, for the manual's app.
func at(t testing.TB, seconds int64, change func(*Config)) *Client {
	t.Helper()
	return client(t, "10000001", testSecret, change, duopay.WithClock(func() time.Time { return time.Unix(seconds, 999_000_000) }))
}

// The manual's notification and return page, with a secret of ours.
func TestManualCallbacks(t *testing.T) {
	body := "appid=10000001&outer_trade_no=100000010000000001&total_amount=100.00&buyer_open_id=d87797eea12a2f80ad72ed93214a0908&" +
		"trade_no=2018070920000005&timestamp=1531120153&sign=" + SHA1.signature(manualFields(), testSecret)
	n, err := at(t, signedAt, nil).ParseNotification(http.MethodPost, formHeader, []byte(body))
	require.NoError(t, err)
	assert.Equal(t, &Notification{
		AppID: "10000001", OrderNo: "100000010000000001", BuyerOpenID: "d87797eea12a2f80ad72ed93214a0908", TotalAmount: duopay.MustMoney("100"),
		TradeNo: "2018070920000005", SignedAt: time.Unix(signedAt, 0), Fields: manualFields(),
	}, n)

	page := map[string]string{"outer_trade_no": "100000010000000001", "appid": "10000001", "timestamp": "1537253931", "pay_result": "success"}
	address, err := url.Parse("https://test.guanaitong.tech/?outer_trade_no=100000010000000001&appid=10000001&timestamp=1537253931&sign=" +
		SHA1.signature(page, testSecret) + "&pay_result=success")
	require.NoError(t, err)
	claim, err := at(t, 1537253931, nil).ParseReturnPage(address)
	require.NoError(t, err)
	assert.Equal(t, &ReturnClaim{
		AppID: "10000001", OrderNo: "100000010000000001", Claims: ClaimSuccess, SignedAt: time.Unix(1537253931, 0), Fields: page,
	}, claim)
}

// Everything that a callback is refused for, with its own error.
func TestNotificationRefused(t *testing.T) {
	fields := manualFields()
	genuine := signed(fields)
	sign := SHA1.signature(fields, testSecret)
	for _, test := range []struct {
		name   string
		method string
		media  string
		body   string
		reason error
	}{
		{name: "GET", method: http.MethodGet, body: genuine, reason: ErrMalformedForm},
		{name: "JSON", media: "application/json", body: `{}`, reason: ErrMalformedForm},
		{name: "no media type", media: "-", body: genuine, reason: ErrMalformedForm},
		{name: "multipart", media: "multipart/form-data; boundary=x", body: genuine, reason: ErrMalformedForm},
		{name: "over 1 MiB", body: genuine + "&x=" + strings.Repeat("x", 1<<20), reason: ErrMalformedForm},
		{name: "bad escape", body: genuine + "&x=%zz", reason: ErrMalformedForm},
		{name: "semicolons", body: strings.ReplaceAll(genuine, "&", ";"), reason: ErrMalformedForm},
		{name: "field twice", body: genuine + "&trade_no=1", reason: ErrDuplicateField},
		{name: "the same twice", body: genuine + "&appid=10000001", reason: ErrDuplicateField},
		{name: "sign twice", body: genuine + "&sign=" + sign, reason: ErrDuplicateField},
		{name: "unknown field twice", body: genuine + "&x=1&x=1", reason: ErrDuplicateField},
		{name: "appsecret", body: signed(with(fields, "appsecret", testSecret)), reason: ErrFieldName},
		{name: "name with &", body: signed(with(fields, "a&b", "1")), reason: ErrFieldName},
		{name: "name with =", body: signed(with(fields, "a=b", "1")), reason: ErrFieldName},
		{name: "name with a blank", body: signed(with(fields, " a", "1")), reason: ErrFieldName},
		{name: "empty name", body: genuine + "&=1", reason: ErrFieldName},
		{name: "name in Chinese", body: signed(with(fields, "名", "1")), reason: ErrFieldName},
		{name: "name of no text", body: genuine + "&%ff=x", reason: ErrFieldName},
		{name: "value of no text", body: signed(with(fields, "attach", "\xff")), reason: ErrFieldText},
		{name: "value with NUL", body: signed(with(fields, "attach", "a\x00b")), reason: ErrFieldText},
		{name: "value with a line end", body: signed(with(fields, "trade_no", "1\n")), reason: ErrFieldText},
		{name: "value with a tab", body: signed(with(fields, "x", "\t")), reason: ErrFieldText},
		{name: "value with DEL", body: signed(with(fields, "x", "\x7f")), reason: ErrFieldText},
		{name: "& in trade_no", body: signed(with(fields, "trade_no", "1&x=1")), reason: ErrAmpersand},
		{name: "& in an unknown field", body: signed(with(fields, "x", "&")), reason: ErrAmpersand},
		{name: "& in sign", body: signed(with(fields, "sign", "&")), reason: ErrAmpersand},
		{name: "empty", body: "", reason: ErrMissingField},
		{name: "no appid", body: signed(with(fields, "appid", "-")), reason: ErrMissingField},
		{name: "no order number", body: signed(with(fields, "outer_trade_no", "-")), reason: ErrMissingField},
		{name: "no amount", body: signed(with(fields, "total_amount", "-")), reason: ErrMissingField},
		{name: "no buyer", body: signed(with(fields, "buyer_open_id", "-")), reason: ErrMissingField},
		{name: "no trade number", body: signed(with(fields, "trade_no", "-")), reason: ErrMissingField},
		{name: "no timestamp", body: signed(with(fields, "timestamp", "-")), reason: ErrMissingField},
		{name: "no sign", body: strings.Replace(genuine, "sign=", "sing=", 1), reason: ErrMissingField},
		{name: "blank order number", body: signed(with(fields, "outer_trade_no", " ")), reason: ErrMissingField},
		{name: "empty buyer", body: signed(with(fields, "buyer_open_id", "")), reason: ErrMissingField},
		{name: "names in upper case", body: strings.Replace(genuine, "appid", "APPID", 1), reason: ErrMissingField},
		{name: "short sign", body: strings.Replace(genuine, sign, sign[:39], 1), reason: ErrFieldFormat},
		{name: "long sign", body: strings.Replace(genuine, sign, sign+"0", 1), reason: ErrFieldFormat},
		{name: "sign of other digits", body: strings.Replace(genuine, sign, strings.Repeat("g", 40), 1), reason: ErrFieldFormat},
		{name: "sign of another digest", body: strings.Replace(genuine, sign, SHA256.signature(fields, testSecret), 1), reason: ErrFieldFormat},
		{name: "timestamp of 9 digits", body: signed(with(fields, "timestamp", "153112015")), reason: ErrFieldFormat},
		{name: "timestamp of 11 digits", body: signed(with(fields, "timestamp", "15311201530")), reason: ErrFieldFormat},
		{name: "timestamp with a sign", body: signed(with(fields, "timestamp", "+531120153")), reason: ErrFieldFormat},
		{name: "timestamp below zero", body: signed(with(fields, "timestamp", "-531120153")), reason: ErrFieldFormat},
		{name: "timestamp in words", body: signed(with(fields, "timestamp", "2018-07-09")), reason: ErrFieldFormat},
		{name: "amount with three decimals", body: signed(with(fields, "total_amount", "100.000")), reason: ErrFieldFormat},
		{name: "amount with a point only", body: signed(with(fields, "total_amount", "100.")), reason: ErrFieldFormat},
		{name: "amount without a whole", body: signed(with(fields, "total_amount", ".50")), reason: ErrFieldFormat},
		{name: "amount of 9 digits", body: signed(with(fields, "total_amount", "100000000")), reason: ErrFieldFormat},
		{name: "amount with an exponent", body: signed(with(fields, "total_amount", "1e2")), reason: ErrFieldFormat},
		{name: "amount below zero", body: signed(with(fields, "total_amount", "-1.00")), reason: ErrFieldFormat},
		{name: "amount with a comma", body: signed(with(fields, "total_amount", "1,00")), reason: ErrFieldFormat},
		{name: "amount with two points", body: signed(with(fields, "total_amount", "1.0.0")), reason: ErrFieldFormat},
		{name: "amount in full width", body: signed(with(fields, "total_amount", "１００")), reason: ErrFieldFormat},
		{name: "another app", body: signed(with(fields, "appid", "10000002")), reason: ErrUnknownApp},
		{name: "wrong sign", body: strings.Replace(genuine, sign, strings.Repeat("0", 40), 1), reason: ErrSignature},
		{name: "amount changed", body: strings.Replace(genuine, "100.00", "100.01", 1), reason: ErrSignature},
		{name: "amount shortened", body: strings.Replace(genuine, "100.00", "100.0", 1), reason: ErrSignature},
		{name: "order changed", body: strings.Replace(genuine, "0000000001&", "0000000002&", 1), reason: ErrSignature},
		{name: "field added", body: genuine + "&x=1", reason: ErrSignature},
		{name: "attach added", body: genuine + "&attach=1", reason: ErrSignature},
		{name: "time changed", body: strings.Replace(genuine, "1531120153", "1531120154", 1), reason: ErrSignature},
		{name: "too old", body: signed(with(fields, "timestamp", "1531119852")), reason: ErrStale},
		{name: "from the future", body: signed(with(fields, "timestamp", "1531120454")), reason: ErrStale},
		{name: "old and wrong", body: strings.Replace(signed(with(fields, "timestamp", "1431119852")), "100.00", "1.00", 1), reason: ErrSignature},
	} {
		t.Run(test.name, func(t *testing.T) {
			method, header := http.MethodPost, formHeader
			if test.method != "" {
				method = test.method
			}
			if test.media != "" {
				header = http.Header{"Content-Type": {test.media}}
			}
			gateway := Gateway{Client: at(t, signedAt, nil)}
			n, err := gateway.ParseNotification(method, nil, header, []byte(test.body))
			require.ErrorIs(t, err, test.reason)
			require.ErrorIs(t, err, duopay.Unsure)
			assert.Zero(t, n)
			for _, other := range []error{
				ErrMalformedForm, ErrDuplicateField, ErrFieldName, ErrFieldText, ErrAmpersand, ErrMissingField, ErrFieldFormat, ErrUnknownApp, ErrSignature, ErrStale,
			} {
				assert.Equal(t, other == test.reason, errors.Is(err, other), "%v", other) //nolint:errorlint // the table's own word
			}
			assert.NotContains(t, err.Error(), "0000000", "nothing of it is repeated")
			assert.Equal(t, duopay.Acknowledgement{Status: 400, ContentType: "text/plain; charset=utf-8", Body: "fail"}, gateway.Acknowledge(err))
		})
	}
}

// What looks odd and is genuine.
func TestNotificationAccepted(t *testing.T) {
	fields := manualFields()
	for name, body := range map[string]string{
		"upper-case sign":        strings.Replace(signed(fields), SHA1.signature(fields, testSecret), strings.ToUpper(SHA1.signature(fields, testSecret)), 1),
		"unknown field, signed":  signed(with(fields, "new_field", "1")),
		"& in attach":            signed(with(fields, "attach", "a&b=1")),
		"+ for a blank":          strings.Replace(signed(with(fields, "attach", "a b")), "a%20b", "a+b", 1),
		"blank field, skipped":   signed(with(fields, "attach", "")),
		"blanks around, trimmed": signed(with(fields, "attach", " a ")),
		"amount without point":   signed(with(fields, "total_amount", "100")),
		"one decimal":            signed(with(fields, "total_amount", "100.0")),
		"300 s old":              signed(with(fields, "timestamp", "1531119853")),
		"300 s ahead":            signed(with(fields, "timestamp", "1531120453")),
	} {
		t.Run(name, func(t *testing.T) {
			n, err := at(t, signedAt, nil).ParseNotification(http.MethodPost, formHeader, []byte(body))
			require.NoError(t, err)
			assert.Equal(t, duopay.MustMoney("100"), n.TotalAmount)
			assert.NotContains(t, n.Fields, "sign")
		})
	}
}

func TestReturnPageRefused(t *testing.T) {
	fields := map[string]string{"outer_trade_no": "100000010000000001", "appid": "10000001", "timestamp": "1531120153", "pay_result": "success"}
	for name, test := range map[string]struct {
		query  string
		own    []string
		reason error
	}{
		"bad escape":           {signed(fields) + "&x=%zz", nil, ErrMalformedForm},
		"too long":             {signed(fields) + "&x=" + strings.Repeat("x", 1<<20), nil, ErrMalformedForm},
		"field twice":          {signed(fields) + "&pay_result=success", nil, ErrDuplicateField},
		"own field twice":      {signed(fields) + "&shop=1&shop=1", []string{"shop"}, ErrDuplicateField},
		"appsecret":            {signed(with(fields, "appsecret", "x")), nil, ErrFieldName},
		"control":              {signed(with(fields, "attach", "\x01")), nil, ErrFieldText},
		"& in order number":    {signed(with(fields, "outer_trade_no", "1&x=1")), nil, ErrAmpersand},
		"& in an own field":    {signed(with(fields, "shop", "1&x=1")), []string{"shop"}, ErrAmpersand},
		"no result":            {signed(with(fields, "pay_result", "-")), nil, ErrMissingField},
		"no order":             {signed(with(fields, "outer_trade_no", "-")), nil, ErrMissingField},
		"result SUCCESS":       {signed(with(fields, "pay_result", "SUCCESS")), nil, ErrFieldFormat},
		"result failed":        {signed(with(fields, "pay_result", "failed")), nil, ErrFieldFormat},
		"another app":          {signed(with(fields, "appid", "1")), nil, ErrUnknownApp},
		"result turned":        {strings.Replace(signed(with(fields, "pay_result", "fail")), "pay_result=fail", "pay_result=success", 1), nil, ErrSignature},
		"own field, not named": {signed(fields) + "&shop=1", nil, ErrSignature},
		"another own field":    {signed(fields) + "&shop=1", []string{"till"}, ErrSignature},
		"too old":              {signed(with(fields, "timestamp", "1531119852")), nil, ErrStale},
		"from the future":      {signed(with(fields, "timestamp", "1531120454")), nil, ErrStale},
	} {
		t.Run(name, func(t *testing.T) {
			claim, err := at(t, signedAt, nil).ParseReturnPage(&url.URL{RawQuery: test.query}, test.own...)
			require.ErrorIs(t, err, test.reason)
			require.ErrorIs(t, err, duopay.Unsure)
			assert.Nil(t, claim)
		})
	}
	_, err := at(t, signedAt, nil).ParseReturnPage(nil)
	require.ErrorIs(t, err, ErrMalformedForm)
	_, err = at(t, signedAt, nil).ParseReturnPage(&url.URL{RawQuery: signed(fields)}, "pay_result")
	require.ErrorIs(t, err, duopay.Invalid, "a field of the page cannot be the merchant's own")

	// The merchant's own query, which the provider may sign or not.
	for _, query := range []string{signed(fields) + "&shop=7", signed(with(fields, "shop", "7"))} {
		claim, err := at(t, signedAt, nil).ParseReturnPage(&url.URL{RawQuery: query}, "shop", "till")
		require.NoError(t, err)
		assert.Equal(t, "7", claim.Fields["shop"])
	}
}

// The windows can be set, each for itself.
func TestWindows(t *testing.T) {
	fields := with(manualFields(), "timestamp", "1531120153")
	page := with(fields, "pay_result", "success")
	day := func(config *Config) { config.NotificationWindow.Past = 25 * time.Hour }
	for _, test := range []struct {
		now        int64
		change     func(*Config)
		note, page bool
	}{
		{signedAt + 300, nil, true, true},
		{signedAt + 301, nil, false, false},
		{signedAt - 300, nil, true, true},
		{signedAt - 301, nil, false, false},
		{signedAt + 25*3600, day, true, false},
		{signedAt + 25*3600 + 1, day, false, false},
		{signedAt - 300, day, true, true},
		{signedAt - 301, day, false, false},
		{signedAt + 61, func(config *Config) { config.ReturnWindow = Window{Past: time.Minute, Future: time.Second} }, true, false},
		{signedAt - 2, func(config *Config) { config.ReturnWindow = Window{Past: time.Minute, Future: time.Second} }, true, false},
		{signedAt - 1, func(config *Config) { config.ReturnWindow = Window{Past: time.Minute, Future: time.Second} }, true, true},
	} {
		c := at(t, test.now, test.change)
		_, err := c.ParseNotification(http.MethodPost, formHeader, []byte(signed(fields)))
		assert.Equal(t, test.note, err == nil, "%d", test.now-signedAt)
		_, err = c.ParseReturnPage(&url.URL{RawQuery: signed(page)})
		assert.Equal(t, test.page, err == nil, "%d", test.now-signedAt)
	}
}

// The first attack: a payer chooses attach so that what is signed for his
// return page, cut elsewhere, is a notification of an order that he did not
// pay. Only the rule about & stands against it: the signature is right.
func TestRecutAttach(t *testing.T) {
	const target = "100000010000000009"
	// attach as the provider would sign it on the return page ...
	chosen := "1&buyer_open_id=b&outer_trade_no=" + target + "&timestamp=1531120153&total_amount=9999.00&trade_no=2"
	page := map[string]string{
		"appid": "10000001", "attach": chosen, "outer_trade_no": "100000010000000001", "pay_result": "success", "timestamp": "1531120153",
	}
	// ... and the same text, cut into a notification.
	forged := map[string]string{
		"appid": "10000001", "attach": "1", "buyer_open_id": "b", "outer_trade_no": target, "timestamp": "1531120153", "total_amount": "9999.00",
		"trade_no": "2&outer_trade_no=100000010000000001&pay_result=success&timestamp=1531120153",
	}
	require.Equal(t, SHA1.signature(page, testSecret), SHA1.signature(forged, testSecret), "the digest alone does not tell them apart")
	c := at(t, signedAt, nil)
	_, err := c.ParseReturnPage(&url.URL{RawQuery: signed(page)})
	require.NoError(t, err, "the page that the payer saw is genuine")
	_, err = c.ParseNotification(http.MethodPost, formHeader, []byte(signed(forged)))
	require.ErrorIs(t, err, ErrAmpersand)

	// The same with the rest in a name instead of a value.
	name := "z&outer_trade_no"
	forged = map[string]string{
		"appid": "10000001", "attach": "1", "buyer_open_id": "b", "outer_trade_no": target, "timestamp": "1531120153", "total_amount": "9999.00",
		"trade_no": "2", name: "100000010000000001",
	}
	_, err = c.ParseNotification(http.MethodPost, formHeader, []byte(signed(forged)))
	require.ErrorIs(t, err, ErrFieldName)

	// At the source: such an attach is not sent.
	for _, attach := range []string{chosen, "a&b", "&"} {
		r := PayRequest{Attach: attach}
		assert.Contains(t, fieldsOf(r.check("")), "attach")
	}
}

func fieldsOf(violations duopay.Violations) (fields []string) {
	for _, v := range violations {
		fields = append(fields, v.Field)
	}
	return fields
}

// The second attack: whoever knows a text and its SHA-1, but for the secret's
// content, computes that of a longer one. The glue is no text.
func TestLengthExtension(t *testing.T) {
	fields := manualFields()
	known := stringToSign(fields, testSecret, false) // its length is all that is used
	digest, err := hex.DecodeString(SHA1.signature(fields, testSecret))
	require.NoError(t, err)

	// A hash that goes on where the known one ended.
	glue := append([]byte{0x80}, make([]byte, (119-len(known)%64)%64)...)
	glue = binary.BigEndian.AppendUint64(glue, uint64(len(known))*8)
	require.Zero(t, (len(known)+len(glue))%64)
	h := sha1.New()
	state, err := h.(encoding.BinaryMarshaler).MarshalBinary()
	require.NoError(t, err)
	copy(state[4:], digest)
	copy(state[len(state)-8:], binary.BigEndian.AppendUint64(nil, uint64(len(known)+len(glue))))
	require.NoError(t, h.(encoding.BinaryUnmarshaler).UnmarshalBinary(state))
	h.Write([]byte("&z=1"))
	sign := hex.EncodeToString(h.Sum(nil))

	// trade_no is the last field in the text, so it takes the glue.
	extended := with(fields, "trade_no", fields["trade_no"]+string(glue), "z", "1")
	require.Equal(t, sign, SHA1.signature(extended, testSecret), "the digest alone does not tell")
	_, err = at(t, signedAt, nil).ParseNotification(http.MethodPost, formHeader, []byte(signed(extended)))
	require.ErrorIs(t, err, ErrFieldText)
}

// A return page cannot be mistaken for proof of payment: nothing in it says
// paid, and nothing takes it for a payment.
func TestReturnClaimIsNoProof(t *testing.T) {
	claim := reflect.TypeFor[ReturnClaim]()
	for i := range claim.NumField() {
		field := claim.Field(i)
		assert.NotRegexp(t, `(?i)paid|status|success|amount|payment`, field.Name)
		assert.NotEqual(t, reflect.TypeFor[duopay.Status](), field.Type)
		assert.NotEqual(t, reflect.TypeFor[duopay.Payment](), field.Type)
		assert.NotEqual(t, reflect.TypeFor[bool](), field.Type)
	}
	assert.Zero(t, reflect.TypeFor[*ReturnClaim]().NumMethod())
	assert.Zero(t, reflect.TypeFor[Claim]().NumMethod())
	assert.False(t, claim.ConvertibleTo(reflect.TypeFor[Notification]()))

	page := map[string]string{"outer_trade_no": "100000010000000001", "appid": "10000001", "timestamp": "1531120153", "pay_result": "success"}
	gateway := Gateway{Client: at(t, signedAt, nil)}
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		_, err := gateway.ParseNotification(method, &url.URL{RawQuery: signed(page)}, formHeader, []byte(signed(page)))
		require.ErrorIs(t, err, duopay.ErrMalformed)
	}
}

// Notifications in neutral words.
func TestGatewayNotification(t *testing.T) {
	gateway := Gateway{Client: client(t, "90000001", "another", nil), Seller: at(t, signedAt, nil)}
	n, err := gateway.ParseNotification(http.MethodPost, nil, formHeader, []byte(signed(with(manualFields(), "attach", "桌 7"))))
	require.NoError(t, err)
	assert.Equal(t, duopay.Payment{
		OrderNo: "100000010000000001", TradeNo: "2018070920000005", Status: duopay.Paid, Amount: duopay.MustMoney("100"), Attach: "桌 7", Native: n.Native,
	}, n.Payment)
	assert.Nil(t, n.Refund)
	require.IsType(t, &Notification{}, n.Native)

	refund := map[string]string{
		"appid": "10000001", "outer_trade_no": "100000010000000001", "outer_refund_no": "10000001R1", "refund_amount": "2.5", "trade_no": "3", "timestamp": "1531120153",
	}
	n, err = gateway.ParseNotification(http.MethodPost, nil, formHeader, []byte(signed(refund)))
	require.NoError(t, err)
	assert.Equal(t, duopay.Unknown, n.Payment.Status, "a refund says nothing of the rest")
	assert.Equal(t, &duopay.RefundResult{
		OrderNo: "100000010000000001", RefundNo: "10000001R1", RefundTradeNo: "3", Status: duopay.RefundDone, Amount: duopay.MustMoney("2.5"), Native: n.Native,
	}, n.Refund)
	require.IsType(t, &RefundNotification{}, n.Native)
	assert.Equal(t, refund, n.Native.(*RefundNotification).Fields)

	for _, lacking := range []string{"outer_trade_no", "refund_amount", "trade_no"} {
		_, err = gateway.ParseNotification(http.MethodPost, nil, formHeader, []byte(signed(with(refund, lacking, "-"))))
		require.ErrorIs(t, err, ErrMissingField, lacking)
	}
	_, err = gateway.ParseNotification(http.MethodPost, nil, formHeader, []byte(signed(with(refund, "refund_amount", "all"))))
	require.ErrorIs(t, err, ErrFieldFormat)
	_, err = gateway.ParseNotification(http.MethodPost, nil, formHeader, []byte(signed(with(refund, "appid", "1"))))
	require.ErrorIs(t, err, ErrUnknownApp)
	gateway.Seller = nil
	_, err = gateway.ParseNotification(http.MethodPost, nil, formHeader, []byte(signed(refund)))
	require.ErrorIs(t, err, ErrUnknownApp)
}

// The acknowledgement, byte for byte, through the handler.
func TestNotificationHandler(t *testing.T) {
	var failure error
	handler, err := duopay.NotificationHandler(Gateway{Client: at(t, signedAt, nil)}, func(context.Context, duopay.Notification) error { return failure })
	require.NoError(t, err)
	post := func(body string) *httptest.ResponseRecorder {
		// A query in the merchant's own URL does not count.
		r := httptest.NewRequest(http.MethodPost, "/notify?sign=x&total_amount=1", strings.NewReader(body))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=UTF-8")
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		return w
	}
	w := post(signed(manualFields()))
	assert.Equal(t, 200, w.Code)
	assert.Equal(t, "success", w.Body.String())
	assert.Equal(t, "text/plain; charset=utf-8", w.Header().Get("Content-Type"))

	w = post("forged")
	assert.Equal(t, 400, w.Code)
	assert.Equal(t, "fail", w.Body.String())

	failure = errors.New("the database is away")
	w = post(signed(manualFields()))
	assert.Equal(t, 500, w.Code)
	assert.Equal(t, "fail", w.Body.String())
}

// The digest of the configured type, and no other.
func TestSignTypes(t *testing.T) {
	for _, signType := range []SignType{SHA1, SHA256, SHA512} {
		fields := manualFields()
		c := at(t, signedAt, func(config *Config) { config.SignType = signType })
		for _, other := range []SignType{SHA1, SHA256, SHA512} {
			form := url.Values{"sign": {other.signature(fields, testSecret)}}
			for name, value := range fields {
				form.Set(name, value)
			}
			_, err := c.ParseNotification(http.MethodPost, formHeader, []byte(form.Encode()))
			if other == signType {
				require.NoError(t, err)
			} else {
				require.ErrorIs(t, err, ErrFieldFormat)
			}
		}
	}
	_, err := New(Config{BaseURL: Test, AppID: "1", Secret: duopay.NewSecret("s"), SignType: "MD5"})
	require.ErrorIs(t, err, duopay.Invalid)
}

// The order numbers of a client: forgotten when they certainly were not paid,
// and when there are too many.
func TestNumbers(t *testing.T) {
	var n numbers
	certain := &duopay.Error{Kind: duopay.Refused, Certain: true}
	for _, kind := range []*duopay.Error{certain, {Kind: duopay.NotSent}, {Kind: duopay.Invalid}} {
		assert.False(t, n.add("A"))
		n.settle("A", false, kind)
	}
	assert.True(t, certain.Certain)
	for _, err := range []error{&duopay.Error{Kind: duopay.Unsure}, &duopay.Error{Kind: duopay.Refused}, nil} {
		m := new(numbers)
		assert.False(t, m.add("B"))
		m.settle("B", false, err)
		assert.True(t, m.add("B"))
		again := &duopay.Error{Kind: duopay.Refused, Certain: true}
		m.settle("B", true, again)
		assert.False(t, again.Certain)
		assert.True(t, m.add("B"), "still")
	}
	n.add("FIRST")
	for i := range len(n.ring) {
		n.add(strings.Repeat("x", i+1))
	}
	assert.False(t, n.add("FIRST"))
	assert.LessOrEqual(t, len(n.at), len(n.ring))
}
