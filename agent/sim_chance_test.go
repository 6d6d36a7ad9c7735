package agent

import (
	"context"
	"fmt"
	"hash/fnv"
	"log/slog"
	"math/rand/v2"
	"slices"
	"time"
)

// dice gives the numbers for one purpose. They depend on the seed, the purpose
// and how often it came up before, and on nothing that other purposes drew: two
// goroutines that change places do not change each other's luck.
func (s *sim) dice(purpose string) *rand.Rand {
	s.mu.Lock()
	n := s.drawn[purpose]
	s.drawn[purpose]++
	s.mu.Unlock()
	return s.luck(purpose, n)
}

func (s *sim) luck(purpose string, n int) *rand.Rand {
	h := fnv.New64a()
	_, _ = fmt.Fprintf(h, "%d %s %d", s.seed, purpose, n) // a hash never fails
	return rand.New(rand.NewPCG(uint64(s.seed), h.Sum64()))
}

func percent(r *rand.Rand, p int) bool { return r.IntN(100) < p }

// between is evenly spread; spread prefers short times and reaches long ones.
func between(r *rand.Rand, low, high time.Duration) time.Duration {
	return low + time.Duration(r.Int64N(int64(high-low)))
}

func spread(r *rand.Rand, high time.Duration) time.Duration {
	return between(r, 0, high>>r.IntN(12)+1)
}

// now is the host's clock.
func (s *sim) now() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return time.Now().Add(s.offset)
}

// logs puts the agent's log into the trace.
type logs struct {
	s     *sim
	attrs []slog.Attr
}

func (l logs) Enabled(context.Context, slog.Level) bool { return true }
func (l logs) WithGroup(string) slog.Handler            { return l }

func (l logs) WithAttrs(more []slog.Attr) slog.Handler {
	return logs{l.s, slices.Concat(l.attrs, more)}
}

func (l logs) Handle(_ context.Context, r slog.Record) error {
	r.AddAttrs(l.attrs...)
	l.s.mu.Lock()
	defer l.s.mu.Unlock()
	l.s.trace = append(l.s.trace, entry{at: time.Since(l.s.began), log: &r})
	return nil
}

// jitter is what the agent itself draws. It depends on the instant alone, so that
// draws that change places in one change nothing.
func (s *sim) jitter() float64 {
	return s.luck(fmt.Sprint("jitter at ", time.Since(s.began)), 0).Float64()
}
