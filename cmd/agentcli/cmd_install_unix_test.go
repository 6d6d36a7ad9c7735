//go:build unix

package agentcli

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestInstallClosesWhatOthersMustNotSee(t *testing.T) {
	t.Parallel()
	b := installBench(t, nil)
	token := writeFile(t, "token", "sesame")
	require.NoError(t, os.Chmod(token, 0o644))
	out, err := b.do(t, "install", "--nats-url", "nats://h", "--token-file", token)
	require.NoError(t, err)
	require.Contains(t, out, token+" closed to other users\n")
	dirs := b.around.dirs
	for path, want := range map[string]fs.FileMode{
		token: 0o600, filepath.Join(dirs.config, "agent.toml"): 0o600, dirs.config: 0o700, dirs.data: 0o700, dirs.logs: 0o700,
	} {
		info, err := os.Stat(path)
		require.NoError(t, err)
		require.Equal(t, want, info.Mode().Perm(), path)
	}
	out, err = b.do(t, "install", "--nats-url", "nats://h", "--token-file", token)
	require.NoError(t, err)
	require.NotContains(t, out, "closed")
	require.NoError(t, os.Remove(token))
	out, err = b.do(t, "install")
	require.NoError(t, err)
	require.Contains(t, out, "WARNING: "+token+" is not there; the agent waits for it\n")
}

// Who can replace the program is root on that host.
func TestInstallWarnsOfAProgramThatOthersCanReplace(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	program := filepath.Join(dir, "agent")
	require.NoError(t, os.WriteFile(program, nil, 0o755))
	require.Empty(t, replaceable(program))
	require.NoError(t, os.Chmod(dir, 0o777))
	require.Equal(t, dir+" can be written by others (mode 0777)", replaceable(program))
	b := installBench(t, nil)
	out, err := b.do(t, "install", "--nats-url", "nats://h", "--program", program)
	require.NoError(t, err)
	require.Contains(t, out, "WARNING: the service runs as an administrator with "+program)
	if os.Geteuid() == 0 {
		require.NoError(t, os.Chmod(dir, 0o700))
		require.NoError(t, os.Chown(program, 65534, 65534))
		require.Contains(t, replaceable(program), "belongs to the user with the number 65534")
	}
}
