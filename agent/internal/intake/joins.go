package intake

import (
	"slices"
	"sync"
)

// joins are the groups that the consumer has taken in after it was first made, and
// whose newest command is still to be read.
type joins struct {
	mu    sync.Mutex
	asked []string // what the consumer is to have next
	made  bool     // the consumer stood before
	taken []string // what it has
	due   []string
	wake  chan struct{} // holds one signal
}

func newJoins() *joins { return &joins{wake: make(chan struct{}, 1)} }

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
	if len(j.due) > 0 {
		select {
		case j.wake <- struct{}{}:
		default:
		}
	}
}

// next returns a group to read, if there is one.
func (j *joins) next() (group string, ok bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if len(j.due) == 0 {
		return "", false
	}
	group, j.due = j.due[0], j.due[1:]
	return group, true
}
