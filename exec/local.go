package exec

import (
	"context"
	"fmt"
	"os"
	osexec "os/exec"
	"time"
)

// Local runs scripts on this host. Any number of runs may go on at once.
type Local struct {
	opts   options
	finder finder
}

var _ Runner = (*Local)(nil)

// NewLocal returns a Local. It touches nothing.
func NewLocal(opts ...Option) *Local {
	l := &Local{opts: defaultOptions()}
	for _, opt := range opts {
		opt(&l.opts)
	}
	return l
}

// Find returns the path of the program that a script for s would be started with, looked up on this process's PATH at
// most a second ago.
// Errors: ErrUnknownShell, ErrShellNotFound.
func (l *Local) Find(s Shell) (string, error) {
	path, err := l.finder.find(s)
	if err != nil {
		return "", fmt.Errorf("exec: find %q: %w", s, err)
	}
	return path, nil
}

// Run runs one script to its end, or to the end of its deadline or of ctx, and returns what it wrote.
//
// An error means that it could not be started or watched: ErrUnknownShell, ErrShellNotFound, ErrInvalidSpec, or what the
// operating system said. A non-zero exit is an Outcome. A ctx that has ended before the start is an Outcome too:
// EndCanceled, with nothing started.
func (l *Local) Run(ctx context.Context, s Spec) (Outcome, error) {
	out, err := l.run(ctx, s)
	if err != nil {
		return out, fmt.Errorf("exec: run %q: %w", s.Shell, err)
	}
	return out, nil
}

func (l *Local) run(ctx context.Context, s Spec) (Outcome, error) {
	path, err := l.finder.find(s.Shell)
	if err != nil {
		return Outcome{}, err
	}
	if err := s.check(); err != nil {
		return Outcome{}, err
	}
	if ctx.Err() != nil {
		now := time.Now()
		return Outcome{End: EndCanceled, Code: -1, Started: now, Finished: now}, nil
	}
	inv, err := l.invoke(s, path)
	if err != nil {
		return Outcome{}, err
	}
	defer l.remove(inv.staged)
	cmd := &osexec.Cmd{Path: path, Args: append([]string{path}, inv.args...), Env: s.Env, Dir: s.Dir}
	return l.execute(ctx, s, cmd, inv.raw)
}

func (l *Local) remove(s staged) {
	if err := s.remove(); err != nil {
		l.opts.logger.Warn("staged script not removed", "error", err)
	}
}

// execute starts cmd with both streams read, sees it to its end and collects what is known of it.
func (l *Local) execute(ctx context.Context, s Spec, cmd *osexec.Cmd, raw string) (Outcome, error) {
	limit := s.MaxOutput
	if limit == 0 {
		limit = l.opts.maxOutput
	}
	out := Outcome{Started: time.Now()}
	p, err := startPiped(cmd, raw, limit)
	if err != nil {
		return Outcome{}, err
	}
	out.End, err = p.tree.watch(ctx, s.Timeout, l.opts.killGrace)
	out.Finished = time.Now()
	p.drain(out.Finished.Add(l.opts.drainGrace))
	p.collect(&out)
	if err != nil {
		out.Code = -1
		return out, fmt.Errorf("watch: %w", err)
	}
	p.tree.classify(&out)
	return out, nil
}

// piped is a started tree and the two pipes it writes to.
type piped struct {
	tree           *tree
	stdout, stderr *stream
}

func startPiped(cmd *osexec.Cmd, raw string, limit int) (*piped, error) {
	stdout, outEnd, err := openStream(limit)
	if err != nil {
		return nil, fmt.Errorf("open stdout: %w", err)
	}
	defer closeAll(outEnd)
	stderr, errEnd, err := openStream(limit)
	if err != nil {
		closeAll(stdout.file)
		return nil, fmt.Errorf("open stderr: %w", err)
	}
	defer closeAll(errEnd)
	cmd.Stdout, cmd.Stderr = outEnd, errEnd
	t, err := startTree(cmd, raw)
	if err != nil {
		closeAll(stdout.file, stderr.file)
		return nil, fmt.Errorf("start %s: %w", cmd.Path, err)
	}
	go stdout.read()
	go stderr.read()
	return &piped{tree: t, stdout: stdout, stderr: stderr}, nil
}

func closeAll(files ...*os.File) {
	for _, f := range files {
		_ = f.Close()
	}
}

// drain returns when both readers have ended, by themselves or at the deadline.
func (p *piped) drain(deadline time.Time) {
	p.stdout.endBy(deadline)
	p.stderr.endBy(deadline)
	closeAll(p.stdout.file, p.stderr.file)
}

func (p *piped) collect(out *Outcome) {
	out.Truncated = p.stdout.kept.truncated() || p.stderr.kept.truncated()
	out.Incomplete = p.stdout.err != nil || p.stderr.err != nil
	out.Stdout, out.Stderr = p.stdout.kept.finish(), p.stderr.kept.finish()
}
