package guanaitong

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/duopay/duopay"
	"github.com/duopay/duopay/internal/redact"
)

var createToken = operation{path: "/token/create", timeLimit: readLimit, repeatable: true}

// Token is an access token of an app.
type Token struct {
	Value     duopay.Secret // access_token
	RefreshAt time.Time     // when another one should be created
	ExpiresAt time.Time     // when the gateway will not take it any more
}

// usable reports whether the token may be used until the end.
func (t Token) usable(end time.Time, now time.Time) bool { return !t.Value.IsZero() && now.Before(end) }

// TokenStore keeps the access tokens of apps. A new token may kill the app's
// older ones, and an app may create no more than 60 in an hour, so all
// instances that call as one app have to share a store: examples/redistokens
// has one over Redis. Keys name an environment and an app.
//
// A store is safe for concurrent use. That a token cannot be had from it means
// that the call is not sent; what is not kept by it is used all the same.
type TokenStore interface {
	// Get returns the token under key, the zero Token if there is none.
	Get(ctx context.Context, key string) (Token, error)
	// Put keeps a token under key, in place of any other, until ExpiresAt.
	Put(ctx context.Context, key string, token Token) error
	// Invalidate removes the token under key if its value is that of token.
	// Another one, which is newer, stays.
	Invalidate(ctx context.Context, key string, token Token) error
}

// MemoryTokens is a [TokenStore] in memory, for one process. Its zero value is
// ready to use; it must not be copied.
type MemoryTokens struct {
	mu     sync.Mutex
	tokens map[string]Token
}

// Get returns the token under key.
func (m *MemoryTokens) Get(_ context.Context, key string) (Token, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.tokens[key], nil
}

// Put keeps a token under key.
func (m *MemoryTokens) Put(_ context.Context, key string, token Token) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.tokens == nil {
		m.tokens = make(map[string]Token)
	}
	m.tokens[key] = token
	return nil
}

// Invalidate removes the token under key if its value is that of token.
func (m *MemoryTokens) Invalidate(_ context.Context, key string, token Token) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.tokens[key].Value.Reveal() == token.Value.Reveal() {
		delete(m.tokens, key)
	}
	return nil
}

// tokens is what a client knows of its tokens beside what is in the store.
type tokens struct {
	key      string        // in the store
	turn     chan struct{} // holds one while a token is being created
	failures atomic.Int64  // how many creations have failed

	// The last failure, and until when it counts; for who has the turn.
	failure error
	until   time.Time
}

// creationPause is how long nothing is created after a failure, as far as that
// would change nothing: an app may create one token a minute.
const creationPause = time.Minute

// Token returns the access token of the client's app, a new one if the store
// has none. Programs do not need it; it is a cheap way to try credentials.
func (c *Client) Token(ctx context.Context) (Token, error) {
	token, err := c.token(ctx, Token{})
	var e *duopay.Error
	if err != nil && !errors.As(err, &e) {
		err = unsent(createToken, message{}, err)
	}
	return token, err
}

// token returns a token to call with: the one in the store, or else a new one,
// which one caller creates for all who ask meanwhile.
//
// refused is one that the gateway did not take: another in the store is newer,
// made by another instance.
func (c *Client) token(ctx context.Context, refused Token) (Token, error) {
	if !refused.Value.IsZero() {
		if err := c.config.Tokens.Invalidate(ctx, c.tokens.key, refused); err != nil {
			return Token{}, storeFailure(err)
		}
	}
	kept, err := c.config.Tokens.Get(ctx, c.tokens.key)
	if err != nil {
		return Token{}, storeFailure(err)
	}
	if kept.usable(kept.RefreshAt, c.options.Now()) {
		return kept, nil
	}
	alive := kept.usable(kept.ExpiresAt, c.options.Now())
	failures := c.tokens.failures.Load()
	if alive {
		select {
		case c.tokens.turn <- struct{}{}:
		default:
			return kept, nil // somebody is about to refresh it
		}
	} else {
		select {
		case c.tokens.turn <- struct{}{}:
		case <-ctx.Done():
			return Token{}, context.Cause(ctx)
		}
	}
	defer func() { <-c.tokens.turn }()
	created, err := c.refresh(ctx, failures)
	if err != nil && alive {
		return kept, nil // it was to be refreshed early, and lives
	}
	return created, err
}

// refresh creates a token and puts it into the store, unless somebody else was
// faster. failures is how many creations had failed when the caller queued up
// for his turn: one that has failed since is his failure too.
func (c *Client) refresh(ctx context.Context, failures int64) (Token, error) {
	kept, err := c.config.Tokens.Get(ctx, c.tokens.key)
	now := c.options.Now()
	switch {
	case err != nil:
		return Token{}, storeFailure(err)
	case kept.usable(kept.RefreshAt, now):
		return kept, nil
	case c.tokens.failures.Load() != failures,
		now.Before(c.tokens.until) && (kept.usable(kept.ExpiresAt, now) || errors.Is(c.tokens.failure, duopay.Refused)):
		return Token{}, c.tokens.failure
	}
	created, err := c.create(ctx)
	switch {
	case ctx.Err() != nil && err != nil: // the caller has left, which says nothing to the others
		return Token{}, err
	case err != nil:
		c.tokens.failure, c.tokens.until = err, now.Add(creationPause)
		c.tokens.failures.Add(1)
		return Token{}, err
	}
	c.tokens.until = time.Time{}
	if err := c.config.Tokens.Put(ctx, c.tokens.key, created); err != nil {
		c.options.Logger.WarnContext(ctx, "access token not kept", slog.String("provider", provider),
			slog.String("error", redact.Strike(err.Error(), []string{created.Value.Reveal()})))
	}
	return created, nil
}

// create asks the gateway for a token, once for all and as often as the
// options allow: a token more does no harm.
func (c *Client) create(ctx context.Context) (Token, error) {
	now := c.options.Now()
	reply, err := send(ctx, c, createToken, message{}, Token{}, accepted[tokenReply])
	if err != nil {
		return Token{}, err
	}
	lifetime := reply.lifetime
	return Token{
		Value:     duopay.NewSecret(reply.AccessToken),
		RefreshAt: now.Add(min(lifetime*4/5, max(lifetime-time.Minute, lifetime/2))),
		ExpiresAt: now.Add(lifetime),
	}, nil
}

// tokenReply is the answer to /token/create.
type tokenReply struct {
	Reply
	AccessToken string         `json:"access_token"` // 32 characters
	ExpiresIn   duopay.Integer `json:"expires_in"`   // seconds; an hour

	lifetime time.Duration
}

func (r *tokenReply) read(p payload) error {
	if err := decode(p.data, r); err != nil {
		return errors.New("data cannot be read") // it may hold a token
	}
	seconds, err := r.ExpiresIn.Int64()
	if err != nil || seconds <= 0 {
		return errors.New("expires_in cannot be read")
	}
	if !isPlain(r.AccessToken) {
		return errors.New("access_token is missing")
	}
	const day = 24 * 60 * 60 // longer than any token lives
	r.lifetime = time.Duration(min(seconds, day)) * time.Second
	return nil
}

func storeFailure(err error) error { return fmt.Errorf("the token store: %w", err) }

// unsent is the error of a call that was not sent for want of a token. What the
// provider said of the token comes with it, but not what the failure means for
// the token, which is another thing than what it means for the call.
func unsent(op operation, m message, err error) error {
	failure := &duopay.Error{Provider: provider, Op: op.path, Kind: duopay.NotSent, OrderNo: m.orderNo, Err: err}
	var e *duopay.Error
	if errors.As(err, &e) {
		failure.Code, failure.Message, failure.Err = e.Code, e.Message, e.Err
	}
	if failure.Err == nil {
		failure.Err = errors.New("the provider refuses it")
	}
	failure.Err = fmt.Errorf("no access token: %w", failure.Err)
	return failure
}
