package schedule

import (
	"time"

	"github.com/kanade-go/kanade/agent/internal/schedule/cron"
	"github.com/kanade-go/kanade/agent/wire"
)

// model says which fires of one schedule must happen. It is the clock model of the
// package comment, for a host on which nothing takes any time.
type model struct {
	cron          cron.Schedule
	mode          wire.ScheduleMode
	cooldown      time.Duration
	code          int32
	wall, counted time.Time

	from, at time.Time    // it began here, and has come to here
	armed    time.Time    // by the count
	left     time.Time    // when that was by the count
	past     [2]time.Time // where it has been before it started over
	done     bool
	doneAt   time.Time
	fires    []time.Time
}

func newModel(s wire.Schedule, now time.Time) *model {
	m := &model{mode: s.Mode, wall: now, counted: now}
	m.cooldown, _ = s.CooldownTime()
	m.arm(s.Cron)
	return m
}

func (m *model) arm(expression string) {
	m.cron, _ = cron.Parse(expression)
	m.from, m.at, m.left, m.armed, m.past = m.wall, m.wall, m.counted, m.counted, [2]time.Time{}
}

func (m *model) isTime(at time.Time) bool {
	last, ok := m.cron.Last(at)
	return ok && last.Equal(at)
}

// pass lets time pass without anybody touching the clock.
func (m *model) pass(d time.Duration) {
	for end := m.wall.Add(d); ; {
		next, ok := m.cron.Next(m.wall)
		if !ok || next.After(end) {
			m.move(end.Sub(m.wall))
			return
		}
		m.move(next.Sub(m.wall))
		m.look()
	}
}

func (m *model) move(d time.Duration) { m.wall, m.counted = m.wall.Add(d), m.counted.Add(d) }

// set sets the clock.
func (m *model) set(by time.Duration) {
	m.wall = m.wall.Add(by)
	if m.counted.Sub(m.wall) < slew {
		m.counted = m.wall
	}
}

// off is a time in which the agent does not run, and the clock may be set.
func (m *model) off(d, by time.Duration) {
	before := m.wall
	m.wall = m.wall.Add(d + by)
	if m.counted.Sub(m.wall) < slew {
		m.counted = m.wall
		return
	}
	m.counted = m.counted.Add(max(0, m.wall.Sub(before)))
}

// look is the scheduler's while it runs.
func (m *model) look() { m.lookSince(time.Time{}) }

// turnBack reports whether the times that come are new ones.
func (m *model) turnBack() bool {
	if !m.at.After(m.wall) {
		return true
	}
	if m.isTime(m.at) {
		next, ok := m.cron.Next(m.at)
		if !ok || m.at.Sub(m.wall) < next.Sub(m.at) {
			return false
		}
		if m.past[0].IsZero() || m.from.Before(m.past[0]) {
			m.past[0] = m.from
		}
		if m.at.After(m.past[1]) {
			m.past[1] = m.at
		}
	}
	m.from, m.at = m.wall, m.wall
	return true
}

// lookSince knows when the agent was started, if this is its first look.
func (m *model) lookSince(start time.Time) {
	if !m.turnBack() {
		return
	}
	due, ok := m.cron.Last(m.wall)
	if !ok || !due.After(m.at) {
		return
	}
	if !due.Add(m.counted.Sub(m.wall)).After(m.armed) {
		return // it came before the schedule
	}
	if due.After(m.past[0]) && !due.After(m.past[1]) && !due.Add(m.counted.Sub(m.wall)).After(m.left) {
		return // it had its turn before the clock was set back
	}
	m.at, m.left = due, m.counted
	if m.mode == wire.EveryTick && !due.After(start) {
		return
	}
	m.due(due)
}

func (m *model) due(at time.Time) {
	if m.mode != wire.EveryTick && m.done && (m.cooldown == 0 || m.counted.Sub(m.doneAt) < m.cooldown) {
		return
	}
	m.fires = append(m.fires, at)
	if m.code == 0 {
		m.done, m.doneAt = true, m.counted
	}
}
