package command

import (
	"context"
	"time"

	"github.com/kanade-go/kanade/agent/internal/supervise"
	"github.com/kanade-go/kanade/agent/wire"
	"github.com/kanade-go/kanade/outbox"
)

// put makes a panic of a sink, or of the logger that it was given, an error like any
// other of it: who stores a result tries again.
func put(ctx context.Context, s Sink, r outbox.Record) (err error) {
	defer supervise.Recover(&err)
	return s.Put(ctx, r)
}

// tell says that a run has begun. A panic there is no reason to end it.
func (p *performer) tell(ctx context.Context, c wire.Command, began time.Time) {
	var err error
	defer func() { p.survived("a started event", c, err) }()
	defer supervise.Recover(&err)
	p.events.Started(ctx, c, began)
}

// emit keeps the output in the result where storing it apart panics.
func (p *performer) emit(ctx context.Context, c wire.Command, stdout string) (all bool) {
	var err error
	defer func() { p.survived("what a script reports", c, err) }()
	defer supervise.Recover(&err)
	return p.events.Emit(ctx, c, stdout)
}

func (p *performer) survived(what string, c wire.Command, err error) {
	if err != nil {
		p.log.Error("storing "+what+" panicked", "request_id", c.RequestID, "error", err)
	}
}
