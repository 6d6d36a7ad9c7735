package inventory

import (
	"context"
	"errors"
	"io/fs"
	"syscall"
)

// unitState is what systemd says of a unit that it has loaded.
type unitState struct{ active, sub string }

// word is the state as facts have it. A unit without processes that did what it
// is for is active too.
func (u unitState) word() string {
	words := map[string]string{
		"active": "running", "reloading": "running", "refreshing": "running", "inactive": "stopped", "maintenance": "stopped",
		"failed": "failed", "activating": "starting", "deactivating": "stopping",
	}
	return first(words[u.active], "unknown")
}

// The sockets of the system's bus, which serves every user, and of systemd
// itself, which serves root where there is no bus.
const (
	systemBus     = "/run/dbus/system_bus_socket"
	systemdSocket = "/run/systemd/private"
)

// unitStates are the service units that systemd has loaded; nil where there is no
// systemd to ask.
func (t tree) unitStates(ctx context.Context, n *notes) map[string]unitState {
	states, err := askSystemd(ctx, t.path(systemBus), true)
	if absent(err) {
		states, err = askSystemd(ctx, t.path(systemdSocket), false)
	}
	if !absent(err) && !errors.Is(err, fs.ErrPermission) {
		n.miss("systemd", err)
	}
	return states
}

// absent: nobody listens there.
func absent(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ECONNREFUSED)
}

func askSystemd(ctx context.Context, socket string, bus bool) (map[string]unitState, error) {
	c, err := dialDBus(ctx, socket)
	if err != nil {
		return nil, err
	}
	defer func() { _ = c.Close() }() // only asked
	if bus {
		const name = "org.freedesktop.DBus"
		if _, err := c.call(dbusMethod{to: name, path: "/org/freedesktop/DBus", iface: name, member: "Hello"}); err != nil {
			return nil, err
		}
	}
	const name = "org.freedesktop.systemd1"
	var patterns dbusWriter
	patterns.texts() // in any state
	patterns.texts("*.service")
	reply, err := c.call(dbusMethod{
		to: name, path: "/org/freedesktop/systemd1", iface: name + ".Manager", member: "ListUnitsByPatterns", signature: "asas", body: string(patterns),
	})
	if err != nil {
		return nil, err
	}
	return readUnits(reply)
}

// readUnits reads a(ssssssouso): name, description, load, active and sub state,
// unit followed, path, job's number, type and path.
func readUnits(r *dbusReader) (map[string]unitState, error) {
	units := r.array(8)
	all := make(map[string]unitState)
	for units.more(8) {
		name, _, load, active, sub := units.text(), units.text(), units.text(), units.text(), units.text()
		_, _, _, _, _ = units.text(), units.text(), units.number(), units.text(), units.text()
		if units.err == nil && load != "not-found" {
			all[name] = unitState{active, sub}
		}
	}
	return all, units.err
}
