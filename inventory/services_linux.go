package inventory

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/kanade-go/kanade/inventory/facts"
)

// unitPaths are where systemd looks for units, the first one wins:
// systemd.unit(5).
var unitPaths = []string{
	"/etc/systemd/system", "/run/systemd/system", "/run/systemd/generator", "/usr/local/lib/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system",
}

// services are the service units that systemd finds, and those made of a template
// that something starts at the boot. Their states are asked of systemd. Where that
// gives no answer, the processes in the control group of one tell whether it runs;
// one that failed then counts as stopped.
func (t tree) services(ctx context.Context, n *notes) (any, error) {
	l := unitList{tree: t, enabled: t.enabledUnits(), states: t.unitStates(ctx, n), seen: make(map[string]bool), notes: n}
	l.all = []facts.Service{}
	for _, dir := range unitPaths {
		for _, name := range t.names(dir) {
			l.add(dir, name, name)
		}
	}
	for name := range l.enabled {
		if template := templateOf(name); template != "" {
			if dir := t.unitFolder(template); dir != "" {
				l.add(dir, name, template)
			}
		}
	}
	slices.SortFunc(l.all, func(a, b facts.Service) int { return cmp.Compare(a.Name, b.Name) })
	return &facts.Services{Services: l.all}, ctx.Err()
}

// templateOf is a@.service for a@x.service; empty for what is made of none.
func templateOf(name string) string {
	prefix, instance, ok := strings.Cut(strings.TrimSuffix(name, ".service"), "@")
	if !ok || instance == "" || !strings.HasSuffix(name, ".service") {
		return ""
	}
	return prefix + "@.service"
}

// maxUnits bounds the services. A server has some hundreds.
const maxUnits = 10_000

// unitList gathers services.
type unitList struct {
	tree
	enabled map[string]bool
	states  map[string]unitState // nil: not known
	seen    map[string]bool
	notes   *notes
	all     []facts.Service
}

// add takes the unit of a file, unless it is known, a template, or another name of
// a unit.
func (l *unitList) add(dir, name, file string) {
	if l.seen[name] || !strings.HasSuffix(name, ".service") || strings.HasSuffix(name, "@.service") || len(l.all) == maxUnits {
		return
	}
	l.seen[name] = true
	if to := l.link(dir + "/" + file); to != "" && to != file && to != "null" && templateOf(name) != to {
		return
	}
	l.all = append(l.all, l.service(dir, name, file))
}

func (l *unitList) service(dir, name, file string) facts.Service {
	var u unit
	if start := dir + "/" + file; l.link(start) != "null" {
		u = l.unit(start, l.notes)
	}
	s := facts.Service{
		Name: clean(name), Display: strings.NewReplacer("%i", instanceOf(name), "%I", instanceOf(name)).Replace(u.values["Description"]), Account: first(u.values["User"], "root"),
		Command: program(u.values["ExecStart"]), State: "stopped", Start: l.start(dir, name, l.enabled, u),
	}
	if processes := l.processesOf(name); len(processes) > 0 {
		s.State, s.PID = "running", int(parse(processes[0]))
	}
	if state, ok := l.states[name]; ok {
		s.State = state.word()
	}
	return s
}

func instanceOf(name string) string {
	_, instance, _ := strings.Cut(strings.TrimSuffix(name, ".service"), "@")
	return instance
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
		case ok && u.values[strings.TrimSpace(key)] == "":
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

// unitFolder is where the file of a unit is; empty if there is none.
func (t tree) unitFolder(name string) string {
	for _, dir := range unitPaths {
		if t.exists(dir + "/" + name) {
			return dir
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
