package agent

import (
	"context"
	"strings"
	"sync"
	"time"

	"github.com/kanade-go/kanade/agent/internal/health"
	"github.com/kanade-go/kanade/agent/internal/supervise"
	"github.com/kanade-go/kanade/agent/wire"
	"github.com/kanade-go/kanade/retry"
)

// denials is an ability of retry.FromNATS's transport.
type denials interface {
	OnDenied(h func(retry.Denial)) (stop func())
}

// hearDenials keeps which subjects the broker refuses, from before the first is asked
// for.
func (a *Agent) hearDenials(p *parts) error {
	if t, ok := p.transport.(denials); ok {
		p.unhear = sync.OnceFunc(t.OnDenied(p.report.denials.add))
	}
	return nil
}

// denialsTask ends reports: when the connection is lost; when a subscription that was
// made anew stands; and, of what is only heard of by trying, when no try was refused
// for longer than the agent leaves between two.
func (p *parts) denialsTask() supervise.Task {
	return supervise.Task{Name: "refused subjects", Run: func(ctx context.Context) error {
		p.report.denials.follow(ctx, p.transport)
		return nil
	}}
}

// denialNotes are the reports of refused subjects on the board.
type denialNotes struct {
	board *health.Board
	mu    sync.Mutex
	names map[string]time.Time // to when it was refused last
	wake  chan struct{}        // holds one signal
}

func newDenialNotes(board *health.Board) *denialNotes {
	return &denialNotes{board: board, names: make(map[string]time.Time), wake: make(chan struct{}, 1)}
}

func (n *denialNotes) add(d retry.Denial) {
	name := denialName(d)
	n.mu.Lock()
	defer n.mu.Unlock()
	if _, known := n.names[name]; !known && len(n.names) >= health.MaxResources/2 {
		return // the rest is for what is waited for
	}
	n.names[name] = time.Now()
	if isDispensable(d) {
		n.board.Note(name, d.Err)
	} else {
		n.board.Problem(name, d.Err)
	}
	select {
	case n.wake <- struct{}{}:
	default:
	}
}

// settled ends the report of a subscription.
func (n *denialNotes) settled(subject string) {
	n.forget(func(name string, _ time.Time) bool { return name == subscribeTo+subject })
}

// follow ends reports until ctx does.
func (n *denialNotes) follow(ctx context.Context, t retry.Transport) {
	for was := false; ; {
		connected, changed := t.State()
		if was && !connected {
			n.forget(func(string, time.Time) bool { return true })
		}
		was = connected
		n.forget(func(name string, at time.Time) bool { return isTriedAgain(name) && time.Since(at) >= denialMemory })
		select {
		case <-ctx.Done():
			return
		case <-changed:
		case <-n.wake:
		case <-n.nextEnd():
		}
	}
}

// isDispensable: the work goes on without it. What is asked of the broker's own
// services ($JS, $KV) is asked in another way, or waited for under its own name; a
// role may allow execution IDs of one token only; and roles of fleets whose agents
// publish no inventory allow none.
func isDispensable(d retry.Denial) bool {
	return strings.HasPrefix(d.Subject, "$") || wire.IsInventory(d.Subject) || d.Subscribe && d.Subject == wire.KillFilters()[1]
}

// denialMemory is longer than the agent leaves between two tries of a subject:
// 10 minutes for the reads and the hints of buckets, less for all else.
const denialMemory = 15 * time.Minute

// isTriedAgain: a publish is refused each time, and the subjects of the broker's
// own services are subscribed to anew.
func isTriedAgain(name string) bool {
	subject, isSubscription := strings.CutPrefix(name, subscribeTo)
	return !isSubscription || strings.HasPrefix(subject, "$")
}

// nextEnd fires when the first report is old enough; nil: there is none.
func (n *denialNotes) nextEnd() <-chan time.Time {
	n.mu.Lock()
	defer n.mu.Unlock()
	var first time.Time
	for name, at := range n.names {
		if isTriedAgain(name) && (first.IsZero() || at.Before(first)) {
			first = at
		}
	}
	if first.IsZero() {
		return nil
	}
	return time.After(time.Until(first.Add(denialMemory)))
}

func (n *denialNotes) forget(which func(name string, at time.Time) bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for name, at := range n.names {
		if which(name, at) {
			n.board.Forget(name)
			delete(n.names, name)
		}
	}
}

const (
	subscribeTo = "permission to subscribe to "
	publishTo   = "permission to publish to "
)

// denialName: the subjects of answers are different each time.
func denialName(d retry.Denial) string {
	subject := d.Subject
	for _, each := range []string{"_INBOX.", "$JS.ACK."} {
		if strings.HasPrefix(subject, each) {
			subject = each + ">"
		}
	}
	if d.Subscribe {
		return subscribeTo + subject
	}
	return publishTo + subject
}
