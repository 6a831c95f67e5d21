package ysepay

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/emmansun/gmsm/pkcs8"
	"github.com/emmansun/gmsm/sm2"
	"github.com/emmansun/gmsm/smx509"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/duopay/duopay"
)

// numberOf returns what tells a public key from others.
func numberOf(t *testing.T, key crypto.PublicKey) string {
	t.Helper()
	switch key := key.(type) {
	case *rsa.PublicKey:
		return hex.EncodeToString(key.N.Bytes())
	case *ecdsa.PublicKey:
		point, err := key.Bytes()
		if err != nil { // the curve of SM2 is not one of the standard library's
			point = append([]byte{4}, append(key.X.FillBytes(make([]byte, 32)), key.Y.FillBytes(make([]byte, 32))...)...) //nolint:staticcheck // SA1019: no other way for this curve
		}
		return hex.EncodeToString(point)
	}
	require.FailNow(t, "no such key")
	return ""
}

func readKeyFile(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(keyPath(name))
	require.NoError(t, err)
	return data
}

func derOf(t testing.TB, name string) []byte {
	t.Helper()
	block, _ := pem.Decode(readKeyFile(t, name))
	require.NotNil(t, block)
	return block.Bytes
}

func asPEM(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

// The forms that the vectors have no files for: all of them are found out.
func TestLoadKeyForms(t *testing.T) {
	rsaKey, err := x509.ParsePKCS8PrivateKey(derOf(t, "merchant_rsa.key.pem"))
	require.NoError(t, err)
	smKey, err := smx509.ParsePKCS8PrivateKey(derOf(t, "merchant_sm2.key.pem"))
	require.NoError(t, err)
	pkcs1 := x509.MarshalPKCS1PrivateKey(rsaKey.(*rsa.PrivateKey))
	sec1, err := smx509.MarshalSM2PrivateKey(smKey.(*sm2.PrivateKey))
	require.NoError(t, err)
	password := duopay.NewSecret("pass word 密码")
	locked, err := pkcs8.MarshalPrivateKey(smKey, []byte(password.Reveal()), nil)
	require.NoError(t, err)
	base := func(der []byte) []byte { return []byte(base64.StdEncoding.EncodeToString(der)) }
	text := string(base(derOf(t, "merchant_rsa.key.pem")))

	for _, test := range []struct {
		name     string
		data     []byte
		password duopay.Secret
		signType SignType
	}{
		{"PKCS#8 DER", derOf(t, "merchant_rsa.key.pem"), duopay.Secret{}, RSA},
		{"PKCS#8 SM2 DER", derOf(t, "merchant_sm2.key.pem"), duopay.Secret{}, SM},
		{"PKCS#8 bare base64", []byte(text), duopay.Secret{}, RSA},
		{"PKCS#8 base64 in lines", []byte(" " + text[:64] + "\r\n" + text[64:] + "\r\n\t"), duopay.Secret{}, RSA},
		{"PKCS#8 base64 from Windows", []byte("\ufeff" + text), duopay.Secret{}, RSA},
		{"PKCS#8 with a password", locked, password, SM},
		{"PKCS#8 with a password, PEM", asPEM("ENCRYPTED PRIVATE KEY", locked), password, SM},
		{"PKCS#1", pkcs1, duopay.Secret{}, RSA},
		{"PKCS#1 PEM", asPEM("RSA PRIVATE KEY", pkcs1), duopay.Secret{}, RSA},
		{"SEC 1", sec1, duopay.Secret{}, SM},
		{"SEC 1 PEM behind parameters", append(asPEM("EC PARAMETERS", []byte{6, 1, 1}), asPEM("EC PRIVATE KEY", sec1)...), duopay.Secret{}, SM},
		{"PEM behind a certificate", append(readKeyFile(t, "merchant_rsa.cert.pem"), readKeyFile(t, "merchant_rsa.key.pem")...), duopay.Secret{}, RSA},
		{"PKCS#12 as base64", base(readKeyFile(t, "merchant_rsa_modern.pfx")), duopay.NewSecret("Vec-Pfx-2024!"), RSA},
		{"a password that is not needed", pkcs1, password, RSA},
	} {
		t.Run(test.name, func(t *testing.T) {
			key, err := LoadKey(test.data, test.password)
			require.NoError(t, err)
			assert.Equal(t, test.signType, key.SignType())
			signature, err := key.sign([]byte("text"))
			require.NoError(t, err)
			half := map[SignType]string{RSA: "merchant_rsa", SM: "merchant_sm2"}[test.signType]
			assert.True(t, public(t, half).verify([]byte("text"), signature))
		})
	}
}

func TestLoadPlatformKeyForms(t *testing.T) {
	der := readKeyFile(t, "platform_rsa1024.cer")
	sm := readKeyFile(t, "platform_sm2.cer")
	bare, err := x509.MarshalPKIXPublicKey(public(t, "platform_rsa").public)
	require.NoError(t, err)
	for name, data := range map[string][]byte{
		"bare base64":       []byte(base64.StdEncoding.EncodeToString(der)),
		"SM2 base64":        []byte(base64.StdEncoding.EncodeToString(sm) + "\n"),
		"PEM behind text":   append([]byte("subject=CN = 银盛\n"), readKeyFile(t, "platform_rsa1024.cert.pem")...),
		"public key":        bare,
		"public key PEM":    asPEM("PUBLIC KEY", bare),
		"public key base64": []byte(base64.StdEncoding.EncodeToString(bare)),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := LoadPlatformKey(data)
			require.NoError(t, err)
		})
	}
}

// Broken files, wrong passwords and keys of other kinds: an error of its own for
// each, with nothing of what was in them.
func TestKeysRefused(t *testing.T) {
	edwards := func() []byte {
		_, key, err := ed25519.GenerateKey(rand.Reader)
		require.NoError(t, err)
		der, err := x509.MarshalPKCS8PrivateKey(key)
		require.NoError(t, err)
		return der
	}()
	nist := func() []byte {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		require.NoError(t, err)
		der, err := x509.MarshalECPrivateKey(key)
		require.NoError(t, err)
		return der
	}()
	nistPublic := func() []byte {
		key, err := x509.ParseECPrivateKey(nist)
		require.NoError(t, err)
		der, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
		require.NoError(t, err)
		return der
	}()
	smKey, err := smx509.ParsePKCS8PrivateKey(derOf(t, "merchant_sm2.key.pem"))
	require.NoError(t, err)
	locked, err := pkcs8.MarshalPrivateKey(smKey, []byte("right"), nil)
	require.NoError(t, err)
	pfx, cfca, rsaDER := readKeyFile(t, "merchant_rsa_modern.pfx"), readKeyFile(t, "merchant_der.sm2"), derOf(t, "merchant_rsa.key.pem")
	broken := func(data []byte) []byte { return append(append([]byte(nil), data[:len(data)/2]...), 0) }
	flipped := append([]byte(nil), cfca...)
	flipped[len(flipped)-200] ^= 0x40 // inside the certificate

	const secret = "TOP-SECRET"
	for _, test := range []struct {
		name string
		data []byte
		want error
	}{
		{"nothing", nil, ErrKeyFile},
		{"a word", []byte("secret"), ErrKeyFile},
		{"an odd word", []byte("密钥"), ErrKeyFile},
		{"one byte of DER", []byte{0x30}, ErrKeyFile},
		{"an empty sequence", []byte{0x30, 0}, ErrKeyFile},
		{"PEM of nothing", []byte("-----BEGIN PRIVATE KEY-----\n"), ErrKeyFile},
		{"PEM without a key", readKeyFile(t, "merchant_rsa.cert.pem"), ErrKeyFile},
		{"a certificate", readKeyFile(t, "merchant_rsa.cer"), ErrKeyFile},
		{"PKCS#8 cut", broken(rsaDER), ErrKeyFile},
		{"PKCS#12 cut", broken(pfx), ErrKeyFile},
		{"PKCS#12 of another password", pfx, ErrPassword},
		{"old PKCS#12 of another password", readKeyFile(t, "merchant_rsa_legacy.pfx"), ErrPassword},
		{"CFCA cut", broken(cfca), ErrKeyFile},
		{"CFCA with a tail", append(append([]byte(nil), cfca...), 0), ErrKeyFile},
		{"CFCA of another password", cfca, ErrPassword},
		{"PKCS#8 of another password", locked, ErrPassword},
		{"PKCS#8 with a password, cut", broken(locked), ErrKeyFile},
		{"Ed25519", edwards, ErrKeyKind},
		{"NIST P-256", nist, ErrKeyKind},
	} {
		t.Run(test.name, func(t *testing.T) {
			key, err := LoadKey(test.data, duopay.NewSecret(secret))
			require.ErrorIs(t, err, test.want)
			require.ErrorIs(t, err, duopay.Invalid)
			assert.Nil(t, key)
			assert.NotContains(t, fmt.Sprintf("%+v %#v", err, err), secret)
			assert.Less(t, len(err.Error()), 200, "nothing of the file")
		})
	}
	for _, test := range []struct {
		name string
		data []byte
		want error
	}{
		{"nothing", nil, ErrKeyFile},
		{"a private key", readKeyFile(t, "platform_rsa.key.pem"), ErrKeyFile},
		{"a private key, DER", rsaDER, ErrKeyFile},
		{"cut", broken(readKeyFile(t, "platform_rsa.cer")), ErrKeyFile},
		{"another curve", nistPublic, ErrKeyKind},
	} {
		t.Run("platform/"+test.name, func(t *testing.T) {
			key, err := LoadPlatformKey(test.data)
			require.ErrorIs(t, err, test.want)
			assert.Nil(t, key)
		})
	}
	_, err = LoadKeyFile("testdata/keys/none.pfx", duopay.Secret{})
	require.ErrorIs(t, err, fs.ErrNotExist)
	_, err = LoadPlatformKeyFile("testdata/keys/none.cer")
	require.ErrorIs(t, err, fs.ErrNotExist)
	_, err = LoadKey(flipped, duopay.NewSecret("Vec-Sm2-2024!"))
	require.Error(t, err)
}

// The padding of what a wrong password decrypts may fit by chance: whatever it
// is, no key comes of it, and the reason stays the password.
func TestWrongPasswords(t *testing.T) {
	data := readKeyFile(t, "merchant.sm2")
	for i := range 600 {
		_, err := LoadKey(data, duopay.NewSecret(fmt.Sprint("wrong", i)))
		require.ErrorIs(t, err, ErrPassword)
	}
}

// module is a signer whose key is somewhere else.
type module struct {
	crypto.Signer
	sign func(digest []byte, opts crypto.SignerOpts) ([]byte, error)
}

func (m module) Sign(_ io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	return m.sign(digest, opts)
}

func TestOwnSigner(t *testing.T) {
	rsaKey, err := x509.ParsePKCS8PrivateKey(derOf(t, "merchant_rsa.key.pem"))
	require.NoError(t, err)
	parsed, err := smx509.ParsePKCS8PrivateKey(derOf(t, "merchant_sm2.key.pem"))
	require.NoError(t, err)
	smKey := parsed.(*sm2.PrivateKey)
	rsaSigner := rsaKey.(crypto.Signer)

	key, err := NewKey(module{rsaSigner, func(digest []byte, opts crypto.SignerOpts) ([]byte, error) {
		assert.Len(t, digest, 20)
		return rsaSigner.Sign(nil, digest, opts)
	}})
	require.NoError(t, err)
	assert.Equal(t, RSA, key.SignType())
	key, err = NewKey(module{smKey, func(digest []byte, opts crypto.SignerOpts) ([]byte, error) {
		assert.Len(t, digest, 32)
		assert.Equal(t, crypto.Hash(0), opts.HashFunc())
		return smKey.Sign(rand.Reader, digest, opts)
	}})
	require.NoError(t, err)
	assert.Equal(t, SM, key.SignType())

	down := errors.New("PIN 1234 is locked")
	for name, signer := range map[string]crypto.Signer{
		"nil":          nil,
		"out of order": module{rsaSigner, func([]byte, crypto.SignerOpts) ([]byte, error) { return nil, down }},
		"hashes again": module{smKey, func(digest []byte, _ crypto.SignerOpts) ([]byte, error) {
			return smKey.Sign(rand.Reader, digest, sm2.DefaultSM2SignerOpts)
		}},
		"another hash": module{rsaSigner, func(_ []byte, _ crypto.SignerOpts) ([]byte, error) {
			return rsaSigner.Sign(nil, make([]byte, 32), crypto.SHA256)
		}},
		"of another curve": edwardsSigner(t),
	} {
		key, err := NewKey(signer)
		require.ErrorIs(t, err, ErrKeyKind, name)
		assert.Nil(t, key, name)
		assert.NotContains(t, err.Error(), "1234")
	}

	// A module that fails later: nothing is sent, and nothing of it is told.
	works := true
	key, err = NewKey(module{rsaSigner, func(digest []byte, opts crypto.SignerOpts) ([]byte, error) {
		if !works {
			return nil, down
		}
		return rsaSigner.Sign(nil, digest, opts)
	}})
	require.NoError(t, err)
	works = false
	c := client(t, "platform_rsa", UTF8)
	c.config.Key = key
	_, err = c.Query(t.Context(), QueryRequest{OrderNo: "20240520DP1"})
	require.ErrorIs(t, err, duopay.Invalid)
	assert.NotContains(t, err.Error(), "1234")
}

func edwardsSigner(t *testing.T) crypto.Signer {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	return key
}

// A key shows its kind, and nothing else.
func TestKeyForms(t *testing.T) {
	for _, key := range []*Key{private(t, "merchant_rsa"), private(t, "merchant_sm2")} {
		want := map[SignType]string{RSA: "private RSA key of 2048 bits", SM: "private SM2 key"}[key.SignType()]
		assert.Equal(t, want, fmt.Sprint(key))
		text, err := json.Marshal(struct{ Key *Key }{key})
		require.NoError(t, err)
		assert.JSONEq(t, `{"Key":"`+want+`"}`, string(text))
		assert.Less(t, len(fmt.Sprintf("%#v %+v", key, *key)), 300)
	}
	for name, want := range map[string]string{"platform_rsa1024": "public RSA key of 1024 bits", "platform_sm2": "public SM2 key"} {
		key := public(t, name)
		assert.Equal(t, want, key.String())
		text, err := key.MarshalText()
		require.NoError(t, err)
		assert.Equal(t, want, string(text))
	}
	assert.Equal(t, SM, public(t, "platform_sm2").SignType())
	assert.False(t, (&PlatformKey{}).verify(nil, nil))
}

// With GODEBUG=fips140=only the standard library panics when SHA-1 is used: keys
// that need it do not load.
func TestFIPSOnly(t *testing.T) {
	if os.Getenv("DUOPAY_FIPS_ONLY") != "" {
		for _, name := range []string{"merchant_rsa.key.pem", "merchant_rsa_modern.pfx"} {
			_, err := LoadKeyFile(keyPath(name), duopay.NewSecret("Vec-Pfx-2024!"))
			require.ErrorIs(t, err, errFIPS)
		}
		_, err := LoadPlatformKeyFile(keyPath("platform_rsa.cer"))
		require.ErrorIs(t, err, errFIPS)
		return
	}
	command := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestFIPSOnly$")
	command.Env = append(os.Environ(), "DUOPAY_FIPS_ONLY=1", "GODEBUG=fips140=only")
	output, err := command.CombinedOutput()
	require.NoError(t, err, string(output))
}

// Several platform keys at once, of one kind and of two.
func TestRotation(t *testing.T) {
	c, err := New(Config{
		BaseURL: "https://ysepay.invalid", PartnerID: "dp_partner_01", Key: private(t, "merchant_rsa"),
		PlatformKeys: []*PlatformKey{public(t, "platform_rsa1024"), public(t, "platform_sm2"), public(t, "platform_rsa")},
	})
	require.NoError(t, err)
	for _, by := range []string{"platform_rsa1024", "platform_rsa", "platform_sm2"} {
		signature, err := private(t, by).sign([]byte("text"))
		require.NoError(t, err)
		sign := base64.StdEncoding.EncodeToString(signature)
		signType := private(t, by).SignType()
		require.NoError(t, c.verify(signType, []byte("text"), sign), by)
		other := map[SignType]SignType{RSA: SM, SM: RSA}[signType]
		require.ErrorIs(t, c.verify(other, []byte("text"), sign), ErrSignature, by)
	}
	signature, err := private(t, "other_rsa").sign([]byte("text"))
	require.NoError(t, err)
	require.ErrorIs(t, c.verify(RSA, []byte("text"), base64.StdEncoding.EncodeToString(signature)), ErrSignature)
	require.ErrorIs(t, c.verify(RSA, []byte("text"), "not base64!"), ErrSignature)
	require.ErrorIs(t, c.verify(RSA, []byte("text"), " "), ErrUnsigned)
}

// openssl returns openssl 3, or skips the test and says so.
func openssl(t *testing.T) func(args ...string) {
	t.Helper()
	program, err := exec.LookPath("openssl")
	if err == nil {
		var version []byte
		version, err = exec.CommandContext(t.Context(), program, "version").Output()
		if err == nil && !strings.HasPrefix(string(version), "OpenSSL 3.") {
			err = errors.New("not version 3")
		}
	}
	if err != nil {
		t.Skip("openssl 3 is not installed here, so its signatures are not compared: ", err)
	}
	return func(args ...string) {
		t.Helper()
		output, err := exec.CommandContext(t.Context(), program, args...).CombinedOutput()
		require.NoError(t, err, string(output))
	}
}

// Our signatures verify with the openssl command line, and the other way round.
func TestOpenSSL(t *testing.T) {
	run := openssl(t)
	dir := t.TempDir()
	text := []byte("biz_content={\"subject\":\"端午礼盒 & 粽子\"}&sign_type=SM")
	require.NoError(t, os.WriteFile(dir+"/text", text, 0o600))
	for _, test := range []struct {
		name    string
		options []string
	}{
		{"merchant_rsa", []string{"-sha1"}},
		{"merchant_sm2", []string{"-sm3", "-sigopt", "distid:1234567812345678"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			der, err := smx509.MarshalPKIXPublicKey(public(t, test.name).public)
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(dir+"/public", asPEM("PUBLIC KEY", der), 0o600))
			signature, err := private(t, test.name).sign(text)
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(dir+"/ours", signature, 0o600))
			run(append(append([]string{"dgst"}, test.options...), "-verify", dir+"/public", "-signature", dir+"/ours", dir+"/text")...)

			run(append(append([]string{"dgst"}, test.options...), "-sign", keyPath(test.name+".key.pem"), "-out", dir+"/theirs", dir+"/text")...)
			theirs, err := os.ReadFile(dir + "/theirs")
			require.NoError(t, err)
			assert.True(t, public(t, test.name).verify(text, theirs))
			assert.False(t, public(t, test.name).verify(append(text, ' '), theirs))
		})
	}
	t.Run("without the user id", func(t *testing.T) { // a trap of the command line
		run("dgst", "-sm3", "-sign", keyPath("merchant_sm2.key.pem"), "-out", dir+"/empty", dir+"/text")
		empty, err := os.ReadFile(dir + "/empty")
		require.NoError(t, err)
		assert.False(t, public(t, "merchant_sm2").verify(text, empty))
	})
}
