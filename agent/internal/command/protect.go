package command

import (
	"context"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/kanade-go/kanade/agent/wire"
	"github.com/kanade-go/kanade/exec"
)

// protect answers a command whose handling panicked: it would do so again at
// each start.
func (p *performer) protect(it item, work func() (wire.Result, bool)) (r wire.Result, ok bool) {
	returned := false
	defer func() {
		if returned {
			return
		}
		value := recover() // nil after runtime.Goexit
		p.log.Error("the handling of a command panicked", "panic", value, "stack", string(debug.Stack()))
		body, _, _ := p.ledger.Body(it.key)
		c, _ := wire.DecodeCommand(body)
		v := Verdict{ExitCode: wire.ExitFailed, Reason: fmt.Sprintf("not run to its end: panic: %v", value)}
		r, ok = p.conclude(context.Background(), it, c, v)
		if ok && value == nil { // this goroutine ends whatever is returned
			p.verdicts.push(it.key, time.Time{}, it.attempt)
		}
	}()
	r, ok = work()
	returned = true
	return r, ok
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
