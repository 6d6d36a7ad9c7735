package update_test

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The service starts a link; folder and name have what shells stumble over.
func testLinked(t *testing.T, f *fleet) {
	folder, bin := filepath.Join(t.TempDir(), "Programme für alle (x86)"), filepath.Join(t.TempDir(), "bin")
	require.NoError(t, os.Mkdir(folder, 0o700))
	require.NoError(t, os.Mkdir(bin, 0o700))
	exe, link := filepath.Join(folder, "kanade-agent 1.0 'ä'"), filepath.Join(bin, "kanade-agent")
	require.NoError(t, os.Symlink(exe, link))
	h := f.hostAt(t, "linked", "1.0.0", exe, link)
	h.runs("1.0.0")
	h.target("2.0.0")
	h.observed("agent_updated")
	h.runs("2.0.0")
	info, err := os.Lstat(link)
	require.NoError(t, err)
	require.NotZero(t, info.Mode()&os.ModeSymlink, "the link stays one")
	entries, err := os.ReadDir(bin)
	require.NoError(t, err)
	require.Len(t, entries, 1)
}

// Kills at any moment, while the target changes: whatever becomes of the updates, an
// agent runs, and no result is lost or there twice.
func testKilledAnywhere(t *testing.T, f *fleet) {
	h := f.host(t, "chance", "1.0.0")
	h.codesOfResults = []int32{0, 121}
	h.runs("1.0.0")
	for n := range 10 {
		h.target([]string{"2.0.0", "1.0.0"}[n%2])
		h.send()
		moment := time.NewTimer(time.Duration(rand.Int64N(int64(2 * time.Second))))
		<-moment.C
		h.kill()
	}
	h.target("4.2.0") // nobody has tried it yet
	data := f.faulty("4.2.0", "none")
	f.publish("4.2.0", data)
	h.runs("4.2.0")
}

// A description in the store that promises other bytes than the signed ones, of a
// size that no disk of the host has.
func testHugeObject(t *testing.T, f *fleet) {
	h := f.host(t, "huge", "1.0.0")
	h.runs("1.0.0")
	data := f.faulty("4.3.0", "none")
	f.publish("4.3.0", data)
	info, err := f.store.GetInfo(t.Context(), objectOf("4.3.0"))
	require.NoError(t, err)
	info.Size = 400 << 20
	f.describe("4.3.0", info)
	h.target("4.3.0")
	require.Contains(t, h.observed("agent_update_refused")["reason"], "another release")
	require.NoFileExists(t, h.exe+".new")
	h.runs("1.0.0")
	f.publish("4.3.0", data) // mended
	h.target("1.0.0")
	h.target("4.3.0")
	h.observed("agent_updated")
	h.runs("4.3.0")
}
