package inventory

import (
	"path"
	"strings"

	"github.com/kanade-go/kanade/inventory/facts"
)

// ioregText is the value of a property in what ioreg prints: "name" = "value".
func ioregText(out []byte, name string) string {
	_, after, ok := strings.Cut(string(out), `"`+name+`" = "`)
	value, _, end := strings.Cut(after, `"`)
	if !ok || !end {
		return ""
	}
	return clean(value)
}

// defaultRoute reads what `route -n get default` prints.
func defaultRoute(out []byte) (gateway, device string) {
	for line := range strings.Lines(string(out)) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		switch key {
		case "gateway":
			gateway, _, _ = strings.Cut(clean(value), "%") // fe80::1%en0
		case "interface":
			device = clean(value)
		}
	}
	return gateway, device
}

// running are the process IDs by label in what `launchctl list` prints: PID,
// status and label, with a dash for none.
func running(out []byte) map[string]int {
	all := make(map[string]int)
	for line := range strings.Lines(string(out)) {
		f := strings.Split(strings.TrimSpace(line), "\t")
		if len(f) == 3 && parse(f[0]) > 0 {
			all[f[2]] = int(parse(f[0]))
		}
	}
	return all
}

// launchJob is a service as its property list describes it: launchd.plist(5).
func launchJob(d dict, pids map[string]int, disabled dict) (facts.Service, bool) {
	s := facts.Service{Name: d.text("Label"), Account: first(d.text("UserName"), "root"), Command: d.text("Program"), State: "stopped", Start: "manual"}
	if arguments := d.list("ProgramArguments"); s.Command == "" && len(arguments) > 0 {
		program, _ := arguments[0].(string)
		s.Command = clean(program)
	}
	_, conditional := d["KeepAlive"].(dict)
	off, set := disabled[s.Name].(bool)
	switch {
	case off, !set && d.yes("Disabled"):
		s.Start = "disabled"
	case d.yes("RunAtLoad"), d.yes("KeepAlive"), conditional:
		s.Start = "auto"
	}
	if pid := pids[s.Name]; pid > 0 {
		s.State, s.PID = "running", pid
	}
	return s, s.Name != ""
}

// application is a program as its bundle describes itself.
func application(d dict, location, scope string) (facts.Program, bool) {
	name := strings.TrimSuffix(path.Base(location), ".app")
	return facts.Program{
		Name: first(d.text("CFBundleDisplayName"), d.text("CFBundleName"), name), ID: d.text("CFBundleIdentifier"),
		Version: first(d.text("CFBundleShortVersionString"), d.text("CFBundleVersion")), Source: "app", Scope: scope, Location: location,
	}, name != ""
}

// receipt is what an installer leaves behind of a package.
func receipt(d dict) (facts.Program, bool) {
	id := d.text("PackageIdentifier")
	return facts.Program{
		Name: id, ID: id, Version: d.text("PackageVersion"), Source: "pkgutil", Scope: "machine", Installed: d.time("InstallDate"),
		Location: path.Join("/", d.text("InstallPrefixPath")),
	}, id != ""
}

// systemUpdaters are the processes that install what Apple publishes.
var systemUpdaters = map[string]bool{"softwareupdated": true, "macOS Installer": true, "OS X Installer": true, "Software Update": true}

// installHistory are the updates of the system, newest first in time or not.
func installHistory(list []any) []facts.Update {
	var all []facts.Update
	for _, v := range list {
		d, ok := v.(dict)
		if !ok || !systemUpdaters[d.text("processName")] {
			continue
		}
		title := d.text("displayName")
		all = append(all, facts.Update{ID: title, Title: title, Version: d.text("displayVersion"), Installed: d.time("date")})
	}
	return all
}

// recommended are the updates that the system found.
func recommended(d dict) []facts.Update {
	var all []facts.Update
	for _, v := range d.list("RecommendedUpdates") {
		if u, ok := v.(dict); ok {
			all = append(all, facts.Update{
				ID: first(u.text("Product Key"), u.text("Identifier")), Title: u.text("Display Name"), Version: u.text("Display Version"),
			})
		}
	}
	return all
}

// onOff reads what fdesetup, csrutil and socketfilterfw say; nil if it is neither.
func onOff(out []byte) *bool {
	said := strings.ToLower(string(out))
	yes := strings.Contains(said, "is on") || strings.Contains(said, "status: enabled") || strings.Contains(said, "is enabled")
	no := strings.Contains(said, "is off") || strings.Contains(said, "status: disabled") || strings.Contains(said, "is disabled")
	if yes == no {
		return nil
	}
	return &yes
}

// macInterface is what the system's preferences say of an interface.
type macInterface struct{ kind, name string }

func macInterfaces(d dict) map[string]macInterface {
	all := make(map[string]macInterface)
	for _, v := range d.list("Interfaces") {
		if i, ok := v.(dict); ok {
			info, _ := i["SCNetworkInterfaceInfo"].(dict)
			all[i.text("BSD Name")] = macInterface{i.text("SCNetworkInterfaceType"), info.text("UserDefinedName")}
		}
	}
	return all
}

// macKind is the kind of an interface; empty for those that the system makes for
// itself, some of them with a new address each time.
func macKind(name, kind string) string {
	switch {
	case kind == "IEEE80211":
		return "wifi"
	case kind == "WWAN", strings.HasPrefix(name, "pdp_ip"):
		return "cellular"
	case strings.HasPrefix(name, "bridge"):
		return "bridge"
	case strings.HasPrefix(name, "utun"), strings.HasPrefix(name, "ipsec"), strings.HasPrefix(name, "ppp"), strings.HasPrefix(name, "tun"), strings.HasPrefix(name, "tap"):
		return "vpn"
	case strings.HasPrefix(name, "en"):
		return "ethernet"
	case strings.HasPrefix(name, "vlan"), strings.HasPrefix(name, "bond"), strings.HasPrefix(name, "vmenet"), strings.HasPrefix(name, "feth"):
		return "virtual"
	}
	return ""
}

// resolvConf are the servers that names are asked of, and the domains that they
// are completed with.
func resolvConf(data []byte) (servers, search []string) {
	for line := range strings.Lines(string(data)) {
		f := strings.Fields(line)
		switch {
		case len(f) > 1 && f[0] == "nameserver":
			servers = append(servers, clean(f[1]))
		case len(f) > 1 && (f[0] == "search" || f[0] == "domain"):
			search = f[1:]
		}
	}
	return servers, search
}
