package exchange_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/duopay/duopay"
	"github.com/duopay/duopay/internal/exchange"
)

func TestBaseURL(t *testing.T) {
	for base, want := range map[string]string{
		"https://pay.example.com":        "https://pay.example.com",
		"https://pay.example.com/":       "https://pay.example.com",
		"https://pay.example.com///":     "https://pay.example.com",
		"https://pay.example.com:8443/a": "https://pay.example.com:8443/a",
		"https://pay.example.com/a/b/":   "https://pay.example.com/a/b",
		"HTTPS://PAY.example.com":        "HTTPS://PAY.example.com",
		"https://[2001:db8::1]:443":      "https://[2001:db8::1]:443",
		"http://127.0.0.1:8080/":         "http://127.0.0.1:8080",
		"http://127.8.9.1":               "http://127.8.9.1",
		"http://[::1]:80":                "http://[::1]:80",
		"http://localhost":               "http://localhost",
	} {
		for _, plain := range []bool{false, true} {
			got, err := exchange.BaseURL(base, plain)
			require.NoError(t, err, base)
			assert.Equal(t, want, got)
		}
	}
	for base, says := range map[string]string{
		"":                         "absolute",
		"pay.example.com":          "absolute",
		"//pay.example.com":        "absolute",
		"/gateway":                 "absolute",
		"https:":                   "absolute",
		"https://":                 "absolute",
		"https:///path":            "absolute",
		"https:pay.example.com":    "absolute",
		"https://:443":             "absolute",
		"ftp://pay.example.com":    "absolute",
		"unix:///run/pay":          "absolute",
		" https://pay.example.com": "absolute",
		"https://pay example.com":  "absolute",
		"https://pay\n.example":    "absolute",
		"https://%zz":              "absolute",
		"https://h:port":           "absolute",
		"https://user@h":           "no user",
		"https://user:4711@h":      "no user",
		"https://@h":               "no user",
		"https://h?":               "query",
		"https://h?key=4711":       "query",
		"https://h/a#":             "fragment",
		"https://h#4711":           "fragment",
	} {
		for _, plain := range []bool{false, true} {
			got, err := exchange.BaseURL(base, plain)
			require.ErrorContains(t, err, says, base)
			assert.Empty(t, got)
			assert.NotContains(t, err.Error(), "4711")
		}
	}
	for _, base := range []string{
		"http://pay.example.com", "HTTP://pay.example.com", "http://10.0.0.1", "http://0.0.0.0", "http://127.0.0.1.example.com",
		"http://localhost.example.com", "http://[2001:db8::1]", "http://192.168.0.1",
	} {
		_, err := exchange.BaseURL(base, false)
		require.ErrorContains(t, err, "plain http is for the loopback interface", base)
		got, err := exchange.BaseURL(base, true)
		require.NoError(t, err, base)
		assert.Equal(t, base, got)
	}
}

func TestTransport(t *testing.T) {
	one, other := exchange.Transport(), exchange.Transport()
	assert.NotSame(t, one, other)
	assert.NotSame(t, one.TLSClientConfig, other.TLSClientConfig)
	assert.GreaterOrEqual(t, one.TLSClientConfig.MinVersion, uint16(tls.VersionTLS12))
	assert.False(t, one.TLSClientConfig.InsecureSkipVerify)
	assert.NotNil(t, one.Proxy)
	assert.NotNil(t, one.DialContext)
	assert.Positive(t, one.TLSHandshakeTimeout)
	assert.GreaterOrEqual(t, one.MaxIdleConnsPerHost, 64)
	assert.Positive(t, one.IdleConnTimeout)
	assert.False(t, one.DisableKeepAlives)
	assert.Positive(t, one.MaxResponseHeaderBytes)
	assert.True(t, one.ForceAttemptHTTP2)
	assert.Positive(t, one.HTTP2.SendPingTimeout, "a dead connection of HTTP/2 would never be found out")
}

// 64 goroutines share a Line, with as many connections as they need and no more.
func TestConcurrently(t *testing.T) {
	var first sync.WaitGroup
	first.Add(64)
	s, _ := serve(t, (*httptest.Server).Start, func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.Header.Get("X-Order"), "-0") {
			// All are on their way: from now on there are connections enough.
			first.Done()
			first.Wait()
		}
		select {
		case <-time.After(5 * time.Millisecond):
		case <-r.Context().Done():
		}
		_, _ = io.WriteString(w, r.Header.Get("X-Order"))
	})
	line := newLine(t, nil)
	var wg sync.WaitGroup
	for g := range 64 {
		wg.Go(func() {
			for i := range 20 {
				order, got := fmt.Sprint(g, "-", i), ""
				send := call(s.URL)
				send.OrderNo = order
				request := send.Request
				send.Request = func(ctx context.Context) (*http.Request, error) {
					r, err := request(ctx)
					r.Header.Set("X-Order", order)
					return r, err
				}
				refuse := i%4 == 3
				send.Read = func(a *exchange.Answer) error {
					if got = string(a.Body); refuse {
						return &duopay.Error{Kind: duopay.Refused}
					}
					return nil
				}
				if err := line.Send(t.Context(), send); (err != nil) != refuse || refuse && !strings.Contains(err.Error(), order) {
					t.Errorf("%v", err)
				}
				if got != order {
					t.Errorf("the answer for %s is that for %s", order, got)
				}
			}
		})
	}
	wg.Wait()
	assert.Equal(t, 64*20, s.count())
	assert.LessOrEqual(t, s.opened.Load(), int32(80), "connections")
}
