package agentcli

import (
	"encoding/json"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kardianos/service"
	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent"
)

// doctorBench is a host whose service is as it should be.
func doctorBench(t *testing.T, findings ...agent.Finding) *bench {
	b := newBench(t, map[string]string{"KANADE_NATS_TOKEN": "sesame"})
	b.service.status = service.StatusRunning
	b.found = recovery{starts: true, restarts: true, ended: true}
	b.findings = findings
	return b
}

var sickFindings = []agent.Finding{
	{Check: "broker", Level: agent.FindingOK, Text: "connected"},
	{Check: "permission", Level: agent.FindingOK, Subject: "publish a", Text: "allowed: this"},
	{Check: "permission", Level: agent.FindingFail, Subject: "publish b", Text: "refused: that", Advice: "allow it"},
	{Check: "permissions", Level: agent.FindingFail, Text: "1 subject is refused", Advice: "add the block", Block: "permissions {\n  x\n}"},
	{Check: "clock", Level: agent.FindingWarn, Text: hostile, Advice: "set it"},
}

func TestDoctorPrintsWhatToDo(t *testing.T) {
	t.Parallel()
	path := writeFile(t, "agent.toml", minimalFile)
	b := doctorBench(t, sickFindings...)
	out, err := b.do(t, "doctor", "--config", path)
	require.Equal(t, ExitFindings, ExitCode(err))
	require.Equal(t, []string{
		"OK    service: " + defaultServiceName + " runs (fake)",
		"OK    service recovery: starts with the host, and again when it fails",
		"OK    configuration: read from " + path,
		"OK    updates: the program does not replace itself",
		"OK    broker: connected",
		"FAIL  permission: publish b: refused: that",
		"      what to do: allow it",
		"FAIL  permissions: 1 subject is refused; 1 of those that the agent uses are allowed",
		"      what to do: add the block",
		"        permissions {",
		"          x",
		"        }",
		"WARN  clock: " + visible(hostile),
		"      what to do: set it",
		"",
		"6 OK, 1 warning, 2 failures",
	}, strings.Split(strings.TrimSuffix(out, "\n"), "\n"))
	require.Equal(t, agent.Secret("sesame"), b.examined[0].Token)
	require.Equal(t, secretVariables, b.unset, "the shells that are tried inherit none")
	require.NotContains(t, out, "sesame")

	out, err = b.do(t, "doctor", "--config", path, "--verbose")
	require.Equal(t, ExitFindings, ExitCode(err))
	require.Contains(t, out, "OK    permission: publish a: allowed: this\n")
}

func TestDoctorAsJSON(t *testing.T) {
	t.Parallel()
	path := writeFile(t, "agent.toml", minimalFile)
	out, err := doctorBench(t, sickFindings...).do(t, "doctor", "--config", path, "--json")
	require.Equal(t, ExitFindings, ExitCode(err))
	var answer doctorAnswer
	require.NoError(t, json.Unmarshal([]byte(out), &answer))
	require.False(t, answer.Healthy)
	require.Equal(t, []int{6, 1, 2}, []int{answer.OK, answer.Warnings, answer.Failures})
	require.Equal(t, sickFindings, answer.Findings[4:])

	out, err = doctorBench(t, sickFindings[0], sickFindings[4]).do(t, "doctor", "--config", path, "--json")
	require.NoError(t, err, "a warning is no failure")
	require.Contains(t, out, `"healthy":true`)
}

// A configuration that no agent would start with is told in full, and nothing is
// done with it.
func TestDoctorOfABrokenConfiguration(t *testing.T) {
	t.Parallel()
	b := doctorBench(t)
	out, err := b.do(t, "doctor", "--config", writeFile(t, "agent.toml", strings.Replace(faultyFile, "include = ['log.toml']\n", "", 1)))
	require.Equal(t, ExitFindings, ExitCode(err))
	require.Empty(t, b.examined)
	require.Contains(t, out, ":2:6: agent.id: ")
	require.Contains(t, out, "table [log] is missing")
	require.Contains(t, out, "WARN  configuration: ")
	require.Contains(t, out, "OK    service: ")
}

func TestDoctorLooksAtTheService(t *testing.T) {
	t.Parallel()
	path := writeFile(t, "agent.toml", minimalFile)
	for name, tc := range map[string]struct {
		set  func(*bench)
		want string
	}{
		"not installed":    {func(b *bench) { b.service.err = service.ErrNotInstalled }, "WARN  service: " + defaultServiceName + " is not installed\n      what to do: install it with: kanade-agent install"},
		"stopped":          {func(b *bench) { b.service.status = service.StatusStopped }, "WARN  service: " + defaultServiceName + " does not run"},
		"not known":        {func(b *bench) { b.service.err = errors.New("access is denied") }, "is not known: access is denied"},
		"not at the start": {func(b *bench) { b.found.starts = false }, "does not start with the host"},
		"no restart":       {func(b *bench) { b.found.restarts = false }, "is not restarted when it fails"},
		"crashes only":     {func(b *bench) { b.found.ended = false }, "sc failureflag " + defaultServiceName + " 1"},
		"no recovery":      {func(b *bench) { b.unknown = errors.New("no bus") }, "WARN  service recovery: not known: no bus"},
	} {
		b := doctorBench(t)
		tc.set(b)
		out, err := b.do(t, "doctor", "--config", path)
		require.NoError(t, err, name)
		require.Contains(t, out, tc.want, name)
	}
	b := doctorBench(t)
	b.newService = func(*service.Config) (service.Service, error) { return nil, service.ErrNoServiceSystemDetected }
	out, err := b.do(t, "doctor", "--config", path)
	require.NoError(t, err)
	require.Contains(t, out, "WARN  service: there is no service manager")

	b = doctorBench(t)
	b.unknown = errRecoveryUnknown
	out, err = b.do(t, "doctor", "--config", path)
	require.NoError(t, err)
	require.NotContains(t, out, "recovery")
}

func TestDoctorSaysWhoCanReplaceTheProgram(t *testing.T) {
	t.Parallel()
	path := writeFile(t, "agent.toml", minimalFile)
	keys := filepath.Dir(keyPair(t))
	for name, row := range map[string]struct {
		self  bool
		flags []string
		want  string
	}{
		"not ours": {false, nil, "OK    updates: the program does not replace itself"},
		"off":      {true, []string{"--update", "off"}, "OK    updates: the program does not replace itself"},
		"any":      {true, nil, "WARN  updates: releases without a signature are taken"},
		"signed":   {true, []string{"--update-keys", keys}, "OK    updates: signed releases are taken, 1 public key in " + keys},
	} {
		b := doctorBench(t)
		b.brand.SelfUpdate = row.self
		out, err := b.do(t, append([]string{"doctor", "--config", path}, row.flags...)...)
		require.NoError(t, err, name)
		require.Contains(t, out, row.want, name)
	}
}
