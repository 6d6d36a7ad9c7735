package schedule

import (
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
)

// maxNamed is how many problems a status names, and a log of those that come together.
const maxNamed = 16

// notices tells each problem once, for as long as it lasts.
type notices struct {
	log     *slog.Logger
	observe func(kind string, payload map[string]string)

	mu   sync.Mutex
	said map[string]saying // by what has the problem
}

// saying is a problem that lasts. What has the same cause is not told again.
type saying struct{ cause, problem string }

// tell reports a problem of something; an empty one is over.
func (n *notices) tell(what, name, problem string) {
	n.tellOf(what, name, saying{problem, problem})
}

// tellAll reports all that is wrong now with things of one kind. What came together is
// named up to a bound, lest thousands of broken rows push out what others report.
func (n *notices) tellAll(what string, problems map[string]error) {
	n.retain(what, func(name string) bool { return problems[name] != nil })
	news := 0
	for _, name := range slices.Sorted(maps.Keys(problems)) {
		problem := problems[name].Error()
		if !n.isNew(what+" "+name, saying{problem, problem}) {
			continue
		}
		if news++; news <= maxNamed {
			n.warn(what, name, problem)
		}
	}
	if news > maxNamed {
		n.log.Warn("more local schedules do not work as they should", "what", what, "problems", news-maxNamed)
	}
}

// failFile reports an error of a file and what follows from it; nil: it is over. The
// same failure of another operation is the same problem.
func (n *notices) failFile(name string, err error, then string) {
	if err == nil {
		n.tell("file", name, "")
		return
	}
	n.tellOf("file", name, saying{causeOf(err), err.Error() + "; " + then})
}

func (n *notices) tellOf(what, name string, is saying) {
	if n.isNew(what+" "+name, is) && is.problem != "" {
		n.warn(what, name, is.problem)
	}
}

// causeOf is what lies under an error, without the names of files and operations.
func causeOf(err error) string {
	var next error
	switch e := err.(type) { //nolint:errorlint // it goes down step by step
	case interface{ Unwrap() error }:
		next = e.Unwrap()
	case interface{ Unwrap() []error }:
		if all := e.Unwrap(); len(all) > 0 {
			next = all[len(all)-1]
		}
	}
	if next == nil {
		return err.Error()
	}
	return causeOf(next)
}

// warn reports what happened once.
func (n *notices) warn(what, name, problem string) {
	n.log.Warn("a local schedule does not work as it should", "what", what, "name", short(name), "problem", problem)
	n.observe(ObservationKind, map[string]string{"what": what, "name": short(name), "problem": problem})
}

func (n *notices) isNew(id string, is saying) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.said[id].cause == is.cause {
		return false
	}
	if is.problem == "" {
		delete(n.said, id)
	} else {
		n.said[id] = is
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
	for id, is := range n.said {
		all = append(all, short(id)+": "+is.problem)
	}
	slices.Sort(all)
	return all[:min(len(all), maxNamed)]
}

// short keeps names from the wire from filling a log.
func short(name string) string { return fmt.Sprintf("%.120s", name) }
