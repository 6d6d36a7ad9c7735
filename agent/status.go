package agent

import (
	"time"

	"github.com/kanade-go/kanade/agent/internal/command"
	"github.com/kanade-go/kanade/outbox"
)

// Status is a snapshot of a running agent. Before Run and after its end only
// ID and Version are set.
type Status struct {
	ID      string `json:"id"`
	Version string `json:"version"`
	Running bool   `json:"running"`

	Connected bool      `json:"connected"`
	Since     time.Time `json:"since,omitzero"` // of Connected

	Commands     CommandStatus `json:"commands"`
	Results      outbox.Stats  `json:"results"`
	Starts       outbox.Stats  `json:"starts"`       // started events
	Observations outbox.Stats  `json:"observations"` // what scripts report, and the agent itself
}

// CommandStatus counts commands: those on their way now, and those of each kind
// since the start.
type CommandStatus struct {
	Waiting    int    `json:"waiting"` // accepted, not started
	Running    int    `json:"running"`
	Received   uint64 `json:"received"`   // copies that came in, live and replayed
	Duplicates uint64 `json:"duplicates"` // copies of known commands
	Conflicts  uint64 `json:"conflicts"`  // other commands under a known request ID
	Refused    uint64 `json:"refused"`    // by the Verifier
	Unreadable uint64 `json:"unreadable"` // dropped: not even a request ID
	Unrecorded uint64 `json:"unrecorded"` // turned away: the ledger could not be written
	Dropped    int    `json:"dropped"`    // lost in a burst before they could be taken
}

// Status may be called at any time, from any goroutine.
func (a *Agent) Status() Status {
	a.mu.Lock()
	defer a.mu.Unlock()
	s := Status{ID: a.cfg.ID, Version: a.cfg.Version}
	if a.parts == nil {
		return s
	}
	s.Running = true
	s.Connected, s.Since = a.parts.link.Since()
	s.Commands = commandStatus(a.parts.commands.Status())
	s.Commands.Dropped = a.parts.live.Dropped()
	s.Results = a.parts.boxes.results.Stats()
	s.Starts = a.parts.boxes.starts.Stats()
	s.Observations = a.parts.boxes.observations.Stats()
	return s
}

func commandStatus(s command.Status) CommandStatus {
	return CommandStatus{
		Waiting: s.Waiting, Running: s.Running, Received: s.Received, Duplicates: s.Duplicates,
		Conflicts: s.Conflicts, Refused: s.Refused, Unreadable: s.Unreadable, Unrecorded: s.Unrecorded,
	}
}

func (a *Agent) publish(p *parts) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.parts = p
}
