package agentcli

import (
	"errors"
	"fmt"
	"io/fs"

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
	const what = windows.DACL_SECURITY_INFORMATION | windows.PROTECTED_DACL_SECURITY_INFORMATION
	return windows.SetNamedSecurityInfo(path, windows.SE_FILE_OBJECT, what, nil, nil, dacl, nil)
}

// isClosed is never known here: access rights are set again, which changes nothing
// where they are so already.
func isClosed(fs.FileInfo) bool { return true }

// replaceable is not judged here: below Program Files only administrators write.
func replaceable(string) string { return "" }

// removeStoredSecrets removes what [readStoredSecrets] reads.
func removeStoredSecrets() (bool, error) {
	err := registry.DeleteKey(registry.LOCAL_MACHINE, storedSecretsKey)
	if errors.Is(err, registry.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}
