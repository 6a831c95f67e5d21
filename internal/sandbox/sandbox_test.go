package sandbox_test

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/duopay/duopay/internal/sandbox"
)

func TestYuan(t *testing.T) {
	for fen, want := range map[int64]string{0: "0.00", 1: "0.01", 10: "0.10", 1250: "12.50", 999999999: "9999999.99", -105: "-1.05"} {
		if got := sandbox.Yuan(fen); got != want {
			t.Errorf("Yuan(%d) = %q, want %q", fen, got, want)
		}
	}
}

func TestParseYuan(t *testing.T) {
	for text, want := range map[string]int64{
		"0.01": 1, "0.1": 10, "1": 100, "100": 10000, "12.50": 1250, "9999999.99": 999999999, "0.29": 29,
	} {
		if got, err := sandbox.ParseYuan(text); got != want || err != nil {
			t.Errorf("ParseYuan(%q) = %d, %v, want %d", text, got, err, want)
		}
	}
	for _, text := range []string{
		"", "0", "0.00", "-1", "+1", "01", "1.", ".5", "1.005", "1e2", "1,00", " 1", "1 ", "NaN", `"1"`, "12345678901", "１",
	} {
		if got, err := sandbox.ParseYuan(text); err == nil {
			t.Errorf("ParseYuan(%q) = %d, want an error", text, got)
		}
	}
}

func TestScript(t *testing.T) {
	var script sandbox.Script
	script.Push("pay", sandbox.DropAfter, sandbox.None, sandbox.Empty)
	script.Push("", sandbox.Garbage)
	var got []string
	for _, op := range []string{"pay", "query", "query", "pay", "pay", "pay"} {
		got = append(got, script.Take(op).String())
	}
	want := "[drop after garbage none none empty none]"
	if fmt.Sprint(got) != want {
		t.Errorf("took %v, want %v", got, want)
	}
}

func TestScriptConcurrently(t *testing.T) {
	var script sandbox.Script
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			script.Push("pay", sandbox.Empty)
			if f := script.Take("pay"); f.String() != "empty" {
				t.Errorf("took %v", f)
			}
		})
	}
	wg.Wait()
}

func TestLog(t *testing.T) {
	var log sandbox.Log
	body := []byte("original")
	log.Add(sandbox.Request{Op: "pay", OrderNo: "1", Body: body})
	place := log.Add(sandbox.Request{Op: "query", OrderNo: "1"})
	log.Refuse(place, "because")
	copy(body, "scribble")

	if n := len(log.Requests("")); n != 2 {
		t.Errorf("%d requests in all, want 2", n)
	}
	pays := log.Requests("pay")
	if len(pays) != 1 || string(pays[0].Body) != "original" || pays[0].Refused != "" {
		t.Errorf("payments: %+v", pays)
	}
	pays[0].Body[0] = 'X'
	if !bytes.Equal(log.Requests("pay")[0].Body, []byte("original")) {
		t.Error("the log can be changed from outside")
	}
	if queries := log.Requests("query"); len(queries) != 1 || queries[0].Refused != "because" {
		t.Errorf("queries: %+v", queries)
	}
}

func TestClock(t *testing.T) {
	var clock sandbox.Clock
	if age := time.Since(clock.Now()); age > time.Minute || age < -time.Minute {
		t.Errorf("the zero clock is %v off", age)
	}
	noon := time.Date(2099, 1, 2, 12, 0, 0, 0, time.UTC)
	clock.Set(func() time.Time { return noon })
	if got := clock.Now(); !got.Equal(noon) {
		t.Errorf("Now = %v, want %v", got, noon)
	}
	clock.Set(nil)
	if clock.Now().Equal(noon) {
		t.Error("Set(nil) kept the old clock")
	}
}

func TestOwnFault(t *testing.T) {
	f := sandbox.Own("mine", 42)
	if f.Own() != 42 || f.String() != "mine" {
		t.Errorf("Own = %v, String = %q", f.Own(), f)
	}
	if sandbox.None.Own() != nil {
		t.Error("None has a value of its own")
	}
	acted := false
	w := httptest.NewRecorder()
	f.Serve(w, httptest.NewRequest(http.MethodPost, "/", nil), func(w http.ResponseWriter, _ *http.Request) {
		acted = true
		w.WriteHeader(http.StatusTeapot)
	})
	if !acted || w.Code != http.StatusTeapot {
		t.Errorf("acted %v, status %d: an own fault must leave the exchange to the gateway", acted, w.Code)
	}
}
