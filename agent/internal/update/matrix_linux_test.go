package update_test

import (
	"bytes"
	"os"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"
)

// steps at which the process is killed.
var steps = []string{"wait", "look", "fetch", "verify", "selftest", "plan", "drain", "swap", "swapped", "probation", "confirm"}

// TestUpdates is the matrix: whatever is published, a connected agent of a good
// version runs afterwards, and no result is lost.
func TestUpdates(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	for name, test := range map[string]func(*testing.T, *fleet){
		"good, and back again": testGood, "killed": testKilled, "refused": testRefused, "withdrawn": testWithdrawn,
		"withdrawn on probation": testWithdrawnOnProbation, "flapping": testFlapping, "floor": testFloor,
		"no keys": testNoKeys, "disk full": testDiskFull,
		"crashes after the swap": testCrash, "hangs after the swap": testHang, "cannot connect after the swap": testDeaf,
		"killed while it is taken back": testKilledOnTheWayBack, "taken back, and works the next time": testSecondTry,
		"behind a link": testLinked, "killed at any moment": testKilledAnywhere, "described as something else": testHugeObject,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, f)
		})
	}
}

func testGood(t *testing.T, f *fleet) {
	h := f.host(t, "good", "1.0.0")
	h.runs("1.0.0")
	h.send()
	h.target("2.0.0")
	h.send()
	h.observed("agent_updated")
	h.runs("2.0.0")
	require.Contains(t, h.exitCodes(), 64)
	info, err := os.Stat(h.exe)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o755), info.Mode().Perm())
	h.target("1.0.0")
	h.observed("agent_updated")
	h.runs("1.0.0")
}

func testKilled(t *testing.T, f *fleet) {
	for _, step := range steps {
		t.Run(step, func(t *testing.T) {
			t.Parallel()
			h := f.host(t, "kill-"+step, "1.0.0")
			h.codesOfResults = []int32{0, 121}
			h.runs("1.0.0")
			h.dieAt(step)
			h.target("2.0.0")
			h.send()
			h.observed("agent_updated")
			h.runs("2.0.0")
			require.Contains(t, h.exitCodes(), -1, "it was not killed")
		})
	}
}

func testWithdrawn(t *testing.T, f *fleet) {
	h := f.host(t, "withdrawn", "1.0.0")
	h.runs("1.0.0")
	f.publish("3.0.2", f.faulty("3.0.2", "hang-selftest"))
	h.target("3.0.2")
	require.Eventually(t, func() bool { return exists(h.exe + ".new") }, patience, 10*time.Millisecond)
	h.target("1.0.0")
	require.Eventually(t, func() bool { return !exists(h.exe + ".new") }, patience, 10*time.Millisecond)
	h.runs("1.0.0")
	h.target("3.0.2")
	require.Eventually(t, func() bool { return exists(h.exe + ".new") }, patience, 10*time.Millisecond)
	h.target("2.0.0") // changed midway
	h.observed("agent_updated")
	h.runs("2.0.0")
}

// A target that changes when the release runs already is followed when that has
// proved itself: both ways are complete updates.
func testWithdrawnOnProbation(t *testing.T, f *fleet) {
	h := f.host(t, "withdrawn-late", "1.0.0")
	h.runs("1.0.0")
	h.mark("hold-at-probation")
	h.target("2.0.0")
	h.awaitPhase("probation")
	h.target("1.0.0")
	h.send()
	h.unmark("hold-at-probation")
	require.Equal(t, "2.0.0", h.observed("agent_updated")["to"])
	require.Equal(t, "1.0.0", h.observed("agent_updated")["to"])
	h.runs("1.0.0")
}

func testFlapping(t *testing.T, f *fleet) {
	h := f.host(t, "flapping", "1.0.0")
	h.runs("1.0.0")
	for range 10 {
		h.target("2.0.0")
		h.target("1.0.0")
		h.send()
	}
	h.target("2.0.0")
	h.observed("agent_updated")
	h.runs("2.0.0")
	require.LessOrEqual(t, h.startCount(), 6)
}

func testFloor(t *testing.T, f *fleet) {
	h := f.host(t, "floor", "1.0.0")
	h.runs("1.0.0")
	data := f.faulty("4.0.0", "none")
	f.put("4.0.0", data, f.manifest("4.0.0", data, f.key, "2.0.0"))
	h.target("4.0.0")
	h.observed("agent_updated")
	h.runs("4.0.0")
	h.target("1.0.0")
	require.Contains(t, h.observed("agent_update_refused")["reason"], "below the floor")
	h.runs("4.0.0")
	h.target("2.0.0")
	h.observed("agent_updated")
	h.runs("2.0.0")
}

func testNoKeys(t *testing.T, f *fleet) {
	keyless := *f
	keyless.keys = t.TempDir()
	h := keyless.host(t, "keyless", "1.0.0")
	h.runs("1.0.0")
	data := f.faulty("4.1.0", "none")
	_, err := f.store.Put(t.Context(), jetstream.ObjectMeta{Name: objectOf("4.1.0")}, bytes.NewReader(data))
	require.NoError(t, err)
	h.target("4.1.0")
	h.observed("agent_updated")
	h.runs("4.1.0")
	require.Contains(t, h.log.String(), "nobody vouches for this release")
}

func testDiskFull(t *testing.T, f *fleet) {
	h := f.host(t, "full", "1.0.0")
	h.codesOfResults = []int32{0, 121}
	h.runs("1.0.0")
	h.mark("full")
	h.kill()
	h.target("2.0.0")
	h.send()
	require.Contains(t, h.observed("agent_update_refused")["reason"], "file too large")
	h.runs("1.0.0")
	h.unmark("full")
	h.kill()
	h.observed("agent_updated")
	h.runs("2.0.0")
}
