package intake

import (
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/kanade-go/kanade/agent/wire"
)

// joins are the groups whose newest command is still to be read: those that the
// consumer has taken in while it stood, and those of which a command was let go
// because the host was not their member, when it is one again. The zero value is
// ready, but wakes nobody.
type joins struct {
	mu       sync.Mutex
	stands   bool     // there is a consumer, or there may be one: commands have passed it
	behind   bool     // it goes on with filters that the server does not change
	taken    []string // its filters that matter
	recalled []string // what an earlier run has taken in and not read
	asked    []string // what it is to have next
	unread   []string // of these, what is not read yet
	due      []string // of these, what the consumer has taken in
	owed     []string // let go of since they were read last; the oldest first
	since    map[string]time.Time
	wake     chan struct{} // holds one signal
	changed  chan struct{} // closed when the consumer is to be another; nil: nobody asks
}

// maxOwed bounds the groups that a host was never in, and whose commands the
// consumer of another release, which takes every one, has brought here.
const maxOwed = 4 * MaxGroups

// begin takes over what an earlier run has left of the consumer; nil: there is none.
// One that is made anew starts with the newest command of each subject.
func (j *joins) begin(left *remains) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.stands, j.taken, j.recalled = left != nil, nil, nil
	if left != nil {
		j.taken, j.recalled = left.filters, left.unread
	}
	j.unread, j.due = nil, nil
}

// note keeps since when the host is in each group: put is when its groups were written
// last, and those that it has already stay as old as they are.
func (j *joins) note(groups []string, put time.Time) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.since == nil {
		j.since = make(map[string]time.Time)
	}
	maps.DeleteFunc(j.since, func(g string, _ time.Time) bool { return !slices.Contains(groups, g) })
	for _, g := range groups {
		if known := j.since[g]; known.IsZero() || !put.IsZero() && put.Before(known) {
			j.since[g] = put
		}
	}
}

// memberSince is zero for a group that the host is not in, or nobody knows since when.
func (j *joins) memberSince(group string) time.Time {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.since[group]
}

// ask notes the groups that the consumer is to have next, and returns those of them
// whose newest command is to be read then. A consumer that does not stand is made with
// the first that are asked for; the answer to that may be lost.
func (j *joins) ask(groups []string) (unread []string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if !j.stands {
		j.stands, j.taken = true, subjects(groups)
	}
	j.asked = groups
	var next []string
	for _, g := range groups {
		if slices.Contains(j.unread, g) || slices.Contains(j.recalled, g) || !takes(j.taken, g) {
			next = append(next, g)
		}
	}
	j.unread = next
	return slices.Clone(next)
}

// takeIn notes that the consumer stands with what was asked for last.
func (j *joins) takeIn() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.due = slices.DeleteFunc(j.due, func(g string) bool { return !slices.Contains(j.asked, g) })
	for _, g := range j.unread {
		fresh := slices.Contains(j.recalled, g) || !takes(j.taken, g)
		if fresh && !slices.Contains(j.due, g) {
			j.due = append(j.due, g)
		}
	}
	j.stands, j.behind, j.taken, j.recalled = true, false, subjects(j.asked), nil
	j.signal()
}

// goOn notes that a consumer that stood before goes on with what it had: what it is
// given in the end comes after the commands that have passed it meanwhile.
func (j *joins) goOn() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.behind = true
}

// has reports that the consumer brings the commands of a group, and will not any more
// when it has followed the host out of it.
func (j *joins) has(group string) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return !j.behind && takes(j.taken, group)
}

// owe notes that a command of a group was let go.
func (j *joins) owe(group string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.owed = append(slices.DeleteFunc(j.owed, func(g string) bool { return g == group }), group)
	j.owed = j.owed[max(len(j.owed)-maxOwed, 0):]
	j.signal()
}

// signal is called with mu held.
func (j *joins) signal() {
	select {
	case j.wake <- struct{}{}:
	default:
	}
}

// next returns a group to read, if there is one. What is owed to a group that the
// host is not in waits.
func (j *joins) next(members []string) (group string, ok bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if len(j.due) > 0 {
		group, j.due = j.due[0], j.due[1:]
	} else if i := slices.IndexFunc(j.owed, func(g string) bool { return slices.Contains(members, g) }); i >= 0 {
		group = j.owed[i]
	} else {
		return "", false
	}
	j.owed = slices.DeleteFunc(j.owed, func(g string) bool { return g == group })
	return group, true
}

// read notes that the newest command of a group has an owner. When it was the last
// that was due, the consumer is told.
func (j *joins) read(group string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	marked := len(j.unread)
	j.unread = slices.DeleteFunc(j.unread, func(g string) bool { return g == group })
	if len(j.unread) < marked && len(j.due) == 0 {
		j.renew()
	}
}

// watch returns what is closed by announce, and when the last group was read.
func (j *joins) watch() <-chan struct{} {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.changed == nil {
		j.changed = make(chan struct{})
	}
	return j.changed
}

// announce tells of a change of the groups.
func (j *joins) announce() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.renew()
}

// renew is called with mu held.
func (j *joins) renew() {
	if j.changed != nil {
		close(j.changed)
		j.changed = nil
	}
}

func subjects(groups []string) []string {
	filters := make([]string, 0, len(groups))
	for _, g := range groups {
		filters = append(filters, wire.CommandsGroup(g))
	}
	return filters
}

// takes reports that one of the filters lets the commands of a group pass.
func takes(filters []string, group string) bool {
	subject := strings.Split(wire.CommandsGroup(group), ".")
	return slices.ContainsFunc(filters, func(filter string) bool { return matches(strings.Split(filter, "."), subject) })
}

// matches compares tokens, as a server does.
func matches(filter, subject []string) bool {
	for i, token := range filter {
		switch {
		case token == ">":
			return len(subject) > i
		case i == len(subject) || token != "*" && token != subject[i]:
			return false
		}
	}
	return len(filter) == len(subject)
}
