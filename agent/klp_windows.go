package agent

import (
	"path/filepath"

	"golang.org/x/sys/windows"
)

// systemDisk is where the system is.
func systemDisk() string {
	folder, err := windows.GetSystemWindowsDirectory()
	if err != nil {
		return `C:\`
	}
	return filepath.VolumeName(folder) + `\`
}
