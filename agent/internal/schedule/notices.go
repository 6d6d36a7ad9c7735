package schedule

import (
	"fmt"
	"log/slog"
	"slices"
	"sync"
)

// maxNamed is how many problems a status names.
const maxNamed = 16

// notices tells each problem once, for as long as it lasts.
type notices struct {
	log     *slog.Logger
	observe func(kind string, payload map[string]string)

	mu   sync.Mutex
	said map[string]string // the problem, by what has it
}

// tell reports a problem of something; an empty one is over.
func (n *notices) tell(what, name, problem string) {
	if n.isNew(what+" "+name, problem) && problem != "" {
		n.warn(what, name, problem)
	}
}

// warn reports what happened once.
func (n *notices) warn(what, name, problem string) {
	n.log.Warn("a local schedule does not work as it should", "what", what, "name", short(name), "problem", problem)
	n.observe(ObservationKind, map[string]string{"what": what, "name": short(name), "problem": problem})
}

func (n *notices) isNew(id, problem string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.said[id] == problem {
		return false
	}
	if problem == "" {
		delete(n.said, id)
	} else {
		n.said[id] = problem
	}
	return true
}

// retain ends the problems of one kind whose names are gone.
func (n *notices) retain(what string, exists func(name string) bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for id := range n.said {
		if name, ok := cut(id, what); ok && !exists(name) {
			delete(n.said, id)
		}
	}
}

func cut(id, what string) (name string, ok bool) {
	if len(id) <= len(what) || id[:len(what)] != what || id[len(what)] != ' ' {
		return "", false
	}
	return id[len(what)+1:], true
}

func (n *notices) all() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	all := make([]string, 0, len(n.said))
	for id, problem := range n.said {
		all = append(all, short(id)+": "+problem)
	}
	slices.Sort(all)
	return all[:min(len(all), maxNamed)]
}

// short keeps names from the wire from filling a log.
func short(name string) string { return fmt.Sprintf("%.120s", name) }
