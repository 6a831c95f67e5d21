package duopay_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/duopay/duopay"
)

const echo = `{"auth_code":"134567890123456789"}`

func TestErrorText(t *testing.T) {
	for want, e := range map[string]duopay.Error{
		"unsure" + "; it may have happened: query the order before anything else": {Kind: duopay.Unsure},
		"NewMoney invalid: too small; nothing was sent: correct the call":         {Op: "NewMoney", Kind: duopay.Invalid, Err: errors.New("too small")},
		"fubei swipe A1 not sent: connection refused; it never arrived: the same call may be repeated": {
			Provider: "fubei", Op: "swipe", OrderNo: "A1", Kind: duopay.NotSent, Err: errors.New("connection refused")},
		"fubei swipe A1 refused (400 NOTENOUGH 余额不足); query the order before starting anew": {
			Provider: "fubei", Op: "swipe", OrderNo: "A1", Kind: duopay.Refused, Code: "400", SubCode: "NOTENOUGH", Message: "余额不足"},
		"fufu order A1 refused (AMT_ERROR); nothing was done: a new attempt needs a new order number": {
			Provider: "fufu", Op: "order", OrderNo: "A1", Kind: duopay.Refused, Certain: true, Code: "AMT_ERROR"},
		"fufu query A1 unsure (X): EOF; it may have happened: query the order before anything else": {
			Provider: "fufu", Op: "query", OrderNo: "A1", Kind: duopay.Unsure, Code: "X", Err: io.EOF, HTTPStatus: 502},
		// A kind that nobody knows is as little proven as can be.
		"odd; it may have happened: query the order before anything else": {Kind: "odd", Certain: true},
	} {
		e.Reply = duopay.NewSecret(echo)
		require.EqualError(t, &e, want)
		assert.True(t, strings.HasSuffix(want, e.Next()))
		for _, format := range []string{"%v", "%+v", "%#v", "%s"} {
			assert.Equal(t, want, fmt.Sprintf(format, &e), format)
		}
		for _, format := range []string{"%v", "%+v", "%#v", "%d", "%x", "%q"} {
			for _, v := range []any{&e, e, struct{ E *duopay.Error }{&e}, struct{ E error }{&e}, []error{&e}} {
				assert.NotContains(t, fmt.Sprintf(format, v), "13456789", format)
			}
		}
	}
}

func TestErrorIsAndAs(t *testing.T) {
	kinds := []duopay.Kind{duopay.Invalid, duopay.NotSent, duopay.Refused, duopay.Unsure}
	for _, kind := range kinds {
		err := fmt.Errorf("wrapped: %w", &duopay.Error{Kind: kind, Err: fmt.Errorf("step: %w", io.EOF)})
		for _, other := range kinds {
			assert.Equal(t, kind == other, errors.Is(err, other), "%v as %v", kind, other)
		}
		require.ErrorIs(t, err, io.EOF)
		require.NotErrorIs(t, err, io.ErrUnexpectedEOF)
		require.EqualError(t, kind, string(kind))
	}
	err := fmt.Errorf("wrapped: %w", &duopay.Error{Op: "swipe", Kind: duopay.Invalid, Err: duopay.Violations{{Field: "body", Rule: "is required"}, {"a[2].b", "is too long"}}})
	var v duopay.Violations
	require.ErrorAs(t, err, &v)
	require.EqualError(t, v, "body is required; a[2].b is too long")
	var e *duopay.Error
	require.ErrorAs(t, err, &e)
	assert.Equal(t, "swipe", e.Op)
	var kind duopay.Kind
	require.ErrorAs(t, err, &kind)
	assert.Equal(t, duopay.Invalid, kind)
	require.NotErrorIs(t, &duopay.Error{Kind: duopay.Unsure}, io.EOF)
}

// An operation that is unsure is not "not sent" because a step of it was not.
func TestErrorHasOneKind(t *testing.T) {
	inner := &duopay.Error{Op: "token", Kind: duopay.NotSent, Err: io.EOF}
	for _, cause := range []error{inner, duopay.NotSent, fmt.Errorf("x: %w", inner), errors.Join(io.EOF, inner), &duopay.Error{Kind: duopay.Refused, Err: inner}} {
		err := &duopay.Error{Op: "pay", Kind: duopay.Unsure, Err: cause}
		require.ErrorIs(t, err, duopay.Unsure)
		for _, other := range []duopay.Kind{duopay.Invalid, duopay.NotSent, duopay.Refused} {
			require.NotErrorIs(t, err, other, "%v", err)
		}
		var e *duopay.Error
		require.ErrorAs(t, err, &e)
		assert.Equal(t, "pay", e.Op)
		var kind duopay.Kind
		require.ErrorAs(t, err, &kind)
		assert.Equal(t, duopay.Unsure, kind)
	}
	require.ErrorIs(t, &duopay.Error{Kind: duopay.Unsure, Err: inner}, io.EOF)
	require.ErrorIs(t, &duopay.Error{Kind: duopay.Unsure, Err: inner}, inner)
	assert.Equal(t, "EOF", errors.Unwrap(fmt.Errorf("%w", (&duopay.Error{Err: io.EOF}).Unwrap()[1])).Error())
}

func TestErrorForLogs(t *testing.T) {
	e := &duopay.Error{
		Provider: "fubei", Op: "swipe", Kind: duopay.Refused, Code: "400", SubCode: "SUB", Message: "no\nmoney", OrderNo: "A1",
		HTTPStatus: 200, Reply: duopay.NewSecret(echo), Err: io.EOF,
	}
	want := `{"cause":"EOF","code":"400","http_status":"200","kind":"refused","message":"no money","next":"query the order before starting anew",` +
		`"operation":"swipe","order_no":"A1","provider":"fubei","sub_code":"SUB"}`
	text, err := json.Marshal(e)
	require.NoError(t, err)
	assert.Equal(t, want, string(text))

	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Warn("failed", "error", e)
	var record struct{ Error json.RawMessage }
	require.NoError(t, json.Unmarshal(log.Bytes(), &record))
	assert.JSONEq(t, want, string(record.Error))

	log.Reset()
	slog.New(slog.NewTextHandler(&log, nil)).Warn("failed", "error", e)
	assert.Contains(t, log.String(), `error.provider=fubei error.operation=swipe error.order_no=A1 error.kind=refused error.code=400 error.sub_code=SUB error.message="no money"`)
	assert.NotContains(t, log.String(), "13456789")

	text, err = json.Marshal(&duopay.Error{Kind: duopay.Unsure})
	require.NoError(t, err)
	assert.JSONEq(t, `{"kind":"unsure","next":"it may have happened: query the order before anything else"}`, string(text), "only what is set")
}

// What a provider says stays on one line and short, whatever it says.
func TestErrorTextIsPrintable(t *testing.T) {
	said := func(message string) string {
		text := (&duopay.Error{Kind: duopay.Refused, Message: message}).Error()
		text = strings.TrimPrefix(text, "refused (")
		return strings.TrimSuffix(text, "); query the order before starting anew")
	}
	for message, want := range map[string]string{
		"ok":                              "ok",
		"余额不足":                            "余额不足",
		"a\r\nb\tc\x00d\x1b[31m":          "a  b c d [31m",
		"a\u2028b\u202ec\u200bd\ufeffe":   "a b c d e",
		"bad \xff\xfe utf8":               "bad \ufffd\ufffd utf8",
		strings.Repeat("x", 200):          strings.Repeat("x", 200),
		strings.Repeat("x", 201):          strings.Repeat("x", 200) + "...",
		strings.Repeat("余", 200):          strings.Repeat("余", 200),
		strings.Repeat("余", 1<<20):        strings.Repeat("余", 200) + "...",
		strings.Repeat("\n", 300):         strings.Repeat(" ", 200) + "...",
		strings.Repeat("\xff", 300) + "x": strings.Repeat("\ufffd", 200) + "...",
	} {
		assert.Equal(t, want, said(message))
	}
	nasty := strings.Repeat("a\n", 1<<16)
	e := &duopay.Error{Provider: nasty, Op: nasty, OrderNo: nasty, Code: nasty, SubCode: nasty, Message: nasty, Kind: duopay.Unsure}
	assert.NotContains(t, e.Error(), "\n")
	assert.Less(t, len(e.Error()), 2000)
	assert.True(t, utf8.ValidString(e.Error()))
	e.Provider, e.Op = "fubei", "swipe"
	text, err := json.Marshal(e)
	require.NoError(t, err)
	assert.Less(t, len(text), 2000)
	assert.NotContains(t, string(text), `\n`)
}
