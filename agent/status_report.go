package agent

import (
	"strings"
	"time"

	"github.com/kanade-go/kanade/agent/internal/command"
	"github.com/kanade-go/kanade/agent/internal/health"
	"github.com/kanade-go/kanade/agent/internal/natskit"
	"github.com/kanade-go/kanade/agent/internal/scripts"
)

// report is what only Status needs.
type report struct {
	started time.Time
	board   *health.Board
	denials *denialNotes
	running *runningCommands
	scopes  func() []ScopeStatus // nil: no settings
	scripts func() scripts.Status
}

func (a *Agent) newReport() report {
	board := health.NewBoard(a.opts.now)
	return report{started: a.opts.now(), board: board, denials: newDenialNotes(board), running: newRunningCommands(a.opts.now)}
}

func serverNames(servers []string) []string {
	var names []string
	for _, s := range servers {
		if !strings.Contains(s, "://") {
			s = "nats://" + s
		}
		names = append(names, natskit.ServerName(s))
	}
	return names
}

// connectionResources are what a connection of our own tells: why it is not there, and
// that it is not heard as a whole.
func (p *parts) connectionResources(since time.Time) (found []Resource) {
	if p.own == nil {
		return nil
	}
	if err := p.own.LastFailure(); err != nil {
		found = append(found, failedResource(connectionName, since, err))
	}
	if since, err := p.own.Crowded(); err != nil {
		found = append(found, failedResource(subscriptionsName, since, err))
	}
	return found
}

func failedResource(name string, since time.Time, err error) Resource {
	return Resource{
		Name: name, WaitingSince: utc(since),
		Error: health.Line(err.Error(), health.MaxError), Reason: string(health.ReasonOf(err)),
	}
}

func ledgerStatus(counts command.Counts, failure command.Failure) LedgerStatus {
	s := LedgerStatus{Writable: true, Accepted: counts.Accepted, Started: counts.Started, Finished: counts.Finished}
	if failure.Err != nil {
		s.Writable, s.Error, s.Since = false, health.Line(failure.Err.Error(), health.MaxError), utc(failure.Since)
	}
	return s
}

func resources(board *health.Board) (all []Resource, missed uint64) {
	for _, r := range board.Resources() {
		all = append(all, Resource{
			Name: r.Name, WaitingSince: utc(r.Waiting), Attempts: r.Attempts,
			Error: r.Error, Reason: string(r.Reason), ErrorAt: utc(r.Failed), FineSince: utc(r.Fine),
		})
	}
	return all, board.Missed()
}

// utc is a time for others: without the monotonic clock and without more digits
// than anybody reads.
func utc(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return t.UTC().Truncate(time.Millisecond)
}

func isClosed(ch <-chan struct{}) bool {
	select {
	case <-ch:
		return true
	default:
		return false
	}
}
