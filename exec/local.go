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
	opts      options
	finder    finder
	staging   inUse
	languages languages
	cgroups   *cgroups
}

var _ Runner = (*Local)(nil)

// NewLocal returns a Local. It touches nothing.
func NewLocal(opts ...Option) *Local {
	l := &Local{opts: defaultOptions()}
	for _, opt := range opts {
		opt(&l.opts)
	}
	l.cgroups = newCgroups(l.opts.cgroup)
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
// An error means that it could not be started or watched: ErrUnknownShell, ErrShellNotFound, ErrInvalidSpec,
// ErrScriptRemoved, ErrBlocked, ErrLimitUnsupported, ErrNoCgroup, ErrNoUser, ErrNotSystem, or what the operating system said.
// A non-zero exit is an Outcome. A ctx that has ended before the start is an Outcome too: EndCanceled, with nothing started.
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
	who, err := l.become(&s)
	if err != nil {
		return Outcome{}, err
	}
	defer who.close()
	inv, err := l.invoke(s, path)
	if err != nil {
		return Outcome{}, err
	}
	defer l.remove(inv.staged)
	if err := inv.staged.hand(who); err != nil {
		return Outcome{}, err
	}
	cmd := &osexec.Cmd{Path: path, Args: append([]string{path}, inv.args...), Env: s.Env, Dir: s.Dir, SysProcAttr: who.attr()}
	out, err := l.execute(ctx, s, cmd, inv.raw)
	l.diagnose(&out, inv)
	return out, err
}

func (l *Local) remove(s staged) {
	if s.dir == "" {
		return
	}
	if err := os.RemoveAll(s.dir); err != nil {
		l.opts.logger.Warn("staged script not removed", "error", err)
	}
	l.staging.end(s.dir)
}

// execute starts cmd with both streams read, sees it to its end and collects what is known of it.
func (l *Local) execute(ctx context.Context, s Spec, cmd *osexec.Cmd, raw string) (Outcome, error) {
	out := Outcome{Started: time.Now()}
	p, err := l.startPiped(cmd, raw, s)
	if err != nil {
		return Outcome{}, err
	}
	out.End, out.Limit, err = p.tree.watch(ctx, s, l.opts.killGrace)
	out.Finished = time.Now()
	p.drain(out.Finished.Add(l.opts.drainGrace))
	p.collect(&out, l.opts.rawOutput)
	if err != nil {
		out.Code = -1
		return out, fmt.Errorf("watch: %w", err)
	}
	p.tree.classify(&out)
	return out, nil
}

// maxOutput is how many bytes of each stream are kept.
func (l *Local) maxOutput(s Spec) int {
	if s.MaxOutput == 0 {
		return l.opts.maxOutput
	}
	return s.MaxOutput
}

// piped is a started tree and the two pipes it writes to.
type piped struct {
	tree           *tree
	stdout, stderr *stream
}

func (l *Local) startPiped(cmd *osexec.Cmd, raw string, s Spec) (*piped, error) {
	limit := l.maxOutput(s)
	outTail, errTail := s.Tail.streams()
	stdout, outEnd, err := openStream(limit, outTail)
	if err != nil {
		return nil, fmt.Errorf("open stdout: %w", err)
	}
	defer closeAll(outEnd)
	stderr, errEnd, err := openStream(limit, errTail)
	if err != nil {
		closeAll(stdout.file)
		return nil, fmt.Errorf("open stderr: %w", err)
	}
	defer closeAll(errEnd)
	cmd.Stdout, cmd.Stderr = outEnd, errEnd
	t, err := startTree(cmd, raw, confinement{limits: s.Limits, cgroups: l.cgroups, logger: l.opts.logger})
	if err != nil {
		closeAll(stdout.file, stderr.file)
		return nil, fmt.Errorf("start %s: %w", cmd.Path, startFailed(err))
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

func (p *piped) collect(out *Outcome, raw bool) {
	out.Truncated = p.stdout.kept.truncated() || p.stderr.kept.truncated()
	out.Incomplete = p.stdout.err != nil || p.stderr.err != nil
	out.Stdout, out.Stderr = p.stdout.kept.finish(), p.stderr.kept.finish()
	if !raw {
		out.Stdout, out.Stderr = validText(out.Stdout, decodeConsole), validText(out.Stderr, decodeConsole)
	}
}
