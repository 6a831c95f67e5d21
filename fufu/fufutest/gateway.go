package fufutest

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"

	"github.com/duopay/duopay/internal/sandbox"
)

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	in, raw := readFields(http.MaxBytesReader(w, r.Body, 1<<20))
	op, perform := s.operation(r.URL.Path)
	place := s.log.Add(sandbox.Request{
		Op:      op,
		OrderNo: in.peek("out_trade_no"),
		At:      s.clock.Now(),
		Body:    raw,
	})
	fault := s.script.Take(op)
	fault.Serve(w, r, func(w http.ResponseWriter, r *http.Request) {
		reply, err := respond(fault.Own(), func() (object, error) {
			if err := s.check(r, in, raw); err != nil {
				return nil, err
			}
			s.mu.Lock()
			defer s.mu.Unlock()
			return perform(in)
		})
		if err != nil {
			s.log.Refuse(place, err.Error())
		}
		w.Header().Set("Content-Type", "application/json;charset=UTF-8")
		_, _ = io.WriteString(w, reply.Text()) //nolint:gosec // JSON, and said to be
	})
}

// respond carries a request out, unless a fault of this provider says no, and
// returns the envelope and why the request was refused.
func respond(fault any, perform func() (object, error)) (reply object, err error) {
	if no, ok := fault.(*refusal); ok {
		return no.envelope(), no
	}
	data, err := perform()
	if no, ok := errors.AsType[*refusal](err); ok { // there is no other kind of error
		return no.envelope(), no
	}
	reply = success(data)
	if change, ok := fault.(edit); ok {
		reply = change(reply)
	}
	return reply, nil
}

// operation tells from a path what is asked for. Op is "" if nothing is.
func (s *Server) operation(path string) (op string, perform func(*fields) (object, error)) {
	op, below := strings.CutPrefix(path, basePath+"/")
	if below {
		switch op {
		case OpOrder:
			return op, s.order
		case OpPreOrder:
			return op, s.preOrder
		case OpRefund:
			return op, s.refund
		case OpQuery:
			return op, s.query
		case OpCancel:
			return op, s.cancel
		case OpClose:
			return op, s.close
		case OpRefundQuery:
			return op, s.refundQuery
		}
	}
	return "", func(*fields) (object, error) {
		return nil, invalid("HTTP", "path %s is not one of this gateway's operations", path)
	}
}

// check holds a request against everything that is the same for all
// operations: HTTP, the merchant and the signature.
func (s *Server) check(r *http.Request, in *fields, raw []byte) error {
	if err := checkHTTP(r); err != nil {
		return err
	}
	in.require("busi_id")
	busiID := in.number("busi_id", 32)
	if in.err != nil {
		return in.err
	}
	if busiID != s.BusiID {
		return illegal("UNREGISTERED_BUSI", "busi_id", "unknown")
	}
	return s.checkSign(r.URL.Query()["sign"], raw)
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
		return invalid("Content-Type", "charset must be UTF-8")
	}
	return nil
}

// checkSign holds the values of the query parameter sign against the body.
func (s *Server) checkSign(values []string, body []byte) error {
	if len(values) != 1 {
		return unsigned("no query parameter sign, or several")
	}
	at, ok := signed(values[0], body, s.Key)
	if !ok {
		return unsigned("not the signature of what was sent")
	}
	if age := s.clock.Now().Sub(at).Abs(); s.MaxAge > 0 && age > s.MaxAge {
		return unsigned("made " + age.String() + " from now")
	}
	return nil
}
