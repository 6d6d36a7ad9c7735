package intake

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent/wire"
)

// footprint is what the process holds.
type footprint struct {
	goroutines    int
	heap          uint64
	subscriptions int
}

func (h *host) footprint() footprint {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return footprint{runtime.NumGoroutine(), m.HeapAlloc, h.nc.NumSubscriptions()}
}

// Not parallel: others would be counted too.
func TestFlipsOfGroupsLeaveNothingBehind(t *testing.T) {
	member := newMembership()
	h := newHost(t, member, func(*host) {})
	h.awaitFilters()
	flip := func(rounds int) {
		for n := range rounds {
			groups := []string{"stays", fmt.Sprintf("g%d", n%7)}
			if n%2 == 1 {
				groups = []string{"stays"}
			}
			member.set(groups...)
			require.Eventually(t, func() bool { joined, _ := h.live.Joined(); return len(joined) == len(groups) }, generous, 50*time.Microsecond)
			if n%9 == 0 { // the consumer follows at its own pace
				h.awaitFilters(groups...)
			}
		}
		member.set("stays")
		h.awaitFilters("stays")
	}
	flip(20) // whatever is made once is made now
	h.publish(wire.CommandsAll(), "read")
	h.await("read replay") // the consumer may just be opened again: its subscription is one of those that are counted
	before, sent := h.footprint(), h.nc.Stats().OutMsgs
	const flips = 200
	flip(flips)
	require.Eventually(t, func() bool {
		now := h.footprint()
		return now.goroutines <= before.goroutines+2 && now.subscriptions <= before.subscriptions && now.heap < before.heap+1<<20
	}, generous, 10*time.Millisecond, "%+v after %+v", h.footprint(), before)
	sent = h.nc.Stats().OutMsgs - sent
	t.Logf("before %+v, after %d flips %+v, messages sent %d", before, flips, h.footprint(), sent)
	require.NotZero(t, sent)
	require.Less(t, sent, uint64(2*flips))
	require.Equal(t, 1, h.consumers())
}
