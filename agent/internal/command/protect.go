package command

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/kanade-go/kanade/agent/wire"
	"github.com/kanade-go/kanade/exec"
)

// protect answers a command whose handling panicked: it would do so again at
// each start. The answer is not returned, since after runtime.Goexit nobody is
// there to take it.
func (p *performer) protect(it item, work func() (wire.Result, bool)) (r wire.Result, ok bool) {
	returned := false
	defer func() {
		if returned {
			return
		}
		value := recover() // nil after runtime.Goexit
		p.log.Error("the handling of a command panicked", "panic", value, "stack", string(debug.Stack()))
		v := Verdict{ExitCode: wire.ExitFailed, Reason: fmt.Sprintf("not run to its end: panic: %v", value)}
		p.owe(it, VerdictResult(p.commandOf(it), p.pcID, v, p.now()))
	}()
	r, ok = work()
	returned = true
	return r, ok
}

func (p *performer) commandOf(it item) wire.Command {
	body, _, _ := p.ledger.Body(it.key)
	c, _ := wire.DecodeCommand(body) // as far as it can be read
	return c
}

// owe ends a command, wherever it stands, with this result. Unlike what is put
// back it is never decided anew: how far it came is not known.
func (p *performer) owe(it item, r wire.Result) {
	it.owed = &r
	if p.settle(it) {
		p.verdicts.push(it.key, time.Now().Add(owedPause), it.attempt)
	}
}

// owedPause keeps an answer that itself panics from doing so without a break.
const owedPause = time.Second

// settle puts an owed result into the ledger. While that fails it is tried again
// later; a crash meanwhile leaves what the ledger had before.
func (p *performer) settle(it item) bool {
	err := p.ledger.Conclude(it.key, it.owed.Encode())
	switch {
	case err == nil, errors.Is(err, errNotOpen): // it has a result
		return true
	case !errors.Is(err, errJournalClosed):
		p.blockedBy(context.Background(), err)
		p.verdicts.pushOwed(it, time.Now().Add(ledgerPause))
	}
	return false
}

func (p *performer) runProtected(ctx context.Context, s Shell, c wire.Command, attempt int) (o exec.Outcome, err error) {
	defer func() {
		if value := recover(); value != nil {
			p.log.Error("a command panicked", "request_id", c.RequestID, "panic", value, "stack", string(debug.Stack()))
			err = fmt.Errorf("panic while the command ran: %v", value)
		}
	}()
	return s.Run(ctx, c, attempt)
}
