package fufu_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/duopay/duopay"
	"github.com/duopay/duopay/fufu"
	"github.com/duopay/duopay/fufu/fufutest"
)

// BenchmarkOrder charges over loopback; BenchmarkBareHTTP makes the same
// exchange, byte for byte, with net/http alone. Compare the two of one run.
func BenchmarkOrder(b *testing.B) {
	server := replying(b)
	client, err := fufu.New(fufu.Config{BaseURL: server.URL, BusiID: busiID, Key: duopay.NewSecret(key)})
	require.NoError(b, err)
	request := manualOrder()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := client.Order(context.Background(), request); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkBareHTTP(b *testing.B) {
	server := replying(b)
	address, body, _ := strings.Cut(golden(b, "order-request.txt"), "\n")
	_, query, _ := strings.Cut(address, "?")
	b.ReportAllocs()
	for b.Loop() {
		answer, err := http.Post(server.URL+"/order?"+query, "application/json;charset=UTF-8", strings.NewReader(body))
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
	reply := golden(b, "order-reply.json")
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		_, _ = io.WriteString(w, reply)
	}))
	b.Cleanup(server.Close)
	return server
}

func BenchmarkNotification(b *testing.B) {
	gateway, server := shop(b)
	_, err := gateway.Prepare(context.Background(), duopay.Order{OrderNo: "DP1", Amount: duopay.MustMoney("1"), Subject: "s"})
	require.NoError(b, err)
	require.NoError(b, server.Pay("DP1"))
	for name, variants := range map[string][]fufutest.Variant{"genuine": nil, "forged": {fufutest.Forged}} {
		sign, body, err := server.Notification("DP1", variants...)
		require.NoError(b, err)
		address, text := &url.URL{RawQuery: "sign=" + sign}, []byte(body)
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_, _ = gateway.Client.ParseNotification(http.MethodPost, address, text)
			}
		})
	}
}
