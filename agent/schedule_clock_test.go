package agent_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent"
	"github.com/kanade-go/kanade/agent/wire"
)

// hostClock is a clock that somebody sets, on a host that is carried from zone to
// zone.
type hostClock struct {
	mu     sync.Mutex
	offset time.Duration
	zone   *time.Location
}

func (c *hostClock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.offset).In(c.zone)
}

func (c *hostClock) set(at time.Time, hoursEast int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.offset, c.zone = time.Until(at), time.FixedZone("", hoursEast*3600)
}

// A clock that is set forward makes one late fire, one that is set back repeats
// none and stalls none; the zone of the host does not matter.
func TestALocalScheduleAndAClockThatIsSet(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	clock := &hostClock{}
	at := func(hour, minute int) time.Time { return time.Date(2031, 3, 4, hour, minute, 0, 0, time.UTC) }
	clock.set(at(0, 58), 0)
	s.putJob("job", "1", "echo hello")
	s.putSchedule(wire.Schedule{ID: "hourly", JobID: "job", Cron: "0 0 * * * *"})
	a, _ := startAgent(t, s.cfg, agent.WithNow(clock.now))
	ready(t, a)
	next := func(want time.Time) {
		t.Helper()
		s.eventually(func() bool { return agent.LocalSchedules(a).Next.Equal(want) }, "the clock is not noticed")
	}
	next(at(1, 0))
	for n, step := range []struct {
		to   time.Time
		east int
		next time.Time
		runs int
		why  string
	}{
		{at(3, 58), 9, at(4, 0), 1, "one fire for three that were missed"},
		{at(2, 28), -8, at(3, 0), 1, "not far enough to start over"},
		{at(3, 1), 13, at(4, 0), 1, "the same time again is not repeated"},
		{at(4, 1), 0, at(5, 0), 2, "the next one comes"},
		{at(0, 30).AddDate(0, 0, -2), 5, at(1, 0).AddDate(0, 0, -2), 2, "far back: it starts over"},
		{at(1, 1).AddDate(0, 0, -2), -3, at(2, 0).AddDate(0, 0, -2), 3, "and does not wait for two days"},
	} {
		clock.set(step.to, step.east)
		if n > 0 { // the first one is noticed without help, within 10 s
			s.putSchedule(wire.Schedule{ID: "other", JobID: fmt.Sprint(n), Disabled: true})
		}
		next(step.next)
		s.eventually(func() bool { return s.runs("job-1") >= step.runs }, step.why)
		s.quiet(a) // what still runs when its time comes is passed over
		require.Equal(t, step.runs, s.runs("job-1"), step.why)
	}
	require.Zero(t, agent.LocalSchedules(a).Overlapped)
	s.onceEach("job", 3)
}
