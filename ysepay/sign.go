package ysepay

import (
	"encoding/base64"
	"errors"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/duopay/duopay"
	"github.com/duopay/duopay/internal/canonical"
)

// SignType is a family of signatures. The key decides it.
type SignType string

// The families of signatures.
const (
	RSA SignType = "RSA" // RSASSA-PKCS1-v1_5 with SHA-1
	SM  SignType = "SM"  // SM2 with SM3, user id 1234567812345678, in ASN.1 DER
)

// china is the zone of all times that the provider writes.
var china = time.FixedZone("UTC+8", 8*60*60)

// common is the manual's table of common request parameters, a field a row.
// Empty and blank parameters are neither signed nor sent.
type common struct {
	Method     string   `url:"method"`               // the operation
	PartnerID  string   `url:"partner_id"`           // merchant number of the service provider
	Timestamp  string   `url:"timestamp"`            // yyyy-MM-dd HH:mm:ss in UTC+8
	Charset    Charset  `url:"charset"`              // UTF-8 or GBK
	SignType   SignType `url:"sign_type"`            // RSA or SM
	NotifyURL  string   `url:"notify_url,omitempty"` // where the provider notifies
	Version    string   `url:"version"`              // of the operation
	TranType   string   `url:"tran_type,omitempty"`  // settlement
	BizContent string   `url:"biz_content"`          // JSON text of the business parameters
}

// parameters returns the parameters of a request, unsigned.
func (c *Client) parameters(op operation, p common, content string) (map[string]string, error) {
	p.Method = op.method
	p.PartnerID = c.config.PartnerID
	p.Timestamp = c.options.Now().In(china).Format(time.DateTime)
	p.Charset = c.config.Charset
	p.SignType = c.config.Key.signType
	p.Version = op.version
	p.BizContent = content
	return canonical.Fields(p)
}

// sign returns the parameters of a request with their signature, in the bytes of
// the charset, without those that are blank.
func (c *Client) sign(parameters map[string]string) (map[string]string, error) {
	form := make(map[string]string, len(parameters)+1)
	for name, value := range parameters {
		if blank(value) {
			continue
		}
		encoded, err := c.config.Charset.encode(value)
		if err != nil {
			return nil, duopay.Violations{{Field: name, Rule: "must not hold characters that " + string(c.config.Charset) + " does not have"}}
		}
		form[name] = string(encoded)
	}
	signature, err := c.config.Key.sign([]byte(stringToSign(form)))
	if err != nil {
		return nil, errors.New("the key does not sign")
	}
	form["sign"] = base64.StdEncoding.EncodeToString(signature)
	return form, nil
}

// stringToSign returns what is signed: the fields except sign and those that are
// blank, sorted by name, joined as name=value with &, raw. sign_type is among
// them. The same goes for requests and notifications.
func stringToSign(fields map[string]string) string {
	signed := maps.Clone(fields)
	maps.DeleteFunc(signed, func(name, value string) bool { return name == "sign" || blank(value) })
	return canonical.Join(signed)
}

// encodeForm writes a form, percent-encoded from the bytes as they are. A space
// is %20, not +, which some servers take for itself.
func encodeForm(form map[string]string) []byte {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(form)) {
		if b.Len() > 0 {
			b.WriteByte('&')
		}
		b.WriteString(escape(name))
		b.WriteByte('=')
		b.WriteString(escape(form[name]))
	}
	return []byte(b.String())
}

func escape(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }

// verify checks the signature of a text, in the bytes that were signed, with all
// platform keys of its kind.
func (c *Client) verify(signType SignType, text []byte, sign string) error {
	if blank(sign) {
		return ErrUnsigned
	}
	signature, err := base64.StdEncoding.DecodeString(sign)
	if err != nil {
		return ErrSignature
	}
	for _, key := range c.config.PlatformKeys {
		if key.signType == signType && key.verify(text, signature) {
			return nil
		}
	}
	return ErrSignature
}

// RequestStringToSign returns the exact text that is signed when r is sent to
// method: what the provider's support asks for after a "signature error". Its
// timestamp is the present one, and its version 3.0 unless r is a [CallRequest]
// with another. The text holds the payer's id, if the request does. With charset
// GBK its GBK bytes are what is signed.
func (c *Client) RequestStringToSign(method string, r any) (string, error) {
	known, ok := r.(request)
	if !ok {
		known = CallRequest{Content: r}
	}
	op := ordering(method)
	if own, ok := known.(CallRequest); ok && own.Version != "" {
		op.version = own.Version
	}
	content, _, err := c.encode(known)
	if err != nil {
		return "", err
	}
	parameters, err := c.parameters(op, known.common(), content)
	if err != nil {
		return "", err
	}
	return stringToSign(parameters), nil
}

// NotificationStringToSign returns the exact text that the signature in the
// body of a notification has to be over, in the bytes as they came. It does not
// verify anything.
func (c *Client) NotificationStringToSign(body []byte) (string, error) {
	form, err := readForm(body)
	if err != nil {
		return "", err
	}
	return stringToSign(form), nil
}
