//go:build unix

package agentcli

import "os"

// moveLog moves a file to the place of another one.
func moveLog(from, to string) error { return os.Rename(from, to) }
