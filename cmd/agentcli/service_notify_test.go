//go:build unix

package agentcli

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent"
)

// notifySocket is what systemd listens on. The name of a socket has a hundred bytes, so
// tests that have one have short names.
func notifySocket(t *testing.T, name string) *net.UnixConn {
	t.Helper()
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	require.NoError(t, conn.SetReadDeadline(time.Now().Add(time.Minute)))
	return conn
}

func receive(t *testing.T, conn *net.UnixConn) string {
	t.Helper()
	buffer := make([]byte, 4096)
	n, err := conn.Read(buffer)
	require.NoError(t, err)
	return string(buffer[:n])
}

func env(values map[string]string) func(string) (string, bool) {
	return func(name string) (string, bool) { v, ok := values[name]; return v, ok }
}

func TestManagerOf(t *testing.T) {
	t.Parallel()
	own := strconv.Itoa(os.Getpid())
	for name, tc := range map[string]struct {
		env      map[string]string
		nobody   bool
		watchdog time.Duration
	}{
		"none":           {nil, true, 0},
		"relative":       {map[string]string{"NOTIFY_SOCKET": "n"}, true, 0},
		"vsock":          {map[string]string{"NOTIFY_SOCKET": "vsock:2:1234"}, true, 0},
		"no watchdog":    {map[string]string{"NOTIFY_SOCKET": "/n"}, false, 0},
		"watchdog":       {map[string]string{"NOTIFY_SOCKET": "@n", "WATCHDOG_USEC": "180000000", "WATCHDOG_PID": own}, false, 3 * time.Minute},
		"of no process":  {map[string]string{"NOTIFY_SOCKET": "@n", "WATCHDOG_USEC": "180000000"}, false, 3 * time.Minute},
		"of another one": {map[string]string{"NOTIFY_SOCKET": "@n", "WATCHDOG_USEC": "180000000", "WATCHDOG_PID": "1"}, false, 0},
		"nonsense":       {map[string]string{"NOTIFY_SOCKET": "@n", "WATCHDOG_USEC": "-1"}, false, 0},
		"huge":           {map[string]string{"NOTIFY_SOCKET": "@n", "WATCHDOG_USEC": "9223372036854775807"}, false, 0},
	} {
		m := managerOf(env(tc.env))
		require.Equal(t, tc.nobody, m == nil, name)
		if m != nil {
			require.Equal(t, tc.watchdog, m.watchdog, name)
			require.LessOrEqual(t, m.interval(), statusEvery, name)
			require.Positive(t, m.interval(), name)
		}
	}
	require.Equal(t, time.Second, (&manager{watchdog: 3 * time.Second}).interval())
	require.Equal(t, time.Millisecond, (&manager{watchdog: 1}).interval())
}

func TestNotifySocket(t *testing.T) {
	t.Parallel()
	for _, name := range []string{filepath.Join(t.TempDir(), "n"), "@kanade-test-" + strconv.Itoa(os.Getpid())} {
		if strings.HasPrefix(name, "@") && !abstractSockets {
			continue
		}
		conn := notifySocket(t, name)
		ctx, stop := context.WithCancel(t.Context())
		var running atomic.Bool
		a := told{
			manager: &manager{socket: name, watchdog: 30 * time.Millisecond, send: sendState},
			health: func() agent.Status {
				return agent.Status{Running: running.Load(), Connected: true, Server: "nats://h:4222"}
			},
			failed: func(err error) { t.Error(err) },
			runner: runnerFunc(func(ctx context.Context) error { running.Store(true); return untilCancelled(ctx) }),
		}
		ended := make(chan error, 1)
		go func() { ended <- a.Run(ctx) }()
		first := receive(t, conn)
		require.True(t, strings.HasPrefix(first, "READY=1\nSTATUS=connected to nats://h:4222; 0 commands running; 0 records to deliver"), first)
		require.True(t, strings.HasPrefix(receive(t, conn), "WATCHDOG=1\nSTATUS=connected"))
		stop()
		for last := ""; last != "STOPPING=1"; last = receive(t, conn) {
		}
		require.NoError(t, <-ended)
	}
}

// recorder keeps what is sent, with when.
type recorder struct {
	begin time.Time
	sent  []string
}

func (r *recorder) send(_, state string) error {
	first, _, _ := strings.Cut(state, "\n")
	r.sent = append(r.sent, time.Since(r.begin).String()+" "+first)
	return nil
}

func TestWhatAndWhenTheManagerIsTold(t *testing.T) {
	t.Parallel()
	never := agent.Status{}
	broken := errors.New("broken")
	for name, tc := range map[string]struct {
		run    runnerFunc
		health func() agent.Status
		stop   time.Duration
		want   []string
		err    error
	}{
		"it runs and is stopped": {
			run:    stubborn(4 * time.Second),
			health: func() agent.Status { return agent.Status{Running: true} }, stop: 25 * time.Second,
			want: []string{"0s READY=1", "10s WATCHDOG=1", "20s WATCHDOG=1", "25s STOPPING=1", "29s STOPPING=1"},
		},
		"it opens its folder for long": {
			run: untilCancelled, health: func() agent.Status { return never }, stop: 6 * time.Second,
			want: []string{"5s READY=1", "6s STOPPING=1", "6s STOPPING=1"},
		},
		"it cannot start": {run: func(context.Context) error { return broken }, health: func() agent.Status { return never }, err: broken},
		"it ends by itself": {
			run:    func(context.Context) error { time.Sleep(12 * time.Second); return broken }, // virtual
			health: func() agent.Status { return agent.Status{Running: true} },
			want:   []string{"0s READY=1", "10s WATCHDOG=1", "12s STOPPING=1"}, err: broken,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				r := &recorder{begin: time.Now()}
				if tc.stop > 0 {
					time.AfterFunc(tc.stop, cancel)
				}
				a := told{runner: tc.run, manager: &manager{watchdog: 30 * time.Second, send: r.send}, health: tc.health}
				require.ErrorIs(t, a.Run(ctx), tc.err)
				require.Equal(t, tc.want, r.sent)
			})
		})
	}
}

// An agent that hangs is silent, and the manager ends it: signs of life come from its
// own state, not from a timer.
func TestAnAgentThatHangsGivesNoSignOfLife(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := &recorder{begin: time.Now()}
		hangs, done := make(chan struct{}), make(chan struct{})
		health := func() agent.Status {
			if time.Since(r.begin) > 15*time.Second {
				<-hangs
			}
			return agent.Status{Running: true}
		}
		ctx, cancel := context.WithCancel(t.Context())
		a := told{runner: runnerFunc(untilCancelled), manager: &manager{watchdog: 30 * time.Second, send: r.send}, health: health}
		go func() { defer close(done); _ = a.Run(ctx) }()
		time.Sleep(10 * time.Minute) // virtual
		synctest.Wait()
		require.Equal(t, []string{"0s READY=1", "10s WATCHDOG=1"}, r.sent)
		cancel()
		close(hangs)
		<-done
	})
}

func TestAManagerThatHasGoneIsToldOfOnce(t *testing.T) {
	t.Parallel()
	var failures []error
	s := &sender{manager: &manager{socket: filepath.Join(t.TempDir(), "none"), send: sendState}, failed: func(err error) { failures = append(failures, err) }}
	for range 3 {
		s.say("WATCHDOG=1")
	}
	require.Len(t, failures, 1)
	require.ErrorContains(t, failures[0], "tell the service manager: ")
	require.ErrorIs(t, failures[0], os.ErrNotExist)
}

// Scripts and children must not be able to speak for the agent.
func TestNotifyVariables(t *testing.T) {
	t.Parallel()
	socket := filepath.Join(t.TempDir(), "n")
	conn := notifySocket(t, socket)
	b := newBench(t, map[string]string{"NOTIFY_SOCKET": socket, "WATCHDOG_USEC": "180000000", "WATCHDOG_PID": strconv.Itoa(os.Getpid())})
	_, err := b.do(t, "--nats-url", "nats://h", "--id", "x")
	require.NoError(t, err)
	require.Subset(t, b.unset, managerVariables)
	_ = conn
	b = newBench(t, map[string]string{"NOTIFY_SOCKET": socket})
	_, err = b.do(t, "run", "--config", "/no/such")
	require.Error(t, err)
	require.Contains(t, b.unset, "NOTIFY_SOCKET", "also when nothing is started")
}

func TestStatusLine(t *testing.T) {
	t.Parallel()
	s := healthyStatus()
	require.Equal(t, "connected to nats://broker.example:4222; 2 commands running; 1 record to deliver", statusLine(s))
	s.Server = "nats://\nREADY=0"
	require.NotContains(t, statusLine(s), "\n")
	s.Connected = false
	require.Contains(t, statusLine(s), "not connected since 2026-01-31T09:00:00Z; ")
	require.Equal(t, "starting or stopping", statusLine(agent.Status{}))
}
