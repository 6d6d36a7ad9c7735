//go:build unix

package agentcli

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestKeysThatAnybodyMayChangeAreNotTrusted(t *testing.T) {
	t.Parallel()
	key := keyPair(t)
	folder := filepath.Dir(key)
	keys, err := releaseKeys(folder, true)
	require.NoError(t, err)
	require.Len(t, keys, 1)
	require.NoError(t, os.Chmod(key+".pub", 0o666))
	_, err = releaseKeys(folder, true)
	require.ErrorContains(t, err, "chmod o-w")
	require.NoError(t, os.Chmod(key+".pub", 0o644))
	require.NoError(t, os.Chmod(folder, 0o777))
	_, err = releaseKeys(folder, true)
	require.ErrorContains(t, err, "chmod o-w")
}
