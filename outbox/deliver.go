package outbox

import (
	"bufio"
	"context"
	"errors"
	"io"
	"io/fs"
	"maps"
	"os"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// read loads the record of an entry, or gives the entry back.
func (d *delivery) read(online context.Context, e *entry) (r Record, ok bool) {
	r, err := d.o.readFile(e.file, e.size)
	switch {
	case err == nil:
		return r, true
	case errors.Is(err, fs.ErrNotExist):
		d.o.opt.log.Debug("pending file is gone", "file", e.file)
		d.o.index.drop(e)
	case errors.As(err, new(*undecodable)):
		d.report.corrupt(e, err)
		d.o.index.setCorrupt(e)
	default:
		d.putOff(online, e, err)
	}
	return Record{}, false
}

func (d *delivery) deliverRecord(ctx, online context.Context, e *entry, r Record) {
	if r.Queued.IsZero() {
		r.Queued = time.Unix(0, e.modTime)
	}
	if !e.acked {
		if err := d.publish(online, r); err != nil {
			d.publishFailed(online, e, err)
			return
		}
		e.acked, e.tries = true, 0
	}
	if err := d.remove(ctx, e.file, r); err != nil {
		d.putOff(online, e, err)
		return
	}
	d.o.index.drop(e)
	d.report.delivered()
}

var errNoAck = errors.New("publisher returned neither acknowledgement nor error")

func (d *delivery) publish(online context.Context, r Record) error {
	ctx, cancel := context.WithTimeout(online, ackWait)
	defer cancel()
	ack, err := d.publisher.PublishMsg(ctx, message(r))
	if err != nil {
		return err
	}
	if ack == nil {
		return errNoAck
	}
	d.o.index.published()
	d.o.count.sent.Add(1)
	if ack.Duplicate {
		d.o.count.duplicates.Add(1)
	}
	return nil
}

func message(r Record) *nats.Msg {
	header := make(nats.Header, len(r.Header)+1)
	maps.Copy(header, r.Header)
	if r.MsgID != "" {
		header.Set(jetstream.MsgIDHeader, r.MsgID)
	}
	return &nats.Msg{Subject: r.Subject, Header: header, Data: r.Data}
}

func (d *delivery) publishFailed(online context.Context, e *entry, err error) {
	if d.mayTry(online) {
		d.o.index.refused()
	}
	d.putOff(online, e, err)
}

// remove ends the record: once the hook has agreed, nothing needs the file.
func (d *delivery) remove(ctx context.Context, file string, r Record) error {
	if hook := d.o.opt.beforeRemove; hook != nil {
		if err := hook(ctx, r); err != nil {
			return err
		}
	}
	err := d.o.opt.fs.Remove(d.o.path(file))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// putOff gives a record back that failed. A failure while the connection is
// gone, or because Drain ends, is not the record's.
func (d *delivery) putOff(online context.Context, e *entry, err error) {
	if !d.mayTry(online) {
		d.o.index.release(e)
		return
	}
	e.tries++
	wait := d.o.opt.backoff.Jittered(e.tries)
	d.o.count.failed.Add(1)
	d.report.failed(e, err, wait)
	d.o.index.postpone(e, time.Now().Add(wait))
}

// undecodable is the error of a file that was read but is no record.
type undecodable struct{ err error }

func (u *undecodable) Error() string { return u.err.Error() }
func (u *undecodable) Unwrap() error { return u.err }

// readFile decodes a pending file. size is what the folder said of it; it only
// sets the buffer, so that a small file takes one read and one for its end.
func (o *Outbox) readFile(file string, size int64) (Record, error) {
	f, err := o.opt.fs.OpenFile(o.path(file), os.O_RDONLY, 0)
	if err != nil {
		return Record{}, err
	}
	defer f.Close()
	name := strings.TrimSuffix(file, fileSuffix)
	in := &readFault{r: f}
	buffer := int(min(max(size+1, minBuffer), maxBuffer))
	r, err := o.opt.codec.Decode(name, bufio.NewReaderSize(in, buffer))
	if in.err != nil {
		return Record{}, in.err
	}
	if err == nil {
		err = checkMessage(r)
	}
	if err != nil {
		return Record{}, &undecodable{err}
	}
	if r.Name == "" {
		r.Name = name
	}
	return r, nil
}

const (
	minBuffer = 512 // what io.ReadAll begins with
	maxBuffer = 64 << 10
)

// readFault remembers that reading failed, whatever the codec makes of it.
type readFault struct {
	r   io.Reader
	err error
}

func (f *readFault) Read(p []byte) (int, error) {
	n, err := f.r.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		f.err = err
	}
	return n, err
}
