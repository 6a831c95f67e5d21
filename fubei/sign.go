package fubei

import (
	"crypto/md5"
	"crypto/subtle"
	"encoding/hex"
	"strings"

	"github.com/duopay/duopay/internal/canonical"
	"github.com/duopay/duopay/internal/redact"
	"github.com/duopay/duopay/internal/wire"
)

// common is the manual's table of common request parameters, a field a row.
// Empty parameters are neither signed nor sent.
type common struct {
	AppID      string `url:"app_id,omitempty"`    // merchant level only
	VendorSN   string `url:"vendor_sn,omitempty"` // vendor level only
	Method     string `url:"method"`              // the operation
	Format     string `url:"format"`              // always json
	SignMethod string `url:"sign_method"`         // always md5
	Nonce      string `url:"nonce"`               // random
	Version    string `url:"version"`             // always 1.0
	BizContent string `url:"biz_content"`         // JSON text of the business parameters
}

// parameters returns the common parameters of a request, unsigned.
func (c *Client) parameters(method, content string) (map[string]string, error) {
	return canonical.Fields(common{
		AppID:      c.config.AppID,
		VendorSN:   c.config.VendorSN,
		Method:     method,
		Format:     "json",
		SignMethod: "md5",
		Nonce:      c.options.Nonce(),
		Version:    "1.0",
		BizContent: content,
	})
}

// sign returns the parameters of a request with their signature.
func (c *Client) sign(method, content string) (map[string]string, error) {
	parameters, err := c.parameters(method, content)
	if err != nil {
		return nil, err
	}
	parameters["sign"] = signature(parameters, c.config.Secret.Reveal())
	return parameters, nil
}

// signature signs parameters: those except sign, sorted by name, joined as
// name=value with &, raw; then the secret, without any separator; MD5; upper
// case hex. biz_content is signed as the very text that is sent.
func signature(parameters map[string]string, secret string) string {
	sum := md5.Sum([]byte(stringToSign(parameters) + secret))
	return strings.ToUpper(hex.EncodeToString(sum[:]))
}

// stringToSign returns what is signed, up to the secret.
func stringToSign(parameters map[string]string) string {
	return canonical.Join(without(parameters, func(name, _ string) bool { return name == "sign" }))
}

// without returns the parameters that out does not name.
func without(parameters map[string]string, out func(name, value string) bool) map[string]string {
	rest := make(map[string]string, len(parameters))
	for name, value := range parameters {
		if !out(name, value) {
			rest[name] = value
		}
	}
	return rest
}

// verify reports whether sign fits the fields of a notification. The sources
// disagree on whether empty fields are signed, so both forms count. The case
// of the hex digits does not matter.
func verify(parameters map[string]string, sign, secret string) bool {
	filled := without(parameters, func(_, value string) bool { return value == "" })
	given := []byte(strings.ToUpper(sign))
	kept := subtle.ConstantTimeCompare(given, []byte(signature(parameters, secret)))
	dropped := subtle.ConstantTimeCompare(given, []byte(signature(filled, secret)))
	return kept|dropped == 1
}

// RequestStringToSign returns the exact text that is signed when request is
// sent to method, with the secret masked: what the provider's support asks for
// after a "signature error". The nonce in it is a fresh one. The text holds the
// payment code, if the request does.
func (c *Client) RequestStringToSign(method string, request any) (string, error) {
	content, err := wire.JSON(request)
	if err != nil {
		return "", err
	}
	parameters, err := c.parameters(method, string(content))
	if err != nil {
		return "", err
	}
	return stringToSign(parameters) + redact.Mark, nil
}

// NotificationStringToSign returns the exact text that the signature in the
// body of a notification has to be over, with the secret masked. It does not
// verify anything.
func (c *Client) NotificationStringToSign(body []byte) (string, error) {
	form, err := readForm(body)
	if err != nil {
		return "", err
	}
	return stringToSign(form) + redact.Mark, nil
}
