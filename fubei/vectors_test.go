package fubei

import (
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/duopay/duopay"
)

// vector is a case of testdata/vectors.json, which was made by other programs.
type vector struct {
	Name         string            `json:"name"`
	Kind         string            `json:"kind"`
	Secret       string            `json:"secret"`
	Params       map[string]string `json:"params"`
	StringToSign string            `json:"string_to_sign"`
	Sign         string            `json:"sign"`
	Valid        bool              `json:"valid"`
	Reason       string            `json:"reason"`
	Body         string            `json:"body"`
	Expect       struct {
		Paid        bool        `json:"paid"`
		ResultCode  string      `json:"result_code"`
		OrderNo     duopay.Text `json:"merchant_order_sn"`
		TotalFeeFen *int64      `json:"total_fee_fen"`
	} `json:"expect"`
}

func vectors(t *testing.T, kind string) []vector {
	t.Helper()
	data, err := os.ReadFile("testdata/vectors.json")
	require.NoError(t, err)
	var file struct {
		Cases []vector `json:"cases"`
	}
	require.NoError(t, json.Unmarshal(data, &file))
	var found []vector
	for _, v := range file.Cases {
		if v.Kind == kind {
			found = append(found, v)
		}
	}
	require.NotEmpty(t, found)
	return found
}

func TestRequestVectors(t *testing.T) {
	seen := 0
	for _, v := range vectors(t, "request") {
		seen++
		t.Run(v.Name, func(t *testing.T) {
			// The client never has empty parameters: canonical.Fields drops them.
			sent := without(v.Params, func(_, value string) bool { return value == "" })
			assert.Equal(t, v.StringToSign, stringToSign(sent)+v.Secret)
			assert.Equal(t, v.Valid, v.Sign == signature(sent, v.Secret))
		})
	}
	assert.Equal(t, 12, seen)
}

// refusals are the reasons in the words of the vectors.
var refusals = map[string]error{
	"malformed_body":  ErrMalformedBody,
	"duplicate_field": ErrDuplicateField,
	"missing_field":   ErrMissingField,
	"bad_sign_format": ErrSignFormat,
	"bad_signature":   ErrSignature,
	"malformed_data":  ErrMalformedData,
}

var formHeader = http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}

func client(tb testing.TB, secret string, options ...duopay.Option) *Client {
	tb.Helper()
	c, err := New(Config{BaseURL: "https://fubei.invalid", AppID: "20990101000000000001", Secret: duopay.NewSecret(secret)}, options...)
	require.NoError(tb, err)
	return c
}

func TestNotificationVectors(t *testing.T) {
	seen := 0
	for _, v := range vectors(t, "callback") {
		seen++
		t.Run(v.Name, func(t *testing.T) {
			c := client(t, v.Secret)
			n, err := c.ParseNotification(http.MethodPost, formHeader, []byte(v.Body))
			if !v.Valid {
				require.ErrorIs(t, err, refusals[v.Reason])
				assert.Nil(t, n)
				for reason, other := range refusals {
					assert.Equal(t, reason == v.Reason, errors.Is(err, other), reason)
				}
				return
			}
			require.NoError(t, err)
			assert.Equal(t, v.Expect.Paid, n.Paid())
			assert.Equal(t, v.Expect.ResultCode, n.ResultCode)
			assert.Equal(t, v.Expect.OrderNo, n.Order.OrderNo)
			assert.Equal(t, v.Params["data"], string(n.Data))
			if v.Expect.TotalFeeFen == nil {
				assert.False(t, n.Order.TotalFee.Given())
				return
			}
			received, err := n.Order.TotalFee.Money()
			require.NoError(t, err)
			assert.Equal(t, duopay.Fen(*v.Expect.TotalFeeFen), received.Fen())
		})
	}
	assert.Equal(t, 13, seen)
}

// The text for support cases is the one of the vectors, with another end.
func TestStringToSignMasksTheSecret(t *testing.T) {
	for _, v := range vectors(t, "callback") {
		if !v.Valid {
			continue
		}
		text, err := client(t, v.Secret).NotificationStringToSign([]byte(v.Body))
		require.NoError(t, err)
		if v.Name == "callback-empty-message-skipped" {
			continue // signed in the other of the two accepted forms
		}
		assert.Equal(t, v.StringToSign, text[:len(text)-len("[secret]")]+v.Secret, v.Name)
		assert.NotContains(t, text, v.Secret)
	}
	v := vectors(t, "request")[0]
	c := client(t, v.Secret, duopay.WithNonce(func() string { return v.Params["nonce"] }))
	text, err := c.RequestStringToSign(v.Params["method"], json.RawMessage(v.Params["biz_content"]))
	require.NoError(t, err)
	assert.Equal(t, v.StringToSign, text[:len(text)-len("[secret]")]+v.Secret)
}
