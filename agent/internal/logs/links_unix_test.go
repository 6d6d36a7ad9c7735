//go:build unix

package logs

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

func TestLinksAndPipesAreNotLogs(t *testing.T) {
	t.Parallel()
	dir := folder(t, map[string]string{"secret": "secret\n", "agent.2026-01-30.log": "log\n"})
	require.NoError(t, os.Symlink(filepath.Join(dir, "secret"), filepath.Join(dir, "agent.2026-01-31.log")))
	require.NoError(t, unix.Mkfifo(filepath.Join(dir, "agent.2026-02-01.log"), 0o600))
	require.Equal(t, "log\n", tailOf(t, dir, "agent.log", 9, 100))

	dir = t.TempDir()
	require.NoError(t, unix.Mkfifo(filepath.Join(dir, "agent.log"), 0o600))
	_, err := filesOf(filepath.Join(dir, "agent.log")).tail(1, 100)
	require.ErrorIs(t, err, ErrNoLog, "and opening it did not wait for a writer")
}
