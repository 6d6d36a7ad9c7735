package command

import (
	"context"
	"time"

	"github.com/kanade-go/kanade/agent/wire"
	"github.com/kanade-go/kanade/outbox"
	"github.com/kanade-go/kanade/retry"
)

// Sink takes results; an outbox fits.
type Sink interface {
	Put(ctx context.Context, r outbox.Record) error
}

// storeBackoff paces the attempts to store a result on a disk that refuses it.
var storeBackoff = retry.Backoff{Min: time.Second, Max: time.Minute, Factor: 2, Jitter: 0.25}

// deliver stores a result and closes the ledger entry. A result that cannot be
// stored stays in memory, its entry started, until it can be.
func (p *performer) deliver(ctx context.Context, key Key, r wire.Result) {
	p.runs.disarm(r.ExecID, key)
	record := RecordOf(r)
	r.Stdout, r.Stderr = "", "" // the record may have to wait long enough
	_, err := retry.Forever(ctx, "store result "+r.RequestID, func(ctx context.Context) (struct{}, error) {
		if err := put(ctx, p.sink, record); err != nil {
			return struct{}{}, err
		}
		return struct{}{}, p.ledger.Finish(key)
	}, retry.WithBackoff(storeBackoff), retry.WithLogger(p.log))
	if err != nil {
		p.log.Error("a result was not stored; the next start reports the command as interrupted",
			"request_id", r.RequestID, "error", err)
		return
	}
	p.log.Info("command finished", "request_id", r.RequestID, "job", r.ManifestID, "exit_code", r.ExitCode)
}
