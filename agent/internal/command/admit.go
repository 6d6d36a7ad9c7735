package command

import (
	"context"
	"log/slog"
	"time"

	"github.com/kanade-go/kanade/agent/internal/delivery"
	"github.com/kanade-go/kanade/agent/internal/supervise"
	"github.com/kanade-go/kanade/agent/wire"
)

// Received is what a verifier sees of a command.
type Received struct {
	Data    []byte
	Subject string
	Header  map[string][]string
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
	events   Events
	// killWaiting answers a killed command that still waits.
	killWaiting func(Key)
	pcID        string
	now         func() time.Time
	log         *slog.Logger
	counters    *Counters

	refusals, localRefusals, conflicts *allowance

	refusing bool // the ledger could not be written last time
	letGo    int  // live commands that a stop overtook in record
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
	conflict bool // with one that waits for the batch's commit
}

// run admits what arrives until in is closed.
func (a *admitter) run(ctx context.Context, in <-chan delivery.Delivery) error {
	batch := make([]delivery.Delivery, 0, maxBatch)
	answering, end := outlive(ctx, stopAnswers)
	defer end()
	defer a.reportLetGo()
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
	a.settle(ctx, arrivals, a.record(ctx, admissions, arrivals))
}

// settle answers the sources and hands over what was recorded. The queue comes
// before the answer, so that nobody who saw the answer finds it missing.
func (a *admitter) settle(ctx context.Context, arrivals []arrival, err error) {
	for i := range arrivals {
		x := &arrivals[i]
		switch {
		case x.conflict && err != nil:
			x.Answer(delivery.Nak)
			continue
		case x.conflict:
			a.refuseConflict(ctx, x)
			continue
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
	if x.verdict.refuses() {
		a.verdicts.push(x.key, time.Time{}, 1)
		return
	}
	a.queue.pushBy(x.command.DeadlineAt, x.key, x.due, 1)
	if a.runs.killed(x.command.ExecID, x.key) {
		a.killWaiting(x.key) // the kill came before the command could be found in the queue
	}
}
