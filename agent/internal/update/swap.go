package update

import (
	"errors"
	"fmt"
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
	return nil
}

// replaceAtOnce is the one rename of systems that can replace what runs. Power that
// is lost right after it may undo it, and the plan on disk knows what to do then.
func replaceAtOnce(i Install, from string) error { return i.FS.Rename(from, i.Path) }

// replaceInTwo moves what runs aside first, and back if the second rename fails.
func replaceInTwo(i Install, from string) error {
	if err := i.remove(i.aside()); err != nil {
		return err
	}
	if err := i.FS.Rename(i.Path, i.aside()); err != nil {
		return err
	}
	if err := i.FS.Rename(from, i.Path); err != nil {
		return errors.Join(err, i.FS.Rename(i.aside(), i.Path))
	}
	return nil
}
