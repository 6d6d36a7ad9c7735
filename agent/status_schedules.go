package agent

import (
	"time"

	"github.com/kanade-go/kanade/agent/internal/schedule"
)

// ScheduleStatus is the state of the schedules that this host fires itself.
type ScheduleStatus struct {
	Armed   int       `json:"armed"`         // for this host
	Running int       `json:"running"`       // of them have a run under way
	Next    time.Time `json:"next,omitzero"` // when the next is due, by the host's clock; zero: never
	// StaleSince is since when the broker may know better; zero: they are fresh.
	StaleSince time.Time `json:"stale_since,omitzero"`

	// Since the start: handed over, ended with exit code 0, or with another, passed
	// over because the last run was under way, missed while the agent did not run,
	// and passed over for another reason.
	Fired      uint64 `json:"fired"`
	Succeeded  uint64 `json:"succeeded"`
	Failed     uint64 `json:"failed"`
	Overlapped uint64 `json:"overlapped"`
	Missed     uint64 `json:"missed"`
	Passed     uint64 `json:"passed"`

	Problems []string `json:"problems,omitempty"` // that last, at most 16
}

func scheduleStatus(s schedule.Status) ScheduleStatus {
	return ScheduleStatus{
		Armed: s.Armed, Running: s.Running, Next: utc(s.Next), StaleSince: utc(s.Stale), Problems: s.Problems,
		Fired: s.Fired, Succeeded: s.Succeeded, Failed: s.Failed, Overlapped: s.Overlapped, Missed: s.Missed, Passed: s.Passed,
	}
}
