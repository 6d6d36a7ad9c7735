//go:build unix

package agentcli

import "os"

// createPrivate makes a new file that nobody but its owner reads.
func createPrivate(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
}
