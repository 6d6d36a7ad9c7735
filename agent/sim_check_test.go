package agent

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kanade-go/kanade/agent/internal/command"
	"github.com/kanade-go/kanade/agent/wire"
)

// parts of the agent that runs now, or nil.
func (h *host) parts() (p *parts) {
	h.with(func(l *life) {
		if l.agent == nil {
			return
		}
		l.agent.mu.Lock()
		defer l.agent.mu.Unlock()
		p = l.agent.parts
	})
	return p
}

// atRest: everything that must be answered is, and the agent has nothing to do.
func (s *sim) atRest() bool { return s.unrest() == "" }

func (s *sim) unrest() string {
	p := s.host.parts()
	if p == nil {
		return "the agent is not running"
	}
	c := p.commands.Status()
	switch {
	case c.Waiting+c.Running+c.Ledger.Accepted+c.Ledger.Started > 0:
		return "commands are open"
	case pending(p) > 0:
		return "records are pending"
	case p.schedule.Status().Armed+p.schedule.Status().Running > 0:
		return "local schedules are armed, or wait for the end of a run"
	case !s.isInForce(p):
		return "the last settings are not in force"
	case stuck(p) > 0:
		return "records are set aside, and the broker refuses none for good"
	}
	required := s.required()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, o := range s.plan.orders {
		if required[o] && !o.answered {
			return "no result of " + o.id
		}
	}
	for _, o := range s.fires {
		if o.isPromised() && !o.answered {
			return "no result of a fire of " + o.of.id
		}
	}
	return ""
}

func pending(p *parts) (n int) {
	for _, box := range p.boxes.all() {
		stats := box.Stats()
		n += stats.Pending + stats.Corrupt
	}
	return n
}

func stuck(p *parts) (n int) {
	for _, box := range p.boxes.all() {
		n += box.Stats().Stuck
	}
	return n
}

// required are the orders that must have a result by now: those that the backend
// sends until it sees one, those that the agent has acknowledged or that the life
// that lasted has heard, and those that EXEC still has.
func (s *sim) required() map[*order]bool {
	required := map[*order]bool{}
	for _, m := range s.backend.messages(wire.StreamExec) {
		required[s.orderOf(m.Data)] = true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, o := range s.plan.orders {
		if o.acked || o.heard == s.host.lives || len(o.variants) > 0 && !o.once {
			required[o] = true
		}
	}
	return required
}

func (s *sim) checkRest() {
	if why := s.unrest(); why != "" {
		s.problem("stuck: %s", why)
		if p := s.host.parts(); p != nil {
			s.note("commands %+v, results %+v", p.commands.Status(), p.boxes.results.Stats())
		}
	}
}

// checkOrders is called when everything has ended.
func (s *sim) checkOrders() {
	required := s.required()
	for _, o := range s.plan.orders {
		if len(o.results) == 0 {
			if required[o] {
				s.problem("%s has no result; acknowledged %v", o.id, o.acked)
			}
			if o.once && len(o.variants) > 0 {
				s.happened("order: lost by its sender, who did not send it again")
			}
			s.checkStarts(o, wire.Result{})
			continue
		}
		s.checkResults(o)
		s.checkVerdict(o)
		s.checkEmitted(o)
		s.checkObject(o)
		s.checkStarts(o, o.results[0])
		s.countResult(o)
	}
}

func (s *sim) checkResults(o *order) {
	if n := len(slices.Compact(slices.Sorted(slices.Values(o.raw)))); n > 1 {
		s.problem("%s has %d different results:\n\t\t%s", o.id, n, strings.Join(o.raw, "\n\t\t"))
	}
	if o.found != "" && o.raw[0] != o.found {
		s.problem("%s: a crash has left the result %s, and %s was sent", o.id, o.found, o.raw[0])
	}
	if o.results[0].ExitCode == wire.ExitInterrupted && len(o.starts) == 0 && s.isOrderly() {
		s.problem("%s was reported as interrupted, and nothing interrupted it", o.id)
	}
	for _, r := range o.results {
		if want := wire.ResultID(o.id, simPCID); r.ResultID != want {
			s.problem("%s has the result ID %s, want %s", o.id, r.ResultID, want)
		}
	}
}

// checkEmitted: output that the result does not have is in OBS_EVENTS.
func (s *sim) checkEmitted(o *order) {
	r := o.results[0]
	if o.command.Emit == nil || r.ExitCode != 0 || len(o.starts) == 0 {
		return
	}
	if r.Stdout != "" {
		s.happened("result: keeps output that was not stored as events")
		if r.Stdout != o.output(o.starts[0].variant) {
			s.problem("%s has lost a part of its output: %q", o.id, r.Stdout)
		}
		return
	}
	s.happened("result: output stored as events")
	for n := range 2 {
		if !slices.ContainsFunc(s.backend.observed, func(e wire.ObsEvent) bool {
			return e.Kind == o.id && e.Source == fmt.Sprint("sim:", n) && e.PCID == simPCID
		}) {
			s.problem("%s: line %d of its output is neither in the result nor among the events", o.id, n)
		}
	}
}

// isOrderly: the agent was never cut off, and its disk never failed.
func (s *sim) isOrderly() bool {
	return s.seen["end: "+endingNames[killed]]+s.seen["end: "+endingNames[powerCut]] == 0 && !s.plan.failingDisk
}

func (s *sim) checkStarts(o *order, r wire.Result) {
	n := len(o.starts)
	switch {
	case o.kind == repeatable:
		for i := 1; i < n; i++ {
			if a, b := o.starts[i-1], o.starts[i]; b.attempt <= a.attempt || b.life <= a.life {
				s.problem("%s was started again without a crash: %+v", o.id, o.starts)
			}
		}
	case n > 1:
		s.problem("%s was started %d times: %+v", o.id, n, o.starts)
	}
	if len(o.results) == 0 {
		return
	}
	if n > 0 && neverRuns(r, o.kind) {
		s.problem("%s was started, and its result says that it was not: %d %s", o.id, r.ExitCode, r.Stderr)
	}
	if n == 0 && strings.Contains(r.Stdout, o.id) {
		s.problem("%s has output without a start", o.id)
	}
	for _, st := range o.starts {
		if o.of == nil && r.ManifestID != "job-"+string(rune('0'+st.variant)) {
			s.problem("%s: variant %d was started, the result is of %s", o.id, st.variant, r.ManifestID)
		}
	}
}

// checkDisk looks at what the last life has left.
func (h *host) checkDisk() {
	l, _, err := command.OpenLedger(h.disk["ledger"], h.s.dir+"/ledger", simPCID, h.s.now)
	if err != nil {
		h.s.problem("the ledger cannot be opened: %v", err)
		return
	}
	defer l.Close()
	if open := l.Unfinished(); len(open) > 0 {
		h.s.problem("%d commands are open in the ledger", len(open))
	}
	for _, folder := range []string{resultsFolder, startsFolder, observationsFolder} {
		for _, name := range h.files(folder) {
			if strings.HasSuffix(name, ".json") {
				h.s.problem("%s is left in %s", name, folder)
			}
		}
	}
}

func (h *host) files(folder string) (names []string) {
	list, err := h.disk[folder].ReadDir(h.s.dir + "/" + folder)
	must(err)
	for _, e := range list {
		names = append(names, e.Name())
	}
	slices.Sort(names)
	return names
}
