package schedule

import (
	"sync"
	"time"
)

// slew is how far the host's clock may fall behind in between two looks without
// having been set back: it is being adjusted, or two clocks are read in turn.
const slew = 2 * time.Second

// moment is one instant by the two clocks of the package.
type moment struct {
	// wall is the host's clock, in UTC. Cron expressions, deadlines and what is
	// told are by it. It can be set.
	wall time.Time
	// counted is what the wall clock would show had it never been set back. It
	// never goes back itself, so what has happened and how long ago is by it.
	counted time.Time
}

// behind is how far the wall clock is set back.
func (m moment) behind() time.Duration { return m.counted.Sub(m.wall) }

// clock counts. A wall clock that is set forward takes the count along, but only
// by as much as it comes out ahead of it: what was set back before is put right.
type clock struct {
	now func() time.Time

	mu   sync.Mutex
	last moment
	read time.Time // when it was last, by the process's own clock
}

// look says what time it is, and whether the wall clock was set back, or put right,
// since the last look.
func (c *clock) look() (m moment, set bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	own := time.Now()
	m = moment{wall: c.now().UTC().Round(0)} // without the process's own clock in it
	m.counted = m.wall
	if !c.read.IsZero() {
		if counted := c.last.counted.Add(own.Sub(c.read)); counted.Sub(m.wall) >= slew {
			m.counted = counted
		}
		set = (m.behind() - c.last.behind()).Abs() >= slew
	}
	c.last, c.read = m, own
	return m, set
}

// stamp is a moment on disk.
type stamp struct {
	Wall    time.Time `json:"wall"`
	Counted time.Time `json:"counted"`
}

// resume goes on from what the last run of the agent counted. Meanwhile the wall
// clock was right, unless it says less than was counted: then it is still set back,
// and what has passed is what it shows to have passed.
func (c *clock) resume(last stamp) {
	m, _ := c.look()
	c.mu.Lock()
	defer c.mu.Unlock()
	if last.Counted.Sub(m.wall) >= slew {
		c.last.counted = last.Counted.Add(max(0, m.wall.Sub(last.Wall)))
	}
}

// stamp is the last look.
func (c *clock) stamp() stamp {
	c.mu.Lock()
	defer c.mu.Unlock()
	return stamp{Wall: c.last.wall, Counted: c.last.counted}
}
