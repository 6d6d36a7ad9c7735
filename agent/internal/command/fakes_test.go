package command

import (
	"context"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kanade-go/kanade/agent/wire"
	"github.com/kanade-go/kanade/exec"
	"github.com/kanade-go/kanade/outbox"
	"github.com/kanade-go/kanade/outbox/atomicfile"
)

// fakeShell runs a function.
type fakeShell struct {
	run         func(ctx context.Context, c wire.Command, attempt int) (exec.Outcome, error)
	unavailable error
	repeatable  bool
}

func (s *fakeShell) Available() error { return s.unavailable }

func (s *fakeShell) Repeatable() bool { return s.repeatable }

func (s *fakeShell) Run(ctx context.Context, c wire.Command, attempt int) (exec.Outcome, error) {
	return s.run(ctx, c, attempt)
}

// fakeSink keeps what was put, the first of each name, as an outbox does.
type fakeSink struct {
	mu   sync.Mutex
	put  map[string]wire.Result
	puts int
	err  error
}

func (s *fakeSink) Put(_ context.Context, r outbox.Record) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.puts++
	if s.err != nil {
		return s.err
	}
	if _, ok := s.put[r.Name]; ok {
		return nil
	}
	result, err := wire.DecodeResult(r.Data)
	if err != nil {
		return err
	}
	s.put[r.Name] = result
	return nil
}

func (s *fakeSink) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = err
}

func (s *fakeSink) result(name string) (wire.Result, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, ok := s.put[name]
	return r, ok
}

type sinkFunc func(context.Context, outbox.Record) error

func (f sinkFunc) Put(ctx context.Context, r outbox.Record) error { return f(ctx, r) }

// fakeEvents notes what it is told; reported lines are stored unless it is full.
type fakeEvents struct {
	mu       sync.Mutex
	started  map[string]time.Time
	emitted  []string
	observed []string
	full     bool
}

func (e *fakeEvents) Started(_ context.Context, c wire.Command, at time.Time) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.started == nil {
		e.started = make(map[string]time.Time)
	}
	e.started[c.RequestID] = at
}

func (e *fakeEvents) Emit(_ context.Context, _ wire.Command, stdout string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.emitted = append(e.emitted, stdout)
	return !e.full
}

func (e *fakeEvents) Observe(_ context.Context, kind string, _ map[string]string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.observed = append(e.observed, kind)
}

type slowFS struct {
	atomicfile.FS
	delay atomic.Int64 // nanoseconds
}

func (f *slowFS) OpenFile(name string, flag int, perm os.FileMode) (atomicfile.File, error) {
	file, err := f.FS.OpenFile(name, flag, perm)
	return &slowFile{File: file, fs: f}, err
}

type slowFile struct {
	atomicfile.File
	fs *slowFS
}

func (f *slowFile) Sync() error {
	if delay := f.fs.delay.Load(); delay > 0 {
		time.Sleep(time.Duration(delay))
	}
	return f.File.Sync()
}
