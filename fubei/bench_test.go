package fubei_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/duopay/duopay"
	"github.com/duopay/duopay/fubei"
	"github.com/duopay/duopay/fubei/fubeitest"
)

// BenchmarkSwipe charges over loopback; BenchmarkBareHTTP makes the same
// exchange, byte for byte, with net/http alone. Compare the two of one run.
func BenchmarkSwipe(b *testing.B) {
	server := replying(b)
	client, err := fubei.New(fubei.Config{BaseURL: server.URL, AppID: appID, Secret: duopay.NewSecret(secret)})
	require.NoError(b, err)
	request := manualSwipe()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := client.Swipe(context.Background(), request); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkBareHTTP(b *testing.B) {
	server := replying(b)
	request := golden(b, "swipe-request.json")
	b.ReportAllocs()
	for b.Loop() {
		answer, err := http.Post(server.URL+"/gateway", "application/json; charset=utf-8", bytes.NewReader(request))
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
	reply := golden(b, "swipe-reply.json")
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		_, _ = w.Write(reply)
	}))
	b.Cleanup(server.Close)
	return server
}

func BenchmarkNotification(b *testing.B) {
	gateway, server := shop(b)
	_, err := gateway.Charge(context.Background(), charge("DP1"))
	require.NoError(b, err)
	body, err := server.Notification("DP1")
	require.NoError(b, err)
	forged, err := server.Notification("DP1", fubeitest.Forged)
	require.NoError(b, err)
	header := http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}
	for name, text := range map[string]string{"genuine": body, "forged": forged} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_, _ = gateway.Client.ParseNotification(http.MethodPost, header, []byte(text))
			}
		})
	}
}
