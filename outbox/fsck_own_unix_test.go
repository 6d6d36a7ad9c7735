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

// outsideFile is a file beside the folder that others may read.
func outsideFile(t testing.TB, name string) string {
	t.Helper()
	dir := t.TempDir()
	writeFile(t, dir, name, "somebody else's")
	require.NoError(t, os.Chmod(filepath.Join(dir, name), 0o644))
	return filepath.Join(dir, name)
}

// strangersBox is a folder of another user, if that can be had.
func strangersBox(t testing.TB) string {
	t.Helper()
	dir := privateDir(t)
	if os.Geteuid() == 0 {
		require.NoError(t, os.Chown(dir, 65534, 65534))
	}
	return dir
}

func accessOf(t testing.TB, name string) (uid uint32, mode fs.FileMode) {
	t.Helper()
	info, err := os.Stat(name)
	require.NoError(t, err)
	stat, ok := info.Sys().(*syscall.Stat_t)
	require.True(t, ok)
	return stat.Uid, info.Mode().Perm()
}

// A second name may be anywhere: what is changed under one is changed there too.
// The other files are put right all the same.
func TestRepairLeavesHardLinkedFilesAsTheyAre(t *testing.T) {
	t.Parallel()
	outside := outsideFile(t, "shadow")
	dir := strangersBox(t)
	for _, name := range []string{"a.json", "b.json"} {
		require.NoError(t, os.Link(outside, filepath.Join(dir, name)))
	}
	writeFile(t, dir, "c.json", result("c", "1", ""))
	require.NoError(t, os.Chmod(filepath.Join(dir, "c.json"), 0o644))
	owner, _ := accessOf(t, dir)
	uid, mode := accessOf(t, outside)
	found, err := inspectBox(t, dir, WithCodec(resultCodec{})).Repair(t.Context(), nil)
	require.NoError(t, err)
	refused := 0
	for _, f := range found {
		if f.Kind == FoundPermissions {
			require.ErrorIs(t, f.Failure, errHardLinked)
			require.ErrorContains(t, f.Failure, "1 more")
			refused++
		}
	}
	require.Equal(t, map[bool]int{true: 2, false: 1}[os.Geteuid() == 0], refused)
	gotUID, gotMode := accessOf(t, outside)
	require.Equal(t, uid, gotUID)
	require.Equal(t, mode, gotMode)
	gotUID, gotMode = accessOf(t, filepath.Join(dir, "c.json"))
	require.Equal(t, owner, gotUID)
	require.EqualValues(t, 0o600, gotMode)
}

// replacements take the place of stuck/x.json, or of a folder it is in, after it
// was listed; outside is another folder with an x.json.
var replacements = map[string]func(t *testing.T, dir, outside string){
	"folder by link": func(t *testing.T, dir, outside string) {
		replaceByLink(t, filepath.Join(dir, stuckFolder), outside)
	},
	"folder by link inside": func(t *testing.T, dir, _ string) {
		require.NoError(t, os.Mkdir(filepath.Join(dir, "other"), 0o755))
		writeFile(t, dir, "other/x.json", "")
		replaceByLink(t, filepath.Join(dir, stuckFolder), "other")
	},
	"file by link": func(t *testing.T, dir, _ string) {
		writeFile(t, dir, "other.json", "")
		replaceByLink(t, filepath.Join(dir, "stuck/x.json"), "../other.json")
	},
	"file by link inside": func(t *testing.T, dir, _ string) {
		writeFile(t, dir, "stuck/other.json", "")
		replaceByLink(t, filepath.Join(dir, "stuck/x.json"), "other.json")
	},
	"box by link": func(t *testing.T, dir, outside string) {
		parent := t.TempDir()
		require.NoError(t, os.Rename(outside, filepath.Join(parent, stuckFolder)))
		replaceByLink(t, dir, parent)
	},
}

func replaceByLink(t *testing.T, name, to string) {
	t.Helper()
	require.NoError(t, os.Rename(name, name+".away"))
	require.NoError(t, os.Symlink(to, name))
}

func TestNothingIsChangedThroughAReplacement(t *testing.T) {
	t.Parallel()
	for name, replace := range replacements {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir, box := boxWithStuck(t)
			require.NoError(t, closeToOthers(dir, "stuck/x.json", box))
			replace(t, dir, filepath.Dir(outsideFile(t, "x.json")))
			name := filepath.Join(dir, "stuck/x.json")
			require.NoError(t, os.Chmod(name, 0o644))
			uid, _ := accessOf(t, name)
			require.Error(t, closeToOthers(dir, "stuck/x.json", box))
			if os.Geteuid() == 0 {
				require.Error(t, giveTo(dir, "stuck/x.json", box))
			}
			gotUID, mode := accessOf(t, name)
			require.Equal(t, uid, gotUID)
			require.EqualValues(t, 0o644, mode)
		})
	}
}

func TestNothingIsChangedOutsideOrIrregular(t *testing.T) {
	t.Parallel()
	dir, box := boxWithStuck(t)
	outside := outsideFile(t, "x.json")
	require.NoError(t, os.Symlink(outside, filepath.Join(dir, "link.json")))
	require.NoError(t, syscall.Mkfifo(filepath.Join(dir, "pipe.json"), 0o644))
	require.Error(t, closeToOthers(dir, "link.json", box))
	require.ErrorIs(t, closeToOthers(dir, "pipe.json", box), errNotRegular)
	_, mode := accessOf(t, outside)
	require.EqualValues(t, 0o644, mode)
	require.ErrorIs(t, closeToOthers(dir, "gone.json", box), fs.ErrNotExist)
	require.NoError(t, closeToOthers(dir, "stuck/x.json", box))
}

// boxWithStuck holds stuck/x.json.
func boxWithStuck(t *testing.T) (dir string, info fs.FileInfo) {
	t.Helper()
	dir = strangersBox(t)
	require.NoError(t, os.Mkdir(filepath.Join(dir, stuckFolder), 0o700))
	writeFile(t, dir, "stuck/x.json", "")
	info, err := os.Stat(dir)
	require.NoError(t, err)
	return dir, info
}

// Nothing is moved or removed through a link in the place of quarantine either.
func TestNothingIsMovedOrRemovedOutside(t *testing.T) {
	t.Parallel()
	dir, _ := boxWithStuck(t)
	outside := outsideFile(t, "x.json")
	writeFile(t, dir, "y.json", "")
	replaceByLink(t, filepath.Join(dir, stuckFolder), filepath.Dir(outside))
	r := inspectBox(t, dir)
	require.Error(t, r.remove("stuck/x.json"))
	require.Error(t, r.move("stuck/x.json", "x.json"))
	require.Error(t, r.move("y.json", "stuck/y.json"))
	require.Equal(t, []string{"x.json"}, files(t, filepath.Dir(outside)))
	require.FileExists(t, filepath.Join(dir, "y.json"))
}
