package schedule

import (
	"context"
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

// isBusy reports whether a run of the schedule is in flight.
func (s *Service) isBusy(key string) bool {
	s.mu.Lock()
	id, f := "", flight{}
	for one, of := range s.runs {
		if of.Key == key {
			id, f = one, of
		}
	}
	s.mu.Unlock()
	if id == "" {
		return false
	}
	if !f.handed || f.data != nil || s.cfg.Pending(id) {
		return true
	}
	// Its result comes before the command path lets it go, so none will come.
	if _, was := s.remove(id); was {
		s.counters.failed.Add(1)
		s.log.Warn("a run of a local schedule ended and left no outcome; it does not count as done", "schedule", short(key), "request_id", id)
	}
	return false
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

// goBack lets a schedule fire again what it fired last.
func (s *Service) goBack(f flight) {
	s.mu.Lock()
	defer s.mu.Unlock()
	before := f.Due.Add(-time.Second)
	if a := s.armed[f.Key]; a != nil && a.resumed && before.Before(a.mark.At) {
		a.mark.At = before
	}
	if m, ok := s.marks[f.Key]; ok && before.Before(m.At) {
		m.At = before
		s.marks[f.Key] = m
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

// Owns reports whether a request is a run of this scheduler whose end it waits for.
func (s *Service) Owns(requestID string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, ok := s.runs[requestID]
	return ok
}

// Finished takes the exit code of a run, or of what stands for one. The command
// path calls it before it stores the result: what was done once is on disk before
// anybody can see that it was. Requests of others are ignored.
func (s *Service) Finished(requestID string, exitCode int32) {
	f, was := s.remove(requestID)
	if !was {
		return
	}
	defer signal(s.wake)
	if exitCode != 0 {
		s.counters.failed.Add(1)
		if f.Object != "" {
			signal(s.objectsWake) // the object may be another by now
		}
		return
	}
	s.counters.succeeded.Add(1)
	s.done.set(f.Completion, s.now())
	if !f.Once {
		return
	}
	if err := s.done.save(); err != nil {
		s.told.tell("disk", "", err.Error()+"; it is tried again")
	}
}
