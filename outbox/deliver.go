package outbox

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"maps"
	"os"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/kanade-go/kanade/outbox/atomicfile"
	"github.com/kanade-go/kanade/retry"
)

// read loads the record of an entry, or gives the entry back.
func (d *delivery) read(s *session, e *entry) (r Record, ok bool) {
	r, err := d.o.readFile(e.file, e.size)
	if err != nil {
		d.unread(s, e, err)
		return Record{}, false
	}
	d.o.index.setCorrupt(e, false)
	return withQueued(r, e), true
}

func withQueued(r Record, e *entry) Record {
	if r.Queued.IsZero() {
		r.Queued = time.Unix(0, e.modTime)
	}
	return r
}

func (d *delivery) unread(s *session, e *entry, err error) {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		d.o.opt.log.Debug("pending file is gone", "file", e.file)
		d.o.index.drop(e)
	case errors.As(err, new(*undecodable)):
		d.o.index.setCorrupt(e, true)
		e.tries.add()
		d.report.note(e, err)
		d.setAside(e, ReasonUnreadable, err)
	default:
		d.putOff(s, e, err)
	}
}

// loadLarge makes the record of a large file in a goroutine of its own.
func (d *delivery) loadLarge(s *session, e *entry) {
	d.loads.do(func() {
		defer d.o.signal()
		r, err := d.o.readLarge(s.online, e)
		if err == nil {
			d.o.index.setCorrupt(e, false)
			d.o.index.loaded(e, int64(len(r.Data)))
			d.launch(s, e, withQueued(r, e))
			return
		}
		if errors.Is(err, ErrUnreadable) {
			err = &undecodable{err}
		}
		if retry.IsPermanent(err) && d.mayTry(s) {
			e.tries.add()
			d.report.note(e, err)
			d.setAside(e, ReasonRefused, err)
			return
		}
		d.unread(s, e, err)
	})
}

func (o *Outbox) readLarge(ctx context.Context, e *entry) (Record, error) {
	f, err := o.opt.fs.OpenFile(o.path(e.file), os.O_RDONLY, 0)
	if err != nil {
		return Record{}, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return Record{}, err
	}
	r, err := o.loadRecord(ctx, e.name(), section(f, info), info)
	if err != nil {
		return Record{}, err
	}
	return o.checked(e.file, r, nil, nil)
}

// loadRecord makes a panic a permanent error: the same file would only cause it again.
func (o *Outbox) loadRecord(ctx context.Context, name string, file io.ReadSeeker, info fs.FileInfo) (r Record, err error) {
	panicked := true
	defer func() {
		if panicked {
			err = retry.Permanent(err)
		}
	}()
	defer caught("load hook", &err)
	r, err = o.opt.loadLarge(ctx, name, file, info)
	panicked = false
	return r, err
}

func message(r Record) *nats.Msg {
	header := make(nats.Header, len(r.Header)+1)
	maps.Copy(header, r.Header)
	if r.MsgID != "" {
		header[jetstream.MsgIDHeader] = []string{r.MsgID}
	}
	return &nats.Msg{Subject: r.Subject, Header: header, Data: r.Data}
}

// acknowledged ends a flight well.
func (d *delivery) acknowledged(s *session, f *flight, ack *jetstream.PubAck) {
	d.o.index.delivered()
	d.o.count.sent.Add(1)
	if ack.Duplicate {
		d.o.count.duplicates.Add(1)
	}
	e := f.e
	e.acked, e.tries, e.refusals = true, 0, 0
	if d.o.index.isLarge(e) {
		e.owed = &f.r
	}
	if d.o.opt.beforeRemove == nil {
		d.finish(s, e, Record{})
		return
	}
	d.work.do(func() { d.finish(s, e, f.r); d.o.signal() })
}

// owed finishes an entry whose hook or removal had failed after its
// acknowledgement.
func (d *delivery) owed(s *session, e *entry) {
	d.work.do(func() {
		defer d.o.signal()
		switch {
		case d.o.opt.beforeRemove == nil:
			d.finish(s, e, Record{})
		case e.owed != nil:
			d.finish(s, e, *e.owed)
		default:
			if r, ok := d.read(s, e); ok {
				d.finish(s, e, r)
			}
		}
	})
}

// finish ends the record: once the hook has agreed, nothing needs the file.
func (d *delivery) finish(s *session, e *entry, r Record) {
	if err := d.o.agreed(s.ctx, r); err != nil {
		d.putOff(s, e, err)
		return
	}
	err := atomicfile.TryRemove(d.o.opt.fs, d.o.path(e.file))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		d.putOff(s, e, err)
		return
	}
	if e.stuck() {
		d.o.removeReason(e.file)
	}
	d.o.index.drop(e)
	d.report.delivered()
}

// agreed asks the hook whether the file may go.
func (o *Outbox) agreed(ctx context.Context, r Record) (err error) {
	if o.opt.beforeRemove == nil {
		return nil
	}
	defer caught("hook before the removal", &err)
	return o.opt.beforeRemove(ctx, r)
}

// failed ends a flight that brought no acknowledgement.
func (d *delivery) failed(s *session, f *flight, err error) {
	e := f.e
	if !d.mayTry(s) {
		d.o.index.release(e)
		return
	}
	sent := uint16(d.o.count.sent.Load())
	others := sent != e.sentSeen
	e.sentSeen = sent
	what := classify(err)
	if what == unavailable || what == silent && !others {
		d.o.index.unavailable()
	}
	if kind, bad := d.verdict(e, what, others); bad {
		e.tries.add()
		d.o.count.failed.Add(1)
		d.report.note(e, err)
		d.setAside(e, kind, err)
		return
	}
	d.putOff(s, e, err)
}

// verdict tells whether a failure brings its record into quarantine.
func (d *delivery) verdict(e *entry, what class, others bool) (kind ReasonKind, bad bool) {
	if what == forGood {
		return ReasonRefused, true
	}
	if what == refused && e.stuck() {
		return ReasonRepeated, true
	}
	if what == unavailable || !others {
		return "", false
	}
	e.refusals.add()
	return ReasonRepeated, e.stuck() || int(e.refusals) >= d.o.opt.quarantine
}

func (d *delivery) setAside(e *entry, kind ReasonKind, err error) {
	why := Reason{When: time.Now().UTC(), Kind: kind, Why: err.Error()}
	d.work.do(func() { d.o.setAside(e, why); d.o.signal() })
}

// putOff gives a record back that failed. A failure while the connection is
// gone, or because Drain ends, is not the record's.
func (d *delivery) putOff(s *session, e *entry, err error) {
	if !d.mayTry(s) {
		d.o.index.release(e)
		return
	}
	e.tries.add()
	wait := d.o.opt.backoff.Jittered(int(e.tries))
	d.o.count.failed.Add(1)
	d.report.failed(e, err, wait)
	d.o.index.postpone(e, time.Now().Add(wait))
	d.o.signal()
}
