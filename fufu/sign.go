package fufu

import (
	"bytes"
	"crypto/md5"
	"crypto/subtle"
	"encoding/hex"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/duopay/duopay/internal/redact"
)

// sign signs a body: MD5 over the time in milliseconds, the key and the body
// without white space, in lower-case hex; then a colon and the time again. The
// signature stands in the URL and nowhere else.
func sign(body []byte, key, timestamp string) string {
	digest := md5.New()
	digest.Write([]byte(timestamp))
	digest.Write([]byte(key))
	digest.Write(strip(body))
	return hex.EncodeToString(digest.Sum(nil)) + ":" + timestamp
}

// timestamp returns the 13 digits of a time in milliseconds.
func timestamp(t time.Time) string { return fmt.Sprintf("%013d", t.UnixMilli()) }

// strip returns a body without the six white-space characters of ASCII, inside
// of texts too. They are what \s means in Java, and no others: U+00A0 and the
// full-width blank U+3000 stay, which the functions of package unicode and
// strings would take away. None of the six is part of another character.
func strip(body []byte) []byte {
	if bytes.IndexFunc(body, isSpace) < 0 {
		return body
	}
	rest := make([]byte, 0, len(body))
	for _, b := range body {
		if !isSpace(rune(b)) {
			rest = append(rest, b)
		}
	}
	return rest
}

func isSpace(r rune) bool { return r == ' ' || '\t' <= r && r <= '\r' }

// verify reports whether a sign, which has the right form, fits a body.
func verify(given string, body []byte, key string) bool {
	return subtle.ConstantTimeCompare([]byte(given), []byte(sign(body, key, given[33:]))) == 1
}

// signedAt returns the time in a sign: 32 lower-case hex digits, a colon, 13
// digits of milliseconds, and nothing else.
func signedAt(sign string) (time.Time, error) {
	if len(sign) != 46 || sign[32] != ':' {
		return time.Time{}, ErrSignFormat
	}
	for i := range sign {
		c := sign[i]
		switch {
		case '0' <= c && c <= '9', i == 32, i < 32 && 'a' <= c && c <= 'f':
		default:
			return time.Time{}, ErrSignFormat
		}
	}
	ms, err := strconv.ParseInt(sign[33:], 10, 64)
	if err != nil {
		return time.Time{}, ErrSignFormat
	}
	return time.UnixMilli(ms), nil
}

// signIn returns the sign in the address of a notification. The gateway adds
// ?sign= even behind a query, where it does not read as a parameter.
func signIn(address *url.URL) (string, error) {
	if address == nil {
		return "", ErrSignFormat
	}
	switch all := address.Query()["sign"]; {
	case len(all) == 1 && all[0] != "":
		return all[0], nil
	case len(all) > 0:
		return "", ErrSignFormat
	}
	_, found, ok := strings.Cut(address.RawQuery, "?sign=")
	if !ok || strings.Contains(found, "?sign=") {
		return "", ErrSignFormat
	}
	found, _, _ = strings.Cut(found, "&")
	sign, err := url.QueryUnescape(found)
	if err != nil {
		return "", ErrSignFormat
	}
	return sign, nil
}

// RequestStringToSign returns the exact text that is signed when request is
// sent, with the key masked: what the provider's support asks for after
// INVALID_SIGN. The operation is not part of it. The time in it is that of this
// call. The text holds the payment code, if the request does.
func (c *Client) RequestStringToSign(request any) (string, error) {
	body, _, err := c.encode(request)
	if err != nil {
		return "", err
	}
	return timestamp(c.options.Now()) + redact.Mark + string(strip(body)), nil
}

// NotificationStringToSign returns the exact text that the sign in the address
// of a notification has to be over, with the key masked. It does not verify
// anything.
func (c *Client) NotificationStringToSign(address *url.URL, body []byte) (string, error) {
	sign, err := signIn(address)
	if err == nil {
		_, err = signedAt(sign)
	}
	if err != nil {
		return "", err
	}
	return sign[33:] + redact.Mark + string(strip(body)), nil
}
