//go:build unix

package agentcli

import (
	"bytes"
	"context"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The real signal, through the verb run.
func TestSIGHUPChangesTheLevel(t *testing.T) {
	heard := make(chan os.Signal, 1) // whoever started the tests may have the signal ignored
	signal.Notify(heard, syscall.SIGHUP)
	defer signal.Stop(heard)
	path := writeFile(t, "agent.toml", strings.Replace(minimalFile, "/tmp/kanade", t.TempDir(), 1))
	b := newBench(t, nil)
	var out sharedBuffer
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	b.run = func(ctx context.Context) error {
		err := os.WriteFile(path, bytes.ReplaceAll([]byte(minimalFile), []byte("'warn'"), []byte("'debug'")), 0o600)
		if err == nil {
			err = syscall.Kill(os.Getpid(), syscall.SIGHUP)
		}
		<-ctx.Done()
		return err
	}
	cmd := b.command()
	cmd.SetArgs([]string{"run", "--config", path})
	cmd.SetOut(&out)
	ended := make(chan error, 1)
	go func() { ended <- cmd.ExecuteContext(ctx) }()
	require.Eventually(t, func() bool { return strings.Contains(out.String(), "from=warn to=debug") }, 30*time.Second, 5*time.Millisecond)
	cancel()
	require.NoError(t, <-ended)
}
