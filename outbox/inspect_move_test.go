package outbox

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// boxToRequeue holds two stuck records.
func boxToRequeue(t *testing.T) (*Reader, string) {
	t.Helper()
	dir := privateDir(t)
	require.NoError(t, os.Mkdir(filepath.Join(dir, stuckFolder), 0o700))
	writeFile(t, dir, "stuck/a.json", "a")
	writeFile(t, dir, "stuck/b.json", "b")
	return inspectBox(t, dir), dir
}

func TestRequeueOfManyMovesEach(t *testing.T) {
	t.Parallel()
	r, dir := boxToRequeue(t)
	entries, err := r.List()
	require.NoError(t, err)
	moved, err := r.Requeue(t.Context(), entries...)
	require.NoError(t, err)
	require.Equal(t, 2, moved)
	require.Equal(t, []string{"a.json", "b.json"}, listed(t, r))
	require.Equal(t, "a", textOfFile(t, dir, "a.json"))
}

func TestAMoveReplacesNothing(t *testing.T) {
	t.Parallel()
	r, dir := boxToRequeue(t)
	writeFile(t, dir, "a.json", "somebody else's")
	before := snapshot(t, dir)
	require.ErrorIs(t, r.move("stuck/a.json", "a.json"), fs.ErrExist)
	require.ErrorIs(t, r.move("stuck/gone.json", "gone.json"), fs.ErrNotExist)
	require.Equal(t, before, snapshot(t, dir))
}

func textOfFile(t testing.TB, dir, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, name))
	require.NoError(t, err)
	return string(text)
}
