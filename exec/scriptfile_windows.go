package exec

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"unsafe"

	"golang.org/x/sys/windows"
)

const stagingPrefix = ""

func defaultStagingDir() string {
	return filepath.Join(cmp.Or(os.Getenv("ProgramData"), `C:\ProgramData`), "Kanade", "agent-scripts")
}

// privateSDDL is a protected access list, handed down to files: full control for the local system, administrators and
// the owner (the account of this process), nothing for others.
const privateSDDL = "D:P(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)(A;OICI;FA;;;OW)"

// openParent makes the folder of the runs' folders if it is missing, as private as those. One that belongs to an ordinary
// account is refused: everybody may make folders in %ProgramData%, and who owns a folder can exchange what is in it.
func openParent(dir string) error {
	if err := os.MkdirAll(filepath.Dir(dir), 0o700); err != nil {
		return err
	}
	err := makePrivateDir(dir)
	switch {
	case err == nil:
		return nil
	case !errors.Is(err, fs.ErrExist):
		return &os.PathError{Op: "mkdir", Path: dir, Err: err}
	}
	return checkOwner(dir)
}

// checkOwner refuses a link as well: what it leads to has an owner of its own, and whoever made the link can lead it
// elsewhere.
func checkOwner(dir string) error {
	info, err := os.Lstat(dir)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return fmt.Errorf("%s is a link or a file: remove it, or name the folder itself as the staging folder", dir)
	}
	sd, err := windows.GetNamedSecurityInfo(dir, windows.SE_FILE_OBJECT, windows.OWNER_SECURITY_INFORMATION)
	if err != nil {
		return fmt.Errorf("find the owner of %s: %w", dir, err)
	}
	owner, _, err := sd.Owner()
	if err != nil {
		return fmt.Errorf("find the owner of %s: %w", dir, err)
	}
	self, err := windows.GetCurrentProcessToken().GetTokenUser()
	if err != nil {
		return fmt.Errorf("find the account of this process: %w", err)
	}
	if owner.Equals(self.User.Sid) || owner.IsWellKnown(windows.WinLocalSystemSid) || owner.IsWellKnown(windows.WinBuiltinAdministratorsSid) {
		return nil
	}
	return fmt.Errorf("%s belongs to %s, who could exchange scripts in it: remove it or choose another staging folder", dir, owner)
}

// own is left to the access list: what others have made there cannot be removed without the right to.
func own(os.FileInfo) bool { return true }

// makePrivateDir fails when the folder exists.
func makePrivateDir(dir string) error {
	sd, err := windows.SecurityDescriptorFromString(privateSDDL)
	if err != nil {
		return err
	}
	name, err := windows.UTF16PtrFromString(dir)
	if err != nil {
		return err
	}
	attr := windows.SecurityAttributes{SecurityDescriptor: sd}
	attr.Length = uint32(unsafe.Sizeof(attr))
	return windows.CreateDirectory(name, &attr)
}
