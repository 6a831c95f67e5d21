// Package fubeitest is a fake 付呗 (Fubei) gateway for tests.
//
// It follows the provider's documentation, not this module's client: it has
// its own signer and imports nothing of package fubei, so that a mistake made
// there is not made here again.
//
//	srv := fubeitest.NewServer()
//	defer srv.Close()
//	// ... point a client at srv.URL with srv.AppID and srv.Secret ...
//	srv.Next(fubeitest.MethodSwipe, fubeitest.DropAfter) // take the money, lose the reply
//	// ... charge a payment code ...
//	order, _ := srv.Order("DP0001") // what really happened
//
// The gateway keeps an order book. It checks the envelope, the signature and
// every documented field of a request, the fields of biz_content by name, type
// and length in characters, and refuses what it does not know: result_code
// 9996 and a result_message that begins with the field's name. What the book
// does not allow is refused with result_code 400 and one of the sub_code values
//
//	ORDER_NOT_EXIST   no such order
//	ORDER_REPEAT      the merchant_order_sn was used before
//	AUTH_CODE_USED    the auth_code was used before
//	ORDER_KIND        reverse of a scanned order, close of a swiped one
//	ORDER_STATE       the order's state does not allow it
//	REFUND_NOT_EXIST  no such refund of this order
//	REFUND_REPEAT     the merchant_refund_sn was used before
//	REFUND_TOO_MUCH   more than is left of the amount received
//	REFUND_TOO_MANY   an eleventh refund
//	REFUND_TOO_LATE   more than 90 days after the payment
//
// which are this package's inventions: the provider publishes no list.
//
// Orders are USERPAYING, SUCCESS, CLOSED, REVOKING, REVOKED or REVOKED_ERROR;
// refunds REFUND_PROCESSING, REFUND_SUCCESS or REFUND_FAILER, spelled as the
// provider spells it. A refunded order stays SUCCESS.
//
// Amounts in the Go API are fen, on the wire yuan. The gateway's day is Beijing
// time, UTC+8. It takes 0.38 % as its fee and gives no coupons.
package fubeitest

import (
	"net/http"
	"net/http/httptest"
	"sync"
	"time"

	"github.com/duopay/duopay/internal/sandbox"
)

// The operations the gateway answers, as they stand in the field "method".
const (
	MethodSwipe            = "openapi.payment.order.swipe"
	MethodScan             = "openapi.payment.order.scan"
	MethodQuery            = "openapi.payment.order.query"
	MethodReverse          = "openapi.payment.order.reverse"
	MethodClose            = "openapi.payment.order.close"
	MethodRefund           = "openapi.payment.order.refund"
	MethodRefundQuery      = "openapi.payment.order.refund.query"
	MethodRefundStatistics = "openapi.payment.refund.statistics"
	MethodTime             = "openapi.get.time"
)

// Server is a fake gateway. Its methods are safe for concurrent use; its
// fields may be changed before the first request only.
type Server struct {
	// URL is the base address, without the path: requests go to URL/gateway.
	URL string

	// AppID and Secret are the merchant's, VendorSN and VendorSecret the
	// agent's. All are made up. The operations above are the merchant's;
	// methods of the agent (fbpay.*) are checked up to their signature and
	// then refused.
	AppID, Secret          string
	VendorSN, VendorSecret string

	// NotifyInterval is the time between two deliveries of a notification,
	// short to begin with.
	NotifyInterval time.Duration

	listener  *httptest.Server // nil if not started
	transport *sandbox.Transport
	script    sandbox.Script
	log       sandbox.Log
	clock     sandbox.Clock
	plan      plan

	mu   sync.Mutex // guards what follows
	book book
}

// plan is what a test has arranged for coming orders, each entry for one.
type plan struct {
	passwords sandbox.Queue[int]   // swipes: the query at which the payer confirms
	discounts sandbox.Queue[int64] // swipes: fen
	revokes   sandbox.Queue[revoke]
	refunds   sandbox.Queue[settle]
}

type revoke struct {
	queries int // that see REVOKING; negative: all
	fails   bool
}

type settle struct {
	query int // at which the refund is done; negative: never
	fails bool
}

// NewServer starts a gateway on the loopback interface. Close it when done.
func NewServer() *Server {
	s := NewUnstartedServer()
	s.listener = httptest.NewServer(s)
	s.URL = s.listener.URL
	return s
}

// NewUnstartedServer returns a gateway that does not listen. Its URL leads
// nowhere; [Server.Transport] and [Server.ServeHTTP] reach it. It needs no
// Close and works inside a testing/synctest bubble.
func NewUnstartedServer() *Server {
	s := &Server{
		URL:            "https://fubei.invalid",
		AppID:          "20990101000000000001",
		Secret:         "made-up-fubei-merchant-secret",
		VendorSN:       "2099010100000000002a",
		VendorSecret:   "made-up-fubei-vendor-secret",
		NotifyInterval: time.Millisecond,
	}
	s.transport = sandbox.NewTransport(s)
	return s
}

// Close shuts the listener down and waits for the requests under way.
func (s *Server) Close() {
	if s.listener != nil {
		s.listener.Close()
	}
}

// Transport answers every request it is given from this gateway, in memory,
// whatever the host: &http.Client{Transport: srv.Transport()}.
func (s *Server) Transport() http.RoundTripper { return s.transport }

// Unreachable makes the next n connections through [Server.Transport] fail as
// refused: nothing is sent.
func (s *Server) Unreachable(n int) { s.transport.Refuse(n) }

// SetClock makes now the gateway's clock; nil is the system's again.
func (s *Server) SetClock(now func() time.Time) { s.clock.Set(now) }

// Next arranges faults for the coming requests of a method, one each; "" is
// any method. [None] lets a request pass.
func (s *Server) Next(method string, faults ...Fault) { s.script.Push(method, faults...) }

// Request is one request that reached the gateway, accepted or not. Op is its
// method.
type Request = sandbox.Request

// Requests returns the requests of a method that reached the gateway, or all
// for "", in order of arrival.
func (s *Server) Requests(method string) []Request { return s.log.Requests(method) }

// AskPassword makes one coming swipe wait for its payer: it is USERPAYING and
// becomes paid at the n-th query, or never if n is negative. Each call is for
// one swipe.
func (s *Server) AskPassword(n int) { s.plan.passwords.Push(n) }

// Discount takes fen off one coming swipe that does not say discount_switch 0,
// as the merchant's discount; one fen is left at least. Each call is for one
// swipe.
func (s *Server) Discount(fen int64) { s.plan.discounts.Push(fen) }

// SlowRevoke makes one coming reversal take its time: it is accepted, n
// queries (all, if n is negative) say REVOKING, the next says REVOKED and the
// money is back.
func (s *Server) SlowRevoke(n int) { s.plan.revokes.Push(revoke{queries: n}) }

// FailRevoke makes one coming reversal fail after it was accepted: the order
// is REVOKED_ERROR, the money stays where it was. Reversing again helps.
func (s *Server) FailRevoke() { s.plan.revokes.Push(revoke{fails: true}) }

// SlowRefund makes one coming refund REFUND_SUCCESS at the n-th refund query
// instead of the first, or never if n is negative.
func (s *Server) SlowRefund(n int) { s.plan.refunds.Push(settle{query: n}) }

// FailRefund makes one coming refund fail after it was accepted: its first
// query says REFUND_FAILER, and the money stays with the merchant.
func (s *Server) FailRefund() { s.plan.refunds.Push(settle{query: 1, fails: true}) }
