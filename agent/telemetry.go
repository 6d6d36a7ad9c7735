package agent

import (
	"context"
	"time"

	logtail "github.com/kanade-go/kanade/agent/internal/logs"
	"github.com/kanade-go/kanade/agent/internal/supervise"
	"github.com/kanade-go/kanade/agent/internal/telemetry"
	"github.com/kanade-go/kanade/agent/wire"
)

// answerPings starts the answers to pings. They need nothing of the disk, so that a
// slow one does not make a host look dead.
func (a *Agent) answerPings(ctx context.Context) func(*parts) error {
	return func(p *parts) error {
		if a.opts.hostless {
			return nil
		}
		p.telemetry = a.newTelemetry(p)
		p.pings = supervise.NewGroup(context.WithoutCancel(ctx), a.log, p.telemetry.Answers()...)
		p.letConnect(ctx)
		return nil
	}
}

// connectFirst is how long the disk waits for the broker at the start. On a machine that
// is busy both take longer when they come at once, and the broker is there in a few
// milliseconds, or not.
const connectFirst = 10 * time.Millisecond

func (p *parts) letConnect(ctx context.Context) {
	connected, changed := p.transport.State()
	if connected {
		return
	}
	late := time.NewTimer(connectFirst)
	defer late.Stop()
	select {
	case <-changed:
	case <-late.C:
	case <-ctx.Done():
	}
}

// newTelemetry is told of the other parts, which are not there yet: its answers do
// without them.
func (a *Agent) newTelemetry(p *parts) *telemetry.Service {
	return telemetry.New(telemetry.Config{
		PCID: a.cfg.ID, Version: a.cfg.Version, Transport: p.transport, Beat: p.beat, Logger: a.log.With("component", "telemetry"),
		Settings: p.currentSettings, Settled: p.report.denials.settled,
		Complete: func(h *wire.Heartbeat) {
			p.updates.beats.Add(1)
			h.QuarantinedVersions = p.quarantined(a.cfg.Version)
			if a.opts.verifier != nil { // only it knows
				h.CommandKeys, h.Enforcing = nil, nil
			}
		},
	})
}

// telemetryTasks are what tells the fleet about this host: reports are heartbeats and
// load, answers the end of the log and of what runs.
func (a *Agent) telemetryTasks(p *parts) (reports, answers []supervise.Task) {
	if p.telemetry == nil {
		return nil, nil
	}
	tail := logtail.New(logtail.Config{
		PCID: a.cfg.ID, File: a.logFile(), Transport: p.transport, Settled: p.report.denials.settled, Logger: a.log.With("component", "logs"),
	})
	return p.telemetry.Tasks(), []supervise.Task{{Name: "log requests", Run: tail.Run}, a.jobTailTask(p)}
}

// logFile is empty where no log is kept.
func (a *Agent) logFile() string {
	if a.cfg.LogKeepDays == 0 {
		return ""
	}
	return a.cfg.LogFile
}
