package ysepay_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/duopay/duopay/ysepay"
	"github.com/duopay/duopay/ysepay/ysepaytest"
)

// BenchmarkPay opens an order over loopback; BenchmarkBareHTTP makes the same
// exchange, byte for byte, with net/http alone, and BenchmarkSignature the
// signature that the difference is made of. Compare those of one run.
func BenchmarkPay(b *testing.B) {
	server := replying(b)
	given := config()
	given.BaseURL = server.URL
	client, err := ysepay.New(given, fixedClock())
	require.NoError(b, err)
	request := combined()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := client.Pay(context.Background(), request); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkBareHTTP(b *testing.B) {
	server := replying(b)
	request := golden(b, "pay-request.txt")
	b.ReportAllocs()
	for b.Loop() {
		answer, err := http.Post(server.URL+"/gateway.do", "application/x-www-form-urlencoded; charset=UTF-8", bytes.NewReader(request))
		if err != nil {
			b.Fatal(err)
		}
		if _, err := io.ReadAll(answer.Body); err != nil {
			b.Fatal(err)
		}
		_ = answer.Body.Close()
	}
}

// replying is a server that knows one reply.
func replying(b *testing.B) *httptest.Server {
	b.Helper()
	reply := golden(b, "pay-reply.json")
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		_, _ = w.Write(reply)
	}))
	b.Cleanup(server.Close)
	return server
}

func BenchmarkNotification(b *testing.B) {
	for _, signType := range []ysepay.SignType{ysepay.RSA, ysepay.SM} {
		server := ysepaytest.NewUnstartedServer()
		gateway := ysepay.Gateway{Client: clientOf(b, server, server.Transport(), signType)}
		_, err := gateway.Prepare(context.Background(), order(today("DP1")))
		require.NoError(b, err)
		require.NoError(b, server.Pay(today("DP1")))
		genuine, err := server.Notification(today("DP1"))
		require.NoError(b, err)
		forged, err := server.Notification(today("DP1"), ysepaytest.Forged)
		require.NoError(b, err)
		for name, text := range map[string]string{"genuine": genuine, "forged": forged} {
			b.Run(string(signType)+"/"+name, func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					_, _ = gateway.Client.ParseNotification(http.MethodPost, formHeader, []byte(text))
				}
			})
		}
	}
}
