//go:build unix

package agentcli

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestDailyFileIsPrivate(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "a", "b")
	d, _, _ := newTestFile(t, filepath.Join(dir, "x.log"), 3)
	write(t, d, "x\n")
	folder, err := os.Stat(dir)
	require.NoError(t, err)
	require.Equal(t, fs.FileMode(0o700), folder.Mode().Perm())
	file, err := os.Stat(filepath.Join(dir, "x.2026-01-30.log"))
	require.NoError(t, err)
	require.Equal(t, fs.FileMode(0o600), file.Mode().Perm())
}
