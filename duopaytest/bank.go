package duopaytest

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/duopay/duopay"
)

// bank is the provider behind [Gateway]: what its orders really are.
type bank struct {
	mu      sync.Mutex
	orders  map[string]*order
	refunds map[string]*refund
	codes   map[string]bool // payment codes that were used
	asks    int             // coming charges whose payer is asked
	slows   int             // coming cancels that take their time
	fails   int             // coming refunds that fail
	serial  int
}

type order struct {
	Request
	tradeNo  string
	status   duopay.Status
	paidAt   time.Time
	charged  duopay.Money
	returned duopay.Money
	promised duopay.Money // returned, or about to be

	canceling int // queries until a slow cancel is done
}

type refund struct {
	Request
	tradeNo string
	status  duopay.RefundStatus
	fails   bool
}

func newBank() *bank {
	return &bank{orders: make(map[string]*order), refunds: make(map[string]*refund), codes: make(map[string]bool)}
}

func (b *bank) askPayer() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.asks++
}

func (b *bank) slowCancel() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.slows++
}

func (b *bank) failRefund() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.fails++
}

// take reports whether one of the things that were arranged is left.
func take(n *int) bool {
	if *n == 0 {
		return false
	}
	*n--
	return true
}

func (b *bank) pay(orderNo string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	o := b.find(orderNo)
	if o == nil || o.status != duopay.Pending || o.canceling > 0 {
		return fmt.Errorf("duopaytest: order %s is not open", orderNo)
	}
	o.pay()
	return nil
}

func (b *bank) page(orderNo string) (charged, returned duopay.Fen) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if o := b.find(orderNo); o != nil {
		return o.charged.Fen(), o.returned.Fen()
	}
	return 0, 0
}

// find returns an order as it stands now, or nil.
func (b *bank) find(orderNo string) *order {
	o := b.orders[orderNo]
	if o != nil && o.status == duopay.Pending && o.canceling == 0 && !o.ExpiresAt.IsZero() && !time.Now().Before(o.ExpiresAt) {
		o.status = duopay.Closed
	}
	return o
}

func (b *bank) next() string {
	b.serial++
	return fmt.Sprintf("T%08d", b.serial)
}

func (o *order) pay() {
	o.status, o.charged, o.paidAt = duopay.Paid, o.Amount, time.Now()
}

// answer carries a request out.
func (b *bank) answer(request []byte) []byte {
	var r Request
	_ = json.Unmarshal(request, &r) // the gateway wrote it
	b.mu.Lock()
	defer b.mu.Unlock()
	reply := Reply{OrderNo: r.OrderNo, RefundNo: r.RefundNo}
	o := b.find(r.OrderNo)
	switch {
	case r.Op == "charge" || r.Op == "prepare":
		o, reply.Code = b.open(r)
	case o == nil:
		reply.Code = NoOrder
	case r.Op == "refund":
		reply.Code = b.refund(o, r)
	case r.Op == "query_refund":
		reply.Code = b.settle(o, r)
	default:
		reply.Code = b.end(o, r.Op)
	}
	if reply.Code == Done {
		o.tell(&reply)
	}
	if refund := b.refunds[r.RefundNo]; reply.Code == Done && refund != nil {
		reply.TradeNo, reply.RefundStatus, reply.RefundAmount = refund.tradeNo, refund.status, duopay.Amount(refund.Amount.String())
	}
	body, _ := json.Marshal(reply) // it can always be marshalled
	return body
}

// tell writes what is known of an order.
func (o *order) tell(r *Reply) {
	r.OrderNo, r.TradeNo, r.Status, r.Amount = o.OrderNo, o.tradeNo, o.status, duopay.Amount(o.Amount.String())
	r.PaidAt, r.Attach = o.paidAt, o.Attach
}

// open makes a new order.
func (b *bank) open(r Request) (*order, Code) {
	switch {
	case b.orders[r.OrderNo] != nil:
		return nil, NumberUsed
	case r.Op == "charge" && b.codes[r.AuthCode]:
		return nil, AuthCodeUsed
	}
	o := &order{Request: r, tradeNo: b.next(), status: duopay.Pending}
	b.orders[r.OrderNo] = o
	if r.Op == "charge" {
		b.codes[r.AuthCode] = true
		if !take(&b.asks) {
			o.pay()
		}
	}
	return o, Done
}

// end carries out a cancel or a close; a query leaves the order as it is.
func (b *bank) end(o *order, op string) Code {
	switch {
	case op == "query":
		if take(&o.canceling) && o.canceling == 0 {
			o.cancel()
		}
	case o.canceling > 0: // it is being ended already
	case op == "close" && o.status == duopay.Pending:
		o.status = duopay.Closed
	case op == "cancel" && o.status == duopay.Pending, op == "cancel" && o.status == duopay.Paid && o.promised.IsZero():
		if o.cancel(); take(&b.slows) {
			o.status, o.returned, o.canceling = duopay.Pending, duopay.Money{}, 2
		}
	case !o.status.NotPaid():
		return WrongState
	}
	return Done
}

func (o *order) cancel() { o.status, o.returned = duopay.Canceled, o.charged }

// refund accepts a refund.
func (b *bank) refund(o *order, r Request) Code {
	if earlier := b.refunds[r.RefundNo]; earlier != nil {
		if earlier.OrderNo != r.OrderNo || earlier.Amount != r.Amount {
			return NumberUsed
		}
		return Done
	}
	switch {
	case !o.status.Paid():
		return WrongState
	case o.promised.Add(r.Amount).Cmp(o.charged) > 0:
		return TooMuch
	}
	o.promised = o.promised.Add(r.Amount)
	b.refunds[r.RefundNo] = &refund{Request: r, tradeNo: b.next(), status: duopay.RefundPending, fails: take(&b.fails)}
	return Done
}

// settle pays a refund out, as somebody asks.
func (b *bank) settle(o *order, r Request) Code {
	refund := b.refunds[r.RefundNo]
	switch {
	case refund == nil || refund.OrderNo != r.OrderNo:
		return NoRefund
	case refund.status == duopay.RefundPending && refund.fails:
		refund.status = duopay.RefundFailed
		o.promised = o.promised.Sub(refund.Amount)
	case refund.status == duopay.RefundPending:
		refund.status = duopay.RefundDone
		o.returned = o.returned.Add(refund.Amount)
		o.status = duopay.PartialRefunded
		if o.returned == o.charged {
			o.status = duopay.Refunded
		}
	}
	return Done
}

// What a notification is made of.
const (
	bankKey         = "made-up-key-of-the-gateway-in-memory"
	merchant        = "M1"
	signatureHeader = "Duopay-Signature"
	acknowledged    = "ok"
	deliveries      = 3
)

// message is a notification.
type message struct {
	Merchant string    `json:"merchant"`
	SentAt   time.Time `json:"sent_at"`
	Reply
}

func (b *bank) notify(ctx context.Context, client *http.Client, orderNo string, variant Variant) error {
	b.mu.Lock()
	m, key := message{Merchant: merchant, SentAt: time.Now()}, bankKey
	o := b.find(orderNo)
	if o == nil || !o.status.Paid() || o.NotifyURL == "" {
		b.mu.Unlock()
		return fmt.Errorf("duopaytest: order %s is not paid, or has no NotifyURL", orderNo)
	}
	m.Code = Done
	o.tell(&m.Reply)
	address := o.NotifyURL
	b.mu.Unlock()

	switch variant {
	case Forged:
		key = "not-" + key
	case Stale:
		m.SentAt = m.SentAt.Add(-24 * time.Hour)
	case OtherMerchant:
		m.Merchant = "M2"
	}
	body, err := json.Marshal(m)
	for n := 0; n < deliveries && err == nil; n++ {
		err = post(ctx, client, address, body, hex.EncodeToString(sign(body, key)))
		if !errors.Is(err, errNotAcknowledged) {
			return err
		}
		err = nil
	}
	return errNotAcknowledged
}

var errNotAcknowledged = errors.New("duopaytest: the notification was not acknowledged")

// post delivers a notification once.
func post(ctx context.Context, client *http.Client, address string, body []byte, signature string) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set(signatureHeader, signature)
	answer, err := client.Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return err
	}
	if answer.StatusCode != http.StatusOK || string(text) != acknowledged {
		return errNotAcknowledged
	}
	return nil
}
