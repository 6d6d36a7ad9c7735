package klp

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent/wire"
)

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
