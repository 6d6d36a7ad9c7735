package agent

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/kanade-go/kanade/agent/internal/command"
	"github.com/kanade-go/kanade/agent/wire"
	"github.com/kanade-go/kanade/outbox"
)

// resultsFolder is the contract's, so that a full outbox changes hands when
// one release replaces another.
const resultsFolder = "outbox"

// resultCodec is the contract's file form: the payload and nothing else.
// Subject and message ID follow from it.
type resultCodec struct{}

func (resultCodec) Encode(w io.Writer, r outbox.Record) error {
	_, err := w.Write(r.Data)
	return err
}

func (resultCodec) Decode(_ string, file io.Reader) (outbox.Record, error) {
	data, err := io.ReadAll(file)
	if err != nil {
		return outbox.Record{}, err
	}
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

// closeWait bounds the wait for a ledger entry to be finished on disk; after it
// the outbox tries again by itself.
const closeWait = 10 * time.Second

// afterFinish lets a result go only when the ledger has closed its command on
// disk: without that a restart would report the command a second time.
func afterFinish(l *command.Ledger) func(context.Context, outbox.Record) error {
	return func(ctx context.Context, r outbox.Record) error {
		ctx, cancel := context.WithTimeout(ctx, closeWait)
		defer cancel()
		return l.WaitFinished(ctx, l.KeyOf(r.Name))
	}
}
