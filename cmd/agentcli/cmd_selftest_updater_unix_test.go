//go:build unix

package agentcli

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestKeysThatOthersMayChangeAreNotTrusted(t *testing.T) {
	t.Parallel()
	key := keyPair(t)
	above := filepath.Dir(key)
	folder := filepath.Join(above, "keys")
	require.NoError(t, os.Mkdir(folder, 0o755))
	file := filepath.Join(folder, "fleet.pub")
	require.NoError(t, os.Rename(key+".pub", file))
	keys, err := releaseKeys(folder, true)
	require.NoError(t, err)
	require.Len(t, keys, 1)
	for _, path := range []string{file, folder, above} {
		info, err := os.Stat(path)
		require.NoError(t, err)
		for _, open := range []fs.FileMode{0o002, 0o020} {
			require.NoError(t, os.Chmod(path, info.Mode()|open))
			_, err = releaseKeys(folder, true)
			require.ErrorContains(t, err, "chmod go-w", "%s %o", path, open)
			require.ErrorContains(t, err, path)
		}
		require.NoError(t, os.Chmod(path, info.Mode()))
	}
	_, err = releaseKeys(folder, true)
	require.NoError(t, err)
	if os.Geteuid() == 0 { // who can give files away
		require.NoError(t, os.Chown(file, 4711, -1))
		_, err = releaseKeys(folder, true)
		require.ErrorContains(t, err, "belongs to the user with the number 4711")
	}
}

// A key by way of a link is as safe as the folders that the link leads through.
func TestKeysBehindLinks(t *testing.T) {
	t.Parallel()
	key, folder := keyPair(t), filepath.Join(t.TempDir(), "keys")
	require.NoError(t, os.Mkdir(folder, 0o755))
	require.NoError(t, os.Symlink(key+".pub", filepath.Join(folder, "fleet.pub")))
	keys, err := releaseKeys(folder, true)
	require.NoError(t, err)
	require.Len(t, keys, 1)
	require.NoError(t, os.Chmod(filepath.Dir(key), 0o777))
	_, err = releaseKeys(folder, true)
	require.ErrorContains(t, err, "can be written by others")
}
