package agent

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/kanade-go/kanade/agent/internal/command"
	"github.com/kanade-go/kanade/agent/wire"
	"github.com/kanade-go/kanade/exec"
)

// ExitError is a handler's way to end with a chosen exit code. Its text, if
// any, goes to stderr.
type ExitError struct {
	Code int
	Err  error
}

func (e *ExitError) Error() string {
	if e.Err == nil {
		return fmt.Sprintf("exit code %d", e.Code)
	}
	return e.Err.Error()
}

func (e *ExitError) Unwrap() error { return e.Err }

// handlerShell runs a Handler as if it were a shell.
type handlerShell struct {
	handlerEntry
	maxOutput int
	tails     *command.Tails
}

func (s handlerShell) Available() error { return nil }
func (s handlerShell) Repeatable() bool { return s.recovery == RunAgain }

// Run waits for the handler, even past the end of ctx: Go code cannot be
// killed, and a result that came before its end could be wrong.
func (s handlerShell) Run(ctx context.Context, c wire.Command, attempt int) (exec.Outcome, error) {
	stdout, stderr := exec.NewCapture(s.maxOutput), exec.NewCapture(s.maxOutput)
	o := exec.Outcome{Started: time.Now(), Code: -1}
	timed, cancel := context.WithTimeout(ctx, c.Timeout())
	defer cancel()
	tail, end := s.tails.Begin(c)
	defer end()
	err := s.handler.Handle(timed, Job{
		Command: c, Attempt: attempt, Stdout: io.MultiWriter(stdout, tail.Stdout()), Stderr: io.MultiWriter(stderr, tail.Stderr()),
	})
	o.Finished = time.Now()
	var text string
	o.End, o.Code, text = endOf(ctx, timed, err)
	if text != "" {
		_, _ = stderr.Write([]byte(text + "\n")) // a Capture never fails
	}
	var cutOut, cutErr bool
	o.Stdout, cutOut = stdout.Bytes()
	o.Stderr, cutErr = stderr.Bytes()
	o.Truncated = cutOut || cutErr
	return o, nil
}

// endOf reads a handler's return as the end of a process. A handler that ended
// well counts, even if its time was up meanwhile.
func endOf(ctx, timed context.Context, err error) (end exec.End, code int, text string) {
	var exit *ExitError
	switch {
	case err == nil:
		return exec.EndExited, 0, ""
	case ctx.Err() != nil:
		return exec.EndCanceled, -1, ""
	case timed.Err() != nil && errors.Is(err, context.DeadlineExceeded):
		return exec.EndTimeout, -1, ""
	case errors.As(err, &exit):
		if exit.Err != nil {
			text = exit.Err.Error()
		}
		return exec.EndExited, exit.Code, text
	}
	return exec.EndExited, 1, err.Error()
}
