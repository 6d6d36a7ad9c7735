package inventory

import (
	"context"
	"fmt"
	"runtime"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"

	"github.com/kanade-go/kanade/inventory/facts"
)

func (h host) os(_ context.Context, n *notes) (any, error) {
	v := windows.RtlGetVersion()
	_, offset := time.Now().Zone()
	firmware, err := firmwareTable()
	n.miss("GetSystemFirmwareTable", err)
	m, _ := machine(firmware) // the section of the hardware tells what is wrong with it
	o := &facts.OS{
		Family: "windows", Name: "Windows", Arch: nativeArch(), UTCOffset: offset, Virtual: hypervisor(m),
		Version:   fmt.Sprintf("%d.%d.%d", v.MajorVersion, v.MinorVersion, v.BuildNumber),
		Build:     decimal(uint64(v.BuildNumber)),
		BootedAt:  bootedAt(n),
		Locale:    systemLocale(),
		TimeZone:  timeZone(n),
		MachineID: machineText(`SOFTWARE\Microsoft\Cryptography`, "MachineGuid", n),
		Domain:    domain(n),

		RestartPending: restartPending(n),
	}
	machineKey(currentVersion, n, func(k key) { product(o, k, v) })
	return o, nil
}

// product is what the registry says of the edition. The installation is that of
// the last feature update.
func product(o *facts.OS, k key, v *windows.OsVersionInfoEx) {
	const workstation = 1 // VER_NT_WORKSTATION
	o.Name = first(windowsName(k.text("ProductName"), uint64(v.BuildNumber), v.ProductType != workstation), o.Name)
	o.Edition = k.text("EditionID")
	o.Release = first(k.text("DisplayVersion"), k.text("ReleaseId"), k.text("CSDVersion"))
	if revision, ok := k.number("UBR"); ok {
		o.Build += "." + decimal(revision)
	}
	if at, ok := k.number("InstallDate"); ok {
		o.Installed = seconds(decimal(at))
	}
}

// nativeArch is that of the machine, whatever this program was built for.
func nativeArch() string {
	var process, native uint16
	if err := windows.IsWow64Process2(windows.CurrentProcess(), &process, &native); err != nil {
		return runtime.GOARCH // Windows before 10 1511, which knows no emulation but that of x86
	}
	switch native { // IMAGE_FILE_MACHINE_
	case 0x8664:
		return "amd64"
	case 0xaa64:
		return "arm64"
	case 0x014c:
		return "386"
	}
	return runtime.GOARCH
}

// bootedAt is the moment that the kernel wrote down: the time now less the
// uptime is another one at every look.
func bootedAt(n *notes) *time.Time {
	const timeOfDay = 3 // SystemTimeOfDayInformation
	var info struct{ boot, now, bias, id, bootBias, sleepBias uint64 }
	var size uint32
	err := windows.NtQuerySystemInformation(timeOfDay, unsafe.Pointer(&info), uint32(unsafe.Sizeof(info)), &size)
	n.miss("NtQuerySystemInformation", err)
	return filetime(info.boot)
}

// systemLocale is that of the host: services have no user of their own.
func systemLocale() string {
	var name [85]uint16 // LOCALE_NAME_MAX_LENGTH
	if size, _ := win32(getSystemDefaultLocaleName, uintptr(unsafe.Pointer(&name[0])), uintptr(len(name))); size == 0 {
		return ""
	}
	return windows.UTF16ToString(name[:])
}

// timeZone is the name that is the same in all languages.
func timeZone(n *notes) string {
	if name := machineText(control+"TimeZoneInformation", "TimeZoneKeyName", n); name != "" {
		return name
	}
	var zone windows.Timezoneinformation
	if _, err := windows.GetTimeZoneInformation(&zone); err != nil {
		return ""
	}
	return windows.UTF16ToString(zone.StandardName[:])
}

func domain(n *notes) facts.Domain {
	d := facts.Domain{}
	var name *uint16
	var status uint32
	if err := windows.NetGetJoinInformation(nil, &name, &status); err != nil {
		n.miss("NetGetJoinInformation", err)
	} else {
		d.Name = windows.UTF16PtrToString(name)
		_ = windows.NetApiBufferFree((*byte)(unsafe.Pointer(name)))
	}
	switch status {
	case windows.NetSetupDomainName:
		d.Kind = "ad"
	case windows.NetSetupWorkgroupName:
		d.Kind = "workgroup"
	}
	d.Tenant = entraTenant(n)
	switch {
	case d.Tenant == "":
	case d.Kind == "ad":
		d.Kind = "hybrid"
	default:
		d.Kind = "entra"
	}
	return d
}

// entraTenant is whose device it is.
func entraTenant(n *notes) (tenant string) {
	const joins = control + `CloudDomainJoin\JoinInfo`
	machineKey(joins, n, func(k key) {
		for _, certificate := range k.below() {
			tenant = first(tenant, machineText(joins+`\`+certificate, "TenantId", n))
		}
	})
	return tenant
}

// restartPending: files to be renamed at the boot are a weak reason, which
// browsers and drivers give every day; so it is named for what it is.
func restartPending(n *notes) []string {
	var reasons []string
	if keyExists(`SOFTWARE\Microsoft\Windows\CurrentVersion\Component Based Servicing\RebootPending`) {
		reasons = append(reasons, "component based servicing")
	}
	if keyExists(`SOFTWARE\Microsoft\Windows\CurrentVersion\WindowsUpdate\Auto Update\RebootRequired`) {
		reasons = append(reasons, "windows update")
	}
	machineKey(control+"Session Manager", n, func(k key) {
		if names, _, err := k.GetStringsValue("PendingFileRenameOperations"); err == nil && len(names) > 0 {
			reasons = append(reasons, "files to be renamed")
		}
	})
	active := machineText(control+`ComputerName\ActiveComputerName`, "ComputerName", n)
	if next := machineText(control+`ComputerName\ComputerName`, "ComputerName", n); active != "" && next != "" && next != active {
		reasons = append(reasons, "computer name")
	}
	return reasons
}
