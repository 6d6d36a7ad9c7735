//go:build unix

package statedir

import "os"

// restrict closes the folder to everyone but its owner: it holds scripts and
// their output. A folder that the reference release made is open to all.
func restrict(path string) (warning, err error) { return nil, os.Chmod(path, 0o700) }
