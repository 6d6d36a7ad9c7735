package update

import "sync"

// startedByManager says whether a service manager has started this process. It is
// asked when the process counts its start: later its parent may be another.
var startedByManager = sync.OnceValue(managed)

// byManager is startedByManager, but for tests.
func (i Install) byManager() bool {
	if i.managed != nil {
		return i.managed()
	}
	return startedByManager()
}

// byHand says whether this process was started beside the service that the plan is
// of. Such a start says nothing: it may have another configuration, or none.
func (i Install) byHand(p plan) bool { return p.Managed && !i.byManager() }

// countedHere are the executables whose start this process has counted, and which it
// may take back.
var countedHere sync.Map

func (i Install) uncount(p *plan) (was bool) {
	if _, was = countedHere.LoadAndDelete(i.Path); was {
		p.Starts = max(0, p.Starts-1)
	}
	return was
}
