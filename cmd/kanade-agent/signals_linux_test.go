//go:build amd64 || arm64

package main

import (
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// The threads of os/signal are half of those of an agent at rest.
func TestSignalsAreHeardWithoutThreads(t *testing.T) {
	heard := make(chan os.Signal, 1) // whoever started the tests may have the signals ignored
	signal.Notify(heard, os.Interrupt, syscall.SIGHUP, syscall.SIGQUIT)
	defer signal.Stop(heard)
	dir := t.TempDir()
	p := start(t, nil, "run", "--nats-url", "nats://127.0.0.1:1", "--id", "x", "--data-dir", filepath.Join(dir, "data"),
		"--klp", filepath.Join(dir, "klp"), "--log-file", filepath.Join(dir, "agent.log"))
	p.waitFor(t, "agent starts")
	require.NoError(t, p.Process.Signal(syscall.SIGQUIT)) // tells what all goroutines do
	require.NotZero(t, p.end(t))
	require.Contains(t, p.stderr.String(), "selfpipe.(*pipe).relay")
	require.NotContains(t, p.stderr.String(), "os/signal.loop")
}
