package exec

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestCleanStaging(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	local := NewLocal(WithStagingDir(dir))
	hex := func(c string) string { return stagingPrefix + strings.Repeat(c, 32) }
	put := func(name string, age time.Duration) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.Mkdir(path, 0o700))
		require.NoError(t, os.WriteFile(filepath.Join(path, "kanade-x.ps1"), []byte("secret"), 0o600))
		when := time.Now().Add(-age)
		require.NoError(t, os.Chtimes(path, when, when))
		return path
	}
	old, young := put(hex("a"), 3*time.Hour), put(hex("b"), time.Minute)
	others := []string{put("x"+hex("a"), 3*time.Hour), put("somebody", 3*time.Hour), put(hex("a")+"a", 3*time.Hour)}
	require.NoError(t, os.WriteFile(filepath.Join(dir, hex("c")), nil, 0o600)) // a file

	removed, err := local.CleanStaging(time.Hour)
	require.NoError(t, err)
	require.Equal(t, 1, removed)
	require.NoDirExists(t, old)
	require.DirExists(t, young)

	removed, err = local.CleanStaging(0)
	require.NoError(t, err)
	require.Equal(t, 1, removed)
	require.NoDirExists(t, young)
	for _, path := range others {
		require.FileExists(t, filepath.Join(path, "kanade-x.ps1"))
	}
	require.FileExists(t, filepath.Join(dir, hex("c")))
}

// On Windows the names of our folders are plain random numbers, as others may choose them, too.
func TestCleanStagingSparesWhatIsNotOurs(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	others, empty := filepath.Join(dir, stagingPrefix+strings.Repeat("a", 32)), filepath.Join(dir, stagingPrefix+strings.Repeat("b", 32))
	require.NoError(t, os.Mkdir(others, 0o700))
	require.NoError(t, os.Mkdir(empty, 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(others, "thesis.doc"), nil, 0o600))
	removed, err := NewLocal(WithStagingDir(dir)).CleanStaging(0)
	require.NoError(t, err)
	require.Equal(t, 1, removed)
	require.FileExists(t, filepath.Join(others, "thesis.doc"))
	require.NoDirExists(t, empty)
}

func TestCleanStagingWithoutAFolder(t *testing.T) {
	t.Parallel()
	removed, err := NewLocal(WithStagingDir(filepath.Join(t.TempDir(), "gone"))).CleanStaging(0)
	require.NoError(t, err)
	require.Zero(t, removed)
}

// The folder of a run that goes on is in use, however old it is.
func TestCleanStagingSparesARun(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	b := newBoard(t)
	local := NewLocal(WithStagingDir(dir))
	s := native(longScript() + helperScript("hold", b.address(), "child") + "\n")
	done := make(chan Outcome, 1)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	go func() {
		out, _ := local.Run(ctx, s)
		done <- out
	}()
	child := b.await("child")[0]
	removed, err := local.CleanStaging(0)
	require.NoError(t, err)
	require.Zero(t, removed)
	child.tell("exit 0")
	require.Zero(t, (<-done).Code)
	requireEmptyDir(t, dir)
}

// longScript is the beginning of a script that has to be staged.
func longScript() string {
	comment := map[Shell]string{Sh: "# ", Cmd: "rem "}[nativeShell]
	return strings.Repeat(comment+strings.Repeat("x", 1000)+"\n", shInlineLimit/1000+1)
}
