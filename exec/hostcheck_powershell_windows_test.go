//go:build hostcheck

package exec

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/windows/registry"
)

// These tests want a real Windows: what stands in for PowerShell elsewhere ends with 0 whatever the script says.
// Package hostcheck takes them to such a machine.

// eachPowerShell runs test with the shells that the host has. Windows PowerShell is part of every Windows.
func eachPowerShell(t *testing.T, test func(t *testing.T, s Shell)) {
	t.Helper()
	for _, s := range []Shell{PowerShell, Pwsh} {
		t.Run(string(s), func(t *testing.T) {
			path, err := NewLocal().Find(s)
			if s == Pwsh && errors.Is(err, ErrShellNotFound) {
				t.Skip("this host has no pwsh")
			}
			require.NoError(t, err)
			t.Log(path)
			test(t, s)
		})
	}
}

func lines(out []byte) []string {
	return strings.Split(strings.TrimSpace(strings.ReplaceAll(string(out), "\r", "")), "\n")
}

func TestHostPowerShellExitCodes(t *testing.T) {
	eachPowerShell(t, func(t *testing.T, s Shell) {
		for _, tt := range []struct {
			name, script string
			code         int
		}{
			{"empty", "", 0},
			{"exit", "exit 7", 7},
			{"exit 0", "exit 0", 0},
			{"negative", "exit -1", -1},
			{"above 255", "exit 300", 300},
			{"in a function", "function f { exit 3 }; f; exit 4", 3},
			{"through .NET", "[Environment]::Exit(9)", 9},
			{"throw", "throw 'no'", 1},
			{"syntax", "if (", 1},
			{"unknown command", "No-SuchCommand", 0},
			{"native command", "cmd /c exit 5", 0},
			{"native command, handed on", "cmd /c exit 5; exit $LASTEXITCODE", 5},
			{"native command, then exit 0", "cmd /c exit 5; exit 0", 0},
			{"Write-Error", "Write-Error 'no'", 0},
			{"Write-Error, goes on", "Write-Error 'no'; exit 6", 6},
			{"Write-Error, Stop", "$ErrorActionPreference = 'Stop'; Write-Error 'no'; exit 6", 1},
			{"cmdlet fails", `Get-Item 'C:\no such file'`, 0},
			{"cmdlet fails, Stop", `$ErrorActionPreference = 'Stop'; Get-Item 'C:\no such file'; exit 6`, 1},
			{"caught", "try { throw 'no' } catch { exit 8 }", 8},
		} {
			t.Run(tt.name, func(t *testing.T) {
				out := run(t, Spec{Shell: s, Script: tt.script})
				require.Equal(t, EndExited, out.End)
				require.Equal(t, tt.code, out.Code, "stdout %q, stderr %q", out.Stdout, out.Stderr)
			})
		}
	})
}

const manyScripts = "ä ß € 日本 Ω 🙂"

func TestHostPowerShellOutputIsUnicode(t *testing.T) {
	eachPowerShell(t, func(t *testing.T, s Shell) {
		out := run(t, Spec{Shell: s, Script: "Write-Output '" + manyScripts + "'\n[Console]::Error.WriteLine('" + manyScripts + "')"})
		t.Logf("language mode %s", out.Language)
		require.Equal(t, []string{manyScripts}, lines(out.Stdout))
		require.Equal(t, []string{manyScripts}, lines(out.Stderr))
	})
}

// What a program prints goes through PowerShell's decoding and encoding; what is piped to one, too.
func TestHostPowerShellHandsUnicodeToProgramsAndBack(t *testing.T) {
	eachPowerShell(t, func(t *testing.T, s Shell) {
		program := "& '" + os.Args[0] + "' helper "
		out := run(t, Spec{Shell: s, Script: program + "print '" + manyScripts + "' ''"})
		require.Equal(t, []string{manyScripts}, lines(out.Stdout))
		out = run(t, Spec{Shell: s, Script: "'" + manyScripts + "' | " + program + "report"})
		var r report
		require.NoError(t, json.Unmarshal(out.Stdout, &r), "%s", out.Stdout)
		require.Equal(t, manyScripts, strings.TrimSpace(strings.TrimPrefix(r.Stdin, bom)))
	})
}

func TestHostPowerShellArguments(t *testing.T) {
	eachPowerShell(t, func(t *testing.T, s Shell) {
		for _, arg := range []string{
			"plain", "a b", manyScripts, `quote"inside`, `"quoted"`, "it's", `back\`, `back\ "and" \\`, "$env:PATH", "%PATH%",
			"a;b", "a,b", "a|b", "a&b", "`tick", "(x)", "{x}", "@x", "#x", "100%",
		} {
			t.Run(arg, func(t *testing.T) {
				out := run(t, Spec{Shell: s, Script: "foreach ($a in $args) { \"[$a]\" }", Args: []string{arg, "second"}})
				require.Equal(t, []string{"[" + arg + "]", "[second]"}, lines(out.Stdout), "%s", out.Stderr)
			})
		}
	})
}

func TestHostPowerShellParametersAndFile(t *testing.T) {
	eachPowerShell(t, func(t *testing.T, s Shell) {
		script := "[CmdletBinding()] param([string]$Name, [switch]$Loud)\n\"$Name $Loud\"\nexit 12\n"
		out := run(t, Spec{Shell: s, Script: script, Args: []string{"-Name", "a b", "-Loud"}})
		require.Equal(t, []string{"a b True"}, lines(out.Stdout), "%s", out.Stderr)
		require.Equal(t, 12, out.Code)
		file := filepath.Join(t.TempDir(), "it's ä.ps1")
		require.NoError(t, os.WriteFile(file, []byte(bom+script), 0o600))
		require.Equal(t, 12, run(t, Spec{Shell: s, File: file}).Code)
	})
}

func TestHostPowerShellDirectory(t *testing.T) {
	eachPowerShell(t, func(t *testing.T, s Shell) {
		dir := filepath.Join(t.TempDir(), "it's a [folder] ä")
		require.NoError(t, os.Mkdir(dir, 0o700))
		out := run(t, Spec{Shell: s, Script: "(Get-Location).ProviderPath; [Environment]::CurrentDirectory", Dir: dir})
		for _, got := range lines(out.Stdout) {
			require.True(t, sameDir(t, dir, got), got)
		}
		out = run(t, Spec{Shell: s, Script: "[Environment]::CurrentDirectory", Dir: `%SystemRoot%\Temp`, ExpandDir: true})
		require.True(t, strings.EqualFold(os.Getenv("SystemRoot")+`\Temp`, lines(out.Stdout)[0]), "%s", out.Stdout)
	})
}

func TestHostPowerShellIsKilledWithItsChildren(t *testing.T) {
	eachPowerShell(t, func(t *testing.T, s Shell) {
		b := newBoard(t)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		child := "Start-Process -WindowStyle Hidden -FilePath '" + os.Args[0] + "' -ArgumentList 'helper','hold','" + b.address() + "','apart'\n" +
			"& '" + os.Args[0] + "' helper parent " + b.address() + " parent hold child\n"
		running := start(ctx, t, Spec{Shell: s, Script: child})
		peers := b.await("parent", "child", "apart")
		cancel()
		require.Equal(t, EndCanceled, running.outcome().End)
		for _, p := range peers {
			p.requireGone()
		}
	})
}

// Whatever the mode is, the exit code and the text must come through. That a mode can be forced for the test is best
// effort: Windows PowerShell takes __PSLockdownPolicy from the machine's environment alone, and setting that needs a machine
// that nobody else uses. A machine with App Control or AppLocker shows the real thing.
func TestHostPowerShellUnderLockdown(t *testing.T) {
	const lockdown = "__PSLockdownPolicy"
	forced := os.Getenv("KANADE_HOSTCHECK_LOCKDOWN") != ""
	if forced {
		setMachineVariable(t, lockdown, "4")
	}
	script := "\"$($ExecutionContext.SessionState.LanguageMode)\"\n'ä'\nexit 7\n"
	out := run(t, Spec{Shell: PowerShell, Script: script, Env: append(os.Environ(), lockdown+"=4")})
	t.Logf("mode %q, told %q, stdout %q, stderr %q", lines(out.Stdout)[0], out.Language, out.Stdout, out.Stderr)
	require.Equal(t, 7, out.Code)
	require.Len(t, lines(out.Stdout), 2)
	require.Equal(t, lines(out.Stdout)[0], out.Language)
	require.Equal(t, "ä", lines(out.Stdout)[1])
	require.Empty(t, out.Stderr)
	if forced {
		require.Equal(t, "ConstrainedLanguage", out.Language)
	}
}

func setMachineVariable(t *testing.T, name, value string) {
	t.Helper()
	const path = `SYSTEM\CurrentControlSet\Control\Session Manager\Environment`
	key, err := registry.OpenKey(registry.LOCAL_MACHINE, path, registry.SET_VALUE)
	require.NoError(t, err)
	require.NoError(t, key.SetStringValue(name, value))
	t.Cleanup(func() {
		require.NoError(t, key.DeleteValue(name))
		require.NoError(t, key.Close())
	})
}

func TestHostCmdOutputIsDecoded(t *testing.T) {
	out := run(t, Spec{Shell: Cmd, Script: "chcp & echo ä"})
	t.Logf("%q", out.Stdout)
	require.Equal(t, "ä", lines(out.Stdout)[1])
	out = run(t, Spec{Shell: Cmd, Script: "@echo " + manyScripts + "\r\n@exit /b 5\r\n"})
	require.Equal(t, manyScripts, lines(out.Stdout)[0])
	require.Equal(t, 5, out.Code)
}
