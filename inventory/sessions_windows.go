package inventory

import (
	"encoding/binary"
	"slices"
	"unsafe"

	"golang.org/x/sys/windows"

	"github.com/kanade-go/kanade/inventory/facts"
)

var wtsQuerySessionInformation = windows.NewLazySystemDLL("wtsapi32.dll").NewProc("WTSQuerySessionInformationW")

// WTS_INFO_CLASS of wtsapi32.h.
const (
	wtsUserName           = 5
	wtsDomainName         = 7
	wtsClientName         = 10
	wtsClientProtocolType = 16
	wtsSessionInfo        = 24
)

// sessions are those that somebody is logged on to.
func sessions(n *notes) []facts.Session {
	var list *windows.WTS_SESSION_INFO
	var number uint32
	if err := windows.WTSEnumerateSessions(0, 0, 1, &list, &number); err != nil {
		n.miss("WTSEnumerateSessions", err)
		return nil
	}
	defer windows.WTSFreeMemory(uintptr(unsafe.Pointer(list)))
	var all []facts.Session
	for _, row := range unsafe.Slice(list, min(number, maxAccounts)) {
		user := wtsText(row.SessionID, wtsUserName)
		if user == "" {
			continue // of the system, or waiting for a logon
		}
		if domain := wtsText(row.SessionID, wtsDomainName); domain != "" {
			user = domain + `\` + user
		}
		all = append(all, facts.Session{
			User: user, Kind: sessionKind(row.SessionID), State: sessionState(row.State), Client: wtsText(row.SessionID, wtsClientName),
			Since: logonTime(wtsData(row.SessionID, wtsSessionInfo)),
		})
	}
	slices.SortFunc(all, bySession)
	return all
}

// wtsData is a copy of one value of a session; nil if it has none.
func wtsData(session, class uint32) []byte {
	var buffer *byte
	var size uint32
	ok, _ := win32(wtsQuerySessionInformation, 0, uintptr(session), uintptr(class), uintptr(unsafe.Pointer(&buffer)), uintptr(unsafe.Pointer(&size)))
	if ok == 0 || buffer == nil {
		return nil
	}
	defer windows.WTSFreeMemory(uintptr(unsafe.Pointer(buffer)))
	return slices.Clone(unsafe.Slice(buffer, min(size, 64<<10)))
}

func wtsText(session, class uint32) string { return clean(utf16Text(wtsData(session, class))) }

func sessionKind(session uint32) string {
	const rdp = 2
	if data := wtsData(session, wtsClientProtocolType); len(data) >= 2 && binary.LittleEndian.Uint16(data) == rdp {
		return "remote"
	}
	return "console"
}

func sessionState(state uint32) string {
	return map[uint32]string{windows.WTSActive: "active", windows.WTSConnected: "connected", windows.WTSDisconnected: "disconnected", windows.WTSIdle: "idle"}[state]
}
