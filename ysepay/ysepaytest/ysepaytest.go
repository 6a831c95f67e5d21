// Package ysepaytest is a fake 银盛支付 (Ysepay) gateway for tests, of the
// generation gateway.do.
//
// It follows the provider's documentation, not this module's client: it builds
// its own strings to sign, writes its own envelopes and imports nothing of
// package ysepay, so that a mistake made there is not made here again.
//
//	srv := ysepaytest.NewServer()
//	defer srv.Close()
//	// ... point a client at srv.URL with srv.PartnerID, srv.RSA.MerchantKey and srv.RSA.PlatformCertificate ...
//	srv.Next(ysepaytest.MethodPay, ysepaytest.DropAfter) // make the order, lose the reply
//	// ... create the combined order orderNo ...
//	srv.Pay(orderNo)               // the payer pays
//	srv.Notify(ctx, nil, orderNo)  // the gateway tells the merchant
//	order, _ := srv.Order(orderNo) // what really happened
//
// The gateway keeps an order book. It checks HTTP, every common parameter, the
// signature and every documented member of biz_content, and refuses what it
// does not know. A message about a parameter is in sub_msg and begins with the
// parameter's name. All answers are signed with the platform's key of the
// request's sign_type, refusals too; without a known sign_type they cannot be.
// The member sign stands before the node, behind it, and before it with another
// member at the end, in turn.
//
// The codes it answers:
//
//	10000                          accepted
//	40001 isv.missing-parameter    a parameter is missing
//	40002 isv.invalid-signature    the signature is not that of what was sent
//	40002 isv.invalid-parameter    a parameter breaks a rule
//	40004 ACQ.QUERY_NO_RESULT      no such order or refund, or none of that shopdate
//	40004 ACQ.TRADE_HAS_EXISTED    the combined or a sub order's number was used before
//	40004 ACQ.TRADE_STATUS_ERROR   the order's state does not allow it
//	40004 ACQ.REFUND_EXCEEDED      more than is left of the sub order
//	40004 ACQ.REFUND_REPEAT        the out_request_no was used for another refund
//
// 10000, 40004 and ACQ.QUERY_NO_RESULT are known from the field, 40001, 40002
// and isv.invalid-signature only from the manual this provider's own is modelled
// on; the rest are this package's inventions. The provider publishes no list.
// A method that is not one of those below is answered in unknow_response, as
// the provider spells it.
//
// Inventions, too, where the manual is silent: a timestamp may be ten minutes
// off; a sub order is queried and refunded by its own number, and closing one
// closes the combined order it is part of; repeating a refund with the same
// out_request_no, sub order and amount says again what was said the first time;
// timeout_express is always obeyed; both values of tran_type behave alike.
//
// Amounts in the Go API are fen, on the wire yuan: JSON strings in the answers
// of pay and refund, JSON numbers in those of the queries. The gateway's day is
// Beijing time, UTC+8. It takes no fee.
package ysepaytest

import (
	"net/http"
	"net/http/httptest"
	"sync"
	"time"

	"github.com/duopay/duopay/internal/sandbox"
)

// The operations the gateway answers, as they stand in the parameter "method".
// Those of sub orders are the provider's operations for single orders.
const (
	MethodPay         = "ysepay.online.combine.alijsapi.pay"
	MethodQuery       = "ysepay.online.trade.order.combine.query"
	MethodClose       = "ysepay.online.trade.combine.close"
	MethodRefund      = "ysepay.online.trade.refund"
	MethodRefundQuery = "ysepay.online.trade.refund.query"
	MethodSubQuery    = "ysepay.online.trade.query"
	MethodSubDetail   = "ysepay.online.trade.order.query" // MethodSubQuery, with how it was paid
	MethodSubClose    = "ysepay.online.trade.close"
)

// Server is a fake gateway. Its methods are safe for concurrent use; its
// fields may be changed before the first request only.
type Server struct {
	// URL is the base address, without the path: requests go to
	// URL/gateway.do, or to any other path that ends in /gateway.do. One
	// server stands for all of the provider's hosts.
	URL string

	// PartnerID is the merchant number of the service provider, made up.
	PartnerID string

	// RSA and SM are the keys of the two values of sign_type. They are
	// made up, and public: never use them for anything else. A key that
	// cannot be read panics when it is used for the first time.
	RSA, SM Keys

	// NotifyInterval is the time between two deliveries of a notification,
	// short to begin with.
	NotifyInterval time.Duration

	listener  *httptest.Server // nil if not started
	transport *sandbox.Transport
	script    sandbox.Script
	log       sandbox.Log
	clock     sandbox.Clock
	ring      keyring
	plan      plan

	mu    sync.Mutex // guards what follows
	book  book
	turns int // answers so far, for the order of their members
}

// plan is what a test has arranged for coming orders and refunds, each entry
// for one.
type plan struct {
	payments sandbox.Queue[int] // the query at which the payer pays
	refunds  sandbox.Queue[settle]
}

// settle is how a refund comes to its end.
type settle struct {
	query int // at which it does; negative: never
	state string
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
		URL:            "https://ysepay.invalid",
		PartnerID:      "dp_partner_01",
		RSA:            Keys{merchantRSAKey, platformRSAKey, platformRSACertificate},
		SM:             Keys{merchantSMKey, platformSMKey, platformSMCertificate},
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
// method, OrderNo its combine_out_trade_no, or else its out_trade_no.
type Request = sandbox.Request

// Requests returns the requests of a method that reached the gateway, or all
// for "", in order of arrival.
func (s *Server) Requests(method string) []Request { return s.log.Requests(method) }

// PayOnQuery makes the payer of one coming order pay it at its n-th query,
// queries of its sub orders included. Each call is for one order.
func (s *Server) PayOnQuery(n int) { s.plan.payments.Push(n) }

// SlowRefund makes one coming refund success at the n-th refund query instead
// of the first, or never if n is negative; until then it is in_process.
func (s *Server) SlowRefund(n int) { s.plan.refunds.Push(settle{n, refundSuccess}) }

// FailRefund makes one coming refund fail after it was accepted: its first
// query says fail, and the money stays with the seller.
func (s *Server) FailRefund() { s.plan.refunds.Push(settle{1, refundFailed}) }

// ManualRefund hands one coming refund over to people after it was accepted:
// its first query and all that follow say fail_to_manual_deal, until
// [Server.SettleRefund] says how it ended. No money has moved so far.
func (s *Server) ManualRefund() { s.plan.refunds.Push(settle{1, refundManual}) }
