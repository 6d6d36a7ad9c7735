package agent

import (
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kanade-go/kanade/agent/internal/supervise"
	"github.com/kanade-go/kanade/agent/internal/update"
	"github.com/kanade-go/kanade/outbox/atomicfile"
)

// Agent takes commands, runs them and delivers their results. Make one with
// [New]; it runs once.
type Agent struct {
	cfg   Config
	opts  options
	log   *slog.Logger
	ran   atomic.Bool
	ready chan struct{}
	guard update.Guard   // of a start and a stop around an update
	beat  supervise.Beat // of all that is done now and then

	mu    sync.Mutex
	parts *parts // while it runs
}

// New checks the configuration and the options. It does no I/O and starts
// nothing. Errors wrap [ErrConfig].
func New(cfg Config, opts ...Option) (*Agent, error) {
	o := options{
		log: slog.Default(), handlers: make(map[string]handlerEntry),
		fs: atomicfile.OS, now: time.Now,
	}
	var errs []error
	for _, opt := range opts {
		errs = append(errs, opt(&o))
	}
	o.answerInventory()
	errs = append(errs, cfg.Validate(), o.connection(cfg), o.identity(cfg))
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return &Agent{cfg: cfg, opts: o, log: o.log.With("pc_id", cfg.ID), ready: make(chan struct{}), beat: supervise.NewBeat()}, nil
}

// connection checks that there is exactly one way to a broker.
func (o *options) connection(cfg Config) error {
	ways := 0
	for _, given := range []bool{len(cfg.Servers) > 0, o.conn != nil, o.transport != nil} {
		if given {
			ways++
		}
	}
	switch {
	case ways == 0:
		return configError("no server and no connection; set Servers or use WithNATS")
	case ways > 1:
		return configError("more than one way to a broker; give Servers, WithNATS or WithTransport")
	}
	return nil
}

// Ready is closed when the agent's subscriptions stand at the broker: what is
// sent from then on is taken live.
func (a *Agent) Ready() <-chan struct{} { return a.ready }

// Beat returns how long it is to the next of the moments that are every apart and that
// the parts of this agent share: more than 0, at most every, if every is more than 0. What a program does now and
// then wakes no host of its own if it goes by them. Agents have different moments, so that
// a fleet is never in step.
func (a *Agent) Beat(every time.Duration) time.Duration { return a.beat.Until(every) }
