package inventory

import (
	"context"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kanade-go/kanade/inventory/facts"
)

func (mac) os(ctx context.Context, n *notes) (any, error) {
	version := list("/System/Library/CoreServices/SystemVersion.plist", n)
	platform := toolNoting(ctx, n, "/usr/sbin/ioreg", "-rd1", "-c", "IOPlatformExpertDevice")
	_, offset := time.Now().Zone()
	return &facts.OS{
		Family:    "darwin",
		Name:      first(version.text("ProductName"), "macOS"),
		Version:   version.text("ProductVersion"),
		Build:     version.text("ProductBuildVersion"),
		Kernel:    sysctl("kern.osrelease"),
		Arch:      macArch(),
		Installed: changed("/var/db/.AppleSetupDone"),
		BootedAt:  macBooted(n),
		Locale:    list("/Library/Preferences/.GlobalPreferences.plist", n).text("AppleLocale"),
		TimeZone:  macTimeZone(),
		UTCOffset: offset,
		MachineID: ioregText(platform, "IOPlatformUUID"),
		Virtual:   macVirtual(),
		Domain:    macDomain(),
	}, nil
}

// macArch is that of the machine, also when this program is translated.
func macArch() string {
	if sysctlNumber("hw.optional.arm64") == 1 {
		return "arm64"
	}
	return runtime.GOARCH
}

func macBooted(n *notes) *time.Time {
	at, err := unix.SysctlTimeval("kern.boottime")
	if err != nil {
		n.miss("kern.boottime", err)
		return nil
	}
	return moment(time.Unix(at.Unix()))
}

func macTimeZone() string {
	to, err := filepath.EvalSymlinks("/etc/localtime")
	if err != nil {
		return ""
	}
	_, zone, _ := strings.Cut(to, "/zoneinfo")
	_, zone, _ = strings.Cut(zone, "/") // what was before may be .default
	return zone
}

func macVirtual() string {
	if sysctlNumber("kern.hv_vmm_present") != 1 {
		return ""
	}
	model := sysctl("hw.model")
	for _, h := range []struct{ sign, name string }{{"VMware", "vmware"}, {"Parallels", "parallels"}, {"VirtualMac", "apple"}} {
		if strings.HasPrefix(model, h.sign) {
			return h.name
		}
	}
	return "unknown"
}

// macDomain is the Active Directory that the host is bound to, which root may
// see.
func macDomain() facts.Domain {
	for _, name := range below("/Library/Preferences/OpenDirectory/Configurations/Active Directory") {
		if domain, ok := strings.CutSuffix(name, ".plist"); ok {
			return facts.Domain{Kind: "ad", Name: domain}
		}
	}
	return facts.Domain{}
}

func changed(name string) *time.Time {
	info, err := os.Stat(name)
	if err != nil {
		return nil
	}
	return moment(info.ModTime())
}
