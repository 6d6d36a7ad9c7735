package command

import (
	"context"
	"errors"
	"slices"

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
		if err == nil || errors.Is(err, errLedgerFull) || errors.Is(err, errLineTooLong) || !holdsLive(arrivals) {
			return err
		}
		if !supervise.Sleep(ctx, holdPause) {
			return err
		}
	}
}

func holdsLive(arrivals []arrival) bool {
	return slices.ContainsFunc(arrivals, func(x arrival) bool { return x.recorded && x.Source == delivery.Live })
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
