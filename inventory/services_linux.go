package inventory

import (
	"cmp"
	"context"
	"path/filepath"
	"slices"
	"strings"

	"github.com/kanade-go/kanade/inventory/facts"
)

// unitPaths are where systemd looks for units, the first one wins:
// systemd.unit(5).
var unitPaths = []string{
	"/etc/systemd/system", "/run/systemd/system", "/run/systemd/generator", "/usr/local/lib/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system",
}

// services are the service units that systemd finds. Whether one runs is told by
// the processes in its control group; one that failed cannot be told from one
// that ended by files, and counts as stopped.
func (t tree) services(_ context.Context, n *notes) (any, error) {
	enabled := t.enabledUnits()
	seen := make(map[string]bool)
	s := &facts.Services{Services: []facts.Service{}}
	for _, dir := range unitPaths {
		for _, name := range t.names(dir) {
			if seen[name] || !strings.HasSuffix(name, ".service") || strings.HasSuffix(name, "@.service") {
				continue
			}
			seen[name] = true
			s.Services = append(s.Services, t.service(dir, name, enabled, n))
		}
	}
	slices.SortFunc(s.Services, func(a, b facts.Service) int { return cmp.Compare(a.Name, b.Name) })
	return s, nil
}

func (t tree) service(dir, name string, enabled map[string]bool, n *notes) facts.Service {
	unit := t.unit(dir+"/"+name, n)
	s := facts.Service{
		Name: name, Display: unit.values["Description"], Account: first(unit.values["User"], "root"), Command: program(unit.values["ExecStart"]),
		State: "stopped", Start: t.start(dir, name, enabled, unit),
	}
	if processes := t.processesOf(name); len(processes) > 0 {
		s.State, s.PID = "running", int(parse(processes[0]))
	}
	return s
}

func (t tree) start(dir, name string, enabled map[string]bool, u unit) string {
	switch {
	case t.link(dir+"/"+name) == "null", t.emptyFile(dir + "/" + name):
		return "disabled" // masked
	case enabled[name]:
		return "auto"
	case !u.installable:
		return "static"
	}
	return "manual"
}

func (t tree) emptyFile(name string) bool {
	data, err := t.bytes(name)
	return err == nil && len(data) == 0
}

// unit is what counts of a unit file.
type unit struct {
	values      map[string]string
	installable bool // it says by what it is started
}

func (t tree) unit(name string, n *notes) unit {
	u := unit{values: make(map[string]string)}
	t.lines(name, n, func(line string) {
		key, value, ok := strings.Cut(line, "=")
		switch {
		case strings.TrimSpace(line) == "[Install]":
			u.installable = true
		case ok && u.values[key] == "":
			u.values[strings.TrimSpace(key)] = clean(value)
		}
	})
	return u
}

// program is what a command line starts, without its arguments, which may hold
// secrets, and without the signs before it.
func program(line string) string {
	f := strings.Fields(strings.TrimLeft(line, "@-:+!|"))
	if len(f) == 0 {
		return ""
	}
	return f[0]
}

// enabledUnits are those that something wants or requires at the boot.
func (t tree) enabledUnits() map[string]bool {
	all := make(map[string]bool)
	for _, dir := range unitPaths {
		for _, name := range t.names(dir) {
			if !strings.HasSuffix(name, ".wants") && !strings.HasSuffix(name, ".requires") {
				continue
			}
			for _, wanted := range t.names(dir + "/" + name) {
				all[wanted] = true
			}
		}
	}
	return all
}

func (t tree) unitFile(name string) string {
	for _, dir := range unitPaths {
		if t.exists(dir + "/" + name) {
			return filepath.Join(dir, name)
		}
	}
	return ""
}

// processesOf are the process IDs in a service's control group, with version 2 of
// them or 1.
func (t tree) processesOf(unit string) []string {
	for _, dir := range []string{"/sys/fs/cgroup/system.slice/", "/sys/fs/cgroup/systemd/system.slice/"} {
		if ids := strings.Fields(t.all(dir + unit + "/cgroup.procs")); len(ids) > 0 {
			return ids
		}
	}
	return nil
}

// all is a file of many lines, empty if it cannot be read.
func (t tree) all(name string) string {
	data, err := t.bytes(name)
	if err != nil {
		return ""
	}
	return string(data)
}
