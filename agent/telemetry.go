package agent

import (
	logtail "github.com/kanade-go/kanade/agent/internal/logs"
	"github.com/kanade-go/kanade/agent/internal/supervise"
	"github.com/kanade-go/kanade/agent/internal/telemetry"
	"github.com/kanade-go/kanade/agent/wire"
)

// telemetryTasks are what tells the fleet about this host: reports are heartbeats and
// load, answers are those to pings, and the end of the log and of what runs.
func (a *Agent) telemetryTasks(p *parts) (reports, answers []supervise.Task) {
	if a.opts.hostless {
		return nil, nil
	}
	host := telemetry.New(telemetry.Config{
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
	file := a.cfg.LogFile
	if a.cfg.LogKeepDays == 0 {
		file = ""
	}
	tail := logtail.New(logtail.Config{
		PCID: a.cfg.ID, File: file, Transport: p.transport, Settled: p.report.denials.settled, Logger: a.log.With("component", "logs"),
	})
	return host.Tasks(), append(host.Answers(), supervise.Task{Name: "log requests", Run: tail.Run}, a.jobTailTask(p))
}
