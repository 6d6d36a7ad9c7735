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

// WithLogger sets where a staged file that could not be removed is reported; default nowhere.
func WithLogger(l *slog.Logger) Option {
	return func(o *options) { o.logger = l }
}
