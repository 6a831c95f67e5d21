package guanaitongtest

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"time"
)

const (
	tokenLife     = time.Hour
	tokensPerHour = 60
)

// tokens are the access tokens that were handed out. The zero tokens are none.
type tokens struct {
	issued  map[string]*token // by text; also those that are no good any more
	created []*token          // in order
}

type token struct {
	app     string // appid
	created time.Time
	dead    bool // replaced, or expired by a test
}

func (t *token) alive(now time.Time) bool {
	return !t.dead && now.Before(t.created.Add(tokenLife))
}

// create hands out a token for app; the others die, unless kept.
func (t *tokens) create(app string, now time.Time, keep bool) (text string, err error) {
	recent := 0
	for _, other := range t.created {
		if other.app == app && now.Sub(other.created) < time.Hour {
			recent++
		}
	}
	if recent >= tokensPerHour {
		return "", refuse(codeTooOften, "/token/create: more than %d calls in an hour", tokensPerHour)
	}
	for _, other := range t.created {
		if other.app == app && !keep {
			other.dead = true
		}
	}
	text = madeUp("token", len(t.created), 32)
	t.put(text, &token{app: app, created: now})
	return text, nil
}

func (t *tokens) put(text string, fresh *token) {
	if t.issued == nil {
		t.issued = make(map[string]*token)
	}
	t.issued[text] = fresh
	t.created = append(t.created, fresh)
}

// app returns the app a token was handed out to. claimed is the appid that was
// sent along, "" if none.
func (t *tokens) app(text, claimed string, now time.Time) (string, error) {
	found, ok := t.issued[text]
	switch {
	case ok && found.alive(now) && claimed != "" && claimed != found.app:
		return "", refuse(codeApp, "appid: not the app of the access_token")
	case ok && found.alive(now):
		return found.app, nil
	case claimed != "" && !t.any(claimed, now):
		return "", refuse(codeNoToken, "access_token: the app has none at the moment")
	}
	return "", refuse(codeToken, "access_token: tokeninfo check failed")
}

// any reports whether app has a token that is good.
func (t *tokens) any(app string, now time.Time) bool {
	for _, each := range t.created {
		if each.app == app && each.alive(now) {
			return true
		}
	}
	return false
}

// Tokens returns how many access tokens the platform has created.
func (s *Server) Tokens() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.tokens.created)
}

// ExpireTokens makes all access tokens handed out so far expire now.
func (s *Server) ExpireTokens() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, each := range s.tokens.created {
		each.dead = true
	}
}

// token is the operation /token/create.
func (s *Server) token(c *call) (any, error) {
	if err := c.done(); err != nil {
		return nil, err
	}
	text, err := s.tokens.create(c.app.ID, s.clock.Now(), s.KeepTokens)
	if err != nil {
		return nil, err
	}
	return object{
		{"access_token", text},
		{"expires_in", int64(tokenLife / time.Second)},
	}, nil
}

// madeUp is a text of n hex digits that looks like nothing else.
func madeUp(kind string, serial, n int) string {
	sum := sha256.Sum256([]byte(kind + strconv.Itoa(serial)))
	return hex.EncodeToString(sum[:])[:n]
}
