package agent

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/kanade-go/kanade/agent/wire"
	"github.com/kanade-go/kanade/exec"
)

// order is one request ID: what the backend sends under it, what its script
// does, and what became of it.
type order struct {
	id, execID string
	subject    string
	once       bool // the backend never sends it again
	kind       kind
	object     objectFate
	command    wire.Command
	deadline   time.Duration // after its sending; 0: none

	// What its script does.
	takes    time.Duration
	code     int
	panics   bool
	refuses  bool          // it cannot be started
	stubborn time.Duration // it goes on for so long after it was told to end

	// Guarded by sim.mu.
	variants [][]byte // [0]: the order; the others: conflicts with it
	arrived  bool     // a copy has reached the agent
	heard    int      // the last life, from 1, that a live copy has reached
	acked    bool     // the agent has taken it over
	answered bool     // the backend has seen its result
	starts   []start
	running  int
	results  []wire.Result
	raw      []string
	found    string // the result that a crash has left on the disk

	of *ticker // whose fire it is, if it is one

	verdict   string // the result that the ledger has promised on disk
	concluded int    // the life in which it did
}

// start is one start of an order's script.
type start struct {
	life, variant, attempt int
}

type kind int

const (
	plain kind = iota
	late       // has a deadline
	strict
	unknownShell
	undecodable
	goHandler
	repeatable // a handler that may run again after a crash
	emitting   // its output are events
	kinds
)

var kindNames = [...]string{"plain", "late", "strict", "unknown shell", "undecodable", "handler", "repeatable", "emitting"}

func newOrder(r *rand.Rand, n int, at time.Duration) *order {
	o := &order{
		id: fmt.Sprintf("r-%d", n), execID: fmt.Sprintf("x-%d", n-n%2*r.IntN(2)),
		subject: wire.CommandsPC(simPCID), once: percent(r, 25), takes: spread(r, 10*time.Minute),
	}
	if o.once || percent(r, 10) {
		o.subject = wire.CommandsAll()
	}
	if percent(r, 60) {
		o.kind = kind(r.IntN(int(kinds)))
	}
	o.command = wire.Command{
		ID: "job-0", Version: "1", RequestID: o.id, ExecID: o.execID, Shell: string(exec.Sh), Script: o.id + " 0",
		TimeoutSecs: 3600,
	}
	if percent(r, 20) {
		o.command.TimeoutSecs = 1 + uint64(o.takes/time.Second/2)
	}
	o.fate(r)
	o.form(r, at)
	return o
}

func (o *order) fate(r *rand.Rand) {
	o.code = r.IntN(4)
	switch r.IntN(12) {
	case 0:
		o.panics = true
	case 1:
		o.refuses = true
	case 2:
		o.stubborn = spread(r, 5*time.Minute)
	}
}

func (o *order) form(r *rand.Rand, at time.Duration) {
	c := &o.command
	if percent(r, 30) {
		c.JitterSecs = 1 + uint64(r.IntN(300))
	}
	switch o.kind {
	case late:
		o.deadline = at + spread(r, 10*time.Minute) - time.Second
	case strict:
		c.Staleness = wire.Staleness{Mode: wire.StalenessStrict, MaxCacheAge: "2s"}
		c.JitterSecs = 600
	case unknownShell:
		c.Shell = "fish"
	case goHandler:
		c.Shell = "once"
	case repeatable:
		c.Shell, o.takes = "again", o.takes+between(r, 0, time.Minute)
	case emitting:
		c.Emit = &wire.EmitConfig{}
		o.code = 0
	}
}

// output is what the script of a variant prints.
func (o *order) output(variant int) string {
	if o.kind != emitting {
		return fmt.Sprintf("%s %d", o.id, variant)
	}
	const line = `{"pc_id":"script","at":"2000-01-01T00:00:00Z","kind":%q,"source":"sim:%d"}` + "\n"
	return fmt.Sprintf(line+line, o.id, 0, o.id, 1)
}

func (o *order) String() string {
	return fmt.Sprintf("%s (%s, once %v, exec %s, takes %v, jitter %ds, timeout %ds)",
		o.id, kindNames[o.kind], o.once, o.execID, o.takes, o.command.JitterSecs, o.command.TimeoutSecs)
}

// encoded is a variant's bytes. Whoever sends it first fixes its deadline, by
// the backend's clock, which is right.
func (o *order) encoded(variant int, began time.Time) []byte {
	for v := len(o.variants); v <= variant; v++ {
		c := o.command
		c.ID, c.Script = fmt.Sprintf("job-%d", v), fmt.Sprintf("%s %d", o.id, v)
		if o.deadline > 0 {
			c.DeadlineAt = began.Add(o.deadline).UTC()
		}
		o.nameScript(&c)
		data, err := c.Encode()
		if err != nil {
			panic(err)
		}
		if o.kind == undecodable {
			data = fmt.Appendf(nil, `{"id":"job-%d","request_id":%q,"shell":7}`, v, o.id)
		}
		o.variants = append(o.variants, data)
	}
	return o.variants[variant]
}

// neverRuns: the result says that nothing was started.
func neverRuns(r wire.Result, k kind) bool {
	return r.ExitCode == wire.ExitDeadline || r.ExitCode == wire.ExitStale || k == unknownShell || k == undecodable
}
