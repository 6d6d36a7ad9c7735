package agent

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/kanade-go/kanade/agent/internal/command"
	"github.com/kanade-go/kanade/agent/wire"
)

// ticker is a local schedule with its job, and what became of its fires.
type ticker struct {
	id     string // of the schedule and of the job
	row    wire.Schedule
	takes  time.Duration
	fails  int  // so many runs, before they succeed
	object bool // its job names its script

	// Guarded by sim.mu.
	version int
	gone    bool // its row is deleted or says that it is disabled
	edited  int
	running int
	ran     int
	healed  bool // it has run since all faults ended
	done    bool // once, and the backend has seen it
	ended   bool // a run has succeeded, whether or not anybody could hear of it
}

// addTickers plans schedules, their edits, and the ends of lives in the middle of
// what the scheduler writes.
func (p *plan) addTickers(r *rand.Rand) {
	if percent(r, 60) {
		return
	}
	for n := range 1 + r.IntN(2) {
		t := newTicker(r, n)
		p.tickers = append(p.tickers, t)
		p.add(event{between(r, 0, p.length/3), "schedule " + t.String(), func(s *sim) { s.backend.putTicker(t) }})
		for range r.IntN(4) {
			p.add(event{between(r, 0, p.length), "edit " + t.id, func(s *sim) { s.backend.editTicker(t) }})
		}
	}
	for i := range p.lives {
		if l := &p.lives[i]; !p.calm && percent(r, 40) {
			l.end = killed + ending(r.IntN(2))
			l.atStep, l.atKind = 1+r.IntN(4), scheduleSteps[r.IntN(len(scheduleSteps))]
		}
	}
}

// scheduleSteps are the steps of the disk that the scheduler alone takes.
var scheduleSteps = []string{
	"schedule create", "schedule write", "schedule sync", "schedule rename", "schedule sync folder",
	"completions create", "completions write", "completions sync", "completions rename", "completions sync folder",
}

func newTicker(r *rand.Rand, n int) *ticker {
	t := &ticker{id: fmt.Sprintf("tick-%d", n), takes: spread(r, 2*time.Minute), fails: r.IntN(3)}
	t.row = wire.Schedule{
		ID: t.id, JobID: t.id, Target: wire.Target{All: true}, RunsOn: wire.RunsOnAgent,
		Cron: fmt.Sprintf("%d */%d * * * *", r.IntN(60), 1+r.IntN(4)),
	}
	if percent(r, 40) {
		t.row.Mode = wire.OncePerPC
	}
	if percent(r, 40) {
		t.row.Jitter = fmt.Sprintf("%ds", 1+r.IntN(120))
	}
	if percent(r, 25) {
		t.row.StartingDeadline = fmt.Sprintf("%ds", r.IntN(300))
	}
	return t
}

func (t *ticker) String() string {
	return fmt.Sprintf("%s (%v, %s, jitter %s, takes %v, fails %d times)", t.id, t.row.Mode, t.row.Cron, t.row.Jitter, t.takes, t.fails)
}

func (t *ticker) once() bool { return t.row.Mode == wire.OncePerPC }

func (b *backend) putTicker(t *ticker) {
	b.s.mu.Lock()
	t.version++
	version := t.version
	b.s.mu.Unlock()
	b.putRow(wire.BucketJobs, t.id, b.jobOf(t, version).Encode())
	b.putRow(wire.BucketSchedules, t.id, t.row.Encode())
	b.s.mu.Lock()
	defer b.s.mu.Unlock()
	t.gone = false
}

// editTicker changes the job, or takes the schedule away and brings it back.
func (b *backend) editTicker(t *ticker) {
	b.s.mu.Lock()
	version, gone, edit := t.version, t.gone, t.edited
	t.edited++
	b.s.mu.Unlock()
	switch {
	case version == 0:
	case gone || edit%3 == 0:
		b.s.happened("schedule: edited")
		b.putTicker(t)
	case edit%3 == 2 || t.fails == 2:
		b.removeTicker(t)
	default:
		b.s.happened("schedule: disabled")
		row := t.row
		row.Disabled = true
		b.putRow(wire.BucketSchedules, t.id, row.Encode())
		b.markGone(t)
	}
}

func (b *backend) removeTicker(t *ticker) {
	b.s.happened("schedule: deleted")
	kv, err := b.client.JetStream().KeyValue(context.Background(), wire.BucketSchedules)
	must(err)
	if err := kv.Delete(context.Background(), t.id); !errors.Is(err, jetstream.ErrKeyNotFound) {
		must(err)
	}
	b.markGone(t)
}

func (b *backend) markGone(t *ticker) {
	b.s.mu.Lock()
	defer b.s.mu.Unlock()
	t.gone = true
}

func (b *backend) putRow(bucket, key string, value []byte) {
	kv, err := b.client.JetStream().KeyValue(context.Background(), bucket)
	must(err)
	_, err = kv.Put(context.Background(), key, value)
	must(err)
}

// ticks waits until every schedule has run since the faults ended, or is done, and
// then takes them away: a simulation with them never comes to rest.
func (s *sim) ticks() {
	for end := time.Now().Add(patience); s.standing() != nil && time.Now().Before(end); {
		time.Sleep(time.Minute)
	}
	if t := s.standing(); t != nil {
		s.problem("%s stands still", t.id)
	}
	for _, t := range s.plan.tickers {
		s.backend.removeTicker(t)
	}
}

// standing is a schedule that should have run since the faults ended and has not.
func (s *sim) standing() *ticker {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, t := range s.plan.tickers {
		if over := t.gone || t.once() && t.ended; t.version > 0 && !over && !t.healed {
			return t
		}
	}
	return nil
}

// fire is the order that stands for a fire of a schedule; nil: the job is of none.
func (s *sim) fire(id, jobID string, body []byte) *order {
	i := slices.IndexFunc(s.plan.tickers, func(t *ticker) bool { return t.id == jobID })
	if i < 0 {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	o := s.fires[id]
	if o == nil {
		o = &order{id: id, once: true, of: s.plan.tickers[i], takes: s.plan.tickers[i].takes}
		s.fires[id] = o
	}
	if body != nil && len(o.variants) == 0 {
		o.variants, o.arrived = [][]byte{body}, true
	}
	return o
}

// fireOf notes a command that a ledger has open, if it is a fire.
func (s *sim) fireOf(r command.Recovered) {
	if r.Result != nil {
		result, err := wire.DecodeResult(r.Result)
		must(err)
		s.fire(result.RequestID, result.ManifestID, r.Body)
	} else if c, err := wire.DecodeCommand(r.Body); err == nil {
		s.fire(c.RequestID, c.ID, r.Body)
	}
}

func (s *sim) allFires() []*order {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []*order
	for _, id := range slices.Sorted(maps.Keys(s.fires)) {
		all = append(all, s.fires[id])
	}
	return all
}

// tick runs a fire.
func (l *life) tick(ctx context.Context, o *order, j Job) error {
	if !j.Command.DeadlineAt.IsZero() {
		o.deadline = j.Command.DeadlineAt.Sub(l.s.began)
	}
	if !l.startOf(o, start{l.n, 0, j.Attempt}) {
		return errCut
	}
	defer l.endOf(o)
	l.tickStarts(o)
	defer l.tickEnds(o.of)
	if err := l.work(ctx, o); err != nil {
		return err
	}
	_, _ = io.WriteString(j.Stdout, o.output(0))
	if o.code == 0 {
		l.s.mu.Lock()
		defer l.s.mu.Unlock()
		o.of.ended = true
		return nil
	}
	return &ExitError{Code: o.code}
}

func (l *life) tickStarts(o *order) {
	if connected, _ := l.client.Conn().State(); !connected {
		l.s.happened("schedule: fired without a broker")
	}
	l.s.mu.Lock()
	defer l.s.mu.Unlock()
	t := o.of
	if t.ran++; t.ran <= t.fails {
		o.code = 3
	}
	t.healed = t.healed || l.s.healthy
	if t.running++; t.running > 1 {
		l.s.problems = append(l.s.problems, t.id+" overlaps itself")
	}
	if t.done && !l.s.undone {
		l.s.problems = append(l.s.problems, t.id+" was done, and is done again")
	}
}

func (l *life) tickEnds(t *ticker) {
	l.s.mu.Lock()
	defer l.s.mu.Unlock()
	t.running--
}

// isPromised: a fire that was started, or whose verdict is on disk, has a result in
// the end.
func (o *order) isPromised() bool { return len(o.starts) > 0 || o.verdict != "" }

// checkFires: every fire that the agent took has one result.
func (s *sim) checkFires() {
	for _, o := range s.allFires() {
		if len(o.results) == 0 {
			if o.isPromised() {
				s.problem("%s of %s has no result", o.id, o.of.id)
			}
			continue
		}
		s.checkResults(o)
		s.checkVerdict(o)
		s.checkStarts(o, o.results[0])
		s.happened("fire: " + resultKind(o.results[0]))
	}
}
