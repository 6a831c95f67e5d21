package fufu

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/shopspring/decimal"

	"github.com/duopay/duopay"
	"github.com/duopay/duopay/internal/wire"
)

// The types below are values as the gateway wrote them in an answer, where the
// same field may come as a number, as a string, as null or not at all. They
// keep the literal, so that odd text in a field that nobody needs does no harm.

// Amount is an amount in fen, or in hundredths of another currency.
type Amount string

// Given reports whether the gateway gave the amount.
func (a Amount) Given() bool { return a != "" }

// Fen reads the amount: [duopay.ErrAbsent] if it was not given, another error
// if it is not a whole number in plain digits.
func (a Amount) Fen() (duopay.Fen, error) {
	if !a.Given() {
		return 0, duopay.ErrAbsent
	}
	n, err := strconv.ParseInt(string(a), 10, 64)
	if err != nil || n < 0 || strconv.FormatInt(n, 10) != string(a) {
		return 0, fmt.Errorf("%.40q is not a number of fen", string(a))
	}
	return duopay.Fen(n), nil
}

// UnmarshalJSON takes any JSON value and keeps its text.
func (a *Amount) UnmarshalJSON(data []byte) error { return (*duopay.Text)(a).UnmarshalJSON(data) }

// Rate is an exchange rate: yuan for one unit of the currency, with as many
// decimals as it takes.
type Rate string

// Decimal reads the rate, exactly: [duopay.ErrAbsent] if it was not given,
// another error if it is not a number in plain digits.
func (r Rate) Decimal() (decimal.Decimal, error) {
	if r == "" {
		return decimal.Decimal{}, duopay.ErrAbsent
	}
	for _, c := range []byte(r) {
		if c != '.' && (c < '0' || c > '9') || len(r) > 40 {
			return decimal.Decimal{}, fmt.Errorf("%.40q is not an exchange rate", string(r))
		}
	}
	return decimal.NewFromString(string(r))
}

// UnmarshalJSON takes any JSON value and keeps its text.
func (r *Rate) UnmarshalJSON(data []byte) error { return (*duopay.Text)(r).UnmarshalJSON(data) }

// Time is a moment as the gateway writes it: yyyyMMddHHmmss. No zone is
// documented; it is taken for UTC+8, but may be local time if the order has a
// time_zone.
type Time string

// china is the zone of the gateway's day.
var china = time.FixedZone("UTC+8", 8*60*60)

// Time reads the moment: [duopay.ErrAbsent] if it was not given.
func (t Time) Time() (time.Time, error) {
	if t == "" {
		return time.Time{}, duopay.ErrAbsent
	}
	return time.ParseInLocation("20060102150405", string(t), china)
}

// UnmarshalJSON takes any JSON value and keeps its text.
func (t *Time) UnmarshalJSON(data []byte) error { return (*duopay.Text)(t).UnmarshalJSON(data) }

// Param is merchant_param: the merchant's own bytes, which travel as base64.
type Param []byte

// UnmarshalJSON decodes the base64. What is not base64 is kept as it came.
func (p *Param) UnmarshalJSON(data []byte) error {
	var text duopay.Text
	if err := text.UnmarshalJSON(data); err != nil {
		return err
	}
	raw, err := base64.StdEncoding.DecodeString(string(text))
	if err != nil {
		raw = []byte(text)
	}
	*p = raw
	return nil
}

// AuthCode is the payer's code as answers echo it. It is a secret, even though
// it has been used.
type AuthCode struct{ duopay.Secret }

// UnmarshalJSON takes any JSON value and keeps its text.
func (a *AuthCode) UnmarshalJSON(data []byte) error {
	var text duopay.Text
	if err := text.UnmarshalJSON(data); err != nil {
		return err
	}
	a.Secret = duopay.NewSecret(string(text))
	return nil
}

// PayInfo is the object that WeChat's own page is to be called with: appId,
// timeStamp, status, signType, package, callback_url, nonceStr, paySign. It is
// to be passed on unchanged, as paySign is over its values.
type PayInfo []byte

var errPayInfo = errors.New("payInfo is not a JSON object")

// UnmarshalJSON takes an object, or a string that holds one.
func (p *PayInfo) UnmarshalJSON(data []byte) error {
	inner, err := wire.Inner(data)
	if err != nil || inner == nil {
		return err
	}
	if _, err := wire.ReadObject(inner); err != nil {
		return errPayInfo
	}
	*p = PayInfo(inner)
	return nil
}

// MarshalJSON returns the object.
func (p PayInfo) MarshalJSON() ([]byte, error) {
	if p == nil {
		return []byte("null"), nil
	}
	return p, nil
}
