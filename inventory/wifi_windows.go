package inventory

import (
	"errors"
	"unsafe"

	"golang.org/x/sys/windows"

	"github.com/kanade-go/kanade/inventory/facts"
)

var (
	wlanapi            = windows.NewLazySystemDLL("wlanapi.dll")
	wlanOpenHandle     = wlanapi.NewProc("WlanOpenHandle")
	wlanCloseHandle    = wlanapi.NewProc("WlanCloseHandle")
	wlanEnumInterfaces = wlanapi.NewProc("WlanEnumInterfaces")
	wlanQueryInterface = wlanapi.NewProc("WlanQueryInterface")
	wlanFreeMemory     = wlanapi.NewProc("WlanFreeMemory")
)

// wlanInterface is WLAN_INTERFACE_INFO, and wlanConnection the beginning of
// WLAN_CONNECTION_ATTRIBUTES: wlanapi.h.
type wlanInterface struct {
	id          windows.GUID
	description [256]uint16
	state       uint32
}

type wlanConnection struct {
	state, mode uint32
	profile     [256]uint16
	ssidLength  uint32
	ssid        [32]byte
}

// addSSIDs names the networks that wireless adapters are in. Servers have no
// such service, and newer Windows asks for the right to locations.
func addSSIDs(interfaces []facts.Interface, n *notes) {
	if wlanapi.Load() != nil {
		return
	}
	var client windows.Handle
	var version uint32
	if code, _ := win32(wlanOpenHandle, 2, 0, uintptr(unsafe.Pointer(&version)), uintptr(unsafe.Pointer(&client))); code != 0 {
		missWLAN(code, n)
		return
	}
	defer func() { _, _ = win32(wlanCloseHandle, uintptr(client), 0) }()
	var list *struct {
		number, index uint32
		first         [1]wlanInterface
	}
	if code, _ := win32(wlanEnumInterfaces, uintptr(client), 0, uintptr(unsafe.Pointer(&list))); code != 0 {
		missWLAN(code, n)
		return
	}
	defer func() { _, _ = win32(wlanFreeMemory, uintptr(unsafe.Pointer(list))) }()
	for _, w := range unsafe.Slice(&list.first[0], min(list.number, 64)) {
		description := windows.UTF16ToString(w.description[:])
		for i := range interfaces {
			if interfaces[i].Description == description {
				interfaces[i].SSID = networkOf(client, w.id, n)
			}
		}
	}
}

func networkOf(client windows.Handle, id windows.GUID, n *notes) string {
	const currentConnection = 7 // wlan_intf_opcode_current_connection
	var size uint32
	var c *wlanConnection
	code, _ := win32(wlanQueryInterface, uintptr(client), uintptr(unsafe.Pointer(&id)), currentConnection, 0,
		uintptr(unsafe.Pointer(&size)), uintptr(unsafe.Pointer(&c)), 0)
	if code != 0 {
		missWLAN(code, n)
		return ""
	}
	defer func() { _, _ = win32(wlanFreeMemory, uintptr(unsafe.Pointer(c))) }()
	if uintptr(size) < unsafe.Sizeof(*c) {
		return ""
	}
	return clean(string(c.ssid[:min(c.ssidLength, 32)]))
}

// missWLAN: that nothing is connected or no such service runs is no problem.
func missWLAN(code uintptr, n *notes) {
	err := windows.Errno(code)
	if !errors.Is(err, windows.ERROR_INVALID_STATE) && !errors.Is(err, windows.ERROR_SERVICE_NOT_ACTIVE) {
		n.miss("wlanapi", err)
	}
}
