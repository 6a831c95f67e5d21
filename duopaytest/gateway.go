package duopaytest

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/duopay/duopay"
)

// Gateway is a provider in memory, for tests of programs that take money: its
// methods from Charge to Timing are those of any provider's gateway with every
// capability, the others are the provider's side. It is safe for concurrent
// use, works inside of a testing/synctest bubble, and keeps every rule of
// [Run].
//
// A charge is paid at once unless [Gateway.AskPayer] was called. Cancel takes
// back an order that is paid too, Close does not. A refund is pending until
// QueryRefund is called.
type Gateway struct {
	bank *bank
	line *line
}

var _ interface {
	duopay.Settler
	duopay.Preparer
	duopay.Refunder
	duopay.RefundQuerier
	duopay.Canceler
	duopay.Closer
	duopay.NotificationParser
} = (*Gateway)(nil)

// NewGateway returns a Gateway without orders.
func NewGateway() *Gateway { return &Gateway{bank: newBank(), line: new(line)} }

// Next arranges what goes wrong with the coming requests, one each.
func (g *Gateway) Next(faults ...Fault) {
	g.line.mu.Lock()
	defer g.line.mu.Unlock()
	g.line.queue = append(g.line.queue, faults...)
}

// AskPayer makes one coming charge wait for its payer, who pays when [Gateway.Pay]
// is called.
func (g *Gateway) AskPayer() { g.bank.askPayer() }

// SlowCancel makes one coming cancel take its time: the second query says that
// it is done.
func (g *Gateway) SlowCancel() { g.bank.slowCancel() }

// FailRefund makes one coming refund fail after it was accepted.
func (g *Gateway) FailRefund() { g.bank.failRefund() }

// Pay lets the payer of an open order pay it now.
func (g *Gateway) Pay(orderNo string) error { return g.bank.pay(orderNo) }

// Book tells what really happened: how much was taken from the payer of an
// order, and how much of it he got back.
func (g *Gateway) Book(orderNo string) (charged, returned duopay.Fen) { return g.bank.page(orderNo) }

// Notify posts that an order is paid to its NotifyURL, and again, three times in
// all, unless the answer is 200 with the body "ok".
func (g *Gateway) Notify(ctx context.Context, client *http.Client, orderNo string, variant Variant) error {
	return g.bank.notify(ctx, client, orderNo, variant)
}

// Rig returns the gateway as [Run] needs it, for gateways that wrap this one:
// replace Rig.Gateway.
func (g *Gateway) Rig() Rig {
	return Rig{
		Gateway: g, Book: g.Book, Pay: g.Pay, AskPayer: g.AskPayer, SlowCancel: g.SlowCancel, FailRefund: g.FailRefund,
		Notify: g.Notify, OpenCodes: []string{string(NumberUsed), string(WrongState)}, Secrets: []string{bankKey}, line: g.line,
	}
}

// provider is the name of the gateway in errors and notifications.
const provider = "duopaytest"

// Request is what the gateway sends, as JSON.
type Request struct {
	Op        string       `json:"op"`
	OrderNo   string       `json:"order_no"`
	RefundNo  string       `json:"refund_no,omitempty"`
	Amount    duopay.Money `json:"amount,omitzero"`
	AuthCode  string       `json:"auth_code,omitempty"`
	NotifyURL string       `json:"notify_url,omitempty"`
	Attach    string       `json:"attach,omitempty"`
	ExpiresAt time.Time    `json:"expires_at,omitzero"`
}

// Reply is what the provider answers, and the Native of every result.
type Reply struct {
	Code         Code                `json:"code"`
	OrderNo      string              `json:"order_no"`
	TradeNo      string              `json:"trade_no,omitempty"`
	Status       duopay.Status       `json:"status,omitempty"`
	Amount       duopay.Amount       `json:"amount,omitempty"`
	PaidAt       time.Time           `json:"paid_at,omitzero"`
	Attach       string              `json:"attach,omitempty"`
	RefundNo     string              `json:"refund_no,omitempty"`
	RefundStatus duopay.RefundStatus `json:"refund_status,omitempty"`
	RefundAmount duopay.Amount       `json:"refund_amount,omitempty"`
	Raw          json.RawMessage     `json:"-"` // as it came
}

// Code is how a request ended.
type Code string

// The codes.
const (
	Done         Code = "done"
	NoOrder      Code = "no_order"       // nobody knows it: it may be on its way
	NoRefund     Code = "no_refund"      // nobody knows it: it may be on its way
	NumberUsed   Code = "number_used"    // perhaps by this very order
	WrongState   Code = "wrong_state"    // the order is in another state than the request needs
	AuthCodeUsed Code = "auth_code_used" // certain: the order was not charged
	TooMuch      Code = "too_much"       // certain: this refund was not done
)

// certain reports whether the code proves that nothing was done.
func (c Code) certain() bool { return c == AuthCodeUsed || c == TooMuch }

// attemptLimit is how long the gateway waits for an answer.
const attemptLimit = 30 * time.Second

// call is the only way out of the gateway, and the only way back in.
func (g *Gateway) call(ctx context.Context, r Request) (*Reply, error) {
	fail := func(kind duopay.Kind, err error) error {
		return &duopay.Error{Provider: provider, Op: r.Op, Kind: kind, OrderNo: r.OrderNo, Err: err}
	}
	if r.OrderNo == "" { // validate
		return nil, fail(duopay.Invalid, duopay.Violations{{Field: "order_no", Rule: "is required"}})
	}
	if ctx.Err() != nil {
		return nil, fail(duopay.NotSent, context.Cause(ctx))
	}
	sent, err := json.Marshal(r) // encode
	if err != nil {
		return nil, fail(duopay.Invalid, err)
	}
	ctx, cancel := context.WithTimeout(ctx, attemptLimit)
	defer cancel()
	answer, err := g.line.pass(ctx, g.line.next(string(sent)), string(sent), func() answer { // send
		return answer{status: http.StatusOK, body: g.bank.answer(sent)}
	})
	if err == nil && answer.rest != nil {
		err = answer.rest()
	}
	switch {
	case errors.Is(err, errRefused):
		return nil, fail(duopay.NotSent, err)
	case err != nil:
		return nil, fail(duopay.Unsure, err)
	case answer.status != http.StatusOK: // whatever the body says
		return nil, &duopay.Error{
			Provider: provider, Op: r.Op, Kind: duopay.Unsure, OrderNo: r.OrderNo, HTTPStatus: answer.status,
			Reply: duopay.NewSecret(string(answer.body)), Err: fmt.Errorf("HTTP status %d", answer.status),
		}
	}
	reply := &Reply{Raw: answer.body}
	if err := json.Unmarshal(answer.body, reply); err != nil || reply.Code == "" { // decode
		return nil, fail(duopay.Unsure, errors.New("the answer is unreadable"))
	}
	if reply.OrderNo != r.OrderNo || reply.RefundNo != r.RefundNo { // match
		return reply, fail(duopay.Unsure, duopay.ErrOrderMismatch)
	}
	return reply, r.classify(reply)
}

// classify says what a readable reply about the right order means.
func (r Request) classify(reply *Reply) error {
	if reply.Code == Done {
		return nil
	}
	e := &duopay.Error{
		Provider: provider, Op: r.Op, Kind: duopay.Refused, OrderNo: r.OrderNo, Code: string(reply.Code), Certain: reply.Code.certain(),
	}
	if reply.Code == NoOrder || reply.Code == NoRefund {
		e.Err = duopay.ErrNotFound
	}
	return e
}

// payment returns a reply in neutral words, for an order of that amount.
func (r *Reply) payment(orderNo string, ordered duopay.Money, err error) (duopay.Payment, error) {
	p := duopay.Payment{OrderNo: orderNo}
	if r == nil {
		return p, err
	}
	amount, unreadable := r.Amount.Money()
	if err == nil && r.Status.Paid() && (unreadable != nil || !ordered.IsZero() && amount != ordered) {
		err = &duopay.Error{Provider: provider, Op: "match", Kind: duopay.Unsure, OrderNo: orderNo, Err: duopay.ErrAmountMismatch}
	}
	p.TradeNo, p.State, p.Amount, p.PaidAt, p.Attach, p.Native = r.TradeNo, string(r.Status), amount, r.PaidAt, r.Attach, r
	if err == nil {
		p.Status = r.Status
	}
	return p, err
}

// Charge takes the money, unless the payer is asked first.
func (g *Gateway) Charge(ctx context.Context, c duopay.Charge) (duopay.Payment, error) {
	reply, err := g.order(ctx, Request{
		Op: "charge", OrderNo: c.OrderNo, Amount: c.Amount, AuthCode: c.AuthCode, NotifyURL: c.NotifyURL, Attach: c.Attach, ExpiresAt: c.ExpiresAt,
	})
	return reply.payment(c.OrderNo, c.Amount, err)
}

// Prepare opens an order that waits for [Gateway.Pay].
func (g *Gateway) Prepare(ctx context.Context, o duopay.Order) (duopay.Prepared, error) {
	reply, err := g.order(ctx, Request{
		Op: "prepare", OrderNo: o.OrderNo, Amount: o.Amount, NotifyURL: o.NotifyURL, Attach: o.Attach, ExpiresAt: o.ExpiresAt,
	})
	if err != nil {
		return duopay.Prepared{OrderNo: o.OrderNo}, err
	}
	return duopay.Prepared{OrderNo: o.OrderNo, TradeNo: reply.TradeNo, QRCode: "https://pay.invalid/" + reply.TradeNo, Native: reply}, nil
}

// order calls an operation that needs an amount.
func (g *Gateway) order(ctx context.Context, r Request) (*Reply, error) {
	if r.Amount.Cmp(duopay.Money{}) <= 0 {
		return nil, &duopay.Error{
			Provider: provider, Op: r.Op, Kind: duopay.Invalid, OrderNo: r.OrderNo,
			Err: duopay.Violations{{Field: "amount", Rule: "must be above zero"}},
		}
	}
	return g.call(ctx, r)
}

// Query asks what became of an order.
func (g *Gateway) Query(ctx context.Context, order duopay.Reference) (duopay.Payment, error) {
	reply, err := g.call(ctx, Request{Op: "query", OrderNo: order.OrderNo})
	return reply.payment(order.OrderNo, order.Amount, err)
}

// Cancel takes an order back, and its money if it was paid.
func (g *Gateway) Cancel(ctx context.Context, order duopay.Reference) (duopay.Payment, error) {
	reply, err := g.call(ctx, Request{Op: "cancel", OrderNo: order.OrderNo})
	return reply.payment(order.OrderNo, order.Amount, err)
}

// Close shuts an order that is not paid.
func (g *Gateway) Close(ctx context.Context, order duopay.Reference) (duopay.Payment, error) {
	reply, err := g.call(ctx, Request{Op: "close", OrderNo: order.OrderNo})
	return reply.payment(order.OrderNo, order.Amount, err)
}

// Refund has money returned; repeated with the same number and amount, it has
// it returned once.
func (g *Gateway) Refund(ctx context.Context, refund duopay.Refund) (duopay.RefundResult, error) {
	reply, err := g.order(ctx, Request{Op: "refund", OrderNo: refund.OrderNo, RefundNo: refund.RefundNo, Amount: refund.Amount})
	return reply.refund(refund, err)
}

// QueryRefund asks what became of a refund.
func (g *Gateway) QueryRefund(ctx context.Context, refund duopay.Refund) (duopay.RefundResult, error) {
	reply, err := g.call(ctx, Request{Op: "query_refund", OrderNo: refund.OrderNo, RefundNo: refund.RefundNo})
	return reply.refund(refund, err)
}

func (r *Reply) refund(refund duopay.Refund, err error) (duopay.RefundResult, error) {
	result := duopay.RefundResult{OrderNo: refund.OrderNo, RefundNo: refund.RefundNo}
	if r == nil || err != nil {
		return result, err
	}
	result.RefundTradeNo, result.State, result.Native = r.TradeNo, string(r.RefundStatus), r
	if result.Amount, err = r.RefundAmount.Money(); err != nil || result.Amount != refund.Amount {
		return result, &duopay.Error{Provider: provider, Op: "match", Kind: duopay.Unsure, OrderNo: refund.OrderNo, Err: duopay.ErrAmountMismatch}
	}
	result.Status = r.RefundStatus
	return result, nil
}

// Timing returns a short schedule for [duopay.Settle].
func (g *Gateway) Timing() duopay.Timing {
	return duopay.Timing{
		FirstQuery: time.Second, QueryEvery: 2 * time.Second, GiveUp: 30 * time.Second,
		CancelAfter: 5 * time.Second, Cancels: 3, CancelEvery: 2 * time.Second, CancelSettle: 6 * time.Second,
		NotFoundQueries: 3, NotFoundSpan: 10 * time.Second,
	}
}

// freshness is how far the time in a notification may be from the clock.
const freshness = 5 * time.Minute

// ParseNotification verifies and reads what [Gateway.Notify] posts: JSON, with
// the HMAC-SHA256 of the body in the header.
func (g *Gateway) ParseNotification(method string, _ *url.URL, header http.Header, body []byte) (duopay.Notification, error) {
	fail := func(reason error) (duopay.Notification, error) {
		return duopay.Notification{}, &duopay.Error{Provider: provider, Op: "notification", Kind: duopay.Unsure, Err: reason}
	}
	signature, err := hex.DecodeString(header.Get(signatureHeader))
	if method != http.MethodPost || err != nil {
		return fail(duopay.ErrMalformed)
	}
	if !hmac.Equal(signature, sign(body, bankKey)) { // verify
		return fail(duopay.ErrSignature)
	}
	var m message
	if err := json.Unmarshal(body, &m); err != nil { // decode
		return fail(fmt.Errorf("%w: %w", duopay.ErrMalformed, err))
	}
	if time.Since(m.SentAt).Abs() > freshness {
		return fail(duopay.ErrStale)
	}
	if m.Merchant != merchant {
		return fail(duopay.ErrUnknownMerchant)
	}
	p, err := m.payment(m.OrderNo, duopay.Money{}, nil)
	if err != nil {
		return fail(fmt.Errorf("%w: %w", duopay.ErrMalformed, err))
	}
	return duopay.Notification{Provider: provider, Payment: p, Native: p.Native}, nil
}

// Acknowledge returns "ok", or "again" if err is not nil.
func (g *Gateway) Acknowledge(err error) duopay.Acknowledgement {
	a := duopay.Acknowledgement{Status: duopay.AcknowledgementStatus(err), ContentType: "text/plain; charset=utf-8", Body: acknowledged}
	if err != nil {
		a.Body = "again"
	}
	return a
}

// sign returns the signature of a notification.
func sign(body []byte, key string) []byte {
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write(body)
	return mac.Sum(nil)
}
