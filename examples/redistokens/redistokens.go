// Package redistokens keeps the access tokens of package guanaitong in Redis,
// so that many instances of a backend share one token: a new one may kill the
// app's older ones, and an app may create no more than 60 in an hour.
//
//	client, err := guanaitong.New(guanaitong.Config{
//		// ...
//		Tokens: redistokens.New(redis.NewClient(&redis.Options{Addr: "localhost:6379"}), "guanaitong:"),
//	})
//
// A token is as good as a password for an hour: protect the Redis accordingly.
package redistokens

import (
	"context"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/duopay/duopay"
	"github.com/duopay/duopay/guanaitong"
)

// Store is a [guanaitong.TokenStore] in Redis. It is safe for concurrent use.
type Store struct {
	client redis.UniversalClient
	prefix string
}

var _ guanaitong.TokenStore = (*Store)(nil)

// New returns a store whose keys begin with prefix.
func New(client redis.UniversalClient, prefix string) *Store {
	return &Store{client: client, prefix: prefix}
}

// record is a token as a hash in Redis.
type record struct {
	Value     string `redis:"value"`
	RefreshAt int64  `redis:"refresh_at"` // Unix milliseconds
	ExpiresAt int64  `redis:"expires_at"` // Unix milliseconds
}

// Get returns the token under key, the zero token if there is none.
func (s *Store) Get(ctx context.Context, key string) (guanaitong.Token, error) {
	var r record
	if err := s.client.HGetAll(ctx, s.prefix+key).Scan(&r); err != nil || r.Value == "" {
		return guanaitong.Token{}, err
	}
	return guanaitong.Token{
		Value: duopay.NewSecret(r.Value), RefreshAt: time.UnixMilli(r.RefreshAt), ExpiresAt: time.UnixMilli(r.ExpiresAt),
	}, nil
}

// Put keeps a token under key until it expires.
func (s *Store) Put(ctx context.Context, key string, token guanaitong.Token) error {
	_, err := s.client.TxPipelined(ctx, func(p redis.Pipeliner) error {
		p.HSet(ctx, s.prefix+key, record{token.Value.Reveal(), token.RefreshAt.UnixMilli(), token.ExpiresAt.UnixMilli()})
		p.PExpireAt(ctx, s.prefix+key, token.ExpiresAt)
		return nil
	})
	return err
}

// removeIfEqual compares and deletes in one step: in between another instance
// may put a newer token.
var removeIfEqual = redis.NewScript(`
if redis.call("HGET", KEYS[1], "value") == ARGV[1] then
	return redis.call("DEL", KEYS[1])
end
return 0
`)

// Invalidate removes the token under key if its value is that of token.
func (s *Store) Invalidate(ctx context.Context, key string, token guanaitong.Token) error {
	return removeIfEqual.Run(ctx, s.client, []string{s.prefix + key}, token.Value.Reveal()).Err()
}
