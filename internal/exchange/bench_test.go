package exchange_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/duopay/duopay"
	"github.com/duopay/duopay/internal/exchange"
)

func benchServer(b *testing.B) (address string, client *http.Client) {
	b.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		_, _ = io.WriteString(w, success)
	}))
	b.Cleanup(s.Close)
	transport := exchange.Transport()
	b.Cleanup(transport.CloseIdleConnections)
	return s.URL, &http.Client{Transport: transport}
}

// BenchmarkSend is to be compared with BenchmarkBareNetHTTP, which does the
// same work by hand.
func BenchmarkSend(b *testing.B) {
	address, client := benchServer(b)
	o, err := duopay.NewOptions(duopay.WithHTTPClient(client))
	if err != nil {
		b.Fatal(err)
	}
	line := exchange.New("fake", o)
	b.ReportAllocs()
	for b.Loop() {
		if err := line.Send(b.Context(), call(address)); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkBareNetHTTP(b *testing.B) {
	address, client := benchServer(b)
	b.ReportAllocs()
	for b.Loop() {
		r, err := http.NewRequestWithContext(b.Context(), http.MethodPost, address, strings.NewReader(body))
		if err != nil {
			b.Fatal(err)
		}
		response, err := client.Do(r)
		if err != nil {
			b.Fatal(err)
		}
		text, err := io.ReadAll(response.Body)
		_ = response.Body.Close()
		if err != nil || string(text) != success {
			b.Fatal(string(text), err)
		}
	}
}
