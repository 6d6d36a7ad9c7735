//go:build unix

package agentcli

import (
	"bytes"
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// A disk that hangs, played by a pipe that nobody reads: the system lets nobody open
// it. The agent runs and stops all the same.
func TestAHungLogDiskDoesNotHoldUpTheAgent(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var pipes []string
	for days := range 2 { // midnight may come
		pipe := filepath.Join(dir, "x."+time.Now().UTC().AddDate(0, 0, days).Format(time.DateOnly)+".log")
		require.NoError(t, unix.Mkfifo(pipe, 0o600))
		pipes = append(pipes, pipe)
	}
	b := newBench(t, nil)
	logged := 0
	b.run = func(context.Context) error {
		logged++
		return nil
	}
	out, err := b.do(t, "run", "--nats-url", "nats://127.0.0.1:4222", "--log-file", filepath.Join(dir, "x.log"))
	require.NoError(t, err)
	require.Equal(t, 1, logged)
	require.Contains(t, out, "msg=stopped", "standard output has it all")
	require.Equal(t, 3, linesFrom(t, 3, pipes...), "the goroutine that hangs goes on, and ends")
}

// linesFrom reads pipes until so many lines have come.
func linesFrom(t *testing.T, want int, pipes ...string) (lines int) {
	t.Helper()
	var readers []int
	for _, pipe := range pipes {
		fd, err := unix.Open(pipe, unix.O_RDWR|unix.O_NONBLOCK, 0)
		require.NoError(t, err)
		defer func() { require.NoError(t, unix.Close(fd)) }()
		readers = append(readers, fd)
	}
	var text [4096]byte
	require.Eventually(t, func() bool {
		for _, fd := range readers {
			if n, err := unix.Read(fd, text[:]); err == nil {
				lines += bytes.Count(text[:n], lineEnd)
			}
		}
		return lines >= want
	}, time.Minute, time.Millisecond)
	return lines
}
