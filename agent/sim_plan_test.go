package agent

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/kanade-go/kanade/agent/wire"
	"github.com/kanade-go/kanade/retry/jstest"
)

// plan is what a seed does to the agent, apart from what happens inside single
// operations.
type plan struct {
	slots  int
	grace  time.Duration
	orders []*order
	events []event // by time
	lives  []lifePlan
	length time.Duration

	tickers []*ticker

	calm        bool // the process ends in good order only, and the disk works
	failingDisk bool
}

type event struct {
	at   time.Duration
	what string
	do   func(*sim)
}

// lifePlan is one run of the agent's process and how it ends. The last life of a
// plan has no end of its own.
type lifePlan struct {
	end     ending
	atStep  int           // of the disk; 0: none
	atKind  string        // counts only such steps; "": all
	after   time.Duration // of the start; 0: never
	offline time.Duration // how long the broker is away at the start
	down    time.Duration // between this life and the next
	subFail bool          // the first subscription is refused
}

type ending int

const (
	never    ending = iota
	stopped         // the service is stopped in good order
	killed          // the process is killed; what it wrote is in the page cache
	powerCut        // only what was synced is sure to be there
)

var endingNames = [...]string{"never", "orderly stop", "process killed", "power cut"}

func newPlan(r, schedules, objects, limits *rand.Rand) plan {
	length := between(r, 30*time.Second, time.Hour)
	p := plan{length: length, slots: 1 + r.IntN(3), grace: spread(r, time.Minute), calm: percent(r, 15)}
	for range r.IntN(8) {
		l := newLifePlan(r, length)
		if p.calm {
			l.end, l.atKind = stopped, ""
		}
		p.lives = append(p.lives, l)
	}
	for n := range 3 + r.IntN(12) {
		p.addOrder(r, n, length)
	}
	busy := slices.Clone(p.events)
	// Most faults come when there is something to break.
	when := func() time.Duration {
		if percent(r, 30) {
			return between(r, 0, length)
		}
		return max(0, busy[r.IntN(len(busy))].at+spread(r, time.Minute)-spread(r, time.Minute))
	}
	for range r.IntN(3) {
		p.add(disconnect(r, when())...)
	}
	for range r.IntN(8) {
		p.add(brokerFaults[r.IntN(len(brokerFaults))](r, when())...)
	}
	for range r.IntN(4) {
		p.addDiskFault(r, when())
	}
	for range r.IntN(3) {
		p.add(clockStep(r, when()))
	}
	p.addTickers(schedules)
	p.addObjects(objects)
	p.addLimits(limits)
	slices.SortStableFunc(p.events, func(a, b event) int { return cmp.Compare(a.at, b.at) })
	return p
}

func (p *plan) add(all ...event) { p.events = append(p.events, all...) }

func newLifePlan(r *rand.Rand, length time.Duration) lifePlan {
	l := lifePlan{end: stopped + ending(r.IntN(3)), down: spread(r, 10*time.Minute), subFail: percent(r, 5)}
	if percent(r, 20) {
		l.offline = spread(r, 10*time.Minute)
	}
	switch {
	case percent(r, 30):
		l.atStep = 1 + r.IntN(8<<r.IntN(5))
	case percent(r, 80):
		l.end = killed + ending(r.IntN(2))
		l.atStep, l.atKind = 1+r.IntN(3), diskSteps[r.IntN(len(diskSteps))]
		if l.needsRewrite() {
			l.atStep = 1 + r.IntN(6)/5
		}
	}
	if l.atStep == 0 || percent(r, 30) {
		l.after = spread(r, length)
	}
	return l
}

// needsRewrite: the ledger is only written anew after a sync has failed.
func (l lifePlan) needsRewrite() bool { return strings.HasPrefix(l.atKind, "ledger rewrite") }

func (p *plan) addOrder(r *rand.Rand, n int, length time.Duration) {
	at := between(r, 0, length)
	if len(p.events) > 0 && percent(r, 30) {
		at = p.events[len(p.events)-1].at // a burst
	}
	o := newOrder(r, n, at)
	p.orders = append(p.orders, o)
	p.add(event{at, "send " + o.String(), func(s *sim) { s.backend.send(o, 0) }})
	for range r.IntN(3) {
		later := at + spread(r, length)
		p.add(event{later, "duplicate of " + o.id, func(s *sim) { s.backend.duplicate(o) }})
	}
	if percent(r, 25) {
		p.add(event{at + spread(r, length), "conflict with " + o.id, func(s *sim) { s.backend.conflict(o) }})
	}
	if percent(r, 30) {
		when := max(0, at+spread(r, 10*time.Minute)-spread(r, 10*time.Second))
		p.add(event{when, "kill " + o.execID, func(s *sim) { s.backend.kill(o) }})
	}
	switch { // what makes the kind worth having
	case o.kind == strict:
		p.add(disconnect(r, at+spread(r, time.Minute))...)
	case o.kind == emitting && percent(r, 50):
		p.addDiskFault(r, at+o.takes)
	}
}

// brokerFaults are what can go wrong between the agent and the broker. Each
// gives the fault and, where it does not end by itself, its end.
var brokerFaults = []func(r *rand.Rand, at time.Duration) []event{
	func(r *rand.Rand, at time.Duration) []event { return failing(r, at, jstest.OpPublish) },
	func(r *rand.Rand, at time.Duration) []event { return failing(r, at, jstest.OpStream) },
	func(r *rand.Rand, at time.Duration) []event { return failing(r, at, jstest.OpConsumer) },
	func(r *rand.Rand, at time.Duration) []event { return failing(r, at, jstest.OpMessages) },
	func(r *rand.Rand, at time.Duration) []event { return failing(r, at, jstest.OpNext) },
	func(r *rand.Rand, at time.Duration) []event { return failing(r, at, jstest.OpSettle) },
	func(r *rand.Rand, at time.Duration) []event {
		n := 1 + r.IntN(5)
		return []event{{at, "lose acknowledgements of publishes", func(s *sim) { s.host.losePubAcks(n) }}}
	},
	func(r *rand.Rand, at time.Duration) []event { return streamGone(r, at, wire.StreamExec) },
	func(r *rand.Rand, at time.Duration) []event { return streamGone(r, at, wire.StreamResults) },
	func(_ *rand.Rand, at time.Duration) []event {
		return []event{{at, "delete the consumer", func(s *sim) { s.backend.deleteConsumer() }}}
	},
}

func disconnect(r *rand.Rand, at time.Duration) []event {
	return []event{
		{at, "disconnect", func(s *sim) { s.host.disconnect() }},
		{at + spread(r, 30*time.Minute), "reconnect", func(s *sim) { s.host.reconnect() }},
	}
}

func failing(r *rand.Rand, at time.Duration, op string) []event {
	errs := []error{nats.ErrTimeout, jetstream.ErrNoStreamResponse, nats.ErrConnectionClosed}
	err, times := errs[r.IntN(len(errs))], 1+r.IntN(6)
	return []event{{at, "fail " + op, func(s *sim) { s.host.fail(op, err, times) }}}
}

func streamGone(r *rand.Rand, at time.Duration, name string) []event {
	return []event{
		{at, "delete the stream " + name, func(s *sim) { s.backend.deleteStream(name) }},
		{at + spread(r, 30*time.Minute), "create the streams", func(s *sim) { s.backend.createStreams() }},
	}
}

func (p *plan) addDiskFault(r *rand.Rand, at time.Duration) {
	if p.calm {
		return
	}
	p.failingDisk = true
	f := &diskError{err: syscall.EIO, percent: 5 + r.IntN(96)}
	if percent(r, 50) {
		f.err = syscall.ENOSPC
	}
	p.add(
		event{at, "the disk fails: " + f.err.Error(), func(s *sim) { s.host.setDiskError(f) }},
		event{at + spread(r, 10*time.Minute), "the disk works again", func(s *sim) { s.host.setDiskError(nil) }},
	)
}

// maxOffset keeps the clock within what the ledger's memory of 8 days allows.
const maxOffset = 3 * 24 * time.Hour

func clockStep(r *rand.Rand, at time.Duration) event {
	offset := spread(r, maxOffset)
	if percent(r, 50) {
		offset = -offset
	}
	return event{at, "the clock is set to " + offset.String(), func(s *sim) {
		s.mu.Lock()
		before := s.offset
		s.offset = offset.Truncate(time.Second)
		forward := s.offset > before
		s.mu.Unlock()
		s.happened("fault: clock step " + map[bool]string{true: "forward", false: "back"}[forward])
	}}
}
