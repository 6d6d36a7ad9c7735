package outbox

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// delivery is one call of Drain or Flush.
type delivery struct {
	o        *Outbox
	sender   sender
	work     pool // hooks, removals that had failed, quarantine
	loads    pool // large files
	report   report
	nextScan time.Time
	batch    []loaded

	mu      sync.Mutex
	token   uint64 // of the latest flight
	flights map[uint64]*flight
	live    flights   // in the window
	late    flights   // out of it, their answer may still come
	acked   uint64    // the latest flight that has its acknowledgement
	ended   int       // flights since the last wake-up
	forced  time.Time // when the window was last made wider by one
	nudge   *time.Timer
}

// session is the time between a connect and a disconnect. What is under way at
// its end is given up: its acknowledgement can no longer come.
type session struct {
	ctx    context.Context // of the Drain or Flush
	online context.Context // ends with the session
}

func newDelivery(o *Outbox, p Publisher) *delivery {
	d := &delivery{
		o: o, report: report{log: o.opt.log}, flights: map[uint64]*flight{},
		work: pool{max: o.opt.window}, loads: pool{max: maxLoads},
	}
	d.nudge = time.AfterFunc(time.Hour, o.signal)
	d.sender = newSender(d, p)
	return d
}

// end waits for everything the delivery has begun.
func (d *delivery) end() {
	d.sender.stop()
	d.loads.wait()
	d.work.wait()
	d.nudge.Stop()
}

// connection is what the transport says; without one it is always up.
func (o *Outbox) connection() (up bool, changed <-chan struct{}) {
	if o.opt.transport == nil {
		return true, nil
	}
	return o.opt.transport.State()
}

func (d *delivery) drain(ctx context.Context) {
	for ctx.Err() == nil {
		up, changed := d.o.connection()
		if up {
			d.session(ctx, changed)
			continue
		}
		select {
		case <-changed:
		case <-ctx.Done():
		}
	}
}

func (d *delivery) begin(ctx context.Context) (s *session, end func()) {
	online, cancel := context.WithCancel(ctx)
	s = &session{ctx: ctx, online: online}
	return s, func() {
		cancel()
		d.loads.wait()
		d.sender.settle()
		d.abandon()
	}
}

// session delivers until the connection changes.
func (d *delivery) session(ctx context.Context, changed <-chan struct{}) {
	s, end := d.begin(ctx)
	defer end()
	d.o.index.promoteAll()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		now := time.Now()
		d.rescanIfDue(now)
		d.o.index.promote(now)
		d.sweep(s, now)
		d.start(s)
		timer.Reset(time.Until(d.nextEvent()))
		select {
		case <-d.o.wake:
		case <-timer.C:
		case <-changed:
			return
		case <-ctx.Done():
			return
		}
	}
}

// nextEvent is when something may be due that nobody signals.
func (d *delivery) nextEvent() time.Time {
	next := d.nextScan
	for _, due := range []func() (time.Time, bool){d.o.index.nextDue, d.nextSweep} {
		if at, ok := due(); ok && at.Before(next) {
			next = at
		}
	}
	return next
}

func (d *delivery) rescanIfDue(now time.Time) {
	if now.Before(d.nextScan) {
		return
	}
	wait := max(d.o.opt.beat(rescanEvery), minBeat)
	if d.nextScan.IsZero() {
		wait = secondScan
	}
	d.nextScan = now.Add(wait)
	if err := d.o.rescan(); err != nil {
		d.o.opt.log.Warn("outbox folder cannot be listed", "error", err)
	}
}

// maxBatch bounds how many records are read ahead of their publish.
const maxBatch = 64

// start fills the window: it reads a batch of records, then lets all of them go.
// Publishes that leave together cost the client and the broker far less than the
// same number one by one.
func (d *delivery) start(s *session) {
	for d.load(s); len(d.batch) > 0; d.load(s) {
		for _, l := range d.batch {
			d.launch(s, l.e, l.r)
		}
		clear(d.batch)
	}
}

type loaded struct {
	e *entry
	r Record
}

func (d *delivery) load(s *session) {
	d.batch = d.batch[:0]
	for len(d.batch) < maxBatch && d.mayTry(s) {
		e := d.o.index.take(time.Now())
		if e == nil {
			break
		}
		switch {
		case e.acked:
			d.owed(s, e)
		case d.o.index.isLarge(e):
			d.loadLarge(s, e)
		default:
			if r, ok := d.read(s, e); ok {
				d.batch = append(d.batch, loaded{e, r})
			}
		}
	}
}

// mayTry tells whether a failure now would be one of the record's own.
func (d *delivery) mayTry(s *session) bool {
	up, _ := d.o.connection()
	return up && s.online.Err() == nil
}

func (d *delivery) flush(ctx context.Context) error {
	if err := d.o.rescan(); err != nil {
		return err
	}
	d.o.index.promoteAll()
	if d.o.index.setQuota() == 0 {
		return nil
	}
	defer d.o.index.noQuota()
	if err := d.pass(ctx); err != nil {
		return err
	}
	d.work.wait()
	return d.report.summary()
}

// pass ends when the quota is used up and nothing is in flight.
func (d *delivery) pass(ctx context.Context) error {
	s, end := d.begin(ctx)
	defer end()
	timer := time.NewTimer(0)
	defer timer.Stop()
	up, changed := d.o.connection()
	for up {
		d.sweep(s, time.Now())
		d.start(s)
		if d.o.index.quotaUsed() {
			return nil
		}
		if at, ok := d.nextSweep(); ok {
			timer.Reset(time.Until(at))
		}
		select {
		case <-d.o.wake:
		case <-timer.C:
		case <-changed:
			return ErrNotConnected
		case <-ctx.Done():
			return fmt.Errorf("%d records pending: %w", d.o.Stats().Pending, ctx.Err())
		}
	}
	return ErrNotConnected
}

// answer is what came of a flight.
type answer struct {
	ack *jetstream.PubAck
	err error
}
