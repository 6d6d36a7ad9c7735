package inventory

import (
	"fmt"
	"unsafe"

	"golang.org/x/sys/windows"

	"github.com/kanade-go/kanade/inventory/facts"
)

var (
	kernel32                               = windows.NewLazySystemDLL("kernel32.dll")
	getSystemFirmwareTable                 = kernel32.NewProc("GetSystemFirmwareTable")
	getFirmwareType                        = kernel32.NewProc("GetFirmwareType")
	getSystemDefaultLocaleName             = kernel32.NewProc("GetSystemDefaultLocaleName")
	globalMemoryStatusEx                   = kernel32.NewProc("GlobalMemoryStatusEx")
	getLogicalProcessorInformation         = kernel32.NewProc("GetLogicalProcessorInformationEx")
	isProcessorFeaturePresent              = kernel32.NewProc("IsProcessorFeaturePresent")
	tbsiGetDeviceInfo                      = windows.NewLazySystemDLL("tbs.dll").NewProc("Tbsi_GetDeviceInfo")
	firmwareSMBIOS                 uintptr = 'R'<<24 | 'S'<<16 | 'M'<<8 | 'B'
)

// win32 calls a function that this Windows may lack. Its error means something
// only if the result is that of a failure.
//
//go:uintptrescapes
func win32(proc *windows.LazyProc, arguments ...uintptr) (uintptr, error) {
	if err := proc.Find(); err != nil {
		return 0, err
	}
	result, _, err := proc.Call(arguments...)
	return result, err
}

// maxFirmware bounds the table, whose length has 32 bits.
const maxFirmware = 1 << 20

// firmwareTable is the table of the SMBIOS, behind the header of RawSMBIOSData.
func firmwareTable() ([]byte, error) {
	size, err := win32(getSystemFirmwareTable, firmwareSMBIOS, 0, 0, 0)
	if size == 0 {
		return nil, fmt.Errorf("there is no table of the firmware: %w", err)
	}
	table := make([]byte, min(size, maxFirmware))
	read, err := win32(getSystemFirmwareTable, firmwareSMBIOS, 0, uintptr(unsafe.Pointer(&table[0])), uintptr(len(table)))
	if read < 8 || read > uintptr(len(table)) {
		return nil, fmt.Errorf("the table of the firmware cannot be read: %w", err)
	}
	return table[8:read], nil
}

// bootMode says how the system was started.
func bootMode(b *facts.BIOS, n *notes) {
	var kind uint32
	if ok, err := win32(getFirmwareType, uintptr(unsafe.Pointer(&kind))); ok == 0 {
		n.miss("GetFirmwareType", err)
	} else if kind == 1 || kind == 2 { // FirmwareTypeBios, FirmwareTypeUefi
		uefi := kind == 2
		b.UEFI = &uefi
	}
	machineKey(control+`SecureBoot\State`, n, func(k key) { b.SecureBoot = k.yes("UEFISecureBootEnabled") })
}

// tpmVersion asks the TPM base services, which need no rights. No module is no
// error.
func tpmVersion() string {
	var info struct{ structVersion, tpmVersion, tpmInterface, tpmRevision uint32 }
	code, _ := win32(tbsiGetDeviceInfo, unsafe.Sizeof(info), uintptr(unsafe.Pointer(&info)))
	if code != 0 {
		return ""
	}
	return map[uint32]string{1: "1.2", 2: "2.0"}[info.tpmVersion]
}
