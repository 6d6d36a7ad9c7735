package agentcli

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"regexp"
	"strings"

	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/registry"
)

const administrator = "an administrator"

func isAdministrator() bool { return windows.GetCurrentProcessToken().IsElevated() }

// Full control for SYSTEM and the administrators, nothing inherited from above.
const (
	folderAccess = "D:P(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)"
	fileAccess   = "D:P(A;;FA;;;SY)(A;;FA;;;BA)"
)

func closeFolder(path string) error { return setAccess(path, folderAccess) }
func closeFile(path string) error   { return setAccess(path, fileAccess) }

func setAccess(path, access string) error {
	descriptor, err := windows.SecurityDescriptorFromString(access)
	if err != nil {
		return fmt.Errorf("parse access rights: %w", err)
	}
	dacl, _, err := descriptor.DACL()
	if err != nil {
		return fmt.Errorf("read access rights: %w", err)
	}
	if err := own(path); err != nil {
		return fmt.Errorf("take %s over: %w", path, err)
	}
	const what = windows.DACL_SECURITY_INFORMATION | windows.PROTECTED_DACL_SECURITY_INFORMATION
	return windows.SetNamedSecurityInfo(path, windows.SE_FILE_OBJECT, what, nil, nil, dacl, nil)
}

// own gives the administrators what belongs to another user, who could change the
// rights again.
func own(path string) error {
	owner, _, err := accessOf(path)
	if err != nil || administers(owner) || isThisUser(owner) {
		return err
	}
	them, err := windows.CreateWellKnownSid(windows.WinBuiltinAdministratorsSid)
	if err != nil {
		return err
	}
	return windows.SetNamedSecurityInfo(path, windows.SE_FILE_OBJECT, windows.OWNER_SECURITY_INFORMATION, them, nil, nil, nil)
}

// isClosed: it belongs to SYSTEM or the administrators, and nobody else has any right
// to it, nor gets one from the folder.
func isClosed(path string, _ fs.FileInfo) bool {
	owner, access, err := accessOf(path)
	return err == nil && (administers(owner) || isThisUser(owner)) && closedAccess.MatchString(access)
}

// closeSecretFile also says whether that changed anything. Wine keeps Unix modes, and is
// never closed as [isClosed] wants it.
func closeSecretFile(path string) (changed bool, err error) {
	_, before, err := accessOf(path)
	if err != nil {
		return false, err
	}
	if err := closeFile(path); err != nil {
		return false, err
	}
	_, after, err := accessOf(path)
	return before != after, err
}

// closedAccess is a list of rights as Windows writes it: protected from inheritance,
// with entries for SYSTEM and the administrators alone.
var closedAccess = regexp.MustCompile(`^D:P(?:AI)?(?:\(A;[A-Z]*;[A-Z0-9x]+;;;(?:SY|BA)\))+$`)

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

// replaceable says who else than an administrator owns what is at path or a folder
// above it: an owner may always change the rights. Below ProgramData every user may
// make folders. Empty: nobody.
func replaceable(path string) string {
	for ; ; path = filepath.Dir(path) {
		owner, _, err := accessOf(path)
		switch {
		case err != nil && path == filepath.Dir(path):
			return ""
		case err != nil: // it is read before it counts
		case !administers(owner) && !isThisUser(owner):
			return fmt.Sprintf("%s belongs to the user %s", path, owner)
		case path == filepath.Dir(path):
			return ""
		}
	}
}

// isThisUser: an administrator installs, and may own what he has made.
func isThisUser(owner *windows.SID) bool {
	user, err := windows.GetCurrentProcessToken().GetTokenUser()
	return err == nil && owner.Equals(user.User.Sid)
}

// diverted is part of [replaceable] here: links are for administrators.
func diverted(path string) string { return replaceable(filepath.Dir(path)) }

// removeStoredSecrets removes what [readStoredSecrets] reads.
func removeStoredSecrets() (bool, error) {
	err := registry.DeleteKey(registry.LOCAL_MACHINE, storedSecretsKey)
	if errors.Is(err, registry.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}
