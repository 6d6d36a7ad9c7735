package logs

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// Whoever reads the log does not keep its writer from moving it aside, nor from removing
// what is too old.
func TestALogThatIsReadCanBeMovedAside(t *testing.T) {
	t.Parallel()
	dir := folder(t, map[string]string{"agent.2026-01-31.log": "a\n", "agent.2026-01-31.1.log": "0\n"})
	latest, earlier, err := filesOf(filepath.Join(dir, "agent.log")).latest()
	require.NoError(t, err)
	before, err := openRegular(earlier)
	require.NoError(t, err)
	require.NoError(t, before.Close())
	path := filepath.Join(dir, "agent.2026-01-31")
	require.NoError(t, os.Rename(path+".log", path+".1.log"))
	require.NoError(t, os.Remove(path+".1.log"))
	text, err := readTail(latest, 9, 100)
	require.NoError(t, err)
	require.Equal(t, "a\n", string(text))
	require.NoError(t, latest.Close())
}
