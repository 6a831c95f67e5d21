package exchange

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"

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

// clean returns the error of a transport fit to be seen.
func clean(err error, request *http.Request, secrets []string) error {
	shown := inner(err)
	words := append([]string{body(request), request.URL.RawQuery}, secrets...)
	for _, values := range request.URL.Query() {
		for _, value := range values {
			if len(value) >= 8 { // a signature or token, not a word that may stand anywhere
				words = append(words, value)
			}
		}
	}
	if errors.Is(shown, context.DeadlineExceeded) {
		shown = fmt.Errorf("no answer within the time limit: %w", shown)
	}
	return hide(shown, words)
}

// body returns the body of a request, which holds its signature.
func body(request *http.Request) string {
	if request.GetBody == nil {
		return ""
	}
	reader, err := request.GetBody()
	if err != nil {
		return ""
	}
	text, _ := io.ReadAll(reader) // it is in memory
	return string(text)
}

// struck returns err fit to be seen, and as it is if it holds nothing that
// must not be seen.
func struck(err error, secrets []string) error {
	var u *url.Error
	if err == nil || !errors.As(err, &u) && seemly(err.Error(), secrets) == err.Error() {
		return err
	}
	return hide(inner(err), secrets)
}

// inner returns what is inside of the *url.Error in err, if there is one.
func inner(err error) error {
	for u := (*url.Error)(nil); errors.As(err, &u); {
		if err = u.Err; err == nil {
			return errors.New("the transport failed")
		}
	}
	return err
}

// hide returns an error with the text of err, less the words and URLs.
func hide(err error, words []string) error {
	c := &cause{
		text: seemly(err.Error(), words),
		is:   func(target error) bool { return errors.Is(err, target) },
	}
	var timed net.Error
	if errors.As(err, &timed) {
		c.timeout = timed.Timeout()
	}
	return c
}

// urls matches URLs: of the request, of a redirect, of a proxy with its
// password. One between quotes may hold spaces.
var urls = regexp.MustCompile(`"[^"\s]*://(?:[^"\\]|\\.)*"|[^\s"]+://[^\s"]+`)

// seemly returns text without the words and without URLs.
func seemly(text string, words []string) string {
	return urls.ReplaceAllString(redact.Strike(text, words), "[url]")
}

// BaseURL returns base without a trailing slash, or says why it cannot be one.
// Plain http is for the loopback interface, unless allowed.
func BaseURL(base string, allowPlain bool) (string, error) {
	u, err := url.Parse(base)
	switch {
	case err != nil || u.Hostname() == "" || u.Scheme != "https" && u.Scheme != "http":
		return "", errors.New("BaseURL must be an absolute http or https URL")
	case u.User != nil || strings.ContainsAny(base, "?#"): // empty ones too
		return "", errors.New("BaseURL must have no user, query or fragment")
	case u.Scheme == "http" && !allowPlain && !loopback(u.Hostname()):
		return "", errors.New("BaseURL must be https: plain http is for the loopback interface, or with WithPlainHTTP")
	}
	return strings.TrimRight(base, "/"), nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
