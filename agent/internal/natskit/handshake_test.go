package natskit

import (
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/retry/jstest"
)

// Something before the broker takes connections in its absence and hangs up: that
// is an absent broker, and costs nobody anything. One that speaks is there.
func TestWhoHangsUpAtOnceIsNoBroker(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		says   string
		costly bool
	}{
		"a proxy without its broker": {"", false},
		"a broker that turns away":   {"-ERR 'maximum connections exceeded'\r\n", true},
		"a broker that dies":         {`INFO {"server_id":"x","max_payload":1048576}` + "\r\n", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			began := time.Now()
			d := hungUp(t, c.says)
			for !c.costly && time.Since(began) >= quickMax { // whoever is silent for so long counts as busy
				began, d = time.Now(), hungUp(t, c.says)
			}
			require.Equal(t, c.costly, d.last.spoke.Load())
			require.Equal(t, c.costly, d.pace.costly() > 0)
		})
	}
}

// hungUp has dialled somebody who says something and hangs up, and then nobody.
func hungUp(t *testing.T, says string) *dialer {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	nc := dial(t, Options{Servers: []string{"nats://" + l.Addr().String()}})
	conn, err := l.Accept()
	require.NoError(t, err)
	defer conn.Close()
	require.NoError(t, l.Close())
	_, err = conn.Write([]byte(says))
	require.NoError(t, err)
	require.NoError(t, conn.(*net.TCPConn).CloseWrite()) // or what was said may be lost
	require.Eventually(t, func() bool {
		err := nc.LastFailure()
		return err != nil && strings.Contains(err.Error(), "refused")
	}, patience, time.Millisecond, "the next one")
	nc.Close()
	return nc.dialer
}

func TestWhoSaysNothingForLongIsBusy(t *testing.T) {
	t.Parallel()
	var last handshake
	last.begin()
	require.False(t, last.wasCostly())
	last.began.Add(-int64(quickMax))
	require.True(t, last.wasCostly())
	last.begin()
	last.read([]byte("I"))
	require.True(t, last.wasCostly())
}

// A refused login is paid for with longer pauses, unless there is another one.
func TestARefusedLoginIsCostly(t *testing.T) {
	t.Parallel()
	broker := jstest.StartBroker(t, jstest.WithConfig(`authorization { token: "token" }`))
	url := []string{broker.URL()}
	wrong := dial(t, Options{Servers: url, Credentials: Login{Token: "wrong"}})
	require.Eventually(t, func() bool { return wrong.dialer.pace.costly() > 1 }, patience, time.Millisecond)
	two := dial(t, Options{Servers: url, Credentials: Login{Token: "token", User: "u", Password: "p"}})
	requireConnected(t, two)
	require.Zero(t, two.dialer.pace.costly())
}

// A fleet in one process, through a restart: everybody is back, and the table says
// what the broker has seen.
func TestAFleetReturnsToARealBroker(t *testing.T) {
	t.Parallel()
	const fleet = 100
	broker := jstest.StartBroker(t)
	conns := make([]*Conn, fleet)
	for n := range conns {
		conns[n] = dial(t, Options{Servers: []string{broker.URL()}})
	}
	for _, nc := range conns {
		requireConnected(t, nc)
	}
	broker.Kill()
	for _, nc := range conns {
		requireLost(t, nc)
	}
	broker.Start()
	began := time.Now()
	for _, nc := range conns {
		requireConnected(t, nc)
	}
	t.Logf("all of %d are back %v after the broker", fleet, time.Since(began).Round(time.Millisecond))
	for _, nc := range conns {
		require.LessOrEqual(t, nc.Stats().Reconnects, uint64(2), "nobody is turned away")
	}
}

// With several servers nats.go goes to the next one without asking for a delay.
func TestAFleetThatLosesOneOfTwoServersDoesNotComeToTheOtherInStep(t *testing.T) {
	t.Parallel()
	const fleet = 30
	broker := jstest.StartBroker(t)
	other := fmt.Sprintf("127.0.0.1:%d", jstest.FreePort(t)) // nobody listens yet
	conns := make([]*Conn, fleet)
	for n := range conns {
		conns[n] = dial(t, Options{Servers: []string{broker.URL(), "nats://" + other}})
	}
	for _, nc := range conns {
		requireConnected(t, nc)
	}
	l, err := net.Listen("tcp", other)
	require.NoError(t, err)
	defer l.Close()
	type arrival struct {
		conn net.Conn
		at   time.Time
	}
	arrivals := make(chan arrival, 10*fleet)
	go func() { // not only when the end of the broker has been seen: they come meanwhile
		for {
			conn, err := l.Accept()
			if err != nil {
				close(arrivals)
				return
			}
			arrivals <- arrival{conn, time.Now()}
		}
	}()
	broker.Kill()
	var came []time.Time
	for a := range arrivals { // each waits for a word that does not come
		defer a.conn.Close()
		if came = append(came, a.at); len(came) == fleet {
			break
		}
	}
	require.Len(t, came, fleet)
	spread := came[fleet-1].Sub(came[0])
	t.Logf("%d came within %v", fleet, spread.Round(time.Millisecond))
	require.Greater(t, spread, firstSpread/10, "by chance once in 10^27 times")
}
