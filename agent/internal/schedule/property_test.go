package schedule

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/kanade-go/kanade/agent/wire"
)

// A history is drawn as a whole and then played: rapid must not draw inside a bubble.
type history struct {
	schedule wire.Schedule
	gap      time.Duration // about how far apart its times are
	moves    []move
}

type move struct {
	what string
	d    time.Duration
	by   time.Duration
}

func (m move) String() string { return fmt.Sprintf("%s %v %v", m.what, m.d, m.by) }

// crons are expressions with about how far apart their times are.
var crons = []struct {
	text string
	gap  time.Duration
}{
	{"*/15 * * * * *", 15 * time.Second},
	{"0 */10 * * * *", 10 * time.Minute},
	{"0 0 * * * *", time.Hour},
	{"0 0 3 * * *", 24 * time.Hour},
	{"0 0,10 4,8 * * *", 6 * time.Hour},
	{"7 3 */5 * * MON-FRI", 5 * time.Hour},
}

// drawTime draws a time that a schedule notices, from less than the distance of two
// fires to so many of them.
func drawTime(t *rapid.T, name string, gap, most time.Duration) time.Duration {
	limit := gap * []time.Duration{1, 3, most}[rapid.IntRange(0, 2).Draw(t, name+" scale")]
	return 3*time.Second + time.Duration(rapid.Int64Range(0, int64(limit/time.Second)).Draw(t, name))*time.Second
}

func drawHistory(t *rapid.T, kinds []string) history {
	every := rapid.SampledFrom(crons).Draw(t, "cron")
	h := history{gap: every.gap, schedule: wire.Schedule{
		ID: "s", JobID: "j", RunsOn: wire.RunsOnAgent, Target: wire.Target{All: true}, Cron: every.text,
	}}
	if rapid.Bool().Draw(t, "once") {
		h.schedule.Mode = wire.OncePerPC
		if rapid.IntRange(0, 4).Draw(t, "again") > 0 {
			h.schedule.Cooldown = drawTime(t, "cooldown", every.gap, 6).String()
		}
	}
	for range rapid.IntRange(2, 10).Draw(t, "moves") {
		m := move{what: rapid.SampledFrom(kinds).Draw(t, "what")}
		if strings.HasPrefix(m.what, "off") || m.what == "crash" {
			m.d = drawTime(t, "time", every.gap, 30)
		}
		if m.what == "set" || m.what == "off and back" {
			m.by = -drawTime(t, "step", every.gap, 50)
		}
		if m.what == "set" && rapid.IntRange(0, 2).Draw(t, "direction") == 0 {
			m.by = -m.by
		}
		h.moves = append(h.moves, m, move{what: "pass", d: drawTime(t, "rest", every.gap, 8)})
	}
	return h
}

// playBench is a bench in a bubble, over the rows of a history.
func playBench(t *testing.T, h history, play func(b *bench)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.put(wire.BucketSchedules, "s", string(h.schedule.Encode()))
		b.job(wire.Manifest{})
		b.start()
		defer func() { b.stop() }()
		play(b)
	})
}

// set sets the host's clock, and lets the scheduler notice.
func (b *bench) set(by time.Duration) {
	b.step(by)
	signal(b.wake)
	synctest.Wait()
}

// toggle takes the broker away, or brings it back.
func (b *bench) toggle() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.online = !b.online
}

// edit changes the schedule and waits until that is so.
func (b *bench) edit(s wire.Schedule) {
	b.put(wire.BucketSchedules, "s", string(s.Encode()))
	synctest.Wait()
}

// The fires are those that the model says, each under its own ID and none swallowed,
// whatever is done to the clock, the agent, the broker and the rows.
func TestTheFiresAreThoseOfTheModel(t *testing.T) {
	t.Parallel()
	kinds := []string{"pass", "set", "set", "right", "restart", "off", "off and back", "off and right", "edit", "rearm", "recron", "broker", "code"}
	rapid.Check(t, func(rt *rapid.T) {
		h := drawHistory(rt, kinds)
		var problem string
		playBench(t, h, func(b *bench) { problem = playModel(b, h) })
		if problem != "" {
			rt.Fatal(problem)
		}
	})
}

func playModel(b *bench, h history) string {
	s := h.schedule
	m := newModel(s, b.clock().UTC())
	for n, v := range h.moves {
		switch v.what {
		case "pass":
			b.pass(v.d)
			m.pass(v.d)
		case "set", "right":
			by := v.by
			if v.what == "right" {
				by = -b.offset
			}
			m.set(by)
			m.look()
			b.set(by)
			b.pass(2 * flushAfter) // what is known of the clock is on disk soon
			m.pass(2 * flushAfter)
		case "restart":
			b.restart()
			m.start(b)
		case "off", "off and back", "off and right":
			by := v.by
			if v.what == "off and right" {
				by = -b.offset
			}
			b.stop()
			b.step(by)
			b.pass(v.d)
			b.start()
			m.off(v.d, by)
			m.start(b)
		case "edit":
			s.StartingDeadline = fmt.Sprint(n, " soon") // cannot be read, so it changes nothing
			b.edit(s)
		case "rearm":
			off := s
			off.Disabled = true
			b.edit(off)
			b.edit(s)
			if b.online {
				m.arm(s.Cron)
			}
		case "recron":
			if !b.online {
				continue
			}
			before := s.Cron
			if s.Cron = crons[n%len(crons)].text; s.Cron != before {
				b.edit(s)
				m.arm(s.Cron)
			}
		case "broker":
			b.toggle()
			b.edit(s)
		case "code":
			m.code = 1 - m.code
			b.endWith(m.code)
		}
		if problem := m.differs(b); problem != "" {
			return fmt.Sprintf("after %v (%d of %v, %q, cooldown %q): %s", v, n, h.moves, s.Cron, s.Cooldown, problem)
		}
	}
	return ""
}

// start is a start of the agent. Without a broker it waits for what is new.
func (m *model) start(b *bench) {
	since := m.wall
	m.turnBack()
	if !b.online {
		b.pass(DefaultSettleIn)
		signal(b.wake)
		synctest.Wait()
		m.move(DefaultSettleIn)
	}
	m.lookSince(since)
}

func (m *model) differs(b *bench) string {
	runs, ids := b.runs(), map[string]bool{}
	for i, f := range runs {
		if ids[f.RequestID] {
			return "an ID comes twice"
		}
		ids[f.RequestID] = true
		if i >= len(m.fires) || !m.fires[i].Equal(f.due) {
			return fmt.Sprintf("fire %d is that of %v at %v; want one of %v", i, f.due, f.at, m.fires[min(i, len(m.fires)):min(i+3, len(m.fires))])
		}
	}
	if len(runs) < len(m.fires) {
		return fmt.Sprintf("%d fires, want %d: %v is missing", len(runs), len(m.fires), m.fires[len(runs)])
	}
	if seen(b, &b.repeated) > 0 {
		return "a fire was taken for a duplicate"
	}
	return ""
}
