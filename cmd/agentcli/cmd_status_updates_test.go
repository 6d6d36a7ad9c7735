package agentcli

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent"
)

func TestTheStatusPageShowsUpdates(t *testing.T) {
	t.Parallel()
	s := healthyStatus()
	shown := func(u *agent.UpdateStatus) string {
		s.Updates = u
		return page(t, statusAnswer{Service: serviceStatus{Name: "x", State: "running"}, Agent: agentStatus{State: "running", Status: &s}})
	}
	require.NotContains(t, shown(nil), "UPDATES")
	require.NotContains(t, shown(&agent.UpdateStatus{Phase: "idle"}), "UPDATES")
	got := shown(&agent.UpdateStatus{
		Phase: "waiting", Target: "2.0.0\x1b[31m", Problem: "no release for this platform", NextTry: statusNow.Add(2 * time.Minute),
		LastUpdate:   &agent.UpdateOutcome{From: "0.9.0", To: "1.0.0", At: before(48 * time.Hour)},
		LastRollback: &agent.UpdateOutcome{From: "1.0.0", To: "3.0.0", At: before(time.Hour), Reason: "it ended 3 times before it was confirmed"},
		Tried: []agent.TriedRelease{
			{Version: "3.0.0", SHA256: "0123456789abcdef", Quarantined: true, Reason: "it ended 3 times"},
			{Version: "4.0.0", SHA256: "ff", Reason: "it was not confirmed"},
		},
	})
	require.NotContains(t, got, "\x1b")
	require.Contains(t, got, `next try in 2m`)
	require.Contains(t, got, "no release for this platform")
	require.Contains(t, got, "from 0.9.0 to 1.0.0")
	require.Contains(t, got, "from 3.0.0 to 1.0.0: it ended 3 times before it was confirmed")
	require.Contains(t, got, "3.0.0 (0123456789ab): it ended 3 times")
	require.NotContains(t, got, "4.0.0")
	require.Contains(t, shown(&agent.UpdateStatus{Phase: "probation", Target: "2.0.0", Starts: 2, Step: "ask"}), "probation of 2.0.0, at ask, start 2")
}
