package agent

import (
	"os"
	"time"

	"github.com/kanade-go/kanade/agent/internal/command"
	"github.com/kanade-go/kanade/outbox"
)

// Status is a snapshot of a running agent. Before Run and after its end only
// ID and Version are set. Its JSON form is stable: keys are added and not
// changed, and those that have no value may be absent. Times are in UTC.
type Status struct {
	ID      string `json:"id"`
	Version string `json:"version"`
	Running bool   `json:"running"`

	PID       int       `json:"pid,omitempty"`
	StartedAt time.Time `json:"started_at,omitzero"`
	At        time.Time `json:"at,omitzero"` // of this snapshot
	Ready     bool      `json:"ready"`       // as [Agent.Ready]: what is sent is taken live

	Connected bool      `json:"connected"`
	Since     time.Time `json:"since,omitzero"`    // of Connected, whether true or false
	Server    string    `json:"server,omitempty"`  // connected to, without what is secret
	Servers   []string  `json:"servers,omitempty"` // configured, without what is secret

	Commands CommandStatus `json:"commands"`
	Ledger   LedgerStatus  `json:"ledger"`

	Scripts   ScriptStatus   `json:"scripts,omitzero"`
	Schedules ScheduleStatus `json:"schedules"`

	Results      outbox.Stats `json:"results"`
	Starts       outbox.Stats `json:"starts"`       // started events
	Observations outbox.Stats `json:"observations"` // what scripts report, and the agent itself

	Inventory InventoryStatus `json:"inventory,omitzero"` // with [WithInventory]

	Updates *UpdateStatus `json:"updates,omitempty"` // with [WithUpdater]

	// Resources are what the agent needs of the broker: first what is waited for,
	// the longest wait before the others. At most 64.
	Resources []Resource `json:"resources,omitempty"`
	// Unlisted counts reports about resources that found Resources full.
	Unlisted uint64 `json:"unlisted,omitempty"`
	// Settings are the scopes of settings and the other buckets that are watched.
	Settings []ScopeStatus `json:"settings,omitempty"`

	// LogLinesDropped are missing in the log since the start: its disk was too slow, or
	// could not be written. Zero where the logger's handler has no method
	// DroppedLines() uint64 that counts them.
	LogLinesDropped uint64 `json:"log_lines_dropped,omitempty"`
}

// CommandStatus counts commands: those on their way now, and those of each kind
// since the start.
type CommandStatus struct {
	Waiting    int    `json:"waiting"` // accepted, not started
	Running    int    `json:"running"`
	AtOnce     int    `json:"at_once"`    // may run
	Received   uint64 `json:"received"`   // copies that came in, live and replayed
	Duplicates uint64 `json:"duplicates"` // copies of known commands
	Conflicts  uint64 `json:"conflicts"`  // other commands under a known request ID
	Refused    uint64 `json:"refused"`    // by the Verifier
	Unreadable uint64 `json:"unreadable"` // dropped: not even a request ID
	Unrecorded uint64 `json:"unrecorded"` // turned away: the ledger could not be written
	Dropped    int    `json:"dropped"`    // lost in a burst before they could be taken

	// Blocked: nothing starts, because its start or the room for its result cannot
	// be stored.
	Blocked bool `json:"blocked,omitempty"`
	// Runs are those that run, the oldest first, at most 100 of them.
	Runs []RunningCommand `json:"runs,omitempty"`
}

// RunningCommand is a command that runs.
type RunningCommand struct {
	ID        string    `json:"id"` // of the job
	RequestID string    `json:"request_id"`
	Shell     string    `json:"shell"` // or the name of a handler
	Since     time.Time `json:"since"`
}

// LedgerStatus is the state of the ledger.
type LedgerStatus struct {
	// Writable: the last attempt to write it went well.
	Writable bool      `json:"writable"`
	Error    string    `json:"error,omitempty"` // why it is not
	Since    time.Time `json:"since,omitzero"`  // it is not

	Accepted int `json:"accepted"` // commands that are to run, or to be answered
	Started  int `json:"started"`
	Finished int `json:"finished"` // remembered for 8 days
}

// Resource is one thing that the agent needs of the broker, such as
// "stream EXEC", "consumer EXEC/agent_replay_pc-1" or "kv agent_config".
type Resource struct {
	Name string `json:"name"`
	// WaitingSince is when the wait for it began; zero: it is not waited for.
	WaitingSince time.Time `json:"waiting_since,omitzero"`
	Attempts     int       `json:"attempts,omitempty"` // that failed since then
	// Error is the last one, at ErrorAt, also if the resource is fine again. It is
	// one line of at most 300 bytes. Reason is its kind: "missing", "denied",
	// "no-answer", or empty.
	Error   string    `json:"error,omitempty"`
	Reason  string    `json:"reason,omitempty"`
	ErrorAt time.Time `json:"error_at,omitzero"`
	// FineSince is when it was found, or fine again; zero: it is not fine.
	FineSince time.Time `json:"fine_since,omitzero"`
}

// ScopeStatus is a scope of settings, such as "global", or a bucket that is
// watched as a whole, such as "script_status".
type ScopeStatus struct {
	Scope    string `json:"scope"`
	Revision uint64 `json:"revision"`
	// StaleSince is since when the broker may know better; zero: it is fresh.
	StaleSince time.Time `json:"stale_since,omitzero"`

	// MissingSince is since when the broker has no such bucket, which is as good as an
	// empty one; zero: it has, or nobody knows.
	MissingSince time.Time `json:"missing_since,omitzero"`
	// Unreadable is why a bucket that may be there cannot be read; empty: it can, or
	// it is not there.
	Unreadable string `json:"unreadable,omitempty"`
	// Failure is why a bucket does not count as it should although it can be read: it
	// holds too much, or too many of its revocations are gone.
	Failure string `json:"failure,omitempty"`
	// Problems are what somebody has to mend in a bucket, Failure among it: at most 6
	// lines of at most 300 bytes, as Unreadable and Failure are.
	Problems []string `json:"problems,omitempty"`
}

// Status may be called at any time, from any goroutine.
func (a *Agent) Status() Status {
	s := Status{ID: a.cfg.ID, Version: a.cfg.Version}
	p := a.running()
	if p == nil {
		return s
	}
	s.Running, s.PID, s.StartedAt, s.At = true, os.Getpid(), utc(p.report.started), utc(a.opts.now())
	s.Ready = isClosed(a.ready)
	s.Connected, s.Since = p.link.Since()
	s.Since = utc(s.Since)
	s.Server, s.Servers = p.link.Server(), serverNames(a.cfg.Servers)
	s.Commands = commandStatus(p.commands.Status())
	s.Commands.Dropped = p.live.Dropped()
	s.Commands.Blocked, s.Commands.Runs = p.commands.Blocked(), p.report.running.list()
	s.Ledger = ledgerStatus(p.commands.Status().Ledger, p.ledger.Failure())
	s.Scripts = scriptStatus(p.report.scripts())
	s.Schedules = scheduleStatus(p.schedule.Status())
	s.Results = p.boxes.results.Stats()
	s.Starts = p.boxes.starts.Stats()
	s.Observations = p.boxes.observations.Stats()
	s.Inventory = p.inventoryStatus()
	s.Updates = p.updateStatus()
	s.Resources, s.Unlisted = resources(p.report.board)
	s.Resources = append(p.connectionResources(s.Since), s.Resources...)
	if p.report.scopes != nil {
		s.Settings = p.report.scopes()
	}
	s.LogLinesDropped = a.droppedLogLines()
	return s
}

func commandStatus(s command.Status) CommandStatus {
	return CommandStatus{
		Waiting: s.Waiting, Running: s.Running, AtOnce: s.AtOnce, Received: s.Received, Duplicates: s.Duplicates,
		Conflicts: s.Conflicts, Refused: s.Refused, Unreadable: s.Unreadable, Unrecorded: s.Unrecorded,
	}
}

func (a *Agent) publish(p *parts) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.parts = p
}

// running returns the parts of the run under way, or nil.
func (a *Agent) running() *parts {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.parts
}
