package exec

import (
	"log/slog"
	"time"
)

// DefaultMaxOutput is how many bytes of each stream are kept by default: 8 MiB.
const DefaultMaxOutput = 8 << 20

const (
	defaultKillGrace  = 5 * time.Second
	defaultDrainGrace = 2 * time.Second
)

type options struct {
	killGrace  time.Duration
	drainGrace time.Duration
	maxOutput  int
	stagingDir string
	cgroup     string
	rawOutput  bool
	logger     *slog.Logger
}

func defaultOptions() options {
	return options{
		killGrace:  defaultKillGrace,
		drainGrace: defaultDrainGrace,
		maxOutput:  DefaultMaxOutput,
		logger:     slog.New(slog.DiscardHandler),
	}
}

// Option changes a Local.
type Option func(*options)

// WithKillGrace sets how long a tree has on Unix between SIGTERM and SIGKILL; default 5 s, 0 or less kills at once.
// Windows has no such signal: there the tree is ended at once.
func WithKillGrace(d time.Duration) Option {
	return func(o *options) { o.killGrace = d }
}

// WithDrainGrace sets how long output is still read after the shell has ended; default 2 s.
// It only passes when a process that the script left behind holds stdout or stderr.
func WithDrainGrace(d time.Duration) Option {
	return func(o *options) { o.drainGrace = d }
}

// WithMaxOutput sets how many bytes of each stream are kept for a Spec that does not say; default DefaultMaxOutput,
// which also stands for 0 or less.
func WithMaxOutput(n int) Option {
	return func(o *options) {
		if n > 0 {
			o.maxOutput = n
		} else {
			o.maxOutput = DefaultMaxOutput
		}
	}
}

// WithStagingDir sets the folder below which script files are staged, each run in a private folder of its own.
// It is created when it is missing. Default: %ProgramData%\Kanade\agent-scripts on Windows, os.TempDir elsewhere.
func WithStagingDir(dir string) Option {
	return func(o *options) { o.stagingDir = dir }
}

// WithCgroup has each run live in a cgroup of its own below dir, from its first instruction on. A kill then reaches every
// process of the run, those too that moved to a session of their own, and [Limits] count them. Linux 5.14 or later; dir is a
// cgroup (version 2) that this process may divide, which [OwnCgroup] finds. Where it cannot be used, Run returns ErrNoCgroup.
func WithCgroup(dir string) Option {
	return func(o *options) { o.cgroup = dir }
}

// WithRawOutput leaves output as the bytes that were written. Without it [Outcome.Stdout] and [Outcome.Stderr] are made valid
// UTF-8: see [Outcome].
func WithRawOutput() Option {
	return func(o *options) { o.rawOutput = true }
}

// WithLogger sets where a staged file that could not be removed or a priority that could not be
// lowered is reported; default nowhere.
func WithLogger(l *slog.Logger) Option {
	return func(o *options) { o.logger = l }
}
