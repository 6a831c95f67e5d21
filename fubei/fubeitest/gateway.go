package fubeitest

import (
	"errors"
	"io"
	"maps"
	"mime"
	"net/http"
	"slices"
	"strings"

	"github.com/duopay/duopay/internal/sandbox"
)

// message is a request as far as it can be read.
type message struct {
	params map[string]string // the flat object of the body
	biz    *fields           // what biz_content holds; nil without one
	err    error             // why the body is not one flat object of strings
}

func readMessage(body io.Reader) (m message, raw []byte) {
	raw, err := io.ReadAll(body)
	if err != nil {
		m.err = invalid("body", "%v", err)
		return m, raw
	}
	values, err := sandbox.ParseObject(raw)
	if err != nil {
		m.err = invalid("body", "%v", err)
		return m, raw
	}
	m.params = make(map[string]string)
	for _, name := range slices.Sorted(maps.Keys(values)) {
		text, ok := sandbox.ParseString(values[name])
		switch {
		case !ok && m.err == nil:
			m.err = invalid(name, "must be a JSON string, is %.40s", values[name])
		case ok && text == "" && m.err == nil:
			m.err = invalid(name, "empty: leave the parameter out")
		}
		m.params[name] = text
	}
	if text := m.params["biz_content"]; text != "" {
		m.biz = newFields("biz_content.", []byte(text))
		m.biz.path = "" // the names alone, once it is an object
	}
	return m, raw
}

// orderNo is the merchant's order number, if the message has one.
func (m message) orderNo() string {
	if m.biz == nil {
		return ""
	}
	no, _ := sandbox.ParseString(m.biz.values["merchant_order_sn"])
	return no
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
		reply, refused := s.answer(r, m, fault.Own())
		s.log.Refuse(place, refused)
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		_, _ = io.WriteString(w, reply.Text()) //nolint:gosec // JSON is not read as HTML
	})
}

// answer carries the request out, unless a fault of this provider says no, and
// returns the envelope and why the request was refused.
func (s *Server) answer(r *http.Request, m message, fault any) (reply object, refused string) {
	no, scripted := fault.(*refusal)
	if !scripted {
		data, err := s.perform(r, m)
		if err == nil {
			reply = success(data)
		} else {
			errors.As(err, &no) // there is no other kind of error
		}
	}
	if no != nil {
		reply, refused = no.envelope(m.orderNo()), no.message
	}
	if change, ok := fault.(edit); ok {
		reply = change(reply)
	}
	return reply, refused
}

func (s *Server) perform(r *http.Request, m message) (object, error) {
	if err := s.check(r, m); err != nil {
		return nil, err
	}
	operation := s.operation(m.params["method"])
	if operation == nil {
		return nil, invalid("method", "%s is not an operation of this gateway", m.params["method"])
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return operation(m.biz)
}

func (s *Server) operation(method string) func(*fields) (object, error) {
	switch method {
	case MethodSwipe:
		return s.swipe
	case MethodScan:
		return s.scan
	case MethodQuery:
		return s.query
	case MethodReverse:
		return s.reverse
	case MethodClose:
		return s.close
	case MethodRefund:
		return s.refund
	case MethodRefundQuery:
		return s.refundQuery
	case MethodRefundStatistics:
		return s.refundStatistics
	case MethodTime:
		return s.time
	}
	return nil
}

// check holds a request against everything that is the same for all
// operations: HTTP, the common parameters and the signature.
func (s *Server) check(r *http.Request, m message) error {
	if err := checkHTTP(r); err != nil {
		return err
	}
	if m.err != nil {
		return m.err
	}
	secret, err := s.secret(m.params)
	if err != nil {
		return err
	}
	if err := checkParams(m.params); err != nil {
		return err
	}
	if !signed(m.params, secret) {
		return invalid("sign", "not the signature of what was sent")
	}
	if err := checkPath(r.URL.Path, m.params); err != nil {
		return err
	}
	return m.biz.err
}

func checkHTTP(r *http.Request) error {
	if r.Method != http.MethodPost {
		return invalid("HTTP", "method %s: must be POST", r.Method)
	}
	media, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || media != "application/json" {
		return invalid("Content-Type", "must be application/json")
	}
	if charset := params["charset"]; charset != "" && !strings.EqualFold(charset, "utf-8") {
		return invalid("Content-Type", "charset must be utf-8")
	}
	return nil
}

// secret returns the secret of whoever the request says it is from.
func (s *Server) secret(params map[string]string) (string, error) {
	app, vendor := params["app_id"], params["vendor_sn"]
	switch {
	case app != "" && vendor != "":
		return "", invalid("app_id", "sent together with vendor_sn")
	case app == "" && vendor == "":
		return "", invalid("app_id", "missing, or vendor_sn")
	case app != "" && app != s.AppID:
		return "", invalid("app_id", "unknown")
	case app != "":
		return s.Secret, nil
	case vendor != s.VendorSN:
		return "", invalid("vendor_sn", "unknown")
	}
	return s.VendorSecret, nil
}

func checkParams(params map[string]string) error {
	for _, name := range []string{"method", "nonce", "biz_content", "sign"} {
		if params[name] == "" {
			return invalid(name, "missing")
		}
	}
	for _, fixed := range []struct{ name, value string }{
		{"format", "json"},
		{"sign_method", "md5"},
		{"version", "1.0"},
	} {
		if params[fixed.name] != fixed.value {
			return invalid(fixed.name, "must be %s", fixed.value)
		}
	}
	return nil
}

// checkPath holds the two families of methods against address and level.
func checkPath(path string, params map[string]string) error {
	want := "/gateway"
	if strings.HasPrefix(params["method"], "fbpay.") {
		want = "/gateway/agent"
	} else if params["vendor_sn"] != "" {
		return invalid("vendor_sn", "%s is a method of the merchant", params["method"])
	}
	if path != want {
		return invalid("HTTP", "path %s: %s is answered at %s", path, params["method"], want)
	}
	return nil
}
