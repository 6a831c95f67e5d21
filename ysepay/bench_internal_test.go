package ysepay

import "testing"

func BenchmarkSignature(b *testing.B) {
	text := []byte("biz_content={}&charset=UTF-8&method=ysepay.online.combine.alijsapi.pay&sign_type=RSA&version=3.0")
	for _, name := range []string{"merchant_rsa", "merchant_sm2"} {
		key := private(b, name)
		b.Run(string(key.SignType()), func(b *testing.B) {
			for b.Loop() {
				if _, err := key.sign(text); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
