package command

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math/bits"
	"time"

	"github.com/kanade-go/kanade/agent/internal/delivery"
	"github.com/kanade-go/kanade/agent/wire"
)

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
	if !a.isNew(ctx, x, inBatch) {
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
	if !x.verdict.refuses() {
		a.runs.arm(x.command.ExecID, x.key) // a kill may come at once
	}
	inBatch[x.key] = x.sum
	x.recorded, x.first = true, true
	return true
}

// isNew answers copies of what is known. A copy inside the batch shares the
// fate of the first one.
func (a *admitter) isNew(ctx context.Context, x *arrival, inBatch map[Key]Sum) bool {
	known := a.ledger.Lookup(x.key, x.sum, x.Stamp)
	if sum, ok := inBatch[x.key]; ok {
		known = Duplicate
		x.recorded = sum == x.sum
		x.conflict = !x.recorded
	}
	switch known {
	case Conflict:
		a.refuseConflict(ctx, x)
	case Duplicate:
		if x.conflict {
			break
		}
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
	return a.verify(ctx, Received{Data: x.Data, Subject: x.Subject, Header: x.Header, Source: x.Source, Command: x.command})
}

func (a *admitter) admission(x *arrival) Admission {
	ad := Admission{Key: x.key, Sum: x.sum, Stamp: x.Stamp, Local: x.Source == delivery.Schedule, Body: x.Data}
	if x.verdict.refuses() {
		ad.Result = VerdictResult(x.command, a.pcID, x.verdict, a.now()).Encode()
		return ad
	}
	if jitter := jitterOf(x.key, x.command.JitterSecs); jitter > 0 {
		x.due = a.now().Add(jitter)
		ad.Due = x.due
	}
	return ad
}

// maxJitter keeps an absurd value from overflowing; the stream keeps a command
// for a week.
const maxJitter = uint64(7 * 24 * time.Hour / time.Second)

// jitterOf is a whole number of seconds in [0, secs); 0 and 1 mean none.
//
// It is a function of the key, which is a SHA-256 of host and request: over the
// hosts that one command goes to, and over the commands of one host, its values
// are as even and as unrelated as drawn ones. Unlike a draw it comes out the same
// for every copy of the command, also for one that is delivered again because
// the agent died before it could record the first.
func jitterOf(key Key, secs uint64) time.Duration {
	if secs <= 1 {
		return 0
	}
	share, _ := bits.Mul64(binary.BigEndian.Uint64(key[:8]), min(secs, maxJitter))
	return time.Duration(share) * time.Second
}
