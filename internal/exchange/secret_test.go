package exchange_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/duopay/duopay"
	"github.com/duopay/duopay/internal/exchange"
)

// What stands in the URL of a request. The signature is Base64.
const (
	sign  = "aB3/xY+z0123456789=="
	token = "tok0123456789abcdef"
)

// needles are what must not be seen: in no spelling.
func needles() []string {
	return []string{
		sign, url.QueryEscape(sign), url.PathEscape(sign), token, "access_token", "://", "password",
		secret, url.QueryEscape(secret), url.PathEscape(secret), "hush",
	}
}

func signed(base string) string {
	return base + "/gate?" + url.Values{"sign": {sign}, "access_token": {token}, "v": {"1"}}.Encode()
}

// texts returns all that can be seen of err, and of what is in it.
func texts(t *testing.T, err error) []string {
	t.Helper()
	var all []string
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
		all = append(all, fmt.Sprintf(verb, err), fmt.Sprintf(verb, struct{ err error }{err}), fmt.Sprintf(verb, []any{err}))
	}
	object, failed := json.Marshal(err)
	require.NoError(t, failed)
	var b bytes.Buffer
	slog.New(slog.NewTextHandler(&b, nil)).Info("m", "err", err)
	slog.New(slog.NewJSONHandler(&b, nil)).Info("m", "err", err)
	all = append(all, string(object), b.String())
	switch u := err.(type) { //nolint:errorlint // it goes down one by one
	case interface{ Unwrap() error }:
		if inside := u.Unwrap(); inside != nil {
			all = append(all, texts(t, inside)...)
		}
	case interface{ Unwrap() []error }:
		for _, inside := range u.Unwrap() {
			all = append(all, texts(t, inside)...)
		}
	}
	return all
}

// leak is an error of a transport that shows all it has.
type leak struct{ URL, Text string }

func (l *leak) Error() string { return l.Text }

func TestSecretsAreNotSeen(t *testing.T) {
	t.Parallel()
	// saying fails with a text about the request.
	saying := func(text func(r *http.Request) string) func(*testing.T) scene {
		return func(*testing.T) scene {
			return scene{url: "http://pay.invalid", client: memory(func(r *http.Request) (*http.Response, error) {
				return nil, fmt.Errorf("transport: %w", &leak{r.URL.String(), text(r)})
			})}
		}
	}
	proxy := func(way func(*http.Request) (*url.URL, error)) func(*testing.T) scene {
		return func(t *testing.T) scene {
			t.Helper()
			return scene{url: "https://pay.invalid", client: transport(t, func(tr *http.Transport) { tr.Proxy = way })}
		}
	}
	all := map[string]func(*testing.T) scene{
		"the URL":             saying(func(r *http.Request) string { return "no " + r.URL.String() + " today" }),
		"the URL, quoted":     saying(func(r *http.Request) string { return fmt.Sprintf("no %q today", r.URL) }),
		"the URL, Go syntax":  saying(func(r *http.Request) string { return fmt.Sprintf("no %#v today", r.URL) }),
		"the URL, bracketed":  saying(func(r *http.Request) string { return "no <" + r.URL.String() + ">" }),
		"the URL of another":  saying(func(r *http.Request) string { return "no http://mirror.invalid/gate?" + r.URL.RawQuery }),
		"the query":           saying(func(r *http.Request) string { return "no " + r.URL.RawQuery }),
		"the query, decoded":  saying(func(r *http.Request) string { return "no " + r.URL.Query().Get("sign") + token }),
		"the query, reversed": saying(func(*http.Request) string { return "no sign=" + url.QueryEscape(sign) + "&t=" + token }),
		"the query as map":    saying(func(r *http.Request) string { return fmt.Sprintf("no %q", r.URL.Query()["sign"]) }),
		"the words":           saying(func(*http.Request) string { return "no " + secret + url.QueryEscape(secret) + strconv.Quote(secret) }),
		"joined errors": func(*testing.T) scene {
			return scene{url: "http://pay.invalid", client: memory(func(r *http.Request) (*http.Response, error) {
				one := &url.Error{Op: "Post", URL: r.URL.String(), Err: errors.New("one")}
				return nil, errors.Join(one, one, fmt.Errorf("deep: %w", one))
			})}
		},
		"url.Error in url.Error": func(*testing.T) scene {
			return scene{url: "http://pay.invalid", client: memory(func(r *http.Request) (*http.Response, error) {
				return nil, &url.Error{Op: "Post", URL: r.URL.String(), Err: &url.Error{Op: "Post", URL: r.URL.String(), Err: io.EOF}}
			})}
		},
		"body": func(*testing.T) scene {
			return scene{url: "http://pay.invalid", client: memory(func(r *http.Request) (*http.Response, error) {
				response, err := reply(r, 200, "")
				response.Body = io.NopCloser(&failing{&url.Error{Op: "read", URL: r.URL.String(), Err: errors.New(secret)}})
				response.ContentLength = -1
				return response, err
			})}
		},
		"proxy's address": proxy(func(*http.Request) (*url.URL, error) {
			return nil, fmt.Errorf("invalid proxy address %q: %v", "http://user:pass word@h", errors.New(`parse "http://user:password@h": bad`)) //nolint:errorlint // as net/http does
		}),
		"proxy's URL": proxy(func(r *http.Request) (*url.URL, error) { return r.URL.Parse("http://user:password 1@%zz") }),
	}
	for name, c := range faults() {
		switch name {
		case "endless", "too long", "handshake hangs", "waiting for one of the client's own connections",
			"no answer, limit of the client", "half an answer, limit of the client", "half an answer, time limit":
			continue // they take their time, and have nothing else to say
		}
		all[name] = c.set
	}
	for name, set := range all {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := set(t)
			var b bytes.Buffer
			logger := slog.New(slog.NewJSONHandler(&b, nil))
			send := call(signed(strings.TrimSuffix(s.url, "/")))
			if s.limit != 0 {
				send.TimeLimit = s.limit / 8
			}
			err := newLine(t, s.client, duopay.WithAttempts(1), duopay.WithLogger(logger)).Send(t.Context(), send)
			failure := failed(t, err)
			if failure.Kind == duopay.Unsure && !strings.Contains(err.Error(), "status") {
				var (
					wrapped *url.Error
					loud    *leak
					op      *net.OpError
				)
				assert.False(t, errors.As(err, &wrapped) || errors.As(err, &loud) || errors.As(err, &op), "%v", err)
			}
			for _, text := range append(texts(t, err), b.String()) {
				for _, needle := range needles() {
					assert.NotContains(t, text, needle)
				}
			}
		})
	}
}

// quiet does not show what it wraps.
type quiet struct{ error }

func (quiet) Error() string   { return "quiet" }
func (q quiet) Unwrap() error { return q.error }

// failing is a body that cannot be read.
type failing struct{ err error }

func (f *failing) Read([]byte) (int, error) { return 0, f.err }

// A request that cannot be made tells its URL, too.
func TestSecretsOfARequestThatCannotBeMade(t *testing.T) {
	t.Parallel()
	for _, address := range []string{signed("http://pay.invalid") + "\x7f", signed("http://pay invalid"), "http://user:password@%zz/" + signed("")} {
		send := call(address)
		err := newLine(t, nil).Send(t.Context(), send)
		assert.Equal(t, duopay.Invalid, failed(t, err).Kind)
		for _, text := range texts(t, err) {
			for _, needle := range needles() {
				assert.NotContains(t, text, needle)
			}
		}
	}
}

// What a provider echoes, or reading finds.
func TestSecretsInTheAnswer(t *testing.T) {
	t.Parallel()
	for _, claim := range []error{
		&duopay.Error{Kind: duopay.Refused, Code: secret, SubCode: "a " + secret, Message: "code " + url.QueryEscape(secret)},
		&duopay.Error{Kind: duopay.Refused, Err: errors.New("code " + secret)},
		&duopay.Error{Kind: duopay.Refused, Err: fmt.Errorf("deep: %w", &leak{"", secret})},
		&duopay.Error{Kind: duopay.Refused, Err: &url.Error{Op: "parse", URL: signed("http://h"), Err: errors.New("no")}},
		&duopay.Error{Kind: duopay.Refused, Err: quiet{&url.Error{Op: "parse", URL: signed("http://h"), Err: errors.New("no")}}},
		errors.New("found " + secret),
		errors.New("found http://user:password@h/x"),
	} {
		var b bytes.Buffer
		n := 0
		send := call(signed("http://pay.invalid"))
		send.Read = func(*exchange.Answer) error { return claim }
		err := newLine(t, script(&n, func(r *http.Request) (*http.Response, error) { return reply(r, 200, secret) }),
			duopay.WithLogger(slog.New(slog.NewTextHandler(&b, nil)))).Send(t.Context(), send)
		assert.Equal(t, secret, failed(t, err).Reply.Reveal())
		var u *url.Error
		assert.False(t, errors.As(err, &u), "%#v", claim) //nolint:testifylint // NotErrorAs would print it
		for _, text := range append(texts(t, err), b.String()) {
			for _, needle := range needles() {
				assert.NotContains(t, text, needle)
			}
		}
	}
}

// Without its secrets an error still says what has happened.
func TestErrorsStaySpeaking(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"dial tcp 10.0.0.1:443: connect: connection refused":             "dial tcp 10.0.0.1:443: connect: connection refused",
		"no " + signed("http://h") + " today":                            "no [url] today",
		`parse "http://user:pass word@h": bad`:                           `parse [url]: bad`,
		`proxy "http://a b": c: parse "x": d`:                            `proxy [url]: c: parse "x": d`,
		`say "x://\" y": z`:                                              `say [url]: z`,
		"remote error: tls: protocol version not supported: //x ://y :/": "remote error: tls: protocol version not supported: //x ://y :/",
		"code " + secret + " and " + token:                               "code [secret] and [secret]",
		"v=1, 1 of 1":                                                    "v=1, 1 of 1",
	} {
		n := 0
		err := newLine(t, script(&n, func(*http.Request) (*http.Response, error) { return nil, errors.New(text) })).
			Send(t.Context(), call(signed("http://pay.invalid")))
		assert.Equal(t, want, failed(t, err).Err.Error())
	}
}

func TestCauseCanBeAsked(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		err     error
		is      error
		timeout bool
	}{
		{io.EOF, io.EOF, false},
		{context.DeadlineExceeded, context.DeadlineExceeded, true},
		{context.Canceled, context.Canceled, false},
		{&net.DNSError{Err: "x", IsTimeout: true}, nil, true},
		{&net.DNSError{Err: "x"}, nil, false},
		{fmt.Errorf("deep: %w", errRefused), errRefused, false},
	} {
		n := 0
		err := newLine(t, script(&n, func(*http.Request) (*http.Response, error) { return nil, c.err })).
			Send(t.Context(), call("http://pay.invalid"))
		if c.is != nil {
			require.ErrorIs(t, err, c.is)
		}
		var timed interface{ Timeout() bool }
		require.ErrorAs(t, err, &timed)
		assert.Equal(t, c.timeout, timed.Timeout(), "%v", c.err)
	}
}
