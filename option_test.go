package duopay_test

import (
	"errors"
	"log/slog"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/duopay/duopay"
)

func TestNewOptionsDefaults(t *testing.T) {
	o, err := duopay.NewOptions()
	require.NoError(t, err)
	assert.Nil(t, o.HTTPClient)
	assert.Nil(t, o.Nonce)
	assert.Equal(t, 3, o.Attempts)
	assert.False(t, o.AllowPlainHTTP)
	require.NotNil(t, o.Logger)
	assert.False(t, o.Logger.Enabled(t.Context(), slog.LevelError), "no records")
	assert.WithinDuration(t, time.Now(), o.Now(), time.Minute)
	assert.Equal(t, time.Second, o.TimeLimit("swipe", time.Second))
}

func TestNewOptions(t *testing.T) {
	client, logger := &http.Client{}, slog.Default()
	o, err := duopay.NewOptions(
		duopay.WithHTTPClient(client), duopay.WithLogger(logger), duopay.WithAttempts(1), duopay.WithPlainHTTP(),
		duopay.WithClock(func() time.Time { return time.Unix(7, 0) }), duopay.WithNonce(func() string { return "n" }),
	)
	require.NoError(t, err)
	assert.Same(t, client, o.HTTPClient)
	assert.Same(t, logger, o.Logger)
	assert.Equal(t, 1, o.Attempts)
	assert.True(t, o.AllowPlainHTTP)
	assert.Equal(t, time.Unix(7, 0), o.Now())
	assert.Equal(t, "n", o.Nonce())
}

func TestNewOptionsRefuses(t *testing.T) {
	for name, option := range map[string]duopay.Option{
		"an option is nil":       nil,
		"WithHTTPClient:":        duopay.WithHTTPClient(nil),
		"WithLogger:":            duopay.WithLogger(nil),
		"WithClock:":             duopay.WithClock(nil),
		"WithNonce:":             duopay.WithNonce(nil),
		"WithTimeLimit: 0s":      duopay.WithTimeLimit(0),
		"WithTimeLimit: -1ns":    duopay.WithTimeLimit(-1, "swipe"),
		"WithAttempts: 0":        duopay.WithAttempts(0),
		"WithAttempts: -1":       duopay.WithAttempts(-1),
		"an option of their own": func(*duopay.Options) error { return errors.New("an option of their own") },
	} {
		t.Run(name, func(t *testing.T) {
			o, err := duopay.NewOptions(duopay.WithPlainHTTP(), option, duopay.WithAttempts(2))
			require.ErrorContains(t, err, name)
			assert.Zero(t, o)
		})
	}
}

func TestTimeLimit(t *testing.T) {
	const own = 9 * time.Second
	for name, c := range map[string]struct {
		options []duopay.Option
		want    time.Duration
	}{
		"the provider's own":        {nil, own},
		"for another operation":     {[]duopay.Option{duopay.WithTimeLimit(1, "query", "close")}, own},
		"for all":                   {[]duopay.Option{duopay.WithTimeLimit(2)}, 2},
		"for it":                    {[]duopay.Option{duopay.WithTimeLimit(3, "swipe")}, 3},
		"for it among others":       {[]duopay.Option{duopay.WithTimeLimit(3, "query", "swipe")}, 3},
		"for it, then for all":      {[]duopay.Option{duopay.WithTimeLimit(3, "swipe"), duopay.WithTimeLimit(2)}, 3},
		"for all, then for it":      {[]duopay.Option{duopay.WithTimeLimit(2), duopay.WithTimeLimit(3, "swipe")}, 3},
		"for all, then for another": {[]duopay.Option{duopay.WithTimeLimit(2), duopay.WithTimeLimit(3, "query")}, 2},
		"the last one counts":       {[]duopay.Option{duopay.WithTimeLimit(3, "swipe"), duopay.WithTimeLimit(4, "swipe")}, 4},
	} {
		t.Run(name, func(t *testing.T) {
			o, err := duopay.NewOptions(c.options...)
			require.NoError(t, err)
			assert.Equal(t, c.want, o.TimeLimit("swipe", own))
		})
	}
	assert.Equal(t, own, duopay.Options{}.TimeLimit("swipe", own))
}

// One client's limits are not another's.
func TestOptionsAreNotShared(t *testing.T) {
	one, err := duopay.NewOptions(duopay.WithTimeLimit(1))
	require.NoError(t, err)
	other, err := duopay.NewOptions()
	require.NoError(t, err)
	assert.Len(t, one.TimeLimits, 1)
	assert.Empty(t, other.TimeLimits)
}
