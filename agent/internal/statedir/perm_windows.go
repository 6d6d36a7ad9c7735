package statedir

import (
	"errors"
	"fmt"
	"runtime"

	"golang.org/x/sys/windows"
)

// Both lists are inherited by what is created inside, and nothing is inherited from
// above: full control for SYSTEM, the administrators and, where the agent is no
// administrator, the owner. Where it is one, whoever made the folder, or something in it,
// before the agent came may look at its rights and no more; without that entry an owner
// may always change them.
const (
	access      = "D:P(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)(A;OICI;FA;;;OW)"
	adminAccess = "D:P(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)(A;OICI;RC;;;OW)"
)

// restrict closes the folder to everyone but the agent and administrators: it holds
// scripts and their output. The warning is about the owner, whom not every disk lets
// anybody change.
func restrict(path string) (warning, err error) {
	administrators, err := windows.CreateWellKnownSid(windows.WinBuiltinAdministratorsSid)
	if err != nil {
		return nil, fmt.Errorf("find the administrators: %w", err)
	}
	// A token may be elevated and no administrator's: those of backup operators are.
	if is, err := windows.Token(0).IsMember(administrators); err != nil || !is {
		return nil, setAccess(path, access) //nolint:nilerr // who cannot tell has no such rights
	}
	warning = own(path, administrators) // first: the rights of another owner may let no administrator change them
	if err := setAccess(path, adminAccess); err != nil {
		return nil, err
	}
	if warning != nil { // now the administrators have the right to
		warning = own(path, administrators)
	}
	return warning, nil
}

func setAccess(path, access string) error {
	descriptor, err := windows.SecurityDescriptorFromString(access)
	if err != nil {
		return fmt.Errorf("parse access rights: %w", err)
	}
	dacl, _, err := descriptor.DACL()
	if err != nil {
		return fmt.Errorf("read access rights: %w", err)
	}
	const what = windows.DACL_SECURITY_INFORMATION | windows.PROTECTED_DACL_SECURITY_INFORMATION
	return windows.SetNamedSecurityInfo(path, windows.SE_FILE_OBJECT, what, nil, nil, dacl, nil)
}

// own gives a folder of anybody but SYSTEM or the administrators to them.
func own(path string, administrators *windows.SID) error {
	before, err := ownerOf(path)
	if err == nil && trusted(before, administrators) {
		return nil
	}
	err = asTaker(func() error {
		return windows.SetNamedSecurityInfo(path, windows.SE_FILE_OBJECT, windows.OWNER_SECURITY_INFORMATION, administrators, nil, nil, nil)
	})
	if err != nil {
		return fmt.Errorf("%s does not belong to the administrators and cannot be given to them: %w", path, err)
	}
	// Disks without owners of their own take the order and do nothing.
	after, err := ownerOf(path)
	switch {
	case err != nil:
		return fmt.Errorf("find the owner of %s: %w", path, err)
	case !trusted(after, administrators):
		return fmt.Errorf("%s belongs to %s, and its disk gives it to nobody else", path, after)
	}
	return nil
}

func trusted(owner, administrators *windows.SID) bool {
	return owner.Equals(administrators) || owner.IsWellKnown(windows.WinLocalSystemSid)
}

func ownerOf(path string) (*windows.SID, error) {
	descriptor, err := windows.GetNamedSecurityInfo(path, windows.SE_FILE_OBJECT, windows.OWNER_SECURITY_INFORMATION)
	if err != nil {
		return nil, err
	}
	owner, _, err := descriptor.Owner()
	if err == nil && owner == nil {
		err = errors.New("it has none")
	}
	return owner, err
}

// asTaker does something with the privilege to take files over, which administrators have
// and which is off until they ask for it. It is on for this thread alone: programs that
// the process starts would inherit it. Who does not get it is refused by what is done.
func asTaker(do func() error) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if windows.ImpersonateSelf(windows.SecurityImpersonation) != nil {
		return do()
	}
	enableTaking()
	err := do()
	if back := windows.RevertToSelf(); back != nil {
		runtime.LockOSThread() // it is ended with its goroutine, and runs nothing else
		return fmt.Errorf("give up the privilege to take files over: %w", back)
	}
	return err
}

func enableTaking() {
	var token windows.Token
	if windows.OpenThreadToken(windows.CurrentThread(), windows.TOKEN_ADJUST_PRIVILEGES|windows.TOKEN_QUERY, true, &token) != nil {
		return
	}
	defer func() { _ = token.Close() }() // what was set is set
	wanted := windows.Tokenprivileges{PrivilegeCount: 1}
	wanted.Privileges[0].Attributes = windows.SE_PRIVILEGE_ENABLED
	name, err := windows.UTF16PtrFromString("SeTakeOwnershipPrivilege")
	if err == nil && windows.LookupPrivilegeValue(nil, name, &wanted.Privileges[0].Luid) == nil {
		_ = windows.AdjustTokenPrivileges(token, false, &wanted, 0, nil, nil)
	}
}
