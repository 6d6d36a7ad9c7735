package command

import (
	"context"
	"errors"

	"github.com/kanade-go/kanade/agent/internal/delivery"
	"github.com/kanade-go/kanade/agent/internal/supervise"
)

// record commits the batch. While the disk fails, or has no room for results, it holds a batch with live
// copies, which nobody would deliver again, and with it all that comes after: the
// subscriptions buffer. A full ledger is no passing fault; it turns all away.
func (a *admitter) record(ctx context.Context, batch []Admission, arrivals []arrival) error {
	if len(batch) == 0 {
		return nil
	}
	for {
		err := a.accept(batch)
		a.report(ctx, err, len(batch))
		if err == nil || errors.Is(err, errLedgerFull) || errors.Is(err, errLineTooLong) || live(arrivals) == 0 {
			return err
		}
		if !supervise.Sleep(ctx, holdPause) {
			a.letGo += live(arrivals)
			return err
		}
	}
}

// live is how many commands that nobody would deliver again wait for the commit.
func live(arrivals []arrival) (n int) {
	for _, x := range arrivals {
		if x.first && x.Source == delivery.Live {
			n++
		}
	}
	return n
}

// reportLetGo tells at the end how many commands a stop has let go of.
func (a *admitter) reportLetGo() {
	if a.letGo > 0 {
		a.log.Warn("live commands were let go at the stop: they or their results could not be stored", "commands", a.letGo)
	}
}

// report tells a change of the ledger's health once.
func (a *admitter) report(ctx context.Context, err error, commands int) {
	switch {
	case err != nil && !a.refusing:
		a.log.Error("commands are not accepted: they or their results could not be stored", "error", err)
		a.events.Observe(ctx, "command_admission_unavailable", map[string]string{"error": err.Error()})
	case err == nil && a.refusing:
		a.log.Info("commands are accepted again")
	}
	a.refusing = err != nil
	if err != nil {
		a.counters.unrecorded.Add(uint64(commands))
	}
}
