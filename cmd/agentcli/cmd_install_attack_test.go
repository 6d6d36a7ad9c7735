package agentcli

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// Passwords are not shown, and compared all the same.
func TestInstallNoticesAnotherPassword(t *testing.T) {
	t.Parallel()
	b := installBench(t, nil)
	_, err := b.do(t, "install", "--nats-url", "nats://u:cnry-first@h")
	require.NoError(t, err)
	out, err := b.do(t, "install", "--nats-url", "nats://u:cnry-second@h")
	require.ErrorContains(t, err, "another user or password in agent.nats_url than --nats-url")
	require.NotContains(t, out+err.Error(), "cnry")
}

// A file where a folder should be: the agent would say so only after the start.
func TestInstallNoticesAFileInPlaceOfAFolder(t *testing.T) {
	t.Parallel()
	b := installBench(t, nil)
	require.NoError(t, os.MkdirAll(filepath.Dir(b.around.dirs.data), 0o755))
	require.NoError(t, os.WriteFile(b.around.dirs.data, nil, 0o600))
	_, err := b.do(t, "install", "--nats-url", "nats://h", "--start")
	require.ErrorIs(t, err, errOtherKind)
	require.ErrorContains(t, err, b.around.dirs.data)
	require.Empty(t, b.registry.entered)
	require.Empty(t, b.service.calls)
}

// Two install at once: the second must not take the place of what the first wrote.
func TestAConfigurationIsNeverWrittenOver(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "agent.toml")
	first := make(chan error)
	for range 8 {
		go func() { first <- newFile(path, []byte("x")) }()
	}
	made := 0
	for range 8 {
		err := <-first
		if err == nil {
			made++
			continue
		}
		require.ErrorIs(t, err, os.ErrExist)
	}
	require.Equal(t, 1, made)
	require.Equal(t, []string{"agent.toml"}, names(t, dir))
}
