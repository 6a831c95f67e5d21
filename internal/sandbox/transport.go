package sandbox

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"strconv"
	"sync"
	"syscall"
)

// Transport is an http.RoundTripper that hands requests to a handler in
// memory. It opens no sockets and starts no goroutine that outlives an
// exchange, so it works inside a testing/synctest bubble.
//
// It fails as net/http's own transport does: a cancelled request returns the
// context's error, a handler that panics with http.ErrAbortHandler looks like
// a lost connection (io.ErrUnexpectedEOF), and the hooks GetConn, GotConn,
// WroteHeaders, WroteRequest and GotFirstResponseByte of net/http/httptrace
// tell what was sent and what was not.
type Transport struct {
	handler http.Handler

	mu      sync.Mutex
	refused int
}

// NewTransport returns a Transport that h answers.
func NewTransport(h http.Handler) *Transport { return &Transport{handler: h} }

// Refuse makes the next n connections fail as if nobody listened.
func (t *Transport) Refuse(n int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.refused = n
}

func (t *Transport) connect() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.refused == 0 {
		return nil
	}
	t.refused--
	return &net.OpError{Op: "dial", Net: "tcp", Addr: address{}, Err: syscall.ECONNREFUSED}
}

// RoundTrip sends r and returns once the handler has begun to answer.
func (t *Transport) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		defer r.Body.Close()
	}
	ctx := r.Context()
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	trace := hooks(ctx)
	trace.GetConn(r.URL.Host)
	if err := t.connect(); err != nil {
		return nil, err
	}
	trace.GotConn(httptrace.GotConnInfo{})
	trace.WroteHeaders()
	body, err := readBody(r)
	trace.WroteRequest(httptrace.WroteRequestInfo{Err: err})
	if err != nil {
		return nil, err
	}

	answer, err := t.serve(r, body)
	if err != nil {
		return nil, err
	}
	trace.GotFirstResponseByte()
	return answer, nil
}

// serve runs the handler until it begins to answer, dies, or the client leaves.
func (t *Transport) serve(r *http.Request, body []byte) (*http.Response, error) {
	client := r.Context()
	// As over a socket, the handler sees the client leave and nothing else of
	// the client's context.
	ctx, cancel := context.WithCancel(context.Background())
	reader, writer := io.Pipe()
	leave := context.AfterFunc(client, func() {
		writer.CloseWithError(context.Cause(client))
		cancel()
	})
	in := httptest.NewRequestWithContext(ctx, r.Method, r.URL.String(), bytes.NewReader(body))
	in.Header = r.Header.Clone()
	if r.Host != "" {
		in.Host = r.Host
	}
	w := &answer{header: make(http.Header), body: writer, begun: make(chan struct{})}
	died := make(chan struct{})
	go func() {
		defer leave()
		defer cancel()
		if !w.run(t.handler, in) {
			close(died)
		}
	}()

	select {
	case <-w.begun:
	case <-died:
	case <-client.Done():
	}
	// A handler that sees the client leave may answer or die before the client
	// is heard here: whoever has left learns nothing but that.
	if client.Err() != nil {
		return nil, context.Cause(client)
	}
	select {
	case <-w.begun:
		return w.response(r, &incoming{reader, client, cancel}), nil
	default:
		return nil, io.ErrUnexpectedEOF
	}
}

// answer is the handler's side of one exchange.
type answer struct {
	header http.Header
	body   *io.PipeWriter
	begun  chan struct{} // closed when status and sent are final
	status int
	sent   http.Header
}

func (a *answer) Header() http.Header { return a.header }

func (a *answer) WriteHeader(status int) {
	if a.status == 0 {
		a.status, a.sent = status, a.header.Clone()
		close(a.begun)
	}
}

func (a *answer) Write(p []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	if len(p) == 0 {
		return 0, nil
	}
	return a.body.Write(p)
}

// Flush has something to do only before the first byte of the body: the pipe
// holds nothing back.
func (a *answer) Flush() { a.WriteHeader(http.StatusOK) }

// run lets h answer in and reports whether anything of an answer was sent.
func (a *answer) run(h http.Handler, in *http.Request) (begun bool) {
	defer func() {
		switch v := recover(); v {
		case nil:
			a.WriteHeader(http.StatusOK)
			_ = a.body.Close()
		case http.ErrAbortHandler:
			a.body.CloseWithError(io.ErrUnexpectedEOF)
		default:
			panic(v) // a mistake in the handler, not a fault
		}
		begun = a.status != 0
	}()
	h.ServeHTTP(a, in)
	return // set by the deferred function
}

func (a *answer) response(r *http.Request, body io.ReadCloser) *http.Response {
	length, err := strconv.ParseInt(a.sent.Get("Content-Length"), 10, 64)
	if err != nil {
		length = -1 // not announced
	}
	return &http.Response{
		Status:     fmt.Sprintf("%d %s", a.status, http.StatusText(a.status)),
		StatusCode: a.status,
		Proto:      "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header:        a.sent,
		Body:          body,
		ContentLength: length,
		Request:       r,
	}
}

// incoming is a response body; closing it tells the handler that the client
// has left.
type incoming struct {
	*io.PipeReader
	client context.Context
	cancel context.CancelFunc
}

// Read fails with the client's own error once the client has left, however
// the handler ended the body meanwhile.
func (b *incoming) Read(p []byte) (int, error) {
	n, err := b.PipeReader.Read(p)
	if err != nil && b.client.Err() != nil {
		err = context.Cause(b.client)
	}
	return n, err
}

func (b *incoming) Close() error {
	b.cancel()
	return b.PipeReader.Close()
}

func readBody(r *http.Request) ([]byte, error) {
	if r.Body == nil {
		return nil, nil
	}
	return io.ReadAll(r.Body)
}

// hooks returns the hooks of ctx, with empty ones for those that are not set.
func hooks(ctx context.Context) httptrace.ClientTrace {
	var t httptrace.ClientTrace
	if set := httptrace.ContextClientTrace(ctx); set != nil {
		t = *set
	}
	if t.GetConn == nil {
		t.GetConn = func(string) {}
	}
	if t.GotConn == nil {
		t.GotConn = func(httptrace.GotConnInfo) {}
	}
	if t.WroteHeaders == nil {
		t.WroteHeaders = func() {}
	}
	if t.WroteRequest == nil {
		t.WroteRequest = func(httptrace.WroteRequestInfo) {}
	}
	if t.GotFirstResponseByte == nil {
		t.GotFirstResponseByte = func() {}
	}
	return t
}

// address is where a Transport pretends to be.
type address struct{}

func (address) Network() string { return "tcp" }
func (address) String() string  { return "sandbox" }
