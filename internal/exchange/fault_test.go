package exchange_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/duopay/duopay"
	"github.com/duopay/duopay/internal/exchange"
)

// scene is a server and a way to it.
type scene struct {
	url    string
	client *http.Client // nil: the default one
	count  func() int   // requests that reached the server
	limit  time.Duration
}

func none() int { return 0 }

// eitherStatus stands for a status that may have been seen or not.
const eitherStatus = -1

// short is a time limit that is to be reached.
const short = time.Second

func raw(act func(net.Conn, int)) func(*testing.T) scene {
	return func(t *testing.T) scene {
		t.Helper()
		s := serveRaw(t, act)
		return scene{url: s.URL, client: transport(t, nil), count: s.count}
	}
}

// piped is raw for a bubble, whose clock stands still until all are waiting: a
// time limit ends while the server hangs, and not sooner.
func piped(act func(net.Conn, int)) func(*testing.T) scene {
	return func(t *testing.T) scene {
		t.Helper()
		s, client := servePiped(t, act)
		return scene{url: s.URL, client: client, count: s.count}
	}
}

// hang keeps a connection open until the other side closes it.
func hang(c net.Conn, _ int) { _, _ = io.Copy(io.Discard, c) }

func within(limit time.Duration, set func(*testing.T) scene) func(*testing.T) scene {
	return func(t *testing.T) scene {
		t.Helper()
		s := set(t)
		s.limit = limit
		return s
	}
}

func dialer(dial func(context.Context, string, string) (net.Conn, error)) func(*testing.T) scene {
	return func(t *testing.T) scene {
		t.Helper()
		return scene{
			url: "http://pay.invalid/", count: none,
			client: transport(t, func(tr *http.Transport) { tr.DialContext = dial }),
		}
	}
}

func hangingDial(ctx context.Context, _, _ string) (net.Conn, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

// trusting returns a client that trusts a test server's certificate.
func trusting(t *testing.T, ts *httptest.Server) *http.Client {
	t.Helper()
	return transport(t, func(tr *http.Transport) {
		tr.TLSClientConfig.RootCAs = x509.NewCertPool()
		tr.TLSClientConfig.RootCAs.AddCert(ts.Certificate())
	})
}

// fault is a scene and what has to be said of it.
type fault struct {
	set      func(*testing.T) scene
	kind     duopay.Kind
	requests int // at the server, of one attempt
	status   int
	is       error
	says     string
	inTheWay bool // there is one request of another caller
	// takes is how long an attempt takes by the clock of a bubble, in which
	// such a fault is set. The others are over as soon as may be.
	takes time.Duration
}

func faults() map[string]fault {
	return map[string]fault{
		"connection refused": {set: func(t *testing.T) scene {
			t.Helper()
			// Not a port that was just free: a server of another test might get it.
			return scene{url: "http://127.0.0.1:1", count: none}
		}, kind: duopay.NotSent, says: "connection refused"},
		"no such name": {set: dialer((&net.Dialer{Resolver: &net.Resolver{
			PreferGo: true,
			Dial: func(context.Context, string, string) (net.Conn, error) {
				return nil, errors.New("no network")
			},
		}}).DialContext), kind: duopay.NotSent, says: "lookup pay.invalid"},
		"self-signed certificate": {set: func(t *testing.T) scene {
			t.Helper()
			s, _ := serve(t, (*httptest.Server).StartTLS, well)
			return scene{url: s.URL, count: s.count}
		}, kind: duopay.NotSent, says: "certificate signed by unknown authority"},
		"certificate of another host": {set: func(t *testing.T) scene {
			t.Helper()
			s, ts := serve(t, (*httptest.Server).StartTLS, well)
			client := trusting(t, ts)
			client.Transport.(*http.Transport).TLSClientConfig.ServerName = "pay.invalid"
			return scene{url: s.URL, client: client, count: s.count}
		}, kind: duopay.NotSent, says: "not pay.invalid"},
		"plain text instead of TLS": {set: func(t *testing.T) scene {
			t.Helper()
			s, _ := serve(t, (*httptest.Server).Start, well)
			return scene{url: strings.Replace(s.URL, "http:", "https:", 1), count: s.count}
		}, kind: duopay.NotSent, says: "server gave HTTP response to HTTPS client"},
		"TLS 1.1 only": {set: func(t *testing.T) scene {
			t.Helper()
			s, ts := serve(t, func(ts *httptest.Server) {
				ts.TLS = &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}
				ts.StartTLS()
			}, well)
			return scene{url: s.URL, client: trusting(t, ts), count: s.count}
		}, kind: duopay.NotSent, says: "protocol version"},
		"handshake hangs": {set: within(short, func(t *testing.T) scene {
			t.Helper()
			return scene{url: "https://pay.invalid", count: none, client: transport(t, func(tr *http.Transport) {
				tr.DialContext = func(context.Context, string, string) (net.Conn, error) {
					near, far := net.Pipe()
					go hang(far, 0)
					return near, nil
				}
			})}
		}), kind: duopay.NotSent, is: context.DeadlineExceeded, takes: short},
		"handshake broken off": {set: func(t *testing.T) scene {
			t.Helper()
			s := new(server)
			accept(t, s, func(c net.Conn) { reset(c, 0) })
			return scene{url: strings.Replace(s.URL, "http:", "https:", 1), client: transport(t, nil), count: s.count}
		}, kind: duopay.NotSent},
		"dial hangs": {set: within(short, dialer(hangingDial)), kind: duopay.NotSent, is: context.DeadlineExceeded,
			says: "no answer within the time limit: ", takes: short},
		"dial hangs, limit of the client": {set: func(t *testing.T) scene {
			t.Helper()
			s := dialer(hangingDial)(t)
			s.client.Timeout = short
			return s
		}, kind: duopay.NotSent, is: context.DeadlineExceeded, takes: short},
		"waiting for one of the client's own connections": {set: within(short, func(t *testing.T) scene {
			t.Helper()
			arrived := make(chan struct{}, 1)
			s := piped(func(c net.Conn, n int) {
				arrived <- struct{}{}
				hang(c, n)
			})(t)
			s.client.Transport.(*http.Transport).MaxConnsPerHost = 1
			r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url, strings.NewReader(body))
			require.NoError(t, err)
			gone := make(chan struct{})
			go func() {
				defer close(gone)
				if response, err := s.client.Do(r); err == nil {
					t.Errorf("%v", response)
				}
			}()
			t.Cleanup(func() { <-gone })
			<-arrived
			return s
		}), kind: duopay.NotSent, inTheWay: true, is: context.DeadlineExceeded, takes: short},
		"proxy refuses": {set: func(t *testing.T) scene {
			t.Helper()
			s := serveConnect(t, "HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n")
			return scene{url: "https://pay.invalid/", count: none, client: transport(t, func(tr *http.Transport) {
				tr.Proxy = func(*http.Request) (*url.URL, error) { return url.Parse(s.URL) }
			})}
		}, kind: duopay.NotSent, says: "No"},
		"proxy away": {set: func(t *testing.T) scene {
			t.Helper()
			return scene{url: "https://pay.invalid/", count: none, client: transport(t, func(tr *http.Transport) {
				tr.Proxy = func(*http.Request) (*url.URL, error) {
					return url.Parse("http://user:" + url.QueryEscape(secret) + "@127.0.0.1:1")
				}
			})}
		}, kind: duopay.NotSent, says: "proxyconnect"},

		"no answer, time limit": {set: within(short, piped(hang)), kind: duopay.Unsure, requests: 1, is: context.DeadlineExceeded,
			says: "no answer within the time limit: ", takes: short},
		"no answer, limit of the client": {set: func(t *testing.T) scene {
			t.Helper()
			s := piped(hang)(t)
			s.client.Timeout = short
			return s
		}, kind: duopay.Unsure, requests: 1, is: context.DeadlineExceeded, says: "no answer within the time limit: ", takes: short},
		"half an answer, time limit": {set: within(short, piped(func(c net.Conn, n int) {
			write("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")(c, n)
			hang(c, n)
		})), kind: duopay.Unsure, requests: 1, status: 200, is: context.DeadlineExceeded, says: "broke off", takes: short},
		"half an answer, limit of the client": {set: func(t *testing.T) scene {
			t.Helper()
			s := piped(func(c net.Conn, n int) {
				write("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")(c, n)
				hang(c, n)
			})(t)
			s.client.Timeout = short
			return s
		}, kind: duopay.Unsure, requests: 1, status: 200, is: context.DeadlineExceeded, takes: short},
		"reset after the request":  {set: raw(reset), kind: duopay.Unsure, requests: 1},
		"closed after the request": {set: raw(last("")), kind: duopay.Unsure, requests: 1, says: "EOF", is: io.EOF},
		"reset before reading": {set: func(t *testing.T) scene {
			t.Helper()
			s := new(server)
			dialed := make(chan struct{}) // a reset before that would be a failed dial
			accept(t, s, func(c net.Conn) {
				<-dialed
				reset(c, 0)
			})
			return scene{url: s.URL, count: s.count, client: transport(t, func(tr *http.Transport) {
				dial := tr.DialContext
				tr.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
					c, err := dial(ctx, network, address)
					dialed <- struct{}{}
					return c, err
				}
			})}
		}, kind: duopay.Unsure},
		"half a status line": {set: raw(last("HTTP/1.")), kind: duopay.Unsure, requests: 1},
		"another protocol":   {set: raw(last("SSH-2.0-x\r\n")), kind: duopay.Unsure, requests: 1, says: "malformed"},
		"half the headers":   {set: raw(last("HTTP/1.1 200 OK\r\nContent-Le")), kind: duopay.Unsure, requests: 1},
		"endless headers": {set: raw(func(c net.Conn, n int) {
			write("HTTP/1.1 200 OK\r\nX: "+strings.Repeat("x", 1<<20))(c, n)
		}), kind: duopay.Unsure, requests: 1, says: "headers exceeded"},
		"truncated": {set: raw(last("HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n" + success)), kind: duopay.Unsure, requests: 1, status: 200,
			is: io.ErrUnexpectedEOF, says: "the answer broke off"},
		"truncated chunk": {set: raw(last("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nb\r\n" + success + "\r\n")), kind: duopay.Unsure,
			requests: 1, status: 200, is: io.ErrUnexpectedEOF},
		"bad chunk": {set: raw(last("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n")), kind: duopay.Unsure, requests: 1, status: 200},
		"reset in the body": {set: raw(func(c net.Conn, n int) {
			write("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")(c, n)
			reset(c, n)
		}), kind: duopay.Unsure, requests: 1, status: eitherStatus},
		"empty body":     {set: raw(write(answer(200, ""))), kind: duopay.Unsure, requests: 1, status: 200},
		"no content":     {set: raw(write("HTTP/1.1 204 No\r\n\r\n")), kind: duopay.Unsure, requests: 1, status: 204},
		"status 500":     {set: raw(write(answer(500, "<html>oops</html>"))), kind: duopay.Unsure, requests: 1, status: 500, says: "status 500"},
		"status 502":     {set: raw(write(answer(502, success))), kind: duopay.Unsure, requests: 1, status: 502},
		"status 999":     {set: raw(write(answer(999, success))), kind: duopay.Unsure, requests: 1, status: 999},
		"too long":       {set: raw(last(answer(200, strings.Repeat(" ", exchange.MaxBody+1)))), kind: duopay.Unsure, requests: 1, status: 200, says: "longer than 1048576 bytes"},
		"endless":        {set: raw(endless), kind: duopay.Unsure, requests: 1, status: 200, says: "longer than 1048576 bytes"},
		"broken gzip":    {set: raw(last("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 11\r\n\r\n" + success)), kind: duopay.Unsure, requests: 1, status: 200},
		"no redirection": {set: raw(write("HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n")), kind: duopay.Unsure, requests: 1, status: 302},
		"redirection nowhere": {set: raw(last("HTTP/1.1 302 Found\r\nLocation: http://%zz/?sign=" + secret + "\r\nContent-Length: 0\r\n\r\n")),
			kind: duopay.Unsure, requests: 1, says: "Location"},
		// The body is the connection, and no context ends reading it.
		"another protocol after 101": {set: raw(func(c net.Conn, n int) {
			write("HTTP/1.1 101 Switching\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n")(c, n)
			hang(c, n)
		}), kind: duopay.Unsure, requests: 1, status: 101, says: "left HTTP"},
		"101 without protocol": {set: raw(func(c net.Conn, n int) {
			write("HTTP/1.1 101 Switching\r\n\r\n")(c, n)
			hang(c, n)
		}), kind: duopay.Unsure, requests: 1, status: 101},

		// Transports that do not tell what they did.
		"silent transport": {set: func(*testing.T) scene {
			n := 0
			return scene{url: "http://pay.invalid", count: func() int { return n }, client: script(&n, func(*http.Request) (*http.Response, error) {
				return nil, errors.New("something went wrong")
			})}
		}, kind: duopay.Unsure, requests: 1, says: "something went wrong"},
		"silent transport, looks unsent": {set: func(t *testing.T) scene {
			t.Helper()
			s := serveRaw(t, write(answer(200, success)))
			inside := transport(t, nil)
			return scene{url: s.URL, count: s.count, client: memory(func(r *http.Request) (*http.Response, error) {
				response, err := inside.Do(r.Clone(context.WithoutCancel(t.Context())))
				if err == nil {
					_ = response.Body.Close()
				}
				return nil, errRefused
			})}
		}, kind: duopay.Unsure, requests: 1, says: "connection refused"},
		"sent, then another connection refused": {set: func(*testing.T) scene {
			n := 0
			return scene{url: "http://pay.invalid", count: func() int { return n }, client: script(&n, func(r *http.Request) (*http.Response, error) {
				_, _ = lost(r)
				return unsent(r)
			})}
		}, kind: duopay.Unsure, requests: 1},
		"transport returns nothing": {set: func(*testing.T) scene {
			n := 0
			return scene{url: "http://pay.invalid", count: func() int { return n }, client: script(&n, func(*http.Request) (*http.Response, error) {
				return nil, nil //nolint:nilnil // what is tested
			})}
		}, kind: duopay.Unsure, requests: 1},
		"transport returns a bare url.Error": {set: func(*testing.T) scene {
			n := 0
			return scene{url: "http://pay.invalid", count: func() int { return n }, client: script(&n, func(*http.Request) (*http.Response, error) {
				return nil, &url.Error{Op: "Post", URL: "http://pay.invalid?" + secret}
			})}
		}, kind: duopay.Unsure, requests: 1, says: "the transport failed"},
	}
}

// endless writes until the other side has enough.
func endless(c net.Conn, _ int) {
	_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\n\r\n")
	for piece := make([]byte, 64<<10); ; {
		if _, err := c.Write(piece); err != nil {
			return
		}
	}
}

// serveConnect answers a CONNECT.
func serveConnect(t *testing.T, text string) *server {
	t.Helper()
	s := new(server)
	accept(t, s, func(c net.Conn) {
		buffer := make([]byte, 4096)
		_, _ = c.Read(buffer)
		_, _ = io.WriteString(c, text)
		_, _ = io.Copy(io.Discard, c)
	})
	return s
}

// What was not sent is sent again, what may have arrived is not.
func TestFaults(t *testing.T) {
	t.Parallel()
	var wg sync.WaitGroup
	defer wg.Wait()
	for name, c := range faults() {
		for again, repeatable := range map[string]bool{"once": false, "repeatable": true} {
			// Most of them wait, so they need not wait for a processor as well.
			wg.Go(func() {
				t.Run(name+", "+again, func(t *testing.T) {
					if c.takes == 0 {
						testFault(t, c, repeatable)
					} else {
						synctest.Test(t, func(t *testing.T) { testFault(t, c, repeatable) })
					}
				})
			})
		}
	}
}

func testFault(t *testing.T, c fault, repeatable bool) {
	t.Helper()
	s := c.set(t)
	send := call(s.url)
	send.Repeatable = repeatable
	if s.limit != 0 {
		send.TimeLimit = s.limit
	}
	made, want := 0, 1
	if repeatable || c.kind == duopay.NotSent {
		want = 2
	}
	request := send.Request
	send.Request = func(ctx context.Context) (*http.Request, error) {
		made++
		return request(ctx)
	}
	start := time.Now()
	err := newLine(t, s.client, duopay.WithAttempts(2)).Send(t.Context(), send)
	took := time.Since(start)
	failure := failed(t, err)
	if c.takes == 0 {
		assert.Less(t, took, send.TimeLimit)
	} else {
		const pause = 300 * time.Millisecond // at most, between two attempts
		assert.GreaterOrEqual(t, took, time.Duration(want)*c.takes)
		assert.LessOrEqual(t, took, time.Duration(want)*c.takes+pause)
	}
	assert.Equal(t, c.kind, failure.Kind, "%v", err)
	assert.Equal(t, want, made, "requests made")
	if c.inTheWay {
		want, c.requests = 1, 1
	}
	assert.Equal(t, want*c.requests, s.count(), "requests at the server")
	if c.status != eitherStatus {
		assert.Equal(t, c.status, failure.HTTPStatus)
	}
	assert.False(t, failure.Certain)
	require.ErrorContains(t, err, c.says)
	assert.NotContains(t, err.Error(), secret)
	if c.is != nil {
		require.ErrorIs(t, err, c.is)
	}
	var timed interface{ Timeout() bool }
	if c.is == context.DeadlineExceeded && assert.ErrorAs(t, err, &timed) { //nolint:errorlint // the table's own word
		assert.True(t, timed.Timeout())
	}
}

// The servers of TestFaults would be well enough for a good end.
func TestGoodEnds(t *testing.T) {
	t.Parallel()
	for name, set := range map[string]func(*testing.T) scene{
		"plain":         raw(write(answer(200, success))),
		"chunked":       raw(write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nb\r\n" + success + "\r\n0\r\n\r\n")),
		"until the end": raw(last("HTTP/1.0 200 OK\r\n\r\n" + success)),
		"after 1xx":     raw(write("HTTP/1.1 103 Early\r\n\r\n" + answer(200, success))),
		"silent transport": func(*testing.T) scene {
			return scene{client: memory(func(r *http.Request) (*http.Response, error) { return reply(r, 200, success) })}
		},
		"TLS 1.2": func(t *testing.T) scene {
			t.Helper()
			s, ts := serve(t, func(ts *httptest.Server) {
				ts.TLS = &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS12}
				ts.StartTLS()
			}, well)
			return scene{url: s.URL, client: trusting(t, ts)}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := set(t)
			assert.NoError(t, newLine(t, s.client).Send(t.Context(), call(s.url)))
		})
	}
}

func TestRedirectionIsNotFollowed(t *testing.T) {
	t.Parallel()
	elsewhere, _ := serve(t, (*httptest.Server).Start, well)
	for _, status := range []int{301, 302, 303, 307, 308} {
		s := serveRaw(t, write("HTTP/1.1 "+strconv.Itoa(status)+" X\r\nLocation: "+elsewhere.URL+"/\r\nContent-Length: 3\r\n\r\nabc"))
		send := call(s.URL)
		var got exchange.Answer
		send.Read = func(a *exchange.Answer) error {
			got = *a
			return &duopay.Error{Kind: duopay.Unsure}
		}
		client := transport(t, nil)
		client.CheckRedirect = func(*http.Request, []*http.Request) error {
			t.Error("the client's own policy was asked")
			return nil
		}
		failure := failed(t, newLine(t, client).Send(t.Context(), send))
		assert.Equal(t, duopay.Unsure, failure.Kind)
		assert.Equal(t, status, failure.HTTPStatus)
		assert.Equal(t, "abc", failure.Reply.Reveal())
		assert.Equal(t, elsewhere.URL+"/", got.Header.Get("Location"))
		assert.Equal(t, 1, s.count())
	}
	assert.Zero(t, elsewhere.count())
}

// counted counts what is read of it.
type counted struct {
	io.Reader
	n      int
	closed bool
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.n += n
	return n, err
}

func (c *counted) Close() error {
	c.closed = true
	return nil
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }

func TestReadingIsBounded(t *testing.T) {
	t.Parallel()
	for size, ok := range map[int64]bool{exchange.MaxBody - 1: true, exchange.MaxBody: true, exchange.MaxBody + 1: false, 1 << 40: false} {
		stream := &counted{Reader: io.LimitReader(zeros{}, size)}
		send := call("http://pay.invalid")
		read := 0
		send.Read = func(a *exchange.Answer) error {
			read = len(a.Body)
			return nil
		}
		err := newLine(t, memory(func(r *http.Request) (*http.Response, error) {
			response, _ := reply(r, 200, "")
			response.Body, response.ContentLength = stream, -1
			return response, nil
		})).Send(t.Context(), send)
		if ok {
			require.NoError(t, err)
			assert.EqualValues(t, size, read)
		} else {
			assert.Equal(t, duopay.Unsure, failed(t, err).Kind)
			assert.Zero(t, read, "Read was called with a part")
		}
		assert.LessOrEqual(t, stream.n, exchange.MaxBody+1)
		assert.True(t, stream.closed)
	}
}

func TestContextEndedBefore(t *testing.T) {
	t.Parallel()
	s := serveRaw(t, write(answer(200, success)))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	send := call(s.URL)
	send.Repeatable = true
	send.Request = func(context.Context) (*http.Request, error) {
		t.Error("a request was made")
		return nil, errors.New("no")
	}
	err := newLine(t, transport(t, nil)).Send(ctx, send)
	assert.Equal(t, duopay.NotSent, failed(t, err).Kind)
	require.ErrorIs(t, err, context.Canceled)
	assert.Zero(t, s.count())
}

func TestContextEndedWhileMakingTheRequest(t *testing.T) {
	t.Parallel()
	s := serveRaw(t, write(answer(200, success)))
	for _, fail := range []bool{false, true} {
		ctx, cancel := context.WithCancel(t.Context())
		send := call(s.URL)
		request := send.Request
		send.Request = func(ctx context.Context) (*http.Request, error) {
			cancel()
			if fail {
				return nil, context.Cause(ctx)
			}
			return request(ctx)
		}
		err := newLine(t, transport(t, nil)).Send(ctx, send)
		assert.Equal(t, duopay.NotSent, failed(t, err).Kind)
		require.ErrorIs(t, err, context.Canceled)
	}
	assert.Zero(t, s.opened.Load())
}

func TestContextEndedDuringDial(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	client := transport(t, func(tr *http.Transport) {
		tr.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			cancel()
			<-ctx.Done()
			return nil, ctx.Err()
		}
	})
	err := newLine(t, client).Send(ctx, call("http://pay.invalid"))
	assert.Equal(t, duopay.NotSent, failed(t, err).Kind)
	assert.ErrorIs(t, err, context.Canceled)
}

func TestContextEndedAfterWriting(t *testing.T) {
	t.Parallel()
	for _, repeatable := range []bool{false, true} {
		ctx, cancel := context.WithCancel(t.Context())
		s := serveRaw(t, func(c net.Conn, n int) {
			cancel()
			hang(c, n)
		})
		send := call(s.URL)
		send.Repeatable = repeatable
		err := newLine(t, transport(t, nil)).Send(ctx, send)
		assert.Equal(t, duopay.Unsure, failed(t, err).Kind)
		require.ErrorIs(t, err, context.Canceled)
		assert.Equal(t, 1, s.count(), "nobody waits for a second attempt")
	}
}

func TestContextEndedInTheAnswer(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	s := serveRaw(t, func(c net.Conn, n int) {
		write("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")(c, n)
		hang(c, n)
	})
	client := transport(t, nil)
	inside := client.Transport
	client.Transport = roundTrip(func(r *http.Request) (*http.Response, error) {
		defer cancel()
		return inside.RoundTrip(r)
	})
	failure := failed(t, newLine(t, client).Send(ctx, call(s.URL)))
	assert.Equal(t, duopay.Unsure, failure.Kind)
	assert.Equal(t, 200, failure.HTTPStatus)
	assert.ErrorIs(t, failure, context.Canceled)
}

// The context may have been ended by the error of another call, which says
// nothing about this one.
func TestContextEndedByAnotherCallsError(t *testing.T) {
	t.Parallel()
	other := &duopay.Error{Kind: duopay.NotSent, Err: &url.Error{Op: "Post", URL: "http://h/?sign=4711", Err: io.EOF}}
	ctx, cancel := context.WithCancelCause(t.Context())
	s := serveRaw(t, func(c net.Conn, n int) {
		cancel(other)
		hang(c, n)
	})
	line := newLine(t, transport(t, nil))
	err := line.Send(ctx, call(s.URL))
	assert.Equal(t, duopay.Unsure, failed(t, err).Kind)
	require.ErrorIs(t, err, io.EOF, "but the cause can be asked for the rest")
	assert.NotContains(t, err.Error(), "4711")

	other.Kind = duopay.Refused
	err = line.Send(ctx, call(s.URL))
	assert.Equal(t, duopay.NotSent, failed(t, err).Kind)
	assert.NotContains(t, err.Error(), "4711")
	assert.Equal(t, 1, s.count())
}

// An idle connection that the server has closed is no reason to send twice.
func TestStaleConnection(t *testing.T) {
	t.Parallel()
	closed := make(chan struct{}, 1)
	s := serveRaw(t, func(c net.Conn, n int) {
		write(answer(200, success))(c, n)
		if n == 1 {
			_ = c.Close()
			closed <- struct{}{}
		}
	})
	line := newLine(t, transport(t, nil))
	require.NoError(t, line.Send(t.Context(), call(s.URL)))
	<-closed
	// The transport may or may not have seen it by now.
	if err := line.Send(t.Context(), call(s.URL)); err != nil {
		assert.Equal(t, duopay.Unsure, failed(t, err).Kind)
		assert.Equal(t, 1, s.count())
	} else {
		assert.Equal(t, 2, s.count())
	}
}

// The server takes the second request of a connection and closes it.
//
// In a bubble, because net/http keeps a connection only if the goroutine that
// wrote the request says so within 50 ms of the answer.
func TestConnectionLostOnReuse(t *testing.T) {
	t.Parallel()
	for name, broken := range map[string]error{"close": io.EOF, "reset": &net.OpError{Op: "read", Net: "tcp", Err: syscall.ECONNRESET}} {
		synctest.Test(t, func(t *testing.T) {
			s, client := servePiped(t, func(c net.Conn, n int) {
				if n == 2 {
					_ = c.Close()
					return
				}
				write(answer(200, success))(c, n)
			})
			tr := client.Transport.(*http.Transport)
			dial := tr.DialContext
			tr.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
				c, err := dial(ctx, network, address)
				return ending{c, broken}, err
			}
			line := newLine(t, client)
			require.NoError(t, line.Send(t.Context(), call(s.URL)))
			err := line.Send(t.Context(), call(s.URL))
			assert.Equal(t, duopay.Unsure, failed(t, err).Kind, name)
			assert.Equal(t, 2, s.count(), name)
			assert.EqualValues(t, 1, s.opened.Load(), name)
			require.NoError(t, line.Send(t.Context(), call(s.URL)))
		})
	}
}

// ending is a connection that ends with an error of its own.
type ending struct {
	net.Conn
	err error
}

func (c ending) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if err == io.EOF { //nolint:errorlint // as a net.Conn returns it
		err = c.err
	}
	return n, err
}

// In a bubble, as TestConnectionLostOnReuse.
func TestConnectionsAreKept(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"success":     answer(200, success),
		"refusal":     answer(400, "no"),
		"empty":       answer(200, ""),
		"redirection": "HTTP/1.1 302 X\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 2\r\n\r\nno",
		"chunked":     "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nb\r\n" + success + "\r\n0\r\n\r\n",
		"longest":     answer(200, strings.Repeat(" ", exchange.MaxBody)),
	} {
		synctest.Test(t, func(t *testing.T) {
			s, client := servePiped(t, write(text))
			line := newLine(t, client)
			for range 3 {
				_ = line.Send(t.Context(), call(s.URL))
			}
			assert.Equal(t, 3, s.count(), name)
			assert.EqualValues(t, 1, s.opened.Load(), name)
		})
	}
}
