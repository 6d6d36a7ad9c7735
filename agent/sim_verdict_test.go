package agent

import (
	"time"

	"github.com/kanade-go/kanade/agent/internal/command"
	"github.com/kanade-go/kanade/agent/wire"
	"github.com/kanade-go/kanade/outbox/atomicfile/faultfs"
)

// least is what a power cut at this moment leaves if it takes all that it can.
func least(f *faultfs.FS) *faultfs.FS { return f.Survivors(0, faultfs.Dropped) }

// seen is what a process sees.
func seen(f *faultfs.FS) *faultfs.FS { return f.Survivors(f.Unsynced(), faultfs.Kept) }

// unfinished is what a start with this ledger would find to do.
func (s *sim) unfinished(ledger *faultfs.FS) []command.Recovered {
	l, _, err := command.OpenLedger(ledger, s.dir+"/ledger", simPCID, s.now)
	if err != nil {
		s.problem("the ledger cannot be opened: %v", err)
		return nil
	}
	defer l.Close()
	return l.Unfinished()
}

// keepVerdicts notes what the ledger has promised for good when a life has ended:
// which command does not run, and with what result.
func (s *sim) keepVerdicts(d disk, life int) {
	for _, r := range s.unfinished(least(d["ledger"])) {
		if r.Result == nil {
			continue
		}
		result, err := wire.DecodeResult(r.Result)
		must(err)
		s.fireOf(r)
		o := s.order(result.RequestID)
		switch {
		case s.stored(d.copy(), o) != "": // that one goes out
		case o.verdict == "":
			o.verdict, o.concluded = string(r.Result), life
			s.happened("verdict over a restart: " + resultKind(result))
		case o.verdict != string(r.Result):
			s.problem("%s: the verdict on disk has changed from %s to %s", o.id, o.verdict, r.Result)
		}
	}
}

// checkVerdict: what was promised on disk is what was sent, and nothing else
// happened.
func (s *sim) checkVerdict(o *order) {
	if o.verdict == "" {
		return
	}
	for _, raw := range o.raw {
		if raw != o.verdict {
			s.problem("%s: the ledger had the result %s, and %s was sent", o.id, o.verdict, raw)
		}
	}
	for _, st := range o.starts {
		if st.life > o.concluded {
			s.problem("%s was started in life %d; its verdict was on disk since life %d", o.id, st.life, o.concluded)
		}
	}
}

// killed surrounds the handling of a kill message: what waited for its start then
// has a verdict on disk a moment later, for a crash must not bring it back.
func (l *life) killed(execID string, handle func()) {
	waiting := l.waiting(execID, seen(l.disk["ledger"]))
	handle()
	if len(waiting) == 0 || l.s.plan.failingDisk || l.plan.needsRewrite() {
		return
	}
	time.AfterFunc(time.Minute, func() {
		if l.isEnding() {
			return
		}
		still := l.waiting(execID, least(l.disk["ledger"]))
		for id := range waiting {
			if still[id] {
				l.s.problem("%s was killed while it waited, and after a minute that is not on disk", id)
			}
		}
		l.s.happened("kill: on disk before the start")
	})
}

// waiting are the commands of an execution that are accepted and nothing more.
func (l *life) waiting(execID string, ledger *faultfs.FS) map[string]bool {
	ids := map[string]bool{}
	if l.isEnding() {
		return ids
	}
	for _, r := range l.s.unfinished(ledger) {
		c, err := wire.DecodeCommand(r.Body)
		if err == nil && c.ExecID == execID && r.Starts == 0 && r.Result == nil {
			ids[c.RequestID] = true
		}
	}
	return ids
}

// stores looks at the ledger while a result comes into its box: only what the
// disk knows as started or decided may have one, or a crash now would bring the
// command back beside its result.
func (l *life) stores(id string) {
	ledger, _, err := command.OpenLedger(least(l.disk["ledger"]), l.s.dir+"/ledger", simPCID, l.s.now)
	must(err)
	defer ledger.Close()
	for _, r := range ledger.Unfinished() {
		l.s.fireOf(r)
	}
	o := l.s.order(id)
	if o == nil {
		l.s.problem("a result of an order that nobody gave is stored: %s", id)
		return
	}
	if len(o.variants) > 0 && !known(ledger, o) { // of a fire's verdict the bytes may be gone
		l.s.problem("a result of %s is stored, and the ledger on disk does not know it", id)
	}
	for _, r := range ledger.Unfinished() {
		if r.Key == ledger.KeyOf(id) && r.Starts == 0 && r.Result == nil {
			l.s.problem("a result of %s is stored, and on disk it waits for its start", id)
		}
	}
}
