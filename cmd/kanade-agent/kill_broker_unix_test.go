//go:build unix

package main

import (
	"strings"
	"testing"
	"time"
)

// outage takes the broker away and returns how it comes back.
type outage func(c *campaign) (end func())

var outages = []outage{
	func(c *campaign) func() { c.broker.Kill(); return c.broker.Start },
	func(c *campaign) func() { c.broker.Stop(); return c.broker.Start },
	func(c *campaign) func() { c.broker.Pause(); return c.broker.Resume },
	func(c *campaign) func() { c.broker.Kill(); c.broker.Start(); return func() {} },
}

// longPause is longer than a client needs to think that something is wrong.
const longPause = 4 * time.Second

// The agent is killed before, while and after the broker is away, and starts
// without one too.
func TestKilledWhileTheBrokerComesAndGoes(t *testing.T) {
	t.Parallel()
	c := newCampaign(t)
	back := func() {}
	for n := range *killTimes {
		p := c.start()
		c.lapse(0, 300*time.Millisecond)
		back() // from an outage that the last agent has seen begin
		c.lapse(0, 300*time.Millisecond)
		back = outages[c.rng.IntN(len(outages))](c)
		c.lapse(0, 300*time.Millisecond)
		if c.rng.IntN(2) == 0 {
			back()
			back = func() {}
			c.lapse(0, 300*time.Millisecond)
		}
		if n == *killTimes/2 {
			back()
			back = func() {}
			c.pauseLong(p)
		}
		c.killNow(p, "broker comes and goes")
	}
	back()
	c.finish()
}

// pauseLong freezes the broker under a working agent, which then goes on.
func (c *campaign) pauseLong(p *process) {
	c.t.Helper()
	c.eventually(p, "no command started", func() bool {
		return strings.Contains(p.stdout.String(), "command started") || len(p.ended) > 0
	})
	c.broker.Pause()
	c.lapse(longPause, longPause)
	c.broker.Resume()
	answered := c.sender.answered()
	c.eventually(p, "no result after the pause", func() bool { return c.sender.answered() > answered })
}
