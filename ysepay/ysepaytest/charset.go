package ysepaytest

import (
	"errors"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/simplifiedchinese"
)

// charset is how text becomes bytes.
type charset string

const (
	utf8Charset charset = "UTF-8"
	gbkCharset  charset = "GBK"
)

// charsetOf knows the charsets of the gateway, in any case of letters.
func charsetOf(name string) (c charset, ok bool) {
	for _, c := range []charset{utf8Charset, gbkCharset} {
		if strings.EqualFold(name, string(c)) {
			return c, true
		}
	}
	return utf8Charset, false
}

// decode returns the text of bytes in the charset.
func (c charset) decode(bytes string) (text string, err error) {
	text = bytes
	if c == gbkCharset {
		if text, err = simplifiedchinese.GBK.NewDecoder().String(bytes); err != nil {
			return "", err
		}
	}
	// The decoder replaces what it cannot read and says nothing.
	if !utf8.ValidString(text) || c == gbkCharset && strings.ContainsRune(text, utf8.RuneError) {
		return "", errors.New("not " + string(c))
	}
	return text, nil
}

// encode returns the bytes of text in the charset. What GBK does not have
// becomes a question mark: it comes from JSON escapes and from tests only.
func (c charset) encode(text string) []byte {
	if c == utf8Charset {
		return []byte(text)
	}
	var gbk []byte
	encoder := simplifiedchinese.GBK.NewEncoder()
	for _, r := range text {
		if bytes, err := encoder.Bytes([]byte(string(r))); err == nil {
			gbk = append(gbk, bytes...)
		} else {
			gbk = append(gbk, '?')
		}
	}
	return gbk
}
