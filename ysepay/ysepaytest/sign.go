package ysepaytest

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	_ "embed" // the keys
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/emmansun/gmsm/sm2"
	"github.com/emmansun/gmsm/smx509"
)

// Keys are the keys of one sign_type, as PEM text.
type Keys struct {
	// MerchantKey is the merchant's private key, PKCS#8: the client signs
	// with it, the gateway believes its public half.
	MerchantKey string
	// PlatformKey is the gateway's private key, PKCS#8.
	PlatformKey string
	// PlatformCertificate is the X.509 certificate of PlatformKey, for the
	// client. The gateway has no use for it.
	PlatformCertificate string
}

// PlatformDER returns the bytes of PlatformCertificate, as they stand in the
// provider's businessgate.cer; nil if it is not PEM.
func (k Keys) PlatformDER() []byte {
	block, _ := pem.Decode([]byte(k.PlatformCertificate))
	if block == nil {
		return nil
	}
	return block.Bytes
}

// The keys a server comes with.
var (
	//go:embed keys/merchant_rsa.key.pem
	merchantRSAKey string
	//go:embed keys/platform_rsa.key.pem
	platformRSAKey string
	//go:embed keys/platform_rsa.cert.pem
	platformRSACertificate string
	//go:embed keys/merchant_sm2.key.pem
	merchantSMKey string
	//go:embed keys/platform_sm2.key.pem
	platformSMKey string
	//go:embed keys/platform_sm2.cert.pem
	platformSMCertificate string
)

// signText is what a signature of a form covers: the parameters except sign
// and those that are blank, sorted by name, as name=value joined with &. The
// values are bytes in the form's charset.
func signText(params map[string]string) []byte {
	var pairs []string
	for _, name := range slices.Sorted(maps.Keys(params)) {
		if name != "sign" && !blank(params[name]) {
			pairs = append(pairs, name+"="+params[name])
		}
	}
	return []byte(strings.Join(pairs, "&"))
}

// blank reports whether nothing is left of a value after Java's String.trim.
// The bytes may be GBK, in which Unicode's white space could be found by
// accident.
func blank(value string) bool {
	return strings.TrimFunc(value, func(r rune) bool { return r <= ' ' }) == ""
}

// signer is one private key.
type signer interface {
	sign(text []byte) []byte
	verifies(text, signature []byte) bool
}

// rsaSigner is sign_type RSA: PKCS #1 v1.5 with SHA-1.
type rsaSigner struct{ *rsa.PrivateKey }

func (k rsaSigner) sign(text []byte) []byte {
	sum := sha1.Sum(text)
	return must(rsa.SignPKCS1v15(nil, k.PrivateKey, crypto.SHA1, sum[:]))
}

func (k rsaSigner) verifies(text, signature []byte) bool {
	sum := sha1.Sum(text)
	return rsa.VerifyPKCS1v15(&k.PublicKey, crypto.SHA1, sum[:], signature) == nil
}

// smSigner is sign_type SM: SM2 with SM3 and the user id 1234567812345678, in
// ASN.1.
type smSigner struct{ *sm2.PrivateKey }

var smUser = []byte("1234567812345678")

func (k smSigner) sign(text []byte) []byte {
	return must(k.SignWithSM2(rand.Reader, smUser, text))
}

func (k smSigner) verifies(text, signature []byte) bool {
	return sm2.VerifyASN1WithSM2(&k.PublicKey, smUser, text, signature)
}

// must is for what fails only if the keys are not fit for use.
func must(signature []byte, err error) []byte {
	if err != nil {
		panic(fmt.Errorf("ysepaytest: %w", err))
	}
	return signature
}

func newSigner(signType, text string) (signer, error) {
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		return nil, errors.New("not PEM")
	}
	key, err := smx509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, err
	}
	switch key := key.(type) {
	case *rsa.PrivateKey:
		if signType == "RSA" {
			return rsaSigner{key}, nil
		}
	case *sm2.PrivateKey:
		if signType == "SM" {
			return smSigner{key}, nil
		}
	}
	return nil, fmt.Errorf("a %T", key)
}

// pair is the two sides of one sign_type.
type pair struct{ merchant, platform signer }

// keyring holds the keys that have been used. The zero keyring is empty.
type keyring struct {
	mu    sync.Mutex
	pairs map[string]pair
}

// pair returns the keys of a sign_type and whether there is such a sign_type.
func (s *Server) pair(signType string) (p pair, ok bool) {
	keys := s.RSA
	switch signType {
	case "RSA":
	case "SM":
		keys = s.SM
	default:
		return pair{}, false
	}
	s.ring.mu.Lock()
	defer s.ring.mu.Unlock()
	if p, ok = s.ring.pairs[signType]; ok {
		return p, true
	}
	p = pair{
		merchant: mustKey(signType, "MerchantKey", keys.MerchantKey),
		platform: mustKey(signType, "PlatformKey", keys.PlatformKey),
	}
	if s.ring.pairs == nil {
		s.ring.pairs = make(map[string]pair)
	}
	s.ring.pairs[signType] = p
	return p, true
}

func mustKey(signType, name, text string) signer {
	key, err := newSigner(signType, text)
	if err != nil {
		panic(fmt.Errorf("ysepaytest: Server.%s.%s: %w", signType, name, err))
	}
	return key
}

func encodeSign(signature []byte) string { return base64.StdEncoding.EncodeToString(signature) }
