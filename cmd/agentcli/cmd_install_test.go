package agentcli

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kardianos/service"
	"github.com/spf13/cobra"
	"github.com/stretchr/testify/require"
)

// installBench is a host without the service.
func installBench(t *testing.T, env map[string]string) *bench {
	t.Helper()
	b := newBench(t, env)
	b.service.err = service.ErrNotInstalled
	b.registry.changed = []change{major("entry written")}
	return b
}

// thenInstalled is that host afterwards.
func (b *bench) thenInstalled(status service.Status) {
	b.service.err, b.service.status, b.service.calls, b.registry.changed = nil, status, nil, nil
}

func TestInstallWritesTheConfiguration(t *testing.T) {
	t.Parallel()
	b := installBench(t, map[string]string{"KANADE_AGENT_ID": "of-this-shell"})
	token := writeFile(t, "token", "sesame")
	require.NoError(t, os.Chmod(token, 0o644))
	args := []string{"install", "--nats-url", "nats://h:4222", "--nats-url=tls://h2", "--id", "pc-'1'", "--token-file", token, "--start", "--json"}
	out, err := b.do(t, args...)
	require.NoError(t, err)
	r := reported(t, out)
	path := filepath.Join(b.around.dirs.config, "agent.toml")
	require.Equal(t, path, r.Config)
	require.Equal(t, "installed", r.Done)
	require.True(t, r.Running)
	require.Equal(t, []string{"start"}, b.service.calls)
	for _, what := range []string{path + " written", b.around.dirs.config + " made", b.around.dirs.data + " made", b.around.dirs.logs + " made", "entry written"} {
		require.Contains(t, strings.Join(r.Changed, "\n"), what)
	}

	found, err := load(flagged(configFlag, path), b.around.unaffected())
	require.NoError(t, err)
	require.NoError(t, found.config.Validate())
	require.Empty(t, found.warnings)
	require.Equal(t, "pc-'1'", found.config.ID)
	require.Equal(t, []string{"nats://h:4222", "tls://h2"}, found.config.Servers)
	require.Equal(t, token, found.config.TokenFile)
	require.Equal(t, filepath.Join(b.around.dirs.logs, "agent.log"), found.config.LogFile)

	require.Len(t, b.registry.entered, 1)
	d := b.registry.entered[0]
	require.Equal(t, []string{"run", "--config", path}, d.Arguments)
	require.True(t, filepath.IsAbs(d.Program))
	require.Equal(t, found.config.StateDir, d.StateDir)
	require.NoError(t, d.check())

	b.thenInstalled(service.StatusRunning)
	out, err = b.do(t, args...)
	require.NoError(t, err)
	r = reported(t, out)
	require.Equal(t, "unchanged", r.Done)
	require.Equal(t, []string{}, r.Changed)
	require.Empty(t, b.service.calls, "nothing changed, so nothing is restarted")
}

// A host is named when it starts: images are copied.
func TestInstallNamesTheHostByATemplate(t *testing.T) {
	t.Parallel()
	b := installBench(t, nil)
	out, err := b.do(t, "install", "--nats-url", "nats://h")
	require.NoError(t, err)
	text := content(t, b.around.dirs.config, "agent.toml")
	require.Contains(t, text, "id = '{{ system.host }}'")
	require.Contains(t, text, "data_dir = '"+b.around.dirs.data+"'", "a service of Windows has another default than this shell")
	require.Contains(t, out, "service "+defaultServiceName+" installed; start it with: kanade-agent start\n")
	require.Empty(t, b.service.calls)
}

func TestInstallTakesTheConfigurationThatIsThere(t *testing.T) {
	path := writeFile(t, "agent.toml", minimalFile)
	t.Chdir(filepath.Dir(path))
	b := installBench(t, map[string]string{configEnv: "agent.toml"})
	_, err := b.do(t, "install", "--nats-url", "nats://file:4222")
	require.NoError(t, err)
	d := b.registry.entered[0]
	require.True(t, filepath.IsAbs(d.Config))
	require.Equal(t, minimalFile, content(t, filepath.Dir(path), "agent.toml"))
}

func TestInstallRefuses(t *testing.T) {
	t.Parallel()
	good := writeFile(t, "agent.toml", minimalFile)
	for name, tc := range map[string]struct {
		args []string
		want string
	}{
		"no file":        {[]string{"--config", "/no/such/agent.toml"}, filepath.FromSlash("/no/such/agent.toml") + " is not there, and is written only when --nats-url says"},
		"no usual file":  {nil, "agent.toml is not there"},
		"broken file":    {[]string{"--config", writeFile(t, "agent.toml", "[agent\n")}, ":1:7: "},
		"bad id in it":   {[]string{"--config", writeFile(t, "agent.toml", strings.Replace(minimalFile, "file-id", "a b", 1))}, `id "a b"`},
		"another id":     {[]string{"--config", good, "--id", "x"}, `says agent.id = "file-id", not "x" as --id does`},
		"another broker": {[]string{"--config", good, "--nats-url", "nats://file:4222", "--nats-url", "nats://two"}, "agent.nats_url"},
		"bad id":         {[]string{"--nats-url", "nats://h", "--id", "a b"}, `id "a b"`},
		"bad broker":     {[]string{"--nats-url", "ftp://h"}, `unknown scheme "ftp"`},
		"a template":     {[]string{"--nats-url", "nats://h", "--id", "{{ env(name='X') }}"}, "would be a template"},
		"a hostile path": {[]string{"--nats-url", "nats://h", "--program", "a\nb"}, "control character"},
		"no program":     {[]string{"--nats-url", "nats://h", "--program", filepath.Join(t.TempDir(), "gone")}, "--program names another"},
		"a folder":       {[]string{"--nats-url", "nats://h", "--program", t.TempDir()}, "is no file; --program names another"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := installBench(t, nil)
			_, err := b.do(t, append([]string{"install"}, tc.args...)...)
			require.ErrorContains(t, err, tc.want)
			require.Equal(t, ExitError, ExitCode(err))
			require.Empty(t, b.service.calls)
			require.NoFileExists(t, filepath.Join(b.around.dirs.config, "agent.toml"))
			require.Empty(t, b.registry.entered)
		})
	}
}

func TestInstallRestartsOnlyForAChange(t *testing.T) {
	t.Parallel()
	path := writeFile(t, "agent.toml", strings.Replace(minimalFile, "/tmp/kanade", t.TempDir(), 1))
	require.NoError(t, closeFile(path))
	const running, stopped = service.StatusRunning, service.StatusStopped
	for name, tc := range map[string]struct {
		status  service.Status
		changed []change
		start   bool
		calls   []string
		says    string
	}{
		"nothing":           {running, nil, false, nil, "unchanged\n"},
		"another entry":     {running, []change{major("x")}, false, []string{"restart"}, "updated and restarted\n"},
		"recovery":          {running, []change{minor("x")}, true, nil, "updated; it runs\n"},
		"while it is down":  {stopped, []change{major("x")}, false, nil, "updated; start it with: kanade-agent start\n"},
		"to be started too": {stopped, []change{major("x")}, true, []string{"start"}, "updated; it runs\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, nil)
			b.service.status, b.registry.changed = tc.status, tc.changed
			require.NoError(t, os.MkdirAll(b.around.dirs.data, 0o700))
			out, err := b.do(t, "install", "--config", path, "--start="+map[bool]string{true: "true", false: "false"}[tc.start])
			require.NoError(t, err)
			require.Equal(t, tc.calls, b.service.calls)
			require.True(t, strings.HasSuffix(out, "service "+defaultServiceName+" "+tc.says), out)
		})
	}
}

// A manager that starts scripts cannot say that it has none for the service.
func TestInstallOnAHostWhoseManagerCannotSay(t *testing.T) {
	t.Parallel()
	b := installBench(t, nil)
	b.service.err = errors.New("exit status 1: kanade-agent: unrecognized service")
	out, err := b.do(t, "install", "--nats-url", "nats://h")
	require.NoError(t, err)
	require.Contains(t, out, "service "+defaultServiceName+" installed; start it with: ")
	b.registry.line = []string{"/x", "run"}
	out, err = b.do(t, "install", "--nats-url", "nats://h")
	require.NoError(t, err)
	require.Contains(t, out, "service "+defaultServiceName+" updated; start it with: ")
}

// What was done before an error is told: a second run goes on from there.
func TestInstallSaysWhatItDidBeforeItFailed(t *testing.T) {
	t.Parallel()
	b := installBench(t, nil)
	b.registry.err = errors.New("access is denied")
	out, err := b.do(t, "install", "--nats-url", "nats://h")
	require.ErrorContains(t, err, "install: service "+defaultServiceName+": access is denied")
	require.Contains(t, out, "agent.toml written\n")
	require.FileExists(t, filepath.Join(b.around.dirs.config, "agent.toml"))
}

func TestInstallPrintsADefinition(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	b.notAdmin = true
	program, err := filepath.Abs("kanade-agent")
	require.NoError(t, err)
	for manager, begin := range map[string]string{"systemd": unitMark, "launchd": "<?xml"} {
		out, err := b.do(t, "install", "--print", manager, "--program", program)
		require.NoError(t, err)
		require.True(t, strings.HasPrefix(out, begin), out)
		require.Contains(t, out, "kanade-agent")
	}
	_, err = b.do(t, "install", "--print", "upstart")
	require.Equal(t, ExitUsage, ExitCode(err))
	require.Empty(t, b.registry.entered)
}

// A program that has the tree below a verb of its own is started with that verb.
func TestInstallOfAnotherBrand(t *testing.T) {
	t.Parallel()
	b := installBench(t, nil)
	b.brand = Brand{Use: "agent", ServiceName: "acme-agent", Version: "9"}.withDefaults()
	outer := &cobra.Command{Use: "acme"}
	outer.AddCommand(b.command())
	var out bytes.Buffer
	outer.SetOut(&out)
	outer.SetArgs([]string{"agent", "install", "--nats-url", "nats://h"})
	require.NoError(t, outer.ExecuteContext(t.Context()))
	d := b.registry.entered[0]
	require.Equal(t, "acme-agent", d.Name)
	require.Equal(t, []string{"agent", "run", "--config"}, d.Arguments[:3])
	require.Contains(t, out.String(), "service acme-agent installed")
}
