package guanaitongtest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/duopay/duopay/internal/sandbox"
)

// Variant is a way in which a notification or return page is not the usual
// one.
type Variant int

// Variants of a notification or return page. Only UpperCase and Fail are
// genuine.
const (
	// Forged is signed with a secret that is not the app's.
	Forged Variant = iota + 1
	// Tampered had one yuan added to its amount, or its pay_result reversed,
	// after it was signed.
	Tampered
	// Stale was signed 26 hours ago, which is longer than the provider
	// delivers.
	Stale
	// Future is signed with the time of one hour from now.
	Future
	// UnknownApp names an app that does not exist, and is signed with the
	// right secret.
	UnknownApp
	// DuplicateField has outer_trade_no a second time, with another number;
	// the signature is right for the first.
	DuplicateField
	// Recut has the signature of another order's return page, whose payer
	// chose the attach: what is signed does not tell where a value ends, and
	// reads as this message when it is cut elsewhere. Every check of the
	// digest alone passes. The attach such a payer needs fits into the
	// manual's 100 characters if the order number is short.
	Recut
	// Extended has one field more and a signature that was computed for it
	// without the secret, by length extension of the genuine one. Every check
	// of the digest alone passes.
	Extended
	// UpperCase has the signature in upper-case hex, as one of the provider's
	// pages does.
	UpperCase
	// Fail is a return page with pay_result fail. It says nothing to a
	// notification.
	Fail
)

// Values of pay_result.
const (
	resultSuccess = "success"
	resultFail    = "fail"
)

func genuine(variants []Variant) bool {
	return !slices.ContainsFunc(variants, func(v Variant) bool { return v != UpperCase && v != Fail })
}

// Notification returns the form body that tells the merchant an order is paid,
// signed now, to be posted as application/x-www-form-urlencoded. The order must
// be paid, unless the variants make the notification a false one.
func (s *Server) Notification(orderNo string, variants ...Variant) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	o, err := s.book.find(orderNo)
	if err != nil {
		return "", fmt.Errorf("guanaitongtest: %w", err)
	}
	if genuine(variants) && o.PaidAt.IsZero() {
		return "", fmt.Errorf("guanaitongtest: order %s is not paid", orderNo)
	}
	return s.callback(pairs{
		{"appid", ""},
		{"outer_trade_no", o.OrderNo},
		{"total_amount", sandbox.Yuan(o.AmountFen)},
		{"buyer_open_id", o.payer.OpenID},
		{"trade_no", o.TradeNo},
		{"timestamp", ""},
		{"attach", o.Attach},
	}, variants).encode(), nil
}

// RefundNotification returns the form body that tells the merchant a refund is
// done, as [Server.Notification] does for a payment. refundNo is the
// outer_refund_no.
func (s *Server) RefundNotification(refundNo string, variants ...Variant) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	o, refund, err := s.book.findRefund(refundNo)
	if err != nil {
		return "", fmt.Errorf("guanaitongtest: %w", err)
	}
	return s.callback(pairs{
		{"appid", ""},
		{"outer_trade_no", o.OrderNo},
		{"outer_refund_no", refund.RefundNo},
		{"refund_amount", sandbox.Yuan(refund.AmountFen)},
		{"trade_no", refund.TradeNo},
		{"timestamp", ""},
	}, variants).encode(), nil
}

// ReturnPage returns the address at which the payer's browser comes back to the
// merchant: the order's return_url with the fields of the return page, signed
// now. A query that return_url has of its own stays in front and is not signed:
// the manual says nothing about one. pay_result is success unless the variants
// say [Fail].
func (s *Server) ReturnPage(orderNo string, variants ...Variant) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	o, err := s.book.find(orderNo)
	if err != nil {
		return "", fmt.Errorf("guanaitongtest: %w", err)
	}
	result := resultSuccess
	if slices.Contains(variants, Fail) {
		result = resultFail
	}
	return s.returnPage(o.Order, result, variants), nil
}

func (s *Server) returnPage(o Order, result string, variants []Variant) string {
	query := s.callback(pairs{
		{"outer_trade_no", o.OrderNo},
		{"appid", ""},
		{"timestamp", ""},
		{"pay_result", result},
		{"attach", o.Attach},
	}, variants).encode()
	address, fragment, hasFragment := strings.Cut(o.ReturnURL, "#")
	separator := "?"
	if strings.Contains(address, "?") {
		separator = "&"
	}
	address += separator + query
	if hasFragment {
		address += "#" + fragment
	}
	return address
}

// location is where a pay call is redirected to.
func (s *Server) location(o Order, result string, change edit) location {
	if change.other {
		o.OrderNo = other(o.OrderNo)
	}
	if change.elsewhere {
		o.ReturnURL = "https://elsewhere.invalid/"
	}
	return location(s.returnPage(o, result, change.variants))
}

// callback completes and signs the fields of a notification or return page.
func (s *Server) callback(fields pairs, variants []Variant) pairs {
	has := func(v Variant) bool { return slices.Contains(variants, v) }
	app := s.Seller
	if s.SignAsCaller {
		app = s.Caller
	}
	if has(UnknownApp) {
		app.ID = "99999999"
	}
	if has(Forged) {
		app.Secret = "not-" + app.Secret
	}
	now := s.clock.Now()
	if has(Stale) {
		now = now.Add(-26 * time.Hour)
	}
	if has(Future) {
		now = now.Add(time.Hour)
	}
	fields = slices.DeleteFunc(fields, func(p pair) bool { return p.name == "attach" && p.value == "" })
	fields.set("appid", app.ID)
	// 10 digits, even in a testing/synctest bubble, where it is the year 2000.
	fields.set("timestamp", fmt.Sprintf("%010d", now.Unix()))

	var signature string
	switch {
	case has(Recut):
		fields, signature = s.recut(fields, app)
	case has(Extended):
		fields, signature = s.extended(fields, app)
	default:
		signature = sign(s.Hash, fields.params(), app.Secret)
	}
	if has(Tampered) {
		fields.tamper()
	}
	if has(UpperCase) {
		signature = strings.ToUpper(signature)
	}
	fields = append(fields, pair{"sign", signature})
	if has(DuplicateField) {
		fields = append(fields, pair{"outer_trade_no", other(fields.get("outer_trade_no"))})
	}
	return fields
}

// Notify posts the notification of an order to its notify_url with client,
// http.DefaultClient if nil, and again on NotifySchedule until the reply is 200
// with the body "success" and nothing else. A notification whose variants make
// it a false one is posted once: whoever sends those does not keep the
// platform's schedule. Notify returns how often it posted and an error if
// nothing was acknowledged. Call it twice to notify twice.
func (s *Server) Notify(ctx context.Context, client *http.Client, orderNo string, variants ...Variant) (deliveries int, err error) {
	order, _ := s.Order(orderNo)
	return s.deliver(ctx, client, order.NotifyURL, variants, func() (string, error) {
		return s.Notification(orderNo, variants...)
	})
}

// NotifyRefund is [Server.Notify] for a refund and the notify_url that came
// with it.
func (s *Server) NotifyRefund(ctx context.Context, client *http.Client, refundNo string, variants ...Variant) (deliveries int, err error) {
	return s.deliver(ctx, client, s.refundNotifyURL(refundNo), variants, func() (string, error) {
		return s.RefundNotification(refundNo, variants...)
	})
}

func (s *Server) refundNotifyURL(refundNo string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, refund, _ := s.book.findRefund(refundNo) // none: none
	return refund.NotifyURL
}

func (s *Server) deliver(ctx context.Context, client *http.Client, address string, variants []Variant, build func() (string, error)) (deliveries int, err error) {
	body, err := build()
	if err != nil {
		return 0, err
	}
	if address == "" {
		return 0, errors.New("guanaitongtest: no notify_url was sent")
	}
	notification := sandbox.Notification{
		Address: address, ContentType: "application/x-www-form-urlencoded", Body: body, Ack: "success",
	}
	waits := s.NotifySchedule
	if !genuine(variants) {
		waits = nil
	}
	for deliveries = range sandbox.Attempts(ctx, waits) {
		if deliveries > 1 && !s.KeepTimestamp {
			if notification.Body, err = build(); err != nil {
				return deliveries - 1, err
			}
		}
		if err = notification.Post(ctx, client); err == nil {
			return deliveries, nil
		}
	}
	return deliveries, fmt.Errorf("guanaitongtest: notification: %w", err)
}

// pairs are the fields of a callback in the order in which they are sent.
type pairs []pair

type pair struct{ name, value string }

func (p pairs) get(name string) string { return p.params()[name] }

func (p pairs) set(name, value string) {
	for i := range p {
		if p[i].name == name {
			p[i].value = value
		}
	}
}

func (p pairs) params() map[string]string {
	params := make(map[string]string)
	for _, each := range p {
		params[each.name] = each.value
	}
	return params
}

// encode writes the fields as a form, a space as %20.
func (p pairs) encode() string {
	var encoded []string
	for _, each := range p {
		value := strings.ReplaceAll(url.QueryEscape(each.value), "+", "%20")
		encoded = append(encoded, each.name+"="+value)
	}
	return strings.Join(encoded, "&")
}

// tamper changes what a thief would change.
func (p pairs) tamper() {
	for i, each := range p {
		switch each.name {
		case "total_amount", "refund_amount":
			if fen, err := sandbox.ParseYuan(each.value); err == nil {
				p[i].value = sandbox.Yuan(fen + 1_00)
			}
		case "pay_result":
			p[i].value = map[string]string{resultSuccess: resultFail, resultFail: resultSuccess}[each.value]
		}
	}
}
