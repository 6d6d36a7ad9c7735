//go:build unix

package outbox

import (
	"io/fs"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

func requireMode(t *testing.T, name string, perm fs.FileMode) {
	t.Helper()
	info, err := os.Stat(name)
	require.NoError(t, err)
	require.Equal(t, perm, info.Mode().Perm())
}
