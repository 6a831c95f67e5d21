// Package guanaitongtest is a fake 关爱通 (Guanaitong) open platform for tests.
//
// It follows the provider's documentation, not this module's client: it has
// its own signer and imports nothing of package guanaitong, so that a mistake
// made there is not made here again.
//
//	srv := guanaitongtest.NewServer()
//	defer srv.Close()
//	// ... point a client at srv.URL with srv.Caller and srv.Seller ...
//	code, _ := srv.AuthCode("U0001")
//	srv.Next(guanaitongtest.PathPay, guanaitongtest.DropAfter) // take the money, lose the reply
//	// ... pay with the code ...
//	order, _ := srv.Order("9000000220990101000001") // what really happened
//
// The platform keeps tokens, employees with their accounts, and an order book.
// It reads the parameters of a call from query and form alike, checks the
// token, the time, the signature and every documented parameter by name, kind,
// range and length in characters, and refuses what it does not know. A JSON
// call (the /seller/v3/... operations) is checked up to its signature over
// _body and then refused with 1000210005: none of them is here.
//
// It answers HTTP 200 with the envelope {"code","msg","data"} and the header
// x-trace-id. The codes it uses are the provider's; where the provider says
// nothing about a case, the use below that is marked with * is this package's
// invention:
//
//	0           done; msg is OK
//	1000210001  timestamp more than five minutes off
//	1000210002  sign is not the signature of what was sent
//	1000210003  unknown appid; appid of another app than the token's *
//	1000210004  access_token unknown, expired or replaced by a newer one
//	1000210005  no such path
//	1000210006  parameter missing; account_openid missing where it must be said *
//	1000210009  appsecret was sent
//	1000210012  not POST
//	1000210013  as 1000210004, where the call names its appid and that app has no token left *
//	1000210014  auth_code unknown, used or older than one minute
//	1000210015  auth_code missing
//	1000200051  the operation is another app's *
//	1000200052  more than 60 tokens in an hour *
//	1000220001  parameter too short or too long
//	1000220002  any other fault of a parameter; also blank, sent twice or
//	            unknown parameters, unknown orders, refunds of too much *
//	1000220003  outer_trade_no or outer_refund_no used before
//	1000220004  mobile is not a number
//	1000220005  email is not an address
//	1000220006  time_start or time_end is no date
//	1000220050  account_openid does not fit pay_type *; no account that does *
//	1000220051  no such employee *
//	1000220052  seller_appid or enterprise_code not known *
//	1001220005  not enough money in the account *
//
// msg says more, for people: its beginning is the parameter's name.
//
// The manual prints no answer of the pay call. It is the envelope with the
// platform's trade number as data, or, with [Server.Redirects], HTTP 302 to
// return_url with the signed fields of the return page. Nor does it print the
// answers of [PathRecord] and [PathRefundRecord], the values of asset_code and
// the form of commerce_order_detail: they are plausible, no more.
//
// Amounts in the Go API are fen, on the wire yuan. Times of day on the wire
// are Beijing time, UTC+8; timestamps are plain Unix seconds.
package guanaitongtest

import (
	"crypto"
	"net/http"
	"net/http/httptest"
	"sync"
	"time"

	"github.com/duopay/duopay/internal/sandbox"
)

// The operations the platform answers, by path. The token is created by either
// app for itself; the operations under /seller are the seller app's, all others
// the caller app's.
const (
	PathToken              = "/token/create"
	PathPay                = "/employee/checkUserAndToPay"
	PathAuthCodeByMobile   = "/sso/employee/getAuthCodeByMobile"
	PathAuthCodeByCorpCode = "/sso/employee/getAuthCodeByCorpCode"
	PathAuthCodeByEmail    = "/sso/employee/getAuthCodeByEmail"
	PathAccounts           = "/assets/account/employee/get"
	PathConsume            = "/enterprise/consume/get"
	PathConsumeList        = "/enterprise/consume/list"
	PathRecord             = "/seller/pay/record"
	PathRefund             = "/seller/pay/syncRefund"
	PathRefundRecord       = "/seller/pay/refundRecord"
)

// App is an app registered with the platform: its appid and its secret.
type App struct {
	ID, Secret string
}

// Server is a fake platform. Its methods are safe for concurrent use; its
// fields may be changed before the first request only.
type Server struct {
	// URL is the base address; a request goes to URL + path.
	URL string

	// Caller is the enterprise's app, which pays; Seller is the merchant's
	// app, which is paid and refunds. They may be one and the same. Both are
	// made up.
	Caller, Seller App

	// EnterpriseCode is the enterprise_code of the employees. Requests may
	// leave it out.
	EnterpriseCode string

	// Hash makes all signatures: crypto.SHA1 to begin with, or crypto.SHA256
	// or crypto.SHA512.
	Hash crypto.Hash

	// KeepTokens lets an app's older tokens live on when it creates a new one.
	// Otherwise only the newest is good; the provider does not say which.
	KeepTokens bool

	// Redirects makes the pay call one for the payer's browser: it is answered
	// with 302 to return_url instead of the envelope, and may be a GET.
	// Refusals are envelopes as ever, except that a lack of money is told to
	// return_url as pay_result fail.
	Redirects bool

	// SignAsCaller makes notifications and return pages carry appid and
	// signature of the caller app instead of the seller app. The provider does
	// not say which of the two signs.
	SignAsCaller bool

	// NotifySchedule has the waits before the second and all later deliveries
	// of a notification, as many as [DocumentedSchedule] but short.
	NotifySchedule []time.Duration

	// KeepTimestamp makes later deliveries repeat timestamp and signature of
	// the first. Otherwise each is signed anew; the provider does not say
	// which.
	KeepTimestamp bool

	listener  *httptest.Server // nil if not started
	transport *sandbox.Transport
	script    sandbox.Script
	log       sandbox.Log
	clock     sandbox.Clock
	slow      sandbox.Queue[int] // for coming payments: the query at which each is paid; negative: never

	mu     sync.Mutex // guards what follows
	tokens tokens
	staff  staff
	book   book
}

// DocumentedSchedule returns the waits the provider states for a sibling
// operation: 4 and 4 minutes, 10 and 10 minutes, 1, 2, 6 and 15 hours.
func DocumentedSchedule() []time.Duration {
	return []time.Duration{
		4 * time.Minute, 4 * time.Minute, 10 * time.Minute, 10 * time.Minute,
		time.Hour, 2 * time.Hour, 6 * time.Hour, 15 * time.Hour,
	}
}

// NewServer starts a platform on the loopback interface. Close it when done.
func NewServer() *Server {
	s := NewUnstartedServer()
	s.listener = httptest.NewServer(s)
	s.URL = s.listener.URL
	return s
}

// NewUnstartedServer returns a platform that does not listen. Its URL leads
// nowhere; [Server.Transport] and [Server.ServeHTTP] reach it. It needs no
// Close and works inside a testing/synctest bubble.
func NewUnstartedServer() *Server {
	s := &Server{
		URL:            "https://guanaitong.invalid",
		Caller:         App{ID: "90000001", Secret: "made-up-guanaitong-caller-secret"},
		Seller:         App{ID: "90000002", Secret: "made-up-guanaitong-seller-secret"},
		EnterpriseCode: "E90000001",
		Hash:           crypto.SHA1,
	}
	for range DocumentedSchedule() {
		s.NotifySchedule = append(s.NotifySchedule, time.Millisecond)
	}
	s.staff.put(someEmployee())
	s.transport = sandbox.NewTransport(s)
	return s
}

// Close shuts the listener down and waits for the requests under way.
func (s *Server) Close() {
	if s.listener != nil {
		s.listener.Close()
	}
}

// Transport answers every request it is given from this platform, in memory,
// whatever the host: &http.Client{Transport: srv.Transport()}.
func (s *Server) Transport() http.RoundTripper { return s.transport }

// Unreachable makes the next n connections through [Server.Transport] fail as
// refused: nothing is sent.
func (s *Server) Unreachable(n int) { s.transport.Refuse(n) }

// SetClock makes now the platform's clock; nil is the system's again.
func (s *Server) SetClock(now func() time.Time) { s.clock.Set(now) }

// Next arranges faults for the coming requests to a path, one each; "" is any
// path. [None] lets a request pass.
func (s *Server) Next(path string, faults ...Fault) { s.script.Push(path, faults...) }

// Request is one request that reached the platform, accepted or not. Op is its
// path.
type Request = sandbox.Request

// Requests returns the requests to a path that reached the platform, or all
// for "", in order of arrival.
func (s *Server) Requests(path string) []Request { return s.log.Requests(path) }

// SlowPay makes one coming payment take its time: it is accepted as ever, but
// the order is [StatusPaying], and the money is taken at the n-th query that
// finds the order, or never if n is negative. Each call is for one payment.
func (s *Server) SlowPay(n int) { s.slow.Push(n) }
