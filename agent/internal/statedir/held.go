package statedir

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Held says whether somebody holds the lock of a state folder. It changes
// nothing: a folder or lock that is not there is held by nobody. To find out it
// shares the lock for a moment; an [Open] at that moment waits for it.
func Held(path string) (bool, error) {
	f, err := os.Open(filepath.Join(path, lockName))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("statedir: open lock: %w", err)
	}
	defer func() { _ = f.Close() }() // only read
	is, err := held(f)
	if err != nil {
		return false, fmt.Errorf("statedir: look at lock %s: %w", f.Name(), err)
	}
	return is, nil
}
