package agentcli

import (
	"fmt"
	"path"
	"strings"
	"unicode/utf8"
)

// Versions of systemd that brought something which the unit has.
const (
	systemdStartLimits  = 230 // StartLimitIntervalSec= in [Unit]
	systemdDirectories  = 235 // StateDirectory=, LogsDirectory=
	systemdOOMPolicy    = 243
	systemdRestartSteps = 254 // and DelegateSubgroup=
	systemdAssumed      = 255 // when it does not say
)

const unitMark = "# Written by install; a second install writes it again. Changes of yours belong into a drop-in: systemctl edit "

// unitOf is the service of systemd. What it does not have, and why, is in
// agent/adr/0017-service.md.
func unitOf(d serviceDefinition, systemd int) string {
	u := unit{}
	u.line("%s%s", unitMark, d.Name)
	u.line("[Unit]")
	u.set("Description", unitText(d.Description))
	u.line("# The agent waits for the broker itself. It stops before the network does, to deliver.")
	u.set("After", "network.target")
	if d.StateDir != "" {
		u.set("RequiresMountsFor", unitWord(d.StateDir))
	}
	if systemd >= systemdStartLimits {
		u.set("StartLimitIntervalSec", "0")
	}
	u.line("\n[Service]")
	u.set("Type", "notify")
	u.set("NotifyAccess", "main")
	u.set("ExecStart", commandLineOf(d))
	u.set("ExecReload", "/bin/kill -HUP $MAINPID")
	u.restarts(systemd)
	u.scripts(systemd)
	if systemd >= systemdDirectories {
		u.directory("StateDirectory", "/var/lib/", d.StateDir)
		u.directory("LogsDirectory", "/var/log/", d.logDir())
	}
	u.line("\n[Install]")
	u.set("WantedBy", "multi-user.target")
	return u.text.String()
}

type unit struct{ text strings.Builder }

func (u *unit) line(format string, args ...any) { fmt.Fprintf(&u.text, format+"\n", args...) }
func (u *unit) set(key, value string)           { u.line("%s=%s", key, value) }

// restarts: for ever, sooner at first. systemd never counts back by itself, so the
// longest wait is one that an update may take.
func (u *unit) restarts(systemd int) {
	u.set("Restart", "always")
	u.line("# 64: the executable was replaced. No failure, and to be started again whatever Restart= says.")
	u.set("SuccessExitStatus", fmt.Sprint(ExitRestart))
	u.set("RestartForceExitStatus", fmt.Sprint(ExitRestart))
	u.set("RestartSec", "2")
	if systemd >= systemdRestartSteps {
		u.set("RestartSteps", "5")
		u.set("RestartMaxDelaySec", "30")
	}
	if systemd < systemdStartLimits {
		u.set("StartLimitInterval", "0")
	}
	u.line("# An agent that hangs is ended with SIGABRT: its goroutines are in the journal.")
	u.set("WatchdogSec", "180")
	u.set("TimeoutStopSec", "30") // more than stopBudget
}

// scripts: what they may need is not taken from them, and what they do does not end
// the agent.
func (u *unit) scripts(systemd int) {
	u.line("# The agent ends its scripts itself, in its grace; what is left then is killed.")
	u.set("KillMode", "mixed")
	if systemd >= systemdOOMPolicy {
		u.line("# A script without memory does not take the agent with it.")
		u.set("OOMPolicy", "continue")
	}
	u.line("# A cgroup for each script, for agents that are told to.")
	u.set("Delegate", "yes")
	if systemd >= systemdRestartSteps {
		u.set("DelegateSubgroup", "agent")
	}
	u.line("# Memory holds credentials. A script may raise it again.")
	u.set("LimitCORE", "0:infinity")
	u.set("KeyringMode", "private")
}

// directory has systemd make a folder at its usual place, closed to others.
func (u *unit) directory(key, base, dir string) {
	below, found := strings.CutPrefix(path.Clean(dir), base)
	if !found || strings.ContainsAny(below, " %\"\\':$") {
		return // run makes it
	}
	u.set(key, below)
	u.set(key+"Mode", "0700")
}

func commandLineOf(d serviceDefinition) string {
	words := []string{unitWord(d.Program)}
	for _, arg := range d.Arguments {
		words = append(words, strings.ReplaceAll(unitWord(arg), "$", "$$"))
	}
	return strings.Join(words, " ")
}

// unitText has no specifiers.
func unitText(s string) string { return strings.ReplaceAll(s, "%", "%%") }

// unitWord is one word for systemd.
func unitWord(s string) string {
	quoted := strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(unitText(s))
	if s == "" || quoted != s || strings.ContainsAny(s, " '") {
		return `"` + quoted + `"`
	}
	return s
}

// commandOfUnit is the command line of a unit, whoever wrote it; nil: it has none. Of
// several ExecStart= lines it is the last one.
func commandOfUnit(text string) (words []string) {
	for line := range strings.Lines(text) {
		if value, found := strings.CutPrefix(strings.Trim(line, " \t\r\n"), "ExecStart="); found {
			words = unitWords(strings.TrimLeft(value, "@-:+!"))
		}
	}
	return words
}

// unitWords takes a command line apart, as commandLineOf puts it together.
func unitWords(line string) (words []string) {
	for line = strings.TrimLeft(line, " \t"); line != ""; line = strings.TrimLeft(line, " \t") {
		var word strings.Builder
		quote := byte(0)
		for line != "" && (quote != 0 || line[0] != ' ' && line[0] != '\t') {
			c := line[0]
			line = line[1:]
			switch {
			case c == quote:
				quote = 0
			case quote == 0 && (c == '"' || c == '\''):
				quote = c
			case line != "" && escapes(c, line[0], len(words) == 0):
				_, size := utf8.DecodeRuneInString(line)
				word.WriteString(line[:size])
				line = line[size:]
			default:
				word.WriteByte(c)
			}
		}
		words = append(words, word.String())
	}
	return words
}

// escapes tells whether a byte only leads to the next one. The name of the program has no
// variables, so that a dollar in it is one.
func escapes(c, next byte, program bool) bool {
	switch c {
	case '\\':
		return true
	case '$':
		return next == c && !program
	default:
		return c == '%' && next == c
	}
}
