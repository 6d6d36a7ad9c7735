package inventory

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// siocgiwessid asks a wireless interface for the name of its network:
// linux/wireless.h.
const siocgiwessid = 0x8b1b

// wirelessRequest is struct iwreq with a struct iw_point in it.
type wirelessRequest struct {
	name   [unix.IFNAMSIZ]byte
	data   unsafe.Pointer
	length uint16
	flags  uint16
}

// ssid is empty for what is not wireless, or not connected.
func ssid(name string) string {
	if len(name) >= unix.IFNAMSIZ {
		return ""
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return ""
	}
	defer func() { _ = unix.Close(fd) }()
	var essid [32]byte
	request := wirelessRequest{data: unsafe.Pointer(&essid[0]), length: uint16(len(essid))}
	copy(request.name[:], name)
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), siocgiwessid, uintptr(unsafe.Pointer(&request))); errno != 0 {
		return ""
	}
	return clean(string(essid[:min(int(request.length), len(essid))]))
}
