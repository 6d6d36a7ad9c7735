package outbox

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"
)

// delivery is one call of Drain or Flush.
type delivery struct {
	o         *Outbox
	publisher Publisher
	workers   sync.WaitGroup
	report    report
	nextScan  time.Time
}

func newDelivery(o *Outbox, p Publisher) *delivery {
	return &delivery{o: o, publisher: p, report: report{log: o.opt.log}}
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

// session delivers until the connection changes. What is under way then is
// given up: its acknowledgement can no longer come.
func (d *delivery) session(ctx context.Context, changed <-chan struct{}) {
	online, cancel := context.WithCancel(ctx)
	defer cancel()
	d.o.index.promoteAll()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		d.rescanIfDue()
		d.o.index.promote(time.Now())
		d.start(ctx, online)
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
	retry, ok := d.o.index.nextRetry()
	if ok && retry.Before(d.nextScan) {
		return retry
	}
	return d.nextScan
}

func (d *delivery) rescanIfDue() {
	if time.Now().Before(d.nextScan) {
		return
	}
	d.nextScan = time.Now().Add(rescanEvery - rescanJitter + rand.N(2*rescanJitter))
	if err := d.o.rescan(); err != nil {
		d.o.opt.log.Warn("outbox folder cannot be listed", "error", err)
	}
}

// start fills the window: it reads as many records as there is room for, then
// lets all of them go. Publishes that leave together cost the client and the
// broker far less than the same number one by one.
func (d *delivery) start(ctx, online context.Context) {
	for {
		all := d.load(online)
		if len(all) == 0 {
			return
		}
		for _, l := range all {
			d.workers.Go(func() {
				d.deliverRecord(ctx, online, l.e, l.r)
				d.o.signal()
			})
		}
	}
}

type loaded struct {
	e *entry
	r Record
}

func (d *delivery) load(online context.Context) []loaded {
	var all []loaded
	for d.mayTry(online) {
		e := d.o.index.take()
		if e == nil {
			break
		}
		if r, ok := d.read(online, e); ok {
			all = append(all, loaded{e, r})
		}
	}
	return all
}

// mayTry tells whether a failure now would be one of the record's own.
func (d *delivery) mayTry(online context.Context) bool {
	up, _ := d.o.connection()
	return up && online.Err() == nil
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
	d.workers.Wait()
	return d.report.summary()
}

// pass ends when the quota is used up and nothing is in flight.
func (d *delivery) pass(ctx context.Context) error {
	online, cancel := context.WithCancel(ctx)
	defer cancel()
	up, changed := d.o.connection()
	for up {
		d.start(ctx, online)
		if d.o.index.quotaUsed() {
			return nil
		}
		select {
		case <-d.o.wake:
		case <-changed:
			return ErrNotConnected
		case <-ctx.Done():
			return fmt.Errorf("%d records pending: %w", d.o.Stats().Pending, ctx.Err())
		}
	}
	return ErrNotConnected
}
