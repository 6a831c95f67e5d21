package ysepaytest

import (
	"cmp"
	"encoding/base64"
	"errors"
	"io"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/duopay/duopay/internal/sandbox"
)

// message is a request as far as it can be read.
type message struct {
	sent    map[string]string // the parameters, each in the bytes it was sent in
	params  map[string]string // the same as text
	charset charset           // UTF-8 if the request does not name one of the gateway's
	biz     *fields           // what biz_content holds; nil without one

	formErr error // why the body is not a form
	textErr error // why a parameter is not text
}

func readMessage(body io.Reader) (m message, raw []byte) {
	m.charset = utf8Charset
	raw, err := io.ReadAll(body)
	if err != nil {
		m.formErr = invalid("body", "%v", err)
		return m, raw
	}
	m.sent, m.formErr = parseForm(string(raw))
	m.charset, _ = charsetOf(m.sent["charset"])
	m.params = make(map[string]string)
	for _, name := range slices.Sorted(maps.Keys(m.sent)) {
		text, err := m.charset.decode(m.sent[name])
		if err != nil && m.textErr == nil {
			m.textErr = invalid(name, "%v", err)
		}
		m.params[name] = text
	}
	if text := m.params["biz_content"]; text != "" {
		m.biz = newFields("biz_content.", text, m.charset)
		m.biz.path = "" // the names alone, once it is an object
	}
	return m, raw
}

// parseForm reads a form in which no name occurs twice.
func parseForm(body string) (map[string]string, error) {
	form, err := url.ParseQuery(body)
	params := make(map[string]string)
	if err != nil {
		return params, invalid("body", "%v", err)
	}
	for _, name := range slices.Sorted(maps.Keys(form)) {
		if len(form[name]) > 1 {
			err = invalid(name, "occurs %d times", len(form[name]))
		}
		params[name] = form.Get(name)
	}
	return params, err
}

// orderNo is the merchant's order number, if the message has one.
func (m message) orderNo() string {
	if m.biz == nil {
		return ""
	}
	for _, name := range []string{"combine_out_trade_no", "out_trade_no"} {
		if no, ok := sandbox.ParseString(m.biz.values[name]); ok {
			return no
		}
	}
	return ""
}

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	m, raw := readMessage(http.MaxBytesReader(w, r.Body, 1<<20))
	place := s.log.Add(sandbox.Request{
		Op:      m.params["method"],
		OrderNo: m.orderNo(),
		At:      s.clock.Now(),
		Body:    raw,
	})
	fault := s.script.Take(m.params["method"])
	fault.Serve(w, r, func(w http.ResponseWriter, r *http.Request) {
		flaw, _ := fault.Own().(flaw)
		name, node, refused := s.answer(r, m, flaw)
		s.log.Refuse(place, refused)
		w.Header().Set("Content-Type", "application/json; charset="+string(m.charset))
		_, _ = io.WriteString(w, s.seal(m, name, node, flaw).text()) //nolint:gosec // G705: this is JSON, no HTML
	})
}

// answer carries the request out, unless the fault says no, and returns the
// node, its name, and why the request was refused.
func (s *Server) answer(r *http.Request, m message, f flaw) (name string, node object, refused string) {
	no := f.refuse
	if no == nil {
		var err error
		node, err = s.perform(r, m)
		errors.As(err, &no) // there is no other kind of error
	}
	name = nodeName(m.params["method"])
	if _, known := operationOf(m.params["method"]); !known {
		name = unknownNode
	}
	if no != nil {
		node, refused = no.object(), cmp.Or(no.subMsg, no.msg)
		if no.node != "" {
			name = no.node
		}
	}
	return name, node, refused
}

// seal signs the node and puts the answer together.
func (s *Server) seal(m message, name string, node object, f flaw) envelope {
	if f.node != nil {
		node = f.node(node)
	}
	if f.name != nil {
		name = f.name(name)
	}
	text := node.Text()
	if f.text != nil {
		text = f.text(text)
	}
	value := m.charset.encode(text)

	e := layout(s.turn(), member{"sign", s.sign(m.params["sign_type"], value, f)}, member{name, value})
	if f.whole != nil {
		e = f.whole(e, m.charset.encode(tamper(node).Text()))
	}
	return e
}

// sign returns the member sign of a node, nil if it is not to have one.
func (s *Server) sign(signType string, node []byte, f flaw) []byte {
	p, ok := s.pair(signType)
	if !ok {
		return nil
	}
	if f.sign == nil {
		return sandbox.JSON(encodeSign(p.platform.sign(node)))
	}
	if signature := f.sign(p, node); signature != nil {
		return sandbox.JSON(encodeSign(signature))
	}
	return nil
}

func (s *Server) turn() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.turns++
	return s.turns - 1
}

// operation is what the gateway does for one method.
type operation struct {
	do       func(*Server, message) (object, error) // called with s.mu held
	combined bool                                   // of combined orders: version 3.0
	opens    bool                                   // makes an order: needs notify_url, may have tran_type
	notifies bool                                   // may have notify_url
}

func operationOf(method string) (op operation, known bool) {
	switch method {
	case MethodPay:
		return operation{do: (*Server).pay, combined: true, opens: true, notifies: true}, true
	case MethodQuery:
		return operation{do: (*Server).query, combined: true}, true
	case MethodClose:
		return operation{do: (*Server).close, combined: true}, true
	case MethodRefund:
		return operation{do: (*Server).refund, notifies: true}, true
	case MethodRefundQuery:
		return operation{do: (*Server).refundQuery}, true
	case MethodSubQuery:
		return operation{do: (*Server).subQuery}, true
	case MethodSubDetail:
		return operation{do: (*Server).subDetail}, true
	case MethodSubClose:
		return operation{do: (*Server).subClose}, true
	}
	return operation{}, false
}

func (s *Server) perform(r *http.Request, m message) (object, error) {
	if err := s.check(r, m); err != nil {
		return nil, err
	}
	op, known := operationOf(m.params["method"])
	if !known {
		return nil, invalid("method", "%s is not an operation of this gateway", m.params["method"])
	}
	if err := s.checkParams(m, op); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return op.do(s, m)
}

// check holds a request against what is the same for all operations. Nothing
// but what the signature depends on is looked at before the signature.
func (s *Server) check(r *http.Request, m message) error {
	if err := checkHTTP(r, m); err != nil {
		return err
	}
	if m.formErr != nil {
		return m.formErr
	}
	if err := s.checkSender(m); err != nil {
		return err
	}
	if err := s.checkSign(m); err != nil {
		return err
	}
	if m.textErr != nil {
		return m.textErr
	}
	return checkNames(m)
}

func checkHTTP(r *http.Request, m message) error {
	if r.Method != http.MethodPost {
		return invalid("HTTP", "method %s: must be POST", r.Method)
	}
	if !strings.HasSuffix(r.URL.Path, "/gateway.do") {
		return invalid("HTTP", "path %s: must end in /gateway.do", r.URL.Path)
	}
	if r.URL.RawQuery != "" {
		return invalid("HTTP", "parameters stand in the body, not in the query")
	}
	media, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || media != "application/x-www-form-urlencoded" {
		return invalid("Content-Type", "must be application/x-www-form-urlencoded")
	}
	if name := params["charset"]; name != "" && !strings.EqualFold(name, m.sent["charset"]) {
		return invalid("Content-Type", "charset %s, but the parameter charset is %s", name, m.sent["charset"])
	}
	return nil
}

// checkSender checks what has to be known before the signature can be checked.
func (s *Server) checkSender(m message) error {
	for _, name := range []string{"partner_id", "charset", "sign_type", "sign"} {
		if blank(m.sent[name]) {
			return missing(name)
		}
	}
	if m.sent["partner_id"] != s.PartnerID {
		return invalid("partner_id", "unknown")
	}
	if _, ok := charsetOf(m.sent["charset"]); !ok {
		return invalid("charset", "must be UTF-8 or GBK")
	}
	if _, ok := s.pair(m.sent["sign_type"]); !ok {
		return invalid("sign_type", "must be RSA or SM")
	}
	return nil
}

func (s *Server) checkSign(m message) error {
	if strings.Contains(m.sent["sign"], " ") {
		return forged("holds a space: + must be sent as %%2B")
	}
	signature, err := base64.StdEncoding.DecodeString(m.sent["sign"])
	if err != nil {
		return forged("not base64")
	}
	if p, _ := s.pair(m.sent["sign_type"]); !p.merchant.verifies(signText(m.sent), signature) {
		return forged("not the signature of what was sent")
	}
	return nil
}

// checkNames refuses parameters that are empty or not known: most likely the
// name is misspelled, or belongs into biz_content.
func checkNames(m message) error {
	known := []string{
		"method", "partner_id", "timestamp", "charset", "sign_type", "sign",
		"notify_url", "version", "tran_type", "biz_content",
	}
	for _, name := range slices.Sorted(maps.Keys(m.params)) {
		if !slices.Contains(known, name) {
			return invalid(name, "not a common parameter")
		}
		if blank(m.params[name]) {
			return invalid(name, "empty: leave the parameter out")
		}
	}
	for _, name := range []string{"method", "timestamp", "version", "biz_content"} {
		if m.params[name] == "" {
			return missing(name)
		}
	}
	return nil
}

// tolerance is how far a timestamp may be off.
const tolerance = 10 * time.Minute

// checkParams checks what the common parameters say.
func (s *Server) checkParams(m message, op operation) error {
	sent, ok := parseTime(time.DateTime, m.params["timestamp"])
	if !ok {
		return invalid("timestamp", "not of the form yyyy-MM-dd HH:mm:ss")
	}
	if off := s.clock.Now().Sub(sent); off.Abs() > tolerance {
		return invalid("timestamp", "%v off, in UTC+8", off.Round(time.Second))
	}
	version := m.params["version"]
	if op.combined && version != "3.0" {
		return invalid("version", "must be 3.0")
	}
	if !versionForm.MatchString(version) {
		return invalid("version", "not of the form 3.0")
	}
	if kind := m.params["tran_type"]; kind != "" {
		if !op.opens {
			return invalid("tran_type", "not a parameter of this method")
		}
		if kind != "1" && kind != "2" {
			return invalid("tran_type", "must be 1 or 2")
		}
	}
	if err := checkNotifyURL(m.params["notify_url"], op); err != nil {
		return err
	}
	return m.biz.err
}

func checkNotifyURL(addresses string, op operation) error {
	switch {
	case addresses == "" && op.opens:
		return missing("notify_url")
	case addresses == "":
		return nil
	case !op.notifies:
		return invalid("notify_url", "not a parameter of this method")
	case len(addresses) > 190:
		return invalid("notify_url", "longer than 190 bytes")
	}
	for address := range strings.SplitSeq(addresses, ",") {
		u, err := url.Parse(address)
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			return invalid("notify_url", "%q is not an absolute http address", address)
		}
	}
	return nil
}
