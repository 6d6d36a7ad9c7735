//go:build unix

package statedir

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// A mark that is there, but cannot be looked at, is a mark.
func TestAFolderThatCannotBeSearchedIsNotRefused(t *testing.T) {
	t.Parallel()
	if os.Geteuid() == 0 {
		dir := filepath.Join(t.TempDir(), "loop")
		require.NoError(t, os.Mkdir(dir, 0o700))
		require.NoError(t, os.Symlink("outbox", filepath.Join(dir, "outbox"))) // of root's only what leads to itself
		fill(t, dir, "stranger")
		require.Empty(t, Foreign(dir))
		return
	}
	dir := t.TempDir()
	fill(t, dir, "outbox/", "stranger")
	require.NoError(t, os.Chmod(dir, 0o600))
	t.Cleanup(func() { _ = os.Chmod(dir, 0o700) })
	require.Empty(t, Foreign(dir))
}
