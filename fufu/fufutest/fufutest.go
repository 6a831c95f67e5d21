// Package fufutest is a fake 付付 (Fufu) gateway for tests.
//
// It follows the provider's documentation, not this module's client: it has
// its own signer and imports nothing of package fufu, so that a mistake made
// there is not made here again.
//
//	srv := fufutest.NewServer()
//	defer srv.Close()
//	// ... point a client at srv.URL with srv.BusiID and srv.Key ...
//	srv.Next(fufutest.OpOrder, fufutest.DropAfter) // take the money, lose the reply
//	// ... charge a payment code ...
//	order, _ := srv.Order("DP0001") // what really happened
//
// The gateway keeps an order book. It checks HTTP, busi_id, the signature over
// the bytes as they came, and every documented field of a request by name,
// type (every value is a JSON string, numbers too) and length in characters.
// An optional field may be empty; a number or name, as out_trade_no, has no white
// space in it. A field the gateway does not know is refused: most likely its name
// is misspelled. The manual's limits for out_trade_no, openId, subAppId and
// notifyUrl are too short for its own samples: they are 50, 128, 32 and 256
// characters here.
//
// A request that breaks these rules is refused in result, without data. The
// return_msg begins with the name of the field (or with HTTP, Content-Type or
// body), the return_code is
//
//	ILLEGAL_PARAMETER  anything but the following
//	AMT_ERROR          an amount that is not 1 to 9999999999 in plain digits
//	UNREGISTERED_BUSI  not the merchant's busi_id
//
// but for a wrong signature return_code is FAIL and return_msg INVALID_SIGN.
// What the book does not allow is refused in data, with return_code FAIL and
// one of the return_msg
//
//	SERIAL_REPEAT           the out_trade_no or out_refund_no was used before
//	CHARGE_NONEXISTENT      no such order or refund
//	AREADY_REVOKED          the order is canceled; the provider's spelling
//	AMT_ERROR               a refund of more than is left
//	SOUNDWAVE_PARSER_FAIL   the auth_code was used before, or does not tell its channel
//	订单已支付              cancel or close of an order that is paid
//	订单未支付              refund of an order that is not
//	订单已关闭              close or refund of an order that is closed
//	订单撤销中              cancel of an order that is being canceled
//	订单类型不符            cancel of a preOrder, close of an order
//	订单创建15秒后才可撤销  cancel within 15 seconds
//	撤销时间为1:00至23:00   cancel at night
//
// The codes are the provider's. The Chinese texts are this package's
// inventions, as is which code stands for which of the rules above, except for
// SERIAL_REPEAT, CHARGE_NONEXISTENT and AREADY_REVOKED: the provider documents
// the rules without saying how a breach is answered.
//
// Amounts are fen, in the Go API and on the wire: hundredths of the order's
// currency. The gateway takes CNY, HKD at 0.9137 and THB at 0.2183 yuan. Its
// day is Beijing time, UTC+8, whatever time_zone says.
package fufutest

import (
	"net/http"
	"net/http/httptest"
	"sync"
	"time"

	"github.com/duopay/duopay/internal/sandbox"
)

// The operations the gateway answers, as they stand in the path below
// [Server.URL].
const (
	OpOrder       = "order"    // the merchant scans the payer's code
	OpPreOrder    = "preOrder" // the payer scans, or pays inside a page
	OpRefund      = "refund"
	OpQuery       = "query"
	OpCancel      = "cancel" // of an order
	OpClose       = "close"  // of a preOrder
	OpRefundQuery = "refundQuery"
)

// basePath is where the provider's documented address has its operations.
const basePath = "/gateway/pay"

// Server is a fake gateway. Its methods are safe for concurrent use; its
// fields may be changed before the first request only.
type Server struct {
	// URL is the base URL: requests go to URL/order and so on.
	URL string

	// BusiID and Key are the merchant's. Both are made up.
	BusiID, Key string

	// MaxAge is how far the timestamp of a signature may be from the
	// gateway's clock, in either direction. It is zero to begin with, which
	// lets any timestamp pass: the provider documents no limit.
	MaxAge time.Duration

	// NotifyInterval is the time between two deliveries of a notification,
	// short to begin with; the provider's is five seconds.
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
	passwords sandbox.Queue[int] // orders: the query at which the payer confirms
	hidings   sandbox.Queue[int] // orders and preOrders: look-ups that do not find it
	cancels   sandbox.Queue[int] // queries that see it being canceled; negative: all
	refunds   sandbox.Queue[settle]
}

type settle struct {
	query int // at which the refund is done; negative: never
	fails bool
}

// NewServer starts a gateway on the loopback interface. Close it when done.
func NewServer() *Server {
	s := NewUnstartedServer()
	s.listener = httptest.NewServer(s)
	s.URL = s.listener.URL + basePath
	return s
}

// NewUnstartedServer returns a gateway that does not listen. Its URL leads
// nowhere; [Server.Transport] and [Server.ServeHTTP] reach it. It needs no
// Close and works inside a testing/synctest bubble.
func NewUnstartedServer() *Server {
	s := &Server{
		URL:            "https://fufu.invalid" + basePath,
		BusiID:         "990000000000001",
		Key:            "made-up-fufu-merchant-key",
		NotifyInterval: time.Millisecond,
		book:           newBook(),
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

// SetClock makes now the gateway's clock; nil is the system's again. A test
// that cancels orders needs a clock of its own, here or by testing/synctest:
// the gateway cancels from 01:00 to 23:00 in Beijing only, and not before an
// order is 15 seconds old.
func (s *Server) SetClock(now func() time.Time) { s.clock.Set(now) }

// Next arranges faults for the coming requests of an operation, one each; "" is
// any operation. [None] lets a request pass.
func (s *Server) Next(op string, faults ...Fault) { s.script.Push(op, faults...) }

// Request is one request that reached the gateway, accepted or not. Its OrderNo
// is what the field out_trade_no says: of a refundQuery, the refund's number.
type Request = sandbox.Request

// Requests returns the requests of an operation that reached the gateway, or
// all for "", in order of arrival.
func (s *Server) Requests(op string) []Request { return s.log.Requests(op) }

// AskPassword makes one coming order wait for its payer: it is answered with
// state 0 and becomes paid at the n-th query, or never if n is negative. Unpaid
// after 80 seconds it is canceled, as any order. Each call is for one order.
func (s *Server) AskPassword(n int) { s.plan.passwords.Push(n) }

// HideOrder hides one coming order or preOrder, once it is carried out, from
// the first n operations that look for it: they are told CHARGE_NONEXISTENT.
// That is how an order looks that is still on its way. A negative n hides it
// for good, except from [Server.Order] and [Server.Orders].
func (s *Server) HideOrder(n int) { s.plan.hidings.Push(n) }

// SlowCancel makes one coming cancel take its time: it is accepted, n queries
// (all, if n is negative) say state 3, the next says 2.
func (s *Server) SlowCancel(n int) { s.plan.cancels.Push(n) }

// SlowRefund makes one coming refund succ at the n-th refundQuery instead of
// the first, or never if n is negative. Until then it is refunding.
func (s *Server) SlowRefund(n int) { s.plan.refunds.Push(settle{query: n}) }

// FailRefund makes one coming refund fail after it was accepted: its first
// refundQuery says fail, and the money stays with the merchant.
func (s *Server) FailRefund() { s.plan.refunds.Push(settle{query: 1, fails: true}) }
