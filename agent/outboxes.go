package agent

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/kanade-go/kanade/agent/internal/command"
	"github.com/kanade-go/kanade/agent/internal/events"
	"github.com/kanade-go/kanade/agent/internal/offload"
	"github.com/kanade-go/kanade/agent/wire"
	"github.com/kanade-go/kanade/outbox"
	"github.com/kanade-go/kanade/retry"
)

// The folders are the contract's, so that full outboxes change hands when one
// release replaces another.
const (
	resultsFolder      = "outbox"
	startsFolder       = "events-outbox"
	observationsFolder = "obs-outbox"
)

// boxes are the outboxes, each with its policy: a full results box pushes back,
// until no new command starts; of the others the oldest records give way.
type boxes struct {
	results      *outbox.Outbox
	starts       *outbox.Outbox
	observations *outbox.Outbox
	inventory    *outbox.Outbox // nil: nothing is to be published
}

func (a *Agent) openBoxes(p *parts) error {
	floor := a.diskFloor(p.dir.Path("."))
	p.floor = floor
	for _, box := range []struct {
		into   **outbox.Outbox
		folder string
		codec  outbox.Codec
		opts   []outbox.Option
	}{
		{&p.boxes.results, resultsFolder, resultCodec{resultRecord}, []outbox.Option{
			outbox.WithBeforeRemove(afterFinish(p.ledger, a.cfg.ID)), outbox.WithLarge(offload.FileThreshold, a.offloader(p).Load),
			outbox.WithLimit(100_000, 2<<30), outbox.WithOverflow(outbox.OverflowReject),
		}},
		{&p.boxes.starts, startsFolder, payloadCodec(startRecord), []outbox.Option{
			outbox.WithLimit(100_000, 64<<20), outbox.WithFreeDisk(floor), outbox.WithOverflow(outbox.OverflowDropOldest),
		}},
		{&p.boxes.observations, observationsFolder, payloadCodec(observationRecord), []outbox.Option{
			outbox.WithLimit(100_000, 256<<20), outbox.WithFreeDisk(floor), outbox.WithOverflow(outbox.OverflowDropOldest),
		}},
	} {
		opened, err := a.openBox(p, box.folder, box.codec, box.opts...)
		if err != nil {
			return err
		}
		*box.into = opened
	}
	return a.openInventoryBox(p)
}

func (a *Agent) openBox(p *parts, folder string, codec outbox.Codec, opts ...outbox.Option) (*outbox.Outbox, error) {
	opts = append(opts, outbox.WithCodec(codec), outbox.WithTransport(p.transport),
		outbox.WithLogger(a.log.With("component", folder)), outbox.WithFS(a.opts.fs), outbox.WithBeat(p.beat.Until))
	opened, err := outbox.Open(p.dir.Path(folder), opts...)
	if err != nil {
		return nil, fmt.Errorf("agent: open %s: %w", folder, err)
	}
	return opened, nil
}

// diskFloor does without a floor rather than without an agent.
func (a *Agent) diskFloor(dir string) int64 {
	floor, err := diskFloor(dir)
	if err != nil {
		a.log.Warn("the size of the disk is not known; telemetry leaves no space free on it", "error", err)
		return 0
	}
	return floor
}

// all returns the boxes that are open, the most important first.
func (b boxes) all() []*outbox.Outbox {
	var open []*outbox.Outbox
	for _, box := range []*outbox.Outbox{b.results, b.starts, b.observations, b.inventory} {
		if box != nil {
			open = append(open, box)
		}
	}
	return open
}

func (b boxes) close() error {
	var errs []error
	for _, box := range b.all() {
		errs = append(errs, box.Close())
	}
	return errors.Join(errs...)
}

// offloader makes the messages of results whose output is too large to travel
// inside.
func (a *Agent) offloader(p *parts) *offload.Offloader {
	return offload.New(p.js, maxPayload(p.transport), func(data []byte) (outbox.Record, error) {
		return resultRecord("", data)
	}, a.log.With("component", "offload"))
}

// maxPayload asks the transport how large a message may be, if it can tell.
func maxPayload(t retry.Transport) func() int64 {
	if m, ok := t.(interface{ MaxPayload() int64 }); ok {
		return m.MaxPayload
	}
	return func() int64 { return 0 }
}

// resultSink names results by their request, as the contract does. In a folder
// that another pc_id has used, a result of that host for the same request (a
// command to all) may still be there and must not be taken for ours, so there
// the result ID is the name.
func (p *parts) resultSink() command.Sink {
	var sink command.Sink = p.boxes.results
	if p.inherited {
		sink = byResultID{p.boxes.results}
	}
	return roomySink{scheduledSink{sink, p.schedule}, p.boxes.results, p.floor}
}

type byResultID struct{ *outbox.Outbox }

func (b byResultID) Put(ctx context.Context, r outbox.Record) error {
	r.Name = r.MsgID
	return b.Outbox.Put(ctx, r)
}

// payloadCodec is the contract's file form: the payload and nothing else. The
// function says what follows from it: name, subject, message ID.
type payloadCodec func(name string, data []byte) (outbox.Record, error)

func (payloadCodec) Encode(w io.Writer, r outbox.Record) error {
	_, err := w.Write(r.Data)
	return err
}

func (c payloadCodec) Decode(name string, file io.Reader) (outbox.Record, error) {
	data, err := io.ReadAll(file)
	if err != nil {
		return outbox.Record{}, err
	}
	return c(name, data)
}

// resultCodec looks at a large result without holding it in memory.
type resultCodec struct{ payloadCodec }

func (resultCodec) Verify(_ string, file io.Reader) error { return offload.Verify(file) }

func resultRecord(_ string, data []byte) (outbox.Record, error) {
	r, err := wire.DecodeResult(data)
	if err != nil {
		return outbox.Record{}, fmt.Errorf("agent: read result: %w", err)
	}
	if r.ResultID == "" {
		r.ResultID = wire.ResultID(r.RequestID, r.PCID)
	}
	return outbox.Record{
		Name: r.RequestID, MsgID: r.ResultID, Subject: wire.ResultSubject(r.RequestID), Data: data,
	}, nil
}

func startRecord(_ string, data []byte) (outbox.Record, error) {
	e, err := wire.DecodeEventStarted(data)
	if err != nil {
		return outbox.Record{}, fmt.Errorf("agent: read started event: %w", err)
	}
	return events.StartRecord(e, data), nil
}

func observationRecord(name string, data []byte) (outbox.Record, error) {
	e, err := wire.DecodeObsEvent(data)
	if err != nil {
		return outbox.Record{}, fmt.Errorf("agent: read observation: %w", err)
	}
	return events.ObservationRecord(name, e, data), nil
}

// closeWait bounds the wait for a ledger entry to be finished on disk; after it
// the outbox tries again by itself.
const closeWait = 10 * time.Second

// afterFinish lets a result go only when the ledger has closed its command on
// disk: without that a restart would report the command a second time. What is
// not the result of a command on this host, but a refusal whose request ID was
// accepted later, or another host's, has nothing to wait for.
func afterFinish(l *command.Ledger, pcID string) func(context.Context, outbox.Record) error {
	return func(ctx context.Context, r outbox.Record) error {
		if r.MsgID != wire.ResultID(r.Name, pcID) {
			return nil
		}
		ctx, cancel := context.WithTimeout(ctx, closeWait)
		defer cancel()
		return l.WaitFinished(ctx, l.KeyOf(r.Name))
	}
}
