package exec

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The mode is asked for by the first script, and told by all.
func TestLanguageMode(t *testing.T) {
	dir := fakeOnPath(t, "pwsh", "sh")
	t.Setenv(fakeMode, "ConstrainedLanguage")
	local := NewLocal(WithStagingDir(filepath.Join(t.TempDir(), "it's")))
	runs := func() (asked bool, mode string) {
		out, err := local.Run(t.Context(), Spec{Shell: Pwsh, Script: "x"})
		require.NoError(t, err)
		return asks(t, out), out.Language
	}
	asked, mode := runs()
	require.True(t, asked)
	require.Equal(t, "ConstrainedLanguage", mode)

	t.Setenv(fakeMode, "FullLanguage")
	asked, mode = runs()
	require.False(t, asked)
	require.Equal(t, "ConstrainedLanguage", mode)
	mode, err := local.LanguageMode(t.Context(), PowerShell) // falls back to pwsh
	require.NoError(t, err)
	require.Equal(t, "ConstrainedLanguage", mode)

	later := time.Now().Add(time.Hour) // another program of that name
	require.NoError(t, os.Chtimes(filepath.Join(dir, "pwsh"+exeSuffix), later, later))
	asked, mode = runs()
	require.True(t, asked)
	require.Equal(t, "FullLanguage", mode)

	out, err := local.Run(t.Context(), Spec{Shell: Sh, Script: "x"})
	require.NoError(t, err)
	require.Empty(t, out.Language)
}

func asks(t *testing.T, out Outcome) bool {
	t.Helper()
	got := seenBy(t, out)
	return toldIn(got.Files[got.Args[5]].Body) != ""
}

func TestLanguageModeOfAnIdleLocal(t *testing.T) {
	fakeOnPath(t, "pwsh")
	t.Setenv(fakeMode, "FullLanguage")
	mode, err := NewLocal(WithStagingDir(t.TempDir())).LanguageMode(t.Context(), Pwsh)
	require.NoError(t, err)
	require.Equal(t, "FullLanguage", mode)
}

func TestLanguageModeErrors(t *testing.T) {
	fakeOnPath(t, "pwsh")
	local := NewLocal(WithStagingDir(t.TempDir()))
	_, err := local.LanguageMode(t.Context(), Sh)
	require.ErrorIs(t, err, ErrInvalidSpec)
	_, err = local.LanguageMode(t.Context(), Pwsh)
	require.ErrorIs(t, err, errSilent)
	require.ErrorContains(t, err, "exec: find language mode: the launcher told no language mode: exited, exit code 17")
	t.Setenv(fakeMode, "no name\n")
	_, err = local.LanguageMode(t.Context(), Pwsh)
	require.ErrorIs(t, err, errSilent)
	t.Setenv(fakeStderr, "File FILE cannot be loaded.")
	_, err = local.LanguageMode(t.Context(), Pwsh)
	require.ErrorIs(t, err, ErrBlocked)
	t.Setenv("PATH", t.TempDir())
	_, err = NewLocal().LanguageMode(t.Context(), Pwsh)
	require.ErrorIs(t, err, ErrShellNotFound)
}

func TestBlocked(t *testing.T) {
	fakeOnPath(t, "pwsh")
	tests := []struct {
		name, stderr, removes, want string
	}{
		{"an ordinary failure", "FILE: a term is not recognized", "", ""},
		{"nothing", "", "", ""},
		{
			"Windows PowerShell, forbidden, broken into lines",
			"Die Datei FILE kann nicht geladen werden\r\n    + CategoryInfo          : SecurityError: (:) [], PSSecur\r\n" +
				"   ityException\r\n    + FullyQualifiedErrorId : Unauthori\r\n   zedAccess\r\n",
			"", forbidden,
		},
		{"PowerShell 7, forbidden", "FILE:\n     | File FILE cannot be\n     | loaded because running scripts is disabled", "", forbidden},
		{
			"harmful", "At FILE:1 char:1\n+ x\n+ ~\nThis script contains malicious content and has been blocked by your antivirus\n" +
				"    + FullyQualifiedErrorId : ScriptContainedMaliciousContent", "", harmful,
		},
		{"another file", "File C:\\other.ps1 cannot be loaded. FullyQualifiedErrorId : UnauthorizedAccess", "", ""},
		{"removed during the run", "whatever", "yes", "the staged script was gone when the shell ended: security software removed it, unless it did so itself"},
	}
	for _, tt := range tests {
		t.Setenv(fakeStderr, tt.stderr)
		t.Setenv(fakeRemoves, tt.removes)
		staging := t.TempDir()
		out := run(t, Spec{Shell: Pwsh, Script: "x"}, WithStagingDir(staging))
		require.Equal(t, 17, out.Code)
		require.Equal(t, tt.want, out.Blocked, tt.name)
		requireEmptyDir(t, staging)
	}
}
