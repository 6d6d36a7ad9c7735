package hostfacts

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/kanade-go/kanade/agent/internal/health"
	"github.com/kanade-go/kanade/agent/wire"
	"github.com/kanade-go/kanade/outbox"
	"github.com/kanade-go/kanade/outbox/atomicfile"
	"github.com/kanade-go/kanade/retry"
)

// Box takes records; an outbox fits.
type Box interface {
	Put(ctx context.Context, r outbox.Record) error
	Stats() outbox.Stats
}

// Config is what the service needs of the agent.
type Config struct {
	PCID   string
	Source *Source
	Box    Box
	// Transport says whether there is a connection, and how large a message may be.
	Transport retry.Transport
	// Settings returns the settings in force and a channel that is closed when
	// another call may answer otherwise.
	Settings func() (wire.EffectiveConfig, <-chan struct{})
	// File keeps what was published last. Its folder must be there.
	File   string
	FS     atomicfile.FS
	Board  *health.Board
	Now    func() time.Time
	Logger *slog.Logger
}

const (
	// collectTimeout is longer than a collector that starts a child for each
	// section that kills it.
	collectTimeout = 8 * time.Minute
	// maxPause is how often a clock that was set, or that stood in a sleep, is looked
	// at.
	maxPause = time.Minute
)

// Service publishes the inventory of one host.
type Service struct {
	cfg     Config
	sent    memory
	backlog backlog

	mu     sync.Mutex
	status Status
}

// Status is what became of the last collection.
type Status struct {
	CollectedAt time.Time // zero: none yet
	FullAt      time.Time // of the last full set
	Problems    int       // that it reported
}

// New returns a service. It reads and collects nothing.
func New(cfg Config) *Service {
	return &Service{cfg: cfg, backlog: backlog{board: cfg.Board, now: cfg.Now}}
}

// Status may be called at any time, from any goroutine.
func (s *Service) Status() Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.status
}

// Run collects and publishes until ctx ends.
func (s *Service) Run(ctx context.Context) error {
	var err error
	if s.sent, err = loadMemory(s.cfg.FS, s.cfg.File, s.cfg.PCID); err != nil {
		s.cfg.Logger.Warn("what was published last is not known; everything is published once more", "error", err)
	}
	t := turns{Service: s}
	t.begin()
	for ctx.Err() == nil {
		pause, wake := t.next()
		if pause <= 0 {
			s.collect(ctx, t.plan)
			t.done()
			continue
		}
		wait(ctx, min(pause, maxPause), wake)
	}
	return nil
}

// plan is what the settings ask for.
type plan struct {
	enabled          bool
	interval, jitter time.Duration
	sections         string
}

func planOf(c wire.EffectiveConfig) plan {
	return plan{enabled: c.InventoryEnabled, interval: c.InventoryInterval, jitter: c.InventoryJitter, sections: c.InventorySections}
}

// wanted tells whether a section is published. What is missing is told in any case.
func (p plan) wanted(name string) bool {
	listed := p.listed()
	return len(listed) == 0 || name == wire.InventoryProblems || slices.Contains(listed, name)
}

// listed are the sections that the settings name; none: all.
func (p plan) listed() []string {
	return strings.FieldsFunc(p.sections, func(r rune) bool { return r == ',' || unicode.IsSpace(r) })
}

// wakes are what ends a pause early; each may be nil.
type wakes struct{ settings, connection <-chan struct{} }

func wait(ctx context.Context, pause time.Duration, w wakes) {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-w.settings:
	case <-w.connection:
	case <-timer.C:
	}
}
