// Package duopay is one vocabulary for taking money through Chinese payment
// providers, each of which has a package of its own: fubei, fufu, guanaitong,
// ysepay.
//
// A provider's package speaks the words of the provider's manual through its
// Client. Its Gateway speaks the words of this package: what it can do is told
// by the small interfaces it implements ([Charger], [Preparer], [Querier],
// [Refunder], [RefundQuerier], [Canceler], [Closer], [NotificationParser]), so
// that a missing capability is a compile error. Two functions work with any of
// them: [Settle] charges a payer and stays with the order until the outcome is
// known, and [NotificationHandler] receives notifications over HTTP.
//
// # What an outcome means
//
// An operation returns its result and a nil error only if the provider's
// answer is readable, about the right order and amount, and in a known state.
// Every other end is an [*Error], whose [Kind] says what it means for the
// money. Nothing that is not proven is reported as done or as not done:
//
//	payment, err := gateway.Charge(ctx, charge)
//	switch {
//	case err == nil && payment.Status.Paid():    // hand over the goods
//	case errors.Is(err, duopay.NotSent):         // never arrived: try again
//	case errors.Is(err, duopay.Invalid):         // nothing was sent: correct the call
//	default:                                     // refused, pending or unsure: query, or use Settle
//	}
//
// # Money
//
// Amounts are [Money], in yuan and exact to the fen, or [Fen] where a manual
// counts fen. No operation takes or gives a float.
package duopay

import (
	"context"
	"net/http"
	"net/url"
)

// Charger takes money from a payer whose payment code was read at the till.
//
// Charge sends the charge once and never again by itself unless it provably
// never arrived. Store the order number before calling it. A nil error with
// status [Pending] means that the payer has something to do: query, or call
// [Settle] instead, which does.
type Charger interface {
	Charge(ctx context.Context, charge Charge) (Payment, error)
}

// Preparer opens an order that the payer pays afterwards, by scanning a code
// or inside a page. That it is open says nothing about payment: wait for the
// notification, and query.
type Preparer interface {
	Prepare(ctx context.Context, order Order) (Prepared, error)
}

// Querier asks what became of an order. It is the only way out of [Unsure].
// A failed query changes nothing; "no such order" soon after an unclear charge
// proves nothing.
type Querier interface {
	Query(ctx context.Context, order Reference) (Payment, error)
}

// Refunder returns money, in part or in full. Accepted is not returned: unless
// the status says [RefundDone], ask with [RefundQuerier]. After [Unsure], ask
// or repeat with the same refund number, never with a new one.
type Refunder interface {
	Refund(ctx context.Context, refund Refund) (RefundResult, error)
}

// RefundQuerier asks what became of a refund.
type RefundQuerier interface {
	QueryRefund(ctx context.Context, refund Refund) (RefundResult, error)
}

// Canceler takes back a charge whose outcome is not known or not wanted. A nil
// error means that the provider accepted the request: believe only a query.
type Canceler interface {
	Cancel(ctx context.Context, order Reference) (Payment, error)
}

// Closer shuts a prepared order that nobody has paid. A nil error means that
// the provider accepted the request: believe only a query.
type Closer interface {
	Close(ctx context.Context, order Reference) (Payment, error)
}

// NotificationParser verifies and reads what a provider sends about an order.
// [NotificationHandler] makes it an http.Handler; on another router, call it
// with the request's method, URL, header and unchanged body, and answer what
// Acknowledge returns. It uses no network.
type NotificationParser interface {
	// ParseNotification returns a notification only if it is genuine, complete
	// and fresh. Otherwise the error wraps one of [ErrMalformed],
	// [ErrSignature], [ErrStale] and [ErrUnknownMerchant].
	ParseNotification(method string, u *url.URL, header http.Header, body []byte) (Notification, error)
	// Acknowledge returns the answer the provider expects: with a nil error the
	// one that ends the deliveries, else one after which it delivers again.
	Acknowledge(err error) Acknowledgement
}
