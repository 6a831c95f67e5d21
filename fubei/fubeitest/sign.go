package fubeitest

import (
	"crypto/md5"
	"crypto/subtle"
	"encoding/hex"
	"maps"
	"slices"
	"strings"
)

// sign computes the provider's signature: the parameters except sign and those
// that are empty, sorted by name, as name=value joined with &; the secret right
// behind; MD5 of that in upper-case hex.
func sign(params map[string]string, secret string) string {
	var pairs []string
	for _, name := range slices.Sorted(maps.Keys(params)) {
		if name != "sign" && params[name] != "" {
			pairs = append(pairs, name+"="+params[name])
		}
	}
	sum := md5.Sum([]byte(strings.Join(pairs, "&") + secret))
	return strings.ToUpper(hex.EncodeToString(sum[:]))
}

// signed reports whether params carry the signature made with secret.
func signed(params map[string]string, secret string) bool {
	return subtle.ConstantTimeCompare([]byte(sign(params, secret)), []byte(params["sign"])) == 1
}
