package agent

import (
	"fmt"
	"log/slog"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/kanade-go/kanade/agent/internal/hostfacts"
	"github.com/kanade-go/kanade/agent/internal/klp"
	"github.com/kanade-go/kanade/agent/wire"
	"github.com/kanade-go/kanade/exec"
	"github.com/kanade-go/kanade/outbox/atomicfile"
	"github.com/kanade-go/kanade/retry"
)

// Option is one of the With… functions.
type Option func(*options) error

type options struct {
	log       *slog.Logger
	conn      *nats.Conn
	transport retry.Transport
	js        JetStream
	runner    exec.Runner
	verifier  Verifier

	credentials Credentials
	handlers    map[string]handlerEntry
	klp         *klp.Endpoint     // nil: nobody is served
	inventory   *hostfacts.Source // nil: nothing is published
	updater     *Updater          // nil: the executable is never touched
	shared      bool              // the state folder may hold what others have put there

	// For tests, which put a disk that fails and a clock that is set in their place,
	// and do without the host, which is not simulated.
	fs       atomicfile.FS
	now      func() time.Time
	hostless bool
	settleIn time.Duration // of local schedules; zero: the default
}

type handlerEntry struct {
	handler  Handler
	recovery Recovery
}

// WithLogger sets where the agent logs. Default: slog.Default().
func WithLogger(l *slog.Logger) Option {
	return func(o *options) error {
		o.log = l
		return given("logger", l != nil)
	}
}

// WithNATS brings along a connection. The agent uses it and never closes it. It
// keeps what it promises on a connection with
//
//	nats.RetryOnFailedConnect(true), nats.MaxReconnects(-1), nats.IgnoreAuthErrorAbort(),
//	nats.PingInterval(15*time.Second), nats.MaxPingsOutstanding(2), nats.FlusherTimeout(2*time.Second)
//
// and names at its start each of them that is missing or above its bound: 45 s
// until a frozen broker is noticed, 5 s for a write.
//
// While nats.go writes to a broker that does not read, every call on the
// connection waits, for a minute by default (nats.FlusherTimeout). The agent does
// not: it gives a call up after 2 s or when its time is over, makes no other until
// it has returned, and stops within its time all the same. The goroutine of a call
// that was given up then outlives Run; it ends with the write or when the
// connection is closed, and does nothing more for the agent.
func WithNATS(nc *nats.Conn) Option {
	return func(o *options) error {
		o.conn = nc
		return given("connection", nc != nil)
	}
}

// WithTransport is WithNATS for fakes and for connections of another kind.
func WithTransport(t retry.Transport, js JetStream) Option {
	return func(o *options) error {
		o.transport, o.js = t, js
		return given("transport or jetstream", t != nil && js != nil)
	}
}

// WithRunner sets what runs scripts. Default: exec.NewLocal, with
// a shorter grace between TERM and KILL.
func WithRunner(r exec.Runner) Option {
	return func(o *options) error {
		o.runner = r
		return given("runner", r != nil)
	}
}

// WithVerifier sets who decides whether a command may be trusted. Default:
// every command is.
func WithVerifier(v Verifier) Option {
	return func(o *options) error {
		o.verifier = v
		return given("verifier", v != nil)
	}
}

// WithHandler makes h run the commands whose shell is name. The names of the
// four shells are taken.
func WithHandler(name string, h Handler, r Recovery) Option {
	return func(o *options) error {
		if err := wire.SubjectSafe(name); err != nil {
			return configError("handler name: %w", err)
		}
		if builtIn(name) {
			return configError("handler name %q is one of the shells", name)
		}
		if _, taken := o.handlers[name]; taken {
			return configError("handler name %s is given twice", quoted(name))
		}
		o.handlers[name] = handlerEntry{handler: h, recovery: r}
		return given("handler", h != nil)
	}
}

func given(what string, ok bool) error {
	if ok {
		return nil
	}
	return fmt.Errorf("%w: %s is nil", ErrConfig, what)
}

// shells are the names that a command may give; all others are handlers.
var shells = []exec.Shell{exec.Sh, exec.Pwsh, exec.PowerShell, exec.Cmd}

func builtIn(name string) bool {
	for _, s := range shells {
		if string(s) == name {
			return true
		}
	}
	return false
}
