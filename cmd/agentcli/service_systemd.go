package agentcli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/kardianos/service"
)

// systemdRegistry keeps the unit in /etc, where it stands above one that a package
// brought.
type systemdRegistry struct {
	name string
	root string // above /etc and /usr; empty: the host's own
	run  commandRunner
}

// places are the folders of units, the administrator's first.
func (r systemdRegistry) places() []string {
	var all []string
	for _, dir := range []string{"/etc", "/usr/local/lib", "/usr/lib", "/lib"} {
		all = append(all, filepath.Join(r.root, dir, "systemd", "system", r.unit()))
	}
	return all
}

func (r systemdRegistry) unit() string { return r.name + ".service" }

func (r systemdRegistry) file(version int) fileRegistry {
	return fileRegistry{
		path:    r.places()[0],
		text:    func(d serviceDefinition) string { return unitOf(d, version) },
		command: func(text string) ([]string, error) { return commandOfUnit(text), nil },
	}
}

func (r systemdRegistry) Register(ctx context.Context, d serviceDefinition) (changed []change, err error) {
	if strings.ContainsAny(d.Program, `"'\`) {
		return nil, fmt.Errorf("program %s: systemd runs none whose path has quotes or backslashes", d.Program)
	}
	if r.masked() {
		return nil, fmt.Errorf("an administrator has masked %s, so that it never starts; first: systemctl unmask %s", r.unit(), r.unit())
	}
	if !r.packaged(d) {
		if changed, err = r.file(r.version(ctx)).write(d); err != nil {
			return nil, err
		}
	}
	shown, err := r.show(ctx)
	if len(changed) > 0 || err != nil || shown["NeedDaemonReload"] == "yes" {
		if _, err := r.run(ctx, "systemctl", "daemon-reload"); err != nil {
			return changed, err
		}
	}
	if strings.HasPrefix(shown["UnitFileState"], "enabled") {
		return changed, nil
	}
	if _, err := r.run(ctx, "systemctl", "enable", r.unit()); err != nil {
		return changed, err
	}
	return append(changed, minor("the service starts with the host")), nil
}

// masked: a link to nowhere stands in place of the unit.
func (r systemdRegistry) masked() bool {
	to, err := os.Readlink(r.places()[0])
	return err == nil && to == os.DevNull
}

// packaged: the unit of a package says the same, and its package keeps it up to date.
func (r systemdRegistry) packaged(d serviceDefinition) bool {
	if _, own, err := readIfThere(r.places()[0]); own || err != nil {
		return false
	}
	for _, path := range r.places()[1:] {
		if text, there, err := readIfThere(path); there && err == nil {
			return strings.Join(commandOfUnit(text), "\x00") == strings.Join(append([]string{d.Program}, d.Arguments...), "\x00")
		}
	}
	return false
}

func (r systemdRegistry) CommandLine(context.Context) ([]string, error) {
	places := r.places()
	if r.masked() {
		places = places[1:]
	}
	for _, path := range places {
		text, there, err := readIfThere(path)
		if err != nil {
			return nil, err
		}
		if there {
			return commandOfUnit(text), nil
		}
	}
	return nil, service.ErrNotInstalled
}

// Unregister leaves the unit of a package: that goes with its package. Drop-ins are the
// administrator's, and count again after the next install.
func (r systemdRegistry) Unregister(ctx context.Context) (removed []string, err error) {
	if _, err := r.run(ctx, "systemctl", "disable", r.unit()); err != nil {
		return nil, err
	}
	own := r.places()[0]
	if r.masked() {
		removed = append(removed, own+" stays: an administrator has masked the service")
	} else if err := os.Remove(own); err == nil {
		removed = append(removed, own+" removed")
	} else if !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	if _, err := os.Lstat(own + ".d"); err == nil {
		removed = append(removed, own+".d stays: it has changes of an administrator; --purge removes them")
	}
	if _, err := r.run(ctx, "systemctl", "daemon-reload"); err != nil {
		return removed, err
	}
	_, _ = r.run(ctx, "systemctl", "reset-failed", r.unit()) // says that there is nothing to forget
	for _, path := range r.places()[1:] {
		if _, there, _ := readIfThere(path); there {
			removed = append(removed, path+" stays: it belongs to a package, and goes with that")
			break
		}
	}
	return removed, nil
}

// Purge removes what administrators have added to the unit. It is made for it alone.
func (r systemdRegistry) Purge(ctx context.Context) (removed []string, err error) {
	added := r.places()[0] + ".d"
	if _, err := os.Lstat(added); errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err := os.RemoveAll(added); err != nil {
		return nil, err
	}
	_, err = r.run(ctx, "systemctl", "daemon-reload")
	return []string{added + " removed"}, err
}

// version of the systemd that is here.
func (r systemdRegistry) version(ctx context.Context) int {
	out, err := r.run(ctx, "systemctl", "--version")
	if err != nil {
		return systemdAssumed
	}
	return systemdVersion(out)
}

// systemdVersion reads "systemd 252 (252.38-1~deb12u1)".
func systemdVersion(out string) int {
	fields := strings.Fields(out)
	if len(fields) < 2 {
		return systemdAssumed
	}
	digits, _, _ := strings.Cut(strings.ReplaceAll(fields[1], "~", "."), ".")
	version, err := strconv.Atoi(digits)
	if err != nil {
		return systemdAssumed
	}
	return version
}

// show asks systemd itself: files do not say what it has read.
func (r systemdRegistry) show(ctx context.Context) (map[string]string, error) {
	out, err := r.run(ctx, "systemctl", "show", "--property=LoadState,ActiveState,SubState,MainPID,NRestarts,UnitFileState,NeedDaemonReload", "--", r.unit())
	if err != nil {
		return nil, err
	}
	shown := map[string]string{}
	for line := range strings.Lines(out) {
		property, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		shown[property] = value
	}
	return shown, nil
}

// systemdService tells more states apart than the service that it is.
type systemdService struct {
	service.Service
	registry systemdRegistry
}

// state is running, starting, stopping, failed, stopped or not-installed.
func (s systemdService) state(ctx context.Context) (managed, error) {
	shown, err := s.registry.show(ctx)
	if err != nil {
		return managed{}, err
	}
	var m managed
	m.PID, _ = strconv.Atoi(shown["MainPID"])        // absent is 0
	m.Restarts, _ = strconv.Atoi(shown["NRestarts"]) // absent is 0
	switch active := shown["ActiveState"]; {
	case shown["LoadState"] == "not-found" && active == "inactive":
		return m, service.ErrNotInstalled
	case active == "active", active == "reloading":
		m.State = "running"
	case active == "activating":
		m.State = "starting"
	case active == "deactivating":
		m.State = "stopping"
	case active == "failed":
		m.State = "failed"
	case active == "inactive":
		m.State = "stopped"
	default:
		return m, fmt.Errorf("systemd says %q of %s", active, s.registry.unit())
	}
	return m, nil
}

func (s systemdService) Start() error   { return s.control("start") }
func (s systemdService) Stop() error    { return s.control("stop") }
func (s systemdService) Restart() error { return s.control("restart") }

// control waits as long as the unit lets it, and returns what systemctl says of a
// failure.
func (s systemdService) control(verb string) error {
	_, err := s.registry.run(context.Background(), "systemctl", verb, s.registry.unit())
	return err
}

func (s systemdService) Status() (service.Status, error) {
	ctx, cancel := context.WithTimeout(context.Background(), recoveryWait)
	defer cancel()
	m, err := s.state(ctx)
	switch {
	case err != nil:
		return service.StatusUnknown, err
	case m.State == "stopped", m.State == "failed":
		return service.StatusStopped, nil
	}
	return service.StatusRunning, nil
}

// managed is what a service manager says of a service.
type managed struct {
	State    string
	PID      int
	Restarts int // by itself, since someone started it
}

// managedBy asks a manager that tells more than running and stopped.
func managedBy(s any) (managed, bool, error) {
	more, does := s.(interface {
		state(context.Context) (managed, error)
	})
	if !does {
		return managed{}, false, nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), recoveryWait)
	defer cancel()
	m, err := more.state(ctx)
	return m, !errors.Is(err, service.ErrNotInstalled), err
}
