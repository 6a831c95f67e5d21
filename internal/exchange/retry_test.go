package exchange_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptrace"
	"net/url"
	"reflect"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/duopay/duopay"
	"github.com/duopay/duopay/internal/exchange"
)

// good answers well.
func good(r *http.Request) (*http.Response, error) { return reply(r, 200, success) }

func status500(r *http.Request) (*http.Response, error) { return reply(r, 500, "oops") }

// status400 is what reading takes for a certain refusal.
func status400(r *http.Request) (*http.Response, error) { return reply(r, 400, "no") }

// refusing reads 400 as a certain refusal.
func refusing(send exchange.Call) exchange.Call {
	read := send.Read
	send.Read = func(a *exchange.Answer) error {
		if a.Status == http.StatusBadRequest {
			return &duopay.Error{Kind: duopay.Refused, Certain: true, Code: "NO", SubCode: "SUB", Message: "no"}
		}
		return read(a)
	}
	return send
}

func TestAttempts(t *testing.T) {
	for name, c := range map[string]struct {
		turns      []roundTrip
		attempts   int
		repeatable bool
		sent       int
		kind       duopay.Kind // "" for none
		certain    bool
	}{
		"well":                                   {[]roundTrip{good}, 3, false, 1, "", false},
		"unsent":                                 {[]roundTrip{unsent}, 3, false, 3, duopay.NotSent, false},
		"unsent, once only":                      {[]roundTrip{unsent}, 1, true, 1, duopay.NotSent, false},
		"unsent, five times":                     {[]roundTrip{unsent}, 5, true, 5, duopay.NotSent, false},
		"unsent, then well":                      {[]roundTrip{unsent, unsent, good}, 3, false, 3, "", false},
		"unsent, then lost":                      {[]roundTrip{unsent, lost, good}, 3, false, 2, duopay.Unsure, false},
		"lost":                                   {[]roundTrip{lost, good}, 3, false, 1, duopay.Unsure, false},
		"unreadable":                             {[]roundTrip{status500, good}, 3, false, 1, duopay.Unsure, false},
		"refused":                                {[]roundTrip{status400, good}, 3, true, 1, duopay.Refused, true},
		"unsent, then refused":                   {[]roundTrip{unsent, status400, good}, 3, false, 2, duopay.Refused, true},
		"repeatable, lost":                       {[]roundTrip{lost}, 3, true, 3, duopay.Unsure, false},
		"repeatable, unreadable":                 {[]roundTrip{status500}, 2, true, 2, duopay.Unsure, false},
		"repeatable, lost, then well":            {[]roundTrip{lost, status500, good}, 3, true, 3, "", false},
		"repeatable, lost, then unsent":          {[]roundTrip{lost, unsent}, 2, true, 2, duopay.Unsure, false},
		"repeatable, lost, then unsent for ever": {[]roundTrip{lost, unsent, unsent, unsent}, 4, true, 4, duopay.Unsure, false},
		"repeatable, unsent, lost, unsent":       {[]roundTrip{unsent, lost, unsent}, 3, true, 3, duopay.Unsure, false},
		"repeatable, lost, then refused":         {[]roundTrip{lost, status400, good}, 3, true, 2, duopay.Refused, false},
		"repeatable, lost, unsent, then refused": {[]roundTrip{lost, unsent, status400}, 3, true, 3, duopay.Refused, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := 0
				send := refusing(call("http://pay.invalid"))
				send.Repeatable = c.repeatable
				err := newLine(t, script(&n, c.turns...), duopay.WithAttempts(c.attempts)).Send(t.Context(), send)
				assert.Equal(t, c.sent, n)
				if c.kind == "" {
					require.NoError(t, err)
					return
				}
				failure := failed(t, err)
				assert.Equal(t, c.kind, failure.Kind)
				assert.Equal(t, c.certain, failure.Certain)
				if c.kind == duopay.Refused {
					assert.Equal(t, []string{"NO", "SUB", "no"}, []string{failure.Code, failure.SubCode, failure.Message})
					assert.Equal(t, "no", failure.Reply.Reveal())
					assert.Equal(t, 400, failure.HTTPStatus)
				}
			})
		})
	}
}

// A request that cannot be made was not sent, but an earlier one may have been.
func TestRequestCannotBeMade(t *testing.T) {
	for _, earlier := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			n, made := 0, 0
			send := call("http://pay.invalid")
			send.Repeatable = true
			request := send.Request
			send.Request = func(ctx context.Context) (*http.Request, error) {
				if made++; earlier && made == 1 {
					return request(ctx)
				}
				return nil, errors.New("no key")
			}
			err := newLine(t, script(&n, lost), duopay.WithAttempts(2)).Send(t.Context(), send)
			require.ErrorContains(t, err, "no key")
			if earlier {
				assert.Equal(t, duopay.Unsure, failed(t, err).Kind)
				assert.Equal(t, []int{1, 2}, []int{n, made})
			} else {
				assert.Equal(t, duopay.Invalid, failed(t, err).Kind)
				assert.Equal(t, []int{0, 1}, []int{n, made})
			}
		})
	}
}

// Once there is an answer, nobody can say that nothing was sent.
func TestReadCannotUnsend(t *testing.T) {
	for _, claim := range []error{
		&duopay.Error{Kind: duopay.NotSent}, &duopay.Error{Kind: duopay.Invalid}, &duopay.Error{}, &duopay.Error{Kind: "odd"},
		errors.New("unreadable"), duopay.NotSent,
		&duopay.Error{Kind: duopay.Unsure, Err: &duopay.Error{Kind: duopay.NotSent}},
		errors.Join(io.EOF, &duopay.Error{Kind: duopay.NotSent}),
	} {
		n := 0
		send := call("http://pay.invalid")
		send.Read = func(*exchange.Answer) error { return claim }
		failure := failed(t, newLine(t, script(&n, good)).Send(t.Context(), send))
		assert.Equal(t, duopay.Unsure, failure.Kind, "%#v", claim)
		assert.Equal(t, 1, n, "%#v", claim)
		assert.Equal(t, success, failure.Reply.Reveal())
	}
}

func TestReadsErrorIsKept(t *testing.T) {
	n := 0
	send := call("http://pay.invalid")
	send.Read = func(*exchange.Answer) error {
		return &duopay.Error{Kind: duopay.Unsure, Err: duopay.ErrOrderMismatch}
	}
	err := newLine(t, script(&n, good)).Send(t.Context(), send)
	require.ErrorIs(t, err, duopay.ErrOrderMismatch)

	violations := duopay.Violations{{Field: "f", Rule: "is odd"}}
	send.Request = func(context.Context) (*http.Request, error) { return nil, violations }
	err = newLine(t, script(&n, good)).Send(t.Context(), send)
	var got duopay.Violations
	require.ErrorAs(t, err, &got)
	assert.Equal(t, violations, got)
}

func TestPauses(t *testing.T) {
	firsts := make(map[time.Duration]bool)
	for i := range 21 {
		synctest.Test(t, func(t *testing.T) {
			time.Sleep(time.Duration(i % 20)) // the last time is the first again
			var at []time.Time
			err := newLine(t, memory(func(r *http.Request) (*http.Response, error) {
				at = append(at, time.Now())
				return unsent(r)
			}), duopay.WithAttempts(6)).Send(t.Context(), call("http://pay.invalid"))
			require.ErrorIs(t, err, duopay.NotSent)
			require.Len(t, at, 6)
			for i, mid := range []time.Duration{200, 400, 800, 1600, 2000} {
				pause := at[i+1].Sub(at[i])
				assert.GreaterOrEqual(t, pause, mid*time.Millisecond/2)
				assert.LessOrEqual(t, pause, mid*time.Millisecond*3/2)
			}
			firsts[at[1].Sub(at[0])] = true
			assert.Equal(t, at[5], time.Now(), "waited after the last attempt")
		})
	}
	assert.Len(t, firsts, 20, "one for each moment: no jitter, or one that a run in virtual time cannot repeat")
}

func TestPausesEndWithTheContext(t *testing.T) {
	for _, turn := range []struct {
		way  roundTrip
		kind duopay.Kind
	}{{unsent, duopay.NotSent}, {lost, duopay.Unsure}} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
			defer cancel()
			start, n := time.Now(), 0
			send := call("http://pay.invalid")
			send.Repeatable = true
			err := newLine(t, script(&n, turn.way)).Send(ctx, send)
			assert.Equal(t, turn.kind, failed(t, err).Kind)
			assert.Equal(t, 50*time.Millisecond, time.Since(start))
			assert.Equal(t, 1, n)
		})
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			n := 0
			send := call("http://pay.invalid")
			send.Repeatable = true
			done, line := make(chan error), newLine(t, script(&n, turn.way))
			go func() { done <- line.Send(ctx, send) }()
			synctest.Wait()
			cancel()
			assert.Equal(t, turn.kind, failed(t, <-done).Kind)
			assert.Equal(t, 1, n)
		})
	}
}

// wait is a transport that waits for the context to end.
func wait(connected bool) roundTrip {
	return func(r *http.Request) (*http.Response, error) {
		trace := httptrace.ContextClientTrace(r.Context())
		trace.GetConn(r.URL.Host)
		if connected {
			trace.GotConn(httptrace.GotConnInfo{})
		}
		<-r.Context().Done()
		return nil, context.Cause(r.Context())
	}
}

func TestTimeLimitIsOfOneAttempt(t *testing.T) {
	for connected, kind := range map[bool]duopay.Kind{false: duopay.NotSent, true: duopay.Unsure} {
		synctest.Test(t, func(t *testing.T) {
			var began []time.Time
			limit := 7 * time.Second
			send := call("http://pay.invalid")
			send.TimeLimit, send.Repeatable = limit, true
			err := newLine(t, memory(func(r *http.Request) (*http.Response, error) {
				began = append(began, time.Now())
				deadline, ok := r.Context().Deadline()
				assert.True(t, ok)
				assert.Equal(t, limit, time.Until(deadline))
				return wait(connected)(r)
			})).Send(t.Context(), send)
			assert.Equal(t, kind, failed(t, err).Kind)
			require.ErrorIs(t, err, context.DeadlineExceeded)
			require.ErrorContains(t, err, "no answer within the time limit")
			require.Len(t, began, 3)
			assert.Greater(t, began[1].Sub(began[0]), limit)
			assert.Equal(t, limit, time.Since(began[2]))
		})
	}
}

func TestCallersDeadlineIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		start, n := time.Now(), 0
		send := call("http://pay.invalid")
		send.Repeatable = true
		err := newLine(t, script(&n, wait(true))).Send(ctx, send)
		assert.Equal(t, duopay.Unsure, failed(t, err).Kind)
		assert.Equal(t, 3*time.Second, time.Since(start))
		assert.Equal(t, 1, n)
	})
}

func TestEachAttemptHasARequestOfItsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		seen := make(map[*http.Request]bool)
		var texts []string
		send := call("http://pay.invalid")
		send.Repeatable = true
		request := send.Request
		send.Request = func(ctx context.Context) (*http.Request, error) {
			r, err := request(ctx)
			seen[r] = true
			return r, err
		}
		err := newLine(t, memory(func(r *http.Request) (*http.Response, error) {
			text, _ := io.ReadAll(r.Body)
			texts = append(texts, string(text))
			return lost(r)
		})).Send(t.Context(), send)
		require.ErrorIs(t, err, duopay.Unsure)
		assert.Len(t, seen, 3)
		assert.Equal(t, []string{body, body, body}, texts)
	})
}

// jar counts.
type jar struct {
	http.CookieJar
	set, asked int
}

func (j *jar) SetCookies(u *url.URL, cookies []*http.Cookie) {
	j.set++
	j.CookieJar.SetCookies(u, cookies)
}

func (j *jar) Cookies(u *url.URL) []*http.Cookie {
	j.asked++
	return j.CookieJar.Cookies(u)
}

func TestCallersClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cookies, err := cookiejar.New(nil)
		require.NoError(t, err)
		j := &jar{CookieJar: cookies}
		sent := 0
		client := &http.Client{
			Jar: j, Timeout: time.Second,
			CheckRedirect: func(*http.Request, []*http.Request) error { panic("not to be asked") },
			Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
				if sent++; sent == 3 {
					return wait(true)(r)
				}
				response, err := reply(r, 200, success)
				response.Header.Set("Set-Cookie", "a=b")
				if sent == 2 {
					assert.Equal(t, "a=b", r.Header.Get("Cookie"))
					response.StatusCode = 302
					response.Header.Set("Location", "http://elsewhere.invalid/")
				}
				return response, err
			}),
		}
		before := *client
		line := newLine(t, client)
		require.NoError(t, line.Send(t.Context(), call("http://pay.invalid")))
		require.ErrorIs(t, line.Send(t.Context(), call("http://pay.invalid")), duopay.Unsure)
		start := time.Now()
		err = line.Send(t.Context(), call("http://pay.invalid"))
		require.ErrorIs(t, err, duopay.Unsure)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		assert.Equal(t, time.Second, time.Since(start), "the client's own time limit")
		assert.Equal(t, []int{3, 2, 3}, []int{sent, j.set, j.asked})

		assert.Equal(t, before.Timeout, client.Timeout)
		assert.Same(t, before.Jar, client.Jar)
		for _, f := range [][2]any{{before.CheckRedirect, client.CheckRedirect}, {before.Transport, client.Transport}} {
			assert.Equal(t, reflect.ValueOf(f[0]).Pointer(), reflect.ValueOf(f[1]).Pointer())
		}
	})
}

// What becomes of the caller's client later is no business of a Line.
func TestCallersClientChangedLater(t *testing.T) {
	n := 0
	client := script(&n, good)
	line := newLine(t, client)
	client.Transport = nil
	require.NoError(t, line.Send(t.Context(), call("http://pay.invalid")))
	assert.Equal(t, 1, n)
}
