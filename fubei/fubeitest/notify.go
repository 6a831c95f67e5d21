package fubeitest

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
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
	dataOf(reply).replace("trade_state", nil)

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
		"result_code":    fmt.Sprint(reply.get("result_code")),
		"result_message": fmt.Sprint(reply.get("result_message")),
		"data":           dataOf(reply).text(),
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
	if client == nil {
		client = http.DefaultClient
	}
	most := MaxDeliveries
	if slices.Contains(variants, Forged) || slices.Contains(variants, Tampered) {
		most = 1
	}
	for {
		err = deliver(ctx, client, address, body)
		if deliveries++; err == nil {
			return deliveries, nil
		}
		if deliveries == most || sleep(ctx, s.NotifyInterval) != nil {
			return deliveries, fmt.Errorf("fubeitest: notification of %s: %w", orderNo, err)
		}
	}
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

// deliver posts a notification once; no error means acknowledged.
func deliver(ctx context.Context, client *http.Client, address, body string) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, address, strings.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := client.Do(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, 1<<10))
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK || string(answer) != "success" {
		return fmt.Errorf("not acknowledged: %s, %q", resp.Status, answer)
	}
	return nil
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
