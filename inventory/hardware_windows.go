package inventory

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unsafe"

	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/registry"

	"github.com/kanade-go/kanade/inventory/facts"
)

func (h host) hardware(ctx context.Context, n *notes) (any, error) {
	table, err := firmwareTable()
	n.miss("GetSystemFirmwareTable", err)
	m, err := machine(table)
	n.miss("SMBIOS", err)
	bootMode(&m.BIOS, n)
	m.CPUs = cpus(n)
	m.RAMBytes, m.SwapBytes = memorySizes(n)
	m.TPM = h.tpm(ctx, n)
	m.GPUs = h.gpus(ctx, n)
	m.Batteries = h.batteries(ctx, n)
	m.Monitors = h.monitors(ctx, n)
	return &m, nil
}

// cpus are the sockets with what the registry says of the first processor:
// systems have the same in all sockets.
func cpus(n *notes) []facts.CPU {
	data, err := processorRecords()
	n.miss("GetLogicalProcessorInformationEx", err)
	all := topology(data, strconv.IntSize/8)
	machineKey(`HARDWARE\DESCRIPTION\System\CentralProcessor\0`, n, func(k key) {
		megahertz, _ := k.number("~MHz")
		for i := range all {
			all[i].Model, all[i].Vendor, all[i].MHz = k.text("ProcessorNameString"), k.text("VendorIdentifier"), int(megahertz)
			all[i].Virtual = virtualizes()
		}
	})
	return all
}

// virtualizes: that the firmware or a hypervisor keeps it from the system does
// not mean that the processor cannot.
func virtualizes() *bool {
	const enabled = 21 // PF_VIRT_FIRMWARE_ENABLED
	if there, _ := win32(isProcessorFeaturePresent, enabled); there == 0 {
		return nil
	}
	yes := true
	return &yes
}

func processorRecords() ([]byte, error) {
	const all = 0xffff // RelationAll
	size := uint32(64 << 10)
	for range 3 {
		data := make([]byte, size)
		ok, err := win32(getLogicalProcessorInformation, all, uintptr(unsafe.Pointer(&data[0])), uintptr(unsafe.Pointer(&size)))
		if ok != 0 {
			return data[:min(int(size), len(data))], nil
		}
		if !errors.Is(err, windows.ERROR_INSUFFICIENT_BUFFER) {
			return nil, err
		}
	}
	return nil, fmt.Errorf("the records of the processors do not fit %d bytes", size)
}

// memorySizes are those of the memory and of the page files.
func memorySizes(n *notes) (ram, swap uint64) {
	var status struct { // MEMORYSTATUSEX
		length, load                                                                              uint32
		totalPhys, availPhys, totalPageFile, availPageFile, totalVirtual, availVirtual, availExtd uint64
	}
	status.length = uint32(unsafe.Sizeof(status))
	if ok, err := win32(globalMemoryStatusEx, uintptr(unsafe.Pointer(&status))); ok == 0 {
		n.miss("GlobalMemoryStatusEx", err)
		return 0, 0
	}
	if status.totalPageFile > status.totalPhys { // it counts the memory as well
		swap = status.totalPageFile - status.totalPhys
	}
	return status.totalPhys, swap
}

type win32TPM struct {
	SpecVersion, ManufacturerIdTxt string
	IsEnabled_InitialValue         bool
}

// tpm: WMI tells administrators only.
func (h host) tpm(ctx context.Context, n *notes) *facts.TPM {
	version := tpmVersion()
	for _, row := range askNoting[win32TPM](ctx, h.wmi, n, `root\cimv2\Security\MicrosoftTpm`, "Win32_Tpm") {
		spec, _, _ := strings.Cut(row.SpecVersion, ",")
		return &facts.TPM{Version: first(clean(spec), version), Vendor: clean(row.ManufacturerIdTxt), Enabled: &row.IsEnabled_InitialValue}
	}
	if version == "" {
		return nil
	}
	return &facts.TPM{Version: version}
}

type win32VideoController struct {
	Name, AdapterCompatibility, DriverVersion, PNPDeviceID string
	AdapterRAM                                             uint32
}

func (h host) gpus(ctx context.Context, n *notes) []facts.GPU {
	sizes := displayMemory(n)
	var found []facts.GPU
	for _, row := range askNoting[win32VideoController](ctx, h.wmi, n, wmiNamespace, "Win32_VideoController") {
		g := facts.GPU{Name: clean(row.Name), Vendor: clean(row.AdapterCompatibility), Driver: clean(row.DriverVersion), Bytes: uint64(row.AdapterRAM)}
		if size := sizes[g.Name]; size > g.Bytes {
			g.Bytes = size
		}
		found = append(found, g)
	}
	return found
}

// displayMemory has the sizes by the name of the adapter: in WMI they end at 4 GiB.
func displayMemory(n *notes) map[string]uint64 {
	const class = control + `Class\{4d36e968-e325-11ce-bfc1-08002be10318}`
	sizes := make(map[string]uint64)
	machineKey(class, n, func(adapters key) {
		for _, number := range adapters.below() {
			if len(number) != 4 {
				continue // Properties, which only the system may read
			}
			machineKey(class+`\`+number, n, func(k key) {
				size, _ := k.number("HardwareInformation.qwMemorySize")
				sizes[k.text("DriverDesc")] = size
			})
		}
	})
	return sizes
}

type wmiMonitorID struct {
	InstanceName string
	Active       bool
}

// monitors: WMI knows which are connected, the registry what they say of
// themselves.
func (h host) monitors(ctx context.Context, n *notes) []facts.Monitor {
	var found []facts.Monitor
	for _, row := range askNoting[wmiMonitorID](ctx, h.wmi, n, `root\wmi`, "WmiMonitorID") {
		path := monitorKey(clean(row.InstanceName))
		if !row.Active || path == "" {
			continue
		}
		withKey(registry.LOCAL_MACHINE, path, registry.WOW64_64KEY, n, func(k key) {
			data, _, err := k.GetBinaryValue("EDID")
			if m, ok := edid(data); err == nil && ok {
				found = append(found, m)
			}
		})
	}
	return found
}
