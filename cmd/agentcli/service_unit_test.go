//go:build unix

package agentcli

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// defined is a definition as Linux has it.
func defined(config string) serviceDefinition {
	return serviceDefinition{
		Name: "kanade-agent", DisplayName: "kanade-agent", Description: "Runs commands, 100% of them.",
		Program: "/usr/bin/kanade-agent", Arguments: serviceArguments(nil, config), Config: config,
		StateDir: "/var/lib/kanade", LogFile: "/var/log/kanade/agent.log",
	}
}

func TestUnit(t *testing.T) {
	t.Parallel()
	unit := unitOf(defined("/etc/kanade/agent.toml"), systemdAssumed)
	for _, line := range []string{
		"ExecStart=/usr/bin/kanade-agent run --config /etc/kanade/agent.toml",
		"Description=Runs commands, 100%% of them.",
		"Type=notify", "NotifyAccess=main", "WatchdogSec=180",
		"Restart=always", "SuccessExitStatus=64", "RestartForceExitStatus=64", "StartLimitIntervalSec=0",
		"RestartSec=2", "RestartSteps=5", "RestartMaxDelaySec=30",
		"KillMode=mixed", "OOMPolicy=continue", "Delegate=yes", "TimeoutStopSec=30",
		"StateDirectory=kanade", "StateDirectoryMode=0700", "LogsDirectory=kanade", "LogsDirectoryMode=0700",
		"WantedBy=multi-user.target",
	} {
		require.Contains(t, unit, "\n"+line+"\n")
	}
	// What an update replaces, and scripts need, stays open.
	for _, key := range []string{"ProtectSystem", "ReadOnlyPaths", "PrivateTmp", "ProtectHome", "NoNewPrivileges", "SystemCall", "UMask", "User="} {
		require.NotContains(t, unit, "\n"+key)
	}
}

// An older systemd says of each key that it does not know, at each start of the host.
func TestUnitOfAnOlderSystemd(t *testing.T) {
	t.Parallel()
	for version, without := range map[int][]string{
		219: {"StartLimitIntervalSec", "StateDirectory", "LogsDirectory", "OOMPolicy", "RestartSteps", "DelegateSubgroup"},
		235: {"OOMPolicy", "RestartSteps", "DelegateSubgroup"},
		252: {"RestartSteps", "RestartMaxDelaySec", "DelegateSubgroup"},
	} {
		unit := unitOf(defined("/c"), version)
		for _, key := range without {
			require.NotContains(t, unit, key, version)
		}
		require.Contains(t, unit, "\nRestart=always\n")
		require.Equal(t, version == 219, strings.Contains(unit, "\nStartLimitInterval=0\n"), "or it gives up after five starts")
	}
}

func TestUnitLeavesUnusualFoldersToTheAgent(t *testing.T) {
	t.Parallel()
	for _, dir := range []string{"", "/srv/kanade", "/var/lib", "/var/lib/a b", "/var/lib/50%", "/var/lib/../srv", "/var/lib/a:b"} {
		d := defined("/c")
		d.StateDir, d.LogFile = dir, ""
		require.NotContains(t, unitOf(d, systemdAssumed), "Directory=", dir)
	}
	d := defined("/c")
	d.StateDir = "/var/lib/kanade/data"
	require.Contains(t, unitOf(d, systemdAssumed), "\nStateDirectory=kanade/data\n")
}

// What was written is what is read: an uninstall finds the configuration by it.
func TestCommandLinesOfUnits(t *testing.T) {
	t.Parallel()
	word := rapid.StringOf(rapid.OneOf(rapid.Rune().Filter(func(r rune) bool { return r >= ' ' && r != 127 }), rapid.RuneFrom([]rune(` "'\%$-=;#`))))
	rapid.Check(t, func(t *rapid.T) {
		d := defined(word.Draw(t, "config"))
		d.Program = "/" + word.Draw(t, "program")
		if d.check() != nil {
			return
		}
		line := commandOfUnit(unitOf(d, systemdAssumed))
		require.Equal(t, append([]string{d.Program}, d.Arguments...), line)
		require.Equal(t, d.Config, configOf(line))
	})
	require.Nil(t, commandOfUnit("[Service]\nType=simple\n"))
	require.Equal(t, []string{"/opt/other", "-c", "a b"}, commandOfUnit("[Service]\n ExecStart=-/opt/other -c 'a b'\n"))
}

func TestConfigOfACommandLine(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{"x run --config /c": "/c", "x --config=/d run": "/d", "x run": "", "x run --config": "", "": ""} {
		require.Equal(t, want, configOf(strings.Fields(line)), line)
	}
}

func TestDefinitionsWithControlCharacters(t *testing.T) {
	t.Parallel()
	for _, config := range []string{"/a\nExecStart=/bin/sh", "/a\x00", "/a\r", "/a\x1b"} {
		require.ErrorContains(t, defined(config).check(), "control character")
	}
}

// systemd leaves a line out that is not UTF-8: a service without a program.
func TestDefinitionsThatAreNoText(t *testing.T) {
	t.Parallel()
	require.ErrorContains(t, defined("/etc/k\xffnade.toml").check(), "is not UTF-8 text")
}
