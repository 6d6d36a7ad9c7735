package outbox

import (
	"errors"
	"time"
)

// launch publishes the record of a taken entry.
func (d *delivery) launch(s *session, e *entry, r Record) {
	if e.tries == 0 {
		e.sentSeen = uint16(d.o.count.sent.Load())
	}
	m := message(r)
	if d.o.opt.beforeRemove == nil {
		r = Record{}
	}
	f := d.takeOff(e, r)
	if err := d.sender.send(s, f.token, m); err != nil {
		d.answered(s, f.token, answer{err: err})
	}
}

func (d *delivery) takeOff(e *entry, r Record) *flight {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.token++
	f := &flight{token: d.token, e: e, r: r, sent: time.Now()}
	d.flights[f.token] = f
	d.live.push(f)
	return f
}

// land takes a flight out of the books. It returns nil when somebody else has
// done that: its answer came too late.
func (d *delivery) land(token uint64, ack bool) (f *flight, wake bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	f = d.flights[token]
	if f == nil {
		return nil, false
	}
	d.forgetLocked(f)
	if ack {
		d.acked = max(d.acked, token)
	}
	d.ended++
	first := d.live.first
	wake = first == nil || d.ended >= d.o.opt.window/8 || time.Since(first.sent) >= overtakenAfter
	switch {
	case wake:
		d.ended = 0
	case d.ended == 1:
		d.nudge.Reset(nudgeAfter)
	}
	return f, wake
}

func (d *delivery) forgetLocked(f *flight) {
	delete(d.flights, f.token)
	if f.late {
		d.late.remove(f)
	} else {
		d.live.remove(f)
	}
}

var errNoAck = errors.New("publisher returned neither acknowledgement nor error")

// nudgeAfter is the longest that a free place in the window waits for others.
const nudgeAfter = time.Millisecond

// answered is called for each flight that gets an answer of whatever kind.
// Waking the loop for every eighth of a window makes it publish in batches.
func (d *delivery) answered(s *session, token uint64, a answer) {
	if a.err == nil && a.ack == nil {
		a.err = errNoAck
	}
	f, wake := d.land(token, a.err == nil)
	if f == nil {
		return
	}
	if a.err == nil {
		d.acknowledged(s, f, a.ack)
	} else {
		d.failed(s, f, a.err)
	}
	if wake {
		d.o.signal()
	}
}

// sweep lets others have the places of the flights that were overtaken, and
// ends those that have waited long enough.
func (d *delivery) sweep(s *session, now time.Time) {
	for _, f := range d.findOvertaken(now) {
		d.o.index.overtaken(f.e, d.sender.keeps())
	}
	for _, f := range d.findSilent(now) {
		d.failed(s, f, errNoAnswer)
	}
}

func (d *delivery) findOvertaken(now time.Time) []*flight {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.ended = 0
	var found []*flight
	for f := d.live.first; f != nil && now.Sub(f.sent) >= overtakenAfter && d.mayLeaveLocked(f, now); f = d.live.first {
		d.live.remove(f)
		f.late = true
		d.late.push(f)
		found = append(found, f)
	}
	return found
}

// mayLeaveLocked: a record that has hung before makes room for others whatever
// happens. Of the rest, one after the other does even while nothing is answered,
// to find out whether all of them hang or just the window.
func (d *delivery) mayLeaveLocked(f *flight, now time.Time) bool {
	if d.o.opt.window == 1 {
		return false // its order was asked for
	}
	if f.token < d.acked || f.e.refusals > 0 {
		return true
	}
	if now.Sub(d.forced) < overtakenAfter {
		return false
	}
	d.forced = now
	d.o.index.unanswered()
	return true
}

func (d *delivery) findSilent(now time.Time) []*flight {
	d.mu.Lock()
	defer d.mu.Unlock()
	var found []*flight
	for _, list := range []*flights{&d.late, &d.live} {
		for f := list.first; f != nil && now.Sub(f.sent) >= ackWait; f = list.first {
			d.forgetLocked(f)
			found = append(found, f)
		}
	}
	return found
}

// nextSweep is when a sweep may find something.
func (d *delivery) nextSweep() (at time.Time, ok bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if f := d.late.first; f != nil {
		at, ok = f.sent.Add(ackWait), true
	}
	f := d.live.first
	if f == nil {
		return at, ok
	}
	next := f.sent.Add(ackWait)
	if d.o.opt.window > 1 {
		next = f.sent.Add(overtakenAfter)
	}
	if again := d.forced.Add(overtakenAfter); f.token > d.acked && f.e.refusals == 0 && again.After(next) {
		next = again
	}
	if !ok || next.Before(at) {
		at = next
	}
	return at, true
}

// abandon gives up what waits for an answer: none can come any more.
func (d *delivery) abandon() {
	d.mu.Lock()
	var all []*flight
	for _, f := range d.flights {
		d.forgetLocked(f)
		all = append(all, f)
	}
	d.mu.Unlock()
	for _, f := range all {
		d.o.index.release(f.e)
	}
}
