package update

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// alive says whether a process does anything yet; a zombie does not.
func alive(pid int) bool {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	_, state, found := strings.Cut(string(data), ") ")
	return err == nil && found && !strings.HasPrefix(state, "Z")
}

// A release that starts something and hangs leaves nothing behind.
func TestWhatAReleaseStartsEndsWithIt(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	noted := filepath.Join(folder, "pid")
	program := filepath.Join(folder, "release")
	require.NoError(t, os.WriteFile(program, fmt.Appendf(nil, "#!/bin/sh\nsleep 3600 &\necho $! >%[1]s.tmp\nmv %[1]s.tmp %[1]s\nwait\n", noted), 0o700))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan error, 1)
	go func() {
		_, err := RunSelfTest(ctx, program, nil, os.Environ())
		ended <- err
	}()
	require.Eventually(t, func() bool { _, err := os.Stat(noted); return err == nil }, time.Minute, 5*time.Millisecond)
	data, err := os.ReadFile(noted)
	require.NoError(t, err)
	pid, err := strconv.Atoi(strings.TrimSpace(string(data)))
	require.NoError(t, err)
	t.Cleanup(func() { _ = syscall.Kill(pid, syscall.SIGKILL) }) // where the test fails
	require.True(t, alive(pid))
	cancel()
	require.ErrorIs(t, <-ended, context.Canceled)
	require.Eventually(t, func() bool { return !alive(pid) }, time.Minute, 5*time.Millisecond)
}

// One that says that all is well, and leaves something running.
func TestWhatAReleaseLeavesBehindIsEnded(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	noted := filepath.Join(folder, "pid")
	program := filepath.Join(folder, "release")
	require.NoError(t, os.WriteFile(program, fmt.Appendf(nil, "#!/bin/sh\nsleep 3600 >/dev/null 2>&1 &\necho $! >%s\necho '{\"version\":\"2\"}'\n", noted), 0o700))
	report, err := RunSelfTest(t.Context(), program, nil, os.Environ())
	require.NoError(t, err)
	require.Equal(t, "2", report.Version)
	data, err := os.ReadFile(noted)
	require.NoError(t, err)
	pid, err := strconv.Atoi(strings.TrimSpace(string(data)))
	require.NoError(t, err)
	t.Cleanup(func() { _ = syscall.Kill(pid, syscall.SIGKILL) }) // where the test fails
	require.Eventually(t, func() bool { return !alive(pid) }, time.Minute, 5*time.Millisecond)
}
