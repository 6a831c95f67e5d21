package sandbox

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"time"
)

// Fault is what goes wrong with one exchange. The zero Fault is [None].
type Fault struct {
	name string
	idle bool // the gateway does not act
	send func(http.ResponseWriter, *http.Request, *httptest.ResponseRecorder)
	own  any
}

// None is no fault: the exchange goes well.
var None Fault

// Faults every gateway can have. Where the gateway acted, the request was
// carried out in full, whatever became of the reply; where it did not act, no
// order was made and no money moved.
var (
	// DropBefore cuts the connection; the gateway did not act.
	DropBefore = Before("drop before", func(http.ResponseWriter, *http.Request) { drop() })
	// DropAfter takes the money and loses the reply: the gateway acted, then
	// cuts the connection.
	DropAfter = After("drop after", func(http.ResponseWriter, *http.Request, *httptest.ResponseRecorder) { drop() })
	// ServerError answers HTTP 502 with a page of HTML; the gateway did not act.
	ServerError = Before("server error", func(w http.ResponseWriter, _ *http.Request) { badGateway(w) })
	// ServerErrorAfter is [ServerError], but the gateway acted.
	ServerErrorAfter = After("server error after", func(w http.ResponseWriter, _ *http.Request, _ *httptest.ResponseRecorder) {
		badGateway(w)
	})
	// Garbage answers 200 with a text that is no reply at all; the gateway acted.
	Garbage = Body("garbage", func([]byte) []byte { return []byte("\x00 not a reply \xff") })
	// Empty answers 200 with an empty body; the gateway acted.
	Empty = Body("empty", func([]byte) []byte { return nil })
	// Oversized answers 200 with a good reply behind more than 1 MiB of white
	// space, for readers that must stop reading; the gateway acted.
	Oversized = Body("oversized", func(reply []byte) []byte {
		return append(bytes.Repeat([]byte(" "), 1<<20+1), reply...)
	})
	// Truncated announces the whole reply and cuts the connection in the
	// middle of it; the gateway acted.
	Truncated = After("truncated", truncate)
	// Redirect answers 302 to the path /elsewhere of the same gateway, which
	// thereby sees whoever follows it; the gateway did not act.
	Redirect = Before("redirect", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", "/elsewhere")
		w.WriteHeader(http.StatusFound)
	})
)

// Slow acts at once and answers after d, unless the client leaves before.
func Slow(d time.Duration) Fault {
	return After(fmt.Sprintf("slow %v", d), func(w http.ResponseWriter, r *http.Request, reply *httptest.ResponseRecorder) {
		timer := time.NewTimer(d)
		defer timer.Stop()
		select {
		case <-timer.C:
			replay(w, reply)
		case <-r.Context().Done():
			drop()
		}
	})
}

// Before makes a fault in which the gateway does not act and send answers.
func Before(name string, send func(http.ResponseWriter, *http.Request)) Fault {
	return Fault{name: name, idle: true, send: func(w http.ResponseWriter, r *http.Request, _ *httptest.ResponseRecorder) {
		send(w, r)
	}}
}

// After makes a fault in which the gateway acts and send answers in its place,
// given the reply that would have gone out.
func After(name string, send func(http.ResponseWriter, *http.Request, *httptest.ResponseRecorder)) Fault {
	return Fault{name: name, send: send}
}

// Body makes a fault in which the gateway acts and change makes another body
// of its reply's. The status and the media type stay.
func Body(name string, change func(reply []byte) []byte) Fault {
	return After(name, func(w http.ResponseWriter, _ *http.Request, reply *httptest.ResponseRecorder) {
		reply.Body = bytes.NewBuffer(change(reply.Body.Bytes()))
		replay(w, reply)
	})
}

// Own makes a fault that only one provider's gateway understands: it finds
// value with [Fault.Own] and does the rest itself.
func Own(name string, value any) Fault { return Fault{name: name, own: value} }

// Own returns the value of a provider's own fault, nil for the others.
func (f Fault) Own() any { return f.own }

// String returns the name of the fault.
func (f Fault) String() string {
	if f.name == "" {
		return "none"
	}
	return f.name
}

// Serve answers r under the fault. It calls gateway, unless under this fault
// the gateway does not act.
func (f Fault) Serve(w http.ResponseWriter, r *http.Request, gateway http.HandlerFunc) {
	reply := httptest.NewRecorder()
	if !f.idle {
		gateway(reply, r)
	}
	if f.send == nil {
		replay(w, reply)
		return
	}
	f.send(w, r, reply)
}

func replay(w http.ResponseWriter, reply *httptest.ResponseRecorder) {
	maps.Copy(w.Header(), reply.Header())
	w.WriteHeader(reply.Code)
	_, _ = w.Write(reply.Body.Bytes()) // the client may be gone
}

func truncate(w http.ResponseWriter, _ *http.Request, reply *httptest.ResponseRecorder) {
	body := reply.Body.Bytes()
	maps.Copy(w.Header(), reply.Header())
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(reply.Code)
	_, _ = w.Write(body[:len(body)/2])
	_ = http.NewResponseController(w).Flush() // or nothing would arrive at all
	drop()
}

func badGateway(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(http.StatusBadGateway)
	_, _ = io.Copy(w, strings.NewReader("<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>\n"))
}

// drop cuts the connection: both net/http and [Transport] know this value.
func drop() { panic(http.ErrAbortHandler) }
