//go:build unix

package outbox

import "os"

// linkNew is a rename that replaces nothing, in two steps. A death in between
// leaves the file under both names.
func linkNew(from, to string) error {
	if err := os.Link(from, to); err != nil {
		return err
	}
	return os.Remove(from)
}
