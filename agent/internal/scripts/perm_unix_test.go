//go:build unix

package scripts

import (
	"io/fs"
	"os"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// On Windows files inherit the access list of the state folder.
func TestFilesArePrivate(t *testing.T) {
	p := newPlace(t)
	digest := p.put("job/1", "echo hello")
	require.NoError(t, p.Prefetch(within(t), "job/1", digest))
	for name, want := range map[string]fs.FileMode{p.path(digest): 0o600, p.cfg.Dir: 0o700} {
		info, err := os.Stat(name)
		require.NoError(t, err)
		require.Equal(t, want, info.Mode().Perm(), name)
	}
}

// A pipe of this name would hold up whoever opens it.
func TestWhatIsNoFileIsNotOpened(t *testing.T) {
	p := newPlace(t)
	digest := p.put("job/1", "echo hello")
	require.NoError(t, os.MkdirAll(p.cfg.Dir, 0o700))
	require.NoError(t, syscall.Mkfifo(p.path(digest), 0o600))
	got, err := p.get("job/1", digest)
	require.NoError(t, err)
	require.Equal(t, "echo hello", got)
	p.isHere("job/1", "echo hello")
}
