package duopaytest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/duopay/duopay"
)

// open starts the handler of the merchant's program, with its gateway.
func (l *life) open() {
	if !parses.met(l.bench) {
		return
	}
	handler, err := duopay.NotificationHandler(l.Gateway.(duopay.NotificationParser), l.book)
	if err != nil {
		l.fail("%v", err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.web = handler
}

// close stops it with the program.
func (l *life) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.web = nil
}

// letter is what a message is, which the merchant does not know.
type letter struct {
	variant  Variant
	unbooked bool // the merchant cannot book it now
}

type letterKey struct{}

// book is what the merchant does with a notification that is believed.
func (l *life) book(ctx context.Context, n duopay.Notification) error {
	letter, _ := ctx.Value(letterKey{}).(letter)
	if n.Payment.OrderNo != l.store.order.OrderNo || n.Refund != nil {
		return nil // not about this order's payment
	}
	if letter.variant != Genuine {
		l.fail("a notification that is %v is believed", letter.variant)
	}
	if letter.unbooked {
		return errors.New("the database is away")
	}
	said := told(n.Payment, nil)
	l.hear("notification", said, n.Payment, nil)
	if said == isPaid && l.store.provable() { // all else is for a query to tell
		l.learn(said, paidByNotification)
	}
	return nil
}

// postman posts the messages of the script when the order is paid, and forged
// ones before.
func (l *life) postman(n *neighbor) {
	if !messages.met(l.bench) || !parses.met(l.bench) || !closed(l.ctx, l.stored) {
		return
	}
	orderNo, dice := l.store.order.OrderNo, newDice(l.script.seed, 3)
	for charged := duopay.Fen(0); charged == 0; charged, _ = l.Book(orderNo) {
		if pause(l.ctx, dice.time(time.Second, 10*time.Second)) != nil {
			return
		}
		if n != nil && dice.one(0.2) {
			l.forge(n, orderNo)
		}
	}
	var group sync.WaitGroup
	defer group.Wait()
	for i, notice := range l.script.notices {
		if pause(l.ctx, notice.after) != nil {
			return
		}
		road := &road{life: l, dice: newDice(l.script.seed, uint64(4+i)), variant: notice.variant}
		group.Go(func() {
			err := l.Notify(l.ctx, &http.Client{Transport: road}, orderNo, notice.variant)
			l.say("posted, %v: acknowledged %v", notice.variant, err == nil)
		})
	}
}

// forge posts the message about another order with the number of this one.
func (l *life) forge(n *neighbor, orderNo string) {
	swap := func(text string) string { return strings.ReplaceAll(text, n.orderNo, orderNo) }
	address, err := url.Parse(swap(n.message.url.String()))
	if err != nil {
		return
	}
	r := httptest.NewRequestWithContext(l.ctx, n.message.method, address.String(), strings.NewReader(swap(string(n.message.body))))
	r.Header = n.message.header.Clone()
	l.count(forgeries)
	l.serve(r, letter{variant: Forged})
}

// serve is the merchant's web server.
func (l *life) serve(r *http.Request, m letter) *httptest.ResponseRecorder {
	l.mu.Lock()
	web := l.web
	l.mu.Unlock()
	w := httptest.NewRecorder()
	if web == nil {
		w.WriteHeader(http.StatusBadGateway)
	} else {
		web.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), letterKey{}, m)))
	}
	return w
}

// road is the way from a provider to the merchant, on which messages are lost,
// late or doubled.
type road struct {
	*life
	dice    dice
	variant Variant
}

func (r *road) RoundTrip(request *http.Request) (*http.Response, error) {
	body, err := readRequest(request)
	if err == nil {
		err = pause(request.Context(), r.dice.time(time.Millisecond, time.Second))
	}
	if err != nil {
		return nil, err
	}
	m := letter{r.variant, r.dice.one(r.script.unbooked) && !r.sky.fair()}
	deliver := func() *httptest.ResponseRecorder {
		in := httptest.NewRequestWithContext(context.WithoutCancel(request.Context()), request.Method, request.URL.String(), bytes.NewReader(body))
		in.Header = request.Header.Clone()
		r.count(notifications)
		return r.serve(in, m)
	}
	if r.sky.fair() || !r.dice.one(r.script.road) {
		return deliver().Result(), nil
	}
	switch r.dice.IntN(4) {
	case 0: // lost
		return nil, io.ErrUnexpectedEOF
	case 1: // late
		if err := pause(request.Context(), r.dice.time(0, longest)); err != nil {
			return nil, err
		}
	case 2: // twice, at the same time
		var group sync.WaitGroup
		defer group.Wait()
		group.Go(func() { deliver() })
	case 3: // the acknowledgement is lost
		deliver()
		return nil, io.ErrUnexpectedEOF
	}
	return deliver().Result(), nil
}
