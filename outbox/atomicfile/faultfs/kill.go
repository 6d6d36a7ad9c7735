package faultfs

import "errors"

// KillAt ends the process after the given number of operations. What it has
// written stays, durable or not, for the one that Restart begins.
func (f *FS) KillAt(step int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.killAt = step
}

// Killed tells whether that has happened.
func (f *FS) Killed() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return errors.Is(f.gone, ErrKilled)
}

// Restart begins another process after one that was killed. What that one had
// open is of no use to anybody, and no fault is still to come.
func (f *FS) Restart() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.gone, f.killAt, f.faults = nil, 0, nil
	f.life++
	for _, n := range f.names {
		n.handles = 0
	}
}
