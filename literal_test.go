package duopay_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/duopay/duopay"
)

func TestLiterals(t *testing.T) {
	const amountOK, integerOK = 1, 2
	for text, c := range map[string]struct {
		want string
		ok   int // which of the readers reads it
	}{
		`{}`:                     {"", 0},
		`{"v":null}`:             {"", 0},
		`{"v":""}`:               {"", 0},
		`{"v":12}`:               {"12", amountOK | integerOK},
		`{"v":"12"}`:             {"12", amountOK | integerOK},
		`{"v":"\u0031\u0032"}`:   {"12", amountOK | integerOK},
		`{"v":-12}`:              {"-12", amountOK | integerOK},
		`{"v":12.5}`:             {"12.5", amountOK},
		`{"v":"12.50"}`:          {"12.50", amountOK},
		`{"v":1e2}`:              {"1e2", amountOK},
		`{"v":12.345}`:           {"12.345", 0},
		`{"v":" 12"}`:            {" 12", 0},
		`{"v":"0x12"}`:           {"0x12", 0},
		`{"v":"1_2"}`:            {"1_2", 0},
		`{"v":"一"}`:              {"一", 0},
		`{"v":"null"}`:           {"null", 0},
		`{"v":true}`:             {"true", 0},
		`{"v":false}`:            {"false", 0},
		`{"v":{"a": [1]}}`:       {`{"a": [1]}`, 0},
		`{"v":[ ]}`:              {`[ ]`, 0},
		`{"v":1e1000000000}`:     {"1e1000000000", 0},
		`{"v":9007199254740993}`: {"9007199254740993", integerOK}, // a float64 would not hold it
	} {
		t.Run(text, func(t *testing.T) {
			var v struct {
				A duopay.Amount `json:"v"`
			}
			var i struct {
				I duopay.Integer `json:"v"`
			}
			var x struct {
				T duopay.Text `json:"v"`
			}
			require.NoError(t, json.Unmarshal([]byte(text), &v))
			require.NoError(t, json.Unmarshal([]byte(text), &i))
			require.NoError(t, json.Unmarshal([]byte(text), &x))
			assert.Equal(t, []string{c.want, c.want, c.want}, []string{string(v.A), string(i.I), string(x.T)})
			assert.Equal(t, c.want != "", v.A.Given())
			assert.Equal(t, c.want != "", i.I.Given())

			m, err := v.A.Money()
			if c.ok&amountOK != 0 {
				require.NoError(t, err)
				assert.Equal(t, duopay.MustMoney(c.want), m)
			} else {
				require.Error(t, err)
				assert.Zero(t, m)
				require.NotErrorIs(t, err, duopay.Invalid, "an answer that cannot be read is not a call that was not sent")
				assert.Equal(t, c.want == "", err == duopay.ErrAbsent) //nolint:errorlint // exactly it
			}
			n, err := i.I.Int64()
			if c.ok&integerOK != 0 {
				require.NoError(t, err)
				assert.Equal(t, c.want, json.Number(c.want).String())
				assert.NotZero(t, n)
			} else {
				require.Error(t, err)
				assert.Zero(t, n)
				assert.Equal(t, c.want == "", err == duopay.ErrAbsent) //nolint:errorlint // exactly it
			}
		})
	}
}

func TestIntegerInt64(t *testing.T) {
	for text, want := range map[duopay.Integer]int64{
		"0": 0, "-1": -1, "007": 7, "9223372036854775807": 9223372036854775807, "-9223372036854775808": -9223372036854775808,
	} {
		n, err := text.Int64()
		require.NoError(t, err)
		assert.Equal(t, want, n)
	}
	for _, text := range []duopay.Integer{"9223372036854775808", "1.0", "1e3", "１", "x", " ", "-"} {
		n, err := text.Int64()
		require.Error(t, err, text)
		assert.Zero(t, n, "not the nearest number that fits")
	}
}

// What an earlier decoding left behind does not survive a null.
func TestLiteralNullOverwrites(t *testing.T) {
	v := struct {
		A duopay.Amount
		I duopay.Integer
		T duopay.Text
	}{"1", "2", "3"}
	require.NoError(t, json.Unmarshal([]byte(`{"A":null,"I":null,"T":null}`), &v))
	assert.Zero(t, v)
	require.Error(t, v.T.UnmarshalJSON([]byte(`"broken`)))
}
