package duopaytest

import (
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/duopay/duopay"
)

// weather is what goes wrong on the way between a gateway and its provider: the
// script tells how often, the dice when. It turns fair in the end.
type weather struct {
	script *script
	dice   dice
	began  time.Time

	mu       sync.Mutex
	charge   string      // what every request for the charge holds, and no other; "": nothing
	taken    func() bool // whether it was charged
	arrived  bool        // it may have arrived, and was not answered; an answer may say that it was not taken
	repeated bool        // and it was sent again
	cancels  bool        // Settle is sending a cancel
	figures  figures
}

// Faults that a request can have of its own, and that all of them can have for
// some minutes.
func singleFaults() []Fault { return append(all(), late, twice, duplicate) }
func outageFaults() []Fault {
	return under(Unreachable, LostBefore, Stalled, ServerError, LostAfter, ServerErrorAfter, Garbage)
}

// fair reports whether nothing goes wrong any more.
func (w *weather) fair() bool { return time.Since(w.began) >= w.script.calm }

// fault returns the fault of a request that is about to be sent.
func (w *weather) fault(sent string) Fault {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.repeated = w.repeated || w.isCharge(sent) && (w.arrived || w.taken())
	fault := w.draw()
	w.figures.counts[requestsSent]++
	w.figures.faults[fault]++
	return fault
}

func (w *weather) draw() Fault {
	since := time.Since(w.began)
	for _, o := range w.script.outages {
		if o.from <= since && since < o.to {
			return o.fault
		}
	}
	if w.fair() {
		return None
	}
	if w.cancels && w.script.crossing > 0 {
		return late
	}
	if !w.dice.one(w.script.faults) {
		return None
	}
	faults := singleFaults()
	if w.script.signed {
		faults = append(faults, forged)
	}
	if w.script.neighbor {
		faults = append(faults, swap)
	}
	return pick(w.dice, faults...)
}

func (w *weather) isCharge(sent string) bool {
	return w.charge != "" && strings.Contains(sent, w.charge)
}

// sends is told what Settle does next.
func (w *weather) sends(step duopay.Step) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cancels = step == duopay.StepCancel
}

// ended is told what became of a request.
func (w *weather) ended(sent string, fault Fault, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	answered := err == nil && (fault == None || fault == twice || fault == duplicate)
	w.arrived = w.arrived || w.isCharge(sent) && !answered && fault != Unreachable
}

// longest is how long anything is on its way at most. [duopay.Settle] counts on
// it after a cancel.
const longest = 19 * time.Second

// delays returns how long a request and its answer will take. Those that have a
// fault do not take their time besides.
func (w *weather) delays(fault Fault) (there, back time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delay := func() time.Duration {
		if fault == None && !w.fair() && w.dice.one(w.script.slow) {
			return w.dice.time(0, longest)
		}
		return w.dice.time(time.Millisecond, 300*time.Millisecond)
	}
	return delay(), delay()
}

// lateness is how late a request comes that nobody waits for any more. Where
// there is no weather it is always the same.
func (w *weather) lateness() time.Duration {
	if w == nil {
		return delay
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.cancels && w.script.crossing > 0 {
		return w.script.crossing
	}
	return w.dice.time(0, longest-time.Second)
}

// places is what can be changed in an answer: every letter and digit. A long word
// counts as one place: it may be a signature, whose letters and length are others
// each time, and by which a life must not go another way.
var places = regexp.MustCompile(`[0-9A-Za-z][0-9A-Za-z+/=\\]{31,}|[0-9A-Za-z]`)

// forge changes one letter or digit of an answer, the first one of a long word.
func (w *weather) forge(body []byte) []byte {
	w.mu.Lock()
	where := w.dice.Float64()
	w.mu.Unlock()
	found := places.FindAllIndex(body, -1)
	if len(found) == 0 {
		return nil
	}
	place := found[int(where*float64(len(found)))][0]
	text, _ := change(string(body), place)
	return []byte(text)
}
