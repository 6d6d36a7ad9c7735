package klp

import (
	"context"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent/wire"
)

// The tests in this file go over the system's pipe or socket.

func TestAThousandConnects(t *testing.T) {
	t.Parallel()
	cfg := config(t)
	s := start(t, cfg)
	var served atomic.Int64
	var users sync.WaitGroup
	for range 4 {
		users.Go(func() {
			for range 250 {
				c := dial(t, cfg.Endpoint.Path)
				if _, err := c.call(wire.KLPHandshakeMethod, wire.KLPHandshake{Client: "a", ClientVersion: "1", Protocol: []uint32{1}}.Encode()); err == nil {
					served.Add(1)
				}
				_ = c.conn.Close()
			}
		})
	}
	users.Wait()
	require.Positive(t, served.Load(), "those who came faster than the last one went were told so")
	require.Eventually(t, func() bool {
		s.clients.mu.Lock()
		defer s.clients.mu.Unlock()
		return s.clients.accepted == 0 && len(s.clients.waiting) == 0 && len(s.clients.perUser) == 0
	}, generous, time.Millisecond)
	c := dial(t, cfg.Endpoint.Path).handshake()
	defer c.close()
	_, err := c.call(wire.KLPPingMethod, nil)
	require.NoError(t, err)
}

// Whoever only connects keeps nobody out.
func TestAThousandThatSayNothing(t *testing.T) {
	t.Parallel()
	cfg := config(t)
	s := start(t, cfg)
	var all []*client
	defer func() {
		for _, c := range all {
			c.close()
		}
	}()
	for range 1000 {
		all = append(all, dial(t, cfg.Endpoint.Path))
		if len(all) > 100 {
			require.Empty(t, all[0].requireEnd())
			all[0].close()
			all = all[1:]
		}
	}
	c := dial(t, cfg.Endpoint.Path).handshake()
	defer c.close()
	s.clients.mu.Lock()
	defer s.clients.mu.Unlock()
	require.LessOrEqual(t, len(s.clients.waiting), defaultLimits.waiting)
}

func TestASlowClientIsLetGo(t *testing.T) {
	t.Parallel()
	for name, say := range map[string][]byte{"nothing": nil, "half a header": {1, 0}, "half a body": {200, 0, 0, 0, '{', '"'}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := config(t)
			cfg.limits.header = 50 * time.Millisecond
			start(t, cfg)
			c := dial(t, cfg.Endpoint.Path)
			defer c.close()
			_, _ = c.conn.Write(say) // it may be too late already
			require.Empty(t, c.requireEnd())
		})
	}
}

// The answers to requests fill what the system keeps for a client that does not
// read; then its time runs.
func TestAClientThatOnlyWrites(t *testing.T) {
	t.Parallel()
	cfg := config(t)
	cfg.limits.frame = 100 * time.Millisecond
	s := start(t, cfg)
	c := dial(t, cfg.Endpoint.Path).handshake()
	defer c.close()
	whole := mustFrame(`{"jsonrpc":"2.0","id":"a","method":"state.snapshot"}`)
	for range 1 << 20 {
		if _, err := c.conn.Write(whole); err != nil {
			require.NotErrorIs(t, err, os.ErrDeadlineExceeded)
			break
		}
	}
	require.Eventually(t, func() bool {
		s.clients.mu.Lock()
		defer s.clients.mu.Unlock()
		return s.clients.accepted == 0
	}, generous, time.Millisecond)
	dial(t, cfg.Endpoint.Path).handshake().close()
}

func TestPushesOverTheSystem(t *testing.T) {
	t.Parallel()
	cfg := config(t)
	host := newHost()
	cfg.Host = host
	start(t, cfg)
	c := dial(t, cfg.Endpoint.Path).handshake()
	defer c.close()
	_, err := c.call(wire.KLPStateSubscribeMethod, nil)
	require.NoError(t, err)
	for _, online := range []bool{false, true} {
		host.set(func(h *fakeHost) { h.online = online })
		m, err := wire.DecodeKLPMessage([]byte(c.next()))
		require.NoError(t, err)
		require.Equal(t, wire.KLPStateChangedMethod, m.Method)
		changed, err := wire.DecodeKLPStateChanged(m.Params)
		require.NoError(t, err)
		require.Equal(t, online, changed.Snapshot.Online)
		require.Equal(t, noon, changed.At)
	}
}

func TestAStopEndsConnections(t *testing.T) {
	t.Parallel()
	cfg := config(t)
	s := New(cfg)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	var all []*client
	for n := range 6 {
		c := dial(t, cfg.Endpoint.Path)
		if all = append(all, c); n%2 == 0 {
			c.handshake()
		}
	}
	cancel()
	require.NoError(t, <-ended)
	for _, c := range all {
		require.Empty(t, c.requireEnd())
		c.close()
	}
	_, err := dialOnce(cfg.Endpoint.Path)
	require.Error(t, err)
	start(t, cfg) // the place is free again
}

// One agent has the place; the other one waits for it.
func TestTwoAtOnePlace(t *testing.T) {
	t.Parallel()
	cfg := config(t)
	first, second := New(cfg), New(cfg)
	_, err := func() (io.Closer, error) {
		l, err := listen(cfg.Endpoint)
		require.NoError(t, err)
		defer func() { require.NoError(t, l.Close()) }()
		return listen(cfg.Endpoint)
	}()
	require.ErrorIs(t, err, ErrInUse)

	ctx, cancel := context.WithCancel(t.Context())
	firstEnded, secondEnded := make(chan error, 1), make(chan error, 1)
	go func() { firstEnded <- first.Run(ctx) }()
	dial(t, cfg.Endpoint.Path).handshake().close()
	all, cancelAll := context.WithCancel(t.Context())
	go func() { secondEnded <- second.Run(all) }()
	dial(t, cfg.Endpoint.Path).handshake().close()
	cancel()
	require.NoError(t, <-firstEnded)
	dial(t, cfg.Endpoint.Path).handshake().close()
	cancelAll()
	require.NoError(t, <-secondEnded)
}

// A look at the host that panics is made again later; clients are served.
func TestAHostThatPanics(t *testing.T) {
	t.Parallel()
	cfg := config(t)
	cfg.limits.evaluate = time.Millisecond
	host := &panicking{fakeHost: newHost()}
	cfg.Host = host
	start(t, cfg)
	host.broken.Store(true)
	require.Eventually(t, func() bool { return host.panics.Load() > 0 }, generous, time.Millisecond)
	c := dial(t, cfg.Endpoint.Path).handshake()
	defer c.close()
	host.broken.Store(false)
	host.set(func(h *fakeHost) { h.online = false })
	require.Eventually(t, func() bool {
		result, err := c.call(wire.KLPStateSnapshotMethod, nil)
		require.NoError(t, err)
		s, err := wire.DecodeKLPState(result)
		require.NoError(t, err)
		return !s.Online
	}, generous, 10*time.Millisecond)
}

type panicking struct {
	*fakeHost
	broken atomic.Bool
	panics atomic.Int64
}

func (p *panicking) Disk() (free, total uint64, err error) {
	if p.broken.Load() {
		p.panics.Add(1)
		panic("no disk")
	}
	return p.fakeHost.Disk()
}
