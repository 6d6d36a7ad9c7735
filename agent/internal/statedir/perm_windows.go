package statedir

import (
	"fmt"

	"golang.org/x/sys/windows"
)

// access: full control for SYSTEM, the administrators and the owner, inherited
// by what is created inside, and nothing inherited from above.
const access = "D:P(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)(A;OICI;FA;;;OW)"

// restrict closes the folder to everyone but its owner and administrators: it
// holds scripts and their output.
func restrict(path string) error {
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
