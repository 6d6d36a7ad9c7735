package exec

import (
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/stretchr/testify/require"
)

func TestStartsAtHome(t *testing.T) {
	t.Parallel()
	for _, dir := range []string{"~", `~\src\zandaka`, "~/src/zandaka", `~\`, "~/"} {
		require.True(t, startsAtHome(dir), dir)
	}
	for _, dir := range []string{"", `C:\Users\op`, "%USERPROFILE%", "./relative", "foo~bar", `C:\Users\~name`, "~name", "~~", " ~", `\~`} {
		require.False(t, startsAtHome(dir), dir)
	}
}

var cwdEnv = lookupIn([]string{
	"", "=", `=C:=C:\somewhere`, "novalue", "Empty=", `USERPROFILE=C:\Users\op`, `Path=C:\a;C:\b`, "loop=%loop%", "outer=%USERPROFILE%",
	"half=%", "日本=C:\\日本", "a b=spaced", `share=\\server\share`, "twice=first", "TWICE=second",
})

func TestExpandDir(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, raw, home, want string }{
		{"home", "~", `C:\Users\op`, `C:\Users\op`},
		{"below home", `~\src\zandaka`, `C:\Users\op`, `C:\Users\op\src\zandaka`},
		{"slashes stay", "~/src/zandaka", `C:\Users\op`, `C:\Users\op\src/zandaka`},
		{"home with a separator", `~\sub`, `C:\Users\op\`, `C:\Users\op\sub`},
		{"home with a slash", `~\sub`, `C:/Users/op/`, `C:/Users/op/sub`},
		{"home on a share", `~\sub`, `\\server\homes\op`, `\\server\homes\op\sub`},
		{"home and a separator", `~\`, `C:\Users\op`, `C:\Users\op\`},
		{"nothing to do", `C:\Users\op`, "", `C:\Users\op`},
		{"relative", "./relative", "", "./relative"},
		{"tilde inside", `C:\Users\~name`, "", `C:\Users\~name`},
		{"empty", "", "", ""},
		{"variable", `%USERPROFILE%\x`, "", `C:\Users\op\x`},
		{"case", `%userprofile%`, "", `C:\Users\op`},
		{"several", `%USERPROFILE%%Empty%\%a b%`, "", `C:\Users\op\spaced`},
		{"beyond ASCII", "%日本%\\ü", "", `C:\日本\ü`},
		{"tilde, then variable", `~\%a b%`, `C:\Users\op`, `C:\Users\op\spaced`},
		{"variable in home", `~\x`, `%share%\op`, `\\server\share\op\x`},
		{"share", `\\server\%a b%\c`, "", `\\server\spaced\c`},
		{"share from a variable", `%share%\x`, "", `\\server\share\x`},
		{"device path", `\\?\C:\%a b%`, "", `\\?\C:\spaced`},
		{"unknown", `C:\%NOPE%\x`, "", `C:\%NOPE%\x`},
		{"unterminated", `C:\%USERPROFILE\x`, "", `C:\%USERPROFILE\x`},
		{"single sign", "%", "", "%"},
		{"two signs", "%%", "", "%%"},
		{"three signs", "%%%", "", "%%%"},
		{"two signs and a name", "%%USERPROFILE%", "", "%%USERPROFILE%"},
		{"unknown, then known", "%NOPE%USERPROFILE%", "", "%NOPE%USERPROFILE%"},
		{"recursion", "%loop%", "", "%loop%"},
		{"indirection", "%outer%", "", "%USERPROFILE%"},
		{"half a name in a value", "%half%USERPROFILE%", "", "%USERPROFILE%"},
		{"entry without a value", "%novalue%", "", "%novalue%"},
		{"drive entry", "%=C:%", "", `C:\somewhere`},
		{"name with a sign of its own", "%USERPROFILE=%", "", "%USERPROFILE=%"},
		{"the first of two", "%twice%", "", "first"},
		{"PowerShell's way", `$env:USERPROFILE\x`, "", `$env:USERPROFILE\x`},
		{"sh's way", "$HOME/x", "", "$HOME/x"},
		{"NUL", "a\x00%Empty%b", "", "a\x00b"},
		{"not UTF-8", "\xff%Empty%\xfe", "", "\xff\xfe"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := expandDir(tt.raw, tt.home, cwdEnv)
			require.NoError(t, err)
			require.Equal(t, tt.want, got)
			if tt.raw == got {
				return
			}
			require.True(t, dirHasExpansions(tt.raw), "it would not be expanded at all")
		})
	}
}

func TestExpandDirHasABound(t *testing.T) {
	t.Parallel()
	long := func(string) (string, bool) { return strings.Repeat("x", 1000), true }
	_, err := expandDir(strings.Repeat("%a%", 40), "", long)
	require.ErrorContains(t, err, `expand working directory "%a%%a%`)
	require.ErrorContains(t, err, "longer than 32767 characters")
	require.Less(t, len(err.Error()), 500)
	_, err = expandDir(strings.Repeat("%", 1<<20), "", cwdEnv)
	require.Error(t, err)
	got, err := expandDir(strings.Repeat("é", maxDir-1), "", cwdEnv)
	require.NoError(t, err)
	require.Len(t, utf16.Encode([]rune(got)), maxDir-1)
	_, err = expandDir(strings.Repeat("🙂", maxDir/2), "", cwdEnv)
	require.Error(t, err)
}

func FuzzExpandDir(f *testing.F) {
	for _, raw := range []string{"~", `~\a`, "%USERPROFILE%", "%%", "%a%b%", "a\x00b", `\\server\%share%`} {
		f.Add(raw, `C:\Users\op`)
	}
	none := func(string) (string, bool) { return "", false }
	f.Fuzz(func(t *testing.T, raw, home string) {
		got, err := expandDir(raw, home, cwdEnv)
		if err == nil && !dirHasExpansions(raw) {
			require.Equal(t, raw, got)
		}
		require.LessOrEqual(t, len(got), 4*maxDir)
		if got, err := expandDir(raw, home, none); err == nil && !startsAtHome(raw) {
			require.Equal(t, raw, got, "what is not known stays")
		}
	})
}
