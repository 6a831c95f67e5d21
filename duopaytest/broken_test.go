package duopaytest

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/duopay/duopay"
)

// brokenGateway is a gateway that breaks one rule. What is nil is as it should be.
type brokenGateway struct {
	*Gateway
	onCharge      func(context.Context, duopay.Charge) (duopay.Payment, error)
	onPrepare     func(context.Context, duopay.Order) (duopay.Prepared, error)
	onQuery       func(context.Context, duopay.Reference) (duopay.Payment, error)
	onCancel      func(context.Context, duopay.Reference) (duopay.Payment, error)
	onClose       func(context.Context, duopay.Reference) (duopay.Payment, error)
	onRefund      func(context.Context, duopay.Refund) (duopay.RefundResult, error)
	onQueryRefund func(context.Context, duopay.Refund) (duopay.RefundResult, error)
	onParse       func(http.Header, []byte) (duopay.Notification, error)
	onAcknowledge func(error) duopay.Acknowledgement
	timing        func() duopay.Timing
}

func (g *brokenGateway) Charge(ctx context.Context, c duopay.Charge) (duopay.Payment, error) {
	return g.onCharge(ctx, c)
}

func (g *brokenGateway) Prepare(ctx context.Context, o duopay.Order) (duopay.Prepared, error) {
	return g.onPrepare(ctx, o)
}

func (g *brokenGateway) Query(ctx context.Context, order duopay.Reference) (duopay.Payment, error) {
	return g.onQuery(ctx, order)
}

func (g *brokenGateway) Cancel(ctx context.Context, order duopay.Reference) (duopay.Payment, error) {
	return g.onCancel(ctx, order)
}

func (g *brokenGateway) Close(ctx context.Context, order duopay.Reference) (duopay.Payment, error) {
	return g.onClose(ctx, order)
}

func (g *brokenGateway) Refund(ctx context.Context, r duopay.Refund) (duopay.RefundResult, error) {
	return g.onRefund(ctx, r)
}

func (g *brokenGateway) QueryRefund(ctx context.Context, r duopay.Refund) (duopay.RefundResult, error) {
	return g.onQueryRefund(ctx, r)
}

func (g *brokenGateway) ParseNotification(_ string, _ *url.URL, header http.Header, body []byte) (duopay.Notification, error) {
	return g.onParse(header, body)
}

func (g *brokenGateway) Acknowledge(err error) duopay.Acknowledgement { return g.onAcknowledge(err) }

func (g *brokenGateway) Timing() duopay.Timing { return g.timing() }

// intact is a gateway of which nothing is broken yet.
func intact() *brokenGateway {
	g := NewGateway()
	return &brokenGateway{
		Gateway: g, onCharge: g.Charge, onPrepare: g.Prepare, onQuery: g.Query, onCancel: g.Cancel, onClose: g.Close,
		onRefund: g.Refund, onQueryRefund: g.QueryRefund, onAcknowledge: g.Acknowledge, timing: g.Timing,
		onParse: func(header http.Header, body []byte) (duopay.Notification, error) {
			return g.ParseNotification(http.MethodPost, nil, header, body)
		},
	}
}

// says is an outcome without an error.
func says(orderNo string, status duopay.Status) (duopay.Payment, error) {
	return duopay.Payment{OrderNo: orderNo, Status: status}, nil
}

// brokenGateways break one rule each, in the ways that are common in the field.
var brokenGateways = []struct {
	name string
	rule string
	ruin func(*brokenGateway)
}{
	{"reports the amount in fen", "charge/paid", func(g *brokenGateway) {
		g.onCharge = func(ctx context.Context, c duopay.Charge) (duopay.Payment, error) {
			p, err := g.Gateway.Charge(ctx, c)
			p.Amount = duopay.MustMoney(p.Amount.Fen().String())
			return p, err
		}
	}},
	{"takes an accepted charge for a paid one", "charge/pending", func(g *brokenGateway) {
		g.onCharge = func(ctx context.Context, c duopay.Charge) (duopay.Payment, error) {
			p, err := g.Gateway.Charge(ctx, c)
			if err == nil {
				p.Status = duopay.Paid
			}
			return p, err
		}
	}},
	{"takes a lost answer for a failed charge", "charge/fault", func(g *brokenGateway) {
		g.onCharge = func(ctx context.Context, c duopay.Charge) (duopay.Payment, error) {
			p, err := g.Gateway.Charge(ctx, c)
			if errors.Is(err, duopay.Unsure) && ctx.Err() == nil && !errors.Is(err, duopay.ErrOrderMismatch) && !errors.Is(err, duopay.ErrAmountMismatch) {
				var e *duopay.Error
				errors.As(err, &e)
				e.Kind = duopay.NotSent
			}
			return p, err
		}
	}},
	{"does not look at the HTTP status of a charge", "charge/fault", func(g *brokenGateway) {
		g.onCharge = func(ctx context.Context, c duopay.Charge) (duopay.Payment, error) {
			p, err := g.Gateway.Charge(ctx, c)
			if e, ok := errors.AsType[*duopay.Error](err); ok && e.HTTPStatus == http.StatusInternalServerError {
				return says(c.OrderNo, duopay.Paid)
			}
			return p, err
		}
	}},
	{"takes a refusal for certain whatever the HTTP status", "charge/fault", func(g *brokenGateway) {
		g.onCharge = func(ctx context.Context, c duopay.Charge) (duopay.Payment, error) {
			p, err := g.Gateway.Charge(ctx, c)
			if e, ok := errors.AsType[*duopay.Error](err); ok && strings.Contains(e.Reply.Reveal(), string(AuthCodeUsed)) {
				e.Kind, e.Certain = duopay.Refused, true
			}
			return p, err
		}
	}},
	{"charges again when the connection was lost", "charge/once", func(g *brokenGateway) {
		g.onCharge = func(ctx context.Context, c duopay.Charge) (duopay.Payment, error) {
			p, err := g.Gateway.Charge(ctx, c)
			if errors.Is(err, duopay.Unsure) {
				if again, failure := g.Gateway.Charge(ctx, c); failure == nil {
					return again, nil
				}
			}
			return p, err
		}
	}},
	{"is certain that a used number was not charged", "charge/number used", func(g *brokenGateway) {
		g.onCharge = func(ctx context.Context, c duopay.Charge) (duopay.Payment, error) {
			p, err := g.Gateway.Charge(ctx, c)
			if e, ok := errors.AsType[*duopay.Error](err); ok && e.Code == string(NumberUsed) {
				e.Certain = true
			}
			return p, err
		}
	}},
	{"takes a used code for a charge that is done", "charge/code used", func(g *brokenGateway) {
		g.onCharge = func(ctx context.Context, c duopay.Charge) (duopay.Payment, error) {
			p, err := g.Gateway.Charge(ctx, c)
			var e *duopay.Error
			if errors.As(err, &e) && e.Code == string(AuthCodeUsed) {
				return says(c.OrderNo, duopay.Paid)
			}
			return p, err
		}
	}},
	{"charges at least one fen", "charge/invalid", func(g *brokenGateway) {
		g.onCharge = func(ctx context.Context, c duopay.Charge) (duopay.Payment, error) {
			if c.Amount.IsZero() {
				c.Amount = fen
			}
			return g.Gateway.Charge(ctx, c)
		}
	}},
	{"does not look whose answer to a charge it is", "charge/other order", func(g *brokenGateway) {
		g.onCharge = func(ctx context.Context, c duopay.Charge) (duopay.Payment, error) {
			p, err := g.Gateway.Charge(ctx, c)
			if errors.Is(err, duopay.ErrOrderMismatch) {
				return says(c.OrderNo, duopay.Paid)
			}
			return p, err
		}
	}},
	{"does not look how much was charged", "charge/other amount", func(g *brokenGateway) {
		g.onCharge = func(ctx context.Context, c duopay.Charge) (duopay.Payment, error) {
			p, err := g.Gateway.Charge(ctx, c)
			if errors.Is(err, duopay.ErrAmountMismatch) {
				return says(c.OrderNo, duopay.Paid)
			}
			return p, err
		}
	}},
	{"takes not found for a charge that was refused", "charge/not found", func(g *brokenGateway) {
		g.onCharge = func(ctx context.Context, c duopay.Charge) (duopay.Payment, error) {
			p, err := g.Gateway.Charge(ctx, c)
			if e, ok := errors.AsType[*duopay.Error](err); ok && e.Code == string(NoOrder) {
				e.Certain = true
			}
			return p, err
		}
	}},
	{"is certain of codes that it does not know", "charge/unknown code", func(g *brokenGateway) {
		g.onCharge = func(ctx context.Context, c duopay.Charge) (duopay.Payment, error) {
			p, err := g.Gateway.Charge(ctx, c)
			known := []string{string(NumberUsed), string(NoOrder)}
			if e, ok := errors.AsType[*duopay.Error](err); ok && e.Kind == duopay.Refused && !slices.Contains(known, e.Code) {
				e.Certain = true
			}
			return p, err
		}
	}},
	{"does not say where to pay", "prepare/open", func(g *brokenGateway) {
		g.onPrepare = func(ctx context.Context, o duopay.Order) (duopay.Prepared, error) {
			p, err := g.Gateway.Prepare(ctx, o)
			p.QRCode = ""
			return p, err
		}
	}},
	{"takes a lost order for one that was not sent", "prepare/fault", func(g *brokenGateway) {
		g.onPrepare = func(ctx context.Context, o duopay.Order) (duopay.Prepared, error) {
			p, err := g.Gateway.Prepare(ctx, o)
			var e *duopay.Error
			if errors.As(err, &e) && e.Kind == duopay.Unsure && ctx.Err() == nil {
				e.Kind = duopay.NotSent
			}
			return p, err
		}
	}},
	{"takes what is open for failed", "query/open", func(g *brokenGateway) {
		g.onQuery = func(ctx context.Context, order duopay.Reference) (duopay.Payment, error) {
			p, err := g.Gateway.Query(ctx, order)
			if p.Status == duopay.Pending {
				p.Status = duopay.Failed
			}
			return p, err
		}
	}},
	{"never says paid", "query/paid", func(g *brokenGateway) {
		g.onQuery = func(ctx context.Context, order duopay.Reference) (duopay.Payment, error) {
			p, err := g.Gateway.Query(ctx, order)
			if p.Status == duopay.Paid {
				p.Status = duopay.Pending
			}
			return p, err
		}
	}},
	{"takes a failed query for a failed payment", "query/fault", func(g *brokenGateway) {
		g.onQuery = func(ctx context.Context, order duopay.Reference) (duopay.Payment, error) {
			p, err := g.Gateway.Query(ctx, order)
			if err != nil && ctx.Err() == nil && p.Native == nil {
				p.Status = duopay.Failed
			}
			return p, err
		}
	}},
	{"takes not found for not paid", "query/not found", func(g *brokenGateway) {
		g.onQuery = func(ctx context.Context, order duopay.Reference) (duopay.Payment, error) {
			p, err := g.Gateway.Query(ctx, order)
			if errors.Is(err, duopay.ErrNotFound) {
				return says(order.OrderNo, duopay.Closed)
			}
			return p, err
		}
	}},
	{"is certain of what is not found", "query/not found", func(g *brokenGateway) {
		g.onQuery = func(ctx context.Context, order duopay.Reference) (duopay.Payment, error) {
			p, err := g.Gateway.Query(ctx, order)
			if e, ok := errors.AsType[*duopay.Error](err); ok && errors.Is(err, duopay.ErrNotFound) {
				e.Certain = true
			}
			return p, err
		}
	}},
	{"takes not found for any other refusal", "query/not found", func(g *brokenGateway) {
		g.onQuery = func(ctx context.Context, order duopay.Reference) (duopay.Payment, error) {
			p, err := g.Gateway.Query(ctx, order)
			if e, ok := errors.AsType[*duopay.Error](err); ok && errors.Is(err, duopay.ErrNotFound) {
				e.Err = nil
			}
			return p, err
		}
	}},
	{"does not look whose answer to a query it is", "query/other order", func(g *brokenGateway) {
		g.onQuery = func(ctx context.Context, order duopay.Reference) (duopay.Payment, error) {
			p, err := g.Gateway.Query(ctx, order)
			if errors.Is(err, duopay.ErrOrderMismatch) {
				return says(order.OrderNo, duopay.Paid)
			}
			return p, err
		}
	}},
	{"does not look how much was paid", "query/amount", func(g *brokenGateway) {
		g.onQuery = func(ctx context.Context, order duopay.Reference) (duopay.Payment, error) {
			order.Amount = duopay.Money{}
			return g.Gateway.Query(ctx, order)
		}
	}},
	{"accepts a cancel and does nothing", "cancel/open", func(g *brokenGateway) {
		g.onCancel = func(ctx context.Context, order duopay.Reference) (duopay.Payment, error) {
			if p, err := g.Gateway.Query(ctx, order); err != nil {
				return p, err
			}
			return says(order.OrderNo, duopay.Pending)
		}
	}},
	{"takes the cancel of a paid order for done", "cancel/paid", func(g *brokenGateway) {
		g.onCancel = func(ctx context.Context, order duopay.Reference) (duopay.Payment, error) {
			p, err := g.Gateway.Query(ctx, order)
			if err == nil && p.Status.Paid() {
				return says(order.OrderNo, duopay.Canceled)
			}
			if err != nil {
				return p, err
			}
			return g.Gateway.Cancel(ctx, order)
		}
	}},
	{"takes a lost cancel for a cancel", "cancel/fault", func(g *brokenGateway) {
		g.onCancel = func(ctx context.Context, order duopay.Reference) (duopay.Payment, error) {
			p, err := g.Gateway.Cancel(ctx, order)
			if errors.Is(err, duopay.Unsure) {
				p.Status = duopay.Canceled
			}
			return p, err
		}
	}},
	{"cancels by what it knew before", "cancel/race", func(g *brokenGateway) {
		g.onCancel = func(ctx context.Context, order duopay.Reference) (duopay.Payment, error) {
			p, err := g.Gateway.Query(ctx, order)
			switch {
			case err != nil:
				return p, err
			case p.Status.Paid():
				return g.Gateway.Cancel(ctx, order)
			}
			if p, err = g.Gateway.Close(ctx, order); errors.Is(err, duopay.Refused) {
				return says(order.OrderNo, duopay.Canceled)
			}
			return p, err
		}
	}},
	{"takes a cancel that is under way for done", "cancel/slow", func(g *brokenGateway) {
		var canceled sync.Map
		g.onCancel = func(ctx context.Context, order duopay.Reference) (duopay.Payment, error) {
			p, err := g.Gateway.Cancel(ctx, order)
			canceled.Store(order.OrderNo, err == nil)
			return p, err
		}
		g.onQuery = func(ctx context.Context, order duopay.Reference) (duopay.Payment, error) {
			p, err := g.Gateway.Query(ctx, order)
			if was, _ := canceled.Load(order.OrderNo); was == true && p.Status == duopay.Pending {
				p.Status = duopay.Canceled
			}
			return p, err
		}
	}},
	{"accepts a close and does nothing", "close/open", func(g *brokenGateway) {
		g.onClose = func(ctx context.Context, order duopay.Reference) (duopay.Payment, error) {
			if p, err := g.Gateway.Query(ctx, order); err != nil {
				return p, err
			}
			return says(order.OrderNo, duopay.Pending)
		}
	}},
	{"takes the refusal to close for closed", "close/paid", func(g *brokenGateway) {
		g.onClose = func(ctx context.Context, order duopay.Reference) (duopay.Payment, error) {
			p, err := g.Gateway.Close(ctx, order)
			if errors.Is(err, duopay.Refused) {
				return says(order.OrderNo, duopay.Closed)
			}
			return p, err
		}
	}},
	{"takes a lost close for one that was not sent", "close/fault", func(g *brokenGateway) {
		g.onClose = func(ctx context.Context, order duopay.Reference) (duopay.Payment, error) {
			p, err := g.Gateway.Close(ctx, order)
			var e *duopay.Error
			if errors.As(err, &e) && e.Kind == duopay.Unsure && ctx.Err() == nil {
				e.Kind = duopay.NotSent
			}
			return p, err
		}
	}},
	{"closes by what it knew before", "close/race", func(g *brokenGateway) {
		g.onClose = func(ctx context.Context, order duopay.Reference) (duopay.Payment, error) {
			p, err := g.Gateway.Query(ctx, order)
			switch {
			case err != nil:
				return p, err
			case p.Status.Paid():
				return g.Gateway.Close(ctx, order)
			}
			if p, err = g.Gateway.Close(ctx, order); errors.Is(err, duopay.Refused) {
				return says(order.OrderNo, duopay.Closed)
			}
			return p, err
		}
	}},
	{"keeps a fen of a full refund", "refund/full", func(g *brokenGateway) {
		g.onRefund = func(ctx context.Context, r duopay.Refund) (duopay.RefundResult, error) {
			if r.Amount == price {
				r.Amount = r.Amount.Sub(fen)
			}
			return g.Gateway.Refund(ctx, r)
		}
	}},
	{"takes an accepted refund for done", "refund/failed", func(g *brokenGateway) {
		g.onQueryRefund = func(ctx context.Context, r duopay.Refund) (duopay.RefundResult, error) {
			result, err := g.Gateway.QueryRefund(ctx, r)
			if err == nil {
				result.Status = duopay.RefundDone
			}
			return result, err
		}
	}},
	{"returns everything in place of a part", "refund/partial", func(g *brokenGateway) {
		part := make(map[string]duopay.Money)
		restore := func(r duopay.RefundResult, err error) (duopay.RefundResult, error) {
			if r.Status != duopay.RefundUnknown {
				r.Amount = part[r.RefundNo]
			}
			return r, err
		}
		g.onRefund = func(ctx context.Context, r duopay.Refund) (duopay.RefundResult, error) {
			part[r.RefundNo] = r.Amount
			if r.Amount.Cmp(price) < 0 {
				r.Amount = price
			}
			return restore(g.Gateway.Refund(ctx, r))
		}
		g.onQueryRefund = func(ctx context.Context, r duopay.Refund) (duopay.RefundResult, error) {
			if part[r.RefundNo] == r.Amount && r.Amount.Cmp(price) < 0 {
				r.Amount = price
			}
			return restore(g.Gateway.QueryRefund(ctx, r))
		}
	}},
	{"returns what there is in place of too much", "refund/too much", func(g *brokenGateway) {
		g.onRefund = func(ctx context.Context, r duopay.Refund) (duopay.RefundResult, error) {
			if r.Amount.Cmp(price) > 0 {
				r.Amount = price
			}
			return g.Gateway.Refund(ctx, r)
		}
		g.onQueryRefund = func(ctx context.Context, r duopay.Refund) (duopay.RefundResult, error) {
			if r.Amount.Cmp(price) > 0 {
				r.Amount = price
			}
			return g.Gateway.QueryRefund(ctx, r)
		}
	}},
	{"makes a new refund of a repeated one", "refund/again", func(g *brokenGateway) {
		used := make(map[string]bool)
		g.onRefund = func(ctx context.Context, r duopay.Refund) (duopay.RefundResult, error) {
			renamed := r
			if used[r.RefundNo] {
				renamed.RefundNo, renamed.Amount = r.RefundNo+"-2", fen
			}
			used[r.RefundNo] = true
			result, err := g.Gateway.Refund(ctx, renamed)
			if renamed != r && err == nil {
				result, err = g.Gateway.QueryRefund(ctx, renamed)
			}
			result.RefundNo = r.RefundNo
			return result, err
		}
	}},
	{"takes a lost refund for a failed one", "refund/fault", func(g *brokenGateway) {
		g.onRefund = func(ctx context.Context, r duopay.Refund) (duopay.RefundResult, error) {
			result, err := g.Gateway.Refund(ctx, r)
			if errors.Is(err, duopay.Unsure) {
				result.Status = duopay.RefundFailed
			}
			return result, err
		}
	}},
	{"refunds again when the connection was lost", "refund/once", func(g *brokenGateway) {
		g.onRefund = func(ctx context.Context, r duopay.Refund) (duopay.RefundResult, error) {
			result, err := g.Gateway.Refund(ctx, r)
			if errors.Is(err, duopay.Unsure) {
				if again, failure := g.Gateway.Refund(ctx, r); failure == nil {
					return again, nil
				}
			}
			return result, err
		}
	}},
	{"takes a failed query for a failed refund", "refund query/fault", func(g *brokenGateway) {
		g.onQueryRefund = func(ctx context.Context, r duopay.Refund) (duopay.RefundResult, error) {
			result, err := g.Gateway.QueryRefund(ctx, r)
			if errors.Is(err, duopay.Unsure) && !errors.Is(err, duopay.ErrOrderMismatch) && !errors.Is(err, duopay.ErrAmountMismatch) {
				result.Status = duopay.RefundFailed
			}
			return result, err
		}
	}},
	{"takes a refund that is not found for a failed one", "refund query/not found", func(g *brokenGateway) {
		g.onQueryRefund = func(ctx context.Context, r duopay.Refund) (duopay.RefundResult, error) {
			result, err := g.Gateway.QueryRefund(ctx, r)
			if errors.Is(err, duopay.ErrNotFound) {
				result.Status, err = duopay.RefundFailed, nil
			}
			return result, err
		}
	}},
	{"is certain of a refund that is not found", "refund query/not found", func(g *brokenGateway) {
		g.onQueryRefund = func(ctx context.Context, r duopay.Refund) (duopay.RefundResult, error) {
			result, err := g.Gateway.QueryRefund(ctx, r)
			if e, ok := errors.AsType[*duopay.Error](err); ok && errors.Is(err, duopay.ErrNotFound) {
				e.Certain = true
			}
			return result, err
		}
	}},
	{"does not look how much was returned", "refund query/amount", func(g *brokenGateway) {
		g.onQueryRefund = func(ctx context.Context, r duopay.Refund) (duopay.RefundResult, error) {
			result, err := g.Gateway.QueryRefund(ctx, r)
			if errors.Is(err, duopay.ErrAmountMismatch) {
				result.Status, err = duopay.RefundDone, nil
			}
			return result, err
		}
	}},
	{"does not look whose refund it is", "refund query/other refund", func(g *brokenGateway) {
		g.onQueryRefund = func(ctx context.Context, r duopay.Refund) (duopay.RefundResult, error) {
			result, err := g.Gateway.QueryRefund(ctx, r)
			if errors.Is(err, duopay.ErrOrderMismatch) {
				result.Status, err = duopay.RefundDone, nil
			}
			return result, err
		}
	}},
	{"does not say that a notified order is paid", "notification/genuine", func(g *brokenGateway) {
		parse := g.onParse
		g.onParse = func(header http.Header, body []byte) (duopay.Notification, error) {
			n, err := parse(header, body)
			n.Payment.Status = duopay.Unknown
			return n, err
		}
	}},
	{"takes another key", "notification/forged", func(g *brokenGateway) {
		g.onParse = rewriting(g.onParse, "not-"+bankKey, func(*message) {})
	}},
	{"does not sign the amount", "notification/changed", func(g *brokenGateway) {
		parse := g.onParse
		g.onParse = func(header http.Header, body []byte) (duopay.Notification, error) {
			n, err := parse(header, body)
			var m message
			if err != nil && json.Unmarshal(body, &m) == nil {
				told, _ := m.Amount.Money()
				genuine := bytes.Replace(body, []byte(m.Amount), []byte(price.String()), 1)
				if n, err = parse(header, genuine); err == nil {
					n.Payment.Amount = told
				}
			}
			return n, err
		}
	}},
	{"mends what is cut", "notification/cut", func(g *brokenGateway) {
		parse := g.onParse
		g.onParse = func(header http.Header, body []byte) (duopay.Notification, error) {
			return parse(header, append(bytes.TrimSuffix(body, []byte("}")), '}'))
		}
	}},
	{"does not look how old a notification is", "notification/stale", func(g *brokenGateway) {
		g.onParse = rewriting(g.onParse, bankKey, func(m *message) { m.SentAt = time.Now() })
	}},
	{"does not look for whom a notification is", "notification/other merchant", func(g *brokenGateway) {
		g.onParse = rewriting(g.onParse, bankKey, func(m *message) { m.Merchant = merchant })
	}},
	{"refuses a notification that it knows", "notification/repeated", func(g *brokenGateway) {
		var mu sync.Mutex
		known := make(map[string]bool)
		parse := g.onParse
		g.onParse = func(header http.Header, body []byte) (duopay.Notification, error) {
			mu.Lock()
			defer mu.Unlock()
			if known[string(body)] {
				return duopay.Notification{}, duopay.ErrStale
			}
			n, err := parse(header, body)
			known[string(body)] = err == nil
			return n, err
		}
	}},
	{"acknowledges in upper case", "notification/acknowledged", func(g *brokenGateway) {
		g.onAcknowledge = func(err error) duopay.Acknowledgement {
			a := g.Gateway.Acknowledge(err)
			a.Body = strings.ToUpper(a.Body)
			return a
		}
	}},
	{"acknowledges whatever happens", "notification/not acknowledged", func(g *brokenGateway) {
		g.onAcknowledge = func(error) duopay.Acknowledgement { return g.Gateway.Acknowledge(nil) }
	}},
	{"says no in the status only", "notification/not acknowledged", func(g *brokenGateway) {
		g.onAcknowledge = func(err error) duopay.Acknowledgement {
			a := g.Gateway.Acknowledge(err)
			a.Body = acknowledged
			return a
		}
	}},
	{"remembers a lost charge as failed", "settle/fault", func(g *brokenGateway) {
		var lost sync.Map
		g.onCharge = func(ctx context.Context, c duopay.Charge) (duopay.Payment, error) {
			p, err := g.Gateway.Charge(ctx, c)
			lost.Store(c.OrderNo, errors.Is(err, duopay.Unsure))
			return p, err
		}
		g.onQuery = func(ctx context.Context, order duopay.Reference) (duopay.Payment, error) {
			if was, _ := lost.Load(order.OrderNo); was == true {
				return says(order.OrderNo, duopay.Failed)
			}
			return g.Gateway.Query(ctx, order)
		}
	}},
	{"is certain at the first denial", "settle/late", func(g *brokenGateway) {
		g.timing = func() duopay.Timing {
			t := g.Gateway.Timing()
			t.GiveUp, t.NotFoundQueries, t.NotFoundSpan = time.Second, 1, 0
			return t
		}
	}},
	{"gives an order up when it cannot ask", "settle/dark", func(g *brokenGateway) {
		var lost sync.Map
		g.onCharge = func(ctx context.Context, c duopay.Charge) (duopay.Payment, error) {
			p, err := g.Gateway.Charge(ctx, c)
			lost.Store(c.OrderNo, errors.Is(err, duopay.Unsure))
			return p, err
		}
		g.onQuery = func(ctx context.Context, order duopay.Reference) (duopay.Payment, error) {
			p, err := g.Gateway.Query(ctx, order)
			if was, _ := lost.Load(order.OrderNo); was == true && errors.Is(err, duopay.NotSent) {
				return says(order.OrderNo, duopay.Failed)
			}
			return p, err
		}
	}},
	{"takes an old order for closed", "settle/resume", func(g *brokenGateway) {
		g.onQuery = func(ctx context.Context, order duopay.Reference) (duopay.Payment, error) {
			if time.Since(order.CreatedAt) > 100*time.Second {
				return says(order.OrderNo, duopay.Closed)
			}
			return g.Gateway.Query(ctx, order)
		}
	}},
	{"takes an order that stays open for closed", "settle/race", func(g *brokenGateway) {
		var mu sync.Mutex
		seen := make(map[string]int)
		g.onQuery = func(ctx context.Context, order duopay.Reference) (duopay.Payment, error) {
			p, err := g.Gateway.Query(ctx, order)
			mu.Lock()
			defer mu.Unlock()
			if p.Status == duopay.Pending {
				if seen[order.OrderNo]++; seen[order.OrderNo] == 10 {
					p.Status = duopay.Closed
				}
			}
			return p, err
		}
	}},
	{"takes every refusal that it knows for certain", "charge/open code", func(g *brokenGateway) {
		g.onCharge = func(ctx context.Context, c duopay.Charge) (duopay.Payment, error) {
			p, err := g.Gateway.Charge(ctx, c)
			if e, ok := errors.AsType[*duopay.Error](err); ok && e.Code == string(WrongState) {
				e.Certain = true
			}
			return p, err
		}
	}},
	{"takes back what was paid with another amount", "settle/other amount", func(g *brokenGateway) {
		g.onCharge = func(ctx context.Context, c duopay.Charge) (duopay.Payment, error) {
			p, err := g.Gateway.Charge(ctx, c)
			if errors.Is(err, duopay.ErrAmountMismatch) {
				_, _ = g.Gateway.Cancel(ctx, duopay.Reference{OrderNo: c.OrderNo})
			}
			return p, err
		}
	}},
	{"begins in spite of the context", "call/canceled before", func(g *brokenGateway) {
		g.onRefund = func(ctx context.Context, r duopay.Refund) (duopay.RefundResult, error) {
			if ctx.Err() != nil {
				ctx = context.WithoutCancel(ctx)
			}
			return g.Gateway.Refund(ctx, r)
		}
	}},
	{"goes on in spite of the context", "call/canceled", func(g *brokenGateway) {
		g.onCharge = func(ctx context.Context, c duopay.Charge) (duopay.Payment, error) {
			if ctx.Err() == nil {
				ctx = context.WithoutCancel(ctx)
			}
			return g.Gateway.Charge(ctx, c)
		}
	}},
	{"forgets the attempt that may have arrived", "call/attempts", func(g *brokenGateway) {
		g.onCancel = func(ctx context.Context, order duopay.Reference) (duopay.Payment, error) {
			p, err := g.Gateway.Cancel(ctx, order)
			if errors.Is(err, duopay.Unsure) && ctx.Err() == nil {
				return g.Gateway.Cancel(ctx, order)
			}
			return p, err
		}
	}},
	{"has errors that say little", "call/errors", func(g *brokenGateway) {
		g.onQuery = func(ctx context.Context, order duopay.Reference) (duopay.Payment, error) {
			p, err := g.Gateway.Query(ctx, order)
			var e *duopay.Error
			if errors.As(err, &e) {
				e.Op = ""
			}
			return p, err
		}
	}},
	{"shows the payment code", "call/secrets", func(g *brokenGateway) {
		g.onCharge = func(ctx context.Context, c duopay.Charge) (duopay.Payment, error) {
			p, err := g.Gateway.Charge(ctx, c)
			var e *duopay.Error
			if errors.As(err, &e) {
				e.Message = "cannot charge " + c.AuthCode
			}
			return p, err
		}
	}},
	{"keeps the reply to itself", "call/raw reply", func(g *brokenGateway) {
		g.onQuery = func(ctx context.Context, order duopay.Reference) (duopay.Payment, error) {
			p, err := g.Gateway.Query(ctx, order)
			p.Native = nil
			return p, err
		}
	}},
	{"keeps what it knows of the reply", "call/unknown fields", func(g *brokenGateway) {
		g.onQueryRefund = func(ctx context.Context, r duopay.Refund) (duopay.RefundResult, error) {
			result, err := g.Gateway.QueryRefund(ctx, r)
			if reply, ok := result.Native.(*Reply); ok {
				reply.Raw, _ = json.Marshal(reply)
			}
			return result, err
		}
	}},
	{"keeps the charge under way in a field", "call/concurrent", func(g *brokenGateway) {
		var mu sync.Mutex
		var under duopay.Charge
		g.onCharge = func(ctx context.Context, c duopay.Charge) (duopay.Payment, error) {
			mu.Lock()
			under = c
			mu.Unlock()
			if ctx.Err() == nil {
				_ = pause(ctx, time.Millisecond)
			}
			mu.Lock()
			c = under
			mu.Unlock()
			return g.Gateway.Charge(ctx, c)
		}
	}},
}

// rewriting is a parser that changes what it reads, if it is signed with key.
func rewriting(parse func(http.Header, []byte) (duopay.Notification, error), key string, change func(*message)) func(http.Header, []byte) (duopay.Notification, error) {
	return func(header http.Header, body []byte) (duopay.Notification, error) {
		var m message
		if header.Get(signatureHeader) == hex.EncodeToString(sign(body, key)) && json.Unmarshal(body, &m) == nil {
			change(&m)
			body, _ = json.Marshal(m)
			header = http.Header{signatureHeader: {hex.EncodeToString(sign(body, bankKey))}}
		}
		return parse(header, body)
	}
}

// verdicts returns the rules that a gateway breaks, with what is said of it.
func verdicts(t *testing.T, ruin func(*brokenGateway)) map[string]error {
	t.Helper()
	failures, broken := make(map[string]error), make(map[string]bool)
	for _, r := range rules() {
		err := r.verdict(t, func(testing.TB, *http.Client) Rig {
			g := intact()
			ruin(g)
			rig := g.Rig()
			rig.Gateway = g
			return rig
		}, broken)
		if _, ok := errors.AsType[skipped](err); !ok && err != nil {
			failures[r.name], broken[r.name] = err, true
		}
	}
	return failures
}

// Every rule catches the gateway that breaks it, and no other does.
func TestBrokenGateways(t *testing.T) {
	caught := make(map[string]bool)
	t.Run("each", func(t *testing.T) {
		for _, b := range brokenGateways {
			caught[b.rule] = true
			t.Run(b.name, func(t *testing.T) {
				t.Parallel()
				failures := verdicts(t, b.ruin)
				for rule, err := range failures {
					assert.Equal(t, b.rule, rule, "%v", err)
				}
				assert.Contains(t, failures, b.rule)
				t.Log(failures[b.rule])
			})
		}
	})
	caught["query/changed"] = true // see TestSignedAnswers
	for _, r := range rules() {
		assert.True(t, caught[r.name], "no broken gateway breaks %s", r.name)
	}
	assert.Empty(t, verdicts(t, func(*brokenGateway) {}), "nothing is broken")
	t.Logf("%d rules, %d broken gateways", len(rules()), len(brokenGateways))
}
