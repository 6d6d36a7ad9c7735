package schedule

import (
	"context"
	"maps"
	"time"

	"github.com/kanade-go/kanade/agent/internal/delivery"
	"github.com/kanade-go/kanade/agent/wire"
	"github.com/kanade-go/kanade/retry"
)

// repeatBackoff spaces the hand-overs of a command that could not be recorded.
var repeatBackoff = retry.Backoff{Min: 5 * time.Second, Max: time.Minute, Factor: 2}

func (s *Service) enter(id string, f flight) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.runs[id] = f
	s.dirty = true
}

func (s *Service) remove(id string) (f flight, was bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f, was = s.runs[id]
	delete(s.runs, id)
	s.dirty = s.dirty || was
	return f, was
}

// busy is the schedules that have a run in flight; the empty key says that there is
// one of which nobody knows whose it is. It looks at each run once, for all of them.
func (s *Service) busy() map[string]bool {
	s.mu.Lock()
	runs := maps.Clone(s.runs)
	s.mu.Unlock()
	keys := make(map[string]bool, len(runs))
	for id, f := range runs {
		if !s.isOver(id, f) {
			keys[f.Key] = true
		}
	}
	return keys
}

// isOver reports whether the command path has let go of a run. Its result comes
// before that, so none will come.
func (s *Service) isOver(id string, f flight) bool {
	if !f.handed || f.data != nil || s.cfg.Pending(id) {
		return false
	}
	if _, was := s.remove(id); was && f.Key != "" {
		s.counters.failed.Add(1)
		s.log.Warn("a run of a local schedule ended and left no outcome; it does not count as done", "schedule", short(f.Key), "request_id", id)
	}
	return true
}

// settleLastRun looks once at what the last run of the agent left in flight. What
// the command path does not owe may never have reached it: its schedule is looked
// at again, and what the command path knows already is a duplicate there.
func (s *Service) settleLastRun() {
	if s.settled {
		return
	}
	s.settled = true
	s.mu.Lock()
	left := make(map[string]flight)
	for id, f := range s.runs {
		if !f.handed {
			left[id] = f
		}
	}
	s.mu.Unlock()
	for id, f := range left {
		if s.cfg.Pending(id) {
			s.keep(id)
		} else if _, still := s.remove(id); still {
			s.goBack(f)
		}
	}
}

// keep leaves a run in flight that the command path has. Its result may come at any
// moment, so it is never taken out.
func (s *Service) keep(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f, ok := s.runs[id]; ok {
		f.handed = true
		s.runs[id] = f
	}
}

// goBack lets a schedule fire again what it fired last, under the same ID.
func (s *Service) goBack(f flight) {
	s.mu.Lock()
	defer s.mu.Unlock()
	isOf := func(m mark) bool {
		return m.Cron == f.Before.Cron && m.Since.Equal(f.Before.Since) && m.At.After(f.Before.At)
	}
	if a := s.armed[f.Key]; a != nil && a.resumed && isOf(a.mark) {
		a.mark = f.Before
	}
	if m, ok := s.marks[f.Key]; ok && isOf(m) {
		s.marks[f.Key] = f.Before
	}
}

// handOver gives a command to the command path.
func (s *Service) handOver(ctx context.Context, id string) {
	s.mu.Lock()
	f, ok := s.runs[id]
	if !ok {
		s.mu.Unlock()
		return
	}
	f.handed, f.again = true, time.Time{}
	s.runs[id] = f
	s.mu.Unlock()
	d := delivery.Delivery{
		Data: f.data, Subject: wire.BucketSubject(wire.BucketSchedules, f.Key), Source: delivery.Schedule,
		Settle: func(answer delivery.Settlement) { s.settle(id, answer) },
	}
	if offer(ctx, s.cfg.Out, d) {
		s.log.Info("a local schedule fires", "schedule", short(f.Key), "request_id", id, "due", f.Due)
	}
}

// offer prefers the hand-over to the end of ctx: what fires is on disk already, and
// the next start would make up for it only if its schedule says so.
func offer(ctx context.Context, out chan<- delivery.Delivery, d delivery.Delivery) bool {
	select {
	case out <- d:
		return true
	default:
	}
	select {
	case out <- d:
		return true
	case <-ctx.Done():
		return false
	}
}

// settle takes the answer of the command path.
func (s *Service) settle(id string, answer delivery.Settlement) {
	defer signal(s.wake)
	s.mu.Lock()
	defer s.mu.Unlock()
	f, ok := s.runs[id]
	switch {
	case !ok: // its result was quicker
	case answer == delivery.Ack:
		f.data = nil
		s.runs[id] = f
	case answer == delivery.Nak:
		f.tries++
		f.again = time.Now().Add(repeatBackoff.Delay(f.tries))
		s.runs[id] = f
	default:
		delete(s.runs, id)
		s.dirty = true
		s.counters.failed.Add(1)
	}
}

// repeat hands over again what could not be recorded, unless its schedule is gone.
func (s *Service) repeat(ctx context.Context) {
	s.mu.Lock()
	var due, gone []string
	for id, f := range s.runs {
		switch {
		case f.again.IsZero() || time.Now().Before(f.again):
		case s.armed[f.Key] == nil:
			gone = append(gone, id)
		default:
			due = append(due, id)
		}
	}
	s.mu.Unlock()
	for _, id := range gone {
		s.remove(id)
	}
	for _, id := range due {
		s.handOver(ctx, id)
	}
}

func (s *Service) nextRepeat() (next time.Time, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.runs {
		if !f.again.IsZero() && (!ok || f.again.Before(next)) {
			next, ok = f.again, true
		}
	}
	return next, ok
}
