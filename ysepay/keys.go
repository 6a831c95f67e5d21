package ysepay

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/fips140"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/emmansun/gmsm/cfca"
	"github.com/emmansun/gmsm/pkcs8"
	"github.com/emmansun/gmsm/sm2"
	"github.com/emmansun/gmsm/smx509"
	"software.sslmate.com/src/go-pkcs12"

	"github.com/duopay/duopay"
)

// The reasons for not loading a key, inside a [*duopay.Error] of kind
// [duopay.Invalid]. They tell nothing of what is in the file.
var (
	// ErrPassword: the password does not open the key.
	ErrPassword = errors.New("the password does not fit the key")
	// ErrKeyFile: the data is broken, or in no form that is known.
	ErrKeyFile = errors.New("not a key or certificate that can be read")
	// ErrKeyKind: the key is neither RSA of at least 1024 bits nor SM2, or it
	// does not sign as it should.
	ErrKeyKind = errors.New("not a key for this gateway")
)

var errFIPS = errors.New("GODEBUG=fips140=only forbids SHA-1, which sign_type RSA and PKCS#12 files need")

// Key is the merchant's private key. It never shows what it holds.
type Key struct {
	signType SignType
	about    string
	// A func, so that no printer can look into it.
	sign func(text []byte) ([]byte, error)
}

// PlatformKey is a public key of the platform.
type PlatformKey struct {
	signType SignType
	about    string
	public   crypto.PublicKey // *rsa.PublicKey, or *ecdsa.PublicKey on the curve of SM2
}

// SignType returns the sign_type of what the key signs.
func (k *Key) SignType() SignType { return k.signType }

// String returns the kind of the key.
func (k *Key) String() string { return "private " + k.about }

// MarshalText returns the kind of the key: it does not leave in JSON either.
func (k *Key) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// SignType returns the sign_type of what the key verifies.
func (k *PlatformKey) SignType() SignType { return k.signType }

// String returns the kind of the key.
func (k *PlatformKey) String() string { return "public " + k.about }

// MarshalText returns the kind of the key.
func (k *PlatformKey) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// LoadKeyFile is [LoadKey] for the content of a file.
func LoadKeyFile(name string, password duopay.Secret) (*Key, error) {
	data, err := os.ReadFile(name) //nolint:gosec // G304: the caller's own file
	if err != nil {
		return nil, invalid("LoadKeyFile", err)
	}
	return LoadKey(data, password)
}

// LoadKey reads the merchant's private key. Which form it has is found out, as
// DER, PEM or bare base64: PKCS#12 (.pfx and .p12, old and new, with or without
// the chain), CFCA's .sm2, PKCS#8 with or without a password, PKCS#1, SEC 1. The
// password is not used for forms that have none.
//
// The error wraps [ErrPassword], [ErrKeyFile] or [ErrKeyKind].
func LoadKey(data []byte, password duopay.Secret) (*Key, error) {
	private, err := readPrivate(data, password.Reveal())
	if err != nil {
		return nil, invalid("LoadKey", err)
	}
	signer, ok := private.(crypto.Signer)
	if !ok {
		return nil, invalid("LoadKey", ErrKeyKind)
	}
	return newKey("LoadKey", signer)
}

// NewKey makes a key of a signer of your own, such as a hardware module, for
// concurrent use. Its public key is an [*rsa.PublicKey], or an
// [*ecdsa.PublicKey] on the curve of SM2 (as gmsm's smx509 reads it).
//
// An RSA signer is given the SHA-1 digest and crypto.SHA1. An SM2 signer is given
// the finished 32-byte digest SM3(Z || text), Z of the user id 1234567812345678,
// and crypto.Hash(0), and returns ASN.1 DER. NewKey lets it sign once, to see
// that it does so: otherwise the error wraps [ErrKeyKind].
func NewKey(signer crypto.Signer) (*Key, error) {
	if signer == nil {
		return nil, invalid("NewKey", ErrKeyKind)
	}
	key, err := newKey("NewKey", signer)
	if err != nil {
		return nil, err
	}
	public, err := newPlatformKey("NewKey", signer.Public())
	if err != nil {
		return nil, err
	}
	text := []byte("duopay")
	if signature, err := key.sign(text); err != nil || !public.verify(text, signature) {
		return nil, invalid("NewKey", fmt.Errorf("%w: its signature does not verify", ErrKeyKind))
	}
	return key, nil
}

func newKey(op string, signer crypto.Signer) (*Key, error) {
	public, err := newPlatformKey(op, signer.Public())
	if err != nil {
		return nil, err
	}
	key := &Key{signType: public.signType, about: public.about}
	key.sign = func(text []byte) ([]byte, error) {
		if public.signType == RSA {
			digest := sha1.Sum(text)
			return signer.Sign(rand.Reader, digest[:], crypto.SHA1)
		}
		digest, err := sm2.CalculateSM2Hash(public.public.(*ecdsa.PublicKey), text, nil) // nil: the default user id
		if err != nil {
			return nil, err
		}
		return signer.Sign(rand.Reader, digest, crypto.Hash(0))
	}
	return key, nil
}

// LoadPlatformKeyFile is [LoadPlatformKey] for the content of a file.
func LoadPlatformKeyFile(name string) (*PlatformKey, error) {
	data, err := os.ReadFile(name) //nolint:gosec // G304: the caller's own file
	if err != nil {
		return nil, invalid("LoadPlatformKeyFile", err)
	}
	return LoadPlatformKey(data)
}

// LoadPlatformKey reads a public key of the platform: an X.509 certificate
// (businessgate.cer) or a bare public key, in DER, PEM or bare base64. It is a
// pinned key: chain, dates and the certificate's own signature are not checked,
// and RSA of 1024 bits is enough.
//
// The error wraps [ErrKeyFile] or [ErrKeyKind].
func LoadPlatformKey(data []byte) (*PlatformKey, error) {
	const op = "LoadPlatformKey"
	der, err := unwrap(data, "CERTIFICATE", "PUBLIC KEY")
	if err != nil {
		return nil, invalid(op, err)
	}
	if certificate, err := smx509.ParseCertificate(der); err == nil {
		return newPlatformKey(op, certificate.PublicKey)
	}
	public, err := smx509.ParsePKIXPublicKey(der)
	if err != nil {
		return nil, invalid(op, ErrKeyFile)
	}
	return newPlatformKey(op, public)
}

func newPlatformKey(op string, public crypto.PublicKey) (*PlatformKey, error) {
	switch key := public.(type) {
	case *rsa.PublicKey:
		if fips140.Enforced() {
			return nil, invalid(op, errFIPS)
		}
		if key.N.BitLen() >= 1024 {
			return &PlatformKey{RSA, fmt.Sprintf("RSA key of %d bits", key.N.BitLen()), key}, nil
		}
	case *ecdsa.PublicKey:
		if sm2.IsSM2PublicKey(key) {
			return &PlatformKey{SM, "SM2 key", key}, nil
		}
	}
	return nil, invalid(op, ErrKeyKind)
}

func (k *PlatformKey) verify(text, signature []byte) bool {
	switch key := k.public.(type) {
	case *rsa.PublicKey:
		digest := sha1.Sum(text)
		return rsa.VerifyPKCS1v15(key, crypto.SHA1, digest[:], signature) == nil
	case *ecdsa.PublicKey:
		return sm2.VerifyASN1WithSM2(key, nil, text, signature) // nil: the default user id
	}
	return false
}

func invalid(op string, err error) error {
	return &duopay.Error{Provider: provider, Op: op, Kind: duopay.Invalid, Err: err}
}

// unwrap returns the DER in data, which is DER, bare base64, or PEM with a block
// whose type ends in one of the words.
func unwrap(data []byte, types ...string) (der []byte, err error) {
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	if len(data) > 0 && data[0] == 0x30 { // base64 of DER begins with M
		return data, nil
	}
	if bytes.Contains(data, []byte("-----BEGIN ")) {
		for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
			for _, t := range types {
				if strings.HasSuffix(block.Type, t) && block.Headers["DEK-Info"] == "" { // the old way to encrypt, without salt worth the name
					return block.Bytes, nil
				}
			}
		}
		return nil, ErrKeyFile
	}
	der, err = base64.StdEncoding.DecodeString(string(bytes.Join(bytes.Fields(data), nil)))
	if err != nil {
		return nil, ErrKeyFile
	}
	return der, nil
}

// readPrivate finds out the form of a private key by its first elements, and
// reads it.
func readPrivate(data []byte, password string) (private any, err error) {
	der, err := unwrap(data, "PRIVATE KEY")
	if err != nil {
		return nil, err
	}
	var head struct {
		Version int
		Next    asn1.RawValue
	}
	if _, err := asn1.Unmarshal(der, &head); err != nil { // has no version in front
		if private, _, err = pkcs8.ParsePrivateKey(der, []byte(password)); err != nil {
			return nil, reason(der, new(lockedPKCS8))
		}
		return private, nil
	}
	switch {
	case head.Version == 3:
		return readPKCS12(der, password)
	case head.Version == 1 && head.Next.Tag == asn1.TagSequence:
		return readCFCA(der, password)
	case head.Version == 1:
		private, err = smx509.ParseTypedECPrivateKey(der)
	case head.Next.Tag == asn1.TagInteger:
		private, err = smx509.ParsePKCS1PrivateKey(der)
	default:
		private, err = smx509.ParsePKCS8PrivateKey(der)
	}
	if err != nil {
		return nil, ErrKeyFile
	}
	return private, nil
}

func readCFCA(der []byte, password string) (private any, err error) {
	defer func() {
		if recover() != nil { // gmsm panics if what a wrong password decrypts is too long for a key
			err = reason(der, new(lockedSM2))
		}
	}()
	key, _, err := cfca.ParseSM2([]byte(password), der)
	if err != nil {
		return nil, reason(der, new(lockedSM2))
	}
	return key, nil
}

func readPKCS12(der []byte, password string) (any, error) {
	if fips140.Enforced() {
		return nil, errFIPS
	}
	private, _, _, err := pkcs12.DecodeChain(der, password)
	switch {
	case errors.Is(err, pkcs12.ErrIncorrectPassword), errors.Is(err, pkcs12.ErrDecryption):
		return nil, ErrPassword
	case err != nil:
		return nil, ErrKeyFile
	}
	return private, nil
}

// The outlines of encrypted keys, by which a wrong password is told from a broken
// file: neither form has a checksum, so what is whole on the outside and cannot
// be opened has another password.
type (
	lockedPKCS8 struct {
		Algorithm pkix.AlgorithmIdentifier
		Key       []byte
	}
	lockedSM2 struct {
		Version int
		Key     struct {
			Type, Algorithm asn1.ObjectIdentifier
			Content         []byte
		}
		Certificate struct {
			Type    asn1.ObjectIdentifier
			Content []byte
		}
	}
)

// reason returns why an encrypted key of this outline could not be opened.
func reason(der []byte, outline any) error {
	if rest, err := asn1.Unmarshal(der, outline); err != nil || len(rest) > 0 {
		return ErrKeyFile
	}
	if file, ok := outline.(*lockedSM2); ok {
		if _, err := smx509.ParseCertificate(file.Certificate.Content); err != nil {
			return ErrKeyFile
		}
	}
	return ErrPassword
}
