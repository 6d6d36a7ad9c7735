package exec

import (
	"context"
	"fmt"
	"os"
	osexec "os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// Children of timeout(1) and jobs of an interactive shell lead process groups of their own in the session.
func TestOtherGroupsAreKilled(t *testing.T) {
	t.Parallel()
	child := []string{"parent", "", "child", "stubborn", "grandchild"}
	apart := append([]string{"apart"}, child...)
	for how, words := range map[string][]string{"%s &\nwait": apart, "timeout 1000 %s": child, "((%s &) & wait)": apart} {
		b := newBoard(t)
		words[len(words)-4] = b.address()
		ctx, cancel := context.WithCancel(t.Context())
		s := native(fmt.Sprintf(how, helperCommand(words...)) + "\nsleep 1000\n")
		running := start(ctx, t, s, WithKillGrace(100*time.Millisecond), WithDrainGrace(patience))
		peers := b.await("child", "grandchild")
		cancel()
		out := running.outcome()
		require.Equal(t, EndCanceled, out.End)
		require.False(t, out.Incomplete, how)
		for _, p := range peers {
			p.requireGone()
		}
	}
}

// They are asked first, as the group is.
func TestOtherGroupsGetTheGrace(t *testing.T) {
	t.Parallel()
	b := newBoard(t)
	ctx, cancel := context.WithCancel(t.Context())
	s := native(helperCommand("apart", "graceful", b.address(), "child") + " >/dev/null 2>&1 &\nwait\n")
	running := start(ctx, t, s, WithKillGrace(patience))
	child := b.await("child")[0]
	cancel()
	require.Equal(t, "term", child.line())
	child.dismiss()
	require.Equal(t, EndCanceled, running.outcome().End)
}

// Where a process cannot be held while it is looked at, it is signalled all the same; one that has gone is not.
func TestMembersThatCannotBeHeld(t *testing.T) {
	t.Parallel()
	cmd := osexec.Command("sleep", "60")
	cmd.SysProcAttr = sessionAttr()
	require.NoError(t, cmd.Start())
	p, ok := readStat(cmd.Process.Pid)
	require.True(t, ok)
	answer := func(err error) func(int, int) (int, error) { return func(int, int) (int, error) { return -1, err } }
	signalMember(p, unix.SIGKILL, answer(unix.ESRCH))
	other := p
	other.session++
	signalMember(other, unix.SIGKILL, answer(unix.ENOSYS))
	signalMember(p, unix.SIGTERM, answer(unix.ENOSYS))
	require.ErrorContains(t, cmd.Wait(), "signal: terminated")
}

// A double fork loses its parent, not its session.
func TestDoubleForkIsKilled(t *testing.T) {
	t.Parallel()
	b := newBoard(t)
	ctx, cancel := context.WithCancel(t.Context())
	s := native("( ( " + helperCommand("stubborn", b.address(), "orphan") + " & ) & )\nsleep 1000\n")
	running := start(ctx, t, s, WithKillGrace(100*time.Millisecond), WithDrainGrace(patience))
	orphan := b.await("orphan")[0]
	cancel()
	require.False(t, running.outcome().Incomplete)
	orphan.requireGone()
}

// This is the limit that doc.go names: a session of its own is out of reach without a cgroup.
func TestAnotherSessionIsOutOfReach(t *testing.T) {
	t.Parallel()
	b := newBoard(t)
	ctx, cancel := context.WithCancel(t.Context())
	s := native("setsid " + helperCommand("hold", b.address(), "daemon") + " &\nsleep 1000\n")
	running := start(ctx, t, s, WithKillGrace(0), WithDrainGrace(50*time.Millisecond))
	daemon := b.await("daemon")[0]
	cancel()
	out := running.outcome()
	require.Equal(t, EndCanceled, out.End)
	require.True(t, out.Incomplete) // it does not delay the result
	daemon.requireAlive()
	daemon.dismiss()
}

// The end of the script is what counts: a kill that comes while its output is still read changes nothing.
func TestCancelDuringDrain(t *testing.T) {
	t.Parallel()
	b := newBoard(t)
	ctx, cancel := context.WithCancel(t.Context())
	s := native("echo $$\n" + helperScript("leave", b.address(), "left"))
	s.Tail = &Tail{}
	running := start(ctx, t, s, WithDrainGrace(patience))
	left := b.await("left")[0]
	require.Eventually(t, func() bool {
		shell, err := strconv.Atoi(strings.TrimSpace(string(s.Tail.Snapshot().Stdout))) // what has been read so far
		if err != nil {
			return false
		}
		_, there := readStat(shell)
		return !there
	}, patience, time.Millisecond)
	cancel()
	left.requireAlive()
	left.tell("print late")
	left.dismiss()
	out := running.outcome()
	require.Equal(t, EndExited, out.End)
	require.Contains(t, string(out.Stdout), "late")
	require.False(t, out.Incomplete)
}

func Test500ScriptsAtOnce(t *testing.T) {
	t.Parallel()
	local := NewLocal(WithStagingDir(t.TempDir()))
	var all sync.WaitGroup
	for i := range 500 {
		all.Go(func() {
			script := fmt.Sprintf("echo %d; sleep 0.5; exit %d", i, i%200)
			if i%2 == 0 {
				script = longScript() + script // staged
			}
			out, err := local.Run(t.Context(), native(script))
			if err != nil || out.Code != i%200 || string(out.Stdout) != fmt.Sprintln(i) {
				t.Errorf("run %d: %v, %s %d %q %q", i, err, out.End, out.Code, out.Stdout, out.Stderr)
			}
		})
	}
	all.Wait()
}

// Quotes and Unicode in every position, through each shell that serves as sh here.
func TestEveryPositionThroughEveryShell(t *testing.T) {
	const name = "it's \"q\" $x `y` \\ % * ä 日本 🙂"
	var programs []string
	for _, shell := range []string{"dash", "bash"} {
		program, err := osexec.LookPath(shell)
		require.NoError(t, err)
		programs = append(programs, program)
	}
	for _, program := range programs {
		bin := t.TempDir()
		require.NoError(t, os.Symlink(program, filepath.Join(bin, "sh")))
		t.Setenv("PATH", bin)
		dir := filepath.Join(t.TempDir(), name)
		require.NoError(t, os.Mkdir(dir, 0o700))
		text := helperCommand("report", name, "x\ny") + ` "$@"`
		file := filepath.Join(dir, name+".sh")
		require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
		s := Spec{Shell: Sh, Dir: dir, Env: []string{"A=" + name}, Args: awkward}
		for _, s.Script = range []string{text, longScript() + text} {
			requireWhole(t, s, name)
		}
		s.Script, s.File = "", file
		requireWhole(t, s, name)
		s.File = filepath.Base(file)
		requireWhole(t, s, name)
		require.Equal(t, "ä 日本 🙂\n", string(run(t, Spec{Shell: Sh, Script: "echo 'ä 日本 🙂'"}).Stdout))
	}
}

func requireWhole(t *testing.T, s Spec, name string) {
	t.Helper()
	staging := filepath.Join(t.TempDir(), name)
	got := reportOf(t, run(t, s, WithStagingDir(staging)))
	want := awkward
	if s.Script != "" || s.File != "" {
		want = append([]string{name, "x\ny"}, awkward...)
	}
	require.Equal(t, want, got.Args)
	require.Equal(t, s.Dir, got.Dir)
	require.Contains(t, got.Env, "A="+name)
}
