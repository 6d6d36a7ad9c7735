//go:build hostcheck

package exec

import (
	"errors"
	"os"
	osexec "os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/windows"
)

// asOther runs s as its account. The staging folder is one that this process's account alone may list.
func asOther(t *testing.T, s Spec) Outcome {
	t.Helper()
	staging := filepath.Join(t.TempDir(), "staging")
	require.NoError(t, makePrivateDir(staging))
	out, err := NewLocal(WithStagingDir(staging)).Run(t.Context(), s)
	skipWithoutUser(t, err)
	require.NoError(t, err)
	requireEmptyDir(t, staging)
	return out
}

// skipWithoutUser: the report of the host says that this was not shown.
func skipWithoutUser(t *testing.T, err error) {
	t.Helper()
	if errors.Is(err, ErrNoUser) || errors.Is(err, ErrNotSystem) {
		t.Skip(err)
	}
}

// userOf are the token and the identifier of the user who is logged on.
func userOf(t *testing.T) (windows.Token, string, uint32) {
	t.Helper()
	token, session, err := userToken(AsUser)
	skipWithoutUser(t, err)
	require.NoError(t, err)
	t.Cleanup(func() { _ = token.Close() })
	user, err := token.GetTokenUser()
	require.NoError(t, err)
	return token, user.User.Sid.String(), session
}

const whoAmI = "[Security.Principal.WindowsIdentity]::GetCurrent().User.Value\n(Get-Process -Id $PID).SessionId\n"

func TestHostRunAsUser(t *testing.T) {
	token, sid, session := userOf(t)
	t.Setenv("EXEC_TEST_SECRET", "hunter2")
	home, err := token.GetUserProfileDirectory()
	require.NoError(t, err)
	eachPowerShell(t, func(t *testing.T, s Shell) {
		out := asOther(t, Spec{Shell: s, As: AsUser, Dir: "~", ExpandDir: true, Script: whoAmI +
			"[Environment]::CurrentDirectory\n$env:USERPROFILE\n\"secret $env:EXEC_TEST_SECRET\"\n'" + manyScripts + "'\nexit 21\n"})
		require.Equal(t, 21, out.Code, "%s", out.Stderr)
		got := lines(out.Stdout)
		require.Len(t, got, 6, "%s", out.Stderr)
		require.Equal(t, sid, got[0])
		require.Equal(t, strconv.FormatUint(uint64(session), 10), got[1])
		require.True(t, strings.EqualFold(home, got[2]), got[2])
		require.True(t, strings.EqualFold(home, got[3]), got[3])
		require.Equal(t, "secret", strings.TrimSpace(got[4]), "this process's environment is not the user's")
		require.Equal(t, manyScripts, got[5])
	})
}

func TestHostRunAsUserWithCmd(t *testing.T) {
	_, _, _ = userOf(t)
	out := asOther(t, Spec{Shell: Cmd, As: AsUser, Script: "exit 22"})
	require.Equal(t, 22, out.Code)
	script := "echo staged\r\necho x>>\"%~f0\" && echo WROTE\r\necho x>\"%~dp0other.cmd\" && echo MADE\r\nexit /b 23\r\n"
	out = asOther(t, Spec{Shell: Cmd, As: AsUser, Script: script})
	require.Equal(t, 23, out.Code, "%s", out.Stderr)
	require.Equal(t, []string{"staged"}, lines(out.Stdout), "the user may read the script, and change nothing")
}

func TestHostStagedScriptIsClosedToTheUser(t *testing.T) {
	_, _, _ = userOf(t)
	dir := filepath.Join(t.TempDir(), "private")
	require.NoError(t, makePrivateDir(dir))
	file := filepath.Join(dir, "script.cmd")
	require.NoError(t, os.WriteFile(file, []byte("a secret"), 0o600))
	out := asOther(t, Spec{Shell: Cmd, As: AsUser, Script: "type \"" + file + "\""})
	require.NotContains(t, string(out.Stdout), "a secret")
	require.NotZero(t, out.Code)
	out = asOther(t, Spec{Shell: Cmd, Script: "type \"" + file + "\""})
	require.Equal(t, "a secret", string(out.Stdout), "this process can")
}

func TestHostRunAsSystemGUI(t *testing.T) {
	_, _, session := userOf(t)
	out := asOther(t, Spec{Shell: PowerShell, As: AsSystemGUI, Script: whoAmI + "exit 24\n"})
	require.Equal(t, 24, out.Code, "%s", out.Stderr)
	require.Equal(t, []string{"S-1-5-18", strconv.FormatUint(uint64(session), 10)}, lines(out.Stdout))
}

func TestHostRunAsUserIsKilledWithItsChildren(t *testing.T) {
	_, _, _ = userOf(t)
	out := asOther(t, Spec{
		Shell: Cmd, As: AsUser, Timeout: 3 * time.Second,
		Script: "echo begun\r\nstart /b ping -n 900 127.0.0.1\r\nping -n 900 127.0.0.1\r\n",
	})
	require.Equal(t, EndTimeout, out.End)
	require.Contains(t, string(out.Stdout), "begun")
	require.False(t, out.Incomplete, "a child that lives would hold the pipes")
}

// Whether a job object of this session takes a process of another one is what the documentation and reports disagree about.
func TestHostJobTakesAProcessOfTheUsersSession(t *testing.T) {
	token, _, session := userOf(t)
	env, err := environment(token)
	require.NoError(t, err)
	path, err := NewLocal().Find(Cmd)
	require.NoError(t, err)
	null, err := os.Open(os.DevNull)
	require.NoError(t, err)
	defer closeAll(null)
	cmd := &osexec.Cmd{
		Path: path, Args: []string{path, "/C", "ping -n 900 127.0.0.1"}, Env: env, Stdout: null, Stderr: null,
		SysProcAttr: account{token: token}.attr(),
	}
	tr, err := startTree(cmd, "", confinement{cgroups: newCgroups("")})
	require.NoError(t, err)
	t.Logf("session %d: taken by the job: %t", session, tr.family == nil)
	exited := make(chan struct{})
	go func() {
		defer close(exited)
		_ = tr.await()
	}()
	tr.kill(exited, 0)
	require.NoError(t, tr.reap())
}
