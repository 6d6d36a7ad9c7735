package doctor

import (
	"context"
	"iter"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/kanade-go/kanade/agent/internal/natskit"
	"github.com/kanade-go/kanade/exec"
)

// Config says what is to be looked at.
type Config struct {
	PCID     string
	StateDir string
	// Refuse says why the agent would not take StateDir as it is, in which nothing is
	// written then. nil: it takes any.
	Refuse  func() error
	Staging string // the folder below StateDir where scripts are staged
	LogFile string // the template of the log files; empty: there are none
	// Broker is how the agent would connect. Its Servers are tried one by one, its
	// Logger is not used. Without any, the broker is not looked at.
	Broker natskit.Options
	// Conn, if not nil, is used in place of Broker, and is not closed.
	Conn *nats.Conn
	// ConnectWait is how long a server may take to say yes. 0: 10 s.
	ConnectWait time.Duration
	// Shells are those whose language mode is asked for; nil: all.
	Shells []exec.Shell
}

const defaultConnectWait = 10 * time.Second

// Check looks at everything, in the order in which one thing depends on another.
func Check(ctx context.Context, cfg Config) iter.Seq[Finding] {
	return func(yield func(Finding) bool) {
		if cfg.ConnectWait == 0 {
			cfg.ConnectWait = defaultConnectWait
		}
		d := &doctor{Config: cfg, report: report{yield: yield}}
		for _, step := range []func(context.Context){d.stateFolder, d.logFolder, d.staging, d.shells, d.broker} {
			if d.over || ctx.Err() != nil {
				return
			}
			step(ctx)
		}
	}
}

type doctor struct {
	Config
	report
	refused bool // the state folder is somebody else's
}
