package exec

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/windows"
)

func TestExitCodeIsSigned(t *testing.T) {
	t.Parallel()
	require.Equal(t, -1073741819, run(t, native(helperScript("exit", "0xC0000005"))).Code)
	require.Equal(t, -1, run(t, native(helperScript("exit", "0xFFFFFFFF"))).Code)
}

func TestCmdTextIsRaw(t *testing.T) {
	t.Parallel()
	out := run(t, native(`echo "a" 'b' \"c\" ^& d`))
	require.Equal(t, `"a" 'b' \"c\" & d`, strings.TrimSpace(string(out.Stdout)))
	out = run(t, native(helperCommand("print", "one", "two")+" & "+helperCommand("print", "three", "four")))
	require.Equal(t, "onethree", string(out.Stdout))
	require.Equal(t, "twofour", string(out.Stderr))
	words := []string{"a b", "ä 日本 🙂", "'", "^", "&|<>", "-x"}
	require.Equal(t, words, reportOf(t, run(t, native(helperCommand(append([]string{"report"}, words...)...)))).Args)
}

func TestCmdLines(t *testing.T) {
	t.Parallel()
	staging := t.TempDir()
	script := "set X=1\ngoto end\necho not this\n:end\necho X is %X%\nexit /b 6\n"
	out := run(t, native(script), WithStagingDir(staging))
	require.Equal(t, 6, out.Code)
	require.Equal(t, "X is 1", strings.TrimSpace(string(out.Stdout)))
	requireEmptyDir(t, staging)
}

func TestCmdArguments(t *testing.T) {
	t.Parallel()
	s := native(helperCommand("report") + " %*\n")
	s.Args = []string{"a b", "c & d", "^", "ä 日本 🙂"}
	require.Equal(t, s.Args, reportOf(t, run(t, s)).Args)
	staging := t.TempDir()
	for _, bad := range []string{`a"b`, "%PATH%", "a\nb"} {
		s.Args = []string{bad}
		_, err := NewLocal(WithStagingDir(staging)).Run(t.Context(), s)
		require.ErrorIs(t, err, ErrInvalidSpec)
	}
	requireEmptyDir(t, staging)
}

func TestStagedFolderAccess(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "private")
	require.NoError(t, makePrivateDir(dir))
	require.ErrorIs(t, makePrivateDir(dir), os.ErrExist)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "file"), []byte("x"), 0o600))
	sd, err := windows.GetNamedSecurityInfo(dir, windows.SE_FILE_OBJECT, windows.DACL_SECURITY_INFORMATION)
	require.NoError(t, err)
	require.NotContains(t, sd.String(), ";;;BU)", "users must not be in it")
	require.NotContains(t, sd.String(), ";;;AU)", "authenticated users must not be in it")
}
