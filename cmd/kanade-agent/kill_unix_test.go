//go:build unix

package main

import (
	"flag"
	"math/rand/v2"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/retry/jstest"
)

var (
	killTimes = flag.Int("kill.times", 12, "how often each test that kills agents does so")
	killSeed  = flag.Uint64("kill.seed", 0, "what those tests draw moments, faults and commands from; the machine decides what happens in them. 0: anew each time")
)

// moment is when a kill comes: a random while after the agent has said something.
type moment struct {
	after string // empty: after its start
	least time.Duration
	most  time.Duration
}

var moments = map[string]moment{
	"start-up":         {most: 60 * time.Millisecond},
	"any":              {least: 50 * time.Millisecond, most: time.Second},
	"taking commands":  {after: "agent takes commands", most: 200 * time.Millisecond},
	"command started":  {after: "command started", most: 20 * time.Millisecond},
	"command finished": {after: "command finished", most: 20 * time.Millisecond},
}

// order is the round of the moments.
var order = []string{"start-up", "any", "taking commands", "command started", "command finished"}

// campaign is one agent that is killed and started again while commands stream in.
type campaign struct {
	t      *testing.T
	rng    *rand.Rand
	broker *jstest.Broker
	sender *sender
	state  string
	killed map[string]int // by moment
}

func newCampaign(t *testing.T) *campaign {
	t.Helper()
	seed := *killSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("-kill.seed=%d -kill.times=%d", seed, *killTimes)
	c := &campaign{
		t: t, rng: rand.New(rand.NewPCG(seed, 1)), broker: jstest.StartBroker(t),
		state: filepath.Join(t.TempDir(), "state"), killed: make(map[string]int),
	}
	c.sender = newSender(t, c.broker, rand.New(rand.NewPCG(seed, 2)))
	return c
}

func (c *campaign) start() *process {
	return start(c.t, nil, "--nats-url", c.broker.URL(), "--id", pcID, "--data-dir", c.state)
}

// lapse lets a random while go by. It waits for nothing: it is the fault's time.
func (c *campaign) lapse(least, most time.Duration) {
	time.Sleep(least + time.Duration(c.rng.Int64N(int64(most-least)+1)))
}

// kill kills the agent at a random moment of the kind.
func (c *campaign) kill(p *process, kind string) {
	c.t.Helper()
	m := moments[kind]
	c.eventually(p, "it does not say "+m.after, func() bool {
		return strings.Contains(p.stdout.String(), m.after) || len(p.ended) > 0 // killNow tells an end of its own
	})
	c.lapse(m.least, m.most)
	c.killNow(p, kind)
}

func (c *campaign) killNow(p *process, kind string) {
	c.t.Helper()
	require.NoError(c.t, p.Process.Kill(), "it has ended by itself:\n%v\n%v", &p.stdout, &p.stderr)
	p.endKilled(c.t)
	c.killed[kind]++
}

// endKilled checks that nothing but the kill has ended the process.
func (p *process) endKilled(t *testing.T) {
	t.Helper()
	err := <-p.ended
	exit := new(exec.ExitError)
	require.ErrorAs(t, err, &exit, "it has ended by itself:\n%v\n%v", &p.stdout, &p.stderr)
	require.Equal(t, syscall.SIGKILL, exit.Sys().(syscall.WaitStatus).Signal(), "%v\n%v", &p.stdout, &p.stderr)
	require.Empty(t, p.stderr.String())
	for line := range strings.Lines(p.stdout.String()) {
		require.NotContains(t, line, "level=ERROR")
		require.NotContains(t, line, "panic")
	}
}

func (c *campaign) eventually(p *process, failure string, done func() bool) {
	c.t.Helper()
	if assert.Eventually(c.t, done, patience, 10*time.Millisecond) {
		return
	}
	require.Fail(c.t, failure, "%v\n%v\n%v", c.sender.unanswered(), &p.stdout, &p.stderr)
}

// finish lets the agent work until everything is answered, and checks the count.
func (c *campaign) finish() {
	c.t.Helper()
	p := c.start()
	c.sender.stopAdding()
	c.eventually(p, "commands have no result", func() bool { return len(c.sender.unanswered()) == 0 })
	c.eventually(p, "records stay in an outbox", func() bool {
		left, err := filepath.Glob(filepath.Join(c.state, "*outbox", "*.json*"))
		return err == nil && len(left) == 0
	})
	require.NoError(c.t, p.Process.Signal(syscall.SIGTERM))
	require.Zero(c.t, p.end(c.t), &p.stderr)
	c.sender.check()
	c.t.Logf("kills: %v; %s", c.killed, c.sender.summary())
}

// The streams, the ledger and the outbox survive; the agent does not. Whoever
// repeats the same bytes until there is a result finds exactly one, and nothing
// has run twice.
func TestKilledAtAnyMoment(t *testing.T) {
	t.Parallel()
	c := newCampaign(t)
	for n := range *killTimes {
		p := c.start()
		c.kill(p, order[n%len(order)])
		if c.rng.IntN(2) == 0 {
			c.sender.sendForReplay()
		}
	}
	c.finish()
}
