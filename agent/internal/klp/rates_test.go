package klp

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent/wire"
)

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
