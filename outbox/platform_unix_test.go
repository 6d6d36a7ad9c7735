//go:build unix

package outbox

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func requireMode(t *testing.T, name string, perm fs.FileMode) {
	t.Helper()
	info, err := os.Stat(name)
	require.NoError(t, err)
	require.Equal(t, perm, info.Mode().Perm())
}

// plantLink puts a link among the records that leads out of the folder.
func plantLink(t *testing.T, dir string) {
	t.Helper()
	require.NoError(t, os.Symlink("/etc/passwd", filepath.Join(dir, "link.json")))
}
