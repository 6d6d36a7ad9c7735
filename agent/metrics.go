package agent

import (
	"time"

	"github.com/kanade-go/kanade/outbox"
)

// Kinds of a [Metric].
const (
	MetricCounter = "counter" // since the start of the run; only grows
	MetricGauge   = "gauge"
)

// Metric is one number that an agent knows of itself, for whatever collects such
// numbers. Its name begins with kanade_agent_, says its unit, and ends in _total if it
// is a counter; times are seconds since 1970, bools 0 and 1.
type Metric struct {
	Name   string
	Help   string // one line, the same for all of one name
	Kind   string // MetricCounter or MetricGauge
	Labels []MetricLabel
	Value  float64
}

// MetricLabel tells metrics of one name apart. Values are fixed words, but for those
// of kanade_agent_info.
type MetricLabel struct{ Name, Value string }

// Metrics may be called at any time, from any goroutine; it costs what [Agent.Status]
// does.
func (a *Agent) Metrics() []Metric { return a.Status().Metrics() }

// Metrics are the numbers of a status: at most a hundred, those of one name behind one
// another. Of an agent that does not run there are info and running only.
func (s Status) Metrics() []Metric {
	m := &metrics{}
	m.gauge("info", "Which agent this is; always 1.", 1, MetricLabel{"pc_id", s.ID}, MetricLabel{"version", s.Version})
	m.gauge("running", "The agent runs.", yes(s.Running))
	if !s.Running {
		return m.all
	}
	m.gauge("start_time_seconds", "When it was started.", seconds(s.StartedAt))
	m.gauge("ready", "It takes commands live.", yes(s.Ready))
	m.gauge("problems", "What keeps it from doing all of its work; see kanade-agent status.", float64(len(s.Problems())))
	m.connection(s)
	m.commands(s.Commands)
	m.ledger(s.Ledger)
	m.boxes(s)
	m.schedules(s.Schedules)
	m.scripts(s.Scripts)
	m.updates(s.Updates, s.Version)
	m.counter("log_lines_dropped_total", "Lines that are missing in the log.", float64(s.LogLinesDropped))
	return m.all
}

type metrics struct{ all []Metric }

func (m *metrics) gauge(name, help string, v float64, labels ...MetricLabel) {
	m.all = append(m.all, Metric{Name: "kanade_agent_" + name, Help: help, Kind: MetricGauge, Labels: labels, Value: v})
}

func (m *metrics) counter(name, help string, v float64, labels ...MetricLabel) {
	m.all = append(m.all, Metric{Name: "kanade_agent_" + name, Help: help, Kind: MetricCounter, Labels: labels, Value: v})
}

func yes(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// seconds is zero for no time.
func seconds(t time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return float64(t.UnixMilli()) / 1000
}

func (m *metrics) connection(s Status) {
	m.gauge("connected", "It is connected to a broker.", yes(s.Connected))
	m.gauge("connected_changed_time_seconds", "Since when it is, or is not.", seconds(s.Since))
	waiting, stale := 0, 0
	for _, r := range s.Resources {
		if !r.WaitingSince.IsZero() {
			waiting++
		}
	}
	for _, scope := range s.Settings {
		if !scope.StaleSince.IsZero() {
			stale++
		}
	}
	m.gauge("resources_waiting", "Streams, consumers and buckets of the broker that it waits for.", float64(waiting))
	m.gauge("settings_stale", "Scopes of settings of which the broker may know better.", float64(stale))
}

func (m *metrics) commands(c CommandStatus) {
	m.gauge("commands_waiting", "Commands that were accepted and not started.", float64(c.Waiting))
	m.gauge("commands_running", "Commands that run.", float64(c.Running))
	m.gauge("commands_at_once", "How many may run at once.", float64(c.AtOnce))
	m.gauge("commands_blocked", "Nothing starts: there is no room for results.", yes(c.Blocked))
	m.counter("commands_received_total", "Copies of commands that came in, live and replayed.", float64(c.Received))
	const help = "Copies of commands that were not taken, by why."
	for _, r := range []struct {
		reason string
		n      uint64
	}{
		{"duplicate", c.Duplicates},
		{"conflict", c.Conflicts},
		{"refused", c.Refused},
		{"unreadable", c.Unreadable},
		{"unrecorded", c.Unrecorded},
		{"dropped", uint64(max(c.Dropped, 0))},
	} {
		m.counter("commands_not_taken_total", help, float64(r.n), MetricLabel{"reason", r.reason})
	}
}

func (m *metrics) ledger(l LedgerStatus) {
	m.gauge("ledger_writable", "The last attempt to write the ledger went well.", yes(l.Writable))
	const help = "Commands in the ledger, by state."
	m.gauge("ledger_commands", help, float64(l.Accepted), MetricLabel{"state", "accepted"})
	m.gauge("ledger_commands", help, float64(l.Started), MetricLabel{"state", "started"})
	m.gauge("ledger_commands", help, float64(l.Finished), MetricLabel{"state", "finished"})
}

// boxMetrics are those of each outbox.
var boxMetrics = []struct {
	name, help, kind string
	value            func(outbox.Stats) float64
}{
	{"outbox_pending", "Records on disk that are to be delivered.", MetricGauge, func(s outbox.Stats) float64 { return float64(s.Pending) }},
	{"outbox_pending_bytes", "Their size.", MetricGauge, func(s outbox.Stats) float64 { return float64(s.Bytes) }},
	{"outbox_oldest_time_seconds", "When the oldest of them was stored; 0: there is none.", MetricGauge, func(s outbox.Stats) float64 { return seconds(s.Oldest) }},
	{"outbox_stuck", "Records that the broker refuses, or that are damaged.", MetricGauge, func(s outbox.Stats) float64 { return float64(s.Stuck) }},
	{"outbox_stored_total", "Records that were stored.", MetricCounter, func(s outbox.Stats) float64 { return float64(s.Put) }},
	{"outbox_delivered_total", "Records that the broker has acknowledged.", MetricCounter, func(s outbox.Stats) float64 { return float64(s.Sent) }},
	{"outbox_failures_total", "Deliveries that failed while connected.", MetricCounter, func(s outbox.Stats) float64 { return float64(s.Failed) }},
	{"outbox_dropped_total", "Records that were deleted to make room.", MetricCounter, func(s outbox.Stats) float64 { return float64(s.Dropped) }},
	{"outbox_rejected_total", "Records that found no room.", MetricCounter, func(s outbox.Stats) float64 { return float64(s.Rejected) }},
}

func (m *metrics) boxes(s Status) {
	boxes := Boxes("")
	for _, b := range boxMetrics {
		for i, stats := range []outbox.Stats{s.Results, s.Starts, s.Observations, s.Inventory.Box} {
			m.all = append(m.all, Metric{
				Name: "kanade_agent_" + b.name, Help: b.help, Kind: b.kind, Value: b.value(stats), Labels: []MetricLabel{{"box", boxes[i].Name}},
			})
		}
	}
}

func (m *metrics) schedules(s ScheduleStatus) {
	m.gauge("schedules_armed", "Schedules that this host fires itself.", float64(s.Armed))
	m.gauge("schedules_running", "Those of them that have a run under way.", float64(s.Running))
	m.counter("schedules_fired_total", "Runs that were handed over.", float64(s.Fired))
	m.counter("schedules_missed_total", "Runs that were missed while the agent did not run.", float64(s.Missed))
}

func (m *metrics) scripts(s ScriptStatus) {
	m.gauge("script_cache_bytes", "Script objects on disk.", float64(s.Bytes))
	m.counter("script_fetches_total", "Script objects that were fetched.", float64(s.Fetched))
	m.counter("script_refusals_total", "Script objects that were missing, too large, or not what was asked for.", float64(s.Refused))
}

func (m *metrics) updates(u *UpdateStatus, running string) {
	if u == nil {
		return
	}
	const help = "What an update is at; 1 for one of them."
	for _, phase := range []string{"idle", "preparing", "waiting", "swap", "probation", "rollback", "blocked"} {
		m.gauge("update_phase", help, yes(u.Phase == phase), MetricLabel{"phase", phase})
	}
	m.gauge("update_quarantined", "Versions that are not tried again on this host.", float64(len(u.Quarantined(running))))
	if u.LastRollback != nil {
		m.gauge("update_rolled_back_time_seconds", "When a release was taken back last.", seconds(u.LastRollback.At))
	}
}
