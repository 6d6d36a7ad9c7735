package agentcli

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kardianos/service"
	"github.com/stretchr/testify/require"
)

// fakeSystemctl answers as systemctl does for one unit.
type fakeSystemctl struct {
	calls []string
	shown string
	fails string // the verb that it refuses
}

func (f *fakeSystemctl) run(_ context.Context, program string, args ...string) (string, error) {
	f.calls = append(f.calls, strings.Join(args, " "))
	switch {
	case program != "systemctl":
		return "", errors.New("no such program")
	case args[0] == f.fails:
		return "", errors.New("access is denied")
	case args[0] == "--version":
		return "systemd 252 (252.38-1~deb12u1)\n+PAM\n", nil
	case args[0] == "show":
		return f.shown, nil
	case args[0] == "enable":
		f.shown = "UnitFileState=enabled\nNeedDaemonReload=no\n"
	}
	return "", nil
}

func (f *fakeSystemctl) changes() (all []string) {
	for _, call := range f.calls {
		if !strings.HasPrefix(call, "show") && call != "--version" {
			all = append(all, call)
		}
	}
	f.calls = nil
	return all
}

func systemdBench(t *testing.T) (systemdRegistry, *fakeSystemctl, string) {
	t.Helper()
	f := &fakeSystemctl{}
	r := systemdRegistry{name: "kanade-agent", root: t.TempDir(), run: f.run}
	return r, f, filepath.Join(r.root, "etc/systemd/system/kanade-agent.service")
}

func TestSystemdRegister(t *testing.T) {
	t.Parallel()
	r, f, path := systemdBench(t)
	_, err := r.CommandLine(t.Context())
	require.ErrorIs(t, err, service.ErrNotInstalled)
	d := defined("/etc/kanade/agent.toml")

	changed, err := r.Register(t.Context(), d)
	require.NoError(t, err)
	require.Equal(t, []change{major("%s written", path), minor("the service starts with the host")}, changed)
	require.Equal(t, []string{"daemon-reload", "enable kanade-agent.service"}, f.changes())
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, unitOf(d, 252), string(text))
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o644), info.Mode().Perm())
	line, err := r.CommandLine(t.Context())
	require.NoError(t, err)
	require.Equal(t, d.Config, configOf(line))

	changed, err = r.Register(t.Context(), d)
	require.NoError(t, err)
	require.Empty(t, changed)
	require.Empty(t, f.changes())

	d.Arguments = serviceArguments(nil, "/other.toml")
	changed, err = r.Register(t.Context(), d)
	require.NoError(t, err)
	require.Equal(t, []change{major("%s updated; before, the service ran: %s", path, strings.Join(line, " "))}, changed)
	require.Equal(t, []string{"daemon-reload"}, f.changes())

	// An install that was cut before the reload is taken up.
	f.shown = "UnitFileState=enabled\nNeedDaemonReload=yes\n"
	_, err = r.Register(t.Context(), d)
	require.NoError(t, err)
	require.Equal(t, []string{"daemon-reload"}, f.changes())
}

func TestSystemdRegisterFails(t *testing.T) {
	t.Parallel()
	for _, verb := range []string{"daemon-reload", "enable"} {
		r, f, _ := systemdBench(t)
		f.fails = verb
		_, err := r.Register(t.Context(), defined("/c"))
		require.ErrorContains(t, err, "access is denied", verb)
		f.fails = ""
		_, err = r.Register(t.Context(), defined("/c"))
		require.NoError(t, err)
		require.Contains(t, f.shown, "UnitFileState=enabled", "a second run ends the work")
	}
	r, f, path := systemdBench(t)
	d := defined("/c")
	d.Program = `/opt/it's/agent`
	_, err := r.Register(t.Context(), d)
	require.ErrorContains(t, err, "quotes")
	require.NoFileExists(t, path)
	require.Empty(t, f.calls)
}

// The unit that a package brought is kept up to date by the package, as long as it
// says the same.
func TestSystemdRegisterBesideAPackage(t *testing.T) {
	t.Parallel()
	r, _, path := systemdBench(t)
	packaged := filepath.Join(r.root, "usr/lib/systemd/system/kanade-agent.service")
	require.NoError(t, os.MkdirAll(filepath.Dir(packaged), 0o755))
	require.NoError(t, os.WriteFile(packaged, []byte("[Service]\nExecStart=/usr/bin/kanade-agent run --config /etc/kanade/agent.toml\n"), 0o644))
	changed, err := r.Register(t.Context(), defined("/etc/kanade/agent.toml"))
	require.NoError(t, err)
	require.Equal(t, []change{minor("the service starts with the host")}, changed)
	require.NoFileExists(t, path)
	_, err = r.Register(t.Context(), defined("/other"))
	require.NoError(t, err)
	require.FileExists(t, path)
	removed, err := r.Unregister(t.Context())
	require.NoError(t, err)
	require.Equal(t, []string{path + " removed", packaged + " stays: it belongs to a package, and goes with that"}, removed)
}

func TestSystemdUnregister(t *testing.T) {
	t.Parallel()
	r, f, path := systemdBench(t)
	_, err := r.Register(t.Context(), defined("/c"))
	require.NoError(t, err)
	f.changes()
	require.NoError(t, os.MkdirAll(path+".d", 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(path+".d", "override.conf"), nil, 0o644))
	removed, err := r.Unregister(t.Context())
	require.NoError(t, err)
	require.Equal(t, []string{path + " removed", path + ".d stays: it has changes of an administrator; --purge removes them"}, removed)
	require.Equal(t, []string{"disable kanade-agent.service", "daemon-reload", "reset-failed kanade-agent.service"}, f.changes())
	require.Equal(t, []string{"kanade-agent.service.d"}, names(t, filepath.Dir(path)))
	for _, want := range [][]string{{path + ".d removed"}, nil} {
		removed, err = r.Purge(t.Context())
		require.NoError(t, err)
		require.Equal(t, want, removed)
	}
	require.Empty(t, names(t, filepath.Dir(path)))
}

// Who has masked the service wants it never to start.
func TestSystemdRegisterUnmasksNothing(t *testing.T) {
	t.Parallel()
	r, f, path := systemdBench(t)
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(t, os.Symlink(os.DevNull, path))
	_, err := r.Register(t.Context(), defined("/c"))
	require.ErrorContains(t, err, "systemctl unmask kanade-agent.service")
	require.Empty(t, f.changes())
	to, err := os.Readlink(path)
	require.NoError(t, err)
	require.Equal(t, os.DevNull, to)
}

func TestSystemdUnregisterUnmasksNothing(t *testing.T) {
	t.Parallel()
	r, _, path := systemdBench(t)
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(t, os.Symlink(os.DevNull, path))
	_, err := r.CommandLine(t.Context())
	require.ErrorIs(t, err, service.ErrNotInstalled)

	packaged := filepath.Join(r.root, "usr/lib/systemd/system/kanade-agent.service")
	require.NoError(t, os.MkdirAll(filepath.Dir(packaged), 0o755))
	require.NoError(t, os.WriteFile(packaged, []byte(unitOf(defined("/c"), 252)), 0o644))
	line, err := r.CommandLine(t.Context())
	require.NoError(t, err)
	require.Equal(t, "/c", configOf(line))
	removed, err := r.Unregister(t.Context())
	require.NoError(t, err)
	require.Equal(t, []string{path + " stays: an administrator has masked the service", packaged + " stays: it belongs to a package, and goes with that"}, removed)
	to, err := os.Readlink(path)
	require.NoError(t, err)
	require.Equal(t, os.DevNull, to)
}

// What systemctl says is what an administrator needs to know.
func TestSystemdSaysWhyItFails(t *testing.T) {
	t.Parallel()
	r, f, _ := systemdBench(t)
	s := systemdService{Service: &fakeService{}, registry: r}
	for verb, do := range map[string]func() error{"start": s.Start, "stop": s.Stop, "restart": s.Restart} {
		require.NoError(t, do())
		require.Equal(t, []string{verb + " kanade-agent.service"}, f.changes())
		f.fails = verb
		require.ErrorContains(t, do(), "access is denied")
		f.changes()
	}
	_, err := runCommand(t.Context(), "sh", "-c", "echo Unit is masked. >&2; echo See the journal. >&2; exit 1")
	require.ErrorContains(t, err, "exit status 1: Unit is masked.; See the journal.")
	require.NotContains(t, err.Error(), "\n")
}

func TestSystemdStates(t *testing.T) {
	t.Parallel()
	for shown, want := range map[string]struct {
		state  string
		status service.Status
	}{
		"LoadState=loaded\nActiveState=active\nMainPID=17\nNRestarts=3\n": {"running", service.StatusRunning},
		"LoadState=loaded\nActiveState=reloading\n":                       {"running", service.StatusRunning},
		"LoadState=loaded\nActiveState=activating\n":                      {"starting", service.StatusRunning},
		"LoadState=loaded\nActiveState=deactivating\n":                    {"stopping", service.StatusRunning},
		"LoadState=loaded\nActiveState=failed\n":                          {"failed", service.StatusStopped},
		"LoadState=loaded\nActiveState=inactive\n":                        {"stopped", service.StatusStopped},
		"LoadState=not-found\nActiveState=inactive\n":                     {"not-installed", service.StatusUnknown},
		"": {"unknown", service.StatusUnknown},
	} {
		f := &fakeSystemctl{shown: shown}
		s := systemdService{Service: &fakeService{}, registry: systemdRegistry{name: "kanade-agent", run: f.run}}
		status, err := s.Status()
		require.Equal(t, want.status, status, shown)
		require.Equal(t, want.status == service.StatusUnknown, err != nil, shown)
		answer := queryStatus("kanade-agent", s)
		require.Equal(t, want.state, answer.State, shown)
		if want.state == "running" && strings.Contains(shown, "MainPID") {
			require.Equal(t, 17, answer.PID)
			require.Equal(t, 3, answer.Restarts)
		}
	}
}

func TestSystemdVersions(t *testing.T) {
	t.Parallel()
	for out, want := range map[string]int{
		"systemd 252 (252.38-1~deb12u1)\n": 252, "systemd 256~rc3 (256~rc3)\n": 256, "systemd 257.9": 257,
		"": systemdAssumed, "systemd": systemdAssumed, "systemd x": systemdAssumed,
	} {
		require.Equal(t, want, systemdVersion(out), out)
	}
}
