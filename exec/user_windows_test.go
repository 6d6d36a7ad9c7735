package exec

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	osexec "os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/windows"
)

// asSelf is this process's own account by way of a token, which is the way of every other account.
func asSelf(t *testing.T) account {
	t.Helper()
	token, err := copyOwnToken()
	require.NoError(t, err)
	a := account{as: AsSystemGUI, token: token}
	t.Cleanup(a.close)
	return a
}

// runWith is Run with an account that is known already.
func runWith(ctx context.Context, l *Local, a account, s Spec) (Outcome, error) {
	path, err := l.Find(s.Shell)
	if err != nil {
		return Outcome{}, err
	}
	if err := l.complete(&s, a); err != nil {
		return Outcome{}, err
	}
	inv, err := l.invoke(s, path)
	if err != nil {
		return Outcome{}, err
	}
	defer l.remove(inv.staged)
	if err := inv.staged.hand(a); err != nil {
		return Outcome{}, err
	}
	cmd := &osexec.Cmd{Path: path, Args: append([]string{path}, inv.args...), Env: s.Env, Dir: s.Dir, SysProcAttr: a.attr()}
	return l.execute(ctx, s, cmd, inv.raw)
}

func runSelf(t *testing.T, s Spec, opts ...Option) Outcome {
	t.Helper()
	out, err := runWith(t.Context(), NewLocal(opts...), asSelf(t), s)
	require.NoError(t, err)
	return out
}

func TestChildOfATokenRunsLikeAnyOther(t *testing.T) {
	t.Parallel()
	out := runSelf(t, native(helperScript("print", "to out", "to err")))
	require.Equal(t, "to out", string(out.Stdout))
	require.Equal(t, "to err", string(out.Stderr))
	require.Equal(t, EndExited, out.End)
	require.Equal(t, -1073741819, runSelf(t, native(helperScript("exit", "0xC0000005"))).Code)
	require.Zero(t, runSelf(t, native("")).Code)
}

func TestChildOfATokenGetsWhatIsSaid(t *testing.T) {
	t.Parallel()
	s := native(helperCommand("report") + " %*\n") // several lines: staged
	s.Args = []string{"a b", "c & d", "^", "ä 日本 🙂"}
	s.Dir = t.TempDir()
	s.Env = append(os.Environ(), "EXEC_TEST_OWN=ä 'b' \"c\"")
	r := reportOf(t, runSelf(t, s, WithStagingDir(t.TempDir())))
	require.Equal(t, s.Args, r.Args)
	require.Contains(t, r.Env, "EXEC_TEST_OWN=ä 'b' \"c\"")
	require.Empty(t, r.Stdin)
	require.True(t, sameDir(t, s.Dir, r.Dir), r.Dir)
}

func sameDir(t *testing.T, a, b string) bool {
	t.Helper()
	first, err := os.Stat(a)
	require.NoError(t, err)
	second, err := os.Stat(b)
	require.NoError(t, err)
	return os.SameFile(first, second)
}

func TestChildOfATokenDoesNotSeeThisProcessesEnvironment(t *testing.T) {
	t.Setenv("EXEC_TEST_SECRET", "hunter2")
	env := reportOf(t, runSelf(t, native(helperScript("report")))).Env
	for _, entry := range env {
		require.NotContains(t, entry, "hunter2")
	}
	require.NotEmpty(t, env)
}

func TestChildOfATokenIsKilledWithItsChildren(t *testing.T) {
	t.Parallel()
	b := newBoard(t)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan result, 1)
	a := asSelf(t)
	go func() {
		out, err := runWith(ctx, NewLocal(), a, native(helperScript("parent", b.address(), "parent", "hold", "child")))
		done <- result{out, err}
	}()
	peers := b.await("parent", "child")
	cancel()
	out := (&started{t: t, done: done}).outcome()
	require.Equal(t, EndCanceled, out.End)
	for _, p := range peers {
		p.requireGone()
	}
}

func TestFamilyIsKilledWithoutAJob(t *testing.T) {
	t.Parallel()
	b := newBoard(t)
	cmd := osexec.Command("cmd")
	cmd.SysProcAttr = &syscall.SysProcAttr{CmdLine: cmdLine("cmd", helperCommand("parent", b.address(), "parent", "hold", "child"))}
	require.NoError(t, cmd.Start())
	bystander := osexec.Command(os.Args[0], "helper", "hold", b.address(), "bystander")
	require.NoError(t, bystander.Start())
	peers := b.await("parent", "child", "bystander")
	root, err := windows.OpenProcess(windows.PROCESS_ALL_ACCESS, false, uint32(cmd.Process.Pid))
	require.NoError(t, err)
	f := &family{root: root}
	f.kill()
	require.NoError(t, f.close())
	peers[0].requireGone()
	peers[1].requireGone()
	peers[2].requireAlive()
	peers[2].dismiss()
	require.Error(t, cmd.Wait())
	require.NoError(t, bystander.Wait())
}

func TestChildOfATokenThatCannotStartLeavesNothing(t *testing.T) {
	t.Parallel()
	gone := filepath.Join(t.TempDir(), "gone")
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	for _, dir := range []string{gone, file} {
		s := native("echo no")
		s.Dir = dir
		_, err := runWith(t.Context(), NewLocal(), asSelf(t), s)
		require.ErrorContains(t, err, "working directory: ")
		require.ErrorContains(t, err, dir)
	}
	null, err := os.Open(os.DevNull)
	require.NoError(t, err)
	defer closeAll(null)
	a := asSelf(t)
	for name, cmd := range map[string]*osexec.Cmd{
		"no such program":   {Path: gone, Args: []string{gone}},
		"not a program":     {Path: file, Args: []string{file}},
		"NUL":               {Path: os.Args[0], Args: []string{"a\x00b"}},
		"no such directory": {Path: os.Args[0], Args: []string{"x"}, Dir: gone},
	} {
		cmd.Stdout, cmd.Stderr, cmd.SysProcAttr = null, null, a.attr()
		_, err := startTree(cmd, "", confinement{cgroups: newCgroups("")})
		require.Error(t, err, name)
		require.Nil(t, cmd.Process, name)
	}
}

// A handle that a run forgets is one that a service forgets a thousand times.
func TestRunsWithATokenLeaveNoHandleBehind(t *testing.T) {
	a := asSelf(t)
	once := func() {
		_, err := runWith(t.Context(), NewLocal(), a, native("exit 3"))
		require.NoError(t, err)
		_, err = runWith(t.Context(), NewLocal(), a, Spec{Shell: nativeShell, Dir: `C:\no such folder`})
		require.Error(t, err)
		cmd := &osexec.Cmd{Path: `C:\no such program`, Args: []string{"x"}, Stdout: os.Stdout, Stderr: os.Stderr, SysProcAttr: a.attr()}
		_, err = startTree(cmd, "", confinement{cgroups: newCgroups("")})
		require.Error(t, err)
	}
	for range 5 {
		once()
	}
	before := handleCount(t)
	const rounds = 40
	for range rounds {
		once()
	}
	require.Less(t, handleCount(t), before+rounds/2, "one or more a run")
}

var procGetProcessHandleCount = windows.NewLazySystemDLL("kernel32.dll").NewProc("GetProcessHandleCount")

func handleCount(t *testing.T) int {
	t.Helper()
	var n uint32
	ok, _, err := procGetProcessHandleCount.Call(uintptr(windows.CurrentProcess()), uintptr(unsafe.Pointer(&n)))
	require.NotZero(t, ok, err)
	return int(n)
}

func TestRunAsNeedsAUserAndLocalSystem(t *testing.T) {
	t.Parallel()
	for _, as := range []As{AsUser, AsSystemGUI} {
		s := native("echo ran")
		s.As = as
		out, err := NewLocal().Run(t.Context(), s)
		if err == nil { // somebody is logged on, and the tests run as LocalSystem
			require.Equal(t, "ran", strings.TrimSpace(string(out.Stdout)))
			continue
		}
		require.True(t, errors.Is(err, ErrNoUser) || errors.Is(err, ErrNotSystem), "%v", err)
		require.ErrorContains(t, err, "run as "+as.String()+": ")
		require.Equal(t, Outcome{}, out)
	}
	s := native("")
	s.As = 9
	_, err := NewLocal().Run(t.Context(), s)
	require.ErrorIs(t, err, ErrInvalidSpec)
}

func TestDirIsExpandedForTheAccount(t *testing.T) {
	t.Parallel()
	home, err := asSelf(t).token.GetUserProfileDirectory()
	require.NoError(t, err)
	for _, dir := range []string{"~", "~/.", "%SystemRoot%", `%SystemRoot%\.`} {
		s := native(helperScript("report"))
		s.Dir, s.ExpandDir = dir, true
		got := reportOf(t, run(t, s)).Dir
		want := home
		if strings.HasPrefix(dir, "%") {
			want = os.Getenv("SystemRoot")
		}
		require.True(t, sameDir(t, want, got), "%s: %s, not %s", dir, got, want)
	}
}

func TestDirThatIsNotExpandedIsNamed(t *testing.T) {
	t.Parallel()
	s := native("")
	s.Dir = "%SystemRoot%"
	_, err := NewLocal().Run(t.Context(), s)
	require.ErrorContains(t, err, "%SystemRoot%", "it was not asked for")
	s.Dir, s.ExpandDir = `%SystemRoot%\no such folder`, true
	_, err = NewLocal().Run(t.Context(), s)
	require.ErrorContains(t, err, os.Getenv("SystemRoot")+`\no such folder`)
	s.Dir = strings.Repeat("%SystemRoot%", 5000)
	var log strings.Builder
	_, err = NewLocal(WithLogger(slog.New(slog.NewTextHandler(&log, nil)))).Run(t.Context(), s)
	require.Error(t, err)
	require.Contains(t, log.String(), "working directory not expanded")
}

// What the system expands, and this package, are the same.
func TestExpandPercentIsTheSystemsWay(t *testing.T) {
	t.Setenv("EXEC_A", `C:\a`)
	t.Setenv("EXEC_LOOP", "%EXEC_LOOP%")
	t.Setenv("EXEC_HALF", "%")
	for _, text := range []string{
		"", "%", "%%", "%%%", "%EXEC_A%", "x%exec_a%y", "%EXEC_A", "%NOPE%", "%NOPE%EXEC_A%", "%%EXEC_A%", "%EXEC_A%%EXEC_A%",
		"%EXEC_LOOP%", "%EXEC_HALF%EXEC_A%", "%EXEC_HALF%%EXEC_A%", "%EXEC_A=%", "% EXEC_A%", "100%", "ü%EXEC_A%日本🙂", "%NOPE%%",
	} {
		ours, err := expandPercent(text, lookupIn(os.Environ()))
		assert.NoError(t, err)
		assert.Equal(t, systemExpands(t, text), ours, "%q", text)
	}
}

func systemExpands(t *testing.T, text string) string {
	t.Helper()
	source, err := windows.UTF16PtrFromString(text)
	require.NoError(t, err)
	buffer := make([]uint16, maxDir)
	_, err = windows.ExpandEnvironmentStrings(source, &buffer[0], uint32(len(buffer)))
	require.NoError(t, err)
	return windows.UTF16ToString(buffer)
}

func TestStagedFolderOfAUserNamesThatUserAsReader(t *testing.T) {
	t.Parallel()
	const somebody = "S-1-5-21-1-2-3-1001"
	sd, err := windows.SecurityDescriptorFromString(readerSDDL(somebody))
	require.NoError(t, err)
	require.Contains(t, sd.String(), "(A;OICI;0x1200a9;;;"+somebody+")", "read and execute, handed down to files")
	require.True(t, strings.HasPrefix(sd.String(), "D:P"), "nothing comes from the folder above: %s", sd)

	a := asSelf(t)
	user, err := a.token.GetTokenUser()
	require.NoError(t, err)
	dir := filepath.Join(t.TempDir(), "private")
	require.NoError(t, makePrivateDir(dir))
	file := filepath.Join(dir, "file")
	require.NoError(t, os.WriteFile(file, []byte("x"), 0o600))
	require.NoError(t, admitReader(dir, user.User.Sid.String()))
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, "x", string(text))
	require.NoError(t, account{as: AsSystemGUI}.admit(dir), "it may read everything as it is")
	require.NoError(t, account{as: AsUser}.admit(""), "nothing is staged")
}

func TestImpersonateEnds(t *testing.T) {
	t.Parallel()
	token := asSelf(t).token
	require.ErrorIs(t, impersonate(token, func() error { return io.ErrUnexpectedEOF }), io.ErrUnexpectedEOF)
	require.NoError(t, impersonate(token, func() error { return nil }))
	require.Error(t, impersonate(0, func() error { return errors.New("must not be called") }))
	require.ErrorIs(t, impersonate(token, Spec{Dir: `C:\no such folder`}.checkDir), os.ErrNotExist)
}

func TestEnvBlock(t *testing.T) {
	t.Parallel()
	require.Equal(t, []uint16{0, 0}, envBlock(nil))
	require.Equal(t, []uint16{0, 0}, envBlock([]string{""}))
	require.Equal(t, []uint16{'A', '=', '1', 0, 0}, envBlock([]string{"A=1"}))
	require.Equal(t, []uint16{'=', 'C', 0, 0xD83D, 0xDE42, 0, 0}, envBlock([]string{"=C", "🙂"}))
}

func TestSystemGUITokenStaysInItsSession(t *testing.T) {
	t.Parallel()
	var id uint32
	require.NoError(t, windows.ProcessIdToSessionId(windows.GetCurrentProcessId(), &id))
	token, err := ownTokenIn(id)
	if err != nil {
		require.ErrorIs(t, err, ErrNotSystem)
		return
	}
	require.NoError(t, token.Close())
}

func TestWatchedTimeoutOfATokensChild(t *testing.T) {
	t.Parallel()
	b := newBoard(t)
	s := native(helperScript("hold", b.address(), "held"))
	s.Timeout = time.Millisecond
	out := runSelf(t, s)
	require.Equal(t, EndTimeout, out.End)
	for _, p := range b.arrived(1) {
		p.requireGone()
	}
}
