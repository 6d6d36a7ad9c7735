package klp

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/kanade-go/kanade/agent/internal/supervise"
	"github.com/kanade-go/kanade/retry"
)

// Host is what a server has to know of the agent and its host. Its methods are
// called by one goroutine at a time.
type Host interface {
	// Online says whether the broker is connected, with what is closed when that
	// changes.
	Online() (connected bool, changed <-chan struct{})
	// Target is the version that the agent should have, empty if none is set, with
	// what is closed when that may have changed.
	Target() (version string, changed <-chan struct{})
	// Disk is the space of the system's disk, in bytes. It may hang, and is then called
	// by a goroutine of its own until it returns.
	Disk() (free, total uint64, err error)
}

// Log reads the end of the agent's log.
type Log interface {
	// Tail returns the last lines, the newest one last: at most so many, and about
	// limit bytes of them. Without a log there are none, which is no error.
	Tail(lines uint32, limit int64) ([]string, error)
}

// Config is what a server consists of. Endpoint, PCID, Host and Log are required.
type Config struct {
	Endpoint Endpoint
	PCID     string
	Version  string
	Host     Host
	Beat     supervise.Beat // when to look at the host
	Log      Log
	Now      func() time.Time // default: time.Now
	Logger   *slog.Logger     // default: none

	limits limits // of tests
}

// Server serves one endpoint.
type Server struct {
	cfg     Config
	limits  limits
	board   *board
	disk    diskProbe
	clients *clients
	rates   *rates
	refused thinned
	untaken thinned

	sessions sync.WaitGroup
	slots    chan struct{} // one is held by each connection, also while it ends
}

// New returns a server that does nothing yet.
func New(cfg Config) *Server {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	l := cfg.limits.orDefaults()
	return &Server{
		cfg: cfg, limits: l, board: newBoard(), disk: diskProbe{ask: cfg.Host.Disk}, clients: newClients(l), rates: newRates(l),
		refused: thinned{log: cfg.Logger, text: "local clients were refused"},
		untaken: thinned{log: cfg.Logger, text: "a local client could not be taken; tried again"},
		slots:   make(chan struct{}, l.waiting+l.total+l.ending),
	}
}

// Run serves until ctx ends. An endpoint that cannot be had is waited for.
func (s *Server) Run(ctx context.Context) error {
	s.evaluate()
	state := supervise.NewGroup(ctx, s.cfg.Logger, supervise.Task{Name: "state for local clients", Run: s.watch})
	defer s.sessions.Wait()
	defer state.Stop()
	return s.serve(ctx)
}

// relisten is for the endpoint and for accepting.
var relisten = retry.Backoff{Min: 200 * time.Millisecond, Max: 30 * time.Second, Factor: 2, Jitter: 0.25}

func (s *Server) serve(ctx context.Context) error {
	for ctx.Err() == nil {
		l, err := retry.Forever(ctx, "local clients", func(context.Context) (listener, error) { return listen(s.cfg.Endpoint) },
			retry.WithBackoff(relisten), retry.WithLogger(s.cfg.Logger))
		if ctx.Err() != nil {
			return closeQuietly(l)
		}
		if err != nil {
			return err
		}
		s.cfg.Logger.Info("local clients are served", "endpoint", s.cfg.Endpoint.Path)
		s.accept(ctx, l)
	}
	return nil
}

func closeQuietly(l listener) error {
	if l == nil {
		return nil
	}
	return l.Close()
}

// accept takes clients until ctx ends or the endpoint is lost. Those that were
// taken outlast an endpoint.
func (s *Server) accept(base context.Context, l listener) {
	ctx, cancel := context.WithCancel(base)
	var guard sync.WaitGroup
	guard.Go(func() { s.guard(ctx, cancel, l) })
	defer guard.Wait()
	defer cancel()
	for attempt := 1; s.slot(ctx); attempt++ {
		c, err := l.Accept()
		if err == nil {
			attempt = 0
			s.admit(base, c)
			continue
		}
		<-s.slots
		if ctx.Err() != nil || errors.Is(err, net.ErrClosed) {
			return
		}
		s.untaken.warn(time.Now(), "error", err)
		if !supervise.Sleep(ctx, relisten.Jittered(attempt)) {
			return
		}
	}
}

// slot waits until one more connection may be there. Those that were pushed out end
// within moments, so that only a host that hangs has others wait.
func (s *Server) slot(ctx context.Context) bool {
	select {
	case s.slots <- struct{}{}:
		return true
	case <-ctx.Done():
		return false
	}
}

// guard closes the listener at the end, or when nobody can reach it any more.
func (s *Server) guard(ctx context.Context, cancel context.CancelFunc, l listener) {
	defer func() {
		if err := l.Close(); err != nil {
			s.cfg.Logger.Warn("the endpoint for local clients was not closed cleanly", "error", err)
		}
	}()
	defer cancel()
	for supervise.Sleep(ctx, s.limits.look) {
		if err := l.Intact(); err != nil {
			s.cfg.Logger.Warn("the endpoint for local clients was lost and is made again", "error", err)
			return
		}
	}
}
