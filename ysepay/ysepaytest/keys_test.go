package ysepaytest

import (
	"crypto/rsa"
	"crypto/x509"
	"fmt"
	"strings"
	"testing"

	"github.com/emmansun/gmsm/sm2"
	"github.com/emmansun/gmsm/smx509"
)

func TestPlatformDER(t *testing.T) {
	srv := NewUnstartedServer()
	certificate, err := x509.ParseCertificate(srv.RSA.PlatformDER())
	if err != nil {
		t.Fatal(err)
	}
	if key, ok := certificate.PublicKey.(*rsa.PublicKey); !ok || key.N.BitLen() != 2048 {
		t.Errorf("certificate with a %T", certificate.PublicKey)
	}
	sm, err := smx509.ParseCertificate(srv.SM.PlatformDER())
	if err != nil {
		t.Fatal(err)
	}
	if !sm2.IsSM2PublicKey(sm.PublicKey) {
		t.Errorf("certificate with a %T", sm.PublicKey)
	}
	if der := (Keys{PlatformCertificate: "none"}).PlatformDER(); der != nil {
		t.Errorf("%d bytes of nothing", len(der))
	}
}

func TestOtherKeys(t *testing.T) {
	c := newClient(t)
	// Merchant and platform change places; their certificate is not to hand.
	c.srv.SM.MerchantKey, c.srv.SM.PlatformKey = c.srv.SM.PlatformKey, c.srv.SM.MerchantKey
	p, _ := c.srv.pair("SM")
	_, body, err := c.raw(MethodQuery, combined(orderNo))
	if err != nil {
		t.Fatal(err)
	}
	a := c.read(body)
	a.refused(t, "40004", "ACQ.QUERY_NO_RESULT", "查询无记录")
	if c.verified(a) {
		t.Error("signed with the key that was taken away")
	}
	if text := []byte("text"); p.merchant.verifies(text, p.platform.sign(text)) {
		t.Error("both sides have the same key")
	}
}

func TestUnreadableKeys(t *testing.T) {
	good := NewUnstartedServer()
	for name, test := range map[string]struct {
		change func(s *Server)
		want   string
	}{
		"no PEM":    {func(s *Server) { s.SM.MerchantKey = "key" }, "Server.SM.MerchantKey: not PEM"},
		"no key":    {func(s *Server) { s.SM.PlatformKey = good.SM.PlatformCertificate }, "Server.SM.PlatformKey: "},
		"RSA in SM": {func(s *Server) { s.SM.PlatformKey = good.RSA.PlatformKey }, "Server.SM.PlatformKey: a *rsa.PrivateKey"},
		"SM in RSA": {func(s *Server) { s.RSA.MerchantKey = good.SM.MerchantKey }, "Server.RSA.MerchantKey: a *sm2.PrivateKey"},
	} {
		t.Run(name, func(t *testing.T) {
			s := NewUnstartedServer()
			test.change(s)
			defer func() {
				if got := fmt.Sprint(recover()); !strings.HasPrefix(got, "ysepaytest: "+test.want) {
					t.Errorf("panic %s, want %s", got, test.want)
				}
			}()
			s.pair(strings.Split(test.want, ".")[1])
		})
	}
}
