package agentcli

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"unsafe"

	"golang.org/x/sys/windows"
)

// Rights by which somebody changes what is found at a path (Microsoft: "File Access
// Rights Constants", "ACCESS_MASK").
const (
	// takes: become its owner, give oneself rights, remove or rename it.
	takes = windows.WRITE_OWNER | windows.WRITE_DAC | windows.DELETE | windows.GENERIC_ALL
	// empties is FILE_DELETE_CHILD: remove or rename what is in a folder, whatever its
	// own rights are.
	empties = 0x40
	// writes: change a file, or put something into a folder.
	writes = windows.FILE_WRITE_DATA | windows.FILE_APPEND_DATA | windows.GENERIC_WRITE
)

// maxLinks is how many links one path may lead over.
const maxLinks = 40

// replaceable says who else than an administrator can change what is at path, by
// itself, or by a folder or link on the way to it; empty: nobody.
func replaceable(path string) string {
	path, why := follow(path)
	info, err := os.Stat(path)
	if why != "" || err != nil { // what is not there is read before it counts
		return why
	}
	rights := windows.ACCESS_MASK(takes | writes)
	if info.IsDir() {
		return changeable(path, rights|empties)
	}
	if why := changeable(path, rights); why != "" {
		return why
	}
	// Beside a program are the libraries that it takes; beside a configuration its keys.
	return changeable(filepath.Dir(path), rights|empties)
}

// diverted says who else can have path lead to another file: whoever can take a folder
// that it leads through, also by links. Below ProgramData every user may make folders
// and junctions, and owns them.
func diverted(path string) string {
	_, why := follow(path)
	return why
}

// follow returns the path without links.
func follow(path string) (end, why string) {
	for range maxLinks {
		to, why := steps(path)
		if to == "" || why != "" {
			return path, why
		}
		path = to
	}
	return path, path + " leads nowhere"
}

// steps looks at all folders on the way, up to the first link: then it returns where
// that leads with the rest of the path.
func steps(path string) (to, why string) {
	at := filepath.VolumeName(path) + `\`
	for rest := strings.Split(strings.TrimPrefix(path, at), `\`); len(rest) > 0; rest = rest[1:] {
		if why := changeable(at, takes|empties); why != "" {
			return "", why
		}
		at = filepath.Join(at, rest[0])
		target, why := linked(at)
		if why != "" {
			return "", why
		}
		if target != "" {
			return filepath.Join(append([]string{target}, rest[1:]...)...), ""
		}
	}
	return "", ""
}

// linked is where a link or a junction leads; empty: it is none.
func linked(path string) (to, why string) {
	info, err := os.Lstat(path)
	if err != nil || info.Mode()&(fs.ModeSymlink|fs.ModeIrregular) == 0 {
		return "", ""
	}
	if to, err = os.Readlink(path); err != nil {
		return "", "" // of another kind: a file that is compressed, or far away
	}
	if !filepath.IsAbs(to) {
		to = filepath.Join(filepath.Dir(path), to)
	}
	return to, changeable(path, takes|writes)
}

// foreign says who owns it, if that is somebody else.
func foreign(path string) string {
	descriptor, err := ownAccess(path)
	if err != nil {
		return ""
	}
	owner, _, err := descriptor.Owner()
	if err != nil || administers(owner) || isThisUser(owner) {
		return ""
	}
	return fmt.Sprintf("%s belongs to %s", path, account(owner))
}

// changeable says who else owns it or has one of the rights.
func changeable(path string, rights windows.ACCESS_MASK) string {
	if why := foreign(path); why != "" {
		return why
	}
	descriptor, err := ownAccess(path)
	if err != nil {
		return ""
	}
	sid, open := entitled(descriptor, rights)
	switch {
	case open:
		return path + " can be changed by everyone: it has no list of rights"
	case sid != nil:
		return fmt.Sprintf("%s can be changed by %s", path, account(sid))
	}
	return ""
}

// entitled is the first one who is no administrator and has one of the rights; open:
// there is no list of them. Denials are not looked at.
func entitled(descriptor *windows.SECURITY_DESCRIPTOR, rights windows.ACCESS_MASK) (sid *windows.SID, open bool) {
	list, _, err := descriptor.DACL()
	if err != nil || list == nil {
		return nil, true
	}
	for i := range uint32(list.AceCount) {
		var entry *windows.ACCESS_ALLOWED_ACE
		if windows.GetAce(list, i, &entry) == nil && grants(entry, rights) {
			return sidOf(entry), false
		}
	}
	return nil, false
}

// ACE types that allow something to an account that follows the mask; the second one
// (XA) on a condition, which is taken to hold.
const (
	aceAllows            = windows.ACCESS_ALLOWED_ACE_TYPE
	aceAllowsOnCondition = 9
)

// grants: it gives one of the rights to somebody who is no administrator anyway.
func grants(entry *windows.ACCESS_ALLOWED_ACE, rights windows.ACCESS_MASK) bool {
	if entry.Header.AceType != aceAllows && entry.Header.AceType != aceAllowsOnCondition {
		return false
	}
	if entry.Header.AceFlags&windows.INHERIT_ONLY_ACE != 0 || entry.Mask&rights == 0 {
		return false
	}
	sid := sidOf(entry)
	return !administers(sid) && !isThisUser(sid) && !sid.IsWellKnown(windows.WinCreatorOwnerRightsSid) && !ofDomain(sid)
}

func sidOf(entry *windows.ACCESS_ALLOWED_ACE) *windows.SID {
	return (*windows.SID)(unsafe.Pointer(&entry.SidStart))
}

// ofDomain: the administrator by birth, and the groups Domain Admins and Enterprise
// Admins, by the last number of their SIDs.
func ofDomain(sid *windows.SID) bool {
	text := sid.String()
	if !strings.HasPrefix(text, "S-1-5-21-") {
		return false
	}
	switch text[strings.LastIndexByte(text, '-')+1:] {
	case "500", "512", "519":
		return true
	}
	return false
}

// account is a name that people know.
func account(sid *windows.SID) string {
	name, domain, _, err := sid.LookupAccount("")
	if err != nil {
		return "the user " + sid.String()
	}
	return strings.TrimPrefix(domain+`\`, `\`) + name
}

// ownAccess is of the link itself where path is one.
func ownAccess(path string) (*windows.SECURITY_DESCRIPTOR, error) {
	name, err := windows.UTF16PtrFromString(path)
	if err != nil {
		return nil, err
	}
	const share = windows.FILE_SHARE_READ | windows.FILE_SHARE_WRITE | windows.FILE_SHARE_DELETE
	const flags = windows.FILE_FLAG_BACKUP_SEMANTICS | windows.FILE_FLAG_OPEN_REPARSE_POINT
	h, err := windows.CreateFile(name, windows.READ_CONTROL, share, nil, windows.OPEN_EXISTING, flags, 0)
	if err != nil {
		return nil, err
	}
	defer func() { _ = windows.CloseHandle(h) }() // only read
	return windows.GetSecurityInfo(h, windows.SE_FILE_OBJECT, windows.OWNER_SECURITY_INFORMATION|windows.DACL_SECURITY_INFORMATION)
}
