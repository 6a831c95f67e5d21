package guanaitongtest

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/duopay/duopay/internal/sandbox"
)

// commonParams may come with every call.
var commonParams = []string{"access_token", "timestamp", "sign", "version", "grant_type", "appid"}

// clockSkew is how far a timestamp may be off.
const clockSkew = 5 * time.Minute

// message is a request as far as it can be read.
type message struct {
	params map[string]string // of query and form together
	json   bool              // the body is JSON
	body   string            // as it came
	err    error             // why it cannot be read
}

func readMessage(w http.ResponseWriter, r *http.Request) message {
	m := message{params: make(map[string]string)}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
	m.body = string(body)
	if err != nil {
		m.fail("body", "%v", err)
	}
	m.add("query", r.URL.RawQuery)
	if m.body == "" {
		return m
	}
	switch media, params, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); {
	case params["charset"] != "" && !strings.EqualFold(params["charset"], "utf-8"):
		m.fail("Content-Type", "charset must be utf-8")
	case media == "application/x-www-form-urlencoded":
		m.add("body", m.body)
	case media == "application/json":
		m.json = true
	default:
		m.fail("Content-Type", "neither a form nor JSON")
	}
	return m
}

func (m *message) fail(name, format string, args ...any) {
	if m.err == nil {
		m.err = refuse(codeValue, "%s: %s", name, fmt.Sprintf(format, args...))
	}
}

// add reads parameters, encoded as in a form.
func (m *message) add(where, encoded string) {
	values, err := url.ParseQuery(encoded)
	if err != nil {
		m.fail(where, "%v", err)
	}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		text := values[name][0]
		_, twice := m.params[name]
		switch {
		case twice || len(values[name]) > 1:
			m.fail(name, "sent twice")
		case !utf8.ValidString(name + text):
			m.fail(name, "not UTF-8")
		case trim(text) == "":
			m.fail(name, "blank: leave the parameter out")
		case trim(text) != text || trim(name) != name:
			m.fail(name, "blank at the beginning or the end")
		}
		m.params[name] = text
	}
}

func (m *message) has(name string) bool {
	_, ok := m.params[name]
	return ok
}

// signed are the parameters that are signed, sign among them.
func (m *message) signed() map[string]string {
	params := maps.Clone(m.params)
	if m.json {
		params["_body"] = m.body
	}
	return params
}

// call is a request that has passed all checks that are the same for all
// operations.
type call struct {
	*fields
	app  App
	edit edit
}

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	m := readMessage(w, r)
	place := s.log.Add(sandbox.Request{
		Op:      r.URL.Path,
		OrderNo: m.params["outer_trade_no"],
		At:      s.clock.Now(),
		Query:   r.URL.RawQuery,
		Body:    []byte(m.body),
	})
	fault := s.script.Take(r.URL.Path)
	fault.Serve(w, r, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Trace-Id", madeUp("trace", place, 32))
		s.answer(w, r, m, fault.Own(), place)
	})
}

// answer carries the request out, unless a fault of this provider says no.
func (s *Server) answer(w http.ResponseWriter, r *http.Request, m message, fault any, place int) {
	no, scripted := fault.(*refusal)
	change, _ := fault.(edit)
	reply := envelope{int64(0), "OK", null}
	if !scripted {
		data, err := s.perform(r, m, change)
		if to, ok := data.(location); ok {
			w.Header().Set("Location", string(to))
			w.WriteHeader(http.StatusFound)
			return
		}
		reply.data = data
		errors.As(err, &no) // there is no other kind of error
	}
	if no != nil {
		reply = no.envelope()
		s.log.Refuse(place, no.Error())
	}
	if change.envelope != nil {
		reply = change.envelope(reply)
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	_, _ = w.Write(reply.text()) //nolint:gosec // it is JSON and says so; the client may have left
}

func (s *Server) perform(r *http.Request, m message, change edit) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	app, err := s.check(r, m)
	if err != nil {
		return nil, err
	}
	operation, apps := s.operation(r.URL.Path)
	switch {
	case operation == nil:
		return nil, refuse(codePath, "%s: no such interface", r.URL.Path)
	case !slices.Contains(apps, app):
		return nil, refuse(codeForbidden, "%s: not for this app", r.URL.Path)
	}
	return operation(&call{newForm(m.params), app, change})
}

// operation returns what is done at a path, nil if nothing, and for whom.
func (s *Server) operation(path string) (perform func(*call) (any, error), apps []App) {
	caller, seller := []App{s.Caller}, []App{s.Seller}
	switch path {
	case PathToken:
		return s.token, []App{s.Caller, s.Seller}
	case PathPay:
		return s.pay, caller
	case PathAuthCodeByMobile:
		return s.authCodeByMobile, caller
	case PathAuthCodeByCorpCode:
		return s.authCodeByCorpCode, caller
	case PathAuthCodeByEmail:
		return s.authCodeByEmail, caller
	case PathAccounts:
		return s.accounts, caller
	case PathConsume:
		return s.consume, caller
	case PathConsumeList:
		return s.consumeList, caller
	case PathRecord:
		return s.record, seller
	case PathRefund:
		return s.refund, seller
	case PathRefundRecord:
		return s.refundRecord, seller
	}
	return nil, nil
}

// check holds a request against everything that is the same for all
// operations: HTTP, the common parameters, the token, the time and the
// signature. It returns the app the request is from.
func (s *Server) check(r *http.Request, m message) (app App, err error) {
	byBrowser := s.Redirects && r.URL.Path == PathPay && r.Method == http.MethodGet
	switch {
	case r.Method != http.MethodPost && !byBrowser:
		return app, refuse(codeMethod, "HTTP: method %s: must be POST", r.Method)
	case m.has("appsecret"):
		return app, refuse(codeSecret, "appsecret: must never be sent")
	case m.has("_body"):
		return app, refuse(codeValue, "_body: must never be sent")
	case m.err != nil:
		return app, m.err
	}
	if err := checkParams(m.params); err != nil {
		return app, err
	}
	if app, err = s.sender(r.URL.Path, m.params); err != nil {
		return app, err
	}
	if err := checkTimestamp(m.params["timestamp"], s.clock.Now()); err != nil {
		return app, err
	}
	if !signed(s.Hash, m.signed(), app.Secret) {
		return app, refuse(codeSign, "sign: not the signature of what was sent")
	}
	return app, nil
}

func checkParams(params map[string]string) error {
	in := newForm(params)
	in.require("timestamp", "sign")
	in.text("version", 1, 5)
	if grant := in.text("grant_type", 1, 17); grant != "" && grant != "client_credential" {
		in.fail(codeValue, "grant_type", "must be client_credential")
	}
	return in.err
}

// sender returns the app a request is from: the one that asks for a token, or
// the one that has the token.
func (s *Server) sender(path string, params map[string]string) (App, error) {
	needed := "access_token"
	if path == PathToken {
		needed = "appid"
	}
	if params[needed] == "" {
		return App{}, refuse(codeMissing, "%s: missing", needed)
	}
	id := params["appid"]
	if path != PathToken {
		var err error
		if id, err = s.tokens.app(params["access_token"], id, s.clock.Now()); err != nil {
			return App{}, err
		}
	}
	for _, app := range []App{s.Caller, s.Seller} {
		if app.ID == id {
			return app, nil
		}
	}
	return App{}, refuse(codeApp, "appid: unknown")
}

func checkTimestamp(text string, now time.Time) error {
	// The manual says 10 digits. In a testing/synctest bubble it is the year
	// 2000 and there are 9; elsewhere the next check catches all others.
	seconds, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return refuse(codeTimestamp, "timestamp: must be Unix time in seconds")
	}
	if off := now.Unix() - seconds; off < -int64(clockSkew/time.Second) || off > int64(clockSkew/time.Second) {
		return refuse(codeTimestamp, "timestamp: %d seconds from the platform's time", off)
	}
	return nil
}
