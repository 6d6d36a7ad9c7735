//go:build unix

package update

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// A link beside the executable, to the right bytes, would become the executable.
func TestALinkIsNotSwappedIn(t *testing.T) {
	t.Parallel()
	elsewhere := filepath.Join(t.TempDir(), "elsewhere")
	require.NoError(t, os.WriteFile(elsewhere, []byte(release), 0o755))
	s, fake := aims(t, func(*Config) {})
	i := s.cfg.Install
	upload(t, fake, "2-linux-x86_64", release)
	require.NoError(t, os.Remove(i.staged()))
	require.NoError(t, os.Symlink(elsewhere, i.staged()))
	require.NoError(t, s.prepare(t.Context(), "2", false))
	require.ErrorIs(t, s.Finish(nil), ErrRestart)
	info, err := os.Lstat(i.Path)
	require.NoError(t, err)
	require.True(t, info.Mode().IsRegular(), info.Mode().String())
	require.NoError(t, os.Rename(i.lastGood(), elsewhere))
	require.NoError(t, os.Symlink(elsewhere, i.lastGood()))
	r, err := i.load()
	require.NoError(t, err)
	require.NotErrorIs(t, i.rollBack(r, "for a test", false), ErrRestart)
	require.Equal(t, release, says(t, i.Path))
}
