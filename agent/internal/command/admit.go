package command

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/kanade-go/kanade/agent/internal/delivery"
	"github.com/kanade-go/kanade/agent/internal/supervise"
	"github.com/kanade-go/kanade/agent/wire"
)

// Received is what a verifier sees of a command.
type Received struct {
	Data    []byte
	Subject string
	Source  delivery.Source
	Command wire.Command
}

// Verify decides whether a command may be trusted; an error is the reason why
// not.
type Verify func(ctx context.Context, r Received) error

const (
	// maxBatch and maxBatchBytes bound what shares one sync of the ledger.
	maxBatch      = 256
	maxBatchBytes = 8 << 20
	// maxRequestID bounds what is repeated in results; the longest in use is a
	// UUID.
	maxRequestID = 4096
	// answerTime bounds a verifier and the storing of a refusal.
	answerTime = 10 * time.Second
	// stopAnswers is how long after a stop's begin arrivals are still answered.
	stopAnswers = 2 * time.Second
	// holdPause spaces the attempts to record what will not be delivered again.
	holdPause = time.Second
)

// admitter takes deliveries to the ledger and settles them.
type admitter struct {
	ledger   *Ledger
	queue    *queue
	verdicts *queue
	runs     *runs
	sink     Sink
	gather   func(wire.Command) Facts
	verify   Verify
	// killWaiting answers a killed command that still waits.
	killWaiting func(Key)
	pcID        string
	now         func() time.Time
	log         *slog.Logger
	counters    *Counters

	refusing bool // the ledger could not be written last time
}

// arrival is one delivery on its way through a batch.
type arrival struct {
	delivery.Delivery
	command  wire.Command
	verdict  Verdict
	sum      Sum
	key      Key
	due      time.Time
	recorded bool // it waits for the batch's commit
	first    bool // it is the copy that was recorded
}

// run admits what arrives until in is closed.
func (a *admitter) run(ctx context.Context, in <-chan delivery.Delivery) error {
	batch := make([]delivery.Delivery, 0, maxBatch)
	answering, end := outlive(ctx, stopAnswers)
	defer end()
	for d := range in {
		batch = gatherBatch(append(batch[:0], d), in)
		a.admit(answering, batch)
		clear(batch)
	}
	return nil
}

// outlive returns a context that ends a while after its parent: what came in
// before a stop is still answered, but not for ever.
func outlive(parent context.Context, by time.Duration) (context.Context, func()) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(parent))
	stop := context.AfterFunc(parent, func() {
		supervise.Sleep(ctx, by)
		cancel()
	})
	return ctx, func() { stop(); cancel() }
}

// gatherBatch adds what has arrived already; it waits for nothing.
func gatherBatch(batch []delivery.Delivery, in <-chan delivery.Delivery) []delivery.Delivery {
	for size := len(batch[0].Data); len(batch) < maxBatch && size < maxBatchBytes; {
		select {
		case d, ok := <-in:
			if !ok {
				return batch
			}
			batch = append(batch, d)
			size += len(d.Data)
		default:
			return batch
		}
	}
	return batch
}

func (a *admitter) admit(ctx context.Context, batch []delivery.Delivery) {
	arrivals := make([]arrival, len(batch))
	var admissions []Admission
	inBatch := make(map[Key]Sum, len(batch))
	for i, d := range batch {
		arrivals[i] = arrival{Delivery: d}
		if a.judge(ctx, &arrivals[i], inBatch) {
			admissions = append(admissions, a.admission(&arrivals[i]))
		}
	}
	a.settle(arrivals, a.record(ctx, admissions, arrivals))
}

// judge decides about one arrival and says whether it is to be recorded.
func (a *admitter) judge(ctx context.Context, x *arrival, inBatch map[Key]Sum) bool {
	a.counters.received.Add(1)
	var err error
	x.command, err = wire.DecodeCommand(x.Data)
	switch id := x.command.RequestID; {
	case id == "" || len(id) > maxRequestID:
		a.drop(x, delivery.Term, "a command without a usable request ID was dropped", "error", err)
		return false
	case err != nil:
		x.verdict = Verdict{ExitCode: wire.ExitFailed, Reason: "not run: " + err.Error()}
	}
	x.sum = sha256.Sum256(x.Data)
	x.key = a.ledger.KeyOf(x.command.RequestID)
	if !a.isNew(x, inBatch) {
		return false
	}
	switch refusal := a.verified(ctx, x); {
	case refusal != nil && ctx.Err() != nil:
		x.Answer(delivery.Nak) // the agent stops; nobody has decided
		return false
	case refusal != nil:
		a.refuse(ctx, x, refusal)
		return false
	}
	if err == nil {
		x.verdict = Decide(x.command, a.gather(x.command))
	}
	if x.verdict.Run {
		a.runs.arm(x.command.ExecID, x.key) // a kill may come at once
	}
	inBatch[x.key] = x.sum
	x.recorded, x.first = true, true
	return true
}

// isNew answers copies of what is known. A copy inside the batch shares the
// fate of the first one.
func (a *admitter) isNew(x *arrival, inBatch map[Key]Sum) bool {
	known := a.ledger.Lookup(x.key, x.sum, x.Stamp)
	if sum, ok := inBatch[x.key]; ok {
		known = Duplicate
		x.recorded = sum == x.sum
		if !x.recorded {
			known = Conflict
		}
	}
	switch known {
	case Conflict:
		a.counters.conflicts.Add(1)
		a.drop(x, delivery.Ack, "a command was not run: its request ID was used before for another command",
			"request_id", x.command.RequestID, "job", x.command.ID)
	case Duplicate:
		a.counters.duplicates.Add(1)
		if !x.recorded {
			x.Answer(delivery.Ack)
		}
	}
	return known == Unknown
}

// verified asks the verifier. One that panics trusts nobody.
func (a *admitter) verified(ctx context.Context, x *arrival) (err error) {
	if a.verify == nil {
		return nil
	}
	defer func() {
		if value := recover(); value != nil {
			err = fmt.Errorf("the verifier panicked: %v", value)
		}
	}()
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	return a.verify(ctx, Received{Data: x.Data, Subject: x.Subject, Source: x.Source, Command: x.command})
}

// refuse answers a command that must not be trusted. It leaves no trace in the
// ledger, so that a corrected one may use the request ID again.
func (a *admitter) refuse(ctx context.Context, x *arrival, reason error) {
	a.counters.refused.Add(1)
	r := VerdictResult(x.command, a.pcID, Verdict{ExitCode: wire.ExitRefused, Reason: "refused: " + reason.Error()}, a.now())
	r.ResultID = wire.RefusalID(x.command.RequestID, a.pcID)
	record := RecordOf(r)
	record.Name = r.ResultID
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	if err := a.sink.Put(ctx, record); err != nil {
		a.log.Error("a refusal was not stored", "request_id", x.command.RequestID, "error", err)
		x.Answer(delivery.Nak)
		return
	}
	a.drop(x, delivery.Ack, "a command was refused", "request_id", x.command.RequestID, "error", reason)
}

func (a *admitter) drop(x *arrival, s delivery.Settlement, msg string, args ...any) {
	a.log.Warn(msg, append([]any{"subject", x.Subject, "source", x.Source}, args...)...)
	if s == delivery.Term {
		a.counters.unreadable.Add(1)
	}
	x.Answer(s)
}

func (a *admitter) admission(x *arrival) Admission {
	ad := Admission{Key: x.key, Sum: x.sum, Stamp: x.Stamp, Body: x.Data}
	if !x.verdict.Run {
		ad.Result = VerdictResult(x.command, a.pcID, x.verdict, a.now()).Encode()
		return ad
	}
	if jitter := jitterOf(x.command.JitterSecs); jitter > 0 {
		x.due = a.now().Add(jitter)
		ad.Due = x.due
	}
	return ad
}

// maxJitter keeps an absurd value from overflowing; the stream keeps a command
// for a week.
const maxJitter = uint64(7 * 24 * time.Hour / time.Second)

// jitterOf draws a whole number of seconds in [0, secs); 0 and 1 mean none.
func jitterOf(secs uint64) time.Duration {
	if secs <= 1 {
		return 0
	}
	return time.Duration(rand.Uint64N(min(secs, maxJitter))) * time.Second
}

// record commits the batch. While the disk fails it holds a batch with live
// copies, which nobody would deliver again, and with it all that comes after: the
// subscriptions buffer. A full ledger is no passing fault; it turns all away.
func (a *admitter) record(ctx context.Context, batch []Admission, arrivals []arrival) error {
	if len(batch) == 0 {
		return nil
	}
	for {
		err := a.ledger.Record(batch)
		a.report(err, len(batch))
		if err == nil || errors.Is(err, errLedgerFull) || errors.Is(err, errLineTooLong) || !holdsLive(arrivals) {
			return err
		}
		if !supervise.Sleep(ctx, holdPause) {
			return err
		}
	}
}

func holdsLive(arrivals []arrival) bool {
	return slices.ContainsFunc(arrivals, func(x arrival) bool { return x.first && x.Source == delivery.Live })
}

// report tells a change of the ledger's health once.
func (a *admitter) report(err error, commands int) {
	switch {
	case err != nil && !a.refusing:
		a.log.Error("commands are not accepted: the ledger takes none", "error", err)
	case err == nil && a.refusing:
		a.log.Info("commands are accepted again: the ledger can be written")
	}
	a.refusing = err != nil
	if err != nil {
		a.counters.unrecorded.Add(uint64(commands))
	}
}

// settle answers the sources and hands over what was recorded. The queue comes
// before the answer, so that nobody who saw the answer finds it missing.
func (a *admitter) settle(arrivals []arrival, err error) {
	for i := range arrivals {
		x := &arrivals[i]
		switch {
		case !x.recorded:
			continue
		case err != nil:
			a.runs.disarm(x.command.ExecID, x.key)
			x.Answer(delivery.Nak)
			continue
		case x.first:
			a.handOver(x)
		default:
			a.ledger.Lookup(x.key, x.sum, x.Stamp) // the replayed copy knows the stamp
		}
		x.Answer(delivery.Ack)
	}
}

func (a *admitter) handOver(x *arrival) {
	if !x.verdict.Run {
		a.verdicts.push(x.key, time.Time{}, 1)
		return
	}
	a.queue.push(x.key, x.due, 1)
	if a.runs.killed(x.command.ExecID, x.key) {
		a.killWaiting(x.key) // the kill came before the command could be found in the queue
	}
}
