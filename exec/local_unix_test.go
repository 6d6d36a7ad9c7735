//go:build unix

package exec

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

func TestSignaled(t *testing.T) {
	t.Parallel()
	for _, sig := range []string{"KILL", "TERM", "SEGV"} {
		out := run(t, native("echo before; kill -"+sig+" $$; exit 4"))
		require.Equal(t, EndSignaled, out.End)
		require.Equal(t, -1, out.Code)
		require.Equal(t, "before\n", string(out.Stdout))
	}
}

func TestKillAfterIgnoredTerm(t *testing.T) {
	t.Parallel()
	b := newBoard(t)
	ctx, cancel := context.WithCancel(t.Context())
	s := native("trap '' TERM\n" + helperScript("parent", b.address(), "child", "stubborn", "grandchild"))
	running := start(ctx, t, s, WithKillGrace(200*time.Millisecond))
	peers := b.await("child", "grandchild")
	cancel()
	require.Equal(t, EndCanceled, running.outcome().End)
	for _, p := range peers {
		p.requireGone()
	}
}

// The shell dies of SIGTERM; a child of it that tidies up still has the whole grace.
func TestGraceIsForTheWholeGroup(t *testing.T) {
	t.Parallel()
	b := newBoard(t)
	ctx, cancel := context.WithCancel(t.Context())
	s := native(helperCommand("graceful", b.address(), "child") + " >/dev/null 2>&1\nexit 0")
	running := start(ctx, t, s, WithKillGrace(patience))
	child := b.await("child")[0]
	cancel()
	require.Equal(t, "term", child.line())
	child.requireAlive()
	child.dismiss()
	require.Equal(t, EndCanceled, running.outcome().End)
}

// The shell dies of SIGTERM, its child does not: it is killed when the grace is over.
func TestMemberThatOutlivesTheShellIsKilled(t *testing.T) {
	t.Parallel()
	b := newBoard(t)
	ctx, cancel := context.WithCancel(t.Context())
	s := native(helperCommand("stubborn", b.address(), "child") + " >/dev/null 2>&1\nexit 0")
	running := start(ctx, t, s, WithKillGrace(200*time.Millisecond))
	child := b.await("child")[0]
	cancel()
	require.Equal(t, EndCanceled, running.outcome().End)
	child.requireGone()
}

func TestTermHandlerOfTheScript(t *testing.T) {
	t.Parallel()
	b := newBoard(t)
	ctx, cancel := context.WithCancel(t.Context())
	s := native("trap 'echo tidied; exit 0' TERM\n" + helperCommand("hold", b.address(), "child"))
	running := start(ctx, t, s, WithKillGrace(patience))
	b.await("child")
	cancel()
	out := running.outcome()
	require.Equal(t, EndCanceled, out.End)
	require.Equal(t, -1, out.Code)
	require.Contains(t, string(out.Stdout), "tidied\n")
}

func TestStoppedTreeIsKilled(t *testing.T) {
	t.Parallel()
	b := newBoard(t)
	ctx, cancel := context.WithCancel(t.Context())
	s := native(helperCommand("hold", b.address(), "child") + " &\nkill -STOP $$")
	running := start(ctx, t, s, WithKillGrace(100*time.Millisecond))
	child := b.await("child")[0]
	cancel()
	require.Equal(t, EndCanceled, running.outcome().End)
	child.requireGone()
}

func TestOwnSession(t *testing.T) {
	t.Parallel()
	pid, err := strconv.Atoi(strings.TrimSpace(string(run(t, native("echo $$")).Stdout)))
	require.NoError(t, err)
	out := run(t, native("ps -o sid= -o pgid= -p $$ 2>/dev/null || awk '{print $6, $5}' /proc/$$/stat; echo $$"))
	fields := strings.Fields(string(out.Stdout))
	require.Len(t, fields, 3, "%s", out.Stderr)
	require.Equal(t, fields[2], fields[0])
	require.Equal(t, fields[2], fields[1])
	sid, err := unix.Getsid(0)
	require.NoError(t, err)
	require.NotEqual(t, sid, pid)
}

// A script without pipes is still waited for: its code is known only at its end.
func TestClosedPipesLiveOn(t *testing.T) {
	t.Parallel()
	b := newBoard(t)
	running := start(t.Context(), t, native("exec >&- 2>&-\n"+helperScript("hold", b.address(), "child")))
	child := b.await("child")[0]
	child.requireAlive()
	child.tell("exit 7")
	out := running.outcome()
	require.Equal(t, 7, out.Code)
	require.False(t, out.Incomplete)
}

func TestWriterIsToldWhenReadingStops(t *testing.T) {
	t.Parallel()
	b := newBoard(t)
	running := start(t.Context(), t, native(helperScript("leave", b.address(), "left")), WithDrainGrace(0))
	left := b.await("left")[0]
	require.True(t, running.outcome().Incomplete)
	left.tell("chatter nobody reads this") // again and again: a process that another test forks holds the pipe for a moment, too
	left.requireGone()                     // SIGPIPE
}

func TestShQuoting(t *testing.T) {
	t.Parallel()
	for _, size := range []int{0, shInlineLimit} { // inline and staged
		pad := strings.Repeat("#", size) + "\n"
		out := run(t, Spec{Shell: Sh, Script: pad + helperCommand("report") + ` "$@"`, Args: awkward})
		require.Equal(t, awkward, reportOf(t, out).Args)
		out = run(t, native(pad+helperCommand(append([]string{"report"}, awkward...)...)))
		require.Equal(t, awkward, reportOf(t, out).Args)
	}
}

func TestShTextThatLooksLikeAnOption(t *testing.T) {
	t.Parallel()
	for _, script := range []string{"-x", "--", "-c", "+e"} {
		out := run(t, native(script))
		require.Equal(t, 127, out.Code, "%s: %s", script, out.Stderr) // command not found
	}
}

func TestShInlineLimit(t *testing.T) {
	t.Parallel()
	staging := filepath.Join(t.TempDir(), "staging")
	script := func(size int) string { return strings.Repeat(" ", size-4) + "echo" }
	require.Zero(t, run(t, native(script(shInlineLimit)), WithStagingDir(staging)).Code)
	require.NoDirExists(t, staging)
	require.Zero(t, run(t, native(script(shInlineLimit+1)), WithStagingDir(staging)).Code)
	requireEmptyDir(t, staging)
}

func TestShStagedFileIsPrivate(t *testing.T) {
	fakeOnPath(t, "sh")
	staging := t.TempDir()
	body := strings.Repeat("x", shInlineLimit+1)
	got := look(t, Spec{Shell: Sh, Script: body, Args: awkward}, WithStagingDir(staging))
	require.Equal(t, awkward, got.Args[1:])
	require.Len(t, got.Files, 1)
	require.Equal(t, body, got.Files[got.Args[0]].Body)
	require.Regexp(t, `^`+staging+`/kanade-agent-[0-9a-f]{32}/kanade-[0-9a-f]{32}\.sh$`, got.Args[0])
	requirePrivate(t, got)
	requireEmptyDir(t, staging)

	got = look(t, Spec{Shell: Sh, Script: "x y", Args: awkward})
	require.Equal(t, append([]string{"-c", "--", "x y", "sh"}, awkward...), got.Args)
}

func TestCleanStagingOfAFile(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	_, err := NewLocal(WithStagingDir(file)).CleanStaging(0)
	require.ErrorContains(t, err, "exec: clean staging: ")
	require.ErrorIs(t, err, syscall.ENOTDIR)
}

func TestShOwnFile(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "-a 'b' \"ä\"")
	require.NoError(t, os.Mkdir(dir, 0o700))
	file := filepath.Join(dir, "-s 日本")
	require.NoError(t, os.WriteFile(file, []byte(helperCommand("report")+` "$@"`), 0o600))
	for _, s := range []Spec{
		{Shell: Sh, File: file, Args: awkward},
		{Shell: Sh, File: "-s 日本", Dir: dir, Args: awkward},
	} {
		require.Equal(t, awkward, reportOf(t, run(t, s)).Args)
	}
}

func TestCmdElsewhere(t *testing.T) {
	fakeOnPath(t, "cmd")
	staging := t.TempDir()
	const lines = "echo \"one\"\necho 'two' 日本"
	got := look(t, Spec{Shell: Cmd, Script: lines + "\n", Args: awkward})
	require.Equal(t, append([]string{"/C", lines}, awkward...), got.Args)

	long := strings.Repeat("rem\n", shInlineLimit/4+1)
	got = look(t, Spec{Shell: Cmd, Script: long, Args: awkward}, WithStagingDir(staging))
	require.Equal(t, "/C", got.Args[0])
	require.Equal(t, awkward, got.Args[2:])
	require.Regexp(t, `/kanade-[0-9a-f]{32}\.cmd$`, got.Args[1])
	require.Equal(t, "@echo off\r\n"+strings.ReplaceAll(long, "\n", "\r\n"), got.Files[got.Args[1]].Body)
	requirePrivate(t, got)
	requireEmptyDir(t, staging)
}

// Not parallel: it counts what the whole process holds.
func TestNothingIsLeft(t *testing.T) {
	staging := t.TempDir()
	run(t, native("exit 0")) // what this process opens once is open now
	before := openFiles(t)
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	for range 20 {
		run(t, native("exit 1"))
		run(t, native("kill -9 $$"))
		run(t, native("echo x;"+strings.Repeat(" ", shInlineLimit)), WithStagingDir(staging))
		_, err := NewLocal().Run(canceled, native("exit 0"))
		require.NoError(t, err)
		s := native("sleep 1000")
		s.Timeout = time.Millisecond
		require.Equal(t, EndTimeout, run(t, s).End)
		_, err = NewLocal().Run(t.Context(), Spec{Shell: Sh, Args: []string{strings.Repeat("x", 4<<20)}})
		require.ErrorIs(t, err, syscall.E2BIG)
	}
	require.Equal(t, before, openFiles(t))
	requireEmptyDir(t, staging)
	err := waitAny()
	require.ErrorIs(t, err, unix.ECHILD, "a child was not waited for")
}

func waitAny() error {
	_, err := unix.Wait4(-1, nil, unix.WNOHANG, nil)
	return err
}

func openFiles(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/dev/fd")
	require.NoError(t, err)
	return len(entries)
}
