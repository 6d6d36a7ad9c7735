//go:build unix

package natskit

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// Who opens a pipe that nobody writes into waits for ever.
func TestAPipeIsNoFileWithASecret(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "pipe")
	require.NoError(t, unix.Mkfifo(path, 0o600))
	for name, read := range everyFile(path) {
		err := read(t.Context())
		require.ErrorIs(t, err, errNotRegular, name)
		require.ErrorContains(t, err, path, name)
	}
}
