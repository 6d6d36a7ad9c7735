//go:build unix

package agentcli

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPurgeFollowsNoLinks(t *testing.T) {
	t.Parallel()
	b, _, _ := ran(t)
	data, precious := b.around.dirs.data, t.TempDir()
	kept := filepath.Join(precious, "kept")
	require.NoError(t, os.WriteFile(kept, nil, 0o600))
	require.NoError(t, os.RemoveAll(filepath.Join(data, "script_cache")))
	token := filepath.Join(b.around.dirs.config, "token")
	require.NoError(t, os.Remove(token))
	for at, to := range map[string]string{filepath.Join(data, "script_cache"): precious, filepath.Join(data, "settings", "x"): precious, token: kept} {
		require.NoError(t, os.MkdirAll(filepath.Dir(at), 0o700))
		require.NoError(t, os.Symlink(to, at))
	}
	out, err := b.do(t, "uninstall", "--purge")
	require.NoError(t, err)
	require.FileExists(t, kept)
	require.NoDirExists(t, data)
	require.Contains(t, out, "script_cache led to stays: it was a link")
}

// The state folder itself may be a link: it is what is in it that was asked for.
func TestPurgeOfAStateFolderBehindALink(t *testing.T) {
	t.Parallel()
	b, _, _ := ran(t)
	data := b.around.dirs.data
	disk := filepath.Join(t.TempDir(), "disk")
	require.NoError(t, os.Rename(data, disk))
	require.NoError(t, os.Symlink(disk, data))
	_, err := b.do(t, "uninstall", "--purge")
	require.NoError(t, err)
	require.Empty(t, names(t, disk))
	_, err = os.Lstat(data)
	require.ErrorIs(t, err, os.ErrNotExist)
}
