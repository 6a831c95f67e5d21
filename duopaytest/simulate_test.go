package duopaytest

import (
	"context"
	"net/http"
	"strings"
	"testing"

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
		{"never says paid", "the merchant is not told"},
		{"takes not found for not paid", "in the end"},
		{"accepts a cancel and does nothing", "the order is pending"},
		{"takes the cancel of a paid order for done", "reported as not paid"},
		{"takes a cancel that is under way for done", "reported as not paid"},
		{"accepts a close and does nothing", "the order is pending"},
		{"takes an accepted refund for done", "by what was reported"},
		{"returns everything in place of a part", "was returned, and by what was reported"},
		{"returns what there is in place of too much", "by what was reported"},
		{"makes a new refund of a repeated one", "by what was reported"},
		{"takes a lost refund for a failed one", "comes with the error"},
		{"takes another key", "forged is believed"},
		{"does not look how old a notification is", "stale is believed"},
		{"does not look for whom a notification is", "for another merchant is believed"},
		{"remembers a lost charge as failed", "in the end"},
		{"gives an order up when it cannot ask", "reported as not paid"},
		{"takes an old order for closed", "reported as not paid"},
		{"takes an order that stays open for closed", "in the end"},
		{"shows the payment code", "a secret stands in an error"},
	}
	broken := make(map[string]func(*brokenGateway))
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
