//go:build unix

package natskit

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func openToAll(t *testing.T, file string) {
	t.Helper()
	require.NoError(t, os.Chmod(file, 0o644))
}

func TestModesThatAreOpen(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "secret")
	put(t, file, "x")
	for mode, open := range map[fs.FileMode]bool{
		0o400: false, 0o600: false, 0o640: false, 0o700: false,
		0o604: true, 0o602: true, 0o620: true, 0o644: true, 0o666: true,
	} {
		require.NoError(t, os.Chmod(file, mode))
		require.Equal(t, open, exposed(file) != "", mode.String())
	}
}
