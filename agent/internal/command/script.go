package command

import (
	"context"
	"fmt"

	"github.com/kanade-go/kanade/agent/wire"
	"github.com/kanade-go/kanade/exec"
)

// Script is a shell that runs scripts through a runner.
type Script struct {
	Runner exec.Runner
	Shell  exec.Shell
	// Env is the whole environment of the scripts, free of the agent's secrets.
	Env []string
	// MaxOutput bounds each stream, in bytes.
	MaxOutput int
	// Limits bound what a script may use.
	Limits exec.Limits
	// Tails get the end of the output while it comes; nil: nobody does.
	Tails *Tails
}

// finder is the optional ability of a runner to say which shells it has.
type finder interface {
	Find(exec.Shell) (string, error)
}

// Available asks the runner whether this host has the shell.
func (s Script) Available() error {
	f, ok := s.Runner.(finder)
	if !ok {
		return nil
	}
	if _, err := f.Find(s.Shell); err != nil {
		return fmt.Errorf("not run: %w", err)
	}
	return nil
}

// Repeatable is false: a script may have done half of its work.
func (s Script) Repeatable() bool { return false }

// Run runs the command's script.
func (s Script) Run(ctx context.Context, c wire.Command, _ int) (exec.Outcome, error) {
	spec := exec.Spec{
		Shell: s.Shell, Script: c.Script, Dir: c.Cwd, ExpandDir: true, Env: s.Env,
		Timeout: c.Timeout(), MaxOutput: s.MaxOutput, Limits: s.Limits,
	}
	var err error
	if spec.As, err = accountOf(c.RunAs); err != nil {
		return exec.Outcome{Code: -1}, fmt.Errorf("not run: %w", err)
	}
	if spec.As != exec.AsSystem {
		spec.Env = nil // that account's own, never the agent's
	}
	tail, end := s.Tails.Begin(c)
	defer end()
	spec.Tail = tail
	o, err := s.Runner.Run(ctx, spec)
	if err != nil {
		return o, fmt.Errorf("not run: %w", err)
	}
	return o, nil
}
