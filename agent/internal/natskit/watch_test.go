package natskit

import (
	"context"
	"log/slog"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/internal/logtest"
	"github.com/kanade-go/kanade/retry/jstest"
)

type proofs struct{ asked atomic.Int64 }

func (p *proofs) Prove(context.Context) bool { p.asked.Add(1); return false }

// host is a machine whose clocks and addresses a test moves.
type host struct {
	slept     atomic.Int64 // the wall clock's lead over the monotonic one
	addresses atomic.Value
	looks     atomic.Int64
}

func newHost() *host {
	h := &host{}
	h.addresses.Store("10.0.0.1/24")
	return h
}

func (h *host) watch(conn prover, log *slog.Logger) *Watch {
	start := time.Now()
	return &Watch{
		Conn: conn, Logger: log,
		clock: func() reading {
			return reading{wall: time.Now().Add(time.Duration(h.slept.Load())), mono: time.Since(start)}
		},
		addresses: func() string {
			defer h.looks.Add(1)
			return h.addresses.Load().(string)
		},
	}
}

// run runs w until the end of the test.
func run(t *testing.T, w *Watch) {
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- w.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-ended)
	})
}

func TestOneProofForEachChange(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*host){
		"a night's sleep":   func(h *host) { h.slept.Add(int64(8 * time.Hour)) },
		"a clock set back":  func(h *host) { h.slept.Add(-int64(time.Hour)) },
		"another network":   func(h *host) { h.addresses.Store("192.168.1.7/24") },
		"no network at all": func(h *host) { h.addresses.Store("") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				h, conn := newHost(), &proofs{}
				run(t, h.watch(conn, discard))
				time.Sleep(24 * time.Hour)
				require.Zero(t, conn.asked.Load(), "nothing happens while nothing changes")
				change(h)
				time.Sleep(lookEvery + time.Millisecond)
				require.EqualValues(t, 1, conn.asked.Load())
				time.Sleep(24 * time.Hour)
				require.EqualValues(t, 1, conn.asked.Load(), "what was missed is not made up for")
			})
		})
	}
}

// On systems whose monotonic clock runs through a sleep, both clocks agree and
// only the look comes late.
func TestALateLookCountsAsASleep(t *testing.T) {
	t.Parallel()
	at := func(d time.Duration) look {
		return look{at: reading{wall: time.Unix(0, 0).Add(d), mono: d}, addresses: "a"}
	}
	require.Empty(t, at(0).change(at(lookEvery)))
	require.Empty(t, at(0).change(at(lookEvery+jump)))
	require.Contains(t, at(0).change(at(8*time.Hour)), "nothing ran")
}

func TestTheSystemIsStable(t *testing.T) {
	t.Parallel()
	clock := systemClock()
	first := look{at: clock(), addresses: systemAddresses()}
	require.Empty(t, first.change(look{at: clock(), addresses: systemAddresses()}))
	require.NotContains(t, systemAddresses(), "127.0.0.1")
	_, _, err := net.ParseCIDR(strings.Split(systemAddresses()+" 10.0.0.1/8", " ")[0])
	require.NoError(t, err)
}

// watched is a connection of our own, or one that is borrowed.
func watched(t *testing.T, url string, borrowed bool) (*nats.Conn, prover) {
	t.Helper()
	if !borrowed {
		nc := dial(t, Options{Servers: []string{url}, pings: time.Hour})
		return nc.Conn, nc
	}
	nc, err := nats.Connect(url, nats.PingInterval(time.Hour), nats.MaxReconnects(-1), nats.ReconnectWait(time.Hour), nats.ReconnectJitter(0, 0))
	require.NoError(t, err)
	t.Cleanup(nc.Close)
	return nc, Borrow(nc)
}

// The line goes dead without a word, and the address changes. With pings an hour
// apart nobody but the watch can notice.
func TestADeadLineIsNoticedAfterAnAddressChange(t *testing.T) {
	t.Parallel()
	for name, borrowed := range map[string]bool{"own": false, "borrowed": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			broker := jstest.StartBroker(t)
			proxy := jstest.StartProxy(t, broker.URL())
			var log logtest.Buffer
			nc, conn := watched(t, proxy.URL(), borrowed)
			require.Eventually(t, nc.IsConnected, patience, time.Millisecond)
			h := newHost()
			run(t, h.watch(conn, slog.New(slog.NewTextHandler(&log, nil))))
			require.Eventually(t, func() bool { return h.looks.Load() > 0 }, patience, time.Millisecond)
			reconnects := nc.Stats().Reconnects

			lost := nc.StatusChanged(nats.RECONNECTING)
			proxy.Freeze()
			began := time.Now()
			h.addresses.Store("192.168.1.7/24")
			select {
			case <-lost:
			case <-time.After(patience):
				require.Fail(t, "the dead line was not noticed")
			}
			t.Logf("noticed %v after the change; pings alone take an hour", time.Since(began).Round(time.Millisecond))
			require.Eventually(t, func() bool { return strings.Contains(log.String(), "did not answer a ping") }, patience, time.Millisecond)
			proxy.Thaw()
			if borrowed { // its owner waits for an hour between two attempts
				require.Eventually(t, func() bool { conn.Prove(t.Context()); return nc.IsConnected() }, patience, time.Millisecond)
			}
			require.Eventually(t, nc.IsConnected, patience, time.Millisecond)
			require.Greater(t, nc.Stats().Reconnects, reconnects)
		})
	}
}

// Its owner wants it closed when it is lost: that is for its owner's pings to find out.
func TestABorrowedConnectionThatMayNotReconnectIsLeftAlone(t *testing.T) {
	t.Parallel()
	broker := jstest.StartBroker(t)
	proxy := jstest.StartProxy(t, broker.URL())
	nc, err := nats.Connect(proxy.URL(), nats.PingInterval(time.Hour), nats.NoReconnect())
	require.NoError(t, err)
	defer nc.Close()
	b := Borrow(nc)
	require.False(t, b.Prove(t.Context()))
	proxy.Freeze()
	require.True(t, b.Prove(t.Context()))
	require.True(t, nc.IsConnected())
	proxy.Thaw()
}

// A connection that answers is left alone.
func TestALivingLineSurvivesAChange(t *testing.T) {
	t.Parallel()
	broker := jstest.StartBroker(t)
	for _, borrowed := range []bool{false, true} {
		nc, conn := watched(t, broker.URL(), borrowed)
		require.Eventually(t, nc.IsConnected, patience, time.Millisecond)
		before, in := nc.Stats().Reconnects, nc.Stats().InMsgs
		require.False(t, conn.Prove(t.Context()))
		require.True(t, nc.IsConnected())
		require.Equal(t, before, nc.Stats().Reconnects)
		require.Equal(t, in, nc.Stats().InMsgs)
	}
}

// While there is no connection a change starts the next attempt at once: here
// it is broken off on a way that leads nowhere.
func TestAChangeBreaksOffAnAttempt(t *testing.T) {
	t.Parallel()
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer silent.Close()
	nc := dial(t, Options{Servers: []string{"nats://" + silent.Addr().String()}})
	for range 10 { // at 5 s each, left alone
		conn, err := silent.Accept()
		require.NoError(t, err)
		defer conn.Close()
		nc.Prove(t.Context())
	}
	nc.Close()
}

// BenchmarkLook is the cost of one look, of which there is one every 10 s.
func BenchmarkLook(b *testing.B) {
	clock := systemClock()
	for b.Loop() {
		_ = look{at: clock(), addresses: systemAddresses()}
	}
}
