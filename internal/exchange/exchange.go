// Package exchange is the HTTP core of all providers: it sends a request, more
// than once only if that cannot do harm, and says of every failure whether the
// request may have been acted upon.
//
// A failure is duopay.NotSent only if the transport was seen to fail before it
// had a connection (name lookup, dial, TLS). From then on, and for transports
// that do not tell, it is duopay.Unsure.
package exchange

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptrace"
	"slices"
	"sync/atomic"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/duopay/duopay"
	"github.com/duopay/duopay/internal/redact"
)

// MaxBody bounds what is read of an answer.
const MaxBody = 1 << 20

// Line sends requests to one provider. It is safe for concurrent use.
type Line struct {
	provider string
	client   *http.Client
	options  duopay.Options
}

// Call is one operation on its way out.
type Call struct {
	Op        string
	OrderNo   string
	TimeLimit time.Duration // of one attempt
	// Repeatable marks an operation that does no harm when it arrives twice.
	Repeatable bool
	// Secrets are struck out of the texts of errors, and so are the values of
	// the fields of Tagged that are tagged as secret.
	Secrets []string
	Tagged  any
	// Request makes the request of one attempt, freshly signed.
	Request func(ctx context.Context) (*http.Request, error)
	// Read verifies, classifies and decodes an answer. Its error is an
	// *duopay.Error, the rest of which Send fills in. As an answer has come,
	// its kind is duopay.Refused, or else duopay.Unsure.
	Read func(*Answer) error
}

// secrets returns all that must not be seen. It is asked for after a failure
// only.
func (c *Call) secrets() []string {
	if c.Tagged == nil {
		return c.Secrets
	}
	return slices.Concat(c.Secrets, redact.Words(c.Tagged))
}

// Answer is an HTTP answer with its whole body.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
	Code   string // the provider's code for success, noted by Call.Read for the log
}

// New returns a Line. The client in the options is not changed; without one,
// the Line has a client of its own.
func New(provider string, options duopay.Options) *Line {
	client := http.Client{Transport: Transport()}
	if options.HTTPClient != nil {
		client = *options.HTTPClient
	}
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &Line{provider: provider, client: &client, options: options}
}

// Transport returns the transport of the default client: TLS 1.2 or later,
// 10 s to connect, and enough idle connections per host for a busy backend.
func Transport() *http.Transport {
	return &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            (&net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout:    10 * time.Second,
		ForceAttemptHTTP2:      true,
		MaxIdleConnsPerHost:    256,
		IdleConnTimeout:        30 * time.Second, // an idle connection that the other side closed costs an unsure outcome
		MaxResponseHeaderBytes: 64 << 10,
		// Without a ping, a dead connection would be kept as long as calls wait on it.
		HTTP2: &http.HTTP2Config{SendPingTimeout: 15 * time.Second, PingTimeout: 15 * time.Second},
	}
}

// Send sends a call and reads its answer. Its error is an *duopay.Error.
//
// It sends again, after a pause with jitter and as often as the options allow,
// what was not sent, and what is repeatable and came to an unsure end.
func (l *Line) Send(ctx context.Context, call Call) error {
	pauses := jitter{&backoff.ExponentialBackOff{
		InitialInterval: 200 * time.Millisecond, Multiplier: 2, MaxInterval: 2 * time.Second,
	}}
	var failure *duopay.Error
	attempt, unsure := 0, false
	// The error that Retry returns may be the context's; what counts is how
	// the last attempt ended.
	_, _ = backoff.Retry(ctx, func() (struct{}, error) {
		attempt++
		failure = l.attempt(ctx, call, attempt, unsure)
		if failure == nil {
			return struct{}{}, nil
		}
		unsure = unsure || failure.Kind == duopay.Unsure
		if failure.Kind == duopay.NotSent || failure.Kind == duopay.Unsure && call.Repeatable {
			return struct{}{}, failure
		}
		return struct{}{}, nil
	}, backoff.WithBackOff(pauses), backoff.WithMaxTries(uint(l.options.Attempts)), backoff.WithMaxElapsedTime(0))
	if failure == nil {
		return nil
	}
	return failure
}

// jitter makes pauses up to a half shorter or longer. It takes its luck from the
// clock: in virtual time, what happened once happens again.
type jitter struct{ backoff.BackOff }

func (j jitter) NextBackOff() time.Duration {
	pause := j.BackOff.NextBackOff()
	luck := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 0)) //nolint:gosec // nothing secret
	return pause/2 + time.Duration(luck.Int64N(int64(pause)+1))
}

// attempt makes one attempt and writes its record. If an earlier attempt may
// have arrived, this one cannot prove that nothing was done.
func (l *Line) attempt(ctx context.Context, call Call, number int, unsure bool) *duopay.Error {
	start := time.Now()
	answer, failure := l.exchange(ctx, call)
	if failure != nil {
		failure.Provider, failure.Op, failure.OrderNo = l.provider, call.Op, call.OrderNo
		failure.HTTPStatus = answer.Status
		if unsure {
			failure.Certain = false
			if failure.Kind != duopay.Refused {
				failure.Kind = duopay.Unsure
			}
		}
		secrets := call.secrets()
		failure.Code = redact.Strike(failure.Code, secrets)
		failure.SubCode = redact.Strike(failure.SubCode, secrets)
		failure.Message = redact.Strike(failure.Message, secrets)
		failure.Err = struck(failure.Err, secrets)
		failure.Reply = duopay.NewSecret(string(answer.Body))
	}
	l.log(ctx, call, number, time.Since(start), answer, failure)
	return failure
}

// exchange sends one request and reads its answer.
func (l *Line) exchange(ctx context.Context, call Call) (Answer, *duopay.Error) {
	if ctx.Err() != nil {
		return Answer{}, &duopay.Error{Kind: duopay.NotSent, Err: context.Cause(ctx)}
	}
	limited, cancel := context.WithTimeout(ctx, call.TimeLimit)
	defer cancel()
	var seen sight
	request, err := call.Request(httptrace.WithClientTrace(limited, seen.trace()))
	switch {
	case limited.Err() != nil: // while the request was made
		return Answer{}, &duopay.Error{Kind: duopay.NotSent, Err: context.Cause(limited)}
	case err != nil:
		return Answer{}, &duopay.Error{Kind: duopay.Invalid, Err: err}
	}
	response, err := l.client.Do(request)
	if err != nil {
		return Answer{}, &duopay.Error{Kind: seen.kind(), Err: clean(err, request, call.secrets())}
	}
	defer func() { _ = response.Body.Close() }()
	answer := Answer{Status: response.StatusCode, Header: response.Header}
	if answer.Body, err = readBody(response); err != nil {
		return answer, &duopay.Error{Kind: duopay.Unsure, Err: clean(err, request, call.secrets())}
	}
	if err := call.Read(&answer); err != nil {
		var failure *duopay.Error
		if !errors.As(err, &failure) {
			failure = &duopay.Error{Err: err}
		}
		if failure.Kind != duopay.Refused {
			failure.Kind = duopay.Unsure
		}
		return answer, failure
	}
	return answer, nil
}

var (
	errTooLong  = fmt.Errorf("the answer is longer than %d bytes", MaxBody)
	errSwitched = errors.New("the server left HTTP")
)

// readBody reads to the end, without which the connection would not be kept.
func readBody(response *http.Response) ([]byte, error) {
	if response.StatusCode == http.StatusSwitchingProtocols {
		return nil, errSwitched // the body is the bare connection, which no context ends
	}
	data, err := io.ReadAll(io.LimitReader(response.Body, MaxBody+1))
	if err != nil {
		return nil, fmt.Errorf("the answer broke off: %w", err)
	}
	if len(data) > MaxBody {
		return nil, errTooLong
	}
	return data, nil
}

// sight is what was seen of an attempt on the wire.
type sight struct {
	began, connected atomic.Bool
}

func (s *sight) trace() *httptrace.ClientTrace {
	return &httptrace.ClientTrace{
		GetConn: func(string) { s.began.Store(true) },
		GotConn: func(httptrace.GotConnInfo) { s.connected.Store(true) },
	}
}

// kind returns what a failed attempt means. Once there is a connection, a
// request that looks unwritten may be written a moment later by the
// transport's own goroutine, so only the lack of a connection proves anything.
func (s *sight) kind() duopay.Kind {
	if s.began.Load() && !s.connected.Load() {
		return duopay.NotSent
	}
	return duopay.Unsure
}

// log writes the record of one attempt.
func (l *Line) log(ctx context.Context, call Call, number int, took time.Duration, answer Answer, failure *duopay.Error) {
	level, outcome, code := slog.LevelDebug, "ok", answer.Code
	if failure != nil {
		level, outcome = slog.LevelWarn, string(failure.Kind)
		if failure.Kind == duopay.Refused {
			level, code = slog.LevelInfo, failure.Code
		}
	}
	if !l.options.Logger.Enabled(ctx, level) {
		return
	}
	attrs := []slog.Attr{
		slog.String("provider", l.provider), slog.String("operation", call.Op), slog.String("order_no", call.OrderNo),
		slog.Int("attempt", number), slog.Duration("duration", took), slog.Int("status", answer.Status),
		slog.String("code", code), slog.String("outcome", outcome),
	}
	if failure != nil {
		attrs = append(attrs, slog.String("error", failure.Error()))
	}
	l.options.Logger.LogAttrs(ctx, level, "payment request", attrs...)
}
