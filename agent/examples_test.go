package agent_test

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// The examples are a module of their own, so that nats-server stays out of an
// integrator's build. Here they join the tests of the root.
func TestExamplesDoWhatTheySay(t *testing.T) {
	t.Parallel()
	examples := filepath.Join("..", "examples")
	watch(t, examples)
	watch(t, "agenttest")
	runGo(t, examples, "vet", "./...")
	runGo(t, examples, "test", "-count=1", "-timeout=9m", "./...")
}

func runGo(t *testing.T, dir string, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOWORK=off")
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%v in %s:\n%s", cmd.Args, dir, out)
}

// watch reads a folder and what is below it: the go command caches a test's
// outcome until a file that the test itself has looked at changes.
func watch(t *testing.T, dir string) {
	t.Helper()
	require.NoError(t, filepath.WalkDir(dir, func(_ string, _ fs.DirEntry, err error) error { return err }))
}
