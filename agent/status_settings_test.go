package agent_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent"
	"github.com/kanade-go/kanade/agent/wire"
	"github.com/kanade-go/kanade/outbox"
	"github.com/kanade-go/kanade/retry/jstest"
)

// The file does not wait for its next beat, which comes once a minute, when the
// settings change while nothing else does.
func TestTheStatusFileFollowsTheSettings(t *testing.T) {
	t.Parallel()
	broker := jstest.StartBroker(t)
	back := newBackend(t, broker)
	cfg := newConfig(t, broker.URL())
	_, _ = startAgent(t, cfg)
	fromOutside(t, cfg.StateDir, "not healthy", healthy)
	// At rest: the next beat is far away.
	fromOutside(t, cfg.StateDir, "never at rest", func(s agent.Status) bool { return healthy(s) && time.Since(s.At) > 8*time.Second })
	put := time.Now()
	revision := back.putConfig(wire.ConfigKeyPC(cfg.ID), "5m")
	s := fromOutside(t, cfg.StateDir, "the file does not have the new settings", func(s agent.Status) bool {
		return slices.ContainsFunc(s.Settings, func(b agent.ScopeStatus) bool { return b.Scope == wire.BucketAgentConfig && b.Revision == revision })
	})
	t.Logf("seen %v after the put", time.Since(put).Round(time.Millisecond))
	require.Less(t, s.At.Sub(put), 40*time.Second, "a beat would have come later")
}

func TestTheBoxesOfAStatusHaveTheNamesOfBoxes(t *testing.T) {
	t.Parallel()
	s := agent.Status{
		Running: true, Connected: true, Ready: true, Ledger: agent.LedgerStatus{Writable: true},
		Results: outbox.Stats{Stuck: 1}, Starts: outbox.Stats{Stuck: 2}, Observations: outbox.Stats{Stuck: 3},
		Inventory: agent.InventoryStatus{Box: outbox.Stats{Stuck: 4}},
	}
	var want, got []string
	for _, box := range agent.Boxes("") {
		want = append(want, box.Name)
	}
	for i, box := range s.Boxes() {
		got = append(got, box.Name)
		require.Equal(t, i+1, box.Stuck, box.Name)
	}
	require.Equal(t, want, got)
	problems := s.Problems()
	require.Len(t, problems, 3, "a fleet may do without inventory")
	for i, text := range []string{"1 in quarantine", "2 in quarantine", "3 in quarantine"} {
		require.Equal(t, want[i], problems[i].What)
		require.Contains(t, problems[i].Text, text)
	}
	s.Inventory = agent.InventoryStatus{}
	require.Len(t, s.Boxes(), 3)
}
