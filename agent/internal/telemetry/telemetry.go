package telemetry

import (
	"context"
	"log/slog"
	"time"

	"github.com/kanade-go/kanade/agent/internal/supervise"
	"github.com/kanade-go/kanade/agent/wire"
	"github.com/kanade-go/kanade/retry"
)

// Config is what telemetry needs of the agent.
type Config struct {
	PCID, Version string
	Transport     retry.Transport
	// Settings returns the settings in force and a channel that is closed when
	// another call may answer otherwise. Nil: the defaults, for ever.
	Settings func() (wire.EffectiveConfig, <-chan struct{})
	// Complete adds to a heartbeat, not to a reply to a ping, what other parts of
	// the agent know: keys, enforcement, quarantined versions. It must not wait.
	// Nil: no keys, no enforcement.
	Complete func(*wire.Heartbeat)
	// Host and Processes measure. Nil: this host.
	Host      Host
	Processes Processes
	// Settled is called with the subject of pings when the broker had refused it and
	// does not any more. Nil: nobody is told.
	Settled func(subject string)
	Beat    supervise.Beat // when to measure
	Logger  *slog.Logger
}

// Service is the telemetry of one host.
type Service struct {
	cfg Config
	out *publisher
}

// New returns a service. It measures and sends nothing.
func New(cfg Config) *Service {
	if cfg.Settings == nil {
		cfg.Settings = func() (wire.EffectiveConfig, <-chan struct{}) { return wire.DefaultConfig(), nil }
	}
	if cfg.Complete == nil {
		cfg.Complete = func(*wire.Heartbeat) {}
	}
	if cfg.Host == nil {
		cfg.Host = thisHost{}
	}
	if cfg.Processes == nil {
		cfg.Processes = theseProcesses{}
	}
	return &Service{cfg: cfg, out: &publisher{transport: cfg.Transport}}
}

// Tasks are what measures and sends. They end with their context.
func (s *Service) Tasks() []supervise.Task {
	return []supervise.Task{
		{Name: "heartbeat", Run: func(ctx context.Context) error { return newBeats(s).run(ctx) }},
		{Name: "host load", Run: func(ctx context.Context) error { return newHostLoad(s).run(ctx) }},
		{Name: "process load", Run: func(ctx context.Context) error { return newProcessLoad(s).run(ctx) }},
	}
}

// Answers are the parts that only speak when they are asked.
func (s *Service) Answers() []supervise.Task {
	return []supervise.Task{{Name: "ping", Run: s.answerPings}}
}

// interval follows one interval of the settings.
func (s *Service) interval(of func(wire.EffectiveConfig) time.Duration) func() (time.Duration, <-chan struct{}) {
	return func() (time.Duration, <-chan struct{}) {
		cfg, changed := s.cfg.Settings()
		return of(cfg), changed
	}
}

func heartbeatInterval(c wire.EffectiveConfig) time.Duration { return c.HeartbeatInterval }
func hostPerfInterval(c wire.EffectiveConfig) time.Duration  { return c.HostPerfInterval }
