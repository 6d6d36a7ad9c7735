//go:build unix

package outbox

import (
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
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

// peakMemory is the most that this process has had in memory, in bytes.
func peakMemory() int64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	if runtime.GOOS == "darwin" {
		return u.Maxrss
	}
	return u.Maxrss << 10
}
