package fubeitest

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/duopay/duopay/internal/sandbox"
)

// MaxDeliveries is how often the gateway delivers a notification that is not
// acknowledged.
const MaxDeliveries = 26

// Variant is a way in which a notification is not the usual one.
type Variant int

// Variants of a notification.
const (
	// Forged is signed with a secret that is not the gateway's.
	Forged Variant = iota + 1
	// Tampered had one yuan added to its amounts after it was signed.
	Tampered
	// Failed is genuine and says result_code 400: the order is not paid.
	Failed
)

// Notification returns the form body that tells the merchant an order is paid,
// signed, to be posted as application/x-www-form-urlencoded. The order must be
// paid, except for a [Failed] notification.
func (s *Server) Notification(orderNo string, variants ...Variant) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	o, err := s.book.find("merchant_order_sn", orderNo, s.clock.Now())
	if err != nil {
		return "", fmt.Errorf("fubeitest: %w", err)
	}
	reply := success(o.reply())
	if slices.Contains(variants, Failed) {
		reply = (&refusal{code: 400, message: "失败"}).envelope(orderNo)
	} else if o.State != stateSuccess {
		return "", fmt.Errorf("fubeitest: order %s is %s, not paid", orderNo, o.State)
	}
	// Not documented to be part of a notification.
	dataOf(reply).Replace("trade_state", nil)

	secret := s.Secret
	if slices.Contains(variants, Forged) {
		secret = "not-" + secret
	}
	params := formParams(reply)
	params["sign"] = sign(params, secret)
	if slices.Contains(variants, Tampered) {
		params["data"] = formParams(wrongAmount(reply))["data"]
	}
	return encodeForm(params), nil
}

// formParams are the fields of an envelope as a notification carries them.
func formParams(reply object) map[string]string {
	return map[string]string{
		"result_code":    fmt.Sprint(reply.Get("result_code")),
		"result_message": fmt.Sprint(reply.Get("result_message")),
		"data":           dataOf(reply).Text(),
	}
}

func encodeForm(params map[string]string) string {
	var pairs []string
	for _, name := range []string{"result_code", "result_message", "data", "sign"} {
		pairs = append(pairs, name+"="+url.QueryEscape(params[name]))
	}
	return strings.Join(pairs, "&")
}

// Notify posts the notification of an order to its call_back_url with client,
// http.DefaultClient if nil, and again every NotifyInterval until the reply is
// 200 with the body "success" and nothing else, at most [MaxDeliveries] times.
// A [Forged] or [Tampered] notification is posted once: whoever sends those
// does not keep the gateway's schedule. Notify returns how often it posted and
// an error if nothing was acknowledged. Call it twice to notify twice.
func (s *Server) Notify(ctx context.Context, client *http.Client, orderNo string, variants ...Variant) (deliveries int, err error) {
	body, err := s.Notification(orderNo, variants...)
	if err != nil {
		return 0, err
	}
	address := s.callBackURL(orderNo)
	if address == "" {
		return 0, fmt.Errorf("fubeitest: order %s has no call_back_url", orderNo)
	}
	notification := sandbox.Notification{
		Address: address, ContentType: "application/x-www-form-urlencoded", Body: body, Ack: "success",
	}
	waits := slices.Repeat([]time.Duration{s.NotifyInterval}, MaxDeliveries-1)
	if slices.Contains(variants, Forged) || slices.Contains(variants, Tampered) {
		waits = nil
	}
	for deliveries = range sandbox.Attempts(ctx, waits) {
		if err = notification.Post(ctx, client); err == nil {
			return deliveries, nil
		}
	}
	return deliveries, fmt.Errorf("fubeitest: notification of %s: %w", orderNo, err)
}

func (s *Server) callBackURL(orderNo string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	o, err := s.book.find("merchant_order_sn", orderNo, s.clock.Now())
	if err != nil {
		return ""
	}
	return o.echo.callBackURL
}
