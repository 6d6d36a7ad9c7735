package agentcli

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/kardianos/service"
	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent"
	"github.com/kanade-go/kanade/outbox"
)

func TestUninstall(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		status service.Status
		err    error
		calls  []string
	}{
		"stopped": {service.StatusStopped, nil, nil},
		"running": {service.StatusRunning, nil, []string{"stop"}},
		"unknown": {service.StatusUnknown, errors.New("?"), []string{"stop"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, nil)
			b.service.status, b.service.err, b.registry.line = tc.status, tc.err, []string{"/x", "run"}
			out, err := b.do(t, "uninstall")
			require.NoError(t, err)
			require.Equal(t, tc.calls, b.service.calls)
			require.Equal(t, 1, b.registry.removed)
			require.Equal(t, "entry removed\nservice "+defaultServiceName+" uninstalled\n", out)
		})
	}
	b := newBench(t, nil)
	_, err := b.do(t, "uninstall")
	require.ErrorContains(t, err, "not installed; one of another name needs --service-name")
	require.Equal(t, ExitNotInstalled, ExitCode(err))
	b.registry.line, b.registry.err = []string{"/x"}, errors.New("access is denied")
	_, err = b.do(t, "uninstall")
	require.ErrorContains(t, err, "access is denied")
}

func TestAServiceThatDoesNotStopIsNotUninstalled(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	b.service.status, b.service.fail, b.registry.line = service.StatusRunning, errors.New("timed out"), []string{"/x"}
	_, err := b.do(t, "uninstall", "--purge")
	require.ErrorContains(t, err, "timed out")
	require.Zero(t, b.registry.removed)
}

// ran is a host on which an agent was installed and ran: everything that it leaves
// there, made by the agent itself.
func ran(t *testing.T) (b *bench, config, program string) {
	t.Helper()
	b = installBench(t, nil)
	program = filepath.Join(t.TempDir(), "bin", "agent")
	require.NoError(t, os.MkdirAll(filepath.Dir(program), 0o755))
	for _, left := range []string{"", ".new", ".old", ".last-good", ".update.json"} {
		require.NoError(t, os.WriteFile(program+left, nil, 0o755))
	}
	config = filepath.Join(b.around.dirs.config, "agent.toml")
	token := filepath.Join(b.around.dirs.config, "token")
	_, err := b.do(t, "install", "--nats-url", "nats://127.0.0.1:1", "--id", "pc-1", "--token-file", token, "--program", program)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(token, []byte("sesame"), 0o600))
	keys := filepath.Join(b.around.dirs.config, releaseKeysFolder)
	require.NoError(t, os.Mkdir(keys, 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(keys, "fleet.pub"), nil, 0o644))
	for _, name := range []string{"agent.2026-01-31.log", "agent.2026-01-31.1.log"} {
		require.NoError(t, os.WriteFile(filepath.Join(b.around.dirs.logs, name), nil, 0o600))
	}
	runFor(t, config, b.around)
	b.thenInstalled(service.StatusStopped)
	return b, config, program
}

// runFor runs a real agent until it has its state folder.
func runFor(t *testing.T, config string, around surroundings) {
	t.Helper()
	found, err := load(flagged(configFlag, config), around)
	require.NoError(t, err)
	require.NoError(t, found.config.Validate())
	c, _ := found.identified()
	a, err := agent.New(c)
	require.NoError(t, err)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx) }()
	require.Eventually(t, func() bool { return a.Status().Running }, time.Minute, 5*time.Millisecond)
	stop()
	require.NoError(t, <-ended)
}

func TestPurgeLeavesNothing(t *testing.T) {
	t.Parallel()
	b, config, program := ran(t)
	out, err := b.do(t, "uninstall", "--purge", "--json")
	require.NoError(t, err)
	r := reported(t, out)
	require.Equal(t, "purged", r.Done)
	require.Equal(t, config, r.Config)
	require.Equal(t, 1, b.registry.removed)
	require.NoDirExists(t, filepath.Dir(b.around.dirs.config), "%s", out)
	require.Equal(t, []string{"agent"}, names(t, filepath.Dir(program)))
	require.Contains(t, strings.Join(r.Warnings, "\n"), program+" stays")

	// A second purge, without a service, has nothing to do.
	b.registry.line = nil
	out, err = b.do(t, "uninstall", "--purge")
	require.NoError(t, err)
	require.NotContains(t, out, "removed")
}

// What was not delivered is gone with the folder: that is said.
func TestPurgeSaysWhatIsLost(t *testing.T) {
	t.Parallel()
	b, _, _ := ran(t)
	box, err := outbox.Open(agent.Boxes(b.around.dirs.data)[0].Dir, outbox.WithCodec(anyPayload{}))
	require.NoError(t, err)
	require.NoError(t, box.Put(t.Context(), outbox.Record{Name: "req-1", Data: []byte(resultText("req-1", ""))}))
	require.NoError(t, box.Close())
	out, err := b.do(t, "uninstall", "--purge", "--json")
	require.NoError(t, err)
	r := reported(t, out)
	require.Positive(t, r.Lost)
	require.Contains(t, strings.Join(r.Warnings, "\n"), "that the broker does not have went with "+b.around.dirs.data)
}

func TestPurgeRemovesOnlyWhatIsTheAgents(t *testing.T) {
	t.Parallel()
	b, config, _ := ran(t)
	others := []string{filepath.Join(b.around.dirs.config, "server.toml"), filepath.Join(b.around.dirs.logs, "server.log"), filepath.Join(b.around.dirs.logs, "agent.notes")}
	for _, path := range others {
		require.NoError(t, os.WriteFile(path, nil, 0o600))
	}
	out, err := b.do(t, "uninstall", "--purge")
	require.NoError(t, err)
	for _, path := range others {
		require.FileExists(t, path)
	}
	require.NoFileExists(t, config)
	require.Contains(t, out, "WARNING: "+b.around.dirs.config+" stays: server.toml and what else is in it is not the agent's\n")
}

func TestPurgeRefuses(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(home, "thesis.txt"), nil, 0o600))
	foreign := strings.Replace(minimalFile, "[log]", "data_dir = '"+home+"'\n[log]", 1)
	for name, tc := range map[string]struct{ file, want string }{
		"a folder of others":     {foreign, errNoStateFolder.Error() + ": it has no file FORMAT; nothing was removed"},
		"a broken configuration": {"[agent\n", "the configuration does not say what belongs to the agent"},
	} {
		b := newBench(t, nil)
		path := writeFile(t, "agent.toml", tc.file)
		b.registry.line = []string{"/usr/bin/agent", "run", "--config", path}
		_, err := b.do(t, "uninstall", "--purge")
		require.ErrorContains(t, err, tc.want, name)
		require.FileExists(t, path)
		require.FileExists(t, filepath.Join(home, "thesis.txt"))
		require.Zero(t, b.registry.removed)
	}
}

func TestPurgeLeavesAnAgentAloneThatRuns(t *testing.T) {
	t.Parallel()
	b, config, _ := ran(t)
	found, err := load(flagged(configFlag, config), b.around)
	require.NoError(t, err)
	c, _ := found.identified()
	a, err := agent.New(c)
	require.NoError(t, err)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx) }()
	defer func() { stop(); require.NoError(t, <-ended) }()
	require.Eventually(t, func() bool { _, err := agent.ReadStatus(c.StateDir); return err == nil }, time.Minute, 5*time.Millisecond)
	_, err = b.do(t, "uninstall", "--purge")
	require.ErrorContains(t, err, "an agent runs in "+c.StateDir)
	require.FileExists(t, config)
	require.FileExists(t, filepath.Join(c.StateDir, "lock"))
}
