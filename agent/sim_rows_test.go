package agent

import (
	"crypto/sha256"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/kanade-go/kanade/agent/internal/command"
)

// countRows says where in the crash table each order stands on a disk that a
// crash has left.
func (s *sim) countRows(d disk) {
	l, torn, err := command.OpenLedger(d["ledger"], s.dir+"/ledger", simPCID, s.now)
	if err != nil {
		s.problem("the ledger cannot be opened after a crash: %v", err)
		return
	}
	defer l.Close()
	if torn > 0 {
		s.happened("crash leaves: a torn ledger line")
	}
	open := map[command.Key]command.Recovered{}
	for _, r := range l.Unfinished() {
		open[r.Key] = r
	}
	for _, o := range slices.Concat(s.plan.orders, s.allFires()) {
		s.mu.Lock()
		arrived, answered := o.arrived, o.answered
		s.mu.Unlock()
		if !arrived {
			continue
		}
		stored := s.stored(d, o)
		what := "crash leaves: "
		if o.of != nil {
			what += "fire, "
		}
		s.happened(what + rowOf(l, o, open, stored != ""))
		if o.found == "" || !answered {
			o.found = stored
		}
	}
}

// stored is the result of an order that lies in the outbox.
func (s *sim) stored(d disk, o *order) string {
	f, err := d[resultsFolder].OpenFile(filepath.Join(s.dir, resultsFolder, o.id+".json"), os.O_RDONLY, 0)
	if err != nil {
		return ""
	}
	data, err := io.ReadAll(f)
	must(err)
	return string(data)
}

func rowOf(l *command.Ledger, o *order, open map[command.Key]command.Recovered, stored bool) string {
	row := "nothing"
	if r, ok := open[l.KeyOf(o.id)]; ok {
		switch {
		case r.Result != nil:
			row = "verdict"
		case r.Starts > 0:
			row = "started"
		default:
			row = "accepted"
		}
	} else if known(l, o) {
		row = "finished"
	}
	if stored {
		row += " + record"
	}
	return row
}

func known(l *command.Ledger, o *order) bool {
	for _, data := range o.variants {
		if l.Lookup(l.KeyOf(o.id), sha256.Sum256(data), time.Time{}) == command.Duplicate {
			return true
		}
	}
	return false
}
