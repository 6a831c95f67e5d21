package guanaitong_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/duopay/duopay"
	"github.com/duopay/duopay/guanaitong"
	"github.com/duopay/duopay/guanaitong/guanaitongtest"
)

// BenchmarkPay pays over loopback, with a token at hand; BenchmarkBareHTTP
// makes the same exchange, byte for byte, with net/http alone. Compare the two
// of one run.
func BenchmarkPay(b *testing.B) {
	server := replying(b)
	client, err := guanaitong.New(guanaitong.Config{BaseURL: server.URL, AppID: callerID, Secret: duopay.NewSecret(callerSecret), Tokens: always(goldenToken)})
	require.NoError(b, err)
	request := manualPay()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := client.Pay(context.Background(), request); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkBareHTTP(b *testing.B) {
	server := replying(b)
	path, body, _ := strings.Cut(string(golden(b, "pay-request.txt")), "\n")
	b.ReportAllocs()
	for b.Loop() {
		answer, err := http.Post(server.URL+path, "application/x-www-form-urlencoded", strings.NewReader(body))
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
	answer := golden(b, "pay-reply.json")
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		_, _ = w.Write(answer)
	}))
	b.Cleanup(server.Close)
	return server
}

func BenchmarkNotification(b *testing.B) {
	gateway, server := shop(b)
	c := charge(b, server, "0001")
	_, err := gateway.Charge(context.Background(), c)
	require.NoError(b, err)
	header := http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}
	for name, variants := range map[string][]guanaitongtest.Variant{"genuine": nil, "forged": {guanaitongtest.Forged}} {
		body, err := server.Notification(c.OrderNo, variants...)
		require.NoError(b, err)
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_, _ = gateway.Client.ParseNotification(http.MethodPost, header, []byte(body))
			}
		})
	}
}
