//go:build unix

package main

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/retry/jstest"
)

// serviceManager listens as systemd does.
type serviceManager struct {
	*net.UnixConn
	socket string
}

func newServiceManager(t *testing.T) *serviceManager {
	t.Helper()
	m := &serviceManager{socket: filepath.Join(t.TempDir(), "n")} // its name has a hundred bytes, so tests have short ones
	var err error
	m.UnixConn, err = net.ListenUnixgram("unixgram", &net.UnixAddr{Name: m.socket, Net: "unixgram"})
	require.NoError(t, err)
	t.Cleanup(func() { _ = m.Close() })
	return m
}

// until reads what the agent says up to a message with this text.
func (m *serviceManager) until(t *testing.T, text string) {
	t.Helper()
	require.NoError(t, m.SetReadDeadline(time.Now().Add(patience)))
	var heard []string
	buffer := make([]byte, 4096)
	for {
		n, err := m.Read(buffer)
		require.NoError(t, err, "no %q in %q", text, heard)
		heard = append(heard, string(buffer[:n]))
		if strings.Contains(heard[len(heard)-1], text) {
			return
		}
	}
}

func TestNotify(t *testing.T) {
	t.Parallel()
	m := newServiceManager(t)
	b, nc := broker(t, jstest.WithConfig(withToken))
	results, err := nc.SubscribeSync("results.*")
	require.NoError(t, err)
	env := []string{"KANADE_NATS_TOKEN=sesame", "NOTIFY_SOCKET=" + m.socket, "WATCHDOG_USEC=300000"}
	p := start(t, env, "--nats-url", b.URL(), "--id", "till-3", "--data-dir", t.TempDir())
	m.until(t, "READY=1\nSTATUS=")
	m.until(t, "WATCHDOG=1\nSTATUS=connected to "+b.URL())
	p.waitFor(t, "agent takes commands")
	send(t, nc, "r1", `env | grep -E 'NOTIFY|WATCHDOG'; echo none`)
	require.Equal(t, "none\n", next(t, results).Stdout, "a script could speak for the agent")
	require.NoError(t, p.Process.Signal(syscall.SIGTERM))
	m.until(t, "STOPPING=1")
	require.Zero(t, p.end(t), &p.stderr)
}

// A broker that is away is no reason to hold the start of the host up.
func TestNotifyReady(t *testing.T) {
	t.Parallel()
	m := newServiceManager(t)
	p := start(t, []string{"NOTIFY_SOCKET=" + m.socket}, "--nats-url", "nats://127.0.0.1:1", "--id", "till-3", "--data-dir", t.TempDir())
	m.until(t, "READY=1\nSTATUS=not connected since ")
	require.NoError(t, p.Process.Signal(syscall.SIGTERM))
	require.Zero(t, p.end(t), &p.stderr)
}

func TestNotifyFailed(t *testing.T) {
	t.Parallel()
	m := newServiceManager(t)
	dir := t.TempDir()
	args := []string{"--nats-url", "nats://127.0.0.1:1", "--id", "till-3", "--data-dir", dir}
	first := start(t, nil, args...)
	first.waitFor(t, "agent starts")
	second := start(t, []string{"NOTIFY_SOCKET=" + m.socket}, args...)
	require.Equal(t, 1, second.end(t), "the manager starts it again for that")
	require.NoError(t, m.SetReadDeadline(time.Now().Add(100*time.Millisecond))) // one that is over hides what has come
	_, err := m.Read(make([]byte, 4096))
	require.ErrorIs(t, err, os.ErrDeadlineExceeded, "it said something")
	require.NoError(t, first.Process.Signal(syscall.SIGTERM))
	require.Zero(t, first.end(t))
}
