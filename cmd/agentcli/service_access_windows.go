package agentcli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"unsafe"

	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/registry"
)

const administrator = "an administrator"

func isAdministrator() bool { return windows.GetCurrentProcessToken().IsElevated() }

// What belongs to administrators alone, in the security descriptor language (Microsoft:
// "Security Descriptor String Format", "ACE Strings", "SID Strings"):
//
//	O:BA      the group Administrators owns it. An owner may always read and change the
//	          rights (READ_CONTROL, WRITE_DAC), whatever they say, so it is no person.
//	D:P       the list of rights, protected: none come from the folder above.
//	(A;OICI;FA;;;SY)  allowed, also for files (OI) and folders (CI) that are made inside:
//	          all that can be done to a file (FA), by the local system (SY); BA likewise.
const (
	folderAccess = "O:BAD:P(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)"
	fileAccess   = "O:BAD:P(A;;FA;;;SY)(A;;FA;;;BA)"
)

func closeFolder(path string) error { return setAccess(path, folderAccess) }
func closeFile(path string) error   { return setAccess(path, fileAccess) }

func setAccess(path, access string) error {
	descriptor, err := descriptorOf(access)
	if err != nil {
		return err
	}
	dacl, _, err := descriptor.DACL()
	if err != nil {
		return fmt.Errorf("read access rights: %w", err)
	}
	if err := own(path, descriptor); err != nil {
		return fmt.Errorf("take %s over: %w", path, err)
	}
	const what = windows.DACL_SECURITY_INFORMATION | windows.PROTECTED_DACL_SECURITY_INFORMATION
	return windows.SetNamedSecurityInfo(path, windows.SE_FILE_OBJECT, what, nil, nil, dacl, nil)
}

// descriptorOf leaves the owner out for who cannot make the administrators one:
// everybody who is none, which install refuses.
func descriptorOf(access string) (*windows.SECURITY_DESCRIPTOR, error) {
	if !isAdministrator() {
		access = strings.TrimPrefix(access, "O:BA")
	}
	descriptor, err := windows.SecurityDescriptorFromString(access)
	if err != nil {
		return nil, fmt.Errorf("parse access rights %q: %w", access, err)
	}
	return descriptor, nil
}

// own gives what belongs to anybody else to the owner that the descriptor has. It comes
// before the rights: those of another owner may let no administrator change them.
func own(path string, descriptor *windows.SECURITY_DESCRIPTOR) error {
	now, _, err := accessOf(path)
	if err == nil && administers(now) {
		return nil
	}
	them, _, err := descriptor.Owner()
	if err != nil || them == nil {
		return err
	}
	enablePrivilege("SeTakeOwnershipPrivilege")
	return windows.SetNamedSecurityInfo(path, windows.SE_FILE_OBJECT, windows.OWNER_SECURITY_INFORMATION, them, nil, nil, nil)
}

// enablePrivilege turns on what administrators have and is off until they ask for it.
// Who has it not is refused by what is done next.
func enablePrivilege(name string) {
	var token windows.Token
	if windows.OpenProcessToken(windows.CurrentProcess(), windows.TOKEN_ADJUST_PRIVILEGES, &token) != nil {
		return
	}
	defer func() { _ = token.Close() }() // what was set is set
	wanted := windows.Tokenprivileges{PrivilegeCount: 1}
	wanted.Privileges[0].Attributes = windows.SE_PRIVILEGE_ENABLED
	text, err := windows.UTF16PtrFromString(name)
	if err == nil && windows.LookupPrivilegeValue(nil, text, &wanted.Privileges[0].Luid) == nil {
		_ = windows.AdjustTokenPrivileges(token, false, &wanted, 0, nil, nil)
	}
}

// makeClosed makes a folder that was never open: below ProgramData everyone may put
// something into a new one.
func makeClosed(dir string) error {
	descriptor, err := descriptorOf(folderAccess)
	if err != nil {
		return err
	}
	name, err := windows.UTF16PtrFromString(dir)
	if err != nil {
		return err
	}
	attributes := windows.SecurityAttributes{SecurityDescriptor: descriptor}
	attributes.Length = uint32(unsafe.Sizeof(attributes))
	if err := windows.CreateDirectory(name, &attributes); err != nil {
		return &fs.PathError{Op: "mkdir", Path: dir, Err: err}
	}
	return nil
}

// makeAbove makes the folders above one that is missing: closed, since who can add to
// them or rename what is in them decides what is found there.
func makeAbove(dir string) (made []string, err error) {
	above := filepath.Dir(dir)
	if _, err := os.Stat(above); !errors.Is(err, fs.ErrNotExist) || above == dir {
		return nil, err
	}
	if made, err = makeAbove(above); err != nil {
		return made, err
	}
	if err := makeClosed(above); err != nil {
		return made, err
	}
	return append(made, above), nil
}

// isClosed: it belongs to SYSTEM or the administrators, and nobody else has any right
// to it, nor gets one from the folder.
func isClosed(path string, _ fs.FileInfo) bool {
	owner, access, err := accessOf(path)
	return err == nil && administers(owner) && closedAccess().MatchString(access)
}

// closeSecretFile also says whether that changed anything. Wine keeps Unix modes, and is
// never closed as [isClosed] wants it.
func closeSecretFile(path string) (changed bool, err error) {
	ownerBefore, before, err := accessOf(path)
	if err != nil {
		return false, err
	}
	if err := closeFile(path); err != nil {
		return false, err
	}
	owner, after, err := accessOf(path)
	return before != after || err == nil && !owner.Equals(ownerBefore), err
}

// closedAccess is a list of rights as Windows writes it: protected from inheritance,
// with entries for SYSTEM and the administrators alone.
var closedAccess = pattern(`^D:P(?:AI)?(?:\(A;[A-Z]*;[A-Z0-9x]+;;;(?:SY|BA)\))+$`)

func accessOf(path string) (owner *windows.SID, access string, err error) {
	descriptor, err := windows.GetNamedSecurityInfo(path, windows.SE_FILE_OBJECT, windows.OWNER_SECURITY_INFORMATION|windows.DACL_SECURITY_INFORMATION)
	if err != nil {
		return nil, "", err
	}
	if owner, _, err = descriptor.Owner(); err != nil {
		return nil, "", err
	}
	_, access, _ = strings.Cut(descriptor.String(), "D:")
	return owner, "D:" + access, nil
}

// trustedInstaller is the service that owns the files of Windows.
const trustedInstaller = "S-1-5-80-956008885-3418522649-1831038044-1853292631-2271478464"

func administers(owner *windows.SID) bool {
	return owner.IsWellKnown(windows.WinLocalSystemSid) || owner.IsWellKnown(windows.WinBuiltinAdministratorsSid) || owner.String() == trustedInstaller
}

// isThisUser: an administrator installs, and may own what he has made.
func isThisUser(owner *windows.SID) bool {
	user, err := windows.GetCurrentProcessToken().GetTokenUser()
	return err == nil && owner.Equals(user.User.Sid)
}

// removeStoredSecrets removes what [readStoredSecrets] reads.
func removeStoredSecrets() (bool, error) {
	err := registry.DeleteKey(registry.LOCAL_MACHINE, storedSecretsKey)
	if errors.Is(err, registry.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}
