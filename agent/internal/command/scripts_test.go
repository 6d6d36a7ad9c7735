package command

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent/wire"
	"github.com/kanade-go/kanade/exec"
)

// fakeScripts has what was put there; what is missing is fetched for as long as
// nobody says what becomes of it.
type fakeScripts struct {
	mu      sync.Mutex
	here    map[string]string
	gone    map[string]error
	changed chan struct{}
	asked   int
	fetches map[string]int // by object, of all times
	active  int
}

func newScripts() *fakeScripts {
	return &fakeScripts{here: map[string]string{}, gone: map[string]error{}, fetches: map[string]int{}, changed: make(chan struct{})}
}

func (s *fakeScripts) Script(object, digest string) (string, func(context.Context) error, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked++
	if digest == "" {
		return "", nil, fmt.Errorf("object %q: no digest", object)
	}
	if script, ok := s.here[object]; ok {
		return script, nil, nil
	}
	return "", func(ctx context.Context) error { return s.fetch(ctx, object) }, nil
}

func (s *fakeScripts) fetch(ctx context.Context, object string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fetches[object]++
	s.active++
	defer func() { s.active-- }()
	for {
		_, here := s.here[object]
		if err := s.gone[object]; here || err != nil {
			return err
		}
		changed := s.changed
		s.mu.Unlock()
		var err error
		select {
		case <-changed:
		case <-ctx.Done():
			err = ctx.Err()
		}
		s.mu.Lock()
		if err != nil {
			return err
		}
	}
}

func (s *fakeScripts) change(do func()) {
	s.mu.Lock()
	do()
	close(s.changed)
	s.changed = make(chan struct{})
	s.mu.Unlock()
	synctest.Wait()
}

func (s *fakeScripts) put(object, script string) { s.change(func() { s.here[object] = script }) }

func (s *fakeScripts) lose(object string, err error) { s.change(func() { s.gone[object] = err }) }

func (s *fakeScripts) asks() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked
}

func (s *fakeScripts) fetching() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.active
}

// byObject is a command that names its script.
func byObject(id, object string) wire.Command {
	c := request(id)
	c.Script, c.ScriptObject, c.ScriptObjectSHA256 = "", object, "digest of "+object
	return c
}

// runObjects is a test with scripts; the shell says what it was given.
func runObjects(t *testing.T, test func(*testing.T, *bench, *fakeScripts)) {
	t.Helper()
	s := newScripts()
	run(t, func(b *bench) {
		s.changed = make(chan struct{}) // of the bubble
		b.scripts = s
		b.sh.run = func(_ context.Context, c wire.Command, _ int) (exec.Outcome, error) { return exited(0, c.Script), nil }
	}, func(t *testing.T, b *bench) { test(t, b, s) })
}

func (b *bench) noResult(name string) {
	b.t.Helper()
	synctest.Wait()
	_, ok := b.sink.result(name)
	require.False(b.t, ok, "%s has a result", name)
}

func TestACommandRunsTheScriptThatItNames(t *testing.T) {
	runObjects(t, func(t *testing.T, b *bench, s *fakeScripts) {
		s.put("here/1", "echo here")
		s.put("empty/1", "")
		began := time.Now()
		b.send(byObject("here", "here/1"))
		require.Equal(t, "echo here", b.result("here").Stdout)
		b.send(byObject("empty", "empty/1"))
		require.Empty(t, b.result("empty").Stdout)
		require.Equal(t, 2, s.asks())

		inline := byObject("inline", "away/1")
		inline.Script = "echo inline"
		b.send(inline)
		require.Equal(t, "echo inline", b.result("inline").Stdout)
		require.Equal(t, 2, s.asked, "what the command brings counts")

		b.send(byObject("away", "away/1"))
		b.noResult("away")
		s.put("away/1", "echo away")
		require.Equal(t, "echo away", b.result("away").Stdout)
		require.Equal(t, time.Now(), began, "nothing had to wait")
		require.Equal(t, []string{"here", "empty", "inline", "away"}, b.starts())
	})
}

func TestAScriptThatCanNeverBeHadIsAnsweredOnce(t *testing.T) {
	runObjects(t, func(t *testing.T, b *bench, s *fakeScripts) {
		undigested := byObject("undigested", "a/1")
		undigested.ScriptObjectSHA256 = ""
		b.send(undigested)
		for i := range 3 {
			b.send(byObject(fmt.Sprint("r", i), "b/1"))
		}
		s.lose("b/1", errors.New(`object "b/1": not in the object store`))
		time.Sleep(time.Hour)
		for id, says := range map[string]string{
			"undigested": `not run: object "a/1": no digest`, "r0": `not run: object "b/1": not in the object store`,
			"r1": `not run: object "b/1": not in the object store`, "r2": `not run: object "b/1": not in the object store`,
		} {
			r := b.result(id)
			require.EqualValues(t, wire.ExitFailed, r.ExitCode)
			require.Equal(t, says, r.Stderr)
			require.Equal(t, "exec-"+id, r.ExecID)
		}
		require.Equal(t, 4, b.sink.puts)
		require.Empty(t, b.starts())
		require.Empty(t, b.ledger.Unfinished())
		require.Equal(t, map[string]int{"b/1": 1}, s.fetches, "one fetch for all that want it")
	})
}

// However many wait, the others have all slots.
func TestCommandsThatWaitForScriptsHoldUpNobody(t *testing.T) {
	runObjects(t, func(t *testing.T, b *bench, s *fakeScripts) {
		s.put("here/1", "echo here")
		for i := range 200 {
			b.send(byObject(fmt.Sprint("waits", i), fmt.Sprint("away/", i)))
		}
		require.Equal(t, maxFetches, s.fetching())
		began := time.Now()
		for i := range 20 {
			id := fmt.Sprint("r", i)
			b.send([]wire.Command{request(id), byObject(id, "here/1")}[i%2])
			require.Zero(t, b.result(id).ExitCode)
		}
		require.Equal(t, time.Now(), began)
		require.Equal(t, 200, b.service.Status().Waiting)
		for i := range 200 {
			s.put(fmt.Sprint("away/", i), "echo away")
		}
		time.Sleep(2 * scriptPause)
		for i := range 200 {
			require.Equal(t, "echo away", b.result(fmt.Sprint("waits", i)).Stdout)
		}
		require.Zero(t, b.service.Status().Waiting)
		require.Len(t, b.starts(), 220)
	})
}

// What ends a wait: each of these, and none of them late.
func TestWhatEndsTheWaitForAScript(t *testing.T) {
	soon := func(c *wire.Command) { c.DeadlineAt = time.Now().Add(time.Minute) }
	for what, c := range map[string]struct {
		change func(*wire.Command)
		end    func(*bench)
		within time.Duration
		code   int32
		says   string
	}{
		"kill":     {nil, func(b *bench) { b.service.Kill("exec-r") }, 0, wire.ExitFailed, wire.KilledNote("exec-r")},
		"deadline": {soon, func(*bench) {}, time.Minute + time.Second, wire.ExitDeadline, "starting deadline expired"},
		"strict": {strict, func(b *bench) {
			b.lookup.(*settableLookup).set(wire.ScriptState{Known: true, Final: true, Age: 2 * time.Minute})
		}, 2 * scriptPause, wire.ExitStale, "disconnected for 2m"},
		"revoked": {
			nil, func(b *bench) {
				b.lookup.(*settableLookup).set(wire.ScriptState{Known: true, Final: true, Revoked: true})
			},
			2 * scriptPause, wire.ExitRevoked, "revoked",
		},
	} {
		t.Run(what, func(t *testing.T) {
			s := newScripts()
			run(t, func(b *bench) {
				s.changed = make(chan struct{})
				b.scripts = s
				b.lookup = &settableLookup{state: wire.ScriptState{Known: true, Final: true}}
			}, func(t *testing.T, b *bench) {
				cmd := byObject("r", "away/1")
				if c.change != nil {
					c.change(&cmd)
				}
				b.send(cmd)
				time.Sleep(3 * scriptPause)
				b.noResult("r")
				if what == "deadline" {
					time.Sleep(time.Until(cmd.DeadlineAt))
					b.noResult("r")
					time.Sleep(2 * time.Millisecond)
					b.result("r")
				}
				c.end(b)
				time.Sleep(c.within)
				r := b.result("r")
				require.Equal(t, c.code, r.ExitCode)
				require.Contains(t, r.Stderr, c.says)
				require.Zero(t, s.fetching(), "nobody wants it any more")
				require.Empty(t, b.service.perform.fetches.wanted)
				require.Empty(t, b.service.perform.fetches.waiting)
				s.put("away/1", "echo late")
				time.Sleep(time.Minute)
				synctest.Wait()
				require.Empty(t, b.starts())
				require.Equal(t, 1, b.sink.puts)
				require.Empty(t, b.ledger.Unfinished())
			})
		})
	}
}

// settableLookup says the same of every job.
type settableLookup struct {
	mu    sync.Mutex
	state wire.ScriptState
}

func (l *settableLookup) set(s wire.ScriptState) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.state = s
}

func (l *settableLookup) Known(string) wire.ScriptState {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.state
}

func (l *settableLookup) Ask(context.Context, string, string) wire.ScriptState { return l.Known("") }

// Until its script is here a command is not marked as started: the next start
// runs it, after a crash too. The stop does not wait for the script.
func TestAStopWhileAScriptIsFetchedLosesNothing(t *testing.T) {
	runObjects(t, func(t *testing.T, b *bench, s *fakeScripts) {
		b.send(byObject("r", "away/1"))
		b.send(byObject("killed", "away/2"))
		b.notStarted()
		began := time.Now()
		b.stop()
		require.Equal(t, time.Now(), began, "the stop waited")
		require.Zero(t, s.fetching())
		b.start()
		synctest.Wait()
		require.Equal(t, 2, s.fetching())
		b.service.Kill("exec-killed")
		s.put("away/1", "echo away")
		s.put("away/2", "echo away")
		require.Equal(t, "echo away", b.result("r").Stdout)
		require.Equal(t, wire.KilledNote("exec-killed"), b.result("killed").Stderr)
		require.Equal(t, []string{"r"}, b.starts())
	})
}

// notStarted looks at the disk as a start after a crash would find it now.
func (b *bench) notStarted() {
	b.t.Helper()
	synctest.Wait()
	dir, err := os.MkdirTemp("", "ledger")
	require.NoError(b.t, err)
	defer func() { require.NoError(b.t, os.RemoveAll(dir)) }()
	require.NoError(b.t, os.CopyFS(dir, os.DirFS(b.dir)))
	ledger, _, err := OpenLedger(b.fs, dir, "PC-1", time.Now)
	require.NoError(b.t, err)
	defer func() { require.NoError(b.t, ledger.Close()) }()
	require.NotEmpty(b.t, ledger.Unfinished())
	for _, owed := range ledger.Unfinished() {
		require.Zero(b.t, owed.Starts)
		require.Nil(b.t, owed.Result)
	}
}

// A script that is gone again when its command is asked anew is fetched again.
func TestAScriptThatWentAwayAgainIsFetchedAgain(t *testing.T) {
	runObjects(t, func(t *testing.T, b *bench, s *fakeScripts) {
		release := make(chan struct{})
		b.sh.run = func(_ context.Context, c wire.Command, _ int) (exec.Outcome, error) {
			if c.Script == "block" {
				<-release
			}
			return exited(0, c.Script), nil
		}
		b.send(byObject("r", "away/1"))
		for i := range 4 { // two run, and those that are marked ahead keep the next ones from being asked
			c := request(fmt.Sprint("block", i))
			c.Script = "block"
			b.send(c)
		}
		s.put("away/1", "first")
		s.change(func() { delete(s.here, "away/1") })
		close(release)
		time.Sleep(2 * scriptPause)
		b.noResult("r")
		s.put("away/1", "second")
		require.Equal(t, "second", b.result("r").Stdout)
		require.Equal(t, 2, s.fetches["away/1"])
		require.Equal(t, 1, countOf(b.starts(), "r"))
	})
}

func countOf(all []string, one string) int {
	return len(slices.DeleteFunc(slices.Clone(all), func(s string) bool { return s != one }))
}

// Jitter comes first, so that a fleet does not fetch in step.
func TestAScriptIsFetchedAfterTheJitter(t *testing.T) {
	runObjects(t, func(t *testing.T, b *bench, s *fakeScripts) {
		c := byObject("r", "away/1")
		c.JitterSecs = 3600
		b.send(c)
		require.Zero(t, s.asks())
		time.Sleep(time.Hour)
		synctest.Wait()
		require.Equal(t, 1, s.fetching())
		s.put("away/1", "echo away")
		require.Equal(t, "echo away", b.result("r").Stdout)
	})
}
