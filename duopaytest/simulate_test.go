package duopaytest

import (
	"context"
	"maps"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/duopay/duopay"
)

var lives = LivesFlags()

func inMemory(testing.TB, *http.Client) Rig { return NewGateway().Rig() }

func TestSimulation(t *testing.T) { Simulate(t, inMemory, *lives) }

// ruined returns rigs of the gateway in memory with something broken.
func ruined(ruin func(*brokenGateway)) func(testing.TB, *http.Client) Rig {
	return func(testing.TB, *http.Client) Rig {
		g := intact()
		ruin(g)
		rig := g.Rig()
		rig.Gateway = g
		return rig
	}
}

// brokenInTime are gateways that are broken in ways that show in a life.
var brokenInTime = map[string]func(*brokenGateway){
	"takes a paid order for a partly refunded one": func(g *brokenGateway) {
		g.onQuery = func(ctx context.Context, order duopay.Reference) (duopay.Payment, error) {
			p, err := g.Gateway.Query(ctx, order)
			if p.Status == duopay.Paid {
				p.Status = duopay.PartialRefunded
			}
			return p, err
		}
	},
	"says paid when it cannot ask": func(g *brokenGateway) {
		g.onQuery = func(ctx context.Context, order duopay.Reference) (duopay.Payment, error) {
			p, err := g.Gateway.Query(ctx, order)
			if err != nil {
				p.Status = duopay.Paid
			}
			return p, err
		}
	},
	"names another order": func(g *brokenGateway) {
		g.onQuery = func(ctx context.Context, order duopay.Reference) (duopay.Payment, error) {
			p, err := g.Gateway.Query(ctx, order)
			p.OrderNo = p.TradeNo
			return p, err
		}
	},
	"refuses to tell what is not paid": func(g *brokenGateway) {
		g.onQuery = func(ctx context.Context, order duopay.Reference) (duopay.Payment, error) {
			p, err := g.Gateway.Query(ctx, order)
			if err == nil && !p.Status.Paid() {
				return duopay.Payment{OrderNo: order.OrderNo}, &duopay.Error{Provider: provider, Op: "query", Kind: duopay.Refused}
			}
			return p, err
		}
	},
	"charges again after an answer": func(g *brokenGateway) {
		g.onCharge = func(ctx context.Context, c duopay.Charge) (duopay.Payment, error) {
			if p, err := g.Gateway.Charge(ctx, c); err != nil {
				return p, err
			}
			return g.Gateway.Charge(ctx, c)
		}
	},
	"refunds after an hour": func(g *brokenGateway) {
		g.onRefund = func(ctx context.Context, r duopay.Refund) (duopay.RefundResult, error) {
			_ = pause(ctx, time.Hour)
			return g.Gateway.Refund(ctx, r)
		}
	},
	"never sends a refund": func(g *brokenGateway) {
		g.onRefund = func(_ context.Context, r duopay.Refund) (duopay.RefundResult, error) {
			return duopay.RefundResult{}, &duopay.Error{Provider: provider, Op: "refund", Kind: duopay.NotSent, OrderNo: r.OrderNo}
		}
	},
	"tells of a refund once": func(g *brokenGateway) {
		var told sync.Map
		g.onQueryRefund = func(ctx context.Context, r duopay.Refund) (duopay.RefundResult, error) {
			result, err := g.Gateway.QueryRefund(ctx, r)
			if result.Status == duopay.RefundDone {
				if _, before := told.LoadOrStore(r.RefundNo, true); before {
					result.Status = duopay.RefundPending
				}
			}
			return result, err
		}
	},
	"knows its own notifications only by chance": func(g *brokenGateway) {
		parse := g.onParse
		g.onParse = func(header http.Header, body []byte) (duopay.Notification, error) {
			if header.Get(signatureHeader) > "8" {
				return duopay.Notification{}, duopay.ErrSignature
			}
			return parse(header, body)
		}
	},
	"believes what is said of a refund": func(g *brokenGateway) {
		parse := g.onParse
		g.onParse = func(header http.Header, body []byte) (duopay.Notification, error) {
			n, err := parse(header, body)
			if err != nil {
				return duopay.Notification{Provider: provider, Refund: new(duopay.RefundResult)}, nil
			}
			return n, err
		}
	},
}

// What a simulation finds within a few hundred lives. It is about money: what
// says too little, or the wrong thing about what is no order of its own, is for
// the rules of [Run].
func TestSimulationFinds(t *testing.T) {
	found := []struct{ name, what string }{
		{"reports the amount in fen", "reported as paid with"},
		{"takes an accepted charge for a paid one", "reported as paid, and nothing was charged"},
		{"takes a lost answer for a failed charge", "sent again, after it may have arrived"},
		{"charges again when the connection was lost", "sent again, after it may have arrived"},
		{"takes what is open for failed", "in the end"},
		{"never says paid", "is taken, and the order is pending"},
		{"takes not found for not paid", "in the end"},
		{"accepts a cancel and does nothing", "a cancel is accepted, and the order is paid"},
		{"takes the cancel of a paid order for done", "reported as not paid"},
		{"takes a cancel that is under way for done", "reported as not paid"},
		{"accepts a close and does nothing", "the order is pending"},
		{"takes an accepted refund for done", "by what was reported"},
		{"returns everything in place of a part", "was returned, and by what was reported"},
		{"returns what there is in place of too much", "is reported as DP"},
		{"makes a new refund of a repeated one", "is reported as DP"},
		{"takes a lost refund for a failed one", "comes with the error"},
		{"takes another key", "forged is believed"},
		{"does not look how old a notification is", "stale is believed"},
		{"does not look for whom a notification is", "for another merchant is believed"},
		{"does not say that a notified order is paid", "the provider's notification says unknown"},
		{"acknowledges whatever happens", "is acknowledged, and was not handled"},
		{"remembers a lost charge as failed", "in the end"},
		{"gives an order up when it cannot ask", "reported as not paid"},
		{"takes an old order for closed", "reported as not paid"},
		{"takes an order that stays open for closed", "in the end"},
		{"shows the payment code", "a secret stands in an error"},
		{"takes a paid order for a partly refunded one", "is reported as partly refunded"},
		{"says paid when it cannot ask", "status paid comes with the error"},
		{"names another order", "is reported as order T"},
		{"refuses to tell what is not paid", "the order is unknown, duopaytest query"},
		{"charges again after an answer", "sent again, after it may have arrived"},
		{"refunds after an hour", "to be told anything"},
		{"never sends a refund", "never leaves"},
		{"tells of a refund once", "which was refunded, is pending"},
		{"knows its own notifications only by chance", "the provider's notification says unknown"},
		{"believes what is said of a refund", "forged is believed"},
	}
	broken := maps.Clone(brokenInTime)
	for _, b := range brokenGateways {
		broken[b.name] = b.ruin
	}
	for _, f := range found {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			require.Contains(t, broken, f.name)
			sum, bad := simulate(t, ruined(broken[f.name]), Lives{Seed: 1, Count: 500})
			require.NotEmpty(t, bad)
			for _, l := range bad {
				t.Logf("life %d: %v", l.script.seed, l.broken)
			}
			t.Log(sum.counts[livesLived])
			assert.Contains(t, bad[0].broken.Error(), f.what)
		})
	}
}

// A goroutine that is left, and what happens otherwise the second time.
func TestSimulationFindsItself(t *testing.T) {
	_, bad := simulate(t, ruined(func(g *brokenGateway) {
		g.onCharge = func(ctx context.Context, c duopay.Charge) (duopay.Payment, error) {
			go func() { <-make(chan struct{}) }()
			return g.Gateway.Charge(ctx, c)
		}
	}), Lives{Count: 10})
	require.Len(t, bad, badLives)
	require.ErrorContains(t, bad[0].broken, "blocked goroutines remain")

	runs := 0
	_, bad = simulate(t, func(testing.TB, *http.Client) Rig {
		runs++
		rig := NewGateway().Rig()
		if runs == 2 {
			rig.Pay = nil
		}
		return rig
	}, Lives{Seed: 3, Count: 1})
	require.Len(t, bad, 1)
	assert.ErrorContains(t, bad[0].broken, "the second time")
}

// A life ends with a story, and with the command that runs it again.
func TestStory(t *testing.T) {
	l := run(t, inMemory, 5)
	require.NoError(t, l.broken)
	assert.Contains(t, l.story(), "seed:5 ")
	assert.Contains(t, l.story(), "\n")
	assert.Equal(t, "go test github.com/duopay/duopay/duopaytest -run '^TestStory$' -seed 5 -lives 1", command(t, 5))

	other := run(t, inMemory, 5)
	l.compare(other)
	require.NoError(t, l.broken)
	other.lines = append(other.lines, "more")
	l.compare(other)
	require.ErrorContains(t, l.broken, "more")
	l.compare(&life{lines: other.lines[:1]})
	require.ErrorContains(t, l.broken, "from line 2 on")
}

// The figures add up, and every fault has its turn.
func TestFigures(t *testing.T) {
	sum, bad := simulate(t, inMemory, Lives{Seed: 1, Count: 300})
	require.Empty(t, bad)
	c := sum.counts
	assert.Equal(t, 300, c[livesLived])
	assert.Equal(t, 300, c[paidAtOnce]+c[paidByQuery]+c[paidByNotification]+c[neverPaid]+c[neverProven])
	for _, fault := range append(singleFaults(), swap) {
		assert.Positive(t, sum.faults[fault], fault)
	}
	for f := range numFigures {
		assert.Positive(t, c[f], "figure %d", f)
	}
	assert.Zero(t, sum.faults[forged], "answers are not signed")
	text := sum.String()
	assert.True(t, strings.HasPrefix(text, "300 lives: "), text)
	assert.Contains(t, text, "unreachable ")
}

// Answers that differ in a long word only, such as a signature, are forged at
// the same place.
func TestForge(t *testing.T) {
	changed := func(word string) string {
		w := &weather{dice: newDice(7, 2)}
		seen := ""
		for range 30 {
			forged := string(w.forge([]byte(`{"sign":"` + word + `","code":"10000"}`)))
			require.NotEmpty(t, forged)
			seen += strings.Replace(forged, word[1:], "", 1) + "\n"
		}
		return seen
	}
	one, other := "M"+strings.Repeat("a+", 20), "M"+strings.Repeat("7", 30)+"/=="
	assert.Equal(t, changed(one), changed(other))
	assert.Contains(t, changed(one), `{"sign":"N","code":"10000"}`)
	assert.Nil(t, (&weather{dice: newDice(7, 2)}).forge([]byte("{}")), "there is nothing to change")
}
