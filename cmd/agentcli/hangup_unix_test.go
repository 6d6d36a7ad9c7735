//go:build unix

package agentcli

import (
	"bytes"
	"context"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/term"

	"github.com/kanade-go/kanade/internal/logtest"
)

// A brand that hears signals itself is asked for all of them, and heard.
func TestTheBrandHearsSignals(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	var asked []os.Signal
	stopped := 0
	b.brand.Notify = func(c chan<- os.Signal, signals ...os.Signal) func() {
		if asked = append(asked, signals...); slices.Contains(signals, os.Signal(syscall.SIGTERM)) {
			c <- syscall.SIGTERM
		}
		return func() { stopped++ }
	}
	b.run = func(ctx context.Context) error { <-ctx.Done(); return nil }
	cmd := b.command()
	cmd.SetArgs([]string{"run", "--config", writeFile(t, "agent.toml", minimalFile), "--data-dir", t.TempDir()})
	cmd.SetOut(io.Discard)
	require.NoError(t, cmd.ExecuteContext(t.Context()))
	want, calls := []os.Signal{os.Interrupt, syscall.SIGTERM}, 1
	if !term.IsTerminal(int(os.Stdin.Fd())) && !signal.Ignored(syscall.SIGHUP) {
		want, calls = append([]os.Signal{syscall.SIGHUP}, want...), 2
	}
	require.Equal(t, want, asked)
	require.Equal(t, calls, stopped)
}

// The real signal, through the verb run.
func TestSIGHUPChangesTheLevel(t *testing.T) {
	heard := make(chan os.Signal, 1) // whoever started the tests may have the signal ignored
	signal.Notify(heard, syscall.SIGHUP)
	defer signal.Stop(heard)
	path := writeFile(t, "agent.toml", strings.Replace(minimalFile, "/tmp/kanade", t.TempDir(), 1))
	b := newBench(t, nil)
	var out logtest.Buffer
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
