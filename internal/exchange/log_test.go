package exchange_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/duopay/duopay"
	"github.com/duopay/duopay/internal/exchange"
)

// jsonLogger writes records without their time.
func jsonLogger(w io.Writer, level slog.Level) *slog.Logger {
	return slog.New(slog.NewJSONHandler(w, &slog.HandlerOptions{Level: level, ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
		if len(groups) == 0 && a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}}))
}

// slowly takes its time.
func slowly(took time.Duration, then roundTrip) roundTrip {
	return func(r *http.Request) (*http.Response, error) {
		time.Sleep(took)
		return then(r)
	}
}

const refusedText = "dial tcp 192.0.2.1:443: connection refused"

func TestRecords(t *testing.T) {
	const begins = `"msg":"payment request","provider":"fake","operation":"pay","order_no":"N1","attempt":`
	const mayHave = "; it may have happened: query the order before anything else\"}\n"
	for name, c := range map[string]struct {
		turns []roundTrip
		want  string
	}{
		"well": {[]roundTrip{slowly(time.Second, good)},
			`{"level":"DEBUG",` + begins + `1,"duration":1000000000,"status":200,"code":"200","outcome":"ok"}` + "\n"},
		"refused": {[]roundTrip{slowly(time.Millisecond, status400)},
			`{"level":"INFO",` + begins + `1,"duration":1000000,"status":400,"code":"NO","outcome":"refused",` +
				`"error":"fake pay N1 refused (NO SUB no); nothing was done: a new attempt needs a new order number"}` + "\n"},
		"unsent, then well": {[]roundTrip{unsent, good},
			`{"level":"WARN",` + begins + `1,"duration":0,"status":0,"code":"","outcome":"not sent",` +
				`"error":"fake pay N1 not sent: ` + refusedText + `; it never arrived: the same call may be repeated"}` + "\n" +
				`{"level":"DEBUG",` + begins + `2,"duration":0,"status":200,"code":"200","outcome":"ok"}` + "\n"},
		// The second record must not say that nothing arrived, nor the third that nothing was done.
		"unsure, then unsent, then refused": {[]roundTrip{status500, unsent, status400},
			`{"level":"WARN",` + begins + `1,"duration":0,"status":500,"code":"","outcome":"unsure",` +
				`"error":"fake pay N1 unsure: status 500 is no answer` + mayHave +
				`{"level":"WARN",` + begins + `2,"duration":0,"status":0,"code":"","outcome":"unsure",` +
				`"error":"fake pay N1 unsure: ` + refusedText + mayHave +
				`{"level":"INFO",` + begins + `3,"duration":0,"status":400,"code":"NO","outcome":"refused",` +
				`"error":"fake pay N1 refused (NO SUB no); query the order before starting anew"}` + "\n"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var all, info, warn bytes.Buffer
				for level, b := range map[slog.Level]*bytes.Buffer{slog.LevelDebug: &all, slog.LevelInfo: &info, slog.LevelWarn: &warn} {
					n := 0
					send := refusing(call("http://pay.invalid"))
					send.Repeatable = true
					_ = newLine(t, script(&n, c.turns...), duopay.WithLogger(jsonLogger(b, level))).Send(t.Context(), send)
				}
				assert.Equal(t, c.want, all.String())
				assert.Equal(t, only(c.want, "INFO", "WARN"), info.String())
				assert.Equal(t, only(c.want, "WARN"), warn.String())
			})
		})
	}
}

// only returns the lines of the levels.
func only(lines string, levels ...string) string {
	var b strings.Builder
	for line := range strings.Lines(lines) {
		for _, level := range levels {
			if strings.HasPrefix(line, `{"level":"`+level) {
				b.WriteString(line)
			}
		}
	}
	return b.String()
}

// deaf is a handler of a level that nothing reaches.
type deaf struct {
	t       *testing.T
	asked   []slog.Level
	context context.Context
}

func (d *deaf) Enabled(ctx context.Context, level slog.Level) bool {
	d.asked, d.context = append(d.asked, level), ctx
	return false
}

func (d *deaf) Handle(context.Context, slog.Record) error {
	d.t.Error("a record below the level was built")
	return nil
}

func (d *deaf) WithAttrs([]slog.Attr) slog.Handler {
	d.t.Error("attributes were added")
	return d
}

func (d *deaf) WithGroup(string) slog.Handler { return d }

// silent is an error that is not to be asked for its text.
type silent struct{ asked *int }

func (s silent) Error() string {
	*s.asked++
	return "text"
}

func TestNothingIsBuiltBelowTheLevel(t *testing.T) {
	d := &deaf{t: t}
	n := 0
	type key struct{}
	ctx := context.WithValue(t.Context(), key{}, "value")
	line := newLine(t, script(&n, good, status400), duopay.WithLogger(slog.New(d)))
	require.NoError(t, line.Send(ctx, call("http://pay.invalid")))
	require.Error(t, line.Send(ctx, refusing(call("http://pay.invalid"))))
	assert.Equal(t, []slog.Level{slog.LevelDebug, slog.LevelInfo}, d.asked)
	assert.Equal(t, "value", d.context.Value(key{}), "the handler gets the caller's context")

	// The text of an error is made for a record, and once to look for secrets.
	texts := func(level slog.Level) int {
		asked, n := 0, 0
		send := call("http://pay.invalid")
		send.Read = func(*exchange.Answer) error { return &duopay.Error{Kind: duopay.Refused, Err: silent{&asked}} }
		require.Error(t, newLine(t, script(&n, good), duopay.WithLogger(jsonLogger(io.Discard, level))).Send(t.Context(), send))
		return asked
	}
	assert.Equal(t, 1, texts(slog.LevelInfo)-texts(slog.LevelWarn))
}

// A record goes with the context of the caller to the handler, and an order
// number of the caller cannot make two lines of one.
func TestRecordsStayOnALine(t *testing.T) {
	var b bytes.Buffer
	n := 0
	send := call("http://pay.invalid")
	send.OrderNo = "N1\n{\"level\":\"ERROR\"}"
	send.Read = func(*exchange.Answer) error {
		return &duopay.Error{Kind: duopay.Refused, Code: "a\nb", SubCode: "c\nd", Message: "e\r\nf\x1b[31m"}
	}
	_ = newLine(t, script(&n, good), duopay.WithLogger(slog.New(slog.NewTextHandler(&b, nil)))).Send(t.Context(), send)
	assert.Equal(t, 1, strings.Count(b.String(), "\n"), b.String())
	assert.NotContains(t, b.String(), "\x1b")
}

func TestRecordsOverTheWire(t *testing.T) {
	var b bytes.Buffer
	s, _ := serve(t, (*httptest.Server).Start, well)
	line := newLine(t, transport(t, nil), duopay.WithLogger(jsonLogger(&b, slog.LevelDebug)))
	require.NoError(t, line.Send(t.Context(), call(s.URL+"/?sign="+token)))
	assert.Contains(t, b.String(), `"outcome":"ok"`)
	assert.NotContains(t, b.String(), token)
	assert.NotContains(t, b.String(), "http")
}
