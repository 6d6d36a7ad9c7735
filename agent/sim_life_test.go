package agent

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/kanade-go/kanade/exec"
	"github.com/kanade-go/kanade/retry/jstest"
)

const simPCID = "sim-1"

// life is one process of the agent.
type life struct {
	s      *sim
	n      int
	plan   lifePlan
	client *jstest.Client
	disk   disk
	agent  *Agent
	ctx    context.Context //nolint:containedctx // the life of a process is what it stands for
	cancel context.CancelFunc
	gone   chan struct{} // closed when the process is no more

	mu      sync.Mutex
	end     ending
	dead    bool
	closing bool
	steps   int
	endedAt time.Time
	stopAt  time.Time // of an orderly stop
}

func (l *life) run() error {
	l.s.note("life %d begins: %+v", l.n, l.plan)
	cfg := DefaultConfig()
	cfg.ID, cfg.StateDir, cfg.Concurrency, cfg.Grace = simPCID, l.s.dir, l.s.plan.slots, l.s.plan.grace
	var err error
	l.agent, err = New(cfg,
		WithTransport(simTransport{l.client.Conn(), l}, simJetStream{l.client.JetStream(), l}),
		WithLogger(slog.New(logs{s: l.s})),
		WithRunner(exec.RunnerFunc(l.runScript)),
		WithHandler("once", HandlerFunc(l.handle), ReportInterrupted),
		WithHandler("again", HandlerFunc(l.handle), RunAgain))
	must(err)
	l.agent.opts.fs, l.agent.opts.now, l.agent.opts.hostless = lifeFS{l}, l.s.now, true
	defer l.faults()()
	return l.agent.Run(l.ctx)
}

// faults plans those that belong to this life; what it returns calls them off.
func (l *life) faults() (off func()) {
	var timers []*time.Timer
	if l.plan.subFail {
		l.s.happened("fault: subscribe fails")
		l.client.Fail(jstest.OpSubscribe, nats.ErrTimeout, 1)
	}
	if l.plan.offline > 0 {
		l.s.happened("fault: start without a broker")
		l.client.Disconnect()
		timers = append(timers, time.AfterFunc(l.plan.offline, l.reconnect))
	}
	if l.plan.after > 0 {
		timers = append(timers, time.AfterFunc(l.plan.after, func() {
			if !l.s.isHealthy() {
				l.finish(l.plan.end, "its time is up")
			}
		}))
	}
	return func() {
		for _, t := range timers {
			t.Stop()
		}
	}
}

// reconnect connects a process that is still there.
func (l *life) reconnect() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.dead {
		l.client.Reconnect()
	}
}

// finish ends the life, unless it has ended already.
func (l *life) finish(how ending, why string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.dead || l.end == stopped && how == stopped {
		return
	}
	l.end, l.stopAt = how, time.Now()
	l.s.note("life %d: %s: %s", l.n, endingNames[how], why)
	l.s.happened("end: " + endingNames[how])
	if how != stopped {
		l.die()
	}
	l.cancel()
}

// die is called with the lock held: from here on the process does nothing.
func (l *life) die() {
	l.dead, l.endedAt = true, time.Now()
	l.client.Disconnect()
	close(l.gone)
}

// over says how the life ended, once Run has returned.
func (l *life) over() ending {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.dead {
		l.die()
	}
	l.cancel()
	return l.end
}

func (l *life) isDead() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.dead
}

// isEnding: it is dead or was told to stop.
func (l *life) isEnding() bool { return l.isPast(0) }

// isPast: it is dead, or was told to stop so long ago.
func (l *life) isPast(d time.Duration) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.dead || l.end == stopped && time.Since(l.stopAt) >= d
}

func (l *life) isClosing() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.closing
}

func (l *life) closes() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closing = true
}

// step counts an operation of the disk, ends the life at the planned one, and
// lets some fail.
func (l *life) step(what, kind string) error {
	l.mu.Lock()
	if l.dead {
		l.mu.Unlock()
		return errCut
	}
	if l.plan.atKind == "" || l.plan.atKind == what {
		l.steps++
	}
	cut := l.steps == l.plan.atStep && !l.s.isHealthy()
	l.mu.Unlock()
	if cut {
		if l.plan.end != stopped {
			l.s.happened("cut at: " + what)
		}
		l.finish(l.plan.end, what)
		if l.isDead() {
			return errCut
		}
	}
	if what == "ledger sync" && l.plan.needsRewrite() && !l.s.isHealthy() && percent(l.dice("need of a rewrite"), 50) {
		return syscall.EIO
	}
	return l.diskFails(what, kind)
}

func (l *life) diskFails(what, kind string) error {
	l.s.mu.Lock()
	e := l.s.host.diskError
	l.s.mu.Unlock()
	if e == nil || !e.hits(kind) || !percent(l.dice("failure of "+what), e.percent) {
		return nil
	}
	l.s.happened("fault: disk, " + e.err.Error())
	l.s.note("fails: %s", what)
	if strings.HasPrefix(what, completionsFolder) {
		l.s.mu.Lock()
		defer l.s.mu.Unlock()
		l.s.undone = true
	}
	return e.err
}

// dice are of this life alone: what a process does after its end, before it has
// noticed, changes nothing for the next.
func (l *life) dice(purpose string) *rand.Rand {
	return l.s.dice(fmt.Sprint(l.n, " ", purpose))
}

// pause is how long the host takes to begin the next life. It counts from the
// end, not from when the goroutines of a cut life have seen it.
func (l *life) pause() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	return time.Until(l.endedAt.Add(boot + l.plan.down))
}

// boot is longer than any stop takes.
const boot = 5 * time.Minute
