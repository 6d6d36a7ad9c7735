package update

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/windows"
)

// ended says whether a process has ended.
func ended(t *testing.T, pid int) bool {
	t.Helper()
	process, err := windows.OpenProcess(windows.SYNCHRONIZE, false, uint32(pid))
	if errors.Is(err, windows.ERROR_INVALID_PARAMETER) {
		return true
	}
	require.NoError(t, err)
	defer func() { require.NoError(t, windows.CloseHandle(process)) }()
	event, err := windows.WaitForSingleObject(process, 0)
	require.NoError(t, err)
	return event == windows.WAIT_OBJECT_0
}

// A release that starts something and hangs, or ends before it, leaves nothing behind.
func TestWhatAReleaseStartsEndsWithIt(t *testing.T) {
	t.Parallel()
	self, err := os.Executable()
	require.NoError(t, err)
	for _, how := range []string{"hangs", "ends"} {
		noted := filepath.Join(t.TempDir(), "pid")
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		done := make(chan error, 1)
		go func() {
			_, err := RunSelfTest(ctx, self, nil, append(os.Environ(), parentEnv+"="+how+" "+noted))
			done <- err
		}()
		var pid int
		require.Eventually(t, func() bool {
			data, _ := os.ReadFile(noted)
			pid, err = strconv.Atoi(strings.TrimSpace(string(data)))
			return err == nil
		}, time.Minute, 5*time.Millisecond, how)
		if how == "hangs" {
			require.False(t, ended(t, pid))
			cancel()
		}
		require.Error(t, <-done, how)
		require.Eventually(t, func() bool { return ended(t, pid) }, time.Minute, 5*time.Millisecond, how)
	}
}
