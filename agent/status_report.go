package agent

import (
	"context"
	"strings"
	"sync"
	"time"

	"github.com/kanade-go/kanade/agent/internal/command"
	"github.com/kanade-go/kanade/agent/internal/health"
	"github.com/kanade-go/kanade/agent/internal/natskit"
	"github.com/kanade-go/kanade/agent/internal/supervise"
	"github.com/kanade-go/kanade/retry"
)

// report is what only Status needs.
type report struct {
	started time.Time
	board   *health.Board
	running *runningCommands
	scopes  func() []ScopeStatus // nil: no settings
}

func (a *Agent) newReport() report {
	return report{started: a.opts.now(), board: health.NewBoard(a.opts.now), running: newRunningCommands(a.opts.now)}
}

// server asks only a connection that is up: one that dials holds the lock behind
// the answer for seconds.
func (a *Agent) server(p *parts, connected bool) string {
	nc := a.opts.conn
	if p.own != nil {
		nc = p.own.Conn
	}
	if nc == nil || !connected {
		return ""
	}
	return natskit.ServerName(nc.ConnectedUrl())
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

// connectionFailure is why a connection of our own is not there.
func (p *parts) connectionFailure(since time.Time) []Resource {
	if p.own == nil {
		return nil
	}
	err := p.own.LastFailure()
	if err == nil {
		return nil
	}
	return []Resource{{
		Name: connectionName, WaitingSince: since,
		Error: health.Line(err.Error(), health.MaxError), Reason: string(health.ReasonOf(err)),
	}}
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

// denials is an ability of retry.FromNATS's transport.
type denials interface {
	OnDenied(h func(retry.Denial)) (stop func())
}

// denialsTask keeps which subjects the broker refuses, from this call on. Nothing
// says when it does not any more: a permission that is granted while the connection
// stays up is listed as refused until the connection is made anew.
func (p *parts) denialsTask() supervise.Task {
	noted := &denialNotes{board: p.report.board, names: make(map[string]bool)}
	stop := func() {}
	if t, ok := p.transport.(denials); ok {
		stop = t.OnDenied(noted.add)
	}
	return supervise.Task{Name: "refused subjects", Run: func(ctx context.Context) error {
		defer stop()
		noted.follow(ctx, p.transport)
		return nil
	}}
}

// follow forgets what was refused when the connection is lost.
func (n *denialNotes) follow(ctx context.Context, t retry.Transport) {
	for was := false; ; {
		connected, changed := t.State()
		if was && !connected {
			n.forget()
		}
		was = connected
		select {
		case <-ctx.Done():
			return
		case <-changed:
		}
	}
}

type denialNotes struct {
	board *health.Board
	mu    sync.Mutex
	names map[string]bool
}

func (n *denialNotes) add(d retry.Denial) {
	name := denialName(d)
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.names[name] || len(n.names) < health.MaxResources/2 { // the rest is for what is waited for
		n.names[name] = true
		n.board.Note(name, d.Err)
	}
}

func (n *denialNotes) forget() {
	n.mu.Lock()
	defer n.mu.Unlock()
	for name := range n.names {
		n.board.Forget(name)
	}
	clear(n.names)
}

// denialName: the subjects of answers are different each time.
func denialName(d retry.Denial) string {
	subject := d.Subject
	if strings.HasPrefix(subject, "_INBOX.") {
		subject = "_INBOX.>"
	}
	if d.Subscribe {
		return "permission to subscribe to " + subject
	}
	return "permission to publish to " + subject
}
