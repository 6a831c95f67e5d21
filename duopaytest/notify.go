package duopaytest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/duopay/duopay"
)

// notifyURL is where the suite's merchant wants to be notified.
const notifyURL = "https://shop.example/notify"

func notificationRules() []rule {
	needed := []need{parses, messages, payable}
	rests := []string{"notification/genuine"}
	refused := func(variant Variant, reasons ...error) func(*bench) error {
		return func(b *bench) error { return b.refuses(variant, reasons...) }
	}
	return []rule{{
		name:  "notification/genuine",
		words: "a genuine notification says that the order is paid, with its number and amount, and uses no network",
		needs: needed,
		check: notificationGenuine,
	}, {
		name:  "notification/forged",
		words: "a notification that is signed with another key is not believed: ErrSignature, and nothing of it is returned",
		needs: needed,
		rests: rests,
		check: refused(Forged, duopay.ErrSignature),
	}, {
		name:  "notification/changed",
		words: "no letter or digit of a notification can be changed so that it says something else and is believed",
		needs: needed,
		rests: rests,
		check: notificationChanged,
	}, {
		name:  "notification/cut",
		words: "a notification that breaks off is not believed",
		needs: needed,
		rests: rests,
		check: notificationCut,
	}, {
		name:  "notification/stale",
		words: "a notification that is a day old is not believed: ErrStale",
		needs: needed,
		rests: rests,
		check: refused(Stale, duopay.ErrStale),
	}, {
		name:  "notification/other merchant",
		words: "a notification for another merchant is not believed: ErrUnknownMerchant",
		needs: needed,
		rests: rests,
		check: refused(OtherMerchant, duopay.ErrUnknownMerchant),
	}, {
		name:  "notification/repeated",
		words: "a notification that is delivered again, and while the first delivery is under way, says the same",
		needs: needed,
		rests: rests,
		check: notificationRepeated,
	}, {
		name:  "notification/acknowledged",
		words: "what was handled is acknowledged as the provider demands it, byte for byte, so that it is not delivered again",
		needs: needed,
		rests: rests,
		check: func(b *bench) error {
			return b.deliveries(Genuine, func(int) error { return nil }, func(calls int, err error) error {
				if err != nil || calls != 1 {
					return oneLine("it was handled %d times: %v", calls, err)
				}
				return nil
			})
		},
	}, {
		name:  "notification/not acknowledged",
		words: "what could not be handled is not acknowledged, so that it is delivered again: where the acknowledgement has a body, it has another one",
		needs: needed,
		rests: append(rests, "notification/acknowledged", "notification/repeated"),
		check: func(b *bench) error {
			fail := func(call int) error {
				if call == 1 {
					return errAway
				}
				return nil
			}
			if err := b.bodiesDiffer(); err != nil {
				return err
			}
			return b.deliveries(Genuine, fail, func(calls int, err error) error {
				if err != nil || calls != 2 {
					return oneLine("the first delivery could not be handled, there were %d: %v", calls, err)
				}
				return nil
			})
		},
	}}
}

// delivery is a notification on its way.
type delivery struct {
	method string
	url    *url.URL
	header http.Header
	body   []byte
}

func (b *bench) parse(d delivery) (duopay.Notification, error) {
	return b.Gateway.(duopay.NotificationParser).ParseNotification(d.method, d.url, d.header, d.body)
}

// message returns what the provider posts about a paid order.
func (b *bench) message(orderNo string, variant Variant) (d delivery, err error) {
	acknowledge := b.Gateway.(duopay.NotificationParser).Acknowledge
	client := &http.Client{Transport: shop{http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body) // in memory
		d = delivery{r.Method, r.URL, r.Header, body}
		a := acknowledge(nil)
		w.Header().Set("Content-Type", a.ContentType)
		w.WriteHeader(a.Status)
		_, _ = io.WriteString(w, a.Body)
	})}}
	err = b.Notify(b.ctx, client, orderNo, variant)
	switch {
	case errors.Is(err, errors.ErrUnsupported):
		return d, unsupported(variant)
	case d.method == "":
		return d, oneLine("nothing was posted: %v", err)
	}
	return d, nil
}

func unsupported(variant Variant) error {
	return skipped("the provider has no notification that is " + variant.String())
}

// notified makes a paid order and what the provider posts about it.
func (b *bench) notified(variant Variant) (duopay.Reference, delivery, error) {
	order, err := b.paid(price)
	if err != nil {
		return order, delivery{}, err
	}
	d, err := b.message(order.OrderNo, variant)
	return order, d, err
}

func notificationGenuine(b *bench) error {
	order, d, err := b.notified(Genuine)
	if err != nil {
		return err
	}
	before := b.line.requests("")
	n, err := b.parse(d)
	switch {
	case err != nil:
		return err
	case b.line.requests("") != before:
		return oneLine("reading it used the network")
	case n.Provider == "" || !n.Payment.Status.Paid() || n.Payment.OrderNo != order.OrderNo:
		return oneLine("order %s is paid, and it says that order %s is %v (provider %q)", order.OrderNo, n.Payment.OrderNo, n.Payment.Status, n.Provider)
	case !n.Payment.Amount.IsZero() && n.Payment.Match(order) != nil: // some providers tell no amount
		return n.Payment.Match(order)
	}
	return nil
}

// refuses reports how what becomes of a notification differs from its being
// refused for one of the reasons.
func (b *bench) refuses(variant Variant, reasons ...error) error {
	_, d, err := b.notified(variant)
	if err != nil {
		return err
	}
	n, err := b.parse(d)
	believed := func(reason error) bool { return errors.Is(err, reason) }
	switch {
	case err == nil:
		return oneLine("it is believed")
	case !reflect.DeepEqual(n, duopay.Notification{}):
		return oneLine("something of it is returned, with the error: %v", err)
	case !slices.ContainsFunc(reasons, believed):
		return oneLine("it is refused for another reason: %v", err)
	}
	return nil
}

// notificationChanged changes every letter and digit, one at a time, in the
// body, in the query of the address and in the header.
func notificationChanged(b *bench) error {
	_, d, err := b.notified(Genuine)
	if err != nil {
		return err
	}
	genuine, err := b.parse(d)
	if err != nil {
		return err
	}
	check := func(where string, text string, with func(string) delivery) error {
		for i := range len(text) {
			changed, ok := change(text, i)
			if !ok {
				continue
			}
			n, err := b.parse(with(changed))
			if err == nil && !same(n, genuine) {
				return oneLine("with byte %d of the %s changed from %q to %q it says something else and is believed", i, where, text[i], changed[i])
			}
		}
		return nil
	}
	failures := []error{check("body", string(d.body), func(body string) delivery {
		return delivery{d.method, d.url, d.header, []byte(body)}
	}), check("query", d.url.RawQuery, func(query string) delivery {
		address := *d.url
		address.RawQuery = query
		return delivery{d.method, &address, d.header, d.body}
	})}
	for name, values := range d.header {
		failures = append(failures, check("header "+name, values[0], func(value string) delivery {
			header := d.header.Clone()
			header[name] = []string{value}
			return delivery{d.method, d.url, header, d.body}
		}))
	}
	return first(failures...)
}

// change returns text with another letter or digit at place i, if there is one.
func change(text string, i int) (string, bool) {
	from, to := text[i], byte(0)
	switch {
	case '0' <= from && from <= '9':
		to = '0' + (from-'0'+1)%10
	case 'a' <= from && from <= 'z':
		to = 'a' + (from-'a'+1)%26
	case 'A' <= from && from <= 'Z':
		to = 'A' + (from-'A'+1)%26
	default:
		return "", false
	}
	return text[:i] + string(to) + text[i+1:], true
}

// same reports whether two notifications say the same of the payment.
func same(a, b duopay.Notification) bool {
	return alike(a.Payment, b.Payment) && a.Provider == b.Provider
}

// alike reports whether two payments are the same.
func alike(a, b duopay.Payment) bool {
	a.Native, b.Native = nil, nil
	return a == b
}

func notificationCut(b *bench) error {
	_, d, err := b.notified(Genuine)
	if err != nil {
		return err
	}
	whole := d.body
	for i := range whole {
		d.body = whole[:i:i]
		if _, err := b.parse(d); err == nil {
			return oneLine("the first %d bytes of %d are believed", i, len(whole))
		}
	}
	return nil
}

func notificationRepeated(b *bench) error {
	_, d, err := b.notified(Genuine)
	if err != nil {
		return err
	}
	genuine, err := b.parse(d)
	if err != nil {
		return err
	}
	failures := make([]error, 16)
	var group sync.WaitGroup
	for i := range failures {
		group.Go(func() {
			n, err := b.parse(delivery{d.method, d.url, d.header.Clone(), bytes.Clone(d.body)})
			if err == nil && !same(n, genuine) {
				err = oneLine("another delivery of the same notification says something else")
			}
			failures[i] = err
		})
	}
	group.Wait()
	return errors.Join(failures...)
}

// errAway is why a merchant's function could not handle a notification.
var errAway = errors.New("the database is away")

// bodiesDiffer reports an acknowledgement after a failure that has the body of
// the one after success: a provider may not look at the HTTP status.
func (b *bench) bodiesDiffer() error {
	acknowledge := b.Gateway.(duopay.NotificationParser).Acknowledge
	handled := acknowledge(nil).Body
	for _, err := range []error{errAway, duopay.ErrSignature} {
		if a := acknowledge(err); handled != "" && a.Body == handled {
			return oneLine("after the error %q the answer is %q, as if it had been handled, with status %d", err, a.Body, a.Status)
		}
	}
	return nil
}

// deliveries lets the provider deliver a notification to a merchant whose
// function ends in handle's error at its n-th call.
func (b *bench) deliveries(variant Variant, handle func(call int) error, check func(calls int, err error) error) error {
	order, err := b.paid(price)
	if err != nil {
		return err
	}
	var calls atomic.Int32
	handler, err := duopay.NotificationHandler(b.Gateway.(duopay.NotificationParser), func(context.Context, duopay.Notification) error {
		return handle(int(calls.Add(1)))
	})
	if err != nil {
		return err
	}
	err = b.Notify(b.ctx, &http.Client{Transport: shop{handler}}, order.OrderNo, variant)
	if errors.Is(err, errors.ErrUnsupported) {
		return unsupported(variant)
	}
	return check(int(calls.Load()), err)
}

// shop is a transport that leads to the merchant's handler.
type shop struct{ http.Handler }

func (s shop) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := readRequest(r)
	if err != nil {
		return nil, err
	}
	in := httptest.NewRequestWithContext(r.Context(), r.Method, r.URL.String(), bytes.NewReader(body))
	in.Header = r.Header.Clone()
	w := httptest.NewRecorder()
	s.ServeHTTP(w, in)
	return w.Result(), nil
}
