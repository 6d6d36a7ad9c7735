package klp

import (
	"context"
	"fmt"
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent/wire"
)

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

// A client that reads nothing is told the newest state only, and is let go when
// a write has taken too long. Others do not notice.
func TestAClientThatNeverReads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, connect := admitted(t, defaultLimits)
		host := s.cfg.Host.(*fakeHost)
		c := connect(somebody(1), nil).handshake()
		_, err := c.call(wire.KLPStateSubscribeMethod, nil)
		require.NoError(t, err)
		synctest.Wait() // it waits for the next request: a push that is stuck would hold that up
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
			require.True(t, s.slot(ctx))
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
