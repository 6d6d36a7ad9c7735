package exec

import (
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func text(t *testing.T, write func(io.Writer) error) string {
	t.Helper()
	var b strings.Builder
	require.NoError(t, write(&b))
	return b.String()
}

func TestWriteWithBOM(t *testing.T) {
	t.Parallel()
	body := "[CmdletBinding()] param($x)\r\n'ä'"
	for _, in := range []string{body, bom + body} {
		require.Equal(t, bom+body, text(t, func(w io.Writer) error { return writeWithBOM(w, in) }))
	}
}

func TestWriteBatch(t *testing.T) {
	t.Parallel()
	tests := []struct{ in, want string }{
		{"", "@echo off\r\n"},
		{"a\nb\r\nc", "@echo off\r\na\r\nb\r\nc"},
		{bom + "a\n", "@echo off\r\na\r\n"},
		{"echo ä", "@echo off\r\n@chcp 65001 >nul\r\necho ä"},
	}
	for _, tt := range tests {
		require.Equal(t, tt.want, text(t, func(w io.Writer) error { return writeBatch(w, tt.in) }))
	}
}

func TestLauncherText(t *testing.T) {
	t.Parallel()
	got := launcherText("C:\\it's \u2018here\u2019\\x.ps1", "")
	head := "if ($ExecutionContext.SessionState.LanguageMode -eq 'FullLanguage') { " +
		"[Console]::OutputEncoding = New-Object System.Text.UTF8Encoding $false; " +
		"$OutputEncoding = New-Object System.Text.UTF8Encoding $false; }; "
	call := "& 'C:\\it''s \u2018\u2018here\u2019\u2019\\x.ps1' @args; if (-not $?) { if ($LASTEXITCODE) { exit $LASTEXITCODE }; exit 1 }\n"
	require.Equal(t, head+call, got)
	got = launcherText("C:\\it's \u2018here\u2019\\x.ps1", "C:\\it's\\y.txt")
	require.Equal(t, head+`"$($ExecutionContext.SessionState.LanguageMode)" | Out-File -Encoding ascii -ErrorAction SilentlyContinue `+
		`-LiteralPath 'C:\it''s\y.txt'; `+call, got)
}

func TestCmdLine(t *testing.T) {
	t.Parallel()
	require.Equal(t, `"C:\Win dows\cmd.exe" /S /C "echo "a" & "b c" %PATH%"`,
		cmdLine(`C:\Win dows\cmd.exe`, `echo "a" & "b c" %PATH%`))
	line, err := cmdFileLine("cmd.exe", `C:\a b\x.cmd`, []string{"one", "two & three", ""})
	require.NoError(t, err)
	require.Equal(t, `"cmd.exe" /S /C ""C:\a b\x.cmd" "one" "two & three" """`, line)
}

func TestShellRuns(t *testing.T) {
	t.Parallel()
	tests := []struct {
		shell Shell
		file  string
		want  bool
	}{
		{Sh, "x", true},
		{Sh, "x.py", true},
		{Cmd, "x.CMD", true},
		{Cmd, "x.bat", true},
		{Cmd, "x.txt", false},
		{Pwsh, "x.ps1", true},
		{PowerShell, "x.PS1", true},
		{PowerShell, "x.exe", false},
	}
	for _, tt := range tests {
		require.Equal(t, tt.want, tt.shell.runs(tt.file), "%s %s", tt.shell, tt.file)
	}
}
