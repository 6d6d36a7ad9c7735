//go:build unix

package outbox

import (
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// Links and pipes with a record's name are reported and never opened.
func TestNoLinkIsFollowed(t *testing.T) {
	t.Parallel()
	dir := privateDir(t)
	plantLink(t, dir)
	require.NoError(t, syscall.Mkfifo(filepath.Join(dir, "pipe.json"), 0o600))
	require.NoError(t, os.Mkdir(filepath.Join(dir, "folder.json"), 0o700))
	outside := privateDir(t)
	writeFile(t, outside, "x.json", "{}")
	require.NoError(t, os.Symlink(outside, filepath.Join(dir, stuckFolder)))
	writeFile(t, dir, "empty.json", "")
	r := inspectBox(t, dir)
	require.Equal(t, []string{"empty.json"}, listed(t, r), "quarantine that is a link is not read")
	for _, name := range []string{"link", "pipe"} {
		_, err := r.Open(Entry{File: name + ".json", Name: name})
		require.Error(t, err, name)
		_, err = r.Detail(Entry{File: name + ".json", Name: name})
		require.Error(t, err, name)
	}
	want := map[string]FindingKind{
		"link.json": FoundForeign, "pipe.json": FoundForeign, "folder.json": FoundForeign, stuckFolder: FoundForeign, "empty.json": FoundTorn,
	}
	require.Equal(t, want, kinds(check(t, r)))
	found, err := r.Repair(t.Context(), nil)
	require.NoError(t, err)
	for _, f := range found {
		if f.File == "empty.json" {
			require.ErrorContains(t, f.Failure, "not a folder")
		}
	}
	require.Equal(t, []string{"x.json"}, files(t, outside), "nothing is moved through the link")
	require.Equal(t, []string{"empty.json", "folder.json", "link.json", "pipe.json"}, files(t, dir))
}

func TestPermissionsAreFoundAndRepaired(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	box := openBox(t, dir)
	put(t, box, "a", "b", "c")
	require.NoError(t, box.Close())
	require.NoError(t, os.Chmod(dir, 0o755))
	require.NoError(t, os.Chmod(filepath.Join(dir, "a.json"), 0o644))
	require.NoError(t, os.Chmod(filepath.Join(dir, "b.json"), 0o640))
	r := inspectBox(t, dir)
	found := check(t, r)
	require.Len(t, found, 1)
	require.Equal(t, FoundPermissions, found[0].Kind)
	require.Contains(t, found[0].What, "0755")
	require.Contains(t, found[0].What, "2 more")
	repaired(t, r)
	for name, mode := range map[string]fs.FileMode{".": 0o700, "a.json": 0o600, "b.json": 0o600, "c.json": 0o600} {
		requireMode(t, filepath.Join(dir, name), mode)
	}
	require.Empty(t, check(t, r))
}
