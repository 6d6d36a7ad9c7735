package agentcli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/kardianos/service"
	"github.com/spf13/cobra"
	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent"
)

// fakeService is a service manager with one service.
type fakeService struct {
	service.Service
	config *service.Config
	status service.Status
	err    error    // of Status
	fail   error    // of everything else
	calls  []string // in order
}

func (f *fakeService) did(call string) error           { f.calls = append(f.calls, call); return f.fail }
func (f *fakeService) Install() error                  { return f.did("install") }
func (f *fakeService) Uninstall() error                { return f.did("uninstall") }
func (f *fakeService) Start() error                    { return f.did("start") }
func (f *fakeService) Stop() error                     { return f.did("stop") }
func (f *fakeService) Restart() error                  { return f.did("restart") }
func (f *fakeService) Platform() string                { return "fake" }
func (f *fakeService) Status() (service.Status, error) { return f.status, f.err }

// bench is a tree of commands over fakes.
type bench struct {
	tree
	service  *fakeService
	registry *fakeRegistry
	notAdmin bool
	started  []agent.Config // of each agent made
	unset    []string
	run      runnerFunc

	findings []agent.Finding // of the diagnosis
	examined []agent.Config
	found    recovery
	unknown  error
}

func newBench(t *testing.T, env map[string]string) *bench {
	t.Helper()
	b := &bench{service: &fakeService{}, registry: &fakeRegistry{}}
	b.run = func(context.Context) error { return nil }
	b.tree = tree{
		brand:    Brand{Version: "1.2.3"}.withDefaults(),
		around:   testSurroundings(t, env),
		unsetenv: func(name string) error { b.unset = append(b.unset, name); return nil },
		newAgent: func(c agent.Config, _ ...agent.Option) (runner, error) {
			b.started = append(b.started, c)
			return b.run, c.Validate()
		},
		newService: func(c *service.Config) (service.Service, error) {
			b.service.config = c
			return b.service, nil
		},
		diagnose: func(_ context.Context, c agent.Config, _ ...agent.Option) iter.Seq[agent.Finding] {
			b.examined = append(b.examined, c)
			return slices.Values(b.findings)
		},
		recovery:    func(context.Context, string) (recovery, error) { return b.found, b.unknown },
		newRegistry: func(service.Service, *service.Config) serviceRegistry { return b.registry },
		isAdmin:     func() bool { return !b.notAdmin },
	}
	return b
}

// do runs the tree with args as a process would.
func (b *bench) do(t *testing.T, args ...string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	cmd := b.command()
	cmd.SetArgs(args)
	cmd.SetOut(&out)
	cmd.SetErr(&out)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	run := b.run
	b.run = func(inner context.Context) error { cancel(); <-inner.Done(); return run(inner) }
	err := cmd.ExecuteContext(ctx)
	b.run = run
	return out.String(), err
}

func TestVersion(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	for _, args := range [][]string{{"version"}, {"--version"}} {
		out, err := b.do(t, args...)
		require.NoError(t, err)
		require.Equal(t, "kanade-agent 1.2.3\n", out)
	}
	out, err := b.do(t, "version", "--json")
	require.NoError(t, err)
	var info versionInfo
	require.NoError(t, json.Unmarshal([]byte(out), &info))
	require.Equal(t, "1.2.3", info.Version)
	require.Equal(t, "kanade-agent", info.Name)
	require.NotEmpty(t, info.Go)
	require.Empty(t, b.started)
}

func TestBrandDefaults(t *testing.T) {
	t.Parallel()
	b := Brand{}.withDefaults()
	require.Equal(t, "kanade-agent", b.Use)
	require.Equal(t, defaultServiceName, b.ServiceName)
	require.NotEmpty(t, b.Version)
	b = Brand{Use: "acme-agent"}.withDefaults()
	require.Equal(t, "acme-agent", b.ServiceName)
	require.Equal(t, "acme-agent", b.DisplayName)
}

func TestRunWithAndWithoutVerb(t *testing.T) {
	t.Parallel()
	path := writeFile(t, "agent.toml", minimalFile)
	for name, args := range map[string][]string{
		"run":          {"run", "--config", path, "--id", "x"},
		"no verb":      {"--config", path, "--id=x"},
		"flags before": {"--config", path, "--id", "x", "run"},
		"the last":     {"--id", "y", "--config=" + path, "--id", "x"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, nil)
			out, err := b.do(t, append(args, "--log-keep-days", "0", "--log-level", "info")...)
			require.NoError(t, err)
			require.Len(t, b.started, 1)
			require.Equal(t, "x", b.started[0].ID)
			require.Equal(t, "1.2.3", b.started[0].Version)
			require.Equal(t, []string{"nats://file:4222"}, b.started[0].Servers)
			require.Equal(t, secretVariables, b.unset)
			require.Contains(t, out, `msg="starting kanade-agent"`)
			require.Contains(t, out, "stopping")
			require.Contains(t, out, "msg=stopped")
		})
	}
}

func TestRunKeepsSecretsOutOfTheLog(t *testing.T) {
	t.Parallel()
	b := newBench(t, map[string]string{"KANADE_NATS_TOKEN": "sesame"})
	out, err := b.do(t, "--nats-url", "nats://ada:lovelace@h:4222", "--id", "x", "--log-level", "trace")
	require.NoError(t, err)
	require.Equal(t, agent.Secret("sesame"), b.started[0].Token)
	require.NotContains(t, out, "lovelace")
	require.NotContains(t, out, "sesame")
	_, err = b.do(t, "--nats-url", "nats://ada:lovelace@h:port", "--id", "x")
	require.Error(t, err)
	require.NotContains(t, err.Error(), "lovelace")
}

func TestRunWritesItsEndToTheLogFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	b := newBench(t, nil)
	b.run = func(context.Context) error { return errors.New("the disk is gone") }
	_, err := b.do(t, "--nats-url", "nats://h", "--id", "x", "--log-file", filepath.Join(dir, "a.log"))
	require.EqualError(t, err, "the disk is gone")
	require.Equal(t, ExitError, ExitCode(err))
	files := names(t, dir)
	require.Len(t, files, 1)
	require.Contains(t, content(t, dir, files[0]), `level=ERROR msg=ended error="the disk is gone"`)
}

func TestRunErrors(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		args []string
		want string
		code int
	}{
		"no config":      {[]string{"run"}, "no configuration", ExitError},
		"no file":        {[]string{"--config", "/no/such/agent.toml"}, "config file: open /no/such/agent.toml", ExitError},
		"bad id":         {[]string{"--nats-url", "nats://h", "--id", "a b"}, `id "a b"`, ExitError},
		"bad id and url": {[]string{"--nats-url", "ftp://h", "--id", "*"}, `unknown scheme "ftp"`, ExitError},
		"unknown verb":   {[]string{"rum"}, `unknown verb "rum"; did you mean run?`, ExitUsage},
		"unknown flag":   {[]string{"run", "--colour"}, "unknown flag: --colour", ExitUsage},
		"no value":       {[]string{"--config"}, "flag needs an argument", ExitUsage},
		"argument":       {[]string{"status", "now"}, `status takes no argument such as "now"`, ExitUsage},
		"no number":      {[]string{"outbox", "ls", "--limit", "many"}, `"many" for "--limit" flag: it is no whole number (see `, ExitUsage},
		"huge number":    {[]string{"outbox", "ls", "--limit", "99999999999999999999"}, "it is too large (see ", ExitUsage},
		"print as JSON":  {[]string{"install", "--print", "systemd", "--json"}, "--print and --json exclude each other", ExitUsage},
		"secret flag":    {[]string{"--token", "x"}, "unknown flag", ExitUsage},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, nil)
			out, err := b.do(t, tc.args...)
			require.ErrorContains(t, err, tc.want)
			require.Equal(t, tc.code, ExitCode(err))
			require.NotContains(t, oneLine(err), "\n")
			require.NotContains(t, out, "Usage:")
		})
	}
}

func TestHelpNamesEverySetting(t *testing.T) {
	t.Parallel()
	out, err := newBench(t, nil).do(t, "--help")
	require.NoError(t, err)
	doc, err := os.ReadFile("doc.go")
	require.NoError(t, err)
	for _, list := range [][]setting{plainSettings, {levelSetting}, credentialSettings} {
		for _, s := range list {
			_, key, _ := strings.Cut(s.key, ".")
			for _, name := range []string{s.flag, s.env, key} {
				require.Contains(t, out, name, "%s", s.name())
				require.Contains(t, string(doc), name)
			}
		}
	}
	for _, text := range []string{"Exit codes:", "130", "KANADE_AGENT_CONFIG", "kanade-agent run --config", "is_windows()"} {
		require.Contains(t, out, text)
	}
	require.Contains(t, out, "completion")
}

func TestEveryVerbHasHelpAndAnExample(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	for _, cmd := range b.command().Commands() {
		require.NotEmpty(t, cmd.Short, cmd.Name())
		require.Contains(t, cmd.Example, "kanade-agent "+cmd.Name())
		out, err := b.do(t, cmd.Name(), "--help")
		require.NoError(t, err)
		require.Contains(t, out, "Examples:")
	}
}

// Under somebody else's root the tree keeps its manners.
func TestUnderAnotherRoot(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	b.brand = Brand{Use: "agent", Version: "9"}.withDefaults()
	root := b.command()
	outer := &cobra.Command{Use: "acme"}
	outer.AddCommand(root)
	var out bytes.Buffer
	outer.SetOut(&out)
	outer.SetErr(&out)
	outer.SetArgs([]string{"agent", "version"})
	require.NoError(t, outer.Execute())
	require.Equal(t, "agent 9\n", out.String())
	out.Reset()
	outer.SetArgs([]string{"agent", "run"})
	require.ErrorIs(t, outer.Execute(), errNoConfig)
	require.Empty(t, out.String(), "no usage text over an error")
}
