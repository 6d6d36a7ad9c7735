package exec

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// seen is what a stand-in for a shell was started with. Files are those beside the first argument that is a file.
type seen struct {
	Args    []string
	DirMode fs.FileMode
	Files   map[string]seenFile
}

type seenFile struct {
	Mode fs.FileMode
	Body string
}

// What the environment can tell a stand-in for a shell: a language mode to tell, a text for stderr in which FILE becomes
// the path of the script, and a file beside the script to remove.
const (
	fakeMode    = "EXEC_TEST_MODE"
	fakeStderr  = "EXEC_TEST_STDERR"
	fakeRemoves = "EXEC_TEST_REMOVES"
)

// fakeShell reports what it sees on stdout and exits 17.
func fakeShell() int {
	s := seen{Args: os.Args[1:], Files: map[string]seenFile{}}
	for _, arg := range s.Args {
		if info, err := os.Stat(arg); err == nil && info.Mode().IsRegular() {
			s.look(filepath.Dir(arg))
			s.play(arg)
			break
		}
	}
	orDie(json.NewEncoder(os.Stdout).Encode(s))
	return 17
}

func (s *seen) play(launcher string) {
	if mode := os.Getenv(fakeMode); mode != "" {
		if file := toldIn(s.Files[launcher].Body); file != "" {
			orDie(os.WriteFile(file, []byte(mode+"\r\n"), 0o600))
		}
	}
	fmt.Fprint(os.Stderr, strings.ReplaceAll(os.Getenv(fakeStderr), "FILE", launcher))
	if os.Getenv(fakeRemoves) != "" {
		orDie(os.Remove(launcher))
	}
}

// toldIn is the file that a launcher writes its mode to, if it does.
func toldIn(launcher string) string {
	_, rest, _ := strings.Cut(launcher, "-LiteralPath '")
	quoted, _, _ := strings.Cut(rest, "'; & '")
	return strings.NewReplacer("''", "'", "\u2018\u2018", "\u2018", "\u2019\u2019", "\u2019").Replace(quoted)
}

func (s *seen) look(dir string) {
	info, err := os.Stat(dir)
	orDie(err)
	s.DirMode = info.Mode()
	entries, err := os.ReadDir(dir)
	orDie(err)
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		body, err := os.ReadFile(path)
		orDie(err)
		info, err := e.Info()
		orDie(err)
		s.Files[path] = seenFile{Mode: info.Mode(), Body: string(body)}
	}
}

// fakeOnPath makes this test binary the only program on the PATH, under the given names.
func fakeOnPath(t *testing.T, names ...string) string {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	dir := t.TempDir()
	for _, name := range names {
		require.NoError(t, duplicate(self, filepath.Join(dir, name+exeSuffix)))
	}
	t.Setenv("PATH", dir)
	return dir
}

func look(t *testing.T, s Spec, opts ...Option) seen {
	t.Helper()
	out := run(t, s, opts...)
	return seenBy(t, out)
}

func seenBy(t *testing.T, out Outcome) seen {
	t.Helper()
	require.Equal(t, 17, out.Code, "%s", out.Stderr)
	var got seen
	require.NoError(t, json.Unmarshal(out.Stdout, &got))
	return got
}

var awkward = []string{"", " ", "a b", `"`, `a"b`, `\`, `a\"b\\`, "'", "$HOME", "%PATH%", "*", "-x", "--", "ä 日本 🙂", "a\nb", "`x`", "@a"}

func TestPowerShellFiles(t *testing.T) {
	for _, tt := range []struct {
		shell Shell
		onPath,
		used string
	}{
		{PowerShell, "powershell pwsh", "powershell"},
		{PowerShell, "pwsh", "pwsh"},
		{Pwsh, "powershell pwsh", "pwsh"},
	} {
		dir := fakeOnPath(t, strings.Fields(tt.onPath)...)
		path, err := NewLocal().Find(tt.shell)
		require.NoError(t, err)
		require.Equal(t, filepath.Join(dir, tt.used), strings.TrimSuffix(path, exeSuffix))

		staging := filepath.Join(t.TempDir(), "it's ‘new’ 日本")
		const body = "[CmdletBinding()] param($x)\n'ä \"q\"'\n"
		got := look(t, Spec{Shell: tt.shell, Script: body, Args: awkward}, WithStagingDir(staging))
		launcher := got.Args[5]
		require.Equal(t, append([]string{"-NoProfile", "-NonInteractive", "-ExecutionPolicy", "Bypass", "-File", launcher}, awkward...), got.Args)
		require.Len(t, got.Files, 2)
		for path, file := range got.Files {
			require.Regexp(t, `^kanade-[0-9a-f]{32}\.ps1$`, filepath.Base(path))
			require.Equal(t, staging, filepath.Dir(filepath.Dir(path)))
			if path == launcher {
				continue
			}
			require.Equal(t, bom+body, file.Body)
			require.Equal(t, bom+launcherText(path, toldIn(got.Files[launcher].Body)), got.Files[launcher].Body)
		}
		requirePrivate(t, got)
		requireEmptyDir(t, staging)
	}
}

func TestPowerShellOwnFile(t *testing.T) {
	fakeOnPath(t, "pwsh")
	dir, staging := t.TempDir(), t.TempDir()
	file := filepath.Join(dir, "it's mine.ps1")
	require.NoError(t, os.WriteFile(file, []byte("exit 3"), 0o600))
	got := look(t, Spec{Shell: Pwsh, File: filepath.Base(file), Dir: dir}, WithStagingDir(staging))
	require.Len(t, got.Files, 1)
	launcher := got.Files[got.Args[5]].Body
	require.Equal(t, bom+launcherText(file, toldIn(launcher)), launcher)
	require.FileExists(t, file)
	requireEmptyDir(t, staging)

	require.NoError(t, os.WriteFile(filepath.Join(dir, "x.txt"), nil, 0o600))
	_, err := NewLocal().Run(t.Context(), Spec{Shell: Pwsh, File: "x.txt", Dir: dir})
	require.ErrorIs(t, err, ErrInvalidSpec)
}

func TestAccessDeniedNamesWhatMayForbidIt(t *testing.T) {
	t.Parallel()
	err := startFailed(fmt.Errorf("start: %w", fs.ErrPermission))
	require.ErrorIs(t, err, fs.ErrPermission)
	require.NotErrorIs(t, err, ErrBlocked)
	require.ErrorContains(t, err, "a policy such as AppLocker")
	require.ErrorIs(t, startFailed(fs.ErrNotExist), fs.ErrNotExist)
}

func TestStartFailureLeavesNothing(t *testing.T) {
	dir, staging := t.TempDir(), t.TempDir()
	broken := filepath.Join(dir, "pwsh"+exeSuffix)
	require.NoError(t, os.WriteFile(broken, []byte("not a program"), 0o700))
	t.Setenv("PATH", dir)
	_, err := NewLocal(WithStagingDir(staging)).Run(t.Context(), Spec{Shell: Pwsh, Script: "x"})
	require.ErrorContains(t, err, `exec: run "pwsh": start `+broken)
	requireEmptyDir(t, staging)
}
