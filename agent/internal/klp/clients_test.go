package klp

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent/wire"
)

// madeUp is a connection whose other end is whom a test says.
type madeUp struct {
	net.Conn
	who peer
	err error
}

func (m madeUp) Peer() (peer, error) { return m.who, m.err }

// admitted serves connections without an endpoint, until the test ends.
func admitted(t testing.TB, l limits) (s *Server, connect func(peer, error) *client) {
	t.Helper()
	s = New(Config{
		PCID: "LAB-09", Version: "0.43.17", Host: newHost(), Log: logFunc(noLog), Now: func() time.Time { return noon },
		Logger: slog.New(slog.NewTextHandler(t.Output(), nil)), limits: l,
	})
	s.evaluate()
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(func() { cancel(); s.sessions.Wait() })
	return s, func(who peer, err error) *client {
		ours, theirs := net.Pipe()
		s.admit(ctx, madeUp{theirs, who, err})
		return &client{t: t, conn: ours}
	}
}

func somebody(n int) peer { return peer{user: fmt.Sprint("user ", n), account: fmt.Sprint("uid ", n)} }

func TestAClientThatNobodyKnowsHearsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, connect := admitted(t, defaultLimits)
		c := connect(peer{}, errors.New("no token"))
		_, _ = c.conn.Write([]byte{1, 0, 0, 0, 'x'}) // the body has nobody who reads it
		require.Empty(t, c.requireEnd())
	})
}

func TestTheLogIsForThoseWhoMayReadIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, connect := admitted(t, defaultLimits)
		s.cfg.Log = logFunc(func(uint32, int64) ([]string, error) { return []string{"secret"}, nil })
		c := connect(somebody(1), nil).handshake()
		require.Equal(t, wire.KLPUnauthorized, c.kind(wire.KLPLogTailMethod, nil))
		admin := connect(peer{user: "root", account: "uid 0", trusted: true}, nil).handshake()
		result, err := admin.call(wire.KLPLogTailMethod, nil)
		require.NoError(t, err)
		require.JSONEq(t, `{"lines":["secret"],"truncated":false}`, string(result))
	})
}

// A client has a time for a handshake, for a frame that began, and between
// frames; one that subscribed may be silent for ever.
func TestTimesOfAClient(t *testing.T) {
	whole, err := frame([]byte(hello))
	require.NoError(t, err)
	for name, row := range map[string]struct {
		write [][]byte // one a second
		want  time.Duration
	}{
		"says nothing":             {nil, defaultLimits.header},
		"half a header":            {[][]byte{{1, 0}}, defaultLimits.header},
		"half a body":              {[][]byte{whole[:20]}, defaultLimits.header},
		"one byte a second":        {single(whole), defaultLimits.header},
		"no handshake":             {[][]byte{mustFrame(`{"jsonrpc":"2.0","method":"a"}`)}, defaultLimits.header},
		"idle":                     {[][]byte{whole}, defaultLimits.idle},
		"later half a header":      {[][]byte{whole, {1}}, time.Second + defaultLimits.frame},
		"later half a body":        {[][]byte{whole, {9, 0, 0, 0, '{'}}, time.Second + defaultLimits.frame},
		"later one byte a second":  {append([][]byte{whole}, single(whole)...), time.Second + defaultLimits.frame},
		"unsubscribed":             {[][]byte{whole, mustFrame(subscribed), mustFrame(unsubscribed)}, 2*time.Second + defaultLimits.idle},
		"subscribed, half a frame": {[][]byte{whole, mustFrame(subscribed), {1}}, 2*time.Second + defaultLimits.frame},
		"subscribed":               {[][]byte{whole, mustFrame(subscribed)}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				_, connect := admitted(t, defaultLimits)
				c := connect(somebody(1), nil)
				var ended time.Time
				began := time.Now()
				go func() {
					_, _ = io.Copy(io.Discard, c.conn)
					ended = time.Now()
				}()
				for _, part := range row.write {
					if _, err := c.conn.Write(part); err != nil {
						break
					}
					time.Sleep(time.Second)
				}
				time.Sleep(24 * time.Hour)
				synctest.Wait()
				if row.want == 0 {
					require.Zero(t, ended)
					return
				}
				require.Equal(t, row.want, ended.Sub(began))
			})
		})
	}
}

const (
	subscribed   = `{"jsonrpc":"2.0","id":"s","method":"state.subscribe"}`
	unsubscribed = `{"jsonrpc":"2.0","id":"u","method":"state.unsubscribe","params":{"subscription":"sub-s-1"}}`
)

func mustFrame(body string) []byte {
	whole, err := frame([]byte(body))
	if err != nil {
		panic(err)
	}
	return whole
}

func single(b []byte) (all [][]byte) {
	for _, one := range b {
		all = append(all, []byte{one})
	}
	return all
}

// Whoever does not introduce themselves makes room for the next one.
func TestThoseWithoutAHandshakePushOneAnotherOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, connect := admitted(t, defaultLimits)
		known := connect(somebody(0), nil).handshake()
		var waiting []*client
		for range defaultLimits.waiting {
			waiting = append(waiting, connect(somebody(1), nil))
		}
		next := connect(somebody(2), nil)
		require.Empty(t, waiting[0].requireEnd(), "the oldest goes")
		next.handshake()
		waiting[1].handshake()
		_, err := known.call(wire.KLPPingMethod, nil)
		require.NoError(t, err)
	})
}

func TestConnectionsOfAUserAndOfAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := defaultLimits
		l.burst = 1 << 20
		s, connect := admitted(t, l)
		refused := func(c *client) {
			t.Helper()
			require.Equal(t, wire.KLPRateLimit, c.kind(wire.KLPHandshakeMethod, []byte(`{"client":"a","client_version":"1","protocol":[1]}`)))
			require.Empty(t, c.requireEnd())
		}
		var first *client
		for user := range l.total / l.perUser {
			for range l.perUser {
				c := connect(somebody(user), nil).handshake().handshake() // a second one costs nothing
				if first == nil {
					first = c
				}
			}
			refused(connect(somebody(user), nil))
		}
		refused(connect(somebody(999), nil))
		first.close()
		synctest.Wait()
		connect(somebody(999), nil).handshake()
		require.Equal(t, l.total, s.clients.accepted)
	})
}

func TestRequestsOfAUser(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, connect := admitted(t, defaultLimits)
		began := time.Now()
		one, two := connect(somebody(1), nil).handshake(), connect(somebody(1), nil).handshake()
		for range (defaultLimits.burst - 2) / 2 {
			one.ask(`x`) // what is no request counts too
			_, err := two.call(wire.KLPPingMethod, nil)
			require.NoError(t, err)
		}
		require.Equal(t, wire.KLPRateLimit, one.kind(wire.KLPPingMethod, nil))
		require.Equal(t, wire.KLPRateLimit, two.kind(wire.KLPPingMethod, nil))
		one.close()
		one = connect(somebody(1), nil)
		require.Equal(t, wire.KLPRateLimit, one.kind(wire.KLPHandshakeMethod, nil), "also over a new connection")
		connect(somebody(2), nil).handshake()
		require.Zero(t, time.Since(began), "refusals do not wait")
		two.send(`{"jsonrpc":"2.0","id":"late","method":"system.ping"}`)
		require.Equal(t, defaultLimits.pause, time.Since(began), "but the frame after one does")
		require.Contains(t, two.next(), `"id":"late","error":{"code":-32003`)
		time.Sleep(time.Second)
		_, err := two.call(wire.KLPPingMethod, nil)
		require.NoError(t, err)
		require.Equal(t, wire.KLPRateLimit, two.kind(wire.KLPPingMethod, nil))
		time.Sleep(5 * time.Minute)
		for range defaultLimits.burst {
			_, err := two.call(wire.KLPPingMethod, nil)
			require.NoError(t, err, "no more than a minute is saved up")
		}
		require.Equal(t, wire.KLPRateLimit, two.kind(wire.KLPPingMethod, nil))
	})
}

func TestUsersWhoseRequestsAreCounted(t *testing.T) {
	t.Parallel()
	l := defaultLimits
	r := newRates(l)
	for n := range l.users {
		require.True(t, r.take(fmt.Sprint(n), noon))
	}
	require.False(t, r.take("one more", noon))
	require.True(t, r.take("0", noon))
	require.True(t, r.take("one more", noon.Add(l.every)), "those who are full again are forgotten")
	require.Len(t, r.users, 2)
	require.True(t, r.take("0", noon.Add(-time.Hour)), "a clock that goes back takes nothing away")
}

// What goes wrong in a handler stays there.
func TestAHandlerThatPanics(t *testing.T) {
	t.Parallel()
	var lines lockedBuffer
	s, connect := admitted(t, defaultLimits)
	s.cfg.Logger = slog.New(slog.NewTextHandler(&lines, nil))
	s.cfg.Log = logFunc(func(uint32, int64) ([]string, error) { panic("lost it") })
	s.cfg.Now = func() time.Time { panic("no clock") }
	c := connect(peer{user: "root", account: "uid 0", trusted: true}, nil).handshake()
	require.Equal(t, wire.KLPInternalError, c.kind(wire.KLPPingMethod, nil))
	require.Equal(t, wire.KLPInternalError, c.kind(wire.KLPLogTailMethod, nil))
	require.Contains(t, lines.String(), "no clock")
	require.Contains(t, lines.String(), "lost it")
	s.cfg.Log = logFunc(func(uint32, int64) ([]string, error) { return nil, errors.New("disk is broken") })
	_, err := c.call(wire.KLPLogTailMethod, nil)
	require.ErrorContains(t, err, "its log says why")
	require.NotContains(t, err.Error(), "disk", "what is not for clients is in the log")
	require.Contains(t, lines.String(), "disk is broken")
	_, err = c.call(wire.KLPStateSnapshotMethod, nil)
	require.NoError(t, err)
}

// While the log is read, other requests of the connection go on.
func TestASlowDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, connect := admitted(t, defaultLimits)
		read := make(chan struct{})
		s.cfg.Log = logFunc(func(uint32, int64) ([]string, error) {
			<-read
			return []string{"at last"}, nil
		})
		c := connect(peer{user: "root", account: "uid 0", trusted: true}, nil).handshake()
		c.send(`{"jsonrpc":"2.0","id":"log","method":"system.log_tail"}`)
		_, err := c.call(wire.KLPPingMethod, nil)
		require.NoError(t, err)
		require.Equal(t, wire.KLPRateLimit, c.kind(wire.KLPLogTailMethod, nil), "one at a time")
		close(read)
		require.JSONEq(t, `{"jsonrpc":"2.0","id":"log","result":{"lines":["at last"],"truncated":false}}`, c.next())
		_, err = c.call(wire.KLPLogTailMethod, nil)
		require.NoError(t, err)
	})
}

func TestALogThatDoesNotFitIntoAFrame(t *testing.T) {
	t.Parallel()
	s, connect := admitted(t, defaultLimits)
	s.cfg.Log = logFunc(func(lines uint32, limit int64) ([]string, error) {
		all := make([]string, lines)
		for i := range all {
			all[i] = fmt.Sprint(i) + strings.Repeat("\x01", int(limit)/int(lines)) // six bytes each in JSON
		}
		return all, nil
	})
	c := connect(peer{user: "root", account: "uid 0", trusted: true}, nil).handshake()
	result, err := c.call(wire.KLPLogTailMethod, wire.KLPLogTail{Lines: 1000}.Encode())
	require.NoError(t, err)
	got, err := wire.DecodeKLPLogLines(result)
	require.NoError(t, err)
	require.True(t, got.Truncated)
	require.InDelta(t, 1000/6, len(got.Lines), 3)
	require.True(t, strings.HasPrefix(got.Lines[len(got.Lines)-1], "999\x01"), "the newest one is last")
}

func TestSubscriptions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, connect := admitted(t, defaultLimits)
		host := s.cfg.Host.(*fakeHost)
		c := connect(somebody(1), nil).handshake()
		for n := range defaultLimits.subscriptions {
			result, err := c.call(wire.KLPStateSubscribeMethod, nil)
			require.NoError(t, err)
			require.JSONEq(t, fmt.Sprintf(`{"subscription":"sub-s-%d"}`, n+1), string(result))
		}
		require.Equal(t, wire.KLPRateLimit, c.kind(wire.KLPStateSubscribeMethod, nil))
		s.evaluate() // nothing has changed
		_, err := c.call(wire.KLPPingMethod, nil)
		require.NoError(t, err, "no push came before it: not at the start, and not without a change")

		host.set(func(h *fakeHost) { h.online = false })
		s.evaluate()
		offline := strings.Replace(state, `"online":true`, `"online":false`, 1)
		require.Equal(t, `{"jsonrpc":"2.0","method":"state.changed","params":{"at":"2031-03-04T12:00:00.000001Z","snapshot":`+offline+`}}`, c.next())
		for n := range defaultLimits.subscriptions {
			_, err := c.call(wire.KLPStateUnsubscribeMethod, wire.KLPSubscription{ID: fmt.Sprintf("sub-s-%d", n+1)}.Encode())
			require.NoError(t, err, "one push a change, not one a subscription")
		}
		host.set(func(h *fakeHost) { h.online = true })
		s.evaluate()
		synctest.Wait()
		result, err := c.call(wire.KLPStateSubscribeMethod, nil)
		require.NoError(t, err)
		require.JSONEq(t, fmt.Sprintf(`{"subscription":"sub-s-%d"}`, defaultLimits.subscriptions+1), string(result))
		synctest.Wait()
		_, err = c.call(wire.KLPPingMethod, nil)
		require.NoError(t, err, "what changed in between is not told later")
	})
}

// A client that reads nothing is told the newest state only, and is let go when
// a write has taken too long. Others do not notice.
func TestAClientThatNeverReads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, connect := admitted(t, defaultLimits)
		host := s.cfg.Host.(*fakeHost)
		c := connect(somebody(1), nil).handshake()
		_, err := c.call(wire.KLPStateSubscribeMethod, nil)
		require.NoError(t, err)
		for n := range 1000 {
			host.set(func(h *fakeHost) { h.target = fmt.Sprint(n) })
			s.evaluate()
			synctest.Wait()
		}
		require.Contains(t, c.next(), `"target_version":"0"`, "it was on its way already")
		require.Contains(t, c.next(), `"target_version":"999"`)
		host.set(func(h *fakeHost) { h.target = "last" })
		s.evaluate()
		other := connect(somebody(2), nil).handshake()
		_, err = other.call(wire.KLPPingMethod, nil)
		require.NoError(t, err)
		began := time.Now()
		s.clients.mu.Lock()
		require.Equal(t, 2, s.clients.accepted)
		s.clients.mu.Unlock()
		time.Sleep(defaultLimits.frame)
		synctest.Wait()
		require.Equal(t, 1, s.clients.accepted)
		require.Equal(t, defaultLimits.frame, time.Since(began))
	})
}

// Stop waits for all, and for what is being written a moment.
func TestStopEndsAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(Config{PCID: "a", Version: "1", Host: newHost(), Log: logFunc(noLog)})
		s.evaluate()
		ctx, cancel := context.WithCancel(t.Context())
		for n := range 20 {
			ours, theirs := net.Pipe()
			s.admit(ctx, madeUp{theirs, somebody(n), nil})
			c := &client{t: t, conn: ours}
			if n%2 == 0 {
				c.handshake()
				c.send(`{"jsonrpc":"2.0","id":"a","method":"system.ping"}`) // the answer is not read
			}
		}
		synctest.Wait()
		began := time.Now()
		cancel()
		s.sessions.Wait()
		require.Equal(t, defaultLimits.lastWrite, time.Since(began))
	})
}

type lockedBuffer struct {
	mu   sync.Mutex
	text strings.Builder
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}
