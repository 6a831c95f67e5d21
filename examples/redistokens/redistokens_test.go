package redistokens_test

import (
	"context"
	"fmt"
	"net/http"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/duopay/duopay"
	"github.com/duopay/duopay/examples/redistokens"
	"github.com/duopay/duopay/guanaitong"
	"github.com/duopay/duopay/guanaitong/guanaitongtest"
)

// server starts a Redis of the test's own, which listens on a socket in a
// directory of the test's own and nowhere else.
func server(t *testing.T) *redis.Options {
	t.Helper()
	program, err := exec.LookPath("redis-server")
	if err != nil {
		t.Skip("SKIPPED: there is no redis-server in PATH, so the store was not tried against one; apt-get install redis-server")
	}
	directory := t.TempDir()
	socket := filepath.Join(directory, "s")
	command := exec.CommandContext(t.Context(), program, "--port", "0", "--unixsocket", socket, "--dir", directory, "--save", "", "--appendonly", "no")
	require.NoError(t, command.Start())
	t.Cleanup(func() {
		_ = command.Process.Kill()
		_ = command.Wait()
	})
	options := &redis.Options{Network: "unix", Addr: socket}
	probe := redis.NewClient(options)
	defer func() { _ = probe.Close() }()
	require.Eventually(t, func() bool { return probe.Ping(t.Context()).Err() == nil }, 10*time.Second, 20*time.Millisecond)
	return options
}

func store(t *testing.T, options *redis.Options) (*redistokens.Store, *redis.Client) {
	t.Helper()
	copied := *options
	client := redis.NewClient(&copied)
	t.Cleanup(func() { _ = client.Close() })
	return redistokens.New(client, "test:"), client
}

func token(value string) guanaitong.Token {
	now := time.UnixMilli(time.Now().UnixMilli())
	return guanaitong.Token{Value: duopay.NewSecret(value), RefreshAt: now.Add(48 * time.Minute), ExpiresAt: now.Add(time.Hour)}
}

func value(t *testing.T, s guanaitong.TokenStore) string {
	t.Helper()
	kept, err := s.Get(t.Context(), "app")
	require.NoError(t, err)
	return kept.Value.Reveal()
}

// What the interface asks for.
func TestStore(t *testing.T) {
	s, client := store(t, server(t))
	ctx := t.Context()
	assert.Empty(t, value(t, s))
	require.NoError(t, s.Invalidate(ctx, "app", token("a")))

	a, b := token("a"), token("b")
	require.NoError(t, s.Put(ctx, "app", a))
	kept, err := s.Get(ctx, "app")
	require.NoError(t, err)
	assert.Equal(t, "a", kept.Value.Reveal())
	assert.True(t, a.RefreshAt.Equal(kept.RefreshAt) && a.ExpiresAt.Equal(kept.ExpiresAt))
	life, err := client.PTTL(ctx, "test:app").Result()
	require.NoError(t, err)
	assert.InDelta(t, time.Hour, life, float64(time.Minute))

	require.NoError(t, s.Put(ctx, "app", b))
	require.NoError(t, s.Invalidate(ctx, "app", a))
	assert.Equal(t, "b", value(t, s), "a newer one stays")
	require.NoError(t, s.Invalidate(ctx, "app", b))
	assert.Empty(t, value(t, s))

	dying := token("c")
	dying.ExpiresAt = time.Now().Add(50 * time.Millisecond)
	require.NoError(t, s.Put(ctx, "app", dying))
	require.Eventually(t, func() bool { kept, err := s.Get(ctx, "app"); return err == nil && kept.Value.IsZero() }, 5*time.Second, 10*time.Millisecond)

	require.NoError(t, client.Set(ctx, "test:app", "no hash", 0).Err())
	_, err = s.Get(ctx, "app")
	require.Error(t, err)
	canceled, cancel := context.WithCancel(ctx)
	cancel()
	require.Error(t, s.Put(canceled, "app", a))
	require.Error(t, s.Invalidate(canceled, "app", a))
}

// Many instances, each with a connection of its own, share one token.
func TestInstancesShareOneToken(t *testing.T) {
	options := server(t)
	platform := guanaitongtest.NewUnstartedServer()
	var instances []*guanaitong.Client
	for range 5 {
		s, _ := store(t, options)
		c, err := guanaitong.New(guanaitong.Config{
			BaseURL: platform.URL, AppID: platform.Caller.ID, Secret: duopay.NewSecret(platform.Caller.Secret), Tokens: s,
		}, duopay.WithHTTPClient(&http.Client{Transport: platform.Transport()}))
		require.NoError(t, err)
		instances = append(instances, c)
	}
	work := func() {
		var group sync.WaitGroup
		for i, c := range instances {
			group.Go(func() {
				for range 10 {
					_, err := c.Accounts(t.Context(), guanaitong.AccountsRequest{UserID: "U0001"})
					assert.NoError(t, err, fmt.Sprint(i))
				}
			})
		}
		group.Wait()
	}
	_, err := instances[0].Token(t.Context())
	require.NoError(t, err)
	work()
	assert.Equal(t, 1, platform.Tokens())

	platform.ExpireTokens()
	_, err = instances[1].Accounts(t.Context(), guanaitong.AccountsRequest{UserID: "U0001"})
	require.NoError(t, err)
	work()
	assert.Equal(t, 2, platform.Tokens())
}
