package guanaitong

import (
	"crypto"
	_ "crypto/sha1"   // SHA1
	_ "crypto/sha256" // SHA256
	_ "crypto/sha512" // SHA512
	"crypto/subtle"
	"encoding/hex"
	"strconv"
	"strings"

	"github.com/duopay/duopay/internal/canonical"
	"github.com/duopay/duopay/internal/redact"
)

// SignType is the digest of all signatures, of requests and callbacks alike.
type SignType string

// The digests. Another one than SHA1 has to be agreed with the provider.
const (
	SHA1   SignType = "" // what the manual knows
	SHA256 SignType = "SHA256"
	SHA512 SignType = "SHA512"
)

// hash returns the digest's function, 0 if there is none of that name.
func (t SignType) hash() crypto.Hash {
	return map[SignType]crypto.Hash{SHA1: crypto.SHA1, SHA256: crypto.SHA256, SHA512: crypto.SHA512}[t]
}

// digits returns the length of a signature in hex.
func (t SignType) digits() int { return 2 * t.hash().Size() }

// common is the manual's table of common parameters, a field a row. Those that
// are empty are neither signed nor sent.
type common struct {
	AccessToken string `url:"access_token,omitempty"` // who calls; not sent to /token/create
	Timestamp   string `url:"timestamp"`              // Unix seconds; "GMT+8" in the manual is no offset
	Version     string `url:"version,omitempty"`      // of the operation; not sent to /token/create
	GrantType   string `url:"grant_type,omitempty"`   // sent to /token/create only
	AppID       string `url:"appid,omitempty"`        // sent to /token/create, and elsewhere only if configured
}

// parameters returns the common parameters of one attempt and those of the
// operation, unsigned. The latter may bring a version of their own.
func (c *Client) parameters(token string, m message) (all map[string]string, err error) {
	head := common{AccessToken: token, Timestamp: strconv.FormatInt(c.options.Now().Unix(), 10), Version: m.version}
	if token == "" {
		head.GrantType = "client_credential"
	}
	if token == "" || c.config.IncludeAppID || m.body != "" {
		head.AppID = c.config.AppID
	}
	if all, err = canonical.Fields(head); err != nil {
		return nil, err
	}
	for name, value := range m.fields {
		all[name] = value
	}
	return all, nil
}

// sign returns the parameters of one attempt with their signature. The text of a
// JSON body is signed as if it were a parameter named _body, which it is not.
func (c *Client) sign(token string, m message) (map[string]string, error) {
	parameters, err := c.parameters(token, m)
	if err != nil {
		return nil, err
	}
	if m.body != "" {
		parameters["_body"] = m.body
	}
	sign := c.config.SignType.signature(parameters, c.config.Secret.Reveal())
	delete(parameters, "_body")
	parameters["sign"] = sign
	return parameters, nil
}

// signature signs parameters: the hex digest, in lower case, of what
// stringToSign returns.
func (t SignType) signature(parameters map[string]string, secret string) string {
	return t.digest(stringToSign(parameters, secret, false))
}

func (t SignType) digest(text string) string {
	h := t.hash().New()
	h.Write([]byte(text))
	return hex.EncodeToString(h.Sum(nil))
}

// stringToSign returns the text that is signed: the parameters except sign and
// those that are blank, and the secret as one of them, by the name appsecret,
// sorted by name and joined as name=value with &. Blanks around names and
// values are cut off; nothing is escaped, which is why callbacks are held to
// so many rules: see readCallback.
func stringToSign(parameters map[string]string, secret string, keepBlank bool) string {
	signed := make(map[string]string, len(parameters)+1)
	for name, value := range parameters {
		name, value = trim(name), trim(value)
		if name != "sign" && (keepBlank || value != "") {
			signed[name] = value
		}
	}
	signed["appsecret"] = secret
	return canonical.Join(signed)
}

// trim cuts off what Java's trim does: characters up to U+0020, and no others.
func trim(s string) string {
	return strings.TrimFunc(s, func(r rune) bool { return r <= ' ' })
}

// verify reports whether sign fits the fields of a callback. The sources
// disagree on whether blank fields are signed, so both forms count. The case
// of the hex digits does not matter.
func (t SignType) verify(fields map[string]string, sign, secret string) bool {
	given := []byte(strings.ToLower(sign))
	skipped := subtle.ConstantTimeCompare(given, []byte(t.signature(fields, secret)))
	kept := subtle.ConstantTimeCompare(given, []byte(t.digest(stringToSign(fields, secret, true))))
	return skipped|kept == 1
}

// RequestStringToSign returns the exact text that is signed when request is
// sent, with the secret and the access token masked: what the provider's
// support asks for after code 1000210002. The path is not part of it. The time
// in it is that of this call. The text holds the authorisation code, if the
// request does.
func (c *Client) RequestStringToSign(request any) (string, error) {
	m, err := c.encode(request)
	if err != nil {
		return "", err
	}
	parameters, err := c.parameters(redact.Mark, m)
	if err != nil {
		return "", err
	}
	return stringToSign(parameters, redact.Mark, false), nil
}

// NotificationStringToSign returns the exact text that the signature in the
// body of a notification, or in the query of a return page, has to be over,
// with the secret masked. It does not verify anything.
func (c *Client) NotificationStringToSign(body []byte) (string, error) {
	fields, err := readForm(string(body))
	if err != nil {
		return "", err
	}
	return stringToSign(fields, redact.Mark, false), nil
}
