package klp

import (
	"errors"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent/wire"
)

func TestAClientThatNobodyKnowsHearsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, connect := admitted(t, defaultLimits)
		c := connect(peer{}, errors.New("no token"))
		_, _ = c.conn.Write([]byte{1, 0, 0, 0, 'x'}) // the body has nobody who reads it
		require.Empty(t, c.requireEnd())
	})
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
