package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// binary is the program under test, built once.
var binary string

func TestMain(m *testing.M) {
	os.Exit(testMain(m))
}

func testMain(m *testing.M) int {
	dir, err := os.MkdirTemp("", "kanade-agent-test")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }() // a temp folder
	binary = filepath.Join(dir, "kanade-agent")
	if runtime.GOOS == "windows" {
		binary += ".exe"
	}
	build := exec.Command("go", "build", "-ldflags", "-X main.version=9.8.7", "-o", binary, ".")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "%v\n%s", err, out)
		return 1
	}
	return m.Run()
}

// environment is that of this process without anything that configures an agent,
// and without the place for local clients, of which a host has one.
func environment(extra ...string) []string {
	env := []string{"KANADE_KLP=off"}
	for _, entry := range os.Environ() {
		if !strings.HasPrefix(entry, "KANADE_") && !strings.HasPrefix(entry, "RUST_LOG=") {
			env = append(env, entry)
		}
	}
	return append(env, extra...)
}

// run runs the program to its end.
func run(t *testing.T, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), binary, args...)
	cmd.Env = environment()
	var out, errs strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &errs
	code = exitCode(t, cmd.Run())
	return out.String(), errs.String(), code
}

func exitCode(t *testing.T, err error) int {
	t.Helper()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return exit.ExitCode()
	}
	require.NoError(t, err)
	return 0
}

func writeConfig(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "agent.toml")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

func TestVersion(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"version"}, {"--version"}} {
		out, errs, code := run(t, args...)
		require.Equal(t, "kanade-agent 9.8.7\n", out)
		require.Empty(t, errs)
		require.Zero(t, code)
	}
}

func TestErrorsAreOneLine(t *testing.T) {
	t.Parallel()
	broken := writeConfig(t, "[agent]\nid = \n")
	locked := writeConfig(t, "")
	for name, tc := range map[string]struct {
		args []string
		want string
		code int
	}{
		"broken TOML":  {[]string{"--config", broken}, broken + ":2:6: ", 1},
		"missing file": {[]string{"run", "--config", filepath.Join(t.TempDir(), "none.toml")}, "config file: open ", 1},
		"bad id":       {[]string{"--nats-url", "nats://127.0.0.1:1", "--id", "a *"}, `id "a *"`, 1},
		"data dir":     {[]string{"--nats-url", "nats://127.0.0.1:1", "--id", "a", "--data-dir", locked}, locked, 1},
		"several":      {[]string{"--nats-url", "ftp://h", "--id", "a *"}, `unknown scheme "ftp"`, 1},
		"unknown flag": {[]string{"--colour"}, "unknown flag: --colour", 2},
		"unknown verb": {[]string{"uninstal"}, `did you mean uninstall`, 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, errs, code := run(t, tc.args...)
			require.Equal(t, tc.code, code, errs)
			require.True(t, strings.HasPrefix(errs, "kanade-agent: "), errs)
			require.Contains(t, errs, tc.want)
			require.Equal(t, 1, strings.Count(errs, "\n"), errs)
			require.True(t, strings.HasSuffix(errs, "\n"), errs)
		})
	}
}

// Linking the engine of text/template switches off the linker's removal of
// unused methods, which makes the program a third larger. The package itself
// is in the build list through cobra, which only needs it for templates that
// we do not set.
func TestTemplateEngineIsNotLinked(t *testing.T) {
	t.Parallel()
	out, err := exec.CommandContext(t.Context(), "go", "tool", "nm", binary).Output()
	require.NoError(t, err)
	symbols := string(out)
	require.Contains(t, symbols, "cobra.(*Command).ExecuteC", "the symbols are there")
	for _, engine := range []string{"text/template.(*Template).Execute", "text/template.(*state).walk", "html/template.", "reflect.Value.MethodByName"} {
		require.NotContains(t, symbols, engine)
	}
}
