package exchange_test

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/duopay/duopay"
)

func startHTTP2(ts *httptest.Server) {
	ts.EnableHTTP2 = true
	ts.StartTLS()
}

func TestHTTP2(t *testing.T) {
	t.Parallel()
	protocol := make(chan string, 10)
	n := atomic.Int32{}
	leaving, leave := context.WithCancel(t.Context())
	s, ts := serve(t, startHTTP2, func(w http.ResponseWriter, r *http.Request) {
		protocol <- r.Proto
		switch n.Add(1) {
		case 2: // a reset of the stream
			panic(http.ErrAbortHandler)
		case 3: // no answer
			leave()
			<-r.Context().Done()
		case 4: // half an answer
			w.Header().Set("Content-Length", "100")
			well(w, r)
			panic(http.ErrAbortHandler)
		default:
			well(w, r)
		}
	})
	line := newLine(t, trusting(t, ts))
	send := call(s.URL)
	require.NoError(t, line.Send(t.Context(), send))
	assert.Equal(t, "HTTP/2.0", <-protocol)
	for i := 2; i <= 4; i++ {
		ctx := t.Context()
		if i == 3 {
			ctx = leaving
		}
		failure := failed(t, line.Send(ctx, send))
		assert.Equal(t, duopay.Unsure, failure.Kind, "%v", failure)
		assert.Equal(t, i, s.count())
	}
	require.NoError(t, line.Send(t.Context(), call(s.URL)))
	assert.EqualValues(t, 1, s.opened.Load(), "one connection for all")
}

func TestHTTP2NotSent(t *testing.T) {
	t.Parallel()
	s, _ := serve(t, startHTTP2, well) // not trusted
	assert.Equal(t, duopay.NotSent, failed(t, newLine(t, nil, duopay.WithAttempts(1)).Send(t.Context(), call(s.URL))).Kind)
	assert.Zero(t, s.count())
}

// Frames of HTTP/2, as far as is needed here.
const (
	frameData, frameHeaders, frameReset, frameSettings, frameGoAway = 0, 1, 3, 4, 7

	endStream, endHeaders = 1, 4
	refusedStream         = 7
)

func frame(kind, flags byte, stream uint32, payload []byte) []byte {
	b := []byte{0, 0, byte(len(payload)), kind, flags}
	b = binary.BigEndian.AppendUint32(b, stream)
	return append(b, payload...)
}

func numbers(ns ...uint32) (b []byte) {
	for _, n := range ns {
		b = binary.BigEndian.AppendUint32(b, n)
	}
	return b
}

// serveHTTP2 speaks just enough HTTP/2 to lose requests. act is called for
// each request that has arrived.
func serveHTTP2(t *testing.T, act func(c net.Conn, stream uint32, number int)) (*server, *http.Client) {
	t.Helper()
	_, ts := serve(t, startHTTP2, well) // for its certificate
	s := new(server)
	config := &tls.Config{Certificates: ts.TLS.Certificates, NextProtos: []string{"h2"}, MinVersion: tls.VersionTLS12}
	accept(t, s, func(plain net.Conn) {
		c := tls.Server(plain, config)
		if _, err := io.ReadFull(c, make([]byte, len("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"))); err != nil {
			return
		}
		_, _ = c.Write(frame(frameSettings, 0, 0, nil))
		for head := make([]byte, 9); ; {
			if _, err := io.ReadFull(c, head); err != nil {
				return
			}
			payload := make([]byte, int(head[0])<<16|int(head[1])<<8|int(head[2]))
			if _, err := io.ReadFull(c, payload); err != nil {
				return
			}
			stream := binary.BigEndian.Uint32(head[5:])
			switch ends := head[4]&endStream != 0; {
			case head[3] == frameSettings && !ends:
				_, _ = c.Write(frame(frameSettings, 1, 0, nil))
			case head[3] == frameData && ends, head[3] == frameHeaders && ends:
				act(c, stream, int(s.requests.Add(1)))
			}
		}
	})
	s.URL = "https" + s.URL[len("http"):]
	return s, trusting(t, ts)
}

func answerHTTP2(c net.Conn, stream uint32) {
	_, _ = c.Write(frame(frameHeaders, endHeaders, stream, []byte{0x88})) // :status 200
	_, _ = c.Write(frame(frameData, endStream, stream, []byte(success)))
}

// What the server says it has not looked at may be sent again, the rest not.
func TestHTTP2Faults(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		act      func(c net.Conn, stream uint32)
		requests int
		well     bool
	}{
		"no fault":       {answerHTTP2, 1, true},
		"refused stream": {func(c net.Conn, stream uint32) { _, _ = c.Write(frame(frameReset, 0, stream, numbers(refusedStream))) }, 2, true},
		"reset stream":   {func(c net.Conn, stream uint32) { _, _ = c.Write(frame(frameReset, 0, stream, numbers(2))) }, 1, false},
		"GOAWAY before the stream": {func(c net.Conn, _ uint32) {
			_, _ = c.Write(frame(frameGoAway, 0, 0, numbers(0, 0)))
		}, 2, true},
		"GOAWAY after the stream": {func(c net.Conn, stream uint32) {
			_, _ = c.Write(frame(frameGoAway, 0, 0, numbers(stream, 0)))
			_ = c.Close()
		}, 1, false},
		"GOAWAY with an error": {func(c net.Conn, stream uint32) {
			_, _ = c.Write(frame(frameGoAway, 0, 0, numbers(stream, 2)))
			_ = c.Close()
		}, 1, false},
		"closed":  {func(c net.Conn, _ uint32) { _ = c.Close() }, 1, false},
		"garbage": {func(c net.Conn, _ uint32) { _, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\n\r\n") }, 1, false},
		"closed in the answer": {func(c net.Conn, stream uint32) {
			_, _ = c.Write(frame(frameHeaders, endHeaders, stream, []byte{0x88}))
			_ = c.Close()
		}, 1, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, client := serveHTTP2(t, func(conn net.Conn, stream uint32, number int) {
				if number == 1 {
					c.act(conn, stream)
				} else {
					answerHTTP2(conn, stream)
				}
			})
			err := newLine(t, client).Send(t.Context(), call(s.URL))
			if c.well {
				require.NoError(t, err)
			} else {
				assert.Equal(t, duopay.Unsure, failed(t, err).Kind, "%v", err)
			}
			assert.Equal(t, c.requests, s.count())
		})
	}
}
