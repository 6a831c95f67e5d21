package guanaitong_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/duopay/duopay"
	"github.com/duopay/duopay/guanaitong"
	"github.com/duopay/duopay/guanaitong/guanaitongtest"
)

// callerOf returns a client of a platform's caller app with a store.
func callerOf(t *testing.T, server *guanaitongtest.Server, store guanaitong.TokenStore, options ...duopay.Option) *guanaitong.Client {
	t.Helper()
	options = append([]duopay.Option{duopay.WithHTTPClient(&http.Client{Transport: server.Transport()})}, options...)
	c, err := guanaitong.New(guanaitong.Config{
		BaseURL: server.URL, AppID: server.Caller.ID, Secret: duopay.NewSecret(server.Caller.Secret), Tokens: store,
	}, options...)
	require.NoError(t, err)
	return c
}

func ask(ctx context.Context, c *guanaitong.Client) error {
	_, err := c.Accounts(ctx, guanaitong.AccountsRequest{UserID: "U0001"})
	return err
}

// One hundred callers at once cause one creation, at first and when the token
// has died under all of them.
func TestOneCreationForAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := guanaitongtest.NewUnstartedServer()
		c := callerOf(t, server, nil)
		crowd := func() {
			var group sync.WaitGroup
			for range 100 {
				group.Go(func() { assert.NoError(t, ask(t.Context(), c)) })
			}
			group.Wait()
		}
		server.Next(guanaitongtest.PathToken, guanaitongtest.Slow(time.Second))
		crowd()
		assert.Equal(t, 1, server.Tokens())
		server.ExpireTokens()
		crowd()
		assert.Equal(t, 2, server.Tokens())
	})
}

// A creation that fails fails for all who wait for it, and is not tried once
// for each of them.
func TestOneFailureForAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := guanaitongtest.NewUnstartedServer()
		c := callerOf(t, server, nil, duopay.WithAttempts(1))
		server.Next(guanaitongtest.PathToken, guanaitongtest.Slow(time.Hour))
		var group sync.WaitGroup
		for range 100 {
			group.Go(func() { assert.ErrorIs(t, ask(t.Context(), c), duopay.NotSent) })
		}
		group.Wait()
		assert.Len(t, server.Requests(guanaitongtest.PathToken), 1)
		require.NoError(t, ask(t.Context(), c), "the next one tries again")
	})
}

// The caller who creates may leave, and so may those who wait: the others do
// not suffer.
func TestCreatorLeaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := guanaitongtest.NewUnstartedServer()
		server.Next(guanaitongtest.PathToken, guanaitongtest.Slow(10*time.Second))
		c := callerOf(t, server, nil)
		impatient, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		var group sync.WaitGroup
		for range 2 {
			group.Go(func() {
				err := ask(impatient, c)
				assert.True(t, errors.Is(err, duopay.NotSent) && errors.Is(err, context.DeadlineExceeded), "%v", err)
			})
		}
		synctest.Wait()
		group.Go(func() { assert.NoError(t, ask(t.Context(), c)) })
		group.Wait()
	})
}

// At 80 % of its life a token is refreshed.
func TestEarlyRefresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := guanaitongtest.NewUnstartedServer()
		c := callerOf(t, server, nil)
		first, err := c.Token(t.Context())
		require.NoError(t, err)
		assert.Equal(t, 48*time.Minute, time.Until(first.RefreshAt))
		assert.Equal(t, time.Hour, time.Until(first.ExpiresAt))

		time.Sleep(48*time.Minute - time.Second)
		require.NoError(t, ask(t.Context(), c))
		assert.Equal(t, 1, server.Tokens())
		time.Sleep(time.Second)
		require.NoError(t, ask(t.Context(), c))
		assert.Equal(t, 2, server.Tokens())
		assert.Empty(t, refused(server), "nothing was ever refused")
	})
}

// Short lives: never later than a minute before the end, never at once.
func TestRefreshOfShortLives(t *testing.T) {
	for lifetime, want := range map[string]time.Duration{
		"3600": 48 * time.Minute, `"3600"`: 48 * time.Minute, "300": 4 * time.Minute, "200": 140 * time.Second, "120": time.Minute, "100": 50 * time.Second,
		"1": 500 * time.Millisecond, "9000000000000000000": 24 * time.Hour * 4 / 5,
	} {
		token, err := over(t, tokenAnswer(`{"access_token":"t","expires_in":`+lifetime+`}`), noTokens).Token(t.Context())
		require.NoError(t, err)
		assert.Equal(t, want, token.RefreshAt.Sub(noon), lifetime)
	}
}

func tokenAnswer(data string) roundTrip {
	return func(*http.Request) (*http.Response, error) {
		return reply(http.StatusOK, []byte(`{"code":0,"msg":"OK","data":`+data+`}`)), nil
	}
}

func noTokens(c *guanaitong.Config) { c.Tokens = nil }

func TestUnreadableTokens(t *testing.T) {
	for _, data := range []string{
		`null`, `"t"`, `{}`, `{"access_token":"t"}`, `{"expires_in":3600}`, `{"access_token":"","expires_in":3600}`, `{"access_token":"a b","expires_in":3600}`,
		`{"access_token":null,"expires_in":3600}`, `{"access_token":{},"expires_in":3600}`, `{"access_token":"t","expires_in":0}`, `{"access_token":"t","expires_in":-1}`,
		`{"access_token":"t","expires_in":"soon"}`, `{"access_token":"t","expires_in":1.5}`, `{"access_token":"t","access_token":"u","expires_in":1}`,
	} {
		_, err := over(t, tokenAnswer(data), noTokens).Token(t.Context())
		require.ErrorIs(t, err, duopay.Unsure, data)
		_, err = over(t, tokenAnswer(data), noTokens).Pay(t.Context(), manualPay())
		require.ErrorIs(t, err, duopay.NotSent, data)
		require.NotErrorIs(t, err, duopay.Unsure)
		assert.Contains(t, err.Error(), "no access token: ")
	}
}

// An early refresh that fails does not cost the token that lives, and is not
// tried again at once.
func TestFailedEarlyRefresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := guanaitongtest.NewUnstartedServer()
		c := callerOf(t, server, nil, duopay.WithAttempts(1))
		require.NoError(t, ask(t.Context(), c))
		time.Sleep(50 * time.Minute)
		server.Next(guanaitongtest.PathToken, guanaitongtest.ServerError, guanaitongtest.Refuse(1000200052, "太频繁"), guanaitongtest.DropBefore)
		for range 20 {
			require.NoError(t, ask(t.Context(), c))
		}
		assert.Len(t, server.Requests(guanaitongtest.PathToken), 2, "one that failed")
		time.Sleep(time.Minute)
		require.NoError(t, ask(t.Context(), c))
		assert.Len(t, server.Requests(guanaitongtest.PathToken), 3, "another that failed")
		time.Sleep(9 * time.Minute)
		require.ErrorIs(t, ask(t.Context(), c), duopay.NotSent, "the old one is dead, the third creation fails")
		require.NoError(t, ask(t.Context(), c))
		assert.Equal(t, 2, server.Tokens())
	})
}

// While one caller refreshes early, the others go on with what lives.
func TestEarlyRefreshKeepsNobodyWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := guanaitongtest.NewUnstartedServer()
		server.KeepTokens = true
		c := callerOf(t, server, nil)
		require.NoError(t, ask(t.Context(), c))
		time.Sleep(50 * time.Minute)
		server.Next(guanaitongtest.PathToken, guanaitongtest.Slow(10*time.Second))
		var group sync.WaitGroup
		group.Go(func() { assert.NoError(t, ask(t.Context(), c)) })
		synctest.Wait()
		start := time.Now()
		require.NoError(t, ask(t.Context(), c))
		assert.Zero(t, time.Since(start))
		group.Wait()
		assert.Equal(t, 2, server.Tokens())
	})
}

// A creation that was refused is not repeated within a minute: an app may
// create 60 tokens in an hour.
func TestRefusedCreation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := guanaitongtest.NewUnstartedServer()
		c := callerOf(t, server, nil)
		server.Next(guanaitongtest.PathToken, guanaitongtest.Refuse(1000210003, "IP"))
		for range 10 {
			_, err := c.Pay(t.Context(), payment(newNo, "CODE-NEW"))
			var e *duopay.Error
			require.ErrorAs(t, err, &e)
			assert.Equal(t, duopay.NotSent, e.Kind)
			assert.Equal(t, [4]string{guanaitongtest.PathPay, newNo, "1000210003", "IP"}, [4]string{e.Op, e.OrderNo, e.Code, e.Message})
		}
		assert.Len(t, server.Requests(guanaitongtest.PathToken), 1)
		assert.Empty(t, server.Requests(guanaitongtest.PathPay))
		_, err := c.Token(t.Context())
		require.ErrorIs(t, err, duopay.Refused)
		time.Sleep(time.Minute)
		require.NoError(t, ask(t.Context(), c))
	})
}

// Two clients of one app, each with a store of its own, would kill each
// other's token in turns. With one store they do not.
func TestSharedStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := guanaitongtest.NewUnstartedServer()
		store := new(guanaitong.MemoryTokens)
		one, two := callerOf(t, server, store), callerOf(t, server, store)
		for range 20 {
			require.NoError(t, ask(t.Context(), one))
			require.NoError(t, ask(t.Context(), two))
		}
		assert.Equal(t, 1, server.Tokens())

		// The token dies under both: one creates, the other finds it.
		server.ExpireTokens()
		for range 20 {
			require.NoError(t, ask(t.Context(), one))
			require.NoError(t, ask(t.Context(), two))
		}
		assert.Equal(t, 2, server.Tokens())
		assert.Len(t, refused(server), 1)

		lonely := []*guanaitong.Client{callerOf(t, server, nil), callerOf(t, server, nil)}
		for range 5 {
			require.NoError(t, ask(t.Context(), lonely[0]))
			require.NoError(t, ask(t.Context(), lonely[1]))
		}
		assert.Equal(t, 2+10, server.Tokens(), "as the fake has it: this is what the store is for")
	})
}

// The other instance was faster: its token is used, and none is created.
func TestStoreIsReadAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := guanaitongtest.NewUnstartedServer()
		store := new(guanaitong.MemoryTokens)
		one, two := callerOf(t, server, store), callerOf(t, server, nil)
		old, err := one.Token(t.Context())
		require.NoError(t, err)
		newer, err := two.Token(t.Context()) // kills the old one
		require.NoError(t, err)
		require.NoError(t, store.Put(t.Context(), server.URL+" "+server.Caller.ID, old))
		swap := &swapping{TokenStore: store, newer: newer}
		require.NoError(t, ask(t.Context(), callerOf(t, server, swap)))
		assert.Equal(t, 2, server.Tokens())
		assert.Len(t, refused(server), 1)
		assert.Equal(t, 1, swap.invalidated)
	})
}

// swapping is a store into which another instance puts a newer token just
// before the old one is invalidated.
type swapping struct {
	guanaitong.TokenStore
	newer       guanaitong.Token
	invalidated int
}

func (s *swapping) Invalidate(ctx context.Context, key string, token guanaitong.Token) error {
	s.invalidated++
	if err := s.Put(ctx, key, s.newer); err != nil {
		return err
	}
	return s.TokenStore.Invalidate(ctx, key, token)
}

func refused(server *guanaitongtest.Server) (all []string) {
	for _, r := range server.Requests("") {
		if r.Refused != "" {
			all = append(all, r.Op+" "+r.Refused)
		}
	}
	return all
}

// A refused token is replaced once, for every operation and both codes: a
// second refusal is the caller's.
func TestRepeatedOnce(t *testing.T) {
	for _, code := range []int64{1000210004, 1000210013} {
		for _, x := range exchanges {
			if x.path == guanaitongtest.PathToken {
				continue
			}
			t.Run(x.path, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					server := stocked(t)
					before, tokens := len(server.Requests(x.path)), server.Tokens()
					server.Next(x.path, guanaitongtest.Refuse(code, "tokeninfo check failed"))
					require.NoError(t, x.call(t.Context(), clientsOf(t, server, server.Transport())))
					sent := server.Requests(x.path)[before:]
					require.Len(t, sent, 2)
					assert.NotEqual(t, string(sent[0].Body), string(sent[1].Body), "another token, and so another signature")
					assert.Equal(t, tokens+2, server.Tokens())
				})
				synctest.Test(t, func(t *testing.T) {
					server := stocked(t)
					before, tokens := len(server.Requests(x.path)), server.Tokens()
					server.Next(x.path, thrice(guanaitongtest.Refuse(code, "tokeninfo check failed"))...)
					err := x.call(t.Context(), clientsOf(t, server, server.Transport()))
					var e *duopay.Error
					require.ErrorAs(t, err, &e)
					assert.Equal(t, duopay.Refused, e.Kind)
					assert.False(t, e.Certain, "of two arrivals the other may have been taken")
					assert.Len(t, server.Requests(x.path)[before:], 2)
					assert.Equal(t, tokens+2, server.Tokens())
				})
			})
		}
	}
}

// Pay is never sent twice, except after a token code, and then the code's
// refusal proves nothing.
func TestPayAfterTokenCode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := stocked(t)
		server.Next(guanaitongtest.PathPay, guanaitongtest.Refuse(1000210004, ""), guanaitongtest.DropAfter)
		_, err := clientsOf(t, server, server.Transport()).caller.Pay(t.Context(), payment(newNo, "CODE-NEW"))
		require.ErrorIs(t, err, duopay.Unsure)
		assert.Len(t, server.Requests(guanaitongtest.PathPay), 1+2)
		order, _ := server.Order(newNo)
		assert.EqualValues(t, 1000, order.ChargedFen)
	})
	synctest.Test(t, func(t *testing.T) {
		server := stocked(t)
		server.Next(guanaitongtest.PathPay, guanaitongtest.Refuse(1000210004, ""), guanaitongtest.Refuse(1000210014, ""))
		_, err := clientsOf(t, server, server.Transport()).caller.Pay(t.Context(), payment(newNo, "CODE-NEW"))
		var e *duopay.Error
		require.ErrorAs(t, err, &e)
		assert.Equal(t, duopay.Refused, e.Kind)
		assert.False(t, e.Certain)
	})
	synctest.Test(t, func(t *testing.T) { // no other token can be had
		server := stocked(t)
		c := clientsOf(t, server, server.Transport()).caller
		require.NoError(t, ask(t.Context(), c))
		server.Next(guanaitongtest.PathPay, guanaitongtest.Refuse(1000210013, ""))
		server.Next(guanaitongtest.PathToken, guanaitongtest.Refuse(1000200052, "太频繁"))
		_, err := c.Pay(t.Context(), payment(newNo, "CODE-NEW"))
		require.ErrorIs(t, err, duopay.Refused)
		var e *duopay.Error
		require.ErrorAs(t, err, &e)
		assert.False(t, e.Certain, "it was sent")
		assert.Contains(t, err.Error(), "1000200052")
		assert.Len(t, server.Requests(guanaitongtest.PathPay), 1+1)
	})
}

// A store that fails fails the call, which is not sent; what it does not keep
// is used all the same, and its error is logged without the token.
func TestBrokenStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := guanaitongtest.NewUnstartedServer()
		var log strings.Builder
		store := &broken{}
		c := callerOf(t, server, store, duopay.WithLogger(jsonLogger(&log)))

		store.put = true
		require.NoError(t, ask(t.Context(), c))
		assert.Contains(t, log.String(), `"access token not kept"`)
		assert.Contains(t, log.String(), `cannot keep [secret]`)
		assert.NotContains(t, log.String(), store.seen)

		store.invalidate = true
		server.Next(guanaitongtest.PathAccounts, guanaitongtest.Refuse(1000210004, ""))
		err := ask(t.Context(), c)
		require.ErrorIs(t, err, duopay.Refused)
		assert.Contains(t, err.Error(), "the token store: cannot invalidate")

		*store = broken{get: 1}
		tokens := server.Tokens()
		require.ErrorIs(t, ask(t.Context(), c), duopay.NotSent)
		_, err = c.Token(t.Context())
		require.NoError(t, err)
		*store = broken{get: 2, first: true}
		_, err = c.Token(t.Context())
		require.ErrorIs(t, err, duopay.NotSent, "in turn")
		assert.Equal(t, tokens+1, server.Tokens())
	})
}

// broken is a store that keeps nothing, and fails as told.
type broken struct {
	get             int  // the n-th Get fails
	first           bool // keep quiet about the first
	put, invalidate bool
	seen            string
}

func (b *broken) Get(context.Context, string) (guanaitong.Token, error) {
	if b.get--; b.get == 0 {
		return guanaitong.Token{}, errors.New("cannot get")
	}
	return guanaitong.Token{}, nil
}

func (b *broken) Put(_ context.Context, _ string, token guanaitong.Token) error {
	b.seen = token.Value.Reveal()
	if b.put {
		return errors.New("cannot keep " + b.seen)
	}
	return nil
}

func (b *broken) Invalidate(context.Context, string, guanaitong.Token) error {
	if b.invalidate {
		return errors.New("cannot invalidate")
	}
	return nil
}

// Environments and apps do not get into each other's way in one store.
func TestStoreKeys(t *testing.T) {
	server := guanaitongtest.NewUnstartedServer()
	store := new(guanaitong.MemoryTokens)
	seen := make(map[string]bool)
	for _, base := range []string{"https://a.invalid", "https://b.invalid"} {
		for _, app := range []guanaitongtest.App{server.Caller, server.Seller} {
			c, err := guanaitong.New(guanaitong.Config{BaseURL: base, AppID: app.ID, Secret: duopay.NewSecret(app.Secret), Tokens: store},
				duopay.WithHTTPClient(&http.Client{Transport: server.Transport()}))
			require.NoError(t, err)
			token, err := c.Token(t.Context())
			require.NoError(t, err)
			seen[token.Value.Reveal()] = true
		}
	}
	assert.Len(t, seen, 4)
}

// The hourly limit is the provider's, and a refusal like any other.
func TestHourlyLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := guanaitongtest.NewUnstartedServer()
		for range 60 {
			require.NoError(t, ask(t.Context(), callerOf(t, server, nil)))
		}
		err := ask(t.Context(), callerOf(t, server, nil))
		require.ErrorIs(t, err, duopay.NotSent)
		assert.Contains(t, err.Error(), "1000200052")
	})
}
