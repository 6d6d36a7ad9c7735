package agentcli

import (
	"context"
	"encoding/json"
	"errors"
	"testing"

	"github.com/kardianos/service"
	"github.com/stretchr/testify/require"
)

// fakeRegistry is a service manager's memory in a test.
type fakeRegistry struct {
	line    []string // of the entry; nil: there is none
	changed []change
	err     error
	entered []serviceDefinition
	removed int
}

func (f *fakeRegistry) Register(_ context.Context, d serviceDefinition) ([]change, error) {
	f.entered = append(f.entered, d)
	if f.err == nil {
		f.line = append([]string{d.Program}, d.Arguments...)
	}
	return f.changed, f.err
}

func (f *fakeRegistry) CommandLine(context.Context) ([]string, error) {
	if f.line == nil {
		return nil, service.ErrNotInstalled
	}
	return f.line, nil
}

func (f *fakeRegistry) Unregister(context.Context) ([]string, error) {
	f.removed++
	return []string{"entry removed"}, f.err
}

// reported reads what a verb says of itself as JSON.
func reported(t *testing.T, out string) serviceReport {
	t.Helper()
	var r serviceReport
	require.NoError(t, json.Unmarshal([]byte(out), &r), out)
	return r
}

func TestControl(t *testing.T) {
	t.Parallel()
	const running, stopped, unknown = service.StatusRunning, service.StatusStopped, service.StatusUnknown
	for name, tc := range map[string]struct {
		verb   string
		status service.Status
		err    error
		calls  []string
		says   string
	}{
		"start":                {"start", stopped, nil, []string{"start"}, "started"},
		"start again":          {"start", running, nil, nil, "already started"},
		"start, unknown":       {"start", unknown, errors.New("?"), []string{"start"}, "started"},
		"stop":                 {"stop", running, nil, []string{"stop"}, "stopped"},
		"stop again":           {"stop", stopped, nil, nil, "already stopped"},
		"stop, unknown":        {"stop", unknown, errors.New("?"), []string{"stop"}, "stopped"},
		"restart":              {"restart", running, nil, []string{"restart"}, "restarted"},
		"restart when stopped": {"restart", stopped, nil, []string{"start"}, "restarted"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, nil)
			b.service.status, b.service.err = tc.status, tc.err
			out, err := b.do(t, tc.verb)
			require.NoError(t, err)
			require.Equal(t, tc.calls, b.service.calls)
			require.Equal(t, "service "+defaultServiceName+" "+tc.says+"\n", out)

			out, err = b.do(t, tc.verb, "--json", "--service-name", "other")
			require.NoError(t, err)
			r := reported(t, out)
			require.Equal(t, "other", r.Service)
			require.Equal(t, "other", b.service.config.Name)
			require.Equal(t, tc.verb != "stop", r.Running)
			require.Equal(t, len(tc.calls) == 0, r.Already)

			b.service.err, b.service.calls = service.ErrNotInstalled, nil
			_, err = b.do(t, tc.verb)
			require.ErrorContains(t, err, "not installed; install it with: kanade-agent install")
			require.Equal(t, ExitNotInstalled, ExitCode(err))
			require.Empty(t, b.service.calls)

			b.service.status, b.service.err, b.service.fail = tc.status, errors.New("?"), errors.New("access is denied")
			_, err = b.do(t, tc.verb)
			require.ErrorContains(t, err, "access is denied")
			require.Equal(t, ExitError, ExitCode(err))
		})
	}
}

func TestOnlyAnAdministratorChangesTheService(t *testing.T) {
	t.Parallel()
	for _, verb := range []string{"install", "uninstall", "start", "stop", "restart"} {
		b := newBench(t, nil)
		b.notAdmin = true
		_, err := b.do(t, verb)
		require.ErrorContains(t, err, verb+": only "+administrator+" can do this; use: ")
		require.Equal(t, ExitNotPermitted, ExitCode(err))
		require.Empty(t, b.service.calls)
		require.Empty(t, b.registry.entered)
		require.Zero(t, b.registry.removed)
	}
}

func TestServiceNames(t *testing.T) {
	t.Parallel()
	for _, hostileName := range []string{"../x", "a/b", `a\b`, "a b", "-x", ".x", "a\nb", "a@b", "a%b", string(make([]byte, 81)), hostile} {
		require.ErrorIs(t, checkServiceName(hostileName), errServiceName, hostileName)
		b := newBench(t, nil)
		for _, verb := range []string{"install", "uninstall", "start", "stop", "restart", "status"} {
			_, err := b.do(t, verb, "--service-name="+hostileName)
			require.ErrorIs(t, err, errServiceName, "%s %q", verb, hostileName)
		}
		require.Nil(t, b.service.config)
	}
	b := newBench(t, map[string]string{serviceNameEnv: "acme.agent_2-x"})
	named, err := b.named("")
	require.NoError(t, err)
	require.Equal(t, "acme.agent_2-x", named.brand.ServiceName)
	require.Equal(t, "acme.agent_2-x", named.brand.DisplayName)
	named, err = b.named("flag")
	require.NoError(t, err)
	require.Equal(t, "flag", named.brand.ServiceName)
}

func TestNoServiceManager(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	b.newService = func(*service.Config) (service.Service, error) { return nil, service.ErrNoServiceSystemDetected }
	for verb, code := range map[string]int{"status": ExitNotInstalled, "start": ExitError, "install": ExitError, "uninstall": ExitError} {
		_, err := b.do(t, verb)
		require.ErrorIs(t, err, service.ErrNoServiceSystemDetected)
		require.Equal(t, code, ExitCode(err), verb)
	}
}
