package update

import (
	"errors"
	"fmt"
	"io/fs"
	"sync"

	"github.com/kanade-go/kanade/outbox/atomicfile"
)

// swapIn makes a file beside the executable the executable.
func (i Install) swapIn(from string) error {
	replace := replaceRunning
	if i.swap != nil {
		replace = i.swap
	}
	if err := replace(i, from); err != nil {
		return fmt.Errorf("update: replace %s: %w", i.Path, err)
	}
	replacedHere.Store(i.Path, true)
	return nil
}

// replacedHere are the executables that this process has replaced: what is at their
// path is not what runs in it.
var replacedHere sync.Map

// Replaced says that this process has replaced the executable. It must not go on as
// if it were the new one.
func (i Install) Replaced() bool {
	_, replaced := replacedHere.Load(i.Path)
	return replaced
}

// replaceAtOnce is the one rename of systems that can replace what runs. Power that
// is lost right after it may undo it, and the plan on disk knows what to do then.
func replaceAtOnce(i Install, from string) error { return i.FS.Rename(from, i.Path) }

// replaceInTwo moves what runs aside first, and back if the second rename fails.
// What was moved aside the last time may still run, and cannot be removed then.
func replaceInTwo(i Install, from string) error {
	aside := i.aside()
	if err := atomicfile.TryRemove(i.FS, aside); err != nil && !errors.Is(err, fs.ErrNotExist) {
		aside = i.farAside()
		if farErr := i.remove(aside); farErr != nil {
			return errors.Join(err, farErr)
		}
	}
	if err := i.FS.Rename(i.Path, aside); err != nil {
		return err
	}
	if err := i.FS.Rename(from, i.Path); err != nil {
		return errors.Join(err, i.FS.Rename(aside, i.Path))
	}
	return nil
}
