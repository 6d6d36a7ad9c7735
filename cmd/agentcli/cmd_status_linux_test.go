package agentcli

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/kardianos/service"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/kanade-go/kanade/agent"
)

// A user who may not look into the state folder is told what is known, and what
// to do about the rest.
func TestStatusWithoutTheRightToReadIt(t *testing.T) {
	t.Parallel()
	dir, _, _ := foreground(t)
	b := newBench(t, nil)
	b.service.status = service.StatusRunning
	b.answers(t, ExitUnhealthy, "--data-dir", dir)
	require.Eventually(t, func() bool {
		_, err := os.Stat(filepath.Join(dir, agent.StatusFile))
		return err == nil
	}, time.Minute, 10*time.Millisecond)
	if os.Geteuid() != 0 { // who owns it can be kept out, for this test
		require.NoError(t, os.Chmod(dir, 0))
		defer func() { require.NoError(t, os.Chmod(dir, 0o700)) }()
	}
	done := make(chan struct{})
	var out string
	var err error
	go func() { // the thread ends with the goroutine, and its identity with it
		defer close(done)
		runtime.LockOSThread()
		if os.Geteuid() == 0 {
			if _, err = unix.SetfsuidRetUid(65534); err != nil {
				return
			}
		}
		out, err = b.do(t, "status", "--data-dir", dir)
	}()
	<-done
	require.Equal(t, ExitError, ExitCode(err), "%v\n%s", err, out)
	require.Contains(t, out, "service "+defaultServiceName+" (fake): running\n")
	require.Contains(t, out, "agent: unknown: ")
	require.Contains(t, out, dir)
	require.Contains(t, out, "permission denied; ")
	require.Contains(t, out, "run it as ")
}
