package inventory

import (
	"encoding/binary"
	"strings"
	"unicode/utf16"

	"github.com/kanade-go/kanade/inventory/facts"
)

// windows11 is the first build of Windows 11, whose registry still says 10.
const windows11 = 22000

// windowsName is the name of the product as people know it.
func windowsName(product string, build uint64, server bool) string {
	if server || build < windows11 {
		return product
	}
	return strings.Replace(product, "Windows 10", "Windows 11", 1)
}

// What the bits of productState mean: the Windows Security Center API,
// WSC_SECURITY_PRODUCT_STATE and WSC_SECURITY_SIGNATURE_STATUS.
const (
	productStateMask = 0xf000
	productOn        = 0x1000
	signaturesOld    = 0x00f0
)

// protection is a product as the Security Center has it.
func protection(name string, state uint32, signatures bool) facts.Protection {
	on := state&productStateMask == productOn
	p := facts.Protection{Name: clean(name), Enabled: &on}
	if signatures {
		fresh := state&signaturesOld == 0
		p.UpToDate = &fresh
	}
	return p
}

// windowsProgram is what a command line starts, without its arguments, which may
// hold secrets. Paths with blanks are quoted, or end with .exe.
func windowsProgram(line string) string {
	line = strings.TrimSpace(line)
	if quoted, ok := strings.CutPrefix(line, `"`); ok {
		path, _, _ := strings.Cut(quoted, `"`)
		return path
	}
	if at := strings.Index(strings.ToLower(line), ".exe"); at >= 0 && at+4 <= len(line) {
		return line[:at+4]
	}
	path, _, _ := strings.Cut(line, " ")
	return path
}

// uninstallEntry is what counts of a key below Uninstall.
type uninstallEntry struct {
	Key, DisplayName, DisplayVersion, Publisher, InstallDate, InstallLocation, UninstallString string
	ParentKeyName, ReleaseType                                                                 string
	EstimatedSize                                                                              uint64 // KiB
	SystemComponent, WindowsInstaller                                                          bool
}

// program makes a program of an entry, unless Windows hides it from people: parts
// of other programs and their updates.
func (e uninstallEntry) program(scope, arch string) (facts.Program, bool) {
	if e.DisplayName == "" || e.SystemComponent || e.ParentKeyName != "" || e.ReleaseType != "" && e.ReleaseType != "Service Pack" {
		return facts.Program{}, false
	}
	p := facts.Program{
		Name: e.DisplayName, Version: e.DisplayVersion, Publisher: e.Publisher, Arch: arch, Source: "registry", Scope: scope, ID: e.Key,
		Bytes: times(e.EstimatedSize, 1<<10), Installed: installDate(e.InstallDate), Location: e.InstallLocation, Uninstall: e.UninstallString,
	}
	if e.WindowsInstaller {
		p.Source = "msi"
	}
	return p, true
}

// storePackage takes the full name of a package of the store apart:
// Name_1.2.3.4_x64_resource_publisher. Parts for a language or resolution are
// none of their own.
func storePackage(full, scope string) (facts.Program, bool) {
	f := strings.Split(full, "_")
	if len(f) != 5 || f[0] == "" || strings.HasPrefix(f[3], "split.") || f[3] == "~" && f[2] == "" {
		return facts.Program{}, false
	}
	return facts.Program{Name: f[0], Version: f[1], Arch: f[2], Source: "store", Scope: scope, ID: full}, true
}

// monitorKey is where the registry has what a monitor says of itself, by the name
// that WMI has for it: DISPLAY\DEL40F1\5&1a2b_0.
func monitorKey(instance string) string {
	at := strings.LastIndex(instance, "_")
	if at < 0 || strings.Count(instance, `\`) != 2 || strings.Contains(instance, "..") {
		return ""
	}
	return `SYSTEM\CurrentControlSet\Enum\` + instance[:at] + `\Device Parameters`
}

// diskBus is the bus of a disk: STORAGE_BUS_TYPE, in words.
func diskBus(number uint16) string {
	return map[uint16]string{
		1: "scsi", 2: "atapi", 3: "ata", 4: "firewire", 6: "fibre", 7: "usb", 8: "raid", 9: "iscsi", 10: "sas", 11: "sata",
		12: "sd", 13: "mmc", 14: "virtual", 15: "virtual", 16: "spaces", 17: "nvme", 18: "scm", 19: "ufs",
	}[number]
}

// virtualDisks are signs of disks that hypervisors make.
var virtualDisks = []string{"virtual", "qemu", "vbox", "vmware", "virtio", "xensrc", "amazon ec2", "google persistentdisk"}

// windowsDiskKind is told by the bus, the model, and the medium: MediaType of
// MSFT_PhysicalDisk.
func windowsDiskKind(medium uint16, bus, model string) string {
	lower := strings.ToLower(model)
	for _, sign := range virtualDisks {
		if bus == "virtual" || strings.Contains(lower, sign) {
			return "virtual"
		}
	}
	switch {
	case bus == "usb" || bus == "nvme":
		return bus
	case medium == 3:
		return "hdd"
	case medium == 4:
		return "ssd"
	}
	return ""
}

// diskSerial drops what Windows puts behind the numbers of NVMe.
func diskSerial(s string) string { return strings.TrimRight(clean(s), ". _") }

// serviceState is dwCurrentState of SERVICE_STATUS_PROCESS, in words.
func serviceState(state uint32) string {
	words := map[uint32]string{1: "stopped", 2: "starting", 3: "stopping", 4: "running", 5: "starting", 6: "stopping", 7: "paused"}
	return first(words[state], "unknown")
}

// serviceStart is dwStartType of QUERY_SERVICE_CONFIG, in words.
func serviceStart(start uint32, delayed bool) string {
	if start == 2 && delayed {
		return "delayed"
	}
	return first(map[uint32]string{0: "auto", 1: "auto", 2: "auto", 3: "manual", 4: "disabled"}[start], "unknown")
}

// utf16Text reads text of two bytes a letter, up to its end.
func utf16Text(data []byte) string {
	letters := make([]uint16, 0, len(data)/2)
	for ; len(data) >= 2 && (data[0] != 0 || data[1] != 0); data = data[2:] {
		letters = append(letters, binary.LittleEndian.Uint16(data))
	}
	return string(utf16.Decode(letters))
}
