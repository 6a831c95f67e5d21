package fufutest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/duopay/duopay/internal/sandbox"
)

// MaxDeliveries is how often the gateway delivers a notification that is not
// acknowledged: once, and the five times more that are documented.
const MaxDeliveries = 6

// Variant is a way in which a notification is not the usual one.
type Variant int

// Variants of a notification.
const (
	// Pretty is printed over many lines, with blanks the signature leaves out.
	Pretty Variant = iota + 1
	// Sparse has only the fields of the manual's sample: no busi_id among them.
	Sparse
	// Strings has every number as a JSON string.
	Strings
	// Unpaid says the state the order has, whatever it is, instead of 1.
	Unpaid
	// Failed says return_code FAIL in data, and state 1 all the same.
	Failed
	// Stale was signed a day ago.
	Stale
	// OtherMerchant is signed with the merchant's key, for another busi_id.
	OtherMerchant
	// Forged is signed with a key that is not the merchant's.
	Forged
	// Tampered had 100 fen added to its amounts after it was signed, and its
	// state set to 1.
	Tampered
	// SpacedText had a blank put into a free text after it was signed. The
	// signature cannot tell, and it does no harm.
	SpacedText
	// SpacedNumber had a blank put into out_trade_no after it was signed. The
	// signature cannot tell, but it names another order.
	SpacedNumber
	// SpacedName had a blank put into the name of the field state after it was
	// signed. The signature cannot tell, but there is no state any more.
	SpacedName
)

// spurious tells whether the gateway itself would never send it.
func spurious(v Variant) bool { return v >= Stale }

// Notification returns the JSON body that tells the merchant a preOrder was
// paid, and its signature. The body is to be posted to notifyUrl?sign=signature
// as application/json. The order must have been paid, except for [Unpaid] and
// [Failed]. The state is always 1, also if the order was refunded since: so is
// that of a notification that comes late.
func (s *Server) Notification(orderNo string, variants ...Variant) (signature, body string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.clock.Now()
	o := s.book.find("out_trade_no", orderNo, now)
	has := func(v Variant) bool { return slices.Contains(variants, v) }
	switch {
	case o == nil:
		return "", "", fmt.Errorf("fufutest: no order %s", orderNo)
	case o.Op != OpPreOrder:
		return "", "", fmt.Errorf("fufutest: order %s is not a preOrder: it is not notified", orderNo)
	case o.PaidAt.IsZero() && !has(Unpaid) && !has(Failed):
		return "", "", fmt.Errorf("fufutest: order %s has state %d, was not paid", orderNo, o.State)
	}

	key, at := s.Key, now
	if has(Forged) {
		key = "not-" + key
	}
	if has(Stale) {
		at = at.Add(-24 * time.Hour)
	}
	signature = sign([]byte(s.notification(o, has, false).Text()), key, at)
	return signature, deface(s.notification(o, has, has(Tampered)).Text(), has), nil
}

// notification is the envelope, as it is signed or after it was tampered with.
func (s *Server) notification(o *order, has func(Variant) bool, tampered bool) object {
	data := o.notice(s.BusiID)
	if !has(Unpaid) {
		data.Replace("state", int64(StatePaid))
	}
	if has(OtherMerchant) {
		data.Replace("busi_id", "990000000000099")
	}
	if has(Sparse) {
		for _, name := range []string{"busi_id", "channel_trade_no", "phone_code", "merchant_param", "credit", "time_zone"} {
			data.Replace(name, nil)
		}
	}
	if has(Failed) {
		data = append(object{{"return_code", wordFail}, {"return_msg", "EXCEPTION"}}, data...)
	}
	reply := object{{"result", outcome(wordSuccess, "OK")}, {"data", data}}
	if tampered {
		reply = wrongAmount(reply)
	}
	if has(Strings) {
		reply = numbersAsStrings(reply)
	}
	return reply
}

// notice is an order as a notification tells it: no return_code is documented.
func (o *order) notice(busiID string) object {
	paid := !o.PaidAt.IsZero()
	return slices.Concat(object{
		{"busi_id", busiID},
		{"channel_trade_no", when(paid, o.channelTradeNo())},
		{"trade_no", o.TradeNo},
		{"out_trade_no", o.OrderNo},
		{"phone_code", when(paid, o.phoneCode())},
		{"operator_id", optional(o.operatorID)},
		{"terminal_id", optional(o.terminalID)},
		{"merchant_param", optional(o.merchantParam)},
		{"begin_time", clock(o.CreatedAt)},
		{"end_time", clock(o.ended)},
	}, o.money("total_fee", "trans_amount_cny", o.AmountFen), object{
		{"credit", when(paid, "balance")},
		{"time_zone", optional(o.timeZone)},
		{"channel_type", channelType(o.Channel)},
		{"state", int64(o.State)},
	})
}

// deface does to a body what its signature cannot tell.
func deface(body string, has func(Variant) bool) string {
	for _, space := range []struct {
		variant  Variant
		old, new string
	}{
		{SpacedText, `"return_msg":"`, `"return_msg":" `},
		{SpacedNumber, `"out_trade_no":"`, `"out_trade_no":" `},
		{SpacedName, `"state":`, `"sta te":`},
	} {
		if has(space.variant) {
			body = strings.Replace(body, space.old, space.new, 1)
		}
	}
	if has(Pretty) {
		var b bytes.Buffer
		_ = json.Indent(&b, []byte(body), "", "    ") // of valid JSON: cannot fail
		body = b.String()
	}
	return body
}

// Notify posts the notification of a preOrder to its notifyUrl with client,
// http.DefaultClient if nil, and again every NotifyInterval until the reply is
// 200 with the body "SUCCESS" and nothing else, at most [MaxDeliveries] times.
// What is not the gateway's own ([Stale] and the variants behind it) is posted
// once: whoever sends those does not keep the gateway's schedule. Notify
// returns how often it posted and an error if nothing was acknowledged. Call it
// twice to notify twice.
//
// The address is notifyUrl?sign=signature even if notifyUrl has a query
// already, as the manual says.
func (s *Server) Notify(ctx context.Context, client *http.Client, orderNo string, variants ...Variant) (deliveries int, err error) {
	signature, body, err := s.Notification(orderNo, variants...)
	if err != nil {
		return 0, err
	}
	address := s.notifyURL(orderNo)
	if address == "" {
		return 0, fmt.Errorf("fufutest: order %s has no notifyUrl", orderNo)
	}
	notification := sandbox.Notification{
		Address: address + "?sign=" + signature, ContentType: "application/json;charset=UTF-8", Body: body, Ack: wordSuccess,
	}
	waits := slices.Repeat([]time.Duration{s.NotifyInterval}, MaxDeliveries-1)
	if slices.ContainsFunc(variants, spurious) {
		waits = nil
	}
	for deliveries = range sandbox.Attempts(ctx, waits) {
		if err = notification.Post(ctx, client); err == nil {
			return deliveries, nil
		}
	}
	return deliveries, fmt.Errorf("fufutest: notification of %s: %w", orderNo, err)
}

func (s *Server) notifyURL(orderNo string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.book.index["out_trade_no="+orderNo].notifyURL
}
