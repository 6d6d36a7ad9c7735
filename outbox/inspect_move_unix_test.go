//go:build unix

package outbox

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// Whatever an agent syncs before the new name is durable, the old one is still
// there.
func TestAMoveKeepsBothNamesUntilTheNewOneIsDurable(t *testing.T) {
	t.Parallel()
	r, _ := boxToRequeue(t)
	m, err := r.moveNew("stuck/a.json", "a.json")
	require.NoError(t, err)
	require.True(t, r.holds("stuck/a.json", m.both))
	require.True(t, r.holds("a.json", m.both))
	done, err := r.settle([]move{m})
	require.NoError(t, err)
	require.Equal(t, 1, done)
	require.False(t, r.holds("stuck/a.json", m.both))
	require.True(t, r.holds("a.json", m.both))
}

// The old name goes only after a sync of the new one that has succeeded.
func TestAMoveThatCannotBeSyncedKeepsTheOldName(t *testing.T) {
	t.Parallel()
	r, dir := boxToRequeue(t)
	writeFile(t, dir, "c.json", "c")
	m, err := r.moveNew("c.json", "stuck/c.json")
	require.NoError(t, err)
	require.NoError(t, os.Rename(filepath.Join(dir, stuckFolder), filepath.Join(dir, "away")))
	done, err := r.settle([]move{m})
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.Zero(t, done)
	require.True(t, r.holds("c.json", m.both))
}

// A requeue that dies in the middle leaves a copy that a repair removes.
func TestRepairEndsARequeueThatDied(t *testing.T) {
	t.Parallel()
	dir := privateDir(t)
	require.NoError(t, os.Mkdir(filepath.Join(dir, stuckFolder), 0o700))
	writeFile(t, dir, "stuck/x.json", result("x", "1", ""))
	r := inspectBox(t, dir, WithCodec(resultCodec{}))
	_, err := r.moveNew("stuck/x.json", "x.json")
	require.NoError(t, err)
	require.Equal(t, map[string]FindingKind{"stuck/x.json": FoundDuplicate}, kinds(repaired(t, r)))
	require.Equal(t, []string{"x.json"}, listed(t, r))
	require.Empty(t, check(t, r))
}

// What an agent does between the two halves is left alone, and the record is
// never lost.
func TestAMoveBesideAnAgent(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		meanwhile func(t *testing.T, dir string)
		settled   []string // the files after settle
		takenBack []string // or after takeBack
	}{
		"nothing": {func(*testing.T, string) {}, []string{"a.json", "stuck/b.json"}, []string{"stuck/a.json", "stuck/b.json"}},
		"delivered from quarantine": {func(t *testing.T, dir string) {
			require.NoError(t, os.Remove(filepath.Join(dir, "stuck/a.json")))
		}, []string{"a.json", "stuck/b.json"}, []string{"a.json", "stuck/b.json"}},
		"delivered from its new place": {func(t *testing.T, dir string) {
			require.NoError(t, os.Remove(filepath.Join(dir, "a.json")))
		}, []string{"stuck/b.json"}, []string{"stuck/a.json", "stuck/b.json"}},
		"another record under the old name": {func(t *testing.T, dir string) {
			require.NoError(t, os.Rename(filepath.Join(dir, "stuck/b.json"), filepath.Join(dir, "stuck/a.json")))
		}, []string{"a.json", "stuck/a.json"}, []string{"a.json", "stuck/a.json"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, dir := boxToRequeue(t)
			m, err := r.moveNew("stuck/a.json", "a.json")
			require.NoError(t, err)
			c.meanwhile(t, dir)
			_, err = r.settle([]move{m})
			require.NoError(t, err)
			require.ElementsMatch(t, c.settled, listed(t, r))

			r, dir = boxToRequeue(t)
			m, err = r.moveNew("stuck/a.json", "a.json")
			require.NoError(t, err)
			c.meanwhile(t, dir)
			require.NoError(t, r.takeBack([]move{m}))
			require.ElementsMatch(t, c.takenBack, listed(t, r))
		})
	}
}
