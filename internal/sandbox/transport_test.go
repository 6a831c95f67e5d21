package sandbox_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/duopay/duopay/internal/sandbox"
)

// traced returns a request whose trace appends to events.
func traced(ctx context.Context, t *testing.T, events *[]string) *http.Request {
	t.Helper()
	note := func(format string, args ...any) { *events = append(*events, fmt.Sprintf(format, args...)) }
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GetConn:              func(host string) { note("get %s", host) },
		GotConn:              func(httptrace.GotConnInfo) { note("got") },
		WroteHeaders:         func() { note("headers") },
		WroteRequest:         func(info httptrace.WroteRequestInfo) { note("request %v", info.Err) },
		GotFirstResponseByte: func() { note("answer") },
	})
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://gateway.invalid/path?q=1", strings.NewReader("body"))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestTransportCarriesRequest(t *testing.T) {
	transport := sandbox.NewTransport(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("X-Seen", fmt.Sprintf("%s %s %s %s %s", r.Method, r.Host, r.URL.RequestURI(), r.Header.Get("X-Sent"), body))
		w.WriteHeader(http.StatusAccepted)
		w.Header().Set("X-Late", "not sent")
		io.WriteString(w, "one,")
		w.WriteHeader(http.StatusTeapot)
		io.WriteString(w, "two")
	}))
	var events []string
	r := traced(t.Context(), t, &events)
	r.Header.Set("X-Sent", "yes")
	resp, err := transport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if string(body) != "one,two" || err != nil {
		t.Errorf("body %q, %v", body, err)
	}
	if resp.Status != "202 Accepted" || resp.ContentLength != -1 || resp.Request != r {
		t.Errorf("response %+v", resp)
	}
	if got, want := resp.Header.Get("X-Seen"), "POST gateway.invalid /path?q=1 yes body"; got != want {
		t.Errorf("the handler saw %q, want %q", got, want)
	}
	if resp.Header.Get("X-Late") != "" {
		t.Error("a header set after WriteHeader was sent")
	}
	if got, want := fmt.Sprint(events), "[get gateway.invalid got headers request <nil> answer]"; got != want {
		t.Errorf("events %v, want %v", got, want)
	}
}

func TestTransportWithoutTraceOrBody(t *testing.T) {
	client := &http.Client{Transport: sandbox.NewTransport(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))}
	resp, err := client.Get("https://gateway.invalid/")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Errorf("a handler that says nothing says %d, want 200", resp.StatusCode)
	}
}

func TestTransportRefuse(t *testing.T) {
	served := 0
	transport := sandbox.NewTransport(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { served++ }))
	transport.Refuse(2)
	for range 2 {
		var events []string
		_, err := transport.RoundTrip(traced(t.Context(), t, &events))
		if !errors.Is(err, syscall.ECONNREFUSED) || !strings.HasPrefix(err.Error(), "dial tcp") {
			t.Errorf("error %v", err)
		}
		if fmt.Sprint(events) != "[get gateway.invalid]" {
			t.Errorf("events %v: a refused connection must look unsent", events)
		}
	}
	var events []string
	resp, err := transport.RoundTrip(traced(t.Context(), t, &events))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if served != 1 {
		t.Errorf("served %d, want 1", served)
	}
}

func TestTransportDrop(t *testing.T) {
	var events []string
	g := new(gateway)
	g.script.Push("", sandbox.DropBefore)
	_, err := sandbox.NewTransport(g).RoundTrip(traced(t.Context(), t, &events))
	if !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("error %v, want %v", err, io.ErrUnexpectedEOF)
	}
	if fmt.Sprint(events) != "[get gateway.invalid got headers request <nil>]" {
		t.Errorf("events %v: a dropped request must look sent", events)
	}
}

func TestTransportContextDoneBefore(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var events []string
	_, err := sandbox.NewTransport(new(gateway)).RoundTrip(traced(ctx, t, &events))
	if !errors.Is(err, context.Canceled) || events != nil {
		t.Errorf("error %v, events %v", err, events)
	}
}

func TestTransportBodyFails(t *testing.T) {
	failure := errors.New("no more")
	var events []string
	r := traced(t.Context(), t, &events)
	r.Body = io.NopCloser(io.MultiReader(strings.NewReader("some"), failingReader{failure}))
	if _, err := sandbox.NewTransport(new(gateway)).RoundTrip(r); !errors.Is(err, failure) {
		t.Errorf("error %v, want %v", err, failure)
	}
	if fmt.Sprint(events) != "[get gateway.invalid got headers request no more]" {
		t.Errorf("events %v", events)
	}
}

type failingReader struct{ err error }

func (r failingReader) Read([]byte) (int, error) { return 0, r.err }

// The bubble fails if a goroutine of the exchange outlives it, and an hour
// passes in no time.
func TestTransportInBubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := new(gateway)
		client := &http.Client{Transport: sandbox.NewTransport(g)}

		g.script.Push("", sandbox.Slow(time.Hour))
		start := time.Now()
		if _, _, body, err := post(client, "https://gateway.invalid"); body != goodReply || err != nil {
			t.Errorf("%q, %v", body, err)
		}
		if took := time.Since(start); took != time.Hour {
			t.Errorf("took %v, want an hour", took)
		}

		g.script.Push("", sandbox.Slow(time.Hour))
		client.Timeout = time.Minute
		start = time.Now()
		_, _, _, err := post(client, "https://gateway.invalid")
		var timeout interface{ Timeout() bool }
		if !errors.As(err, &timeout) || !timeout.Timeout() {
			t.Errorf("error %v, want a time-out", err)
		}
		if took := time.Since(start); took != time.Minute {
			t.Errorf("took %v, want a minute", took)
		}
	})
}

// A gateway that stops in the middle of its answer is left by the client's
// time limit, and the handler learns of it.
func TestTransportStallsInBody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		told := false
		client := &http.Client{Timeout: time.Minute, Transport: sandbox.NewTransport(http.HandlerFunc(
			func(w http.ResponseWriter, r *http.Request) {
				io.WriteString(w, "half")
				<-r.Context().Done()
				told = true
			}))}
		_, _, body, err := post(client, "https://gateway.invalid")
		if body != "half" || err == nil {
			t.Errorf("%q, %v, want an error after half", body, err)
		}
		synctest.Wait()
		if !told {
			t.Error("the handler was not told that the client left")
		}
	})
}

// Whoever has left learns nothing but that, whatever the handler does as soon
// as it can know.
func TestTransportClientLeft(t *testing.T) {
	left := errors.New("left")
	for name, end := range map[string]func(http.ResponseWriter){
		"answers": func(w http.ResponseWriter) { io.WriteString(w, "too late") },
		"returns": func(http.ResponseWriter) {},
		"drops":   func(http.ResponseWriter) { panic(http.ErrAbortHandler) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Run("before the answer", func(t *testing.T) {
				ctx, leave := context.WithCancelCause(t.Context())
				transport := sandbox.NewTransport(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
					leave(left)
					end(w)
				}))
				resp, err := transport.RoundTrip(traced(ctx, t, new([]string)))
				if resp != nil || !errors.Is(err, left) {
					t.Errorf("%v, %v, want %v", resp, err, left)
				}
			})
			t.Run("in the body", func(t *testing.T) {
				ctx, leave := context.WithCancelCause(t.Context())
				reading := make(chan struct{})
				transport := sandbox.NewTransport(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
					io.WriteString(w, "half")
					<-reading
					leave(left)
					end(w)
				}))
				resp, err := transport.RoundTrip(traced(ctx, t, new([]string)))
				if err != nil {
					t.Fatal(err)
				}
				defer resp.Body.Close()
				if _, err := io.ReadFull(resp.Body, make([]byte, 4)); err != nil {
					t.Fatal(err)
				}
				close(reading)
				if _, err := io.ReadAll(resp.Body); !errors.Is(err, left) {
					t.Errorf("error %v, want %v", err, left)
				}
			})
		})
	}
}

// A client that does not read on must not leave the handler hanging.
func TestTransportBodyNotRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := new(gateway)
		g.script.Push("", sandbox.Oversized)
		client := &http.Client{Transport: sandbox.NewTransport(g)}
		resp, err := client.Get("https://gateway.invalid")
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
	})
}
