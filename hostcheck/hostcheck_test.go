package main

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func contents(t *testing.T, path string) map[string]*zip.File {
	t.Helper()
	z, err := zip.OpenReader(path)
	require.NoError(t, err)
	t.Cleanup(func() { _ = z.Close() })
	found := make(map[string]*zip.File)
	for _, f := range z.File {
		if !f.FileInfo().IsDir() {
			found[f.Name] = f
		}
	}
	return found
}

func text(t *testing.T, f *zip.File) []byte {
	t.Helper()
	require.NotNil(t, f)
	in, err := f.Open()
	require.NoError(t, err)
	data, err := io.ReadAll(in)
	require.NoError(t, err)
	return data
}

func buildZip(t *testing.T, args ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "hostcheck.zip")
	var log bytes.Buffer
	require.Equal(t, exitGood, run(t.Context(), append([]string{"-o", path}, args...), &log), log.String())
	return path
}

func TestTheZipHoldsWhatAWindowsMachineNeeds(t *testing.T) {
	t.Parallel()
	found := contents(t, buildZip(t, "-arch", "amd64", "-packages", "./exec,./agent/wire"))
	for _, name := range []string{"hostcheck.exe", "bin/exec.test.exe", "bin/agent-wire.test.exe", "bin/nats-server.exe"} {
		require.True(t, bytes.HasPrefix(text(t, found[name]), []byte("MZ")), "%s is no Windows program", name)
	}
	data, err := os.ReadDir(filepath.Join("..", "agent", "wire", "testdata"))
	require.NoError(t, err)
	for _, entry := range data {
		if !entry.IsDir() {
			require.Contains(t, found, "src/agent/wire/testdata/"+entry.Name())
		}
	}
	start := string(text(t, found["hostcheck.cmd"]))
	require.Contains(t, start, `hostcheck.exe -check . -o hostcheck.json`)
	require.Equal(t, strings.Count(start, "\n"), strings.Count(start, "\r\n"))

	var m manifest
	require.NoError(t, json.Unmarshal(text(t, found[manifestName]), &m))
	require.Equal(t, formatVersion, m.Format)
	require.Equal(t, "windows", m.System)
	require.Equal(t, "amd64", m.Arch)
	require.Equal(t, "bin/nats-server.exe", m.Server)
	wire := sorted(m.Suites)[1]
	require.Equal(t, []suite{
		{Package: "exec", Program: "bin/exec.test.exe", Dir: "src/exec"},
		{Package: "agent/wire", Program: "bin/agent-wire.test.exe", Dir: "src/agent/wire", LeftOut: wire.LeftOut},
	}, sorted(m.Suites))
	require.Len(t, wire.LeftOut, 2, "those that read the source")
	require.Contains(t, found, "src/README.md", "the permissions of the agent are read from it")
	require.Contains(t, string(text(t, found["bin/exec.test.exe"])), "TestHostPowerShellExitCodes", "built without its tag")
}

func sorted(s []suite) []suite {
	slices.SortFunc(s, func(a, b suite) int { return -strings.Compare(a.Package, b.Package) })
	return s
}

// The same, built for this system, is unpacked and runs.
func TestTheZipRuns(t *testing.T) {
	t.Parallel()
	path := buildZip(t, "-os", runtime.GOOS, "-server=false", "-packages", "./outbox/atomicfile,./agent/wire")
	dir := t.TempDir()
	z, err := zip.OpenReader(path)
	require.NoError(t, err)
	require.NoError(t, os.CopyFS(dir, z))
	require.NoError(t, z.Close())
	programs, err := filepath.Glob(filepath.Join(dir, "bin", "*"))
	require.NoError(t, err)
	self, err := filepath.Glob(filepath.Join(dir, "hostcheck*"))
	require.NoError(t, err)
	for _, program := range append(programs, self...) {
		require.NoError(t, os.Chmod(program, 0o700)) // a zip that Windows wrote would not keep it
	}
	cmd := exec.CommandContext(t.Context(), self[0], "-check", dir, "-o", "found.json", "-match", "Golden|Write", "-as-system=false")
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)

	r := readReport(t, filepath.Join(dir, "found.json"))
	require.Equal(t, runtime.GOOS, r.Machine.System)
	require.NotEmpty(t, r.Machine.Version)
	require.Len(t, r.Suites, 2)
	require.Len(t, r.PowerShell, 2)
	require.Empty(t, r.Problems)
	require.Zero(t, r.Totals[failed])
	for _, s := range r.Suites {
		require.Zero(t, s.ExitCode)
		require.NotEmpty(t, s.Tests, s.Package)
		for _, test := range s.Tests {
			require.Equal(t, passed, test.Verdict)
			require.Empty(t, test.Output)
		}
	}
}

func readReport(t *testing.T, path string) report {
	t.Helper()
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	var r report
	require.NoError(t, json.Unmarshal(data, &r))
	require.Equal(t, formatVersion, r.Format)
	return r
}

// The test program is also the tests that a check runs.
func TestMain(m *testing.M) {
	switch os.Getenv("HOSTCHECK_TEST_PLAYS") {
	case "failing":
		_, _ = os.Stdout.WriteString("=== RUN   TestBad\n    says why\n--- FAIL: TestBad (0.00s)\nFAIL\n")
		os.Exit(1)
	case "crashing":
		_, _ = os.Stdout.WriteString("=== RUN   TestDies\n")
		_, _ = os.Stderr.WriteString("panic: it died\n")
		os.Exit(2)
	case "arguments":
		_, _ = os.Stdout.WriteString("=== RUN   TestHostArguments\n" + strings.Join(os.Args[1:], " ") + " " +
			os.Getenv("KANADE_NATS_SERVER") + " " + os.Getenv("KANADE_HOSTCHECK") + "\n--- PASS: TestHostArguments (0.00s)\nPASS\n")
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// played makes a folder whose only tests are this program in a role.
func played(t *testing.T, role string) string {
	t.Helper()
	t.Setenv("HOSTCHECK_TEST_PLAYS", role)
	dir := t.TempDir()
	program, err := os.Executable()
	require.NoError(t, err)
	data, err := os.ReadFile(program)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "it.exe"), data, 0o700))
	m := manifest{Format: formatVersion, Server: "bin/server", Suites: []suite{
		{Package: "played", Program: "it.exe", Dir: ".", LeftOut: []leftOut{{Test: "TestA"}, {Test: "TestB"}}},
	}}
	text, err := json.Marshal(m)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, manifestName), text, 0o600))
	return dir
}

func check(t *testing.T, dir string, args ...string) (int, report) {
	t.Helper()
	out := filepath.Join(t.TempDir(), "report.json")
	var log bytes.Buffer
	code := run(t.Context(), append([]string{"-check", dir, "-o", out, "-as-system=false"}, args...), &log)
	return code, readReport(t, out)
}

func TestAFailureIsReportedWithItsOutput(t *testing.T) {
	code, r := check(t, played(t, "failing"))
	require.Equal(t, exitFailed, code)
	require.Equal(t, []testReport{{Name: "TestBad", Verdict: failed, Output: "    says why\n--- FAIL: TestBad (0.00s)\nFAIL\n"}}, r.Suites[0].Tests)
	require.Equal(t, 1, r.Suites[0].ExitCode)
}

func TestACrashIsReportedWithWhatWasRunning(t *testing.T) {
	code, r := check(t, played(t, "crashing"))
	require.Equal(t, exitFailed, code)
	require.Equal(t, 1, r.Totals[unfinished])
	require.Contains(t, r.Suites[0].Tests[0].Output, "panic: it died")
	require.Equal(t, 2, r.Suites[0].ExitCode)
}

func TestAProgramThatCannotBeStartedIsReported(t *testing.T) {
	dir := played(t, "failing")
	require.NoError(t, os.WriteFile(filepath.Join(dir, "it.exe"), []byte("removed by a scanner"), 0o700))
	code, r := check(t, dir)
	require.Equal(t, exitFailed, code)
	require.NotEmpty(t, r.Suites[0].Error)
	require.Equal(t, -1, r.Suites[0].ExitCode)
}

func TestTestsGetTheirArgumentsAndTheServer(t *testing.T) {
	dir := played(t, "arguments")
	code, r := check(t, dir, "-match", "^TestX", "-limit", "3m")
	require.Equal(t, exitGood, code)
	said := r.Suites[0].Tests[0].Output
	require.Contains(t, said, "-test.v -test.paniconexit0 -test.timeout=3m0s -test.run=^TestX -test.skip=^(TestA|TestB)$ "+filepath.Join(dir, "bin", "server")+" 1\n")
	_, r = check(t, dir, "-only", "other")
	require.Empty(t, r.Suites)
}

func TestWhatCannotBeDoneIsSaid(t *testing.T) {
	empty, old := t.TempDir(), t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(old, manifestName), []byte(`{"format":99}`), 0o600))
	for says, args := range map[string][]string{
		"not defined":       {"-nonsense"},
		"unexpected: extra": {"extra"},
		manifestName:        {"-check", empty},
		"has format 99":     {"-check", old},
		"no tests in":       {"-o", filepath.Join(empty, "x.zip"), "-server=false", "-packages", "./.github/..."},
	} {
		var log bytes.Buffer
		require.Equal(t, exitBroken, run(t.Context(), args, &log), says)
		require.Contains(t, log.String(), says)
	}
	left, err := os.ReadDir(empty)
	require.NoError(t, err)
	require.Empty(t, left)
}
