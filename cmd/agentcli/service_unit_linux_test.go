package agentcli

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// systemd itself reads the units. It wants the program to be there.
func TestSystemdAcceptsTheUnit(t *testing.T) {
	t.Parallel()
	analyze, err := exec.LookPath("systemd-analyze")
	require.NoError(t, err, "install systemd, which has it: apt-get install systemd")
	for name, tc := range map[string]struct{ program, config, state string }{
		"plain":   {"agent", "/etc/kanade/agent.toml", "/var/lib/kanade"},
		"hostile": {"50% of $HOME", `/etc/it's 100% "mine" \ of $HOME`, `/srv/it's 100% "mine" \ of $HOME`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := defined(tc.config)
			d.Program, d.StateDir = filepath.Join(t.TempDir(), tc.program), tc.state
			require.NoError(t, os.WriteFile(d.Program, []byte("#!/bin/sh\n"), 0o755))
			unit := filepath.Join(t.TempDir(), "kanade-agent.service")
			require.NoError(t, os.WriteFile(unit, []byte(unitOf(d, systemdHere(t))), 0o644))
			out, err := exec.CommandContext(t.Context(), analyze, "--man=no", "verify", unit).CombinedOutput()
			require.NoError(t, err, "%s", out)
			require.NotContains(t, about(string(out), unit), "kanade-agent.service", "a warning about the unit")
		})
	}
}

// about leaves out what is said of other units of the host.
func about(out, unit string) string {
	var lines []string
	for line := range strings.Lines(out) {
		if strings.Contains(line, unit) || strings.Contains(line, filepath.Base(unit)) {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "")
}

func systemdHere(t *testing.T) int {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "systemd-analyze", "--version").Output()
	require.NoError(t, err)
	return systemdVersion(string(out))
}

// A unit that systemd warns of is found.
func TestSystemdWarnsOfAnUnknownKey(t *testing.T) {
	t.Parallel()
	unit := filepath.Join(t.TempDir(), "kanade-agent.service")
	text := strings.Replace(unitOf(defined("/c"), systemdHere(t)), "Type=notify", "Type=notify\nRestartStepz=5", 1)
	require.NoError(t, os.WriteFile(unit, []byte(text), 0o644))
	out, _ := exec.CommandContext(t.Context(), "systemd-analyze", "--man=no", "verify", unit).CombinedOutput() // its code differs by version
	require.Contains(t, about(string(out), unit), "RestartStepz")
}
