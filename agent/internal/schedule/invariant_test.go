package schedule

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/kanade-go/kanade/agent/wire"
)

// Whatever happens, also while a run takes its time, waits for its jitter or is cut
// off: a time by a clock that is right fires once, a run does not overlap itself,
// nothing is done again before its cooldown is over, and when all is well again the
// schedule fires.
func TestWhatIsTrueOfEveryHistory(t *testing.T) {
	t.Parallel()
	kinds := []string{"pass", "set", "right", "right", "restart", "crash", "crash", "off", "off and right", "rearm", "broker", "code", "slow", "finish"}
	rapid.Check(t, func(rt *rapid.T) {
		h := drawHistory(rt, kinds)
		if rapid.Bool().Draw(rt, "jitter") {
			h.schedule.Jitter = fmt.Sprint(rapid.IntRange(1, int(h.gap/time.Second)).Draw(rt, "seconds"), "s")
		}
		if rapid.Bool().Draw(rt, "deadline") {
			h.schedule.StartingDeadline = fmt.Sprint(rapid.IntRange(0, 3*int(h.gap/time.Second)).Draw(rt, "late"), "s")
		}
		var problem string
		playBench(t, h, func(b *bench) { problem = playFreely(b, h) })
		if problem != "" {
			rt.Fatalf("%v, %+v: %s", h.moves, h.schedule, problem)
		}
	})
}

// witness counts as the scheduler promises to: what the clock would show had it
// never been set back.
type witness struct {
	*bench
	seeing  sync.Mutex
	counted time.Time
	open    map[string]bool
	done    time.Time     // of the last success, by the count
	tick    time.Duration // how exactly it counts
	problem string
}

func playFreely(b *bench, h history) string {
	w := &witness{bench: b, counted: b.clock(), open: map[string]bool{}, tick: h.gap / 4}
	cooldown, _ := h.schedule.CooldownTime()
	code, slow := int32(0), false
	b.exits(func(c wire.Command) (int32, bool) {
		w.seeing.Lock()
		defer w.seeing.Unlock()
		if len(w.open) > 0 {
			w.problem = "it overlaps itself"
		}
		if w.open[c.RequestID] = true; slow {
			return 0, false
		}
		w.ends(c.RequestID, code, h.schedule, cooldown)
		return code, true
	})
	end := func() {
		w.seeing.Lock()
		defer w.seeing.Unlock()
		for id := range w.open {
			b.finish(b.Service, id, code)
			w.ends(id, code, h.schedule, cooldown)
		}
	}
	for _, v := range h.moves {
		w.pass(v, h.schedule)
		w.seeing.Lock()
		switch v.what {
		case "slow":
			slow = !slow
		case "code":
			code = 1 - code
		}
		w.seeing.Unlock()
		if v.what == "finish" {
			end()
		}
	}
	w.seeing.Lock()
	slow, code = false, 0
	w.seeing.Unlock()
	end()
	w.pass(move{what: "right"}, h.schedule)
	before := len(b.runs())
	rest := 20 * h.gap
	if h.gap > 4*time.Hour {
		rest = max(rest, 4*24*time.Hour) // over a weekend
	}
	w.pass(move{what: "pass", d: rest}, h.schedule)
	if _, again := h.schedule.CooldownTime(); len(b.runs()) == before && (h.schedule.Mode == wire.EveryTick || again || w.done.IsZero()) && w.problem == "" {
		w.problem = "it fires no more"
	}
	w.checkTimes()
	return w.problem
}

func (w *witness) now() time.Time {
	if at := w.clock().UTC(); at.After(w.counted) {
		return at
	}
	return w.counted
}

func (w *witness) count(d time.Duration) {
	w.seeing.Lock()
	defer w.seeing.Unlock()
	w.counted = w.counted.Add(d)
}

func (w *witness) follow() {
	w.seeing.Lock()
	defer w.seeing.Unlock()
	w.counted = w.now()
}

// pass is one move.
func (w *witness) pass(v move, s wire.Schedule) {
	by := v.by
	if v.what == "right" || v.what == "off and right" {
		by = -w.offset
	}
	switch v.what {
	case "set", "right":
		w.set(by)
		w.follow()
		w.bench.pass(2 * flushAfter)
		w.count(2 * flushAfter)
	case "restart":
		w.restart()
	case "crash", "off", "off and right":
		if v.what == "crash" {
			w.crash()
		} else {
			w.stop()
		}
		last := w.counted
		w.step(by)
		w.bench.pass(v.d)
		w.count(v.d)
		w.wakeUp(last, v.what == "crash", s)
		w.start()
	case "rearm":
		off := s
		off.Disabled = true
		w.edit(off)
		w.edit(s)
	case "broker":
		w.toggle()
		w.edit(s)
	}
	// The count goes on step by step, so that a success in between knows its time.
	for left := v.d; v.what == "pass" && left > 0; left -= w.tick {
		w.bench.pass(min(left, w.tick))
		w.count(min(left, w.tick))
	}
	w.follow()
}

// wakeUp: a clock that was set back by less than the agent was away is taken for one
// that was put right meanwhile. What a crash leaves on disk may be older, by up to half
// of what the clock was set back, or an hour: then nobody knows how long ago it was done.
func (w *witness) wakeUp(last time.Time, crashed bool, s wire.Schedule) {
	w.seeing.Lock()
	defer w.seeing.Unlock()
	wall := w.clock().UTC()
	if last.Sub(wall) < slew {
		w.counted = wall
		return
	}
	lost := min(w.counted.Sub(wall)/2, time.Hour) + flushAfter
	if cooldown, again := s.CooldownTime(); crashed && last.Add(-lost).Sub(wall) < slew {
		w.counted = wall
		if again && !w.done.IsZero() {
			w.done = wall.Add(-cooldown)
		}
	}
}

func (w *witness) ends(id string, code int32, s wire.Schedule, cooldown time.Duration) {
	delete(w.open, id)
	if code != 0 || s.Mode == wire.EveryTick {
		return
	}
	now := w.now()
	if _, again := s.CooldownTime(); !w.done.IsZero() && (!again || now.Sub(w.done) < cooldown-w.tick-slew) && w.problem == "" {
		w.problem = fmt.Sprintf("it is done again at %v, last at %v", now, w.done)
	}
	w.done = now
}

// checkTimes looks at the fires by a clock that was right.
func (w *witness) checkTimes() {
	ids, times := map[string]bool{}, map[time.Time]bool{}
	for _, f := range w.runs() {
		if ids[f.RequestID] {
			w.problem = "an ID comes twice"
		}
		if ids[f.RequestID] = true; f.offset != 0 {
			continue
		}
		if times[f.due] && w.problem == "" {
			w.problem = fmt.Sprintf("%v fires twice", f.due)
		}
		times[f.due] = true
	}
}
