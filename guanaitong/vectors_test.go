package guanaitong

import (
	"cmp"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/duopay/duopay"
	"github.com/duopay/duopay/internal/canonical"
)

// vector is a case of testdata/vectors.json, which was made by other programs.
type vector struct {
	Name         string                   `json:"name"`
	Kind         string                   `json:"kind"`
	Alg          SignType                 `json:"alg"`
	Secret       string                   `json:"secret"`
	Secrets      map[string]duopay.Secret `json:"secrets"`
	Params       map[string]string        `json:"params"`
	StringToSign string                   `json:"string_to_sign"`
	Sign         string                   `json:"sign"`
	ExpectedSign string                   `json:"expected_sign"`
	Valid        bool                     `json:"valid"`
	Reason       string                   `json:"reason"`
	Raw          string                   `json:"raw"`
	VerifyAt     int64                    `json:"verify_at"`
	MaxPast      int64                    `json:"max_past_seconds"`
	MaxFuture    int64                    `json:"max_future_seconds"`
}

func vectors(t testing.TB, kinds ...string) []vector {
	t.Helper()
	data, err := os.ReadFile("testdata/vectors.json")
	require.NoError(t, err)
	var file struct {
		Cases    []vector `json:"cases"`
		Optional []vector `json:"optional_cases"`
	}
	require.NoError(t, json.Unmarshal(data, &file))
	var found []vector
	for _, v := range append(file.Cases, file.Optional...) {
		for _, kind := range kinds {
			if v.Kind == kind {
				found = append(found, v)
			}
		}
	}
	return found
}

func TestRequestVectors(t *testing.T) {
	seen := 0
	for _, v := range vectors(t, "request") {
		seen++
		t.Run(v.Name, func(t *testing.T) {
			assert.Equal(t, v.StringToSign, stringToSign(v.Params, v.Secret, false))
			assert.Equal(t, v.Valid, v.Sign == v.Alg.signature(v.Params, v.Secret))
			if v.ExpectedSign != "" {
				assert.Equal(t, v.ExpectedSign, v.Alg.signature(v.Params, v.Secret))
			}
		})
	}
	assert.Equal(t, 16, seen)
}

// What the client makes of a request is what the vectors say, blanks, order
// and optional appid included.
func TestRequestVectorsThroughTheClient(t *testing.T) {
	seen := 0
	for _, v := range vectors(t, "request") {
		if !v.Valid || v.Params["sign"] != "" {
			continue
		}
		seen++
		t.Run(v.Name, func(t *testing.T) {
			seconds := json.Number(v.Params["timestamp"])
			at, err := seconds.Int64()
			require.NoError(t, err)
			own := maps.Clone(v.Params)
			for _, name := range []string{"access_token", "timestamp", "grant_type", "_body", "appid"} {
				delete(own, name)
			}
			for name, value := range own {
				if trim(value) == "" { // the client refuses what is blank and not empty
					own[name] = ""
				}
			}
			c := client(t, v.Params["appid"], v.Secret, func(config *Config) {
				config.SignType = v.Alg
				config.IncludeAppID = v.Params["appid"] != ""
			}, duopay.WithClock(func() time.Time { return time.Unix(at, 0) }))
			var request any = own
			if body := v.Params["_body"]; body != "" {
				request = jsonRequest{v.Params["version"], json.RawMessage(body)}
			}
			m, err := c.encode(request)
			require.NoError(t, err)
			if v.Params["access_token"] == "" {
				m = message{fields: own} // as create has it
			}
			signed, err := c.sign(v.Params["access_token"], m)
			require.NoError(t, err)
			assert.Equal(t, v.Sign, signed["sign"])
		})
	}
	assert.Equal(t, 14, seen)
}

// trade_info of the vectors, read into the table and written again, is the same
// text: names, order, flags and amounts.
func TestTradeInfoVectors(t *testing.T) {
	seen := make(map[string]bool)
	for _, v := range vectors(t, "request") {
		text := v.Params["trade_info"]
		if text == "" {
			continue
		}
		seen[text] = true
		var info TradeInfo
		require.NoError(t, json.Unmarshal([]byte(text), &info))
		fields, err := canonical.Fields(PayRequest{TradeInfo: info})
		require.NoError(t, err)
		assert.Equal(t, text, fields["trade_info"])
	}
	assert.Len(t, seen, 3)

	// What is free is not missing, and what is missing is the price.
	text, err := json.Marshal([]Goods{
		{SKUID: "1", Name: "a", Quantity: 1, Price: duopay.MustMoney("2"), PayAmount: new(duopay.Money{})},
		{SKUID: "1", Name: "a", Quantity: 1, Price: duopay.MustMoney("2")},
	})
	require.NoError(t, err)
	want := `[{"sku_id":"1","name":"a","quantity":1,"good_price":2.00,"good_pay_amount":0.00,"good_cost_amount":0.00},` +
		`{"sku_id":"1","name":"a","quantity":1,"good_price":2.00,"good_pay_amount":2.00,"good_cost_amount":0.00}]`
	assert.Equal(t, want, string(text))
}

// refusals are the reasons in the words of the vectors.
var refusals = map[string]error{
	"malformed":       duopay.ErrMalformed,
	"unknown_app":     duopay.ErrUnknownMerchant,
	"bad_signature":   duopay.ErrSignature,
	"stale_timestamp": duopay.ErrStale,
}

var formHeader = http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}

// client returns a client that sends nothing.
func client(t testing.TB, appID, secret string, change func(*Config), options ...duopay.Option) *Client {
	t.Helper()
	config := Config{BaseURL: "https://guanaitong.invalid", AppID: cmp.Or(appID, "90000002"), Secret: duopay.NewSecret(secret)}
	if change != nil {
		change(&config)
	}
	c, err := New(config, options...)
	require.NoError(t, err)
	return c
}

// Each case is judged at its own time and by its own window.
func TestCallbackVectors(t *testing.T) {
	seen := 0
	for _, v := range vectors(t, "notify", "return") {
		seen++
		t.Run(v.Name, func(t *testing.T) {
			window := Window{time.Duration(v.MaxPast) * time.Second, time.Duration(v.MaxFuture) * time.Second}
			c := client(t, "", v.Secret, func(config *Config) {
				config.Secrets, config.NotificationWindow, config.ReturnWindow = v.Secrets, window, window
			}, duopay.WithClock(func() time.Time { return time.Unix(v.VerifyAt, 0) }))
			var (
				fields map[string]string
				err    error
			)
			if v.Kind == "notify" {
				var n *Notification
				if n, err = c.ParseNotification(http.MethodPost, formHeader, []byte(v.Raw)); n != nil {
					fields = n.Fields
					assert.Equal(t, duopay.MustMoney(v.Params["total_amount"]), n.TotalAmount)
					assert.Equal(t, [6]string{v.Params["appid"], v.Params["outer_trade_no"], v.Params["buyer_open_id"], v.Params["attach"], v.Params["trade_no"], v.Params["timestamp"]},
						[6]string{n.AppID, n.OrderNo, n.BuyerOpenID, n.Attach, n.TradeNo, json.Number(n.Fields["timestamp"]).String()})
				}
			} else {
				var claim *ReturnClaim
				if claim, err = c.ParseReturnPage(&url.URL{RawQuery: v.Raw}); claim != nil {
					fields = claim.Fields
					assert.Equal(t, [4]string{v.Params["appid"], v.Params["outer_trade_no"], v.Params["attach"], v.Params["pay_result"]},
						[4]string{claim.AppID, claim.OrderNo, claim.Attach, string(claim.Claims)})
				}
			}
			if v.Valid {
				require.NoError(t, err)
				assert.Equal(t, v.Params, fields)
				return
			}
			require.ErrorIs(t, err, duopay.Unsure)
			assert.Nil(t, fields)
			for reason, refusal := range refusals {
				assert.Equal(t, reason == v.Reason, errors.Is(err, refusal), reason)
			}
		})
	}
	assert.Equal(t, 21, seen)
}

// The text for support cases is the one of the vectors, with the secret masked.
func TestStringToSignMasksTheSecret(t *testing.T) {
	seen := 0
	for _, v := range vectors(t, "notify", "return") {
		c := client(t, "", v.Secret, nil)
		text, err := c.NotificationStringToSign([]byte(v.Raw))
		if !v.Valid || v.Name == "notify_blank_attach_signer_keeps_blank" {
			continue // that one is signed in the other of the two accepted forms
		}
		seen++
		require.NoError(t, err)
		assert.Equal(t, v.StringToSign, unmask(text, v.Secret, ""), v.Name)
		assert.NotContains(t, text, v.Secret)
	}
	assert.Greater(t, seen, 8)

	v := vectors(t, "request")[8]
	require.Equal(t, "auth_code_by_mobile", v.Name)
	c := client(t, "", v.Secret, nil, duopay.WithClock(func() time.Time { return time.Unix(1735700300, 0) }))
	text, err := c.RequestStringToSign(AuthCodeByMobileRequest{Mobile: "13000000000", MobileArea: "86"})
	require.NoError(t, err)
	assert.NotContains(t, text, v.Secret)
	assert.Equal(t, v.StringToSign, unmask(text, v.Secret, v.Params["access_token"]))

	_, err = c.RequestStringToSign(AuthCodeByMobileRequest{})
	require.Error(t, err)
	_, err = c.NotificationStringToSign([]byte("a=%zz"))
	assert.Error(t, err)
}

// Only what Java's trim takes is cut off, at the ends and nowhere else.
func TestTrim(t *testing.T) {
	for text, want := range map[string]string{
		" a ": "a", "\t\r\n\x00\x1fa b\x20": "a b", "　a\u00a0": "　a\u00a0", "\u2003a": "\u2003a", "\u0085a": "\u0085a", "\x7fa": "\x7fa", "": "", " ": "",
	} {
		assert.Equal(t, want, trim(text), "%q", text)
	}
	trimmed := " a\t"
	assert.Equal(t, "a=　&appsecret=s", stringToSign(map[string]string{trimmed: "　", "b": " ", "sign": "x"}, "s", false))
}
