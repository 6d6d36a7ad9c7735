//go:build hostcheck

package exec

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// What only a real Windows can show. "go test -tags hostcheck -c" builds these into the test binary; they run, one after
// the other, when KANADE_HOSTCHECK is 1, and print a line each. Without it they fail: a run that proves nothing is no pass.
const hostCheck = "KANADE_HOSTCHECK"

func host(t *testing.T, what string, check func(t *testing.T)) {
	t.Helper()
	require.Equal(t, "1", os.Getenv(hostCheck), "set %s=1 on a real Windows; Wine proves nothing here", hostCheck)
	passed := t.Run(what, check)
	fmt.Printf("hostcheck: %-5t %s\n", passed, what)
}

// backwards keeps source and test binary from being taken for what they test.
func backwards(text string) string {
	b := []byte(text)
	slices.Reverse(b)
	return string(b)
}

// hostShells are the PowerShells that this host has; Windows PowerShell has to be there.
func hostShells(t *testing.T) []Shell {
	t.Helper()
	_, err := NewLocal().Find(PowerShell)
	require.NoError(t, err)
	found := []Shell{PowerShell}
	if path, err := NewLocal().Find(Pwsh); err == nil {
		fmt.Printf("hostcheck: PowerShell 7 is %s\n", path)
		found = append(found, Pwsh)
	}
	return found
}

func TestHostPowerShell(t *testing.T) {
	for _, shell := range hostShells(t) {
		name := string(shell)
		ps := func(script string, args ...string) Spec { return Spec{Shell: shell, Script: script, Args: args} }
		host(t, name+": exit codes", func(t *testing.T) {
			for script, want := range map[string]int{
				"exit 0": 0, "exit 7": 7, "exit -1": -1, "": 0, "throw 'x'": 1, "cmd /c exit 5": 0,
				"if (": 1, "Write-Error x": 0, "param($a)\nexit 3": 3, "[CmdletBinding()] param()\nWrite-Error x": 0,
			} {
				require.Equal(t, want, run(t, ps(script)).Code, script)
			}
		})
		host(t, name+": language mode", func(t *testing.T) {
			mode, err := NewLocal().LanguageMode(t.Context(), shell)
			require.NoError(t, err)
			require.Regexp(t, `^[A-Za-z]+Language$`, mode)
			fmt.Printf("hostcheck: %s runs scripts in %s\n", name, mode)
			require.Equal(t, mode, run(t, ps("exit 0")).Language)
		})
		host(t, name+": Unicode both ways", func(t *testing.T) {
			out := run(t, ps("'ä 日本 🙂'; [Console]::Error.WriteLine('ß')"))
			require.Equal(t, "ä 日本 🙂\r\n", string(out.Stdout))
			require.Equal(t, "ß\r\n", string(out.Stderr))
		})
		host(t, name+": a native tool in the console's code page", func(t *testing.T) {
			out := run(t, ps("cmd /c 'echo \u00e4'"))
			require.Equal(t, "ä", strings.TrimSpace(string(out.Stdout)))
		})
		host(t, name+": arguments", func(t *testing.T) {
			args := []string{"a b", "'", "ä 日本", "$x", "%PATH%", "a;b", "&"}
			out := run(t, ps("$args | ForEach-Object { $_ }", args...))
			require.Equal(t, args, strings.Split(strings.TrimSpace(string(out.Stdout)), "\r\n"))
			require.Equal(t, "v", strings.TrimSpace(string(run(t, ps("param($x) $x", "-x", "v")).Stdout)))
		})
		host(t, name+": an awkward staging folder", func(t *testing.T) {
			out := run(t, ps("'in'; exit 4"), WithStagingDir(filepath.Join(t.TempDir(), "it's [a] ‘b’ 日本")))
			require.Equal(t, 4, out.Code, "%s", out.Stderr)
			require.Equal(t, "in\r\n", string(out.Stdout))
		})
		host(t, name+": a kill ends the whole tree", func(t *testing.T) {
			s := ps("Start-Process -NoNewWindow cmd '/c ping -n 1000 127.0.0.1'; Start-Sleep 1000")
			s.Timeout = 5 * time.Second
			out := run(t, s, WithDrainGrace(patience))
			require.Equal(t, EndTimeout, out.End)
			require.False(t, out.Incomplete)
		})
		host(t, name+": a harmful script is reported", func(t *testing.T) {
			// Microsoft's test string for AMSI.
			out, err := NewLocal().Run(t.Context(), ps("'"+backwards("6831c4841ca0-0478-9334-b168-ec3c27e7 :elpmaS tseT ISMA")+"'"))
			fmt.Printf("hostcheck: %s and the AMSI sample: error %v, blocked %q, exit code %d\n", name, err, out.Blocked, out.Code)
			if err == nil && out.Code != 0 {
				require.NotEmpty(t, out.Blocked, "%s", out.Stderr)
			}
		})
	}
}

func TestHostCmd(t *testing.T) {
	host(t, "cmd: batch files, labels, code page, exit codes", func(t *testing.T) {
		out := run(t, native("set X=ä 日本\ngoto end\necho not this\n:end\necho %X%\nexit /b 6\n"))
		require.Equal(t, 6, out.Code)
		require.Equal(t, "ä 日本", strings.TrimSpace(string(out.Stdout)))
	})
	host(t, "cmd: output in the code page of the console", func(t *testing.T) {
		out := run(t, native("echo ä"))
		require.Equal(t, "ä\r\n", string(out.Stdout))
	})
	host(t, "cmd: 200 at once", func(t *testing.T) {
		local := NewLocal()
		var all sync.WaitGroup
		for i := range 200 {
			all.Go(func() {
				out, err := local.Run(t.Context(), native(fmt.Sprintf("echo %d&&exit %d", i, i)))
				if err != nil || out.Code != i || strings.TrimSpace(string(out.Stdout)) != strconv.Itoa(i) {
					t.Errorf("run %d: %v, %+v", i, err, out)
				}
			})
		}
		all.Wait()
	})
	host(t, "cmd: a background process without the pipes survives", backgroundChildSurvives)
}

func TestHostLimits(t *testing.T) {
	host(t, "limits: CPU time of processes that have ended counts", func(t *testing.T) {
		s := native("for /l %i in (1,1,1000) do @" + helperCommand("burn", "200"))
		s.Limits.CPU = 2 * time.Second
		out := run(t, s)
		require.Equal(t, EndLimit, out.End)
		require.Equal(t, LimitCPU, out.Limit)
	})
	host(t, "limits: memory is a wall", func(t *testing.T) {
		s := native(helperScript("eat", strconv.Itoa(1<<30), "127.0.0.1:1", "x"))
		s.Limits.Memory = 256 << 20
		require.Equal(t, LimitMemory, run(t, s).Limit)
	})
	host(t, "limits: the number of processes is a wall", func(t *testing.T) {
		s := native(helperScript("bomb", "5"))
		s.Limits.Processes, s.Timeout = 6, time.Minute
		out := run(t, s, WithDrainGrace(patience))
		require.Equal(t, LimitProcesses, out.Limit)
		require.False(t, out.Incomplete)
	})
	host(t, "limits: low priority reaches children", func(t *testing.T) {
		s := Spec{Shell: PowerShell, Script: "powershell -NoProfile -Command '(Get-Process -Id $PID).PriorityClass'"}
		s.Limits.LowPriority = true
		require.Equal(t, "Idle", strings.TrimSpace(string(run(t, s).Stdout)))
	})
}

func TestHostStaging(t *testing.T) {
	host(t, "staging: the default folder is private", func(t *testing.T) {
		out := run(t, Spec{Shell: PowerShell, Script: "(Get-Acl (Split-Path $PSScriptRoot)).Sddl; (Get-Acl $PSScriptRoot).Sddl"})
		require.Zero(t, out.Code, "%s", out.Stderr)
		fmt.Printf("hostcheck: access lists of the staging folders:\n%s", out.Stdout)
		for _, anyone := range []string{";;;BU)", ";;;AU)", ";;;WD)", ";;;IU)"} {
			require.NotContains(t, string(out.Stdout), anyone)
		}
	})
	host(t, "staging: a folder that is a link is refused", func(t *testing.T) {
		target, link := t.TempDir(), filepath.Join(t.TempDir(), "link")
		made := run(t, Spec{Shell: Cmd, Script: `mklink /J "` + link + `" "` + target + `"`})
		require.Zero(t, made.Code, "%s", made.Stderr)
		_, err := NewLocal(WithStagingDir(link)).Run(t.Context(), native("echo 1\necho 2"))
		require.ErrorContains(t, err, link+" is a link or a file")
		requireEmptyDir(t, target)
	})
	host(t, "staging: security software that takes a file away is named", func(t *testing.T) {
		eicar := backwards(`*H+H$!ELIF-TSET-SURIVITNA-DRADNATS-RACIE$}7)CC7)^P(45XZP\4[PA@%P!O5X`)
		out, err := NewLocal().Run(t.Context(), Spec{Shell: Cmd, Script: eicar + "\r\nexit /b 9\r\n"})
		fmt.Printf("hostcheck: the EICAR test file: error %v, blocked %q, exit code %d\n", err, out.Blocked, out.Code)
		if err != nil {
			require.ErrorIs(t, err, ErrScriptRemoved)
		} else if out.Code != 9 {
			require.NotEmpty(t, out.Blocked)
		}
	})
}
