package agent

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/kanade-go/kanade/agent/internal/supervise"
	"github.com/kanade-go/kanade/outbox"
)

// Run opens the state folder, connects, and works until ctx ends; then it stops
// in phases and returns nil. It does not wait for a broker: one that is not
// there yet, or not any more, is waited for beside the work.
//
// Other returns: [ErrAlreadyRan]; [ErrStateLocked] and errors of the file
// system at the start; [ErrConnectionClosed]; [ErrRestart], which only an agent with
// an [Updater] asks for; a failure that only a restart can mend.
func (a *Agent) Run(ctx context.Context) (err error) {
	if !a.ran.CompareAndSwap(false, true) {
		return ErrAlreadyRan
	}
	if err := a.countStart(); err != nil {
		return err
	}
	defer a.guard.Stop()
	p, err := a.compose(ctx)
	if err != nil {
		return a.uncounted(err)
	}
	a.publish(p)
	defer a.publish(nil)
	a.log.Info("agent starts", "version", a.cfg.Version, "state", a.cfg.StateDir)
	if owed := p.commands.Recover(); owed > 0 {
		a.log.Info("commands of the last run are taken up again", "commands", owed)
	}
	s, err := a.start(ctx, p)
	if err == nil {
		err = s.wait(ctx, p.updates.service.Due())
	}
	s.stop(a, p)
	if restart := p.updates.service.Finish(err); restart != nil {
		return restart
	}
	return err
}

// stages are the running phases, in the order in which they started. Their
// contexts do not end with Run's: they are stopped one after the other.
type stages struct {
	answers   *supervise.Group
	settings  *supervise.Group
	delivery  *supervise.Group
	work      *supervise.Group
	admission *supervise.Group
	intake    *supervise.Group

	arriving     context.Context // ends the hand-over of live messages
	stopArriving context.CancelFunc
}

// start starts the phases in the order in which a command meets them last to
// first, so that nothing comes in that nobody would take.
func (a *Agent) start(ctx context.Context, p *parts) (*stages, error) {
	base := context.WithoutCancel(ctx)
	s := &stages{}
	s.arriving, s.stopArriving = context.WithCancel(base)
	reports, answers := a.telemetryTasks(p)
	s.answers = supervise.NewGroup(base, a.log, answers...)
	s.settings = supervise.NewGroup(base, a.log, p.settings.Tasks()...)
	s.delivery = supervise.NewGroup(base, a.log,
		supervise.Task{Name: "connection state", Run: p.link.Run},
		p.denialsTask(),
		a.statusTask(p),
		a.goroutinesTask(p),
		drain("results", p.boxes.results, p.js),
		drain("started events", p.boxes.starts, p.js),
		drain("observations", p.boxes.observations, p.js),
	)
	s.work = supervise.NewGroup(base, a.log, append(slices.Concat(a.connectionTasks(p), reports, a.inventoryTasks(p), a.klpTasks(p), p.updateTasks()),
		supervise.Task{Name: "commands", Policy: supervise.Fatal, Run: func(ctx context.Context) error {
			return p.commands.Perform(ctx, a.cfg.Grace)
		}},
	)...)
	s.admission = supervise.NewGroup(base, a.log,
		supervise.Task{Name: "admission", Run: func(ctx context.Context) error { return p.commands.Admit(ctx, p.arrivals) }},
	)
	err := p.live.Subscribe(s.arriving)
	if err != nil {
		err = fmt.Errorf("agent: %w", err)
	}
	s.intake = supervise.NewGroup(base, a.log, append(p.schedule.Tasks(),
		supervise.Task{Name: "groups", Run: p.live.Run},
		supervise.Task{Name: "replay", Run: p.replay.Run},
		supervise.Task{Name: "ready", Run: func(ctx context.Context) error { return a.announce(ctx, p) }},
	)...)
	return s, err
}

func drain(name string, box *outbox.Outbox, js JetStream) supervise.Task {
	return supervise.Task{Name: name, Run: func(ctx context.Context) error { return box.Drain(ctx, js) }}
}

// wait blocks until the run is to end, and returns why if that is a failure.
func (s *stages) wait(ctx context.Context, update <-chan error) error {
	select {
	case <-ctx.Done():
		return nil
	case err := <-s.work.Failed():
		return fmt.Errorf("agent: %w", err)
	case err := <-update:
		return fmt.Errorf("agent: %w", err)
	}
}

// flusher is the optional ability of a transport to wait until the broker has
// seen everything sent so far.
type flusher interface {
	Flush(ctx context.Context) error
}

// announce closes Ready once the broker knows the subscriptions.
func (a *Agent) announce(ctx context.Context, p *parts) error {
	for {
		connected, changed := p.transport.State()
		if connected && flush(ctx, p) == nil {
			close(a.ready)
			a.log.Info("agent takes commands")
			return nil
		}
		select {
		case <-ctx.Done():
			return nil
		case <-changed:
		case <-time.After(flushTimeout):
		}
	}
}

const flushTimeout = 5 * time.Second

func flush(ctx context.Context, p *parts) error {
	f, ok := p.transport.(flusher)
	if !ok {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, flushTimeout)
	defer cancel()
	return f.Flush(ctx)
}
