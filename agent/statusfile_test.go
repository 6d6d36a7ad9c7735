package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent/internal/statedir"
)

var statusTime = time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)

// full is a status with something in every field that can be large.
func fullStatus(at time.Time) Status {
	s := Status{ID: "pc-1", Version: "1.2.3", Running: true, PID: 7, At: at, Ready: true, Servers: []string{"nats://a:1"}}
	name := strings.Repeat("\u00e9", 100)
	for i := range 64 {
		s.Resources = append(s.Resources, Resource{
			Name: fmt.Sprint(i, name), Error: strings.Repeat("<", 300), Reason: "no-answer", ErrorAt: at, WaitingSince: at, Attempts: math.MaxInt,
		})
	}
	for range maxListedRuns {
		s.Commands.Runs = append(s.Commands.Runs, RunningCommand{ID: name, RequestID: name, Shell: name, Since: at})
		s.Settings = append(s.Settings, ScopeStatus{Scope: strings.Repeat("<", 200), Revision: 1 << 60, StaleSince: at})
	}
	return s
}

// hold is an agent's lock on a state folder.
func hold(t *testing.T, dir string) *statedir.Dir {
	t.Helper()
	d, err := statedir.Open(dir)
	require.NoError(t, err)
	t.Cleanup(func() { _ = d.Close() }) // some tests close it before
	return d
}

func TestReadStatus(t *testing.T) {
	t.Parallel()
	sane, err := json.Marshal(statusFile{Format: 1, Status: fullStatus(statusTime)})
	require.NoError(t, err)
	t.Logf("the largest status has %d bytes", len(sane))
	file := func(format string, args ...any) []byte { return fmt.Appendf(nil, format, args...) }
	for name, tc := range map[string]struct {
		content []byte // nil: no file
		free    bool   // nobody holds the lock
		age     time.Duration
		err     error
		text    string
		id      string // of the status that comes with it
	}{
		"sane":               {content: sane, id: "pc-1"},
		"just young enough":  {content: sane, age: StatusStaleAfter, id: "pc-1"},
		"too old":            {content: sane, age: StatusStaleAfter + 1, err: ErrStatusStale, text: "pid 7", id: "pc-1"},
		"of tomorrow":        {content: sane, age: -24 * time.Hour, err: ErrStatusStale, text: "2026-01-31T12:00:00Z", id: "pc-1"},
		"killed":             {content: sane, free: true, err: ErrNotRunning, text: "ended without a stop; its last status is of 2026-01-31T12:00:00Z", id: "pc-1"},
		"stopped":            {free: true, err: ErrNotRunning, text: "nobody has the state folder"},
		"damaged by a crash": {content: []byte{}, free: true, err: ErrNotRunning, text: "nobody has the state folder"},
		"no file":            {err: fs.ErrNotExist, text: "starts or stops just now"},
		"empty":              {content: []byte{}, err: ErrStatusUnreadable, text: "damaged"},
		"zeros":              {content: make([]byte, 100), err: ErrStatusUnreadable, text: "damaged"},
		"half":               {content: sane[:len(sane)/2], err: ErrStatusUnreadable, text: "damaged"},
		"twice":              {content: append(slices.Clip(sane), sane...), err: ErrStatusUnreadable, text: "damaged"},
		"an array":           {content: file("[1]"), err: ErrStatusUnreadable, text: "damaged"},
		"null":               {content: file("null"), err: ErrStatusUnreadable, text: "not a status"},
		"another object":     {content: file(`{"format":1,"name":"x"}`), err: ErrStatusUnreadable, text: "not a status"},
		"a wrong type":       {content: file(`{"format":1,"id":"x","at":%q,"ready":"yes"}`, statusTime.Format(time.RFC3339)), err: ErrStatusUnreadable, text: "ready"},
		"a wrong time":       {content: file(`{"format":1,"id":"x","at":"yesterday"}`), err: ErrStatusUnreadable, text: "yesterday"},
		"newer":              {content: file(`{"format":2,"id":"x","at":%q,"more":{}}`, statusTime.Format(time.RFC3339)), err: ErrStatusUnreadable, text: "newer release"},
		"more keys":          {content: file(`{"format":1,"id":"x","at":%q,"more":{}}`, statusTime.Format(time.RFC3339)), id: "x"},
		"huge":               {content: append(file(`{"format":1,"id":"x","at":%q}`, statusTime.Format(time.RFC3339)), make([]byte, maxStatusFile)...), err: ErrStatusUnreadable, text: "larger than"},
		"deep":               {content: []byte(strings.Repeat(`{"commands":`, 50_000)), err: ErrStatusUnreadable, text: "damaged"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			if !tc.free {
				hold(t, dir)
			}
			path := filepath.Join(dir, StatusFile)
			if tc.content != nil {
				require.NoError(t, os.WriteFile(path, tc.content, 0o600))
			}
			s, err := readStatus(dir, func() time.Time { return statusTime.Add(tc.age) })
			require.Equal(t, tc.id, s.ID)
			if tc.err == nil {
				require.NoError(t, err)
				require.True(t, s.Running || name == "more keys")
				return
			}
			require.ErrorIs(t, err, tc.err)
			require.ErrorContains(t, err, tc.text)
			if errors.Is(err, ErrStatusUnreadable) {
				require.ErrorContains(t, err, path)
			}
		})
	}
}

func TestReadStatusOfNoFolder(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "none")
	_, err := ReadStatus(dir)
	require.ErrorIs(t, err, ErrNotRunning)
	require.NoDirExists(t, dir)
}

func TestReadStatusThatIsNoFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	hold(t, dir)
	require.NoError(t, os.Mkdir(filepath.Join(dir, StatusFile), 0o700))
	_, err := ReadStatus(dir)
	require.Error(t, err)
	require.ErrorContains(t, err, StatusFile)
}

// Nobody reads half a status, however often it is replaced.
func TestTheStatusFileIsNeverTorn(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	hold(t, dir)
	path := filepath.Join(dir, StatusFile)
	current := func() Status {
		s := fullStatus(time.Now())
		s.Settings, s.Resources = s.Settings[:20], s.Resources[:20]
		return s
	}
	require.NoError(t, writeStatusFile(path, current()))
	var readers sync.WaitGroup
	done := make(chan struct{})
	for range 3 {
		readers.Go(func() {
			for last := (time.Time{}); !isClosed(done); {
				s, err := ReadStatus(dir)
				if err != nil || s.At.Before(last) || len(s.Commands.Runs) != maxListedRuns {
					t.Errorf("of %v after %v: %v", s.At, last, err)
					return
				}
				last = s.At
			}
		})
	}
	for range 60 { // Windows replaces no file that somebody reads
		require.Eventually(t, func() bool { return writeStatusFile(path, current()) == nil }, time.Minute, time.Millisecond)
	}
	close(done)
	readers.Wait()
}

func TestAWriterLeavesNothing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, StatusFile)
	require.NoError(t, os.WriteFile(path+".tmp", []byte("left over"), 0o400))
	require.NoError(t, writeStatusFile(path, fullStatus(statusTime)))
	require.NoFileExists(t, path+".tmp")
	require.NoError(t, removeStatusFile(path))
	require.NoError(t, removeStatusFile(path))
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, left)
}

// scripted is a writer whose agent and news a test makes.
type scripted struct {
	*statusWriter
	mu    sync.Mutex
	s     Status
	looks int
	poke  chan struct{}
}

func newScripted(t *testing.T) *scripted {
	x := &scripted{s: Status{ID: "x", Running: true}, poke: make(chan struct{}, 1)}
	x.statusWriter = &statusWriter{
		path: filepath.Join(t.TempDir(), StatusFile), log: slog.New(slog.DiscardHandler),
		status: func() Status {
			x.mu.Lock()
			defer x.mu.Unlock()
			x.looks++
			s := x.s
			s.At = utc(time.Now())
			return s
		},
		news: func() []<-chan struct{} { return []<-chan struct{}{nil, nil, x.poke, nil, nil} },
	}
	return x
}

func (x *scripted) change(version string) {
	x.mu.Lock()
	x.s.Version = version
	x.mu.Unlock()
}

func (x *scripted) looked() int {
	x.mu.Lock()
	defer x.mu.Unlock()
	n := x.looks
	x.looks = 0
	return n
}

func (x *scripted) read(t *testing.T) Status {
	t.Helper()
	s, err := readStatusFile(x.path)
	require.NoError(t, err)
	return s
}

func TestWhenTheStatusIsWritten(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		x := newScripted(t)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- x.run(ctx) }()
		synctest.Wait()
		began := utc(time.Now())
		require.Equal(t, began, x.read(t).At, "at once")

		time.Sleep(time.Hour)
		synctest.Wait()
		require.Less(t, time.Since(x.read(t).At), statusBeat+statusPace, "without news once a minute")
		looks := x.looked()
		t.Logf("an hour without news: %d looks", looks)
		require.InDelta(t, 60, looks, 4)

		time.Sleep(10 * time.Second) // between two beats
		x.change("2")
		x.poke <- struct{}{}
		time.Sleep(statusPace + time.Second)
		synctest.Wait()
		require.Equal(t, "2", x.read(t).Version)

		x.poke <- struct{}{} // before the agent says what it is about
		synctest.Wait()
		x.change("3")
		time.Sleep(2*statusPace + time.Second)
		synctest.Wait()
		require.Equal(t, "3", x.read(t).Version)

		x.looked()
		for range 600 { // a minute in which everything changes all the time
			x.change(time.Now().String())
			select {
			case x.poke <- struct{}{}:
			default:
			}
			time.Sleep(100 * time.Millisecond)
		}
		require.LessOrEqual(t, x.looked(), int(time.Minute/statusPace)+2)

		cancel()
		require.NoError(t, <-ended)
		require.NoFileExists(t, x.path)
	})
}

func TestAStatusThatCannotBeWritten(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		x := newScripted(t)
		var said strings.Builder
		x.log = slog.New(slog.NewTextHandler(&said, nil))
		require.NoError(t, os.MkdirAll(filepath.Join(x.path, "in the way"), 0o700))
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- x.run(ctx) }()
		time.Sleep(time.Hour)
		synctest.Wait()
		require.Equal(t, 1, strings.Count(said.String(), "\n"), said.String())
		require.Contains(t, said.String(), x.path)
		require.Less(t, x.looked(), 300)

		require.NoError(t, os.RemoveAll(x.path))
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		require.Equal(t, "x", x.read(t).ID)
		require.Equal(t, 2, strings.Count(said.String(), "\n"), said.String())
		cancel()
		require.NoError(t, <-ended)
	})
}

func FuzzDecodeStatus(f *testing.F) {
	sane, err := json.Marshal(statusFile{Format: 1, Status: fullStatus(statusTime)})
	require.NoError(f, err)
	f.Add(sane)
	f.Add([]byte(`{"format":1,"id":"x","at":"2026-01-31T12:00:00Z","results":{"pending":-1,"oldest":"9999-01-01T00:00:00Z"}}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		s, err := decodeStatus(raw)
		if err != nil {
			require.Equal(t, Status{}, s)
			return
		}
		require.NotEmpty(t, s.ID)
		_ = s.Problems()
		again, err := json.Marshal(statusFile{Format: 1, Status: s})
		require.NoError(t, err)
		require.True(t, json.Valid(again))
	})
}

// BenchmarkStatusFile prints what one write costs, and how large it is.
func BenchmarkStatusFile(b *testing.B) {
	path := filepath.Join(b.TempDir(), StatusFile)
	s := Status{ID: "pc-1", Version: "1.2.3", Running: true, At: statusTime, StartedAt: statusTime, Since: statusTime, Server: "nats://broker.example:4222"}
	for _, name := range []string{"consumer EXEC/agent_replay_pc-1", "kv agent_config", "kv agent_groups", "kv script_current", "kv script_status"} {
		s.Resources = append(s.Resources, Resource{Name: name, FineSince: statusTime})
	}
	for b.Loop() {
		require.NoError(b, writeStatusFile(path, s))
	}
	info, err := os.Stat(path)
	require.NoError(b, err)
	b.ReportMetric(float64(info.Size()), "bytes/write")
	b.ReportMetric(float64(time.Hour/statusBeat), "writes/idle-hour")
}
