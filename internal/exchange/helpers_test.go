package exchange_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"os"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/duopay/duopay"
	"github.com/duopay/duopay/internal/exchange"
)

// TestMain looks for goroutines that outlive the tests.
func TestMain(m *testing.M) {
	before := runtime.NumGoroutine()
	code := m.Run()
	http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	after := runtime.NumGoroutine()
	for end := time.Now().Add(30 * time.Second); after > before && time.Now().Before(end); after = runtime.NumGoroutine() {
		time.Sleep(10 * time.Millisecond)
	}
	if after > before && code == 0 {
		stacks := make([]byte, 1<<20)
		fmt.Fprintf(os.Stderr, "%d goroutines before the tests, %d after:\n%s\n", before, after, stacks[:runtime.Stack(stacks, true)])
		code = 1
	}
	os.Exit(code)
}

const (
	body    = `{"order_no":"N1"}`
	secret  = "hush/4711+code"
	success = `{"ok":true}`
)

// newLine returns a Line; a nil client is the default one.
func newLine(t *testing.T, client *http.Client, options ...duopay.Option) *exchange.Line {
	t.Helper()
	if client != nil {
		options = append(options, duopay.WithHTTPClient(client))
	}
	o, err := duopay.NewOptions(options...)
	require.NoError(t, err)
	return exchange.New("fake", o)
}

// call returns a call that posts to address and takes success for an answer.
// Its time limit is not to be reached.
func call(address string) exchange.Call {
	return exchange.Call{
		Op: "pay", OrderNo: "N1", TimeLimit: time.Minute, Secrets: []string{secret},
		Request: func(ctx context.Context) (*http.Request, error) {
			return http.NewRequestWithContext(ctx, http.MethodPost, address, strings.NewReader(body))
		},
		Read: func(a *exchange.Answer) error {
			if a.Status != http.StatusOK || string(a.Body) != success {
				return fmt.Errorf("status %d is no answer", a.Status)
			}
			a.Code = "200"
			return nil
		},
	}
}

// failed returns the error of Send as what it must be.
func failed(t *testing.T, err error) *duopay.Error {
	t.Helper()
	var failure *duopay.Error
	require.ErrorAs(t, err, &failure)
	assert.Equal(t, []string{"fake", "pay", "N1"}, []string{failure.Provider, failure.Op, failure.OrderNo})
	for _, kind := range []duopay.Kind{duopay.Invalid, duopay.NotSent, duopay.Refused, duopay.Unsure} {
		assert.Equal(t, kind == failure.Kind, errors.Is(err, kind), "%v of %v", kind, err)
	}
	return failure
}

// server counts the requests that arrive whole.
type server struct {
	URL      string
	requests atomic.Int32
	opened   atomic.Int32
}

func (s *server) count() int { return int(s.requests.Load()) }

// serveRaw answers each connection with act. What act gets is read and counted.
func serveRaw(t *testing.T, act func(c net.Conn, number int)) *server {
	t.Helper()
	s := new(server)
	accept(t, s, func(c net.Conn) { s.read(t, c, act) })
	return s
}

// servePiped is serveRaw for a bubble: there is no socket, and the client's
// connections lead nowhere else.
func servePiped(t *testing.T, act func(c net.Conn, number int)) (*server, *http.Client) {
	t.Helper()
	s := &server{URL: "http://pay.invalid"}
	return s, transport(t, func(tr *http.Transport) {
		tr.DialContext = func(context.Context, string, string) (net.Conn, error) {
			s.opened.Add(1)
			near, far := net.Pipe()
			go func() {
				defer func() { _ = far.Close() }()
				s.read(t, far, act)
			}()
			return near, nil
		}
	})
}

// read calls act for each request that arrives whole on c.
func (s *server) read(t *testing.T, c net.Conn, act func(c net.Conn, number int)) {
	t.Helper()
	in := bufio.NewReader(c)
	for {
		r, err := http.ReadRequest(in)
		if err != nil {
			return
		}
		if got, err := io.ReadAll(r.Body); err != nil || string(got) != body {
			t.Errorf("the request's body is %q, %v", got, err)
			return
		}
		act(c, int(s.requests.Add(1)))
	}
}

// accept serves connections, one after the other in turn each its goroutine.
func accept(t *testing.T, s *server, serve func(net.Conn)) {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	s.URL = "http://" + l.Addr().String()
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			s.opened.Add(1)
			t.Cleanup(func() { _ = c.Close() })
			go func() {
				defer func() { _ = c.Close() }()
				serve(c)
			}()
		}
	}()
}

// write answers with text as it stands.
func write(text string) func(net.Conn, int) {
	return func(c net.Conn, _ int) { _, _ = io.WriteString(c, text) }
}

// last answers with text as it stands and closes the connection.
func last(text string) func(net.Conn, int) {
	return func(c net.Conn, _ int) {
		_, _ = io.WriteString(c, text)
		_ = c.Close()
	}
}

// reset closes a connection so that the other side gets a reset.
func reset(c net.Conn, _ int) {
	_ = c.(*net.TCPConn).SetLinger(0)
	_ = c.Close()
}

func answer(status int, text string) string {
	return fmt.Sprintf("HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n%s", status, len(text), text)
}

// serve is an httptest server that counts.
func serve(t *testing.T, start func(*httptest.Server), h http.HandlerFunc) (*server, *httptest.Server) {
	t.Helper()
	s := new(server)
	ts := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		s.requests.Add(1)
		h(w, r)
	}))
	ts.Config.ErrorLog = log.New(io.Discard, "", 0)
	ts.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			s.opened.Add(1)
		}
	}
	start(ts)
	t.Cleanup(ts.Close)
	s.URL = ts.URL
	return s, ts
}

func well(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, success) }

// transport returns the default transport, changed.
func transport(t *testing.T, change func(*http.Transport)) *http.Client {
	t.Helper()
	tr := exchange.Transport()
	if change != nil {
		change(tr)
	}
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr}
}

// roundTrip is a transport in memory.
type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func memory(f roundTrip) *http.Client { return &http.Client{Transport: f} }

// reply is an answer in memory.
func reply(r *http.Request, status int, text string) (*http.Response, error) {
	return &http.Response{
		StatusCode: status, ProtoMajor: 1, ProtoMinor: 1, Header: make(http.Header), Request: r,
		Body: io.NopCloser(strings.NewReader(text)), ContentLength: int64(len(text)),
	}, nil
}

var errRefused = &net.OpError{Op: "dial", Net: "tcp", Addr: &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 443}, Err: syscall.ECONNREFUSED}

// unsent fails as a transport does that gets no connection.
func unsent(r *http.Request) (*http.Response, error) {
	httptrace.ContextClientTrace(r.Context()).GetConn(r.URL.Host)
	return nil, errRefused
}

// lost fails as a transport does that loses the connection.
func lost(r *http.Request) (*http.Response, error) {
	trace := httptrace.ContextClientTrace(r.Context())
	trace.GetConn(r.URL.Host)
	trace.GotConn(httptrace.GotConnInfo{})
	return nil, io.ErrUnexpectedEOF
}

// script plays transports in turn, and the last one for ever.
func script(n *int, turns ...roundTrip) *http.Client {
	return memory(func(r *http.Request) (*http.Response, error) {
		*n++
		return turns[min(*n, len(turns))-1](r)
	})
}
