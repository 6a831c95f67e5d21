package ysepay

import (
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/duopay/duopay"
	"github.com/duopay/duopay/internal/exchange"
)

// vector is a case of testdata/vectors.json, which was made by other programs.
type vector struct {
	ID          string            `json:"id"`
	Kind        string            `json:"kind"`
	Tier        string            `json:"tier"`
	SignType    SignType          `json:"sign_type"`
	Charset     Charset           `json:"charset"`
	PrivateKey  string            `json:"private_key"`
	PlatformKey string            `json:"platform_key"`
	Params      map[string]string `json:"params"`
	Method      string            `json:"method"`
	BodyBase64  []byte            `json:"body_base64"`
	Body        string            `json:"body"`
	ContentType string            `json:"content_type"`
	Expect      struct {
		SignString        string   `json:"sign_string"`
		SignBytesHex      string   `json:"sign_bytes_hex"`
		Sign              string   `json:"sign"`
		FormBody          string   `json:"form_body"`
		ValidSignatures   []string `json:"valid_signatures"`
		InvalidSignatures []struct {
			Sign string `json:"sign"`
		} `json:"invalid_signatures"`
		Valid      bool              `json:"valid"`
		Reason     string            `json:"reason"`
		Node       string            `json:"node"`
		SignedText string            `json:"signed_text"`
		Fields     map[string]string `json:"fields"`
		Status     string            `json:"status"`
		APIError   *struct {
			Code    string `json:"code"`
			SubCode string `json:"sub_code"`
			SubMsg  string `json:"sub_msg"`
		} `json:"api_error"`
	} `json:"expect"`
}

// vectorFile is the whole file.
type vectorFile struct {
	Keys     map[string]map[string]string `json:"keys"`
	KeyFiles []struct {
		ID          string `json:"id"`
		File        string `json:"file"`
		Format      string `json:"format"`
		Password    string `json:"password"`
		ModulusHex  string `json:"rsa_modulus_hex"`
		PointHex    string `json:"sm2_point_hex"`
		ExpectError bool   `json:"expect_error"`
	} `json:"key_files"`
	Cases      []vector `json:"cases"`
	Validation struct {
		Now     time.Time `json:"now"`
		OrderNo []judged  `json:"combine_out_trade_no"`
		SubNo   []judged  `json:"out_trade_no"`
		Timeout []judged  `json:"timeout_express"`
		Amount  []judged  `json:"amount"`
		Sums    []struct {
			Total string   `json:"total"`
			Subs  []string `json:"subs"`
			OK    bool     `json:"ok"`
		} `json:"order_sums"`
	} `json:"validation"`
}

// judged is a value and whether it is good.
type judged struct {
	Value string `json:"v"`
	OK    bool   `json:"ok"`
	Why   string `json:"why"`
}

var readVectors = sync.OnceValues(func() (file vectorFile, err error) {
	data, err := os.ReadFile("testdata/vectors.json")
	if err == nil {
		err = json.Unmarshal(data, &file)
	}
	return file, err
})

func vectors(t testing.TB, kind, tier string) []vector {
	t.Helper()
	file, err := readVectors()
	require.NoError(t, err)
	var found []vector
	for _, v := range file.Cases {
		if v.Kind == kind && v.Tier == tier {
			found = append(found, v)
		}
	}
	require.NotEmpty(t, found)
	return found
}

func keyPath(file string) string { return filepath.Join("testdata", "keys", filepath.Base(file)) }

// private loads one of the keys of the vectors.
func private(t testing.TB, name string) *Key {
	t.Helper()
	key, err := LoadKeyFile(keyPath(name+".key.pem"), duopay.Secret{})
	require.NoError(t, err)
	return key
}

// public loads the public half of one of the keys of the vectors.
func public(t testing.TB, name string) *PlatformKey {
	t.Helper()
	key, err := LoadPlatformKeyFile(keyPath(name + ".cert.pem"))
	require.NoError(t, err)
	return key
}

// client returns a client of the partner of the vectors, who trusts one key.
func client(t testing.TB, platform string, charset Charset, options ...duopay.Option) *Client {
	t.Helper()
	key := private(t, "merchant_rsa")
	if platform == "platform_sm2" {
		key = private(t, "merchant_sm2")
	}
	c, err := New(Config{
		BaseURL: "https://ysepay.invalid", PartnerID: "dp_partner_01", Charset: charset,
		Key: key, PlatformKeys: []*PlatformKey{public(t, platform)},
	}, options...)
	require.NoError(t, err)
	return c
}

func TestRequestVectors(t *testing.T) {
	cases := vectors(t, "sign_request", "core")
	assert.Len(t, cases, 5)
	for _, v := range cases {
		t.Run(v.ID, func(t *testing.T) {
			platform := map[SignType]string{RSA: "platform_rsa", SM: "platform_sm2"}[v.SignType]
			c := client(t, platform, v.Charset)
			form, err := c.sign(v.Params)
			require.NoError(t, err)

			signed := stringToSign(form)
			assert.Equal(t, v.Expect.SignBytesHex, hex.EncodeToString([]byte(signed)))
			text, err := v.Charset.decode([]byte(signed))
			require.NoError(t, err)
			assert.Equal(t, v.Expect.SignString, text)

			merchant := *c
			merchant.config.PlatformKeys = []*PlatformKey{public(t, v.PrivateKey)}
			require.NoError(t, merchant.verify(v.SignType, []byte(signed), form["sign"]))
			for _, sign := range v.Expect.ValidSignatures {
				require.NoError(t, merchant.verify(v.SignType, []byte(signed), sign))
			}
			for _, bad := range v.Expect.InvalidSignatures {
				require.ErrorIs(t, merchant.verify(v.SignType, []byte(signed), bad.Sign), ErrSignature)
			}
			if v.SignType == RSA { // is deterministic
				assert.Equal(t, v.Expect.Sign, form["sign"])
				assert.Equal(t, v.Expect.FormBody, string(encodeForm(form)))
			}
			want, err := url.ParseQuery(v.Expect.FormBody)
			require.NoError(t, err)
			got, err := url.ParseQuery(string(encodeForm(form)))
			require.NoError(t, err)
			want.Del("sign")
			got.Del("sign")
			assert.Equal(t, want, got)
		})
	}
}

// What Pay sends under testdata is the request of the vectors, signature
// included.
func TestGoldenIsTheVector(t *testing.T) {
	sent, err := os.ReadFile("testdata/pay-request.txt")
	require.NoError(t, err)
	found := false
	for _, v := range vectors(t, "sign_request", "core") {
		found = found || v.ID == "req-rsa-combine-pay-chinese" && v.Expect.FormBody == string(sent)
	}
	assert.True(t, found)
}

// reasons are those of refused answers and notifications in the words of the
// vectors.
var reasons = map[string]error{
	"bad_signature":         duopay.ErrSignature,
	"missing_sign":          ErrUnsigned,
	"missing_node":          errNoNode,
	"unsupported_sign_type": ErrSignType,
}

func TestAnswerVectors(t *testing.T) {
	cases := vectors(t, "verify_response", "core")
	assert.Len(t, cases, 18)
	for _, v := range cases {
		t.Run(v.ID, func(t *testing.T) {
			c := client(t, v.PlatformKey, v.Charset)
			answer := &exchange.Answer{Status: http.StatusOK, Body: v.BodyBase64}
			n, err := c.open(operation{method: v.Method, anonymous: true}, nil, answer)
			if want := v.Expect.APIError; want != nil {
				var e *duopay.Error
				require.ErrorAs(t, err, &e)
				assert.Equal(t, []string{want.Code, want.SubCode}, []string{e.Code, e.SubCode})
				assert.Contains(t, e.Message, want.SubMsg)
				assert.False(t, e.Certain)
				assert.Equal(t, v.Expect.Valid && want.Code == "40004", e.Kind == duopay.Refused)
			}
			if !v.Expect.Valid {
				require.ErrorIs(t, err, reasons[v.Expect.Reason])
				return
			}
			e, cutErr := v.Charset.cut(v.BodyBase64, v.Method)
			require.NoError(t, cutErr)
			assert.Equal(t, v.Expect.SignedText, string(e.node))
			require.NoError(t, c.verify(v.SignType, e.bytes, e.sign))
			assert.Equal(t, v.Expect.Node == "unknow_response", !e.own)
			if v.Expect.APIError != nil {
				return
			}
			require.NoError(t, err)
			assert.Equal(t, v.Expect.SignedText, string(n.text))
			for name, want := range v.Expect.Fields {
				assert.Equal(t, want, fields(n.object).text(name), name)
			}
		})
	}
}

func TestNotificationVectors(t *testing.T) {
	statuses := map[string]duopay.Status{"success": duopay.Paid, "closed": duopay.Closed}
	cases := vectors(t, "verify_notify", "core")
	assert.Len(t, cases, 10)
	for _, v := range cases {
		t.Run(v.ID, func(t *testing.T) {
			c := client(t, v.PlatformKey, v.Charset)
			n, err := c.ParseNotification(http.MethodPost, http.Header{"Content-Type": {v.ContentType}}, []byte(v.Body))
			if !v.Expect.Valid {
				require.ErrorIs(t, err, reasons[v.Expect.Reason])
				require.ErrorIs(t, err, duopay.Unsure)
				assert.Nil(t, n)
				return
			}
			require.NoError(t, err)
			for name, want := range v.Expect.Fields {
				assert.Equal(t, want, n.Fields[name], name)
			}
			assert.Equal(t, statuses[v.Expect.Status], n.TradeStatus.Status())
			assert.Equal(t, v.Expect.Fields["combine_out_trade_no"], n.OrderNo)
			assert.Equal(t, v.Expect.Fields["combine_total_amount"], string(n.TotalAmount))

			text, err := c.NotificationStringToSign([]byte(v.Body))
			require.NoError(t, err)
			text, err = v.Charset.decode([]byte(text))
			require.NoError(t, err)
			assert.Equal(t, v.Expect.SignString, text)
		})
	}
}

// The cases of tier robustness are not seen on the wire so far, and refused.
func TestRobustnessIsLeftOut(t *testing.T) {
	for _, v := range vectors(t, "verify_response", "robustness") {
		c := client(t, v.PlatformKey, v.Charset)
		_, err := c.open(operation{method: v.Method, anonymous: true}, nil, &exchange.Answer{Status: http.StatusOK, Body: v.BodyBase64})
		require.Error(t, err, v.ID)
	}
	for _, v := range vectors(t, "verify_notify", "robustness") {
		_, err := client(t, v.PlatformKey, v.Charset).ParseNotification(http.MethodPost, http.Header{"Content-Type": {v.ContentType}}, []byte(v.Body))
		require.ErrorIs(t, err, ErrSignature, v.ID)
	}
}

// The tables of good and bad values.
func TestValidationVectors(t *testing.T) {
	file, err := readVectors()
	require.NoError(t, err)
	table := file.Validation
	c := client(t, "platform_rsa", UTF8, duopay.WithClock(func() time.Time { return table.Now.UTC() }))
	good := PayRequest{
		NotifyURL: "https://pay.example.com/n", OrderNo: "20240520DP1", BuyerID: "2088000000000001", TimeoutExpress: "90m",
		SellerID: "dp_partner_01", Subject: "x", TotalAmount: duopay.MustMoney("1"),
		SubOrders: []SubOrder{{OrderNo: "a", Amount: duopay.MustMoney("1"), SellerID: "s"}},
	}
	judge := func(field string, ok bool, change func(*PayRequest)) {
		t.Helper()
		r := good
		r.SubOrders = append([]SubOrder(nil), good.SubOrders...)
		change(&r)
		violations := c.violations(r.completed())
		if ok {
			assert.Empty(t, violations)
			return
		}
		require.NotEmpty(t, violations)
		for _, v := range violations {
			assert.Equal(t, field, v.Field)
		}
	}
	for _, v := range table.OrderNo {
		judge("combine_out_trade_no", v.OK, func(r *PayRequest) { r.OrderNo = v.Value })
	}
	for _, v := range table.SubNo {
		judge("sub_order_list[0].out_trade_no", v.OK, func(r *PayRequest) { r.SubOrders[0].OrderNo = v.Value })
	}
	for _, v := range table.Timeout {
		judge("timeout_express", v.OK, func(r *PayRequest) { r.TimeoutExpress = v.Value })
	}
	amounts := 0
	for _, v := range table.Amount {
		m, err := duopay.ParseMoney(v.Value)
		if err != nil { // cannot even be made
			assert.False(t, v.OK)
			continue
		}
		if m.String() != v.Value {
			continue // another form of the same amount: Money has one only
		}
		amounts++
		r := good
		r.TotalAmount, r.SubOrders = m, []SubOrder{{OrderNo: "a", Amount: m, SellerID: "s"}}
		assert.Equal(t, v.OK, len(c.violations(r.completed())) == 0, v.Value)
	}
	assert.Equal(t, 5, amounts)
	for _, v := range table.Sums {
		r := good
		r.TotalAmount, r.SubOrders = duopay.MustMoney(v.Total), nil
		for i, sub := range v.Subs {
			r.SubOrders = append(r.SubOrders, SubOrder{OrderNo: "s" + string(rune('A'+i%26)) + string(rune('a'+i/26)), Amount: duopay.MustMoney(sub), SellerID: "s"})
		}
		assert.Equal(t, v.OK, len(c.violations(r.completed())) == 0, "%v", v)
	}
}

func TestKeyFileVectors(t *testing.T) {
	file, err := readVectors()
	require.NoError(t, err)
	assert.Len(t, file.KeyFiles, 14)
	for _, v := range file.KeyFiles {
		t.Run(v.ID, func(t *testing.T) {
			if v.Format == "certificate" {
				key, err := LoadPlatformKeyFile(keyPath(v.File))
				require.NoError(t, err)
				assert.Equal(t, v.ModulusHex+v.PointHex, numberOf(t, key.public))
				return
			}
			key, err := LoadKeyFile(keyPath(v.File), duopay.NewSecret(v.Password))
			if v.ExpectError {
				require.ErrorIs(t, err, ErrPassword)
				require.ErrorIs(t, err, duopay.Invalid)
				assert.NotContains(t, err.Error(), v.Password)
				assert.Nil(t, key)
				return
			}
			require.NoError(t, err)
			// What the key signs, verifies with the public half.
			half := map[SignType]string{RSA: "merchant_rsa", SM: "merchant_sm2"}[key.SignType()]
			signature, err := key.sign([]byte("text"))
			require.NoError(t, err)
			assert.True(t, public(t, half).verify([]byte("text"), signature))
			assert.Equal(t, v.ModulusHex+v.PointHex, numberOf(t, public(t, half).public))
		})
	}
}

// The texts for support cases are those of the vectors.
func TestRequestStringToSign(t *testing.T) {
	at, err := time.ParseInLocation(time.DateTime, "2024-05-20 10:20:30", china)
	require.NoError(t, err)
	seen := 0
	for _, v := range vectors(t, "sign_request", "core") {
		if v.ID == "req-rsa-zero-blank-space" {
			continue // has parameters that do not exist
		}
		seen++
		c := client(t, map[SignType]string{RSA: "platform_rsa", SM: "platform_sm2"}[v.SignType], v.Charset, duopay.WithClock(func() time.Time { return at }))
		text, err := c.RequestStringToSign(v.Params["method"], CallRequest{
			NotifyURL: v.Params["notify_url"], TranType: v.Params["tran_type"], Content: json.RawMessage(v.Params["biz_content"]),
		})
		require.NoError(t, err)
		assert.Equal(t, v.Expect.SignString, text, v.ID)
	}
	assert.Equal(t, 4, seen)

	c := client(t, "platform_rsa", UTF8, duopay.WithClock(func() time.Time { return at }))
	text, err := c.RequestStringToSign("a.b", map[string]int{"n": 1})
	require.NoError(t, err)
	assert.Equal(t, `biz_content={"n":1}&charset=UTF-8&method=a.b&partner_id=dp_partner_01&sign_type=RSA&timestamp=2024-05-20 10:20:30&version=3.0`, text)
	text, err = c.RequestStringToSign("a.b", CallRequest{Version: "3.5"})
	require.NoError(t, err)
	assert.Contains(t, text, "&version=3.5")
	text, err = c.RequestStringToSign(query.method, QueryRequest{OrderNo: "20240520DP1"})
	require.NoError(t, err)
	assert.Contains(t, text, `biz_content={"combine_out_trade_no":"20240520DP1","shopdate":"20240520"}&`)
	_, err = c.RequestStringToSign("a.b", PayRequest{})
	var violations duopay.Violations
	require.ErrorAs(t, err, &violations)
	_, err = c.NotificationStringToSign([]byte("a=%zz"))
	require.ErrorIs(t, err, duopay.ErrMalformed)
}
