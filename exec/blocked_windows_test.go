package exec

import (
	"fmt"
	"os"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/windows"
)

func TestStartFailed(t *testing.T) {
	t.Parallel()
	for _, errno := range policyErrors {
		err := startFailed(fmt.Errorf("x: %w", &os.PathError{Op: "fork/exec", Path: "p", Err: errno}))
		require.ErrorIs(t, err, ErrBlocked)
		require.ErrorIs(t, err, errno)
		require.ErrorIs(t, removed(errno), ErrScriptRemoved)
	}
	for _, errno := range []syscall.Errno{windows.ERROR_FILE_NOT_FOUND, windows.ERROR_BAD_EXE_FORMAT, windows.ERROR_NOT_ENOUGH_MEMORY} {
		require.NotErrorIs(t, startFailed(errno), ErrBlocked)
	}
	require.NotErrorIs(t, removed(windows.ERROR_DISK_CORRUPT), ErrScriptRemoved)
}
