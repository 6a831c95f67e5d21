package fubei

import (
	"crypto/md5"
	"crypto/subtle"
	"fmt"
	"strings"

	"github.com/duopay/duopay/internal/canonical"
	"github.com/duopay/duopay/internal/redact"
	"github.com/duopay/duopay/internal/wire"
)

// common is the manual's table of common request parameters, a field a row: the
// json tags make the body, the url tags what is signed. Empty parameters are
// neither signed nor sent.
type common struct {
	AppID      string `json:"app_id,omitempty" url:"app_id,omitempty"`       // merchant level only
	VendorSN   string `json:"vendor_sn,omitempty" url:"vendor_sn,omitempty"` // vendor level only
	Method     string `json:"method" url:"method"`                           // the operation
	Format     string `json:"format" url:"format"`                           // always json
	SignMethod string `json:"sign_method" url:"sign_method"`                 // always md5
	Sign       string `json:"sign" url:"-"`                                  // over all the others
	Nonce      string `json:"nonce" url:"nonce"`                             // random
	Version    string `json:"version" url:"version"`                         // always 1.0
	BizContent string `json:"biz_content" url:"biz_content"`                 // JSON text of the business parameters
}

// parameters returns the common parameters of a request, unsigned.
func (c *Client) parameters(method, content string) common {
	return common{
		AppID:      c.config.AppID,
		VendorSN:   c.config.VendorSN,
		Method:     method,
		Format:     "json",
		SignMethod: "md5",
		Nonce:      c.options.Nonce(),
		Version:    "1.0",
		BizContent: content,
	}
}

// sign returns the parameters of a request with their signature.
func (c *Client) sign(method, content string) (common, error) {
	parameters := c.parameters(method, content)
	signed, err := canonical.Fields(parameters)
	if err != nil {
		return common{}, err
	}
	parameters.Sign = signature(signed, c.config.Secret.Reveal())
	return parameters, nil
}

// signature signs parameters: those except sign, sorted by name, joined as
// name=value with &, raw; then the secret, without any separator; MD5; upper
// case hex. biz_content is signed as the very text that is sent.
func signature(parameters map[string]string, secret string) string {
	sum := md5.Sum([]byte(stringToSign(parameters) + secret))
	return fmt.Sprintf("%X", sum)
}

// stringToSign returns what is signed, up to the secret.
func stringToSign(parameters map[string]string) string {
	if _, signed := parameters["sign"]; signed {
		parameters = without(parameters, func(name, _ string) bool { return name == "sign" })
	}
	return canonical.Join(parameters)
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
	signed, err := canonical.Fields(c.parameters(method, string(content)))
	if err != nil {
		return "", err
	}
	return stringToSign(signed) + redact.Mark, nil
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
