package natskit

import (
	"bufio"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/internal/logtest"
	"github.com/kanade-go/kanade/retry/jstest"
)

// Of a login that is refused before another server cannot be reached, nats.go says
// nothing any more when it asks for the delay. It tries them in an order of its own:
// with eight connections both come up.
func TestTheTokenIsTriedBesideADeadServer(t *testing.T) {
	t.Parallel()
	broker := jstest.StartBroker(t, jstest.WithConfig(`authorization { token: "token" }`))
	dead := fmt.Sprintf("nats://127.0.0.1:%d", jstest.FreePort(t))
	for range 8 {
		requireConnected(t, dial(t, Options{
			Servers: []string{broker.URL(), dead}, Credentials: Login{Token: "token", User: "agent", Password: "password"},
		}))
	}
}

// Such a refusal is told, and paid for as others are.
func TestARefusedLoginBesideADeadServerIsTold(t *testing.T) {
	t.Parallel()
	broker := jstest.StartBroker(t, jstest.WithConfig(`authorization { token: "token" }`))
	dead := fmt.Sprintf("nats://127.0.0.1:%d", jstest.FreePort(t))
	for range 8 {
		var log logtest.Buffer
		nc := dial(t, Options{
			Servers: []string{broker.URL(), dead}, Credentials: Login{Token: "wrong"}, Logger: slog.New(slog.NewTextHandler(&log, nil)),
		})
		require.Eventually(t, func() bool { return nc.dialer.pace.costly() > 1 }, patience, time.Millisecond)
		require.Eventually(t, func() bool {
			return strings.Contains(log.String(), "Authorization") || strings.Contains(log.String(), "login")
		}, patience, time.Millisecond)
	}
}

// cutter takes every login and hangs up at once.
func cutter(t *testing.T) (url string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			serving.Go(func() { takeAndCut(conn) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		serving.Wait()
	})
	return "nats://" + l.Addr().String()
}

func takeAndCut(conn net.Conn) {
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(time.Minute))
	_, _ = fmt.Fprint(conn, `INFO {"server_id":"cutter","version":"2.15.2","headers":true,"max_payload":1048576}`+"\r\n")
	for lines := bufio.NewScanner(conn); lines.Scan(); {
		if strings.HasPrefix(lines.Text(), "PING") {
			_, _ = fmt.Fprint(conn, "PONG\r\n")
			return
		}
	}
}

// A connection that is made and cut at once is no success, with several servers
// neither: they would be logged in to several times a second for ever.
func TestServersThatCutAtOnceAreLeftAloneForLonger(t *testing.T) {
	t.Parallel()
	for _, servers := range [][]string{{cutter(t)}, {cutter(t), cutter(t)}} {
		nc := dial(t, Options{Servers: servers})
		require.Eventually(t, func() bool { return nc.dialer.pace.costly() > 2 }, patience, time.Millisecond, "of %d", len(servers))
	}
}

// A connection that is cut was logged in to: nothing is said of a login.
func TestACutConnectionIsNoRefusedLogin(t *testing.T) {
	t.Parallel()
	var log logtest.Buffer
	nc := dial(t, Options{Servers: []string{cutter(t)}, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	require.Eventually(t, func() bool { return nc.dialer.pace.costly() > 2 }, patience, time.Millisecond)
	require.NotContains(t, log.String(), errUntold.Error())
}
