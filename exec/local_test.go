package exec

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func run(t *testing.T, s Spec, opts ...Option) Outcome {
	t.Helper()
	out, err := NewLocal(opts...).Run(t.Context(), s)
	require.NoError(t, err)
	return out
}

func start(ctx context.Context, t *testing.T, s Spec, opts ...Option) *started {
	t.Helper()
	running := &started{t: t, done: make(chan result, 1)}
	go func() {
		out, err := NewLocal(opts...).Run(ctx, s)
		running.done <- result{out, err}
	}()
	return running
}

func native(script string) Spec { return Spec{Shell: nativeShell, Script: script} }

func TestRunExitCode(t *testing.T) {
	t.Parallel()
	for _, code := range []int{0, 1, 3, 121, 255} {
		out := run(t, native("exit "+strconv.Itoa(code)))
		require.Equal(t, EndExited, out.End)
		require.Equal(t, code, out.Code)
		require.False(t, out.Truncated)
		require.False(t, out.Incomplete)
		require.Empty(t, out.Stdout)
		require.False(t, out.Started.After(out.Finished))
	}
}

func TestRunEmptyScript(t *testing.T) {
	t.Parallel()
	require.Zero(t, run(t, native("")).Code)
}

func TestRunBothStreams(t *testing.T) {
	t.Parallel()
	out := run(t, native(helperScript("print", "to out", "to err")))
	require.Equal(t, "to out", string(out.Stdout))
	require.Equal(t, "to err", string(out.Stderr))
}

func reportOf(t *testing.T, out Outcome) report {
	t.Helper()
	require.Zero(t, out.Code, "%s", out.Stderr)
	var r report
	require.NoError(t, json.Unmarshal(out.Stdout, &r), "%s", out.Stdout)
	return r
}

func TestRunStdinIsNull(t *testing.T) {
	t.Parallel()
	require.Empty(t, reportOf(t, run(t, native(helperScript("report")))).Stdin)
}

func TestRunDir(t *testing.T) {
	t.Parallel()
	want, err := filepath.EvalSymlinks(t.TempDir())
	require.NoError(t, err)
	s := native(helperScript("report"))
	s.Dir = want
	got, err := filepath.EvalSymlinks(reportOf(t, run(t, s)).Dir)
	require.NoError(t, err)
	require.Equal(t, want, got)
}

func TestRunEnv(t *testing.T) {
	t.Setenv("EXEC_TEST_INHERITED", "yes")
	s := native(helperScript("report"))
	require.Contains(t, reportOf(t, run(t, s)).Env, "EXEC_TEST_INHERITED=yes")

	s.Env = []string{"EXEC_TEST_OWN=ä 'b' \"c\""}
	env := reportOf(t, run(t, s)).Env
	require.Contains(t, env, "EXEC_TEST_OWN=ä 'b' \"c\"")
	require.NotContains(t, env, "EXEC_TEST_INHERITED=yes")

	s.Env = []string{}
	require.NotContains(t, reportOf(t, run(t, s)).Env, "EXEC_TEST_INHERITED=yes")
}

func TestRunRefuses(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	gone := filepath.Join(t.TempDir(), "gone")
	tests := []struct {
		name string
		spec Spec
		is   error
		says string
	}{
		{"unknown shell", Spec{Shell: "fish"}, ErrUnknownShell, `exec: run "fish": unknown shell`},
		{"no shell", Spec{}, ErrUnknownShell, `exec: run "": unknown shell`},
		{"path as shell", Spec{Shell: "/bin/sh"}, ErrUnknownShell, "unknown shell"},
		{"script and file", Spec{Shell: nativeShell, Script: "x", File: "y"}, ErrInvalidSpec, "both"},
		{"negative timeout", Spec{Shell: nativeShell, Timeout: -1}, ErrInvalidSpec, "negative timeout -1ns"},
		{"negative limit", Spec{Shell: nativeShell, MaxOutput: -1}, ErrInvalidSpec, "negative output limit -1"},
		{"negative CPU limit", Spec{Shell: nativeShell, Limits: Limits{CPU: -1}}, ErrInvalidSpec, "negative CPU limit -1ns"},
		{"negative memory limit", Spec{Shell: nativeShell, Limits: Limits{Memory: -1}}, ErrInvalidSpec, "negative memory limit -1"},
		{"negative process limit", Spec{Shell: nativeShell, Limits: Limits{Processes: -1}}, ErrInvalidSpec, "negative process limit -1"},
		{"NUL in script", Spec{Shell: nativeShell, Script: "echo \x00"}, ErrInvalidSpec, "NUL byte in the script"},
		{"NUL in argument", Spec{Shell: nativeShell, Args: []string{"a", "\x00"}}, ErrInvalidSpec, "NUL byte in an argument"},
		{"NUL in environment", Spec{Shell: nativeShell, Env: []string{"A=\x00"}}, ErrInvalidSpec, "NUL byte in the environment"},
		{"NUL in file", Spec{Shell: nativeShell, File: "a\x00"}, ErrInvalidSpec, "NUL byte in the file name"},
		{"NUL in folder", Spec{Shell: nativeShell, Dir: "a\x00"}, ErrInvalidSpec, "NUL byte in the working directory"},
		{"missing folder", Spec{Shell: nativeShell, Dir: gone}, os.ErrNotExist, gone},
		{"folder is a file", Spec{Shell: nativeShell, Dir: file}, nil, "working directory: " + file + " is not a directory"},
		{"missing file", Spec{Shell: nativeShell, File: gone}, os.ErrNotExist, "script file: "},
		{"file is a folder", Spec{Shell: nativeShell, File: t.TempDir()}, ErrInvalidSpec, "not a regular file"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			out, err := NewLocal().Run(t.Context(), tt.spec)
			require.ErrorContains(t, err, tt.says)
			require.NotContains(t, err.Error(), "\x00")
			if tt.is != nil {
				require.ErrorIs(t, err, tt.is)
			}
			require.Equal(t, Outcome{}, out)
		})
	}
}

func TestShellNotFound(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	for _, s := range []Shell{Sh, Pwsh, PowerShell, Cmd} {
		_, err := NewLocal().Find(s)
		require.ErrorIs(t, err, ErrShellNotFound)
		_, err = NewLocal().Run(t.Context(), Spec{Shell: s, Script: "exit 0"})
		require.ErrorIs(t, err, ErrShellNotFound)
		require.ErrorContains(t, err, fmt.Sprintf("exec: run %q: shell not found: no %s", s, s))
	}
	_, err := NewLocal().Find("csh")
	require.ErrorIs(t, err, ErrUnknownShell)
}

func TestTimeoutKillsTree(t *testing.T) {
	t.Parallel()
	b := newBoard(t)
	s := native(helperScript("parent", b.address(), "child", "hold", "grandchild"))
	// On a busy machine the two may not be up when the time is over.
	for s.Timeout = 500 * time.Millisecond; s.Timeout < patience; s.Timeout *= 4 {
		out := run(t, s)
		require.Equal(t, EndTimeout, out.End)
		require.Equal(t, -1, out.Code)
		require.False(t, out.Incomplete)
		if peers := b.arrived(2); len(peers) == 2 {
			for _, p := range peers {
				p.requireGone()
			}
			return
		}
	}
	require.Fail(t, "the processes did not come up")
}

func TestCancelKillsTree(t *testing.T) {
	t.Parallel()
	b := newBoard(t)
	ctx, cancel := context.WithCancel(t.Context())
	running := start(ctx, t, native(helperScript("parent", b.address(), "child", "hold", "grandchild")))
	peers := b.await("child", "grandchild")
	cancel()
	out := running.outcome()
	require.Equal(t, EndCanceled, out.End)
	require.Equal(t, -1, out.Code)
	for _, p := range peers {
		p.requireGone()
	}
}

func TestOutputBeforeKillIsKept(t *testing.T) {
	t.Parallel()
	b := newBoard(t)
	ctx, cancel := context.WithCancel(t.Context())
	running := start(ctx, t, native(helperScript("hold", b.address(), "child")))
	child := b.await("child")[0]
	child.tell("print so far")
	child.requireAlive() // it printed before it answers
	cancel()
	require.Equal(t, "so far", string(running.outcome().Stdout))
}

func TestCanceledBeforeStart(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	file := filepath.Join(t.TempDir(), "ran")
	out, err := NewLocal().Run(ctx, native("echo ran >"+file))
	require.NoError(t, err)
	require.Equal(t, EndCanceled, out.End)
	require.Equal(t, -1, out.Code)
	require.Equal(t, out.Started, out.Finished)
	require.NoFileExists(t, file)
}

// The deadline of the context and that of the Spec are told apart.
func TestContextDeadlineIsCanceled(t *testing.T) {
	t.Parallel()
	b := newBoard(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	s := native(helperScript("hold", b.address(), "child"))
	s.Timeout = time.Hour
	require.Equal(t, EndCanceled, start(ctx, t, s).outcome().End)
}

// At every moment of a run's life: it ends, and says one of two things.
func TestCancelAtAnyMoment(t *testing.T) {
	t.Parallel()
	for i := range 40 {
		ctx, cancel := context.WithTimeout(t.Context(), time.Duration(i)*100*time.Microsecond)
		out, err := NewLocal().Run(ctx, native("exit 3"))
		cancel()
		require.NoError(t, err)
		if out.End == EndExited {
			require.Equal(t, 3, out.Code)
		} else {
			require.Equal(t, EndCanceled, out.End)
			require.Equal(t, -1, out.Code)
		}
	}
}

// Not parallel: it looks at what the whole process allocates.
func TestHugeOutputIsBounded(t *testing.T) {
	const written, kept = 200 << 20, 1 << 20
	s := native(helperScript("spew", strconv.Itoa(written)))
	s.MaxOutput = kept
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	out := run(t, s)
	runtime.ReadMemStats(&after)
	require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(8*kept))
	require.True(t, out.Truncated)
	marker := fmt.Sprintf("\n[... %d of %d bytes left out ...]\n", written-kept, written)
	for _, stream := range [][]byte{out.Stdout, out.Stderr} {
		require.Len(t, stream, kept+len(marker))
		head, tail, found := strings.Cut(string(stream), marker)
		require.True(t, found)
		require.Len(t, head, kept/3*2)
		require.True(t, strings.HasPrefix(head, "0123456789abcdef0123"))
		require.True(t, strings.HasSuffix(tail, "cdef0123456789abcdef"))
	}
}

func TestOutputAtTheLimitIsWhole(t *testing.T) {
	t.Parallel()
	s := native(helperScript("spew", "100000"))
	out := run(t, s, WithMaxOutput(100_000))
	require.False(t, out.Truncated)
	require.Len(t, out.Stdout, 100_000)
	out = run(t, s, WithMaxOutput(99_999))
	require.True(t, out.Truncated)
}

func TestConcurrentRuns(t *testing.T) {
	t.Parallel()
	local := NewLocal()
	var all sync.WaitGroup
	for i := range 100 {
		all.Go(func() {
			out, err := local.Run(t.Context(), native(fmt.Sprintf("echo %d&&exit %d", i, i)))
			if err != nil || out.Code != i || strings.TrimSpace(string(out.Stdout)) != strconv.Itoa(i) {
				t.Errorf("run %d: %v, %+v", i, err, out)
			}
		})
	}
	all.Wait()
}

func TestTimeoutThatDoesNotPass(t *testing.T) {
	t.Parallel()
	s := native("exit 5")
	for _, d := range []time.Duration{0, time.Hour, 1<<63 - 1} {
		s.Timeout = d
		out := run(t, s)
		require.Equal(t, EndExited, out.End)
		require.Equal(t, 5, out.Code)
	}
}

func TestTimeoutOfOneNanosecond(t *testing.T) {
	t.Parallel()
	b := newBoard(t)
	s := native(helperScript("hold", b.address(), "child"))
	s.Timeout = 1
	require.Equal(t, EndTimeout, start(t.Context(), t, s).outcome().End)
}

func TestScriptOfTenMiB(t *testing.T) {
	t.Parallel()
	staging := t.TempDir()
	comment := map[Shell]string{Sh: "# ", Cmd: "rem "}[nativeShell]
	line := comment + strings.Repeat("x", 4000) + "\n"
	script := strings.Repeat(line, 10<<20/len(line)+1) + "echo the end\nexit 9\n"
	out := run(t, native(script), WithStagingDir(staging))
	require.Equal(t, 9, out.Code, "%s", out.Stderr)
	require.Equal(t, "the end", strings.TrimSpace(string(out.Stdout)))
	requireEmptyDir(t, staging)
}

func requireEmptyDir(t *testing.T, dir string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, entries)
}

func TestStagingFails(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	long := "echo\n" + strings.Repeat(" ", shInlineLimit)
	_, err := NewLocal(WithStagingDir(file)).Run(t.Context(), native(long))
	require.ErrorContains(t, err, "stage script: ")
	require.ErrorContains(t, err, file)
}

func TestEndString(t *testing.T) {
	t.Parallel()
	require.Equal(t, "exited signaled timeout canceled limit unknown unknown",
		fmt.Sprint(EndExited, " ", EndSignaled, " ", EndTimeout, " ", EndCanceled, " ", EndLimit, " ", End(5), " ", End(-1)))
}

func TestRunnerFunc(t *testing.T) {
	t.Parallel()
	var r Runner = RunnerFunc(func(_ context.Context, s Spec) (Outcome, error) {
		return Outcome{Stdout: []byte(s.Script)}, nil
	})
	out, err := r.Run(t.Context(), Spec{Script: "x"})
	require.NoError(t, err)
	require.Equal(t, "x", string(out.Stdout))
}
