package duopaytest

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/duopay/duopay"
)

// startHandler starts the handler of the merchant's program, with its gateway.
func (l *life) startHandler() {
	if !parses.met(l.bench) {
		return
	}
	handler, err := duopay.NotificationHandler(l.Gateway.(duopay.NotificationParser), l.handle)
	if err != nil {
		l.fail("%v", err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.web = handler
}

// stopHandler stops it with the program.
func (l *life) stopHandler() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.web = nil
}

// letter is what a message is, which the merchant does not know.
type letter struct {
	variant  Variant
	unbooked bool         // the merchant cannot book it now
	handled  *atomic.Bool // set when he has
}

type letterKey struct{}

// handle is what the merchant does with a notification that is believed.
func (l *life) handle(ctx context.Context, n duopay.Notification) error {
	letter, _ := ctx.Value(letterKey{}).(letter)
	if letter.variant != Genuine {
		l.fail("a notification that is %v is believed", letter.variant)
	}
	if letter.unbooked {
		return errAway
	}
	letter.handled.Store(true)
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
	if !closed(l.ctx, l.stored) {
		return
	}
	orderNo, dice, forged := l.store.order.OrderNo, newDice(l.script.seed, 3), 0
	for charged := duopay.Fen(0); charged == 0; charged, _ = l.Book(orderNo) {
		if pause(l.ctx, dice.time(time.Second, 10*time.Second)) != nil {
			return
		}
		if n != nil && forged < mostForgeries && dice.one(0.2) {
			l.forge(n, orderNo)
			forged++
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
			if err == nil && !road.handled.Load() {
				l.fail("a notification that is %v is acknowledged, and was not handled", notice.variant)
			}
		})
	}
}

// mostForgeries is how many forgeries there are at most in a life.
const mostForgeries = 5

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
	l.serve(r, letter{variant: Forged, handled: new(atomic.Bool)})
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
	handled atomic.Bool
}

func (r *road) RoundTrip(request *http.Request) (*http.Response, error) {
	body, err := readRequest(request)
	if err == nil {
		err = pause(request.Context(), r.dice.time(time.Millisecond, time.Second))
	}
	if err != nil {
		return nil, err
	}
	m := letter{r.variant, r.dice.one(r.script.unbooked) && !r.sky.fair(), &r.handled}
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
