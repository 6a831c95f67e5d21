package exchange

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"

	"github.com/duopay/duopay/internal/redact"
)

// cause is the error of a transport without the URL and the secrets that such
// errors carry. It can be asked with errors.Is and for Timeout, but the error
// itself, which still holds them, is not given out.
type cause struct {
	text    string
	is      func(target error) bool
	timeout bool
}

func (c *cause) Error() string        { return c.text }
func (c *cause) Is(target error) bool { return c.is(target) }

// Timeout reports whether the failure was a time-out.
func (c *cause) Timeout() bool { return c.timeout }

// clean returns err fit to be seen.
func clean(err error, address *url.URL, call Call) error {
	shown := err
	for u := (*url.Error)(nil); errors.As(shown, &u); {
		if shown = u.Err; shown == nil {
			shown = errors.New("the transport failed")
		}
	}
	words := append([]string{address.String(), address.RawQuery}, call.Secrets...)
	if errors.Is(shown, context.DeadlineExceeded) {
		shown = fmt.Errorf("no answer within the time limit: %w", shown)
	}
	return hide(shown, words)
}

// struck returns err fit to be seen, and as it is if it holds no secret.
func struck(err error, secrets []string) error {
	if err == nil || redact.Strike(err.Error(), secrets) == err.Error() {
		return err
	}
	return hide(err, secrets)
}

// hide returns an error with the text of err, less the words.
func hide(err error, words []string) error {
	c := &cause{
		text: redact.Strike(err.Error(), words),
		is:   func(target error) bool { return errors.Is(err, target) },
	}
	var timed net.Error
	if errors.As(err, &timed) {
		c.timeout = timed.Timeout()
	}
	return c
}

// BaseURL returns base without a trailing slash, or says why it cannot be one.
// Plain http is for the loopback interface, unless allowed.
func BaseURL(base string, allowPlain bool) (string, error) {
	u, err := url.Parse(base)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http":
		return "", errors.New("BaseURL must be an absolute http or https URL")
	case u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return "", errors.New("BaseURL must have no user, query or fragment")
	case u.Scheme == "http" && !allowPlain && !loopback(u.Hostname()):
		return "", errors.New("BaseURL must be https: plain http is for the loopback interface, or with WithPlainHTTP")
	}
	for len(base) > 0 && base[len(base)-1] == '/' {
		base = base[:len(base)-1]
	}
	return base, nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
