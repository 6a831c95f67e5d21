package sandbox_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/duopay/duopay/internal/sandbox"
)

func TestNotificationPost(t *testing.T) {
	for name, test := range map[string]struct {
		status int
		answer string
		why    string // "": acknowledged
	}{
		"acknowledged": {200, "success", ""},
		"no":           {200, "fail", `not acknowledged: 200 OK, "fail"`},
		"other case":   {200, "SUCCESS", `"SUCCESS"`},
		"more":         {200, "success\n", `"success\n"`},
		"much more":    {200, "success" + strings.Repeat(" ", 1<<20), "not acknowledged"},
		"nothing":      {200, "", `""`},
		"status":       {201, "success", "201 Created"},
	} {
		t.Run(name, func(t *testing.T) {
			var got string
			client := &http.Client{Transport: sandbox.NewTransport(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				body, _ := io.ReadAll(r.Body)
				got = fmt.Sprintf("%s %s %s %s", r.Method, r.URL, r.Header.Get("Content-Type"), body)
				w.WriteHeader(test.status)
				io.WriteString(w, test.answer)
			}))}
			err := sandbox.Notification{
				Address: "https://merchant.invalid/notify?a=1", ContentType: "text/plain", Body: "paid", Ack: "success",
			}.Post(t.Context(), client)
			if acknowledged := err == nil; acknowledged != (test.why == "") || err != nil && !strings.Contains(err.Error(), test.why) {
				t.Errorf("%v, want %q", err, test.why)
			}
			if want := "POST https://merchant.invalid/notify?a=1 text/plain paid"; got != want {
				t.Errorf("posted %s, want %s", got, want)
			}
		})
	}
}

func TestNotificationPostFails(t *testing.T) {
	if err := (sandbox.Notification{Address: "http://127.0.0.1:0/"}).Post(t.Context(), nil); err == nil {
		t.Error("posted to a port that does not exist")
	}
	if err := (sandbox.Notification{Address: ":"}).Post(t.Context(), nil); err == nil {
		t.Error("posted to no address")
	}
	g := new(gateway)
	g.script.Push("", sandbox.Truncated)
	client := &http.Client{Transport: sandbox.NewTransport(g)}
	err := sandbox.Notification{Address: "https://merchant.invalid/"}.Post(t.Context(), client)
	if !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("error %v of half an answer", err)
	}
}

func TestAttempts(t *testing.T) {
	waits := []time.Duration{time.Minute, time.Hour}
	for name, test := range map[string]struct {
		waits []time.Duration
		limit time.Duration // of the context
		stop  int           // the loop breaks there
		want  string
	}{
		"once":    {nil, 24 * time.Hour, 9, "[1 0s]"},
		"all":     {waits, 24 * time.Hour, 9, "[1 0s 2 1m0s 3 1h1m0s]"},
		"enough":  {waits, 24 * time.Hour, 2, "[1 0s 2 1m0s]"},
		"context": {waits, 30 * time.Minute, 9, "[1 0s 2 1m0s]"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), test.limit)
				defer cancel()
				start := time.Now()
				var got []any
				for n := range sandbox.Attempts(ctx, test.waits) {
					got = append(got, n, time.Since(start))
					if n == test.stop {
						break
					}
				}
				if fmt.Sprint(got) != test.want {
					t.Errorf("attempts %v, want %s", got, test.want)
				}
				if waited := time.Since(start); waited > test.limit {
					t.Errorf("waited %v", waited)
				}
			})
		})
	}
}
