package hostfacts

import (
	"context"
	"iter"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent/internal/health"
	"github.com/kanade-go/kanade/agent/wire"
	"github.com/kanade-go/kanade/inventory/facts"
	"github.com/kanade-go/kanade/outbox"
	"github.com/kanade-go/kanade/outbox/atomicfile"
	"github.com/kanade-go/kanade/retry"
)

const pcID = "PC-1"

// host is a collector whose facts a test changes.
type host struct {
	mu    sync.Mutex
	facts facts.Host
	err   error
	asked int
	do    func(ctx context.Context) // in place of nothing
}

var booted = time.Date(2031, 3, 4, 4, 0, 0, 0, time.UTC)

func newHost() *host {
	return &host{facts: facts.Host{
		Hostname: "lab",
		OS:       &facts.OS{Family: "linux", Name: "Debian", Version: "12", Arch: "amd64", BootedAt: new(booted)},
		Hardware: &facts.Hardware{CPUs: []facts.CPU{{Model: "Acme", Cores: 4}}, RAMBytes: 8 << 30},
		Storage:  &facts.Storage{Disks: []facts.Disk{}, Volumes: []facts.Volume{{Device: "/dev/sda1", Bytes: 1000, FreeBytes: 555}}},
		Software: &facts.Software{Programs: []facts.Program{{Name: "a", Source: "dpkg", Scope: "machine"}}},
	}}
}

// everything that a new host publishes.
var everything = []string{"disk", "hardware", "hw", "os", "problems", "sw"}

func (h *host) Collect(ctx context.Context) (facts.Host, error) {
	h.mu.Lock()
	h.asked++
	f, err, do := h.facts, h.err, h.do
	h.mu.Unlock()
	if do != nil {
		do(ctx)
	}
	return f, err
}

func (h *host) change(f func(*host)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	f(h)
}

func (h *host) install(names ...string) {
	sw := &facts.Software{Programs: []facts.Program{}}
	for _, n := range names {
		sw.Programs = append(sw.Programs, facts.Program{Name: n, Source: "dpkg", Scope: "machine"})
	}
	h.change(func(h *host) { h.facts.Software = sw })
}

func (h *host) times() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.asked
}

// dial is settings that a test changes.
type dial struct {
	mu      sync.Mutex
	now     wire.EffectiveConfig
	changed chan struct{}
}

func newDial() *dial { return &dial{now: wire.DefaultConfig(), changed: make(chan struct{})} }

func (d *dial) get() (wire.EffectiveConfig, <-chan struct{}) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.now, d.changed
}

func (d *dial) set(f func(*wire.EffectiveConfig)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	f(&d.now)
	close(d.changed)
	d.changed = make(chan struct{})
}

// line is a connection that a test cuts. It carries nothing.
type line struct {
	retry.Transport
	mu      sync.Mutex
	up      bool
	changed chan struct{}
	payload int64
}

func newLine() *line { return &line{up: true, changed: make(chan struct{})} }

func (l *line) State() (bool, <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.up, l.changed
}

func (l *line) set(up bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.up = up
	close(l.changed)
	l.changed = make(chan struct{})
}

func (l *line) MaxPayload() int64 { return l.payload }

func (l *line) RequestMany(context.Context, *nats.Msg) iter.Seq2[*nats.Msg, error] { return nil }

// shelf is a box that delivers at once, unless it is told to keep.
type shelf struct {
	mu   sync.Mutex
	got  []outbox.Record
	at   []time.Time
	keep bool
	err  error
	left int // not delivered
}

func (s *shelf) Put(_ context.Context, r outbox.Record) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return s.err
	}
	s.got, s.at = append(s.got, r), append(s.at, time.Now())
	if s.keep {
		s.left++
	}
	return nil
}

func (s *shelf) Stats() outbox.Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	return outbox.Stats{Pending: s.left}
}

func (s *shelf) set(f func(*shelf)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f(s)
}

// take returns the sections that have come since the last call, and forgets them.
func (s *shelf) take(t *testing.T) map[string]wire.InventorySection {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	found := map[string]wire.InventorySection{}
	for _, r := range s.got {
		if r.Subject == wire.InventorySubject(pcID, wire.InventoryHw) {
			_, err := wire.DecodeHwInventory(r.Data)
			require.NoError(t, err)
			found[wire.InventoryHw] = wire.InventorySection{}
			continue
		}
		d, err := wire.DecodeInventorySection(r.Data)
		require.NoError(t, err)
		require.NoError(t, d.Validate())
		require.Equal(t, wire.InventorySubject(pcID, d.Section), r.Subject)
		found[d.Section] = d
	}
	s.got, s.at = nil, nil
	return found
}

// bench is a service with everything around it.
type bench struct {
	t     *testing.T
	host  *host
	dial  *dial
	line  *line
	shelf *shelf
	board *health.Board
	cfg   Config
}

func newBench(t *testing.T) *bench {
	t.Helper()
	b := &bench{t: t, host: newHost(), dial: newDial(), line: newLine(), shelf: &shelf{}, board: health.NewBoard(time.Now)}
	b.dial.now.InventoryJitter = 0
	b.cfg = Config{
		PCID: pcID, Source: NewSource(b.host), Box: b.shelf, Transport: b.line, Settings: b.dial.get,
		File: t.TempDir() + "/inventory.json", FS: atomicfile.OS, Board: b.board, Now: time.Now,
		Logger: slog.New(slog.NewTextHandler(t.Output(), nil)),
	}
	return b
}

// start runs a service until the returned function is called.
func (b *bench) start() (*Service, func()) {
	s := New(b.cfg)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	return s, func() {
		cancel()
		require.NoError(b.t, <-ended)
	}
}
