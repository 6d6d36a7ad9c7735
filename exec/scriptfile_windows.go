package exec

import (
	"cmp"
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
