package update

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A program of this name, as Go builds it.
func TestTheStampOfAPlainBuild(t *testing.T) {
	t.Parallel()
	module := t.TempDir()
	path, _, _ := strings.Cut(ProgramPath, "/cmd/")
	folder := filepath.Join(module, "cmd", "kanade-agent")
	require.NoError(t, os.MkdirAll(folder, 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(module, "go.mod"), []byte("module "+path+"\n\ngo 1.26\n"), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(folder, "main.go"), []byte("package main\n\nvar version string\n\nfunc main() { println(version) }\n"), 0o600))
	for flag, want := range map[string]string{"-trimpath=false": "1.5.0", "-trimpath": ""} {
		program := filepath.Join(t.TempDir(), "agent")
		build := exec.CommandContext(t.Context(), "go", "build", flag, "-ldflags", "-s -w -X main.version=1.5.0", "-o", program, "./cmd/kanade-agent")
		build.Dir = module
		out, err := build.CombinedOutput()
		require.NoError(t, err, string(out))
		f, err := os.Open(program)
		require.NoError(t, err)
		version, err := StampOf(f)
		require.NoError(t, f.Close())
		require.NoError(t, err)
		require.Equal(t, want, version, flag)
	}
}
