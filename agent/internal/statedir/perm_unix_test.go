//go:build unix

package statedir

import (
	"io/fs"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAFolderThatWasOpenToAllIsClosed(t *testing.T) {
	path := t.TempDir()
	require.NoError(t, os.Chmod(path, 0o755))
	d, err := Open(path)
	require.NoError(t, err)
	t.Cleanup(func() { _ = d.Close() })
	for name, want := range map[string]fs.FileMode{path: 0o700, d.Path("lock"): 0o600, d.Path("FORMAT"): 0o600} {
		info, err := os.Stat(name)
		require.NoError(t, err)
		require.Equal(t, want, info.Mode().Perm(), name)
	}
}
