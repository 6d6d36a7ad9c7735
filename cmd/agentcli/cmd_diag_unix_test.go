//go:build unix

package agentcli

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A secret that is a pipe is waited for by whoever opens it: diag does not.
func TestDiagOpensNoPipes(t *testing.T) {
	t.Parallel()
	pipe := filepath.Join(t.TempDir(), "token")
	require.NoError(t, syscall.Mkfifo(pipe, 0o600))
	read := make(chan []string, 1)
	go func() { read <- secretsIn(pipe) }()
	select {
	case lines := <-read:
		require.Empty(t, lines)
	case <-time.After(time.Minute):
		t.Fatal("it waits for a writer")
	}
}

// Who can write into the folder of logs has root pack no file of the host for him.
func TestDiagFollowsNoLinksOfTheLog(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	secret := writeFile(t, "shadow", "cnry-of-root\n")
	require.NoError(t, os.Symlink(secret, filepath.Join(dir, "agent.2026-01-31.log")))
	require.NoError(t, syscall.Mkfifo(filepath.Join(dir, "agent.2026-01-30.log"), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "agent.2026-01-29.log"), []byte("an honest line\n"), 0o600))
	config := writeFile(t, "agent.toml", strings.Replace(minimalFile, "/tmp/kanade", dir, 1))
	b := newBench(t, nil)
	_, files := b.diag(t, "--config", config)
	require.Equal(t, "an honest line\n", files["log.txt"])
	_, err := endOf(filepath.Join(dir, "agent.2026-01-31.log"), 100) // a link that came after the look
	require.ErrorContains(t, err, "escapes")
}
