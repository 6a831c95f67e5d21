package sandbox_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/duopay/duopay/internal/sandbox"
)

const goodReply = `{"result_code":200,"data":{"trade_state":"SUCCESS"}}`

// gateway answers with goodReply under the faults of a script.
type gateway struct {
	script sandbox.Script
	acted  atomic.Int64
	onAct  func()
}

func (g *gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	io.Copy(io.Discard, r.Body)
	g.script.Take("").Serve(w, r, func(w http.ResponseWriter, _ *http.Request) {
		g.acted.Add(1)
		if g.onAct != nil {
			g.onAct()
		}
		w.Header().Set("Content-Type", "application/json")
		io.WriteString(w, goodReply)
	})
}

// eachWay runs a test over a socket and over a Transport.
func eachWay(t *testing.T, test func(t *testing.T, g *gateway, url string, client *http.Client)) {
	stay := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	t.Run("socket", func(t *testing.T) {
		g := new(gateway)
		srv := httptest.NewServer(g)
		defer srv.Close()
		client := srv.Client()
		client.CheckRedirect = stay
		test(t, g, srv.URL, client)
	})
	t.Run("memory", func(t *testing.T) {
		g := new(gateway)
		test(t, g, "https://gateway.invalid", &http.Client{Transport: sandbox.NewTransport(g), CheckRedirect: stay})
	})
}

func post(client *http.Client, url string) (status int, header http.Header, body string, err error) {
	resp, err := client.Post(url, "application/json", strings.NewReader("{}"))
	if err != nil {
		return 0, nil, "", err
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	return resp.StatusCode, resp.Header, string(raw), err
}

func TestFaults(t *testing.T) {
	const cut = -1 // in place of a status: no answer at all
	for _, test := range []struct {
		fault  sandbox.Fault
		acted  int64
		status int
		body   func(string) bool
		err    bool // while the body is read
	}{
		{sandbox.None, 1, 200, is(goodReply), false},
		{sandbox.DropBefore, 0, cut, nil, true},
		{sandbox.DropAfter, 1, cut, nil, true},
		{sandbox.ServerError, 0, 502, isHTML, false},
		{sandbox.ServerErrorAfter, 1, 502, isHTML, false},
		{sandbox.Garbage, 1, 200, func(s string) bool { return s != "" && s[0] == 0 }, false},
		{sandbox.Empty, 1, 200, is(""), false},
		{sandbox.Oversized, 1, 200, func(s string) bool { return len(s) > 1<<20 && strings.TrimSpace(s) == goodReply }, false},
		{sandbox.Truncated, 1, 200, is(goodReply[:len(goodReply)/2]), true},
		{sandbox.Redirect, 0, 302, is(""), false},
		{sandbox.Slow(time.Millisecond), 1, 200, is(goodReply), false},
	} {
		t.Run(test.fault.String(), func(t *testing.T) {
			eachWay(t, func(t *testing.T, g *gateway, url string, client *http.Client) {
				g.script.Push("", test.fault)
				status, header, body, err := post(client, url)
				if (err != nil) != test.err {
					t.Errorf("error %v", err)
				}
				if test.status != cut && status != test.status || test.status == cut && status != 0 {
					t.Errorf("status %d, want %d", status, test.status)
				}
				if test.body != nil && !test.body(body) {
					t.Errorf("body %.80q", body)
				}
				if status == 302 && header.Get("Location") != "/elsewhere" {
					t.Errorf("Location %q", header.Get("Location"))
				}
				if got := g.acted.Load(); got != test.acted {
					t.Errorf("acted %d times, want %d", got, test.acted)
				}
				if _, _, body, err := post(client, url); body != goodReply || err != nil {
					t.Errorf("the next exchange: %q, %v", body, err)
				}
			})
		})
	}
}

func is(want string) func(string) bool { return func(got string) bool { return got == want } }

func isHTML(s string) bool { return strings.HasPrefix(s, "<html>") }

func TestSlowIsLeft(t *testing.T) {
	eachWay(t, func(t *testing.T, g *gateway, url string, client *http.Client) {
		g.script.Push("", sandbox.Slow(time.Hour))
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		g.onAct = cancel
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		_, err = client.Do(r)
		if !errors.Is(err, context.Canceled) {
			t.Errorf("error %v, want %v", err, context.Canceled)
		}
	})
}
