package intake

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/kanade-go/kanade/agent/internal/subscribed"
	"github.com/kanade-go/kanade/agent/wire"
	"github.com/kanade-go/kanade/retry"
)

// joined is the subscription of one group.
type joined struct {
	of    *subscribed.Subscription
	leave context.CancelFunc // ends the hand-over
}

// groupBackoff spaces the attempts to subscribe to groups.
var groupBackoff = retry.Backoff{Min: time.Second, Max: 30 * time.Second, Factor: 2, Jitter: 0.25}

// Run follows the host's groups until ctx ends: it subscribes to those that are
// joined and ends the subscriptions of those that are left. What the broker
// refuses it tries again. Subscribe comes before it.
func (l *Live) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	var healing sync.WaitGroup
	healing.Go(func() { _ = l.subs.Run(ctx) })
	defer healing.Wait()
	defer cancel()
	return l.follow(ctx)
}

func (l *Live) follow(ctx context.Context) error {
	for failures := 0; ; {
		groups, changed := l.Groups.ask()
		var again <-chan time.Time
		if err := l.join(ctx, groups); err == nil {
			failures = 0
		} else {
			failures++
			wait := groupBackoff.Jittered(failures)
			again = time.After(wait)
			l.Logger.Warn("a group could not be subscribed to and will be tried again", "error", err, "attempt", failures, "wait", wait)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-changed:
		case <-again:
		}
	}
}

// join makes groups the ones that are subscribed to. Groups that are not known
// change nothing.
func (l *Live) join(ctx context.Context, groups []string) error {
	if groups == nil {
		return nil
	}
	names, problem := usable(groups)
	l.report(problem)
	left := l.leave(names)
	fresh, err := l.openAll(names)
	l.settleIn(ctx, fresh)
	for _, g := range left {
		if err := g.of.Stop(); err != nil {
			l.Logger.Warn("the subscription of a group that was left has not ended in good order", "error", err)
		}
	}
	return err
}

// openAll subscribes to the groups that are not yet.
func (l *Live) openAll(names []string) (map[string]*joined, error) {
	fresh := make(map[string]*joined)
	var errs []error
	for _, name := range names {
		if l.has(name) {
			continue
		}
		g, err := l.open(name)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		fresh[name] = g
	}
	return fresh, errors.Join(errs...)
}

// settleIn makes fresh part of what is joined, when the broker knows of it, and
// tells of it: at the first time also of none.
func (l *Live) settleIn(ctx context.Context, fresh map[string]*joined) {
	if len(fresh) > 0 {
		if err := l.subs.Flush(ctx); err != nil {
			l.Logger.Debug("the broker has not confirmed the subscriptions of groups", "error", err)
		}
		l.Logger.Info("joined groups", "groups", slices.Sorted(maps.Keys(fresh)))
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(fresh) == 0 && l.known {
		return
	}
	l.known = true
	maps.Copy(l.groups, fresh)
	l.announce()
}

// report warns of a problem when it is another one than before.
func (l *Live) report(problem string) {
	if problem != "" && problem != l.problem {
		l.Logger.Warn("not every group of this host counts", "problem", problem)
	}
	l.problem = problem
}

func (l *Live) openGroup(ctx context.Context, group string) (*joined, error) {
	ctx, leave := context.WithCancel(ctx)
	s, err := l.subscribe(wire.CommandsGroup(group), pendingLive, func(m *nats.Msg) {
		if l.isMember(group) {
			l.receive(ctx, m)
		}
	})
	if err != nil {
		leave()
		return nil, err
	}
	return &joined{of: s, leave: leave}, nil
}

// isMember asks the groups themselves: Run may not have followed them yet.
func (l *Live) isMember(group string) bool {
	groups, _ := l.Groups.ask()
	return groups == nil || slices.Contains(groups, group)
}

func (l *Live) has(group string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.groups[group] != nil
}

// leave forgets the groups that are not in names, so that nothing of them is
// handed over any more, and returns them to be ended.
func (l *Live) leave(names []string) []*joined {
	l.mu.Lock()
	defer l.mu.Unlock()
	var left []*joined
	var gone []string
	for name, g := range l.groups {
		if _, stays := slices.BinarySearch(names, name); stays {
			continue
		}
		delete(l.groups, name)
		g.leave()
		left, gone = append(left, g), append(gone, name)
	}
	if len(left) > 0 {
		l.announce()
		slices.Sort(gone)
		l.Logger.Info("left groups", "groups", gone)
	}
	return left
}

// announce tells of a change; it is called with mu held.
func (l *Live) announce() {
	close(l.changed)
	l.changed = make(chan struct{})
}

// Joined is the Groups of a Replay: the groups of the host whose subscription
// stands; nil until the host's groups are known. A group is missing from the
// moment on when the host is not its member any more.
func (l *Live) Joined() (groups []string, changed <-chan struct{}) {
	members, _ := l.Groups.ask()
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.known {
		return nil, l.changed
	}
	groups = []string{}
	for name := range l.groups {
		if members == nil || slices.Contains(members, name) {
			groups = append(groups, name)
		}
	}
	slices.Sort(groups)
	return groups, l.changed
}
