package agentcli

import (
	"fmt"
	"unsafe"

	"golang.org/x/sys/windows"
)

// onlyTrusted refuses a file or folder that belongs to somebody else than an
// administrator or this user, or lies below such a folder, or that everybody on the
// host may change: who changes a key decides what runs here.
func onlyTrusted(path string) error {
	why := replaceable(path)
	if why == "" {
		why = openToChanges(path)
	}
	if why != "" {
		return fmt.Errorf(`release keys: %s; who changes %s decides what runs here: icacls "%s" /inheritance:r /grant *S-1-5-18:F *S-1-5-32-544:F`, why, path, path)
	}
	return nil
}

// everybody are the groups that all users of the host are in.
var everybody = []windows.WELL_KNOWN_SID_TYPE{
	windows.WinWorldSid, windows.WinAuthenticatedUserSid, windows.WinBuiltinUsersSid, windows.WinInteractiveSid,
}

// changes are the rights by which contents, or the list itself, can be changed.
const changes = windows.FILE_WRITE_DATA | windows.FILE_APPEND_DATA | windows.DELETE | windows.WRITE_DAC | windows.WRITE_OWNER |
	windows.GENERIC_WRITE | windows.GENERIC_ALL

// openToChanges says which of everybody's groups may change a file or folder; empty:
// none. Denials and other groups are not looked at.
func openToChanges(path string) string {
	descriptor, err := windows.GetNamedSecurityInfo(path, windows.SE_FILE_OBJECT, windows.DACL_SECURITY_INFORMATION)
	if err != nil {
		return fmt.Sprintf("the access rights of %s cannot be read: %v", path, err)
	}
	list, _, err := descriptor.DACL()
	if err != nil || list == nil {
		return path + " has no access list, so that everybody may change it"
	}
	for i := range uint32(list.AceCount) {
		var entry *windows.ACCESS_ALLOWED_ACE
		if windows.GetAce(list, i, &entry) != nil || entry.Header.AceType != windows.ACCESS_ALLOWED_ACE_TYPE ||
			entry.Header.AceFlags&windows.INHERIT_ONLY_ACE != 0 || entry.Mask&changes == 0 {
			continue
		}
		sid := (*windows.SID)(unsafe.Pointer(&entry.SidStart))
		for _, group := range everybody {
			if sid.IsWellKnown(group) {
				return fmt.Sprintf("the group %s may change %s", sid, path)
			}
		}
	}
	return ""
}
