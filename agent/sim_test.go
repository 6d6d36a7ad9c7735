package agent

import (
	"flag"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"testing"
	"testing/cryptotest"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/retry/jitter"
	"github.com/kanade-go/kanade/retry/jstest"
)

var (
	simSeed  = flag.Int64("sim.seed", 0, "simulate this seed alone and print its trace; 0: -sim.seeds of them")
	simSeeds = flag.Int("sim.seeds", 60, "how many seeds to simulate; 500 and more must show every kind of fault")
	simFirst = flag.Int64("sim.first", 1, "the first of these seeds")
)

// simEnough is enough for every kind of fault and every row of the crash table
// to occur several times.
const simEnough = 500

// TestSimulation runs the whole agent, over and over, on a host whose disk,
// clock, power and broker fail in every way that a seed can draw, and then looks
// for a command that was lost, run twice or stuck. Each seed is one history; it
// depends on the seed alone.
func TestSimulation(t *testing.T) {
	oneAtATime(t)
	dir := t.TempDir()
	if *simSeed != 0 {
		s := simulate(t, *simSeed, dir)
		t.Log("\n" + strings.Join(s.history(), "\n"))
		require.Empty(t, s.problems)
		return
	}
	seen, began := coverage{}, time.Now()
	for n := range *simSeeds {
		s := simulate(t, *simFirst+int64(n), dir)
		seen.merge(s.seen)
		if len(s.problems) > 0 {
			t.Errorf("seed %d: %s\n(go test ./agent -run TestSimulation -sim.seed %[1]d)", s.seed, strings.Join(s.problems, "\n\t"))
		}
	}
	took := time.Since(began)
	t.Logf("%d seeds in %v, %.0f a second\n%s", *simSeeds, took.Round(time.Millisecond), float64(*simSeeds)/took.Seconds(), seen)
	if *simSeeds >= simEnough {
		require.Empty(t, seen.missing(), "the simulation does not test what it is for")
	}
}

// oneAtATime takes chance out of the scheduling: one processor, and no collector
// that stops the world in the middle of a step.
func oneAtATime(t *testing.T) {
	procs, percent := runtime.GOMAXPROCS(1), debug.SetGCPercent(-1)
	t.Cleanup(func() {
		runtime.GOMAXPROCS(procs)
		debug.SetGCPercent(percent)
	})
}

// sim is one history: the world around the agent, and what happened in it.
type sim struct {
	seed    int64
	plan    plan
	dir     string
	broker  *jstest.Fake
	backend *backend
	host    *host
	began   time.Time
	dirs    sync.Map // what is known of real folders

	mu       sync.Mutex
	drawn    map[string]int
	fires    map[string]*order // of schedules, by request ID
	offset   time.Duration     // of the host's clock
	limits   limits
	healthy  bool // no more faults
	undone   bool // what schedules have done could not always be written
	seen     coverage
	trace    []entry
	problems []string
}

// entry is one line of the trace; logs are formatted only if somebody reads them.
type entry struct {
	at   time.Duration
	text string
	log  *slog.Record
}

func simulate(t *testing.T, seed int64, dir string) (s *sim) {
	t.Helper()
	runtime.GC()
	done := false
	defer func() {
		if !done {
			t.Logf("seed %d did not come to its end", seed)
		}
	}()
	synctest.Test(t, func(t *testing.T) {
		s = newSim(seed, dir)
		defer jitter.Use(s.jitter)()
		cryptotest.SetGlobalRandom(t, uint64(seed)) // names of files
		s.run()
	})
	done = true
	return s
}

func newSim(seed int64, dir string) *sim {
	s := &sim{
		seed: seed, dir: dir, began: time.Now(), broker: jstest.NewFake(),
		drawn: map[string]int{}, fires: map[string]*order{}, seen: coverage{},
	}
	s.plan = newPlan(s.dice("plan"), s.dice("schedules"), s.dice("objects"), s.dice("limits"))
	s.limits = limits{now: s.plan.slots, highest: s.plan.slots}
	for _, folder := range folders {
		must(os.MkdirAll(filepath.Join(dir, folder), 0o700)) // only what is in them is at risk
	}
	s.backend = newBackend(s)
	s.host = newHost(s)
	return s
}

// patience is how long the agent may take, once nothing fails any more, to
// answer everything and come to rest: a few of its longest pauses, and the
// scripts that wait for each other.
const patience = 12*time.Hour + 2*maxOffset

func (s *sim) run() {
	s.backend.start()
	s.host.start()
	for _, e := range s.plan.events {
		time.Sleep(time.Until(s.began.Add(e.at)))
		s.note("%s", e.what)
		e.do(s)
	}
	s.heal()
	s.ticks()
	pause := 30 * time.Second
	for end := time.Now().Add(patience); !s.atRest() && time.Now().Before(end); pause = min(2*pause, time.Hour) {
		s.backend.resend()
		time.Sleep(pause)
	}
	time.Sleep(time.Minute) // for what is still on its way
	s.checkRest()
	s.host.stop()
	s.backend.stop()
	s.checkOrders()
	s.checkFires()
	s.host.checkDisk()
}

// heal ends all faults, for good.
func (s *sim) heal() {
	s.mu.Lock()
	s.healthy = true
	s.mu.Unlock()
	s.note("all faults end")
	s.host.heal()
	s.backend.createStreams()
}

func (s *sim) isHealthy() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.healthy
}

func (s *sim) note(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.trace = append(s.trace, entry{at: time.Since(s.began), text: text})
}

// log is a note beside the story.
func (s *sim) log(format string, args ...any) {
	r := slog.NewRecord(time.Now(), slog.LevelInfo, fmt.Sprintf(format, args...), 0)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.trace = append(s.trace, entry{at: time.Since(s.began), log: &r})
}

func (s *sim) problem(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	s.note("PROBLEM: %s", text)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.problems = append(s.problems, text)
}

func (s *sim) happened(what string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen[what]++
}

// history is the trace with the agent's logs.
func (s *sim) history() []string {
	var lines []string
	for _, e := range s.trace {
		lines = append(lines, fmt.Sprintf("%14v  %s", e.at.Round(time.Microsecond), e))
	}
	return lines
}

func (e entry) String() string {
	if e.log == nil {
		return e.text
	}
	return formatLog(e.log)
}

func formatLog(r *slog.Record) string {
	var b strings.Builder
	fmt.Fprintf(&b, "    %s %s", r.Level, r.Message)
	r.Attrs(func(a slog.Attr) bool {
		if a.Key != "stack" { // addresses are not the seed's
			fmt.Fprintf(&b, " %s=%.300v", a.Key, a.Value)
		}
		return true
	})
	return b.String()
}
