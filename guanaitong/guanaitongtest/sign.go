package guanaitongtest

import (
	"crypto"
	_ "crypto/sha1"   // the usual digest
	_ "crypto/sha256" // by agreement
	_ "crypto/sha512" // by agreement
	"crypto/subtle"
	"encoding/hex"
	"maps"
	"slices"
	"strings"
)

// signable is the text that is signed: the parameters except sign and those
// that are blank, and the secret as the parameter appsecret, sorted by name, as
// name=value joined with &. Nothing is encoded or escaped. The JSON body of a
// call, _body, is signed to the letter; everything else without the blanks
// around it.
func signable(params map[string]string, secret string) string {
	all := map[string]string{"appsecret": secret}
	for name, value := range params {
		if name != "_body" {
			name, value = trim(name), trim(value)
		}
		if name != "sign" && value != "" {
			all[name] = value
		}
	}
	var pairs []string
	for _, name := range slices.Sorted(maps.Keys(all)) {
		pairs = append(pairs, name+"="+all[name])
	}
	return strings.Join(pairs, "&")
}

// trim cuts blanks as the provider does: everything up to U+0020, nothing else.
func trim(s string) string {
	return strings.TrimFunc(s, func(r rune) bool { return r <= ' ' })
}

// sign is the digest of what is signed, in lower-case hex.
func sign(hash crypto.Hash, params map[string]string, secret string) string {
	h := hash.New()
	h.Write([]byte(signable(params, secret)))
	return hex.EncodeToString(h.Sum(nil))
}

// signed reports whether params carry the signature made with secret.
func signed(hash crypto.Hash, params map[string]string, secret string) bool {
	return subtle.ConstantTimeCompare([]byte(sign(hash, params, secret)), []byte(params["sign"])) == 1
}
