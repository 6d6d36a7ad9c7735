package natskit

import (
	"unsafe"

	"golang.org/x/sys/windows"
)

// open lists the groups that everybody on the host is in.
var open = []windows.WELL_KNOWN_SID_TYPE{
	windows.WinWorldSid, windows.WinAuthenticatedUserSid, windows.WinBuiltinUsersSid,
}

// contents are the rights to the contents, as the system maps them for files.
const contents = windows.FILE_READ_DATA | windows.FILE_WRITE_DATA | windows.GENERIC_READ | windows.GENERIC_WRITE | windows.GENERIC_ALL

// exposed says whether the file's access list lets everyone, all authenticated
// users or the group Users read or change it; an absent list does. Denials,
// other groups and the folders above are not looked at.
func exposed(file string) string {
	descriptor, err := windows.GetNamedSecurityInfo(file, windows.SE_FILE_OBJECT, windows.DACL_SECURITY_INFORMATION)
	if err != nil {
		return ""
	}
	list, _, err := descriptor.DACL()
	if err != nil {
		return ""
	}
	if list == nil {
		return "no access list: everyone"
	}
	for i := range uint32(list.AceCount) {
		var entry *windows.ACCESS_ALLOWED_ACE
		if windows.GetAce(list, i, &entry) != nil || entry.Header.AceType != windows.ACCESS_ALLOWED_ACE_TYPE || entry.Mask&contents == 0 {
			continue
		}
		sid := (*windows.SID)(unsafe.Pointer(&entry.SidStart))
		for _, group := range open {
			if sid.IsWellKnown(group) {
				return sid.String()
			}
		}
	}
	return ""
}
