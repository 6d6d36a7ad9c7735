package inventory

import (
	"context"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kanade-go/kanade/inventory/facts"
)

func (t tree) os(_ context.Context, n *notes) (any, error) {
	release := t.assignments("/etc/os-release", n)
	if len(release) == 0 {
		release = t.assignments("/usr/lib/os-release", n)
	}
	_, offset := time.Now().Zone()
	return &facts.OS{
		Family:    "linux",
		Name:      first(release["PRETTY_NAME"], release["NAME"], "Linux"),
		ID:        release["ID"],
		Version:   first(t.debianVersion(release), release["VERSION_ID"], release["BUILD_ID"]),
		Edition:   first(release["VARIANT"], release["VARIANT_ID"]),
		Release:   release["VERSION_CODENAME"],
		Kernel:    t.text("/proc/sys/kernel/osrelease"),
		Arch:      runtime.GOARCH,
		Installed: t.installed(),
		BootedAt:  t.booted(n),
		Locale:    t.locale(n),
		TimeZone:  t.timeZone(),
		UTCOffset: offset,
		MachineID: t.text("/etc/machine-id"),
		Virtual:   t.virtual(),
		Domain:    t.domain(n),

		RestartPending: t.restartPending(),
	}, nil
}

// debianVersion is the point release, which os-release of Debian does not name.
func (t tree) debianVersion(release map[string]string) string {
	version := t.text("/etc/debian_version")
	if release["ID"] != "debian" || !strings.HasPrefix(version, release["VERSION_ID"]+".") {
		return ""
	}
	return version
}

// earliest is before any host of today was installed. Images that are built
// reproducibly have file systems born in 1970.
var earliest = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

// installed is the birth of the root file system.
func (t tree) installed() *time.Time {
	var st unix.Statx_t
	if err := unix.Statx(unix.AT_FDCWD, t.root, 0, unix.STATX_BTIME, &st); err != nil || st.Mask&unix.STATX_BTIME == 0 {
		return nil
	}
	born := time.Unix(st.Btime.Sec, 0)
	if born.Before(earliest) {
		return nil
	}
	return moment(born)
}

func (t tree) booted(n *notes) *time.Time {
	var at *time.Time
	t.lines("/proc/stat", n, func(line string) {
		if s, ok := strings.CutPrefix(line, "btime "); ok {
			at = seconds(s)
		}
	})
	return at
}

func (t tree) locale(n *notes) string {
	return first(t.assignments("/etc/locale.conf", n)["LANG"], t.assignments("/etc/default/locale", n)["LANG"])
}

func (t tree) timeZone() string {
	if name := t.text("/etc/timezone"); name != "" {
		return name
	}
	to, err := filepath.EvalSymlinks(t.path("/etc/localtime"))
	if err != nil {
		return ""
	}
	_, zone, _ := strings.Cut(to, "/zoneinfo/")
	return zone
}

func (t tree) virtual() string {
	switch {
	case strings.Contains(strings.ToLower(t.text("/proc/sys/kernel/osrelease")), "microsoft"):
		return "wsl"
	case t.exists("/run/systemd/container"):
		return t.text("/run/systemd/container")
	case t.exists("/.dockerenv"):
		return "docker"
	case t.exists("/run/.containerenv"):
		return "podman"
	}
	said := strings.ToLower(t.dmi("sys_vendor") + " " + t.dmi("product_name") + " " + t.dmi("bios_vendor"))
	for _, h := range hypervisors {
		if strings.Contains(said, h.sign) {
			return h.name
		}
	}
	return t.text("/sys/hypervisor/type")
}

// domain is what the host belongs to: what SSSD asks for its accounts, or the realm
// of Kerberos, if the host has keys for it.
func (t tree) domain(n *notes) facts.Domain {
	if d := t.sssd(); d.Name != "" {
		return d
	}
	if !t.exists("/etc/krb5.keytab") {
		return facts.Domain{}
	}
	realm := ""
	t.lines("/etc/krb5.conf", n, func(line string) {
		if key, value, ok := strings.Cut(line, "="); ok && strings.TrimSpace(key) == "default_realm" {
			realm = clean(value)
		}
	})
	return facts.Domain{Kind: "realm", Name: realm}
}

// sssd reads the first domain of sssd.conf(5), which is for root only.
func (t tree) sssd() facts.Domain {
	var d facts.Domain
	section := ""
	t.lines("/etc/sssd/sssd.conf", new(notes), func(line string) {
		key, value, ok := strings.Cut(line, "=")
		key, value = strings.TrimSpace(key), clean(value)
		switch {
		case strings.HasPrefix(key, "["):
			section = strings.Trim(key, "[]")
		case ok && section == "sssd" && key == "domains":
			name, _, _ := strings.Cut(value, ",")
			d = facts.Domain{Kind: "realm", Name: strings.TrimSpace(name)}
		case ok && section == "domain/"+d.Name && key == "id_provider" && value == "ad":
			d.Kind = "ad"
		}
	})
	return d
}

func (t tree) restartPending() []string {
	var reasons []string
	if t.exists("/run/reboot-required") {
		reasons = append(reasons, strings.Join(append([]string{"packages:"}, strings.Fields(t.text("/run/reboot-required.pkgs"))...), " "))
	}
	kernel := t.text("/proc/sys/kernel/osrelease")
	modules := t.names("/lib/modules")
	if kernel != "" && len(modules) > 0 && !t.exists("/lib/modules/"+kernel) {
		reasons = append(reasons, "the modules of the running kernel are gone: "+kernel)
	}
	return reasons
}
