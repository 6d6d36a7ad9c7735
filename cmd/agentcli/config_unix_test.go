//go:build unix

package agentcli

import (
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A pipe waits for its writer, and a device may never end: neither is a configuration.
func TestNoPipeIsWaitedFor(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	pipe := filepath.Join(dir, "pipe")
	require.NoError(t, syscall.Mkfifo(pipe, 0o600))
	good := writeFile(t, "agent.toml", minimalFile)
	for _, args := range [][]string{
		{"run", "--config", pipe},
		{"selftest", "--config", pipe},
		{"config", "check", "--config", pipe},
		{"config", "show", "--config", "/dev/zero"},
		{"config", "check", "--config", writeFile(t, "agent.toml", "include = ['"+pipe+"']\n")},
		{"config", "check", "--config", good, "--tls-ca", pipe},
		{"config", "check", "--config", good, "--token-file", pipe},
		{"outbox", "ls", "--config", pipe},
		{"status", "--config", pipe},
		{"doctor", "--config", pipe},
	} {
		b := newBench(t, nil)
		said := make(chan string, 1)
		go func() {
			out, err := b.do(t, args...)
			if err != nil {
				out += err.Error()
			}
			said <- out
		}()
		select {
		case out := <-said:
			require.Contains(t, out, "is no regular file", args)
		case <-time.After(time.Minute):
			t.Fatalf("%v waits for a writer", args)
		}
	}
}

func TestAReleaseKeyThatIsAPipe(t *testing.T) {
	t.Parallel()
	pipe := filepath.Join(t.TempDir(), "x.pub")
	require.NoError(t, syscall.Mkfifo(pipe, 0o600))
	read := make(chan error, 1)
	go func() {
		_, err := readPublicKey(pipe)
		read <- err
	}()
	select {
	case err := <-read:
		require.ErrorContains(t, err, "is no regular file")
	case <-time.After(time.Minute):
		t.Fatal("it waits for a writer")
	}
}
