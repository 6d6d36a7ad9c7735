//go:build unix

package inventory

import (
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// What a child starts ends with it, also when it holds the child's output open.
func TestWhatAChildStartsEndsWithIt(t *testing.T) {
	file := t.TempDir() + "/pid"
	i := child(t, "forks")
	i.Env = append(i.Env, "INVENTORY_TEST_FILE="+file)
	_, err := i.Collect(t.Context())
	require.NoError(t, err)
	data, err := os.ReadFile(file)
	require.NoError(t, err)
	pid, err := strconv.Atoi(strings.TrimSpace(string(data)))
	require.NoError(t, err)
	require.Eventually(t, func() bool { return syscall.Kill(pid, 0) != nil || zombie(pid) }, 30*time.Second, 10*time.Millisecond)
}

// zombie: it has ended, and nobody has asked how.
func zombie(pid int) bool {
	data, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	return err != nil || strings.Contains(string(data), ") Z ")
}

// A child that somebody kills is collected again, section by section.
func TestAChildThatIsKilled(t *testing.T) {
	host, err := child(t, "killed").Collect(t.Context())
	require.Contains(t, failures(err)["odd"], "signal: killed")
	require.Len(t, failures(err), 1)
	require.NotNil(t, host.Section("a"))
	require.NotNil(t, host.Section("b"))
}
