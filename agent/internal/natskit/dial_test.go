package natskit

import (
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/internal/logtest"
	"github.com/kanade-go/kanade/retry/jstest"
)

const patience = 60 * time.Second

var discard = slog.New(slog.DiscardHandler)

func dial(t *testing.T, o Options) *Conn {
	t.Helper()
	if o.Logger == nil {
		o.Logger = discard
	}
	nc, err := Dial(o)
	require.NoError(t, err)
	t.Cleanup(nc.Close)
	return nc
}

func requireConnected(t *testing.T, nc *Conn) {
	t.Helper()
	require.Eventually(t, nc.IsConnected, patience, time.Millisecond, "last error: %v", nc.LastError())
}

func requireLost(t *testing.T, nc *Conn) {
	t.Helper()
	require.Eventually(t, func() bool { return !nc.IsConnected() }, patience, time.Millisecond)
}

func requireRefused(t *testing.T, nc *Conn) {
	t.Helper()
	require.Eventually(t, func() bool {
		err := nc.LastError() // it comes and goes
		return err != nil && strings.Contains(strings.ToLower(err.Error()), "authorization")
	}, patience, time.Millisecond)
	require.False(t, nc.IsClosed(), "credentials can be mended")
}

func TestDialReturnsAtOnceAndConnectsLater(t *testing.T) {
	t.Parallel()
	broker := jstest.NewBroker(t)
	nc := dial(t, Options{Servers: []string{broker.URL()}, Name: "kanade-agent/PC-1"})
	require.False(t, nc.IsConnected())
	broker.Start()
	requireConnected(t, nc)
	broker.Kill()
	requireLost(t, nc)
	broker.Start()
	requireConnected(t, nc)
}

// A server that accepts and then says nothing costs an attempt, not the caller
// of Dial, and not Close: neither waits for it.
func TestASilentServerIsTriedAgain(t *testing.T) {
	t.Parallel()
	for _, scheme := range []string{"nats", "ws", "wss"} {
		t.Run(scheme, func(t *testing.T) {
			t.Parallel()
			silent, err := net.Listen("tcp", "127.0.0.1:0")
			require.NoError(t, err)
			defer silent.Close()
			nc := dial(t, Options{Servers: []string{scheme + "://" + silent.Addr().String()}})
			for range 2 {
				conn, err := silent.Accept()
				require.NoError(t, err)
				defer conn.Close()
			}
			nc.Close() // breaks the handshake off
			require.True(t, nc.IsClosed())
		})
	}
}

func TestOneDeadServerOfSeveral(t *testing.T) {
	t.Parallel()
	dead, broker := jstest.NewBroker(t), jstest.StartBroker(t)
	nc := dial(t, Options{Servers: []string{dead.URL(), broker.URL()}})
	requireConnected(t, nc)
	dead.Start()
	broker.Stop()
	require.Eventually(t, func() bool { return nc.ConnectedUrl() == dead.URL() }, patience, time.Millisecond)
}

func TestServersThatCannotBeParsed(t *testing.T) {
	t.Parallel()
	for _, server := range []string{"nats://u:s3cret@host:port", "nats://u:s3cret@", "nats://u:s3cret@a:1,nats://b:1", "nats://u:s3cret@a\n:1"} {
		_, err := Dial(Options{Servers: []string{server}, Logger: discard})
		require.ErrorContains(t, err, "server URL")
		require.NotContains(t, err.Error(), "s3cret")
	}
}

func TestNothingIsBufferedWithoutAConnection(t *testing.T) {
	t.Parallel()
	broker := jstest.StartBroker(t)
	nc := dial(t, Options{Servers: []string{broker.URL()}, pings: time.Second})
	require.Eventually(t, func() bool { return nc.Publish("telemetry", []byte("first")) == nil }, patience, time.Millisecond)
	broker.Stop()
	requireLost(t, nc)
	require.ErrorIs(t, nc.Publish("telemetry", []byte("late")), nats.ErrReconnectBufExceeded)
	sub, err := nc.SubscribeSync("telemetry")
	require.NoError(t, err, "a subscription is not telemetry: it waits")
	broker.Start()
	requireConnected(t, nc)
	require.Eventually(t, func() bool { return nc.Publish("telemetry", []byte("fresh")) == nil }, patience, time.Millisecond)
	msg, err := sub.NextMsg(patience)
	require.NoError(t, err)
	require.Equal(t, "fresh", string(msg.Data))
}

// Only the interval is shortened here; that the defaults end a frozen
// connection within 45 s follows from them.
func TestAFrozenBrokerIsNoticed(t *testing.T) {
	t.Parallel()
	frozen, other := jstest.StartBroker(t), jstest.NewBroker(t)
	defaults := dial(t, Options{Servers: []string{frozen.URL()}})
	require.Equal(t, 15*time.Second, defaults.Opts.PingInterval)
	require.Equal(t, 2, defaults.Opts.MaxPingsOut)

	var log logtest.Buffer
	nc := dial(t, Options{
		Servers: []string{frozen.URL(), other.URL()}, pings: 200 * time.Millisecond,
		Logger: slog.New(slog.NewTextHandler(&log, nil)),
	})
	requireConnected(t, nc)
	other.Start()
	frozen.Pause()
	began := time.Now()
	require.Eventually(t, func() bool { return nc.ConnectedUrl() == other.URL() }, patience, time.Millisecond)
	t.Logf("pings every 200 ms, 2 outstanding: on the other broker %v after the freeze", time.Since(began).Round(time.Millisecond))
	require.Eventually(t, func() bool { return strings.Contains(log.String(), nats.ErrStaleConnection.Error()) }, patience, time.Millisecond)
	frozen.Resume()
}

func TestAClosedDialerDialsNoMore(t *testing.T) {
	t.Parallel()
	broker := jstest.StartBroker(t)
	nc := dial(t, Options{Servers: []string{broker.URL()}})
	requireConnected(t, nc)
	nc.Close()
	_, err := nc.dialer.Dial("tcp", "127.0.0.1:1")
	require.ErrorIs(t, err, errClosing)
}

func TestTLSWithAClientCertificate(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	ca, server, client := newAuthority(t, dir), filepath.Join(dir, "server"), filepath.Join(dir, "client")
	ca.issue(t, server)
	ca.issue(t, client)
	broker := jstest.StartBroker(t, jstest.WithConfig(verifying(ca.file, server))).URL()
	requireConnected(t, dial(t, Options{
		Servers: []string{broker}, TLS: TLSFiles{CA: ca.file, Cert: client + ".pem", Key: client + ".key"},
	}))
	stranger := dial(t, Options{Servers: []string{broker}, TLS: TLSFiles{CA: ca.file}})
	require.Eventually(t, func() bool { return stranger.LastError() != nil }, patience, time.Millisecond)
	require.False(t, stranger.IsConnected())
}

// verifying is a broker's configuration that asks for a client certificate.
func verifying(ca, server string) string {
	return fmt.Sprintf(`tls { cert_file: %q, key_file: %q, ca_file: %q, verify: true }`,
		filepath.ToSlash(server+".pem"), filepath.ToSlash(server+".key"), filepath.ToSlash(ca))
}

// A broker without TLS is refused, not spoken to in the clear.
func TestNoDowngrade(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	ca := newAuthority(t, dir)
	broker := jstest.StartBroker(t)
	nc := dial(t, Options{Servers: []string{broker.URL()}, TLS: TLSFiles{CA: ca.file}})
	require.Eventually(t, func() bool {
		err := nc.LastError()
		return err != nil && strings.Contains(err.Error(), nats.ErrSecureConnWanted.Error())
	}, patience, time.Millisecond)
	require.False(t, nc.IsConnected())
}
