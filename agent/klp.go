package agent

import (
	"io/fs"
	"time"

	hostdisk "github.com/shirou/gopsutil/v4/disk"

	"github.com/kanade-go/kanade/agent/internal/klp"
	logtail "github.com/kanade-go/kanade/agent/internal/logs"
	"github.com/kanade-go/kanade/agent/internal/supervise"
)

// KLP is where programs of the same host find the agent: who it is, how it is,
// and, for administrators, the end of its log. They can change nothing.
type KLP struct {
	// Path is the name of a pipe on Windows, by default \\.\pipe\kanade-agent, and
	// the absolute path of a socket elsewhere, by default /run/kanade/agent.sock on
	// Linux and /var/run/kanade/agent.sock on others. The socket's folder is made if
	// the one above it is there; it must belong to root or the agent's user, and
	// nobody else may write to it.
	Path string
	// Mode says who may use the socket: whoever may write to it. By default 0660,
	// with the group that new files in the folder get. The pipe is for all who are
	// logged on to the host.
	Mode fs.FileMode
}

// DefaultKLPPath is the Path of a [KLP] that has none.
const DefaultKLPPath = klp.DefaultPath

// WithKLP serves programs of the same host. Without it there is neither a pipe
// nor a socket. A place that cannot be had stops nothing: it is reported in the
// log and tried for again.
func WithKLP(k KLP) Option {
	return func(o *options) error {
		if k.Path == "" {
			k.Path = DefaultKLPPath
		}
		o.klp = &klp.Endpoint{Path: k.Path, Mode: k.Mode}
		if err := o.klp.Validate(); err != nil {
			return configError("%w", err)
		}
		return nil
	}
}

// klpTasks serve local clients, if that was asked for.
func (a *Agent) klpTasks(p *parts) []supervise.Task {
	if a.opts.klp == nil {
		return nil
	}
	server := klp.New(klp.Config{
		Endpoint: *a.opts.klp, PCID: a.cfg.ID, Version: a.cfg.Version, Host: klpHost{p}, Log: logtail.NewReader(a.logFile()),
		Beat: p.beat, Now: time.Now, Logger: a.log.With("component", "klp"),
	})
	return []supervise.Task{{Name: "local clients", Run: server.Run}}
}

// klpHost is what local clients are told of the host.
type klpHost struct{ *parts }

func (h klpHost) Online() (bool, <-chan struct{}) { return h.transport.State() }

func (h klpHost) Target() (string, <-chan struct{}) {
	settings, changed := h.currentSettings()
	return settings.TargetVersion, changed
}

// Disk is that of the system.
func (klpHost) Disk() (free, total uint64, err error) {
	usage, err := hostdisk.Usage(systemDisk())
	if err != nil {
		return 0, 0, err
	}
	return usage.Free, usage.Total, nil
}
