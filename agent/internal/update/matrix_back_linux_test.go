package update_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// What passes its self-test and does not work afterwards is taken back.

func testCrash(t *testing.T, f *fleet) {
	h := f.host(t, "crash", "1.0.0")
	h.runs("1.0.0")
	f.publish("3.0.0", f.faulty("3.0.0", "crash"))
	h.send()
	h.target("3.0.0")
	require.Contains(t, h.observed("agent_rolled_back")["reason"], "ended 3 times")
	h.runs("1.0.0")
	require.Contains(t, h.observed("agent_update_refused")["reason"], "not tried again")
	require.Equal(t, []string{"3.0.0"}, h.quarantined())
	starts := h.startCount()
	h.target("2.0.0")
	h.observed("agent_updated")
	h.runs("2.0.0")
	require.Equal(t, starts+1, h.startCount())
	h.target("3.0.0") // the guard holds over other updates
	require.Contains(t, h.observed("agent_update_refused")["reason"], "not tried again")
	h.runs("2.0.0")
}

func testHang(t *testing.T, f *fleet) {
	h := f.host(t, "hang", "1.0.0")
	h.runs("1.0.0")
	f.publish("3.0.3", f.faulty("3.0.3", "hang"))
	h.target("3.0.3")
	h.send()
	require.Contains(t, h.observed("agent_rolled_back")["reason"], "did not come up")
	h.target("1.0.0")
	h.runs("1.0.0")
	require.Contains(t, h.exitCodes(), 2, "a panic that shows what hangs")
}

func testDeaf(t *testing.T, f *fleet) {
	h := f.host(t, "deaf", "1.0.0")
	h.runs("1.0.0")
	f.publish("3.0.1", f.faulty("3.0.1", "deaf"))
	h.target("3.0.1")
	h.send()
	reason := h.observed("agent_rolled_back")["reason"]
	require.Contains(t, reason, "not connected")
	require.Contains(t, reason, "1.0.0 could on the same host")
	h.target("1.0.0")
	h.runs("1.0.0")
}

func testKilledOnTheWayBack(t *testing.T, f *fleet) {
	f.publish("3.0.4", f.faulty("3.0.4", "deaf"))
	for _, step := range []string{"ask", "take-back", "swap", "swapped"} {
		t.Run(step, func(t *testing.T) {
			t.Parallel()
			h := f.host(t, "back-"+step, "1.0.0")
			h.codesOfResults = []int32{0, 121}
			h.runs("1.0.0")
			h.mark("hold-at-probation")
			h.target("3.0.4")
			h.awaitPhase("probation")
			h.dieAt(step)
			h.unmark("hold-at-probation")
			h.send()
			h.observed("agent_rolled_back")
			h.target("1.0.0")
			h.runs("1.0.0")
			require.Contains(t, h.exitCodes(), -1, "it was not killed")
		})
	}
}

// A release that was taken back for a reason that has gone is tried again.
func testSecondTry(t *testing.T, f *fleet) {
	h := f.host(t, "second-try", "1.0.0")
	h.runs("1.0.0")
	h.mark("deaf")
	f.publish("3.0.5", f.faulty("3.0.5", "deaf-if"))
	h.target("3.0.5")
	h.send()
	h.observed("agent_rolled_back")
	h.unmark("deaf")
	h.observed("agent_updated")
	h.runs("3.0.5")
	require.Empty(t, h.quarantined())
}

// A broker that goes away while a release is on probation says nothing about the
// release.
func TestAnOutageOnProbation(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	h := f.host(t, "outage", "1.0.0")
	h.runs("1.0.0")
	h.mark("hold-at-drain")
	h.target("2.0.0")
	h.awaitPhase("swap")
	h.send()
	f.broker.Stop()
	h.unmark("hold-at-drain")
	require.Eventually(t, func() bool {
		return h.log.Count("the last good release cannot connect either") >= 2
	}, patience, 50*time.Millisecond)
	require.Equal(t, "probation", h.phase())
	f.broker.Start()
	require.Eventually(t, func() bool { return h.phase() == "idle" }, patience, 50*time.Millisecond)
	h.runs("2.0.0")
	restarts := slices.DeleteFunc(h.exitCodes(), func(code int) bool { return code != 64 })
	require.Len(t, restarts, 1, "it was never taken back")
	require.Empty(t, h.quarantined())
}
