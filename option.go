package duopay

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"
)

// Option changes how a provider's client works. Every provider's New takes
// any number of them.
type Option func(*Options) error

// Options is what the options come to. Programs do not need it; providers
// make it with [NewOptions].
type Options struct {
	HTTPClient     *http.Client             // nil: the client of the shared HTTP core
	Logger         *slog.Logger             // never nil
	Now            func() time.Time         // never nil
	Nonce          func() string            // nil: the provider's own
	TimeLimits     map[string]time.Duration // by operation; "" for all others
	Attempts       int                      // at least 1
	AllowPlainHTTP bool
}

// NewOptions applies options to the defaults.
func NewOptions(options ...Option) (Options, error) {
	o := Options{
		Logger:     slog.New(slog.DiscardHandler),
		Now:        time.Now,
		TimeLimits: make(map[string]time.Duration),
		Attempts:   3,
	}
	for _, option := range options {
		if option == nil {
			return Options{}, errors.New("an option is nil")
		}
		if err := option(&o); err != nil {
			return Options{}, err
		}
	}
	return o, nil
}

// TimeLimit returns the time limit of an operation: the one set for it, else
// the one set for all, else the provider's own.
func (o Options) TimeLimit(operation string, own time.Duration) time.Duration {
	for _, key := range []string{operation, ""} {
		if limit, ok := o.TimeLimits[key]; ok {
			return limit
		}
	}
	return own
}

// WithHTTPClient sends through client, which is never changed. Its redirect
// policy is not used: no provider's answer is a redirect to follow. The
// default client verifies TLS 1.2 or later, takes its proxy from the
// environment and keeps enough idle connections for a busy backend.
func WithHTTPClient(client *http.Client) Option {
	return func(o *Options) error {
		if client == nil {
			return errors.New("WithHTTPClient: the client is nil")
		}
		o.HTTPClient = client
		return nil
	}
}

// WithLogger writes a record for each HTTP attempt: provider, operation, order
// number, attempt, duration, status, code, outcome. Attempts that went well
// are logged at debug level, refusals at info, the others at warn. No record
// holds a key, signature, token, payment code or URL. Default: no records.
func WithLogger(logger *slog.Logger) Option {
	return func(o *Options) error {
		if logger == nil {
			return errors.New("WithLogger: the logger is nil")
		}
		o.Logger = logger
		return nil
	}
}

// WithClock takes the time from now, for tests. Waiting is not affected.
func WithClock(now func() time.Time) Option {
	return func(o *Options) error {
		if now == nil {
			return errors.New("WithClock: the clock is nil")
		}
		o.Now = now
		return nil
	}
}

// WithNonce takes nonces from nonce, for tests. A repeated nonce may be
// refused by the provider.
func WithNonce(nonce func() string) Option {
	return func(o *Options) error {
		if nonce == nil {
			return errors.New("WithNonce: the function is nil")
		}
		o.Nonce = nonce
		return nil
	}
}

// WithTimeLimit bounds one attempt of the named operations, or of all others
// if none is named. Operations are named as in [Error.Op]. Short limits make
// unsure outcomes: the provider may still act after the client has given up.
func WithTimeLimit(limit time.Duration, operations ...string) Option {
	return func(o *Options) error {
		if limit <= 0 {
			return fmt.Errorf("WithTimeLimit: %v is not a time limit", limit)
		}
		if len(operations) == 0 {
			operations = []string{""}
		}
		for _, operation := range operations {
			o.TimeLimits[operation] = limit
		}
		return nil
	}
}

// WithAttempts bounds how often one call is sent: 1 switches repetition off,
// 3 is the default. Only what provably never left, and what is safe to repeat,
// is ever sent again.
func WithAttempts(attempts int) Option {
	return func(o *Options) error {
		if attempts < 1 {
			return fmt.Errorf("WithAttempts: %d attempts cannot be made", attempts)
		}
		o.Attempts = attempts
		return nil
	}
}

// WithPlainHTTP allows a base URL with http:// that is not on the loopback
// interface. Payment codes and answers then travel readable and forgeable by
// anybody on the path.
func WithPlainHTTP() Option {
	return func(o *Options) error {
		o.AllowPlainHTTP = true
		return nil
	}
}
