package sandbox

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Yuan writes an amount of fen in yuan with two decimals: 1250 is "12.50".
func Yuan(fen int64) string {
	sign := ""
	if fen < 0 {
		sign, fen = "-", -fen
	}
	return fmt.Sprintf("%s%d.%02d", sign, fen/100, fen%100)
}

// ParseYuan reads a positive amount of at most 9999999999.99 yuan as a gateway
// does that takes nothing but digits and, at most, a point and one or two
// decimals, and returns it in fen. No float is involved.
func ParseYuan(yuan string) (fen int64, err error) {
	whole, decimals, point := strings.Cut(yuan, ".")
	switch {
	case !digits(whole) || point && !digits(decimals):
		return 0, errors.New("not a plain decimal number")
	case len(whole) > 1 && whole[0] == '0':
		return 0, errors.New("leading zero")
	case len(whole) > 10:
		return 0, errors.New("too large")
	case len(decimals) > 2:
		return 0, errors.New("more than two decimals")
	}
	fen, err = strconv.ParseInt(whole+(decimals + "00")[:2], 10, 64)
	if err != nil {
		return 0, err
	}
	if fen == 0 {
		return 0, errors.New("not above zero")
	}
	return fen, nil
}

func digits(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}
