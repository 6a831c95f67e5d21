package duopaytest

import (
	"bytes"
	"cmp"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Fault is what goes wrong with one exchange between a gateway and its
// provider.
type Fault int

// The faults. Under the first ones the provider has not acted, under the ones
// from LostAfter on it has, and the gateway cannot tell which it was.
const (
	None        Fault = iota // nothing goes wrong
	Unreachable              // connection refused: the request never left
	LostBefore               // connection lost on the way there
	Stalled                  // nothing arrives and nothing comes back
	ServerError              // HTTP 502 with HTML from something in between

	LostAfter        // connection lost on the way back
	Slow             // answered an hour later
	ServerErrorAfter // HTTP 502 with HTML in place of the answer
	StatusError      // HTTP 500 in front of the true answer
	Garbage          // a text that is no answer
	Truncated        // half an answer
	Stuck            // half an answer, and the rest an hour later
	Empty            // an answer without a body

	late      // connection lost, and the request arrives some seconds later
	swap      // answered with an answer that was given before; the provider has not acted
	parrot    // the request comes back as the answer
	echo      // the answer holds what must not be seen
	twice     // arrives twice, and the second answer comes back
	duplicate // answered, and arrives once more some seconds later
	forged    // somebody has changed the answer on the way
	moved     // HTTP 307 to the same address; the provider has not acted

	numFaults
)

// String returns the fault in words.
func (f Fault) String() string {
	return [...]string{
		"none", "unreachable", "lost before", "stalled", "server error", "lost after", "slow", "server error after", "status error",
		"garbage", "truncated", "stuck", "empty", "late", "swapped", "parroted", "echoed", "twice", "duplicate",
		"forged", "moved",
	}[f]
}

// How long what does not come takes in the end, and what comes late.
const (
	endless = time.Hour
	delay   = 5 * time.Second
)

// line is what is between a gateway and its provider. As a transport it leads
// to fake; the gateway in memory uses it without HTTP.
type line struct {
	fake http.Handler
	sky  *weather // of a simulation; nil: requests take no time

	mu    sync.Mutex
	on    func(sent string) Fault // decides about every request; nil: none
	edit  func([]byte) []byte     // changes answers; nil: does not
	last  answer                  // that was given in full
	seen  []string                // requests that were made, as far as on was asked about them
	urls  []string                // their addresses
	queue []Fault                 // for coming requests, if on has nothing to say
}

// answer is what comes back.
type answer struct {
	status int
	header http.Header
	body   []byte
	rest   func() error // what reading on ends in; nil: the body is whole
}

// set makes on decide about the coming requests. It may call the rig.
func (l *line) set(on func(sent string) Fault) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.on = on
}

// alter makes edit change the coming answers.
func (l *line) alter(edit func([]byte) []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.edit = edit
}

// anything is the number that every request names. Queries need not name the
// order: some providers are asked for a list. What moves money does, while a
// request for a token, say, does not.
const anything = ""

// always is a fault of all requests that name a number.
func always(fault Fault, number string) func(string) Fault {
	return func(sent string) Fault {
		if strings.Contains(sent, number) {
			return fault
		}
		return None
	}
}

// once is a fault of the first request that names a number.
func once(fault Fault, number string) func(string) Fault {
	var mu sync.Mutex
	return func(sent string) Fault {
		mu.Lock()
		defer mu.Unlock()
		if !strings.Contains(sent, number) {
			return None
		}
		defer func() { fault = None }()
		return fault
	}
}

// requests returns how many requests named a number.
func (l *line) requests(number string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := 0
	for _, sent := range l.seen {
		if strings.Contains(sent, number) {
			n++
		}
	}
	return n
}

// lastBody returns the body of the last answer that was given in full.
func (l *line) lastBody() []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.last.body
}

// addresses returns where requests went, with what stood in the query.
func (l *line) addresses() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]string(nil), l.urls...)
}

// next returns what will go wrong with a request.
func (l *line) next(sent string) Fault {
	l.mu.Lock()
	l.seen = append(l.seen, sent)
	on, fault := l.on, None
	if on == nil && len(l.queue) > 0 {
		fault, l.queue = l.queue[0], l.queue[1:]
	}
	l.mu.Unlock()
	if on != nil {
		fault = on(sent)
	}
	return fault
}

var errRefused error = &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}

// pass takes a request over the line, under a fault, and the answer back.
func (l *line) pass(ctx context.Context, fault Fault, sent string, deliver func() answer) (answer, error) {
	if l.sky == nil {
		return l.carry(ctx, fault, sent, deliver)
	}
	there, back := l.sky.delays(fault)
	a, err := l.carry(ctx, fault, sent, func() answer { return arrive(ctx, there, deliver) })
	if err == nil {
		err = pause(ctx, back)
	}
	l.sky.ended(sent, fault, err)
	return a, err
}

// arrive lets a request arrive after some time, even if its client has left.
func arrive(ctx context.Context, after time.Duration, deliver func() answer) answer {
	start := time.Now()
	if pause(ctx, after) != nil {
		time.AfterFunc(after-time.Since(start), func() { deliver() })
		return answer{}
	}
	return deliver()
}

// carry is what a fault does to a request and its answer.
func (l *line) carry(ctx context.Context, fault Fault, sent string, deliver func() answer) (answer, error) {
	switch fault {
	case Unreachable:
		return answer{}, errRefused
	case LostBefore:
		return answer{}, io.ErrUnexpectedEOF
	case late:
		time.AfterFunc(l.sky.lateness(), func() { deliver() })
		return answer{}, io.ErrUnexpectedEOF
	case Stalled:
		return answer{}, cmp.Or(pause(ctx, endless), io.ErrUnexpectedEOF)
	case ServerError:
		return badGateway(), nil
	case moved:
		return answer{status: http.StatusTemporaryRedirect, header: make(http.Header)}, nil
	case swap:
		l.mu.Lock()
		defer l.mu.Unlock()
		return l.last, nil
	}
	a := deliver()
	switch fault {
	case twice:
		a = deliver()
	case duplicate:
		time.AfterFunc(l.sky.lateness(), func() { deliver() })
	case forged:
		a.body = l.sky.forge(a.body)
	case LostAfter:
		return answer{}, io.ErrUnexpectedEOF
	case Slow:
		if err := pause(ctx, endless); err != nil {
			return answer{}, err
		}
	case ServerErrorAfter:
		return badGateway(), nil
	case StatusError:
		a.status = http.StatusInternalServerError
	case Garbage:
		a.body = []byte("\x00 not an answer \xff")
	case Truncated:
		a.body, a.rest = a.body[:len(a.body)/2], func() error { return io.ErrUnexpectedEOF }
	case Stuck:
		a.body, a.rest = a.body[:len(a.body)/2], func() error { return cmp.Or(pause(ctx, endless), io.ErrUnexpectedEOF) }
	case Empty:
		a.body = nil
	case parrot:
		a.body = []byte(sent)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.edit != nil {
		a.body = l.edit(bytes.Clone(a.body))
	}
	if fault == None && a.status != 0 { // else nobody was there to get it
		l.last = a
	}
	return a, nil
}

func badGateway() answer {
	return answer{
		status: http.StatusBadGateway, header: http.Header{"Content-Type": {"text/html"}},
		body: []byte("<html><body><h1>502 Bad Gateway</h1></body></html>"),
	}
}

// pause waits, unless ctx ends.
func pause(ctx context.Context, d time.Duration) error {
	if ctx.Err() != nil || d <= 0 {
		return context.Cause(ctx)
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// RoundTrip takes a request to the fake. It tells net/http/httptrace, as
// net/http's own transport does, whether there was a connection.
func (l *line) RoundTrip(r *http.Request) (*http.Response, error) {
	ctx := r.Context()
	body, err := readRequest(r)
	if err == nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		return nil, err
	}
	trace := httptrace.ContextClientTrace(ctx)
	if trace != nil && trace.GetConn != nil {
		trace.GetConn(r.URL.Host)
	}
	sent := r.URL.RequestURI() + "\n" + string(body)
	fault := l.next(sent)
	l.mu.Lock()
	l.urls = append(l.urls, r.URL.String(), r.URL.RawQuery)
	l.mu.Unlock()
	if trace != nil && trace.GotConn != nil && fault != Unreachable {
		trace.GotConn(httptrace.GotConnInfo{})
	}
	a, err := l.pass(ctx, fault, sent, func() answer { return l.serve(r, body) })
	if err != nil {
		return nil, err
	}
	if fault == moved {
		a.header.Set("Location", r.URL.String())
	}
	reader := io.Reader(bytes.NewReader(a.body))
	if a.rest != nil {
		reader = io.MultiReader(reader, broken(a.rest))
	}
	return &http.Response{
		Status: http.StatusText(a.status), StatusCode: a.status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: a.header.Clone(), Body: io.NopCloser(reader), ContentLength: -1, Request: r,
	}, nil
}

// serve lets the fake answer.
func (l *line) serve(r *http.Request, body []byte) answer {
	// A provider does not stop because its client has left.
	in := httptest.NewRequestWithContext(context.WithoutCancel(r.Context()), r.Method, r.URL.String(), bytes.NewReader(body))
	in.Header = r.Header.Clone()
	w := httptest.NewRecorder()
	l.fake.ServeHTTP(w, in)
	w.Header().Del("Content-Length")
	return answer{status: w.Code, header: w.Header(), body: w.Body.Bytes()}
}

func readRequest(r *http.Request) ([]byte, error) {
	if r.Body == nil {
		return nil, nil
	}
	defer r.Body.Close()
	return io.ReadAll(r.Body)
}

// broken is where an answer breaks off.
type broken func() error

func (b broken) Read([]byte) (int, error) { return 0, b() }
