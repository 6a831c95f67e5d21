package duopaytest

import (
	"flag"
	"fmt"
	"net/http"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
)

// Lives says which lives [Simulate] runs. What happens in a life follows from
// its seed.
type Lives struct {
	Seed  uint64 // of the first one, the next ones count on from there
	Count int    // 0: 2000, or 200 with the race detector
}

// LivesFlags defines the flags -seed and -lives, and returns what they will
// say, for a test that calls [Simulate]:
//
//	var lives = duopaytest.LivesFlags()
//
//	func TestSimulation(t *testing.T) { duopaytest.Simulate(t, rig, *lives) }
func LivesFlags() *Lives {
	lives := new(Lives)
	flag.Uint64Var(&lives.Seed, "seed", 1, "seed of the first life of a simulation")
	flag.IntVar(&lives.Count, "lives", 0, "how many lives a simulation runs (default 2000, or 200 with the race detector)")
	return lives
}

// Simulate runs whole lives of orders against a fake, each with a new rig, in
// virtual time. An order is charged and settled, or prepared and paid by its
// payer, now or later or never; the provider and others send notifications; the
// money is refunded, in part or in whole, or the order is taken back. On the way
// there and back requests and answers are lost, late, doubled, changed and
// delayed, or nothing comes through for minutes; the provider's clock is wrong;
// the merchant's program is stopped, and started again with what it has stored.
// In the end all that stops, and what the merchant was told is compared with the
// provider's book:
//
//   - nothing was ever reported as paid that was not paid, nor with another
//     amount, nor as not paid what was paid or could be paid afterwards;
//   - nothing was charged twice, and no charge was sent again that may have
//     arrived;
//   - what was reported as paid is still there, unless the merchant has given it
//     back himself, and refunds have returned what they say and no more;
//   - nothing that money was taken for stays unknown once nothing goes wrong any
//     more;
//   - no forged notification was believed, none was acknowledged that was not
//     handled, and in the end a genuine one is believed;
//   - no secret stands in an error, no call goes on for ever, and no goroutine is
//     left.
//
// What can happen depends on what the gateway and the rig can do; at least the
// gateway must be a [duopay.Settler], or a [duopay.Preparer] and a
// [duopay.Querier] whose rig has Pay.
//
// A life that ends badly fails the test with its story and the command that
// runs it again. A life has the same story every time: some are run twice to
// make sure. The figures of all lives are logged.
func Simulate(t *testing.T, rig func(t testing.TB, client *http.Client) Rig, lives Lives) {
	t.Helper()
	if lives.Count == 0 && raceDetector {
		lives.Count = 200
	} else if lives.Count == 0 {
		lives.Count = 2000
	}
	sum, bad := simulate(t, rig, lives)
	for _, l := range bad {
		t.Errorf("life %d: %v\nto see it again: %s\n%s", l.script.seed, l.broken, command(t, l.script.seed), l.story())
	}
	t.Log(sum)
}

// simulate runs the lives until there are too many bad ones, which it returns.
func simulate(t *testing.T, rig func(testing.TB, *http.Client) Rig, lives Lives) (sum *figures, bad []*life) {
	t.Helper()
	sum = new(figures)
	for i := 0; i < lives.Count && len(bad) < badLives; i++ {
		seed := lives.Seed + uint64(i)
		l := run(t, rig, seed)
		sum.add(&l.figures)
		if l.broken == nil && i%rerunEvery == 0 {
			l.compare(run(t, rig, seed))
		}
		if l.broken != nil {
			bad = append(bad, l)
		}
		if (i+1)%reportEvery == 0 {
			t.Logf("%d of %d lives, %d bad", i+1, lives.Count, len(bad))
		}
	}
	return sum, bad
}

const (
	badLives    = 3    // so many end a simulation
	rerunEvery  = 50   // one in so many is run twice
	reportEvery = 5000 // after so many, go test -v tells how far it is
)

// run runs one life in a bubble of its own, which sees to it that no goroutine
// is left.
func run(t *testing.T, rig func(testing.TB, *http.Client) Rig, seed uint64) (l *life) {
	t.Helper()
	defer func() {
		if reason := recover(); reason != nil {
			if l == nil {
				l = &life{script: &script{seed: seed}}
			}
			l.broken = fmt.Errorf("it panics: %v", reason)
		}
	}()
	synctest.Test(t, func(t *testing.T) {
		l = newLife(t, rig, seed)
		l.live()
	})
	return l
}

// command returns how to run one life again.
func command(t *testing.T, seed uint64) string {
	t.Helper()
	pkg := "."
	if info, ok := debug.ReadBuildInfo(); ok {
		pkg = strings.TrimSuffix(info.Path, ".test")
	}
	return fmt.Sprintf("go test %s -run '^%s$' -seed %d -lives 1", pkg, t.Name(), seed)
}

// compare notes that a life was another one when it was lived again.
func (l *life) compare(second *life) {
	for i, line := range l.lines {
		if i >= len(second.lines) || second.lines[i] != line {
			l.broken = fmt.Errorf("the second time it went another way, from line %d on: %q", i+1, slices.Concat(second.lines, []string{"the end"})[i])
			return
		}
	}
	if len(second.lines) > len(l.lines) {
		l.broken = fmt.Errorf("the second time it went on: %q", second.lines[len(l.lines)])
	}
}

// story tells what happened in a life.
func (l *life) story() string {
	return fmt.Sprintf("%+v\n%s", *l.script, strings.Join(l.lines, "\n"))
}

// figure is one thing that is counted.
type figure int

const (
	livesLived figure = iota
	requestsSent
	restarts
	notifications
	forgeries
	refundsAccepted
	paidAtOnce // by the answer to the charge
	paidByQuery
	paidByNotification
	neverPaid   // and known to be
	neverProven // and nothing was taken
	numFigures
)

// figures are what lives come to.
type figures struct {
	counts [numFigures]int
	faults [numFaults]int
}

func (f *figures) add(g *figures) {
	for i, n := range g.counts {
		f.counts[i] += n
	}
	for i, n := range g.faults {
		f.faults[i] += n
	}
}

// String returns the figures in words.
func (f *figures) String() string {
	c := f.counts
	all, each := 0, make([]string, 0, len(f.faults))
	for i, n := range f.faults[None+1:] {
		if n > 0 {
			all += n
			each = append(each, fmt.Sprintf("%v %d", None+1+Fault(i), n))
		}
	}
	return fmt.Sprintf("%d lives: %d requests with %d faults, %d restarts, %d notifications and %d forgeries, %d refunds\n"+
		"paid: %d at once, %d by query, %d by notification; not paid: %d; never proven, and nothing taken: %d\n"+
		"faults: %s",
		c[livesLived], c[requestsSent], all, c[restarts], c[notifications], c[forgeries], c[refundsAccepted],
		c[paidAtOnce], c[paidByQuery], c[paidByNotification], c[neverPaid], c[neverProven], strings.Join(each, ", "))
}
