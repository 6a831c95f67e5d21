package fufutest

import (
	"crypto/md5"
	"crypto/subtle"
	"encoding/hex"
	"fmt"
	"regexp"
	"strconv"
	"time"
)

// signForm is the value of the query parameter sign: a digest and a time in
// milliseconds. That has 13 digits, but 12 until September 2001, where the clock
// of a testing/synctest bubble begins.
var signForm = regexp.MustCompile(`\A([0-9a-f]{32}):([0-9]{12,13})\z`)

// sign computes the provider's signature of a body: MD5 of the time in
// milliseconds, the key and the body without white space, in lower-case hex, a
// colon and the time again. The time has 13 digits in a bubble, too.
func sign(body []byte, key string, at time.Time) string {
	ms := fmt.Sprintf("%013d", at.UnixMilli())
	return digest(body, key, ms) + ":" + ms
}

func digest(body []byte, key, ms string) string {
	sum := md5.Sum(append([]byte(ms+key), strip(body)...))
	return hex.EncodeToString(sum[:])
}

// strip returns body without the six white-space characters of ASCII, wherever
// they stand. None of them is a byte of another character in UTF-8.
func strip(body []byte) []byte {
	var rest []byte
	for _, b := range body {
		if !isSpace(b) {
			rest = append(rest, b)
		}
	}
	return rest
}

func isSpace(b byte) bool { return b == ' ' || '\t' <= b && b <= '\r' }

// signed tells whether value is the signature of body made with key, and when
// it was made.
func signed(value string, body []byte, key string) (at time.Time, ok bool) {
	parts := signForm.FindStringSubmatch(value)
	if parts == nil {
		return at, false
	}
	if subtle.ConstantTimeCompare([]byte(digest(body, key, parts[2])), []byte(parts[1])) == 0 {
		return at, false
	}
	ms, err := strconv.ParseInt(parts[2], 10, 64)
	return time.UnixMilli(ms), err == nil
}
