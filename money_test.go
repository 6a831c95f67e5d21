package duopay_test

import (
	"encoding/json"
	"math"
	"math/big"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-querystring/query"
	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/duopay/duopay"
)

// isInvalid asserts that err is an Error of kind Invalid from op.
func isInvalid(t *testing.T, err error, op string) {
	t.Helper()
	require.ErrorIs(t, err, duopay.Invalid)
	var e *duopay.Error
	require.ErrorAs(t, err, &e)
	assert.Equal(t, op, e.Op)
	assert.LessOrEqual(t, len(err.Error()), 300)
}

var parseMoney = []struct {
	text string
	fen  duopay.Fen
}{
	{"0", 0}, {"0.0", 0}, {"0.00", 0}, {"-0", 0}, {"0e5", 0}, {"0e-9", 0},
	{"1", 100}, {"12.5", 1250}, {"12.50", 1250}, {"0.01", 1}, {"-0.01", -1}, {"-12.34", -1234},
	{"1.230", 123}, {"1.2300000000000000000000000000", 123}, {"007", 700},
	{"1e2", 10000}, {"1E2", 10000}, {"1e+2", 10000}, {"12345e-2", 12345}, {"1.5e1", 1500}, {"100e-4", 1}, {"0.001e1", 1},
	{"999999999999999.99", 99999999999999999}, {"1000000000000000", 1e17}, {"-1000000000000000", -1e17}, {"1e15", 1e17},
	{strings.Repeat("0", 39) + "7", 700},
}

var refuseMoney = []string{
	"", " ", " 1", "1 ", "1 2", "+5", ".5", "5.", "-", "--1", "-.5", "+", ".", "e", "e5", "1e", "1e+", "1e-", "-e1", "1.e1", "1e1.",
	"1e1.5", "1e1e1", "1.2.3", "1-2", "1+2", "1e+-2", "1e--2", "1e5-1",
	"0x1", "0b1", "1_0", "1,000.00", "1,5", "NaN", "Inf", "-Infinity", "nil", "null", "true", "¥1", "1元", "\x001", "1\n", "1\x00",
	"１２", "١٢", "1²", "½", "1０",
	"0.001", "1.234", "1.005", "-1.239", "1e-3", "12345e-5", "0.0100000000000000000000000000000001",
	"0e1000000000", "0e-99999999", "1e1000000000", "-1e1000000000", "1e-1000000000", "1e-99999999", "1e99999999999999999999", "1e-2147483648", "1e-2147483650", "1e2147483647",
	"1e16", "1e41", "1e40", "1e-80", "1e-81", "1000000000000000.01", "-1000000000000000.01", "99999999999999999999", "9223372036854775807", "184467440737095516.17",
	strings.Repeat("0", 40) + "7", strings.Repeat("9", 41), strings.Repeat("1", 1<<20),
}

func TestParseMoney(t *testing.T) {
	for _, c := range parseMoney {
		t.Run(c.text, func(t *testing.T) {
			m, err := duopay.ParseMoney(c.text)
			require.NoError(t, err)
			assert.Equal(t, c.fen, m.Fen())
			assert.Equal(t, m, duopay.MustMoney(c.text))
		})
	}
	for _, text := range refuseMoney {
		t.Run("not "+text[:min(len(text), 50)], func(t *testing.T) {
			m, err := duopay.ParseMoney(text)
			isInvalid(t, err, "ParseMoney")
			assert.Zero(t, m)
			assert.Panics(t, func() { duopay.MustMoney(text) })
		})
	}
}

// FuzzParseMoney compares with exact fractions.
func FuzzParseMoney(f *testing.F) {
	for _, c := range parseMoney {
		f.Add(c.text)
	}
	for _, text := range refuseMoney {
		if len(text) < 100 {
			f.Add(text)
		}
	}
	grammar := regexp.MustCompile(`^-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?$`)
	exponent := regexp.MustCompile(`[eE][+-]?[0-9]{3,}$`)
	f.Fuzz(func(t *testing.T, text string) {
		m, err := duopay.ParseMoney(text)
		if err != nil {
			require.ErrorIs(t, err, duopay.Invalid)
			require.Zero(t, m)
		} else {
			again, err := duopay.ParseMoney(m.String())
			require.NoError(t, err)
			require.Equal(t, m, again)
		}
		if len(text) > 40 || !grammar.MatchString(text) {
			require.Error(t, err)
			return
		}
		if exponent.MatchString(text) { // too much for the fraction
			return
		}
		yuan, ok := new(big.Rat).SetString(text)
		require.True(t, ok)
		fen := new(big.Rat).Mul(yuan, big.NewRat(100, 1))
		possible := fen.IsInt() && new(big.Rat).Abs(fen).Cmp(big.NewRat(1e17, 1)) <= 0
		require.Equal(t, possible, err == nil, "%v", err)
		if possible {
			require.Equal(t, fen.Num().Int64(), int64(m.Fen()))
		}
	})
}

func TestNewMoney(t *testing.T) {
	m, err := duopay.NewMoney(decimal.New(1230, -3))
	require.NoError(t, err)
	assert.Equal(t, duopay.MustMoney("1.23"), m)
	for _, d := range []decimal.Decimal{{}, decimal.New(0, 1_000_000_000), decimal.New(0, -1_000_000_000)} {
		m, err = duopay.NewMoney(d)
		require.NoError(t, err)
		assert.True(t, m.IsZero())
	}
	for _, d := range []decimal.Decimal{
		decimal.New(1, -3), decimal.New(1, 1_000_000_000), decimal.New(1, -1_000_000_000), decimal.New(math.MaxInt64, 0),
		decimal.New(math.MinInt64, 0), decimal.New(1, math.MaxInt32), decimal.New(1, math.MinInt32), decimal.New(1, 1).Div(decimal.New(3, 0)),
	} {
		m, err := duopay.NewMoney(d)
		isInvalid(t, err, "NewMoney")
		assert.Zero(t, m)
	}
}

func TestMoneyArithmetic(t *testing.T) {
	a, b := duopay.MustMoney("0.10"), duopay.MustMoney("0.20")
	assert.Equal(t, duopay.MustMoney("0.30"), a.Add(b))
	assert.Equal(t, duopay.MustMoney("-0.10"), a.Sub(b))
	assert.Equal(t, -1, a.Cmp(b))
	assert.Equal(t, 1, b.Cmp(a))
	assert.Equal(t, 0, a.Cmp(duopay.Fen(10).Money()))
	assert.Equal(t, "ten", map[duopay.Money]string{duopay.Fen(10).Money(): "ten"}[a], "comparable")
	assert.True(t, duopay.Money{}.IsZero())
	assert.False(t, a.IsZero())
	assert.Equal(t, duopay.Fen(20), b.Fen())
	assert.Equal(t, "0.2", b.Decimal().String())
	assert.True(t, b.Decimal().Equal(decimal.New(2, -1)))
}

func TestMoneyString(t *testing.T) {
	for fen, want := range map[duopay.Fen]string{
		0: "0.00", 1: "0.01", 10: "0.10", 100: "1.00", 1250: "12.50", -1: "-0.01", -1250: "-12.50", 1e17: "1000000000000000.00",
		math.MaxInt64: "92233720368547758.07", math.MinInt64: "-92233720368547758.08",
	} {
		assert.Equal(t, want, fen.Money().String())
	}
	assert.Equal(t, "1250", duopay.Fen(1250).String())
	assert.Equal(t, "-1", duopay.Fen(-1).String())
}

func TestMoneyJSON(t *testing.T) {
	type order struct {
		Total duopay.Money  `json:"total"`
		Fee   *duopay.Money `json:"fee,omitempty"`
		Left  duopay.Money  `json:"left,omitzero"`
		Fen   duopay.Fen    `json:"fen"`
	}
	fee := duopay.MustMoney("-0.05")
	text, err := json.Marshal(order{Total: duopay.MustMoney("12.5"), Fee: &fee, Fen: 7})
	require.NoError(t, err)
	assert.Equal(t, `{"total":12.50,"fee":-0.05,"fen":7}`, string(text))

	for text, want := range map[string]duopay.Fen{
		`12.5`: 1250, `"12.5"`: 1250, `"12.50"`: 1250, `1e2`: 10000, `"1e2"`: 10000, `-0.01`: -1, `0`: 0, `1.230`: 123,
		`123456789012345.67`: 12345678901234567, // a float64 would not hold it
	} {
		var o order
		require.NoError(t, json.Unmarshal([]byte(`{"total":`+text+`}`), &o), text)
		assert.Equal(t, want, o.Total.Fen(), text)
	}
	for _, text := range []string{`""`, `" 1"`, `"x"`, `"+1"`, `true`, `{}`, `[]`, `[1]`, `0.001`, `"0.001"`, `1e1000000000`, `1e-99999999`, `"\"1\""`} {
		o := order{Total: fee}
		err := json.Unmarshal([]byte(`{"total":`+text+`}`), &o)
		require.Error(t, err, text)
		require.NotErrorIs(t, err, duopay.Invalid, "an answer that cannot be read is not a call that was not sent")
		assert.Equal(t, fee, o.Total, "left alone")
	}
	for _, text := range []string{`{}`, `{"total":null,"fee":null}`} {
		var o order
		require.NoError(t, json.Unmarshal([]byte(text), &o))
		assert.True(t, o.Total.IsZero())
		assert.Nil(t, o.Fee)
	}
	for _, text := range []string{`1.0`, `"7"`, `1e2`, `9223372036854775808`} {
		require.Error(t, json.Unmarshal([]byte(`{"fen":`+text+`}`), &order{}), text)
	}
}

func TestMoneyForm(t *testing.T) {
	form, err := query.Values(struct {
		Total duopay.Money `url:"total"`
		Left  duopay.Money `url:"left,omitempty"`
		Fen   duopay.Fen   `url:"fen"`
	}{Total: duopay.MustMoney("12.5"), Fen: 1250})
	require.NoError(t, err)
	assert.Equal(t, url.Values{"total": {"12.50"}, "fen": {"1250"}}, form)
}

// Money never passes through a float, in tests neither.
func TestNoFloat(t *testing.T) {
	files, err := filepath.Glob("*.go")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	float := regexp.MustCompile(`float` + `(32|64)|New` + `FromFloat|Parse` + `Float|Inexact` + `Float`)
	for _, file := range files {
		source, err := os.ReadFile(file)
		require.NoError(t, err)
		for i, line := range strings.Split(string(source), "\n") {
			code, _, _ := strings.Cut(line, "//")
			assert.NotRegexp(t, float, code, "%s:%d", file, i+1)
		}
	}
}
