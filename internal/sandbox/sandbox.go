// Package sandbox holds what the fake gateways of all providers share: faults
// and a script of them, a transport that needs no sockets, a log of what
// arrived, the delivery of notifications, JSON objects in order, and exact
// amounts. What a provider does with money, what it signs and what it refuses
// is not here: the providers differ in it, and a fake must know its own
// provider only.
//
// Everything that is handed out by pointer is safe for concurrent use.
package sandbox

import (
	"bytes"
	"sync"
	"time"
)

// Request is one request that reached a gateway.
type Request struct {
	Op      string    // the operation, in the provider's words; "" if it could not be told
	OrderNo string    // the merchant's order number; "" if it could not be told
	At      time.Time // when it arrived, by the gateway's clock
	Query   string    // the query of its URL as it came, where a provider has one
	Body    []byte    // the body as it came
	Refused string    // why the gateway refused it; "" if it did not
}

// Log remembers the requests that reached a gateway. The zero Log is empty.
type Log struct {
	mu       sync.Mutex
	requests []Request
}

// Add appends a request and returns its place in the log.
func (l *Log) Add(r Request) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	r.Body = bytes.Clone(r.Body)
	l.requests = append(l.requests, r)
	return len(l.requests) - 1
}

// Refuse notes why the request at a place was refused.
func (l *Log) Refuse(place int, why string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.requests[place].Refused = why
}

// Requests returns the requests for op, or all for "", in order of arrival.
func (l *Log) Requests(op string) []Request {
	l.mu.Lock()
	defer l.mu.Unlock()
	var found []Request
	for _, r := range l.requests {
		if op == "" || r.Op == op {
			r.Body = bytes.Clone(r.Body)
			found = append(found, r)
		}
	}
	return found
}

// Script is a queue of faults per operation. The zero Script is empty.
type Script struct {
	mu     sync.Mutex
	faults map[string][]Fault
}

// Push queues faults for the coming requests of op, one each; "" is any
// operation. [None] lets a request pass.
func (s *Script) Push(op string, faults ...Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.faults == nil {
		s.faults = make(map[string][]Fault)
	}
	s.faults[op] = append(s.faults[op], faults...)
}

// Take removes and returns the next fault for op: one pushed for op itself,
// else one pushed for any operation, else [None].
func (s *Script) Take(op string) Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, key := range []string{op, ""} {
		if queue := s.faults[key]; len(queue) > 0 {
			s.faults[key] = queue[1:]
			return queue[0]
		}
	}
	return None
}

// Clock is a gateway's clock. The zero Clock is the system's.
type Clock struct {
	mu  sync.Mutex
	now func() time.Time
}

// Set makes now the clock; nil is the system's clock again.
func (c *Clock) Set(now func() time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = now
}

// Now returns the time by the clock.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	now := c.now
	c.mu.Unlock()
	if now == nil {
		return time.Now()
	}
	return now()
}
