package duopay

import (
	"bytes"
	"errors"
	"fmt"
	"net/url"
	"strconv"

	"github.com/shopspring/decimal"
)

// Money is an amount of yuan, exact to the fen. It cannot hold a third
// decimal: making one from such a number is an error, never a rounding.
//
// Money is comparable with ==, its zero value is 0.00, and it converts to
// [Fen] and to [decimal.Decimal], in which sums and shares are best computed.
// There is no way through a float.
type Money struct {
	fen int64
}

// Fen is an amount in fen, a hundredth of a yuan. It is a type of its own so
// that yuan and fen cannot be mixed by accident: Fen(12) is twelve fen.
type Fen int64

// maxFen keeps sums of many amounts far from the limits of int64.
const maxFen = 1e17

var (
	errNotAmount  = errors.New("not an amount")
	errDecimals   = errors.New("an amount has at most two decimals")
	errAmountSize = errors.New("an amount of that size is not possible")
)

// ParseMoney reads yuan in plain or exponent notation, such as "12.5", "100"
// or "1e2". What is no number, or has a third decimal other than zero, is an
// [Error] of kind [Invalid].
func ParseMoney(yuan string) (Money, error) {
	m, err := parseYuan(yuan)
	if err != nil {
		return Money{}, &Error{Op: "ParseMoney", Kind: Invalid, Err: err}
	}
	return m, nil
}

// parseYuan is ParseMoney for amounts that others wrote.
func parseYuan(yuan string) (Money, error) {
	if !isNumber(yuan) {
		return Money{}, fmt.Errorf("%w: %.40q", errNotAmount, yuan)
	}
	d, err := decimal.NewFromString(yuan)
	if err != nil {
		return Money{}, fmt.Errorf("%w: %q", errNotAmount, yuan)
	}
	return fromDecimal(d)
}

// isNumber reports whether s is a number as JSON writes it, and short enough
// to be an amount: decimal is more liberal, and would expand any exponent.
func isNumber(s string) bool {
	digit := func(i int) bool { return i >= 0 && i < len(s) && '0' <= s[i] && s[i] <= '9' }
	first := 0
	if len(s) > 0 && s[0] == '-' {
		first = 1
	}
	if len(s) > 40 || !digit(first) || !digit(len(s)-1) {
		return false
	}
	for i := first; i < len(s); i++ {
		switch c := s[i]; {
		case '0' <= c && c <= '9':
		case c == '.' && digit(i-1) && digit(i+1):
		case (c == 'e' || c == 'E') && digit(i-1):
		case (c == '+' || c == '-') && (s[i-1] == 'e' || s[i-1] == 'E'):
		default:
			return false
		}
	}
	return true
}

// NewMoney returns yuan as Money. A third decimal other than zero is an [Error]
// of kind [Invalid].
func NewMoney(yuan decimal.Decimal) (Money, error) {
	m, err := fromDecimal(yuan)
	if err != nil {
		return Money{}, &Error{Op: "NewMoney", Kind: Invalid, Err: err}
	}
	return m, nil
}

func fromDecimal(yuan decimal.Decimal) (Money, error) {
	// The exponent is looked at first: 1e1000000 is a short text and a long number.
	if e := yuan.Exponent(); e > 40 || e < -80 {
		if yuan.IsZero() {
			return Money{}, nil
		}
		return Money{}, errAmountSize
	}
	fen := yuan.Shift(2)
	if !fen.IsInteger() {
		return Money{}, errDecimals
	}
	if fen.Abs().GreaterThan(decimal.New(maxFen, 0)) {
		return Money{}, errAmountSize
	}
	return Money{fen: fen.IntPart()}, nil
}

// MustMoney is [ParseMoney] for amounts that stand in the program. It panics
// if yuan is not an amount.
func MustMoney(yuan string) Money {
	m, err := ParseMoney(yuan)
	if err != nil {
		panic(err)
	}
	return m
}

// Money returns the amount in yuan.
func (f Fen) Money() Money { return Money{fen: int64(f)} }

// Fen returns the amount in fen.
func (m Money) Fen() Fen { return Fen(m.fen) }

// Decimal returns the amount in yuan.
func (m Money) Decimal() decimal.Decimal { return decimal.New(m.fen, -2) }

// Add returns m + n.
func (m Money) Add(n Money) Money { return Money{fen: m.fen + n.fen} }

// Sub returns m - n.
func (m Money) Sub(n Money) Money { return Money{fen: m.fen - n.fen} }

// Cmp returns -1, 0 or +1 as m is less than, equal to or greater than n.
func (m Money) Cmp(n Money) int {
	switch {
	case m.fen < n.fen:
		return -1
	case m.fen > n.fen:
		return 1
	}
	return 0
}

// IsZero reports whether the amount is 0.00.
func (m Money) IsZero() bool { return m.fen == 0 }

// String returns the amount in yuan with two decimals, such as "12.50".
func (m Money) String() string { return string(m.append(nil)) }

func (m Money) append(b []byte) []byte {
	yuan, fen := m.fen/100, m.fen%100
	if m.fen < 0 {
		b = append(b, '-')
		yuan, fen = -yuan, -fen
	}
	b = strconv.AppendInt(b, yuan, 10)
	return append(b, '.', byte('0'+fen/10), byte('0'+fen%10))
}

// MarshalJSON writes the amount as a JSON number of yuan with two decimals.
func (m Money) MarshalJSON() ([]byte, error) { return m.append(nil), nil }

// UnmarshalJSON reads a JSON number or a string that holds one. What is absent
// or null is no amount: see [Amount] for reading what a provider may leave out.
func (m *Money) UnmarshalJSON(data []byte) error {
	if bytes.Equal(data, []byte("null")) {
		return nil
	}
	parsed, err := parseYuan(string(bytes.Trim(data, `"`)))
	if err != nil {
		return err
	}
	*m = parsed
	return nil
}

// EncodeValues writes the amount into a form as yuan with two decimals.
func (m Money) EncodeValues(key string, v *url.Values) error {
	v.Set(key, m.String())
	return nil
}

// String returns the number of fen, such as "1250".
func (f Fen) String() string { return strconv.FormatInt(int64(f), 10) }
