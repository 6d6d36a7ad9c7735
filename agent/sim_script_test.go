package agent

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/kanade-go/kanade/exec"
)

// runScript stands for package exec.
func (l *life) runScript(ctx context.Context, spec exec.Spec) (exec.Outcome, error) {
	var id string
	var variant int
	if _, err := fmt.Sscanf(spec.Script, "%s %d", &id, &variant); err != nil {
		return exec.Outcome{}, err
	}
	o := l.s.order(id)
	if !l.startOf(o, start{l.n, variant, 1}) {
		return exec.Outcome{}, errCut
	}
	defer l.endOf(o)
	if o.refuses {
		return exec.Outcome{}, errors.New("no such file or directory")
	}
	ctx, cancel := context.WithTimeout(ctx, spec.Timeout)
	defer cancel()
	out := exec.Outcome{End: exec.EndExited, Code: o.code, Started: l.s.now(), Stdout: []byte(o.output(variant))}
	switch err := l.work(ctx, o); {
	case errors.Is(err, context.DeadlineExceeded):
		out.End, out.Code = exec.EndTimeout, -1
	case err != nil:
		out.End, out.Code = exec.EndCanceled, -1
	}
	out.Finished = l.s.now()
	return out, nil
}

// handle is the same in Go.
func (l *life) handle(ctx context.Context, j Job) error {
	if data, err := l.received(j.Command); err != nil {
		return err
	} else if o := l.s.fire(j.Command.RequestID, j.Command.ID, data); o != nil {
		return l.tick(ctx, o, j)
	}
	var variant int
	if _, err := fmt.Sscanf(j.Command.ID, "job-%d", &variant); err != nil {
		return err
	}
	o := l.s.order(j.Command.RequestID)
	if !l.startOf(o, start{l.n, variant, j.Attempt}) {
		return errCut
	}
	defer l.endOf(o)
	if err := l.work(ctx, o); err != nil {
		return err
	}
	_, _ = io.WriteString(j.Stdout, o.output(variant))
	if o.code == 0 {
		return nil
	}
	return &ExitError{Code: o.code}
}

// startOf notes a start, unless the process is gone: then there is none.
func (l *life) startOf(o *order, st start) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.dead {
		return false
	}
	l.s.note("start of %s, variant %d, attempt %d", o.id, st.variant, st.attempt)
	late := o.deadline > 0 && l.s.now().After(l.s.began.Add(o.deadline))
	l.s.mu.Lock()
	defer l.s.mu.Unlock()
	if late {
		l.s.problems = append(l.s.problems, o.id+" was started after its deadline")
	}
	o.starts = append(o.starts, st)
	l.s.limits.starts(l.s)
	o.running++
	if o.running > 1 {
		l.s.problems = append(l.s.problems, o.id+" runs twice at the same time")
	}
	return true
}

func (l *life) endOf(o *order) {
	l.s.mu.Lock()
	defer l.s.mu.Unlock()
	o.running--
	l.s.limits.running--
}

// work takes its time and panics, ends early or goes on as the order says.
func (l *life) work(ctx context.Context, o *order) error {
	var err error
	select {
	case <-time.After(o.takes):
	case <-l.gone:
	case <-ctx.Done():
		err = ctx.Err()
		select {
		case <-time.After(o.stubborn):
		case <-l.gone:
		}
	}
	if o.panics {
		panic("the script of " + o.id + " panics")
	}
	return err
}
