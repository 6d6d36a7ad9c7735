//go:build unix

package statedir

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// The program knows itself by the path behind the links, the configuration by the one
// that somebody wrote.
func TestOwnFilesBehindALinkAreOwn(t *testing.T) {
	t.Parallel()
	behind := t.TempDir()
	dir := filepath.Join(t.TempDir(), "link")
	require.NoError(t, os.Symlink(behind, dir))
	fill(t, behind, "site.toml", "tool", "app.log", "app.2026-01-30.log")
	own := []string{"site.toml", "tool", "app.log"}
	for _, base := range []string{dir, behind} {
		var paths []string
		for _, name := range own {
			paths = append(paths, filepath.Join(base, name))
		}
		require.Empty(t, Foreign(dir, paths...))
		require.Empty(t, Foreign(behind, paths...))
	}
	require.Equal(t, []string{"tool"}, Foreign(dir, filepath.Join(dir, "site.toml"), filepath.Join(dir, "app.log")))
}
