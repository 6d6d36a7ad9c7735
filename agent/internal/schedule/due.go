package schedule

import (
	"crypto/sha256"
	"encoding/binary"
	"math"
	"time"

	"github.com/kanade-go/kanade/agent/wire"
)

const (
	// onTime is how late a fire may be noticed and still keep its place in the
	// jitter. One that comes later waits for the jitter from then on: the hosts of
	// a site wake up together.
	onTime = time.Minute
	// jobGrace is how long a fire waits for its job, or for the digest of its
	// script: the rows of both come after that of the schedule.
	jobGrace = time.Minute
	// DefaultSettleIn is how long the broker has at the start to say what is new.
	DefaultSettleIn = 20 * time.Second
	// maxJitter keeps an absurd value from overflowing.
	maxJitter = uint64(7 * 24 * time.Hour / time.Second)
)

// look brings a schedule up to now and reports whether it is to fire.
func (s *Service) look(a *armed, now moment, busy bool) bool {
	if a.waiting && (a.due.After(now.wall) || a.hadItsTurn(a.due, now)) {
		a.waiting = false // the clock was set back, and its time comes again; or it was put right
	}
	if a.mark.At.After(now.wall) && !s.turnBack(a, now) {
		return false
	}
	if a.resumed && !s.isSettledIn() {
		return false
	}
	resumed := a.resumed
	a.resumed = false
	if due, ok := a.lastDue(now); ok && !a.waiting {
		missed := resumed && !due.After(s.since)
		switch {
		case busy:
			s.counters.overlapped.Add(1)
			s.log.Info("a local schedule is due while it still runs and is passed over", "schedule", short(a.key), "due", due)
			s.passTo(a, due, now)
		case missed && !a.await(s.cfg.PCID, due, now.wall):
			s.counters.missed.Add(1)
			s.log.Info("a local schedule was due while the agent did not run", "schedule", short(a.key), "due", due)
			s.passTo(a, due, now)
		case !missed:
			a.wait(s.cfg.PCID, due, now.wall)
		}
	}
	return a.waiting && !busy && !now.wall.Before(a.at)
}

// lastDue is the last time that has come and was not left behind.
func (a *armed) lastDue(now moment) (due time.Time, ok bool) {
	due, ok = a.cron.Last(now.wall)
	if !ok || !due.After(a.mark.At) {
		return due, false
	}
	return due, due.Add(now.behind()).After(a.mark.Armed) && !a.hadItsTurn(due, now)
}

// hadItsTurn tells of a time that was left behind before the schedule started over. A
// clock that was set back and is put right jumps over such times: they are older, by
// the count, than what the schedule has come to meanwhile.
func (a *armed) hadItsTurn(due time.Time, now moment) bool {
	return !due.Add(now.behind()).After(a.mark.Counted) && a.mark.Past.has(due)
}

// isSettledIn reports whether what the last run knew is as good as it gets: what
// was missed is not made up for a schedule that is not there any more.
func (s *Service) isSettledIn() bool {
	if time.Since(s.began) >= s.cfg.SettleIn {
		return true
	}
	return s.schedules.isFresh() && s.jobs.isFresh()
}

// passTo leaves everything up to a time behind. The state on disk need not know at
// once: whoever looks again finds the same.
func (s *Service) passTo(a *armed, at time.Time, now moment) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a.mark.At, a.mark.Counted = at, now.counted
	a.waiting = false
	if s.passed.IsZero() {
		s.passed = time.Now()
	}
}

// turnBack reports whether a schedule goes on from a time before the one that it has
// come to: the clock was set back. By less than the distance to the next fire
// nothing is lost by waiting, and a fire would be repeated otherwise.
func (s *Service) turnBack(a *armed, now moment) bool {
	last, isTime := a.cron.Last(a.mark.At)
	if isTime = isTime && last.Equal(a.mark.At); isTime {
		next, ok := a.cron.Next(a.mark.At)
		if !ok || a.mark.At.Sub(now.wall) < next.Sub(a.mark.At) {
			return false
		}
		s.log.Warn("the clock was set back; a local schedule starts over", "schedule", short(a.key), "by", a.mark.At.Sub(now.wall))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	a.waiting, s.dirty = false, true
	if isTime {
		a.mark.startOver(now)
	} else { // nothing was left behind since it began
		a.mark.At, a.mark.From = now.wall, now.wall
	}
	return true
}

// wait makes the schedule wait for its place in the jitter.
func (a *armed) wait(pcID string, due, now time.Time) {
	from := due
	if now.Sub(due) > onTime {
		from = now
	}
	a.waiting, a.due, a.at = true, due, from.Add(a.jitter(pcID, due))
}

// await is wait for a time that came while the agent did not run; it reports
// whether it is made up for.
func (a *armed) await(pcID string, due, now time.Time) bool {
	if at := due.Add(a.jitter(pcID, due)); now.Before(at) {
		a.waiting, a.due, a.at = true, due, at
		return true
	}
	latest, bounded := a.latestStart(due)
	if bounded && now.After(latest) || !bounded && a.sched.Mode == wire.EveryTick {
		return false
	}
	a.wait(pcID, due, now)
	if bounded && a.at.After(latest) {
		a.at = latest
	}
	return true
}

// jitter is a whole number of seconds below the schedule's bound. It follows from
// host, schedule and time, so that a restart does not draw again.
func (a *armed) jitter(pcID string, due time.Time) time.Duration {
	secs := min(a.sched.JitterSecs(), maxJitter)
	if secs <= 1 {
		return 0
	}
	sum := sha256.Sum256([]byte("jitter\x00" + pcID + "\x00" + a.key + "\x00" + due.UTC().Format(time.RFC3339)))
	return time.Duration(binary.BigEndian.Uint64(sum[:8])%secs) * time.Second
}

// latestStart is until when a fire may start. The jitter was asked for and does
// not count as being late.
func (a *armed) latestStart(due time.Time) (latest time.Time, ok bool) {
	bound, ok := a.sched.StartingDeadlineTime()
	if !ok {
		return time.Time{}, false
	}
	jitter := time.Duration(min(a.sched.JitterSecs(), maxJitter)) * time.Second
	return due.Add(min(bound, math.MaxInt64/2)).Add(jitter), true
}

// nextLook is when something may happen to the schedule.
func (a *armed) nextLook(now time.Time) (time.Time, bool) {
	if a.waiting {
		return a.at, true
	}
	return a.cron.Next(now)
}
