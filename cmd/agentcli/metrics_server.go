package agentcli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync/atomic"
	"time"

	"github.com/kanade-go/kanade/agent"
)

const (
	// metricsConns is how many connections are served at once. A program of this host
	// that opens more, or never reads, takes nothing from the agent.
	metricsConns = 16
	// metricsRetry is the pause before the next try to have the address.
	metricsRetry = 30 * time.Second
	// metricsStop is what a request under way has at the end.
	metricsStop = time.Second
)

// metered is a runner that says how it is.
type metered interface {
	runner
	Status() agent.Status
}

// metricsServer serves the agent's numbers and health to programs of this host.
type metricsServer struct {
	address string
	status  func() agent.Status
	log     *slog.Logger
	retry   time.Duration
}

// servingMetrics is the agent with the server beside it while it runs; without an
// address the agent alone.
func (r *running) servingMetrics(address string, a runner) runner {
	m, can := a.(metered)
	if address == "" || !can {
		return a
	}
	return served{runner: a, server: &metricsServer{address: address, status: m.Status, log: r.logs.all.With("component", "metrics"), retry: metricsRetry}}
}

// served is an agent that is served while it runs.
type served struct {
	runner
	server *metricsServer
}

func (s served) Run(ctx context.Context) error {
	serving, stop := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.server.run(serving)
	}()
	defer func() { stop(); <-done }()
	return s.runner.Run(ctx)
}

// run serves until ctx ends. An address that somebody else has is waited for: an
// agent without metrics is better than none.
func (m *metricsServer) run(ctx context.Context) {
	for told := ""; ctx.Err() == nil; {
		err := m.serve(ctx)
		if err == nil {
			return
		}
		if err.Error() != told {
			told = err.Error()
			m.log.Warn("metrics are not served; it is tried again now and then", "error", err, "wait", m.retry)
		}
		select {
		case <-ctx.Done():
		case <-time.After(m.retry):
		}
	}
}

func (m *metricsServer) serve(ctx context.Context) error {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", m.address)
	if err != nil {
		return err
	}
	if at, ok := listener.Addr().(*net.TCPAddr); !ok || !at.IP.IsLoopback() { // localhost is a name
		return errors.Join(fmt.Errorf("%s is no loopback address", listener.Addr()), listener.Close())
	}
	m.log.Info("metrics are served", "address", listener.Addr().String())
	server := m.server()
	ended := make(chan struct{})
	stopped := context.AfterFunc(ctx, func() {
		defer close(ended)
		last, cancel := context.WithTimeout(context.WithoutCancel(ctx), metricsStop)
		defer cancel()
		if server.Shutdown(last) != nil {
			_ = server.Close() // whoever does not read is cut off
		}
	})
	err = server.Serve(listener)
	if stopped() { // it was not asked to end: the listener broke
		return errors.Join(err, server.Close())
	}
	<-ended
	return nil
}

func (m *metricsServer) server() *http.Server {
	var conns atomic.Int64
	return &http.Server{
		Handler:           m.handler(),
		ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 5 * time.Second, WriteTimeout: 10 * time.Second, IdleTimeout: time.Minute,
		MaxHeaderBytes: 8 << 10,
		ErrorLog:       slog.NewLogLogger(m.log.Handler(), slog.LevelDebug),
		ConnState: func(c net.Conn, state http.ConnState) {
			switch state {
			case http.StateNew:
				if conns.Add(1) > metricsConns {
					_ = c.Close() // it is told by that
				}
			case http.StateClosed, http.StateHijacked:
				conns.Add(-1)
			}
		},
	}
}

func (m *metricsServer) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /metrics", m.metrics)
	mux.HandleFunc("GET /healthz", m.health)
	mux.HandleFunc("GET /readyz", m.ready)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !namesLoopback(r.Host) {
			http.Error(w, "this is for programs of this host", http.StatusForbidden)
			return
		}
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		mux.ServeHTTP(w, r)
	})
}

// namesLoopback keeps out pages in a browser whose own name was made to mean this
// host.
func namesLoopback(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	if inside, found := strings.CutPrefix(host, "["); found { // of IPv6, without a port
		host, _ = strings.CutSuffix(inside, "]")
	}
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

func (m *metricsServer) metrics(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	_, _ = w.Write(metricsText(m.status().Metrics())) // whoever has gone asks again
}

// health is about the process: a restart would help where it fails.
func (m *metricsServer) health(w http.ResponseWriter, _ *http.Request) {
	if m.status().Running {
		answer(w, http.StatusOK, "ok")
		return
	}
	answer(w, http.StatusServiceUnavailable, "the agent does not run")
}

// ready is what the verb status calls healthy. It names what is wrong and no more:
// every user of the host can ask.
func (m *metricsServer) ready(w http.ResponseWriter, _ *http.Request) {
	s := m.status()
	problems := s.Problems()
	if s.Running && len(problems) == 0 {
		answer(w, http.StatusOK, "ready")
		return
	}
	lines := []string{"not ready"}
	for _, p := range problems {
		lines = append(lines, visible(p.What))
	}
	answer(w, http.StatusServiceUnavailable, lines...)
}

func answer(w http.ResponseWriter, code int, lines ...string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(code)
	for _, line := range lines {
		_, _ = fmt.Fprintln(w, line) // likewise
	}
}
