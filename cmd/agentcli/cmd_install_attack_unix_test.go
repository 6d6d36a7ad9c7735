//go:build unix

package agentcli

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// What a configuration names as a secret may be a device or a folder: closing it would
// cost the host.
func TestInstallClosesFilesOnly(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	require.NoError(t, os.Chmod(folder, 0o755))
	pipe := filepath.Join(t.TempDir(), "pipe")
	require.NoError(t, syscall.Mkfifo(pipe, 0o644))
	for _, path := range []string{folder, pipe, os.DevNull} {
		before, err := os.Stat(path)
		require.NoError(t, err)
		require.ErrorIs(t, closeFile(path), errOtherKind, path)
		config := writeFile(t, "agent.toml", strings.Replace(minimalFile, "[log]", "token_file = '"+path+"'\n[log]", 1))
		b := installBench(t, nil)
		i := installation{tree: b.tree, config: config}
		i.found.config.TokenFile = path
		require.ErrorIs(t, i.closeSecrets(), errOtherKind, path)
		after, err := os.Stat(path)
		require.NoError(t, err)
		require.Equal(t, before.Mode(), after.Mode(), path)
	}
	file := writeFile(t, "file", "")
	require.ErrorIs(t, closeFolder(file), errOtherKind)
}

// Where others write, a path leads to another file a moment later.
func TestInstallChangesNothingWhereOthersWrite(t *testing.T) {
	t.Parallel()
	open := t.TempDir()
	require.NoError(t, os.Chmod(open, 0o777))
	precious := writeFile(t, "precious", "")
	require.NoError(t, os.Chmod(precious, 0o644))
	token := filepath.Join(open, "token")
	require.NoError(t, os.Symlink(precious, token))
	b := installBench(t, nil)
	out, err := b.do(t, "install", "--nats-url", "nats://h", "--token-file", token)
	require.NoError(t, err)
	require.Contains(t, out, "WARNING: "+token+" is left as open as it is, since "+open+" can be written by others (mode 0777)")
	info, err := os.Stat(precious)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o644), info.Mode().Perm())
}

// A path is as safe as every folder that it leads through, also behind links.
func TestReplaceableBehindLinks(t *testing.T) {
	t.Parallel()
	open, safe := t.TempDir(), t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(open, "agent"), nil, 0o755))
	require.NoError(t, os.Mkdir(filepath.Join(open, "below"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(open, "below", "agent"), nil, 0o755))
	require.NoError(t, os.Chmod(open, 0o777))
	require.NoError(t, os.Symlink(filepath.Join(open, "agent"), filepath.Join(safe, "file")))
	require.NoError(t, os.Symlink(filepath.Join(open, "below"), filepath.Join(safe, "folder")))
	require.NoError(t, os.Symlink("../"+filepath.Base(safe)+"/folder", filepath.Join(safe, "again")))
	require.NoError(t, os.Symlink("loop", filepath.Join(safe, "loop")))
	want := open + " can be written by others (mode 0777)"
	for _, path := range []string{"file", "folder/agent", "again/agent", "folder/none"} {
		require.Equal(t, want, replaceable(filepath.Join(safe, path)), path)
	}
	require.Contains(t, replaceable(filepath.Join(safe, "loop", "x")), "leads nowhere")
	for _, path := range []string{"", "none", "none/below"} {
		require.Empty(t, replaceable(filepath.Join(safe, path)), path)
	}
	require.NoError(t, os.Chmod(open, 0o777|os.ModeSticky))
	require.Empty(t, replaceable(filepath.Join(safe, "file")), "there everyone replaces only what is his own")
	if os.Geteuid() == 0 {
		require.NoError(t, os.Lchown(filepath.Join(open, "agent"), 65534, 65534))
		require.Contains(t, replaceable(filepath.Join(safe, "file")), "belongs to the user with the number 65534")
	}
}

// State and log that others can put a link into are written over elsewhere.
func TestInstallWarnsOfFoldersThatOthersWrite(t *testing.T) {
	t.Parallel()
	b := installBench(t, nil)
	require.NoError(t, os.MkdirAll(b.around.dirs.logs, 0o755))
	require.NoError(t, os.Chmod(b.around.dirs.logs, 0o777))
	out, err := b.do(t, "install", "--nats-url", "nats://h")
	require.NoError(t, err)
	require.Contains(t, out, "WARNING: the service writes as an administrator into "+b.around.dirs.logs+", and "+b.around.dirs.logs+" can be written by others")
}
