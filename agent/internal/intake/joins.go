package intake

import (
	"slices"
	"sync"
)

// joins are the groups whose newest command is still to be read: those that the
// consumer has taken in after it was first made, and those of which a command was
// let go because the host was not their member, when it is one again. The zero
// value is ready, but wakes nobody.
type joins struct {
	mu    sync.Mutex
	asked []string // what the consumer is to have next
	made  bool     // the consumer stood before
	taken []string // what it has
	due   []string
	owed  []string      // let go of since they were read last; the oldest first
	wake  chan struct{} // holds one signal
}

// maxOwed bounds the groups that a host was never in, and whose commands the
// consumer of another release, which takes every one, has brought here.
const maxOwed = 4 * MaxGroups

func (j *joins) ask(groups []string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.asked = groups
}

// takeIn notes that the consumer stands with what was asked for last. What it had
// when it was first made needs no reading: a new consumer starts with the newest of
// each subject, an older one goes on from where it was.
func (j *joins) takeIn() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.due = slices.DeleteFunc(j.due, func(g string) bool { return !slices.Contains(j.asked, g) })
	for _, g := range j.asked {
		if j.made && !slices.Contains(j.taken, g) && !slices.Contains(j.due, g) {
			j.due = append(j.due, g)
		}
	}
	j.made, j.taken = true, j.asked
	j.signal()
}

// goOn notes that a consumer that stood before goes on with what it had: what it is
// given in the end comes after the commands that have passed it meanwhile.
func (j *joins) goOn() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.made = true
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
