package ysepay

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/duopay/duopay"
	"github.com/duopay/duopay/internal/exchange"
)

// walk cuts an answer with encoding/json's own decoder, token by token: another
// way to the same pieces.
func walk(body []byte, name string) (node, sign string, ok bool) {
	decoder := json.NewDecoder(bytes.NewReader(body))
	if open, err := decoder.Token(); err != nil || open != json.Delim('{') {
		return "", "", false
	}
	members := make(map[string]string)
	for decoder.More() {
		token, err := decoder.Token()
		if err != nil {
			return "", "", false
		}
		var value json.RawMessage
		if err := decoder.Decode(&value); err != nil {
			return "", "", false
		}
		if _, twice := members[token.(string)]; twice {
			return "", "", false
		}
		members[token.(string)] = string(value)
	}
	if _, err := decoder.Token(); err != nil {
		return "", "", false
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return "", "", false
	}
	if sign, ok := members["sign"]; ok && sign != "null" && json.Unmarshal([]byte(sign), new(string)) != nil {
		return "", "", false
	}
	_ = json.Unmarshal([]byte(members["sign"]), &sign)
	return members[name], sign, members[name] != ""
}

// Whatever comes, the node is the one that encoding/json finds, and nothing is
// believed that the platform did not sign.
func FuzzEnvelope(f *testing.F) {
	sign := signs(f, "platform_sm2", paidNode)
	node := `"` + queryNode + `":` + paidNode
	for _, seed := range []string{
		`{"sign":"` + sign + `",` + node + `}`, "\ufeff{" + node + `,"sign":"` + sign + `"}`, `{` + node + `,` + node + `,"sign":"` + sign + `"}`,
		`{"sign":"` + sign + `","unknow_response":` + paidNode + `}`, `{"\u0073ign":"x",` + node + `,"SIGN":"y"}`, `{"sign":null,` + node + `}`,
		`[]`, `{}`, ``, "\xff", `{"a":[{"b":"\"}"}],` + node + `}`, "\xb6\xcb",
	} {
		f.Add([]byte(seed), false)
		f.Add([]byte(seed), true)
	}
	c := map[bool]*Client{false: client(f, "platform_sm2", UTF8), true: client(f, "platform_sm2", GBK)}
	sent := asked(f)
	f.Fuzz(func(t *testing.T, body []byte, gbk bool) {
		e, err := c[gbk].config.Charset.cut(body, query.method)
		if err == nil && e.own {
			text, err := c[gbk].config.Charset.decode(bytes.TrimPrefix(body, []byte("\ufeff")))
			if err != nil {
				t.Fatal(err)
			}
			node, sign, ok := walk([]byte(text), queryNode)
			if !ok || node != string(e.node) || sign != e.sign {
				t.Fatalf("cut %q, %q", e.node, e.sign)
			}
		}
		n, err := c[gbk].open(query, sent, &exchange.Answer{Status: http.StatusOK, Body: body})
		if err != nil {
			var failure *duopay.Error
			if errors.As(err, &failure) && (failure.Kind != duopay.Unsure || failure.Certain) {
				t.Fatalf("%v: %v", failure.Kind, err) // the platform signed nothing but a success
			}
			return
		}
		if string(n.text) != paidNode {
			t.Fatalf("believed %q", n.text)
		}
	})
}

// Without the platform's key nobody makes a notification that is believed.
func FuzzNotification(f *testing.F) {
	genuine := paid("sign_type", "SM", "extra_common_param", "渠道=1&批次=7")
	f.Add([]byte(post(f, "platform_sm2", genuine)))
	f.Add([]byte("sign_type=SM&sign=&notify_type=directpay.status.sync"))
	f.Add([]byte("sign_type=RSA&sign=AAAA&a=%zz&a=b;c"))
	c := client(f, "platform_sm2", UTF8)
	f.Fuzz(func(t *testing.T, body []byte) {
		_, _ = c.NotificationStringToSign(body)
		n, err := c.ParseNotification(http.MethodPost, formHeader, body)
		if err != nil {
			if !errors.Is(err, duopay.ErrMalformed) && !errors.Is(err, duopay.ErrSignature) {
				t.Fatal(err)
			}
			return
		}
		for name, value := range n.Fields {
			if name != "sign" && !blank(value) && genuine[name] != value {
				t.Fatalf("believed %s=%q", name, value)
			}
		}
	})
}

// Whatever a file holds, loading it ends in a key that works or in one of the
// reasons.
func FuzzLoadKey(f *testing.F) {
	files, err := filepath.Glob("testdata/keys/*")
	if err != nil || len(files) == 0 {
		f.Fatal("no key files", err)
	}
	for _, file := range files {
		if strings.HasSuffix(file, ".pfx") {
			continue // whose many rounds of hashing leave no time for anything else
		}
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data, "Vec-Sm2-2024!")
		f.Add([]byte(base64.StdEncoding.EncodeToString(data)), "wrong")
	}
	f.Fuzz(func(t *testing.T, data []byte, password string) {
		if len(data) > 4096 {
			return
		}
		for _, load := range []func() error{
			func() error {
				key, err := LoadKey(data, duopay.NewSecret(password))
				if err == nil {
					_, err = key.sign([]byte("text"))
				}
				return err
			},
			func() error {
				key, err := LoadPlatformKey(data)
				if err == nil {
					key.verify([]byte("text"), []byte("no signature"))
				}
				return err
			},
		} {
			err := load()
			if err != nil && !errors.Is(err, ErrPassword) && !errors.Is(err, ErrKeyFile) && !errors.Is(err, ErrKeyKind) {
				t.Fatal(err)
			}
		}
	})
}
