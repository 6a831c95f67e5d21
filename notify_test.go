package duopay_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/duopay/duopay"
)

// stubParser is a provider's side of a notification: the body is the order number.
type stubParser struct {
	err   error
	calls atomic.Int32
	saw   func(method string, u *url.URL, header http.Header, body []byte)
}

func (p *stubParser) ParseNotification(method string, u *url.URL, header http.Header, body []byte) (duopay.Notification, error) {
	p.calls.Add(1)
	if p.saw != nil {
		p.saw(method, u, header, body)
	}
	if p.err != nil {
		// What comes with an error is not to be used.
		return duopay.Notification{Payment: duopay.Payment{OrderNo: "forged", Status: duopay.Paid}}, p.err
	}
	return duopay.Notification{Provider: "fake", Payment: duopay.Payment{OrderNo: string(body), Status: duopay.Paid}}, nil
}

func (p *stubParser) Acknowledge(err error) duopay.Acknowledgement {
	a := duopay.Acknowledgement{Status: duopay.AcknowledgementStatus(err), ContentType: "text/plain", Body: "success"}
	if err != nil {
		a.Body = "fail"
	}
	return a
}

func handler(t *testing.T, p duopay.NotificationParser, handle func(context.Context, duopay.Notification) error, options ...duopay.Option) http.Handler {
	t.Helper()
	h, err := duopay.NotificationHandler(p, handle, options...)
	require.NoError(t, err)
	return h
}

func deliver(h http.Handler, body io.Reader) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/notify?shop=7", body))
	return w
}

func checkAnswer(t *testing.T, answer *httptest.ResponseRecorder, status int, body string) {
	t.Helper()
	assert.Equal(t, status, answer.Code)
	assert.Equal(t, body, answer.Body.String(), "byte for byte")
	assert.Equal(t, "text/plain", answer.Header().Get("Content-Type"))
	assert.Equal(t, "nosniff", answer.Header().Get("X-Content-Type-Options"))
}

func refusal(reason error) error {
	return &duopay.Error{Provider: "fake", Op: "notification", Kind: duopay.Unsure, Err: fmt.Errorf("%w: detail", reason)}
}

func TestNotificationHandler(t *testing.T) {
	handled := errors.New("the database is down")
	for name, c := range map[string]struct {
		parse, handle error
		status        int
		body          string
	}{
		"handled":                                {nil, nil, 200, "success"},
		"malformed":                              {refusal(duopay.ErrMalformed), nil, 400, "fail"},
		"wrong signature":                        {refusal(duopay.ErrSignature), nil, 400, "fail"},
		"stale":                                  {refusal(duopay.ErrStale), nil, 400, "fail"},
		"unknown merchant":                       {refusal(duopay.ErrUnknownMerchant), nil, 400, "fail"},
		"no reason given":                        {errors.New("odd"), nil, 500, "fail"},
		"function failed":                        {nil, handled, 500, "fail"},
		"function's own query":                   {nil, &duopay.Error{Kind: duopay.Unsure, Err: handled}, 500, "fail"},
		"function's own answer was badly signed": {nil, refusal(duopay.ErrSignature), 500, "fail"},
		"amount differs":                         {nil, duopay.Payment{}.Match(duopay.Reference{Amount: amount}), 500, "fail"},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			var log bytes.Buffer
			h := handler(t, &stubParser{err: c.parse}, func(_ context.Context, n duopay.Notification) error {
				got = append(got, n.Provider+" "+n.Payment.OrderNo)
				return c.handle
			}, duopay.WithLogger(slog.New(slog.NewTextHandler(&log, nil))))
			checkAnswer(t, deliver(h, strings.NewReader("A1")), c.status, c.body)
			if c.parse == nil {
				assert.Equal(t, []string{"fake A1"}, got)
			} else {
				assert.Empty(t, got, "the function must not see it")
			}
			if c.status == 200 {
				assert.Empty(t, log.String())
			} else {
				assert.Contains(t, log.String(), "level=WARN")
				assert.Contains(t, log.String(), "error")
			}
		})
	}
}

func TestNotificationHandlerPassesTheRequestOn(t *testing.T) {
	body := "\x00\xff a=b&c=%zz\r\n "
	p := &stubParser{saw: func(method string, u *url.URL, header http.Header, got []byte) {
		assert.Equal(t, http.MethodPut, method)
		assert.Equal(t, "/notify?shop=7", u.String())
		assert.Equal(t, "abc", header.Get("X-Sign"))
		assert.Equal(t, body, string(got))
	}}
	type key struct{}
	h := handler(t, p, func(ctx context.Context, _ duopay.Notification) error {
		assert.Equal(t, "v", ctx.Value(key{}))
		return nil
	})
	r := httptest.NewRequest(http.MethodPut, "/notify?shop=7", strings.NewReader(body))
	r.Header.Set("X-Sign", "abc")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r.WithContext(context.WithValue(t.Context(), key{}, "v")))
	assert.Equal(t, 200, w.Code)
	assert.EqualValues(t, 1, p.calls.Load())
}

func TestNotificationHandlerBounds(t *testing.T) {
	const limit = 1 << 20
	for name, c := range map[string]struct {
		body   io.Reader
		status int
		parsed int
	}{
		"none":       {nil, 200, 1},
		"one MiB":    {strings.NewReader(strings.Repeat("x", limit)), 200, 1},
		"one more":   {strings.NewReader(strings.Repeat("x", limit+1)), 400, 0},
		"endless":    {io.LimitReader(endless{}, 1<<40), 400, 0},
		"broken off": {io.MultiReader(strings.NewReader("A1"), broken{}), 400, 0},
	} {
		t.Run(name, func(t *testing.T) {
			p, handled := &stubParser{}, 0
			h := handler(t, p, func(context.Context, duopay.Notification) error { handled++; return nil })
			body := "success"
			if c.status != 200 {
				body = "fail"
			}
			checkAnswer(t, deliver(h, c.body), c.status, body)
			assert.EqualValues(t, c.parsed, p.calls.Load())
			assert.Equal(t, c.parsed, handled)
		})
	}
}

type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// A panic of the merchant's function is net/http's to handle; what matters is
// that the provider gets no acknowledgement.
func TestNotificationHandlerPanic(t *testing.T) {
	h := handler(t, &stubParser{}, func(context.Context, duopay.Notification) error { panic("boom") })
	w := httptest.NewRecorder()
	assert.PanicsWithValue(t, "boom", func() {
		h.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/", strings.NewReader("A1")))
	})
	assert.Zero(t, w.Body.Len())

	aborted := handler(t, &stubParser{}, func(context.Context, duopay.Notification) error { panic(http.ErrAbortHandler) })
	server := httptest.NewServer(aborted)
	defer server.Close()
	_, err := http.Post(server.URL, "text/plain", strings.NewReader("A1"))
	require.Error(t, err)
}

func TestNotificationHandlerConcurrent(t *testing.T) {
	const orders, deliveries = 10, 8
	var mutex sync.Mutex
	seen := make(map[string]int)
	server := httptest.NewServer(handler(t, &stubParser{}, func(_ context.Context, n duopay.Notification) error {
		mutex.Lock()
		defer mutex.Unlock()
		seen[n.Payment.OrderNo]++
		if seen[n.Payment.OrderNo] == 1 {
			return errors.New("once more, please")
		}
		return nil
	}))
	defer server.Close()
	var acknowledged atomic.Int32
	var group sync.WaitGroup
	for i := range orders * deliveries {
		group.Go(func() {
			response, err := http.Post(server.URL, "text/plain", strings.NewReader(fmt.Sprint("A", i%orders)))
			if err != nil {
				return // and is not counted
			}
			defer func() { _ = response.Body.Close() }()
			if body, _ := io.ReadAll(response.Body); string(body) == "success" {
				acknowledged.Add(1)
			}
		})
	}
	group.Wait()
	assert.EqualValues(t, orders*(deliveries-1), acknowledged.Load())
	assert.Len(t, seen, orders)
	for order, n := range seen {
		assert.Equal(t, deliveries, n, order)
	}
}

func TestNotificationHandlerRefusesToBeMade(t *testing.T) {
	ok := func(context.Context, duopay.Notification) error { return nil }
	for name, make := range map[string]func() (http.Handler, error){
		"no parser":   func() (http.Handler, error) { return duopay.NotificationHandler(nil, ok) },
		"no function": func() (http.Handler, error) { return duopay.NotificationHandler(&stubParser{}, nil) },
		"bad option": func() (http.Handler, error) {
			return duopay.NotificationHandler(&stubParser{}, ok, duopay.WithLogger(nil))
		},
	} {
		t.Run(name, func(t *testing.T) {
			h, err := make()
			isInvalid(t, err, "NotificationHandler")
			assert.Nil(t, h)
		})
	}
}

func TestAcknowledgementStatus(t *testing.T) {
	for err, want := range map[error]int{
		nil: 200, duopay.ErrMalformed: 400, duopay.ErrSignature: 400, duopay.ErrStale: 400, duopay.ErrUnknownMerchant: 400,
		duopay.Unsure: 500, duopay.ErrAmountMismatch: 500, duopay.ErrOrderMismatch: 500, io.EOF: 500,
	} {
		assert.Equal(t, want, duopay.AcknowledgementStatus(err), "%v", err)
		if err != nil {
			assert.Equal(t, want, duopay.AcknowledgementStatus(refusal(err)), "%v", err)
		}
	}
}
