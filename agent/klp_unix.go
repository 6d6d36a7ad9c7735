//go:build unix

package agent

// systemDisk is where the system is.
func systemDisk() string { return "/" }
