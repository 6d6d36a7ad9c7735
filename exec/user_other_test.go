//go:build !windows

package exec

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestOnlyWindowsRunsAsOthers(t *testing.T) {
	t.Parallel()
	for as, name := range map[As]string{AsUser: "user", AsSystemGUI: "system_gui", 7: "unknown"} {
		s := native("echo no")
		s.As = as
		out, err := NewLocal().Run(t.Context(), s)
		require.ErrorIs(t, err, errors.ErrUnsupported)
		require.ErrorContains(t, err, "run as "+name+": ")
		require.Equal(t, Outcome{}, out)
	}
}

func TestOnlyWindowsExpandsTheDirectory(t *testing.T) {
	t.Setenv("EXEC_TEST_DIR", t.TempDir())
	for _, dir := range []string{"~", "%EXEC_TEST_DIR%"} {
		s := native("pwd")
		s.Dir, s.ExpandDir = dir, true
		_, err := NewLocal().Run(t.Context(), s)
		require.ErrorContains(t, err, "working directory: ")
		require.ErrorContains(t, err, dir)
	}
}
