package duopaytest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/duopay/duopay"
)

// wired is a provider with little more than a Charge and a Query, over HTTP.
type wired struct{ client *http.Client }

func (g wired) Timing() duopay.Timing { return NewGateway().Timing() }

func (g wired) Charge(ctx context.Context, c duopay.Charge) (duopay.Payment, error) {
	if c.Amount.IsZero() {
		return duopay.Payment{}, &duopay.Error{Provider: "wired", Op: "charge", Kind: duopay.Invalid}
	}
	reply, err := g.call(ctx, Request{Op: "charge", OrderNo: c.OrderNo, Amount: c.Amount, AuthCode: c.AuthCode, NotifyURL: c.NotifyURL})
	return reply.payment(c.OrderNo, c.Amount, err)
}

func (g wired) Query(ctx context.Context, order duopay.Reference) (duopay.Payment, error) {
	reply, err := g.call(ctx, Request{Op: "query", OrderNo: order.OrderNo})
	return reply.payment(order.OrderNo, order.Amount, err)
}

func (g wired) call(ctx context.Context, r Request) (*Reply, error) {
	fail := func(kind duopay.Kind, err error) (*Reply, error) {
		return nil, &duopay.Error{Provider: "wired", Op: r.Op, OrderNo: r.OrderNo, Kind: kind, Err: err}
	}
	if r.OrderNo == "" {
		return fail(duopay.Invalid, nil)
	}
	connected := false
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GetConn: func(string) {}, GotConn: func(httptrace.GotConnInfo) { connected = true },
	})
	ctx, cancel := context.WithTimeout(ctx, attemptLimit)
	defer cancel()
	body, err := json.Marshal(r)
	if err != nil {
		return fail(duopay.Invalid, err)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://wired.invalid/?sign=hidden", bytes.NewReader(body))
	if err != nil {
		return fail(duopay.Invalid, err)
	}
	answer, err := g.client.Do(request)
	switch {
	case err != nil && !connected:
		return fail(duopay.NotSent, errors.New("there was no connection"))
	case err != nil:
		return fail(duopay.Unsure, errors.New("the connection was lost"))
	}
	defer answer.Body.Close()
	body, err = io.ReadAll(answer.Body)
	reply := &Reply{Raw: body}
	if err != nil || answer.StatusCode != http.StatusOK || json.Unmarshal(body, reply) != nil || reply.Code == "" {
		return fail(duopay.Unsure, errors.New("the answer is unreadable"))
	}
	if reply.OrderNo != r.OrderNo {
		return fail(duopay.Unsure, duopay.ErrOrderMismatch)
	}
	return reply, r.classify(reply)
}

// The suite's transport: every fault of every exchange, over HTTP.
func TestOverHTTP(t *testing.T) {
	Run(t, func(_ testing.TB, client *http.Client) Rig {
		bank := newBank()
		client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
		return Rig{
			Gateway: wired{client}, Book: bank.page, Pay: bank.pay, AskPayer: bank.askPayer,
			Fake: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				request, err := io.ReadAll(r.Body)
				assert.NoError(t, err)
				_, err = w.Write(bank.answer(request))
				assert.NoError(t, err)
			}),
			Number:     func(n int) string { return fmt.Sprintf("N%05d", n) },
			EditCharge: func(c *duopay.Charge) { c.Attach = "edited" },
			Secrets:    []string{"hidden"},
			Except:     map[string]string{"settle/late": "to be skipped"},
		}
	})
}

// reasons returns why rules were skipped, and which were broken.
func reasons(t *testing.T, rig func(testing.TB, *http.Client) Rig) (skips map[string]string, failures []string) {
	t.Helper()
	skips = make(map[string]string)
	for _, r := range rules() {
		err := r.verdict(t, rig, nil)
		if reason, ok := errors.AsType[skipped](err); ok {
			skips[r.name] = reason.Error()
		} else if err != nil {
			failures = append(failures, r.name)
		}
	}
	return skips, failures
}

// What a gateway or a rig cannot do is skipped, and the reason is told.
func TestSkips(t *testing.T) {
	skips, failures := reasons(t, func(testing.TB, *http.Client) Rig {
		rig := NewGateway().Rig()
		rig.Gateway = struct{}{}
		return rig
	})
	assert.Empty(t, failures)
	assert.Len(t, skips, len(rules()), "it can do nothing")
	assert.Equal(t, "the gateway is no duopay.Charger", skips["charge/paid"])

	skips, failures = reasons(t, func(testing.TB, *http.Client) Rig {
		rig := NewGateway().Rig()
		rig.Pay, rig.AskPayer, rig.Notify = nil, nil, nil
		rig.EditOrder = func(o *duopay.Order) { o.Channel = duopay.WeChatPay }
		rig.Except = map[string]string{"query/amount": "no amounts here"}
		return rig
	})
	assert.Empty(t, failures)
	assert.Equal(t, "the rig has no AskPayer", skips["charge/pending"])
	assert.Equal(t, "the rig has no Pay", skips["close/race"])
	assert.Equal(t, "the rig has no Notify", skips["notification/genuine"])
	assert.Equal(t, "no amounts here", skips["query/amount"])
	assert.NotContains(t, skips, "refund/full", "a charge is paid without Pay")

	skips, failures = reasons(t, func(testing.TB, *http.Client) Rig {
		rig := NewGateway().Rig()
		rig.Gateway = struct {
			duopay.Charger
			duopay.Preparer
			duopay.NotificationParser
			duopay.Refunder
		}{rig.Gateway.(*Gateway), rig.Gateway.(*Gateway), rig.Gateway.(*Gateway), rig.Gateway.(*Gateway)}
		rig.Notify = func(context.Context, *http.Client, string, Variant) error { return errors.ErrUnsupported }
		return rig
	})
	assert.Equal(t, "the provider has no notification that is stale", skips["notification/stale"])
	assert.Equal(t, "the provider has no notification that is genuine", skips["notification/acknowledged"])
	assert.Equal(t, []string{"refund/full", "refund/partial", "refund/again", "refund/fault"},
		failures, "its refunds are done when somebody asks, and nobody can")
}

// A gateway whose every call fails, or succeeds, breaks rules and not the
// suite.
func TestHopelessGateways(t *testing.T) {
	failure := &duopay.Error{Kind: duopay.Refused, Certain: true, Err: errors.New("no")}
	for name, ruin := range map[string]func(*brokenGateway){
		"no": func(g *brokenGateway) {
			g.onCharge = func(context.Context, duopay.Charge) (duopay.Payment, error) { return duopay.Payment{}, failure }
			g.onPrepare = func(context.Context, duopay.Order) (duopay.Prepared, error) { return duopay.Prepared{}, failure }
			g.onQuery = func(context.Context, duopay.Reference) (duopay.Payment, error) { return duopay.Payment{}, failure }
			g.onCancel, g.onClose = g.onQuery, g.onQuery
			g.onRefund = func(context.Context, duopay.Refund) (duopay.RefundResult, error) {
				return duopay.RefundResult{}, failure
			}
			g.onQueryRefund = g.onRefund
			g.onParse = func(http.Header, []byte) (duopay.Notification, error) { return duopay.Notification{}, failure }
		},
		"yes": func(g *brokenGateway) {
			g.onCharge = func(_ context.Context, c duopay.Charge) (duopay.Payment, error) { return says(c.OrderNo, duopay.Paid) }
			g.onPrepare = func(context.Context, duopay.Order) (duopay.Prepared, error) {
				return duopay.Prepared{QRCode: "yes"}, nil
			}
			g.onQuery = func(_ context.Context, r duopay.Reference) (duopay.Payment, error) {
				return says(r.OrderNo, duopay.Paid)
			}
			g.onCancel = func(_ context.Context, r duopay.Reference) (duopay.Payment, error) {
				return says(r.OrderNo, duopay.Canceled)
			}
			g.onClose = g.onCancel
			g.onRefund = func(context.Context, duopay.Refund) (duopay.RefundResult, error) {
				return duopay.RefundResult{Status: duopay.RefundDone}, nil
			}
			g.onQueryRefund = g.onRefund
			g.onParse = func(http.Header, []byte) (duopay.Notification, error) {
				return duopay.Notification{Provider: "yes", Payment: duopay.Payment{Status: duopay.Paid}}, nil
			}
		},
		"who knows": func(g *brokenGateway) {
			g.onQuery = func(context.Context, duopay.Reference) (duopay.Payment, error) {
				return says("another", duopay.Pending)
			}
			g.onQueryRefund = func(context.Context, duopay.Refund) (duopay.RefundResult, error) {
				return duopay.RefundResult{Status: duopay.RefundPending}, nil
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, failures := reasons(t, func(testing.TB, *http.Client) Rig {
				g := intact()
				ruin(g)
				rig := g.Rig()
				rig.Gateway = g
				return rig
			})
			assert.Greater(t, len(failures), 5)
			t.Log(len(failures), "of", len(rules()))
		})
	}
}

// What the gateway in memory does beside what the rules ask for.
func TestGatewayInMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, ctx := NewGateway(), t.Context()
		c := duopay.Charge{OrderNo: "A1", Amount: price, AuthCode: "1", Attach: "table 7"}
		p, err := g.Charge(ctx, c)
		require.NoError(t, err)
		assert.Equal(t, "table 7", p.Attach)
		assert.True(t, p.PaidAt.Equal(time.Now()))

		r := duopay.Refund{OrderNo: "A1", RefundNo: "R1", Amount: other}
		_, err = g.Refund(ctx, r)
		require.NoError(t, err)
		r.Amount = fen
		_, err = g.Refund(ctx, r)
		require.ErrorIs(t, err, duopay.Refused, "the number is used for another amount")
		_, err = g.Cancel(ctx, duopay.Reference{OrderNo: "A1"})
		require.ErrorIs(t, err, duopay.Refused, "a refund is under way")
		_, err = g.Refund(ctx, duopay.Refund{OrderNo: "A1", RefundNo: "R2"})
		require.ErrorIs(t, err, duopay.Invalid)

		_, err = g.Prepare(ctx, duopay.Order{OrderNo: "A2", Amount: price, ExpiresAt: time.Now().Add(time.Minute)})
		require.NoError(t, err)
		_, err = g.Refund(ctx, duopay.Refund{OrderNo: "A2", RefundNo: "R3", Amount: fen})
		require.ErrorIs(t, err, duopay.Refused, "it is not paid")
		require.NoError(t, pause(ctx, time.Minute))
		require.Error(t, g.Pay("A2"), "it has expired")
		p, err = g.Query(ctx, duopay.Reference{OrderNo: "A2"})
		require.NoError(t, err)
		assert.Equal(t, duopay.Closed, p.Status)

		require.Error(t, g.Notify(ctx, http.DefaultClient, "A2", Genuine))
		for _, variant := range []Variant{Genuine, Forged, Stale, OtherMerchant} {
			assert.NotEmpty(t, variant.String())
		}
		g.Next(Empty, Unreachable, Stuck)
		for _, kind := range []duopay.Kind{duopay.Unsure, duopay.NotSent, duopay.Unsure} {
			_, err = g.Query(ctx, duopay.Reference{OrderNo: "A2"})
			require.ErrorIs(t, err, kind)
		}
	})
}

func TestHolds(t *testing.T) {
	type hidden struct{ text string }
	like := func(text string) bool { return text == "here" }
	for _, v := range []any{
		"here", []byte("here"), json.RawMessage("here"), hidden{"here"}, &hidden{"here"}, []any{1, hidden{"here"}}, map[string]any{"a": "here"},
		map[string]int{"here": 1}, struct{ S duopay.Secret }{duopay.NewSecret("here")}, [][]byte{[]byte("here")},
	} {
		assert.True(t, holds(v, like), "%#v", v)
	}
	type loop struct{ next *loop }
	endless := new(loop)
	endless.next = endless
	for _, v := range []any{nil, "there", 1, endless, (*hidden)(nil), []string{}, map[string]string{"a": "b"}, struct{ f func() }{}} {
		assert.False(t, holds(v, like), "%#v", v)
	}
}

// A gateway that believes what is not signed breaks the rule about signed
// answers, and no other.
func TestSignedAnswers(t *testing.T) {
	_, failures := reasons(t, func(testing.TB, *http.Client) Rig {
		rig := NewGateway().Rig()
		rig.Signed = true
		return rig
	})
	assert.Equal(t, []string{"query/changed"}, failures)
}
