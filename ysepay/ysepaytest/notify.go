package ysepaytest

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

// MaxDeliveries is how often the gateway delivers a notification that is not
// acknowledged to one address. The provider publishes no number.
const MaxDeliveries = 8

// Variant is a way in which a notification is not the usual one.
type Variant int

// Variants of a notification. Those that are not genuine must not be believed.
const (
	// Forged is signed with a key that is not the platform's.
	Forged Variant = iota + 1
	// AmountChanged had one yuan added to its amount after it was signed; a
	// notification without an amount gets one.
	AmountChanged
	// FieldAdded got a field more after it was signed.
	FieldAdded
	// FieldTwice got its notify_time a second time after it was signed.
	FieldTwice
	// WithoutSign has no sign.
	WithoutSign
	// OtherSignType says sign_type MD5, signed as sent.
	OtherSignType
	// OtherType is genuine and says a notify_type that does not exist.
	OtherType
	// WithoutAmount is genuine and says no amount, which the manual calls
	// optional.
	WithoutAmount
)

// form is the fields of a notification in the order they are sent in, as text.
type form [][2]string

// Notification returns the form body that tells the merchant how a combined
// order ended, with the sign_type and in the charset of the request that made
// it, to be posted as application/x-www-form-urlencoded. The order must not be
// open any more.
func (s *Server) Notification(orderNo string, variants ...Variant) (body string, err error) {
	body, _, err = s.tellOrder(orderNo, variants)
	return body, err
}

func (s *Server) tellOrder(orderNo string, variants []Variant) (body string, to caller, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.clock.Now()
	o, ok := s.book.order(orderNo, now)
	if !ok {
		return "", to, fmt.Errorf("ysepaytest: no order %s", orderNo)
	}
	if o.open() {
		return "", to, fmt.Errorf("ysepaytest: order %s is %s, there is nothing to tell", orderNo, o.state())
	}
	return s.write(o.notification(now), "combine_total_amount", o.caller, variants), o.caller, nil
}

// RefundNotification is [Server.Notification] for a refund: its notify_type is
// refund.status.sync, and it names the sub order. The refund must not be
// in_process any more. Its fields are known from one source only.
func (s *Server) RefundNotification(refundNo string, variants ...Variant) (body string, err error) {
	body, _, err = s.tellRefund(refundNo, variants)
	return body, err
}

func (s *Server) tellRefund(refundNo string, variants []Variant) (body string, to caller, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, ok := s.book.refund(refundNo)
	if !ok {
		return "", to, fmt.Errorf("ysepaytest: no refund %s", refundNo)
	}
	if r.State == refundInProcess {
		return "", to, fmt.Errorf("ysepaytest: refund %s is %s, there is nothing to tell", refundNo, r.State)
	}
	return s.write(r.notification(s.clock.Now()), "refund_amount", r.caller, variants), r.caller, nil
}

func (o *order) notification(now time.Time) form {
	f := form{
		{"sign_type", o.signType},
		{"notify_type", "directpay.status.sync"},
		{"notify_time", now.In(beijing).Format(time.DateTime)},
		{"combine_out_trade_no", o.OrderNo},
		{"combine_total_amount", sandbox.Yuan(o.AmountFen)},
		{"trade_no", o.TradeNo},
		{"trade_status", o.state()},
	}
	if o.ChargedFen > 0 {
		f = append(f, [][2]string{
			{"account_date", o.accountDate()},
			{"channel_send_sn", "10" + o.TradeNo},
			{"paygate_no", payGate},
			{"channel_recv_sn", o.PayNo},
			{"buyer_user_id", o.BuyerID},
			{"fee", "0.00"},
			{"card_type", ""}, // as seen in the field
			{"openid", ""},
		}...)
	}
	return append(f, [2]string{"extra_common_param", o.extra})
}

func (r *refund) notification(now time.Time) form {
	return form{
		{"sign_type", r.signType},
		{"notify_type", "refund.status.sync"},
		{"notify_time", now.In(beijing).Format(time.DateTime)},
		{"out_trade_no", r.of.OrderNo},
		{"trade_no", r.of.TradeNo},
		{"out_request_no", r.RefundNo},
		{"refundsn", r.RefundSN},
		{"refund_state", r.State},
		{"refund_amount", sandbox.Yuan(r.AmountFen)},
	}
}

// write signs and encodes a form. amount is the name of the field that holds
// the amount.
func (s *Server) write(f form, amount string, c caller, variants []Variant) string {
	has := func(v Variant) bool { return slices.Contains(variants, v) }
	if has(WithoutAmount) {
		f = slices.DeleteFunc(f, named(amount))
	}
	if has(OtherType) {
		f.set("notify_type", "made.up.sync")
	}
	if has(OtherSignType) {
		f.set("sign_type", "MD5")
	}
	p, _ := s.pair(c.signType)
	by := p.platform
	if has(Forged) {
		by = p.merchant
	}
	sign := [2]string{"sign", encodeSign(by.sign(signText(f.params(c.charset))))}
	if has(AmountChanged) {
		f = f.addYuan(amount)
	}
	if has(FieldAdded) {
		f = append(f, [2]string{"added", "1"})
	}
	if has(FieldTwice) {
		f = append(f, f[slices.IndexFunc(f, named("notify_time"))])
	}
	if !has(WithoutSign) {
		f = append(f, sign)
	}
	return f.encode(c.charset)
}

// named finds the field of a name.
func named(name string) func([2]string) bool {
	return func(field [2]string) bool { return field[0] == name }
}

func (f form) set(name, value string) { f[slices.IndexFunc(f, named(name))][1] = value }

func (f form) addYuan(amount string) form {
	i := slices.IndexFunc(f, named(amount))
	if i < 0 {
		return append(f, [2]string{amount, "1.00"})
	}
	fen, err := sandbox.ParseYuan(f[i][1])
	if err != nil {
		panic(err) // the gateway wrote it
	}
	f[i][1] = sandbox.Yuan(fen + 1_00)
	return f
}

// params are the fields as bytes.
func (f form) params(c charset) map[string]string {
	params := make(map[string]string)
	for _, field := range f {
		params[field[0]] = string(c.encode(field[1]))
	}
	return params
}

func (f form) encode(c charset) string {
	var pairs []string
	for _, field := range f {
		pairs = append(pairs, field[0]+"="+url.QueryEscape(string(c.encode(field[1]))))
	}
	return strings.Join(pairs, "&")
}

// Notify posts the notification of a combined order to every address of its
// notify_url with client, http.DefaultClient if nil, and again every
// NotifyInterval to those that have not answered 200 with the body "success"
// and nothing else, at most [MaxDeliveries] times each. Every delivery is made
// anew, with its own notify_time and sign. A notification that is not genuine
// is posted once to each: whoever sends those does not keep the gateway's
// schedule. Notify returns how often it posted and an error for every address
// that did not acknowledge. Call it twice to notify twice.
func (s *Server) Notify(ctx context.Context, client *http.Client, orderNo string, variants ...Variant) (deliveries int, err error) {
	return s.deliver(ctx, client, variants, func() (string, caller, error) { return s.tellOrder(orderNo, variants) })
}

// NotifyRefund is [Server.Notify] for [Server.RefundNotification]; it goes to
// the notify_url of the refund.
func (s *Server) NotifyRefund(ctx context.Context, client *http.Client, refundNo string, variants ...Variant) (deliveries int, err error) {
	return s.deliver(ctx, client, variants, func() (string, caller, error) { return s.tellRefund(refundNo, variants) })
}

func (s *Server) deliver(ctx context.Context, client *http.Client, variants []Variant, tell func() (string, caller, error)) (deliveries int, err error) {
	body, to, err := tell()
	if err != nil {
		return 0, err
	}
	if to.notifyURL == "" {
		return 0, errors.New("ysepaytest: there is no notify_url")
	}
	waits := slices.Repeat([]time.Duration{s.NotifyInterval}, MaxDeliveries-1)
	if spurious(variants) {
		waits = nil
	}
	addresses := strings.Split(to.notifyURL, ",")
	for round := range sandbox.Attempts(ctx, waits) {
		if round > 1 {
			if body, _, err = tell(); err != nil {
				return deliveries, err
			}
		}
		deliveries += len(addresses)
		if addresses, err = post(ctx, client, addresses, body, to.charset); err == nil {
			break
		}
	}
	return deliveries, err
}

// spurious reports whether a notification with variants is not genuine: all
// those before OtherType.
func spurious(variants []Variant) bool {
	return slices.ContainsFunc(variants, func(v Variant) bool { return v < OtherType })
}

// post posts a notification to addresses and returns those that did not
// acknowledge it, and why.
func post(ctx context.Context, client *http.Client, addresses []string, body string, c charset) (left []string, err error) {
	var failures []error
	for _, address := range addresses {
		notification := sandbox.Notification{
			Address: address, ContentType: "application/x-www-form-urlencoded; charset=" + string(c), Body: body, Ack: "success",
		}
		if err := notification.Post(ctx, client); err != nil {
			left = append(left, address)
			failures = append(failures, fmt.Errorf("ysepaytest: notification to %s: %w", address, err))
		}
	}
	return left, errors.Join(failures...)
}
