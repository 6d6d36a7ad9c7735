package faultfs

import (
	"errors"
	"sync"
	"time"
)

// What every operation returns after the power failed, and after the process was
// killed.
var (
	ErrPowerCut = errors.New("power cut")
	ErrKilled   = errors.New("killed")
)

// Model says what a power cut leaves; see the package comment.
type Model int

// The models.
const (
	POSIX Model = iota
	NTFS
)

func (m Model) String() string { return [...]string{"POSIX", "NTFS"}[m] }

// FS is a disk in memory that remembers what was synced. The power fails at a
// chosen operation; EachSurvivor then gives the disks that can be found.
type FS struct {
	model  Model
	stopAt int // 0: never

	mu      sync.Mutex
	names   map[string]*inode // as programs see them
	durable map[string]*inode // as they are on disk for certain
	pending []*change         // what lies between the two, in the order of the calls
	folders bool              // somebody has made one
	steps   int
	killAt  int   // 0: never
	gone    error // why nothing happens any more
	life    int   // how often a killed process was followed by another
	clock   time.Time
	faults  []fault
	held    map[string]int
}

// New returns an empty disk whose power fails after the given number of
// operations; 0: never. Only what changes the disk counts as one.
func New(stopAt int, models ...Model) *FS {
	f := &FS{
		names: map[string]*inode{}, durable: map[string]*inode{}, stopAt: stopAt, held: map[string]int{},
		clock: time.Date(1999, 1, 1, 0, 0, 0, 0, time.UTC), // the past, in a synctest bubble too
	}
	for _, m := range models {
		f.model = m
	}
	return f
}

// step is called with the lock held, ahead of everything that changes the disk.
func (f *FS) step() error {
	switch {
	case f.stopAt > 0 && f.steps >= f.stopAt:
		f.gone = ErrPowerCut
	case f.killAt > 0 && f.steps >= f.killAt:
		f.gone = ErrKilled
	}
	if f.gone != nil {
		return f.gone
	}
	f.steps++
	f.clock = f.clock.Add(time.Millisecond)
	return f.faultNow()
}

// Event is something that happens beside the disk, as an operation that the
// power can fail at.
func (f *FS) Event() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.step()
}

// Steps is how many operations have changed the disk.
func (f *FS) Steps() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.steps
}

// Cut tells whether the power has failed.
func (f *FS) Cut() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return errors.Is(f.gone, ErrPowerCut)
}

// Model is what the disk was made with.
func (f *FS) Model() Model { return f.model }
