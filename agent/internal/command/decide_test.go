package command

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent/internal/delivery"
	"github.com/kanade-go/kanade/agent/wire"
)

// The gates in the contract's order: every command here fails all of them from
// its own on.
func TestDecideTakesTheGatesInTheirOrder(t *testing.T) {
	t.Parallel()
	now := time.Date(2031, 3, 4, 5, 0, 0, 0, time.UTC)
	base := wire.Command{
		ID: "job", Version: "1", RequestID: "r", ExecID: "e", Shell: "sh", ScriptObject: "a/1",
		DeadlineAt: now.Add(-time.Second), Staleness: wire.Staleness{Mode: wire.StalenessStrict, MaxCacheAge: "1m"},
	}
	all := Facts{
		Now: now, Offline: time.Hour, Killed: true, Shell: errors.New("no such shell"),
		Script: wire.ScriptState{Known: true, Final: true, Pinned: true, Version: "2", Revoked: true, Age: 2 * time.Hour},
	}
	gates := []struct {
		name string
		pass func(*wire.Command, *Facts)
		want Verdict
	}{
		{"killed", func(_ *wire.Command, f *Facts) { f.Killed = false }, Verdict{ExitCode: -1, Reason: wire.KilledNote("e")}},
		{"cut off", func(_ *wire.Command, f *Facts) { f.Offline = time.Minute }, Verdict{ExitCode: 127, Reason: wire.SkippedStale(time.Hour, time.Minute)}},
		{"stale view", func(_ *wire.Command, f *Facts) { f.Script.Age = time.Minute }, Verdict{ExitCode: 127, Reason: wire.SkippedStale(2*time.Hour, time.Minute)}},
		{"pin", func(c *wire.Command, _ *Facts) { c.Version = "2" }, Verdict{ExitCode: 124, Reason: wire.SkippedVersionPin("job", "2", "1")}},
		{"revoked", func(_ *wire.Command, f *Facts) { f.Script.Revoked = false }, Verdict{ExitCode: 126, Reason: wire.SkippedRevoked("job")}},
		{"deadline", func(_ *wire.Command, f *Facts) { f.Now = now.Add(-time.Second) }, Verdict{ExitCode: 125, Reason: wire.SkippedDeadline(base.DeadlineAt, now)}},
		{"shell", func(_ *wire.Command, f *Facts) { f.Shell = nil }, Verdict{ExitCode: -1, Reason: "no such shell"}},
	}
	c, f := base, all
	for _, gate := range gates {
		require.Equal(t, gate.want, Decide(c, f), gate.name)
		gate.pass(&c, &f)
	}
	require.Equal(t, Verdict{Run: true}, Decide(c, f))
}

func TestDecideByWhatIsKnownOfTheJob(t *testing.T) {
	t.Parallel()
	now := time.Date(2031, 3, 4, 5, 0, 0, 0, time.UTC)
	never, pinned, revoked := wire.NeverConnected, wire.ScriptState{Known: true, Pinned: true, Version: "2"}, wire.ScriptState{Known: true, Revoked: true}
	with := func(s wire.ScriptState, final bool, age time.Duration) wire.ScriptState {
		s.Final, s.Age = final, age
		return s
	}
	late := func(c *wire.Command) { c.DeadlineAt = now.Add(-1) }
	strictly := func(c *wire.Command) { c.Staleness = wire.Staleness{Mode: wire.StalenessStrict, MaxCacheAge: "1m"} }
	unchecked := func(c *wire.Command) { c.Staleness.Mode = wire.StalenessUnchecked }
	both := func(c *wire.Command) { late(c); strictly(c) }
	for name, c := range map[string]struct {
		change func(*wire.Command)
		script wire.ScriptState
		code   int32 // 0: runs
		wait   bool
	}{
		"nothing against it":                 {script: wire.ScriptState{Known: true}},
		"the pinned version":                 {change: func(c *wire.Command) { c.Version = "2" }, script: pinned},
		"another version":                    {script: with(pinned, true, 0), code: 124},
		"another version, unchecked":         {change: unchecked, script: with(pinned, true, 0), code: 124},
		"another version, perhaps":           {script: with(pinned, false, 0), wait: true},
		"another version, perhaps, and late": {change: late, script: with(pinned, false, 0), wait: true},
		"revoked":                            {script: with(revoked, true, 0), code: 126},
		"revoked, unchecked":                 {change: unchecked, script: with(revoked, true, 0), code: 126},
		"revoked, as last known":             {script: with(revoked, true, never), code: 126},
		"revoked, perhaps":                   {script: with(revoked, false, 0), wait: true},
		"nothing against it, as last known":  {script: wire.ScriptState{Known: true, Age: never, Final: true}},
		"nothing known":                      {script: wire.ScriptState{Age: never, Final: true}, wait: true},
		"nothing known, unchecked":           {change: unchecked, script: wire.ScriptState{Age: never, Final: true}, wait: true},
		"nothing known yet":                  {script: wire.ScriptState{Age: never}, wait: true},
		"nothing known yet, and late":        {change: late, script: wire.ScriptState{Age: never}, wait: true},
		"nothing known, and late":            {change: late, script: wire.ScriptState{Age: never, Final: true}, code: 125},
		"nothing known, strict":              {change: strictly, script: wire.ScriptState{Age: never, Final: true}, code: 127},
		"nothing known, strict and late":     {change: both, script: wire.ScriptState{Age: never, Final: true}, code: 127},
		"nothing known yet, strict":          {change: strictly, script: wire.ScriptState{Age: never}, wait: true},
		"stale, strict":                      {change: strictly, script: wire.ScriptState{Known: true, Age: time.Minute + 1, Final: true}, code: 127},
		"stale, strict, perhaps":             {change: strictly, script: wire.ScriptState{Known: true, Age: time.Minute + 1}, wait: true},
		"as stale as may be, strict":         {change: strictly, script: wire.ScriptState{Known: true, Age: time.Minute, Final: true}},
		"stale, strict: the age comes first": {change: strictly, script: with(revoked, true, time.Hour), code: 127},
		"nothing against it, and late":       {change: late, script: wire.ScriptState{Known: true}, code: 125},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cmd := wire.Command{ID: "job", Version: "1", RequestID: "r", Script: "true"}
			if c.change != nil {
				c.change(&cmd)
			}
			v := Decide(cmd, Facts{Now: now, Script: c.script})
			require.Equal(t, c.wait, v.Wait)
			require.Equal(t, c.code, v.ExitCode)
			require.Equal(t, !c.wait && c.code == 0, v.Run)
			require.Equal(t, c.code != 0, v.Reason != "")
		})
	}
}

// fakeLookup is a Lookup whose two answers the test gives.
type fakeLookup struct {
	mu    sync.Mutex
	known wire.ScriptState
	best  wire.ScriptState
	asked int
	hang  bool // until the context ends
}

func (l *fakeLookup) Known(string) wire.ScriptState {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.known
}

func (l *fakeLookup) Ask(ctx context.Context, _, _ string) wire.ScriptState {
	l.mu.Lock()
	l.asked++
	best, hang := l.best, l.hang
	l.mu.Unlock()
	if hang {
		<-ctx.Done()
		best.Final = false
	}
	return best
}

func (l *fakeLookup) set(known, best wire.ScriptState) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.known, l.best = known, best
}

func (l *fakeLookup) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.asked
}

var (
	allowed   = wire.ScriptState{Known: true, Final: true}
	unknown   = wire.ScriptState{Age: wire.NeverConnected}
	forbidden = wire.ScriptState{Known: true, Revoked: true, Final: true}
)

func notFinal(s wire.ScriptState) wire.ScriptState {
	s.Final = false
	return s
}

// A command of whose job nothing is known is accepted, does not hold up others,
// and runs once something is.
func TestACommandWaitsUntilItsJobIsKnown(t *testing.T) {
	look := &fakeLookup{known: unknown, best: wire.ScriptState{Age: wire.NeverConnected, Final: true}}
	run(t, func(b *bench) { b.lookup = look }, func(t *testing.T, b *bench) {
		b.send(request("r"))
		require.Equal(t, []delivery.Settlement{delivery.Ack}, b.settlements())
		time.Sleep(time.Hour)
		synctest.Wait()
		require.Empty(t, b.starts())
		require.Equal(t, 1, b.service.Status().Waiting)
		require.InDelta(t, 3600, look.count(), 100, "about once a second")

		b.stop()
		b.start()
		time.Sleep(time.Minute)
		require.Empty(t, b.starts(), "also after a restart")
		look.set(allowed, allowed)
		time.Sleep(2 * knowledgePause)
		require.Zero(t, b.result("r").ExitCode)
		require.Equal(t, []string{"r"}, b.starts())
	})
}

func TestAWaitingCommandCanBeKilledAndMissItsDeadline(t *testing.T) {
	look := &fakeLookup{known: unknown, best: wire.ScriptState{Age: wire.NeverConnected, Final: true}}
	run(t, func(b *bench) { b.lookup = look }, func(t *testing.T, b *bench) {
		late := request("late")
		late.DeadlineAt = time.Now().Add(time.Minute)
		b.send(late)
		b.send(request("killed"))
		b.service.Kill("exec-killed")
		require.Contains(t, b.result("killed").Stderr, "killed by remote signal")
		time.Sleep(2 * time.Minute)
		require.EqualValues(t, 125, b.result("late").ExitCode)
		require.Empty(t, b.starts())
	})
}

// Admission asks nobody; what it only suspects is decided with the best answer.
func TestARefusalWaitsForTheBestAnswer(t *testing.T) {
	for name, c := range map[string]struct {
		known, best wire.ScriptState
		code        int32
		says        string
	}{
		"suspected in vain": {notFinal(forbidden), allowed, 0, ""},
		"suspected":         {notFinal(forbidden), forbidden, 126, "revoked"},
		"unsuspected":       {notFinal(allowed), forbidden, 126, "revoked"},
		"another pin":       {notFinal(allowed), wire.ScriptState{Known: true, Pinned: true, Version: "9", Final: true}, 124, "= 9, command brought 1"},
		"nothing known":     {unknown, allowed, 0, ""},
	} {
		t.Run(name, func(t *testing.T) {
			look := &fakeLookup{known: c.known, best: c.best}
			run(t, func(b *bench) { b.lookup = look }, func(t *testing.T, b *bench) {
				b.send(request("r"))
				r := b.result("r")
				require.Equal(t, c.code, r.ExitCode)
				require.Contains(t, r.Stderr, c.says)
				require.Equal(t, c.code == 0, len(b.starts()) == 1)
				require.Empty(t, b.ledger.Unfinished())
			})
		})
	}
}

// A job that is revoked while its command waits for its turn does not run.
func TestARevocationDuringTheJitterCounts(t *testing.T) {
	look := &fakeLookup{known: allowed, best: allowed}
	run(t, func(b *bench) { b.lookup = look }, func(t *testing.T, b *bench) {
		c := request("r")
		c.JitterSecs = 3600
		b.send(c)
		look.set(forbidden, forbidden)
		time.Sleep(time.Hour)
		require.EqualValues(t, 126, b.result("r").ExitCode)
		require.Empty(t, b.starts())
	})
}

// A stop while the broker is asked decides nothing; the next start does.
func TestAStopWhileTheBrokerIsAskedDecidesNothing(t *testing.T) {
	look := &fakeLookup{known: notFinal(forbidden), best: forbidden, hang: true}
	run(t, func(b *bench) { b.lookup = look }, func(t *testing.T, b *bench) {
		b.send(request("r"))
		b.stop()
		require.Len(t, b.ledger.Unfinished(), 1)
		look.hang = false
		look.set(allowed, allowed)
		b.start()
		require.Zero(t, b.result("r").ExitCode)
		require.Equal(t, []string{"r"}, b.starts())
	})
}

// What was known when a command was marked as started, and is not any more when
// it has its slot, puts it back.
func TestACommandThatIsMarkedWaitsToo(t *testing.T) {
	look := &forgetful{}
	run(t, func(b *bench) { b.lookup = look }, func(t *testing.T, b *bench) {
		b.send(request("r"))
		time.Sleep(2 * knowledgePause)
		require.Zero(t, b.result("r").ExitCode)
		require.Equal(t, []string{"r"}, b.starts(), "once")
		require.Equal(t, 4, look.asked)
	})
}

// forgetful knows at its first answer, not at its second, and then again.
type forgetful struct{ asked int }

func (*forgetful) Known(string) wire.ScriptState { return allowed }

func (l *forgetful) Ask(context.Context, string, string) wire.ScriptState {
	if l.asked++; l.asked == 2 {
		return wire.ScriptState{Age: wire.NeverConnected, Final: true}
	}
	return allowed
}
