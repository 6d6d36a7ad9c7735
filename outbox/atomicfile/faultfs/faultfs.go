package faultfs

import (
	"errors"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/kanade-go/kanade/outbox/atomicfile"
)

// What every operation returns after the power failed, and after the process was
// killed.
var (
	ErrPowerCut = errors.New("power cut")
	ErrKilled   = errors.New("killed")
)

var errNotEmpty = errors.New("directory not empty")

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

// change is what one call did to the names of one folder; NTFS: of all folders.
type change struct {
	dir   string
	names map[string]*inode // nil: gone
	// after: this is the removal of a move between folders, and that its arrival.
	after *change
	// doubtful: its sync failed, so that no later one vouches for it.
	doubtful bool
}

func (c *change) apply(names map[string]*inode) {
	for name, n := range c.names {
		if n == nil {
			delete(names, name)
		} else {
			names[name] = n
		}
	}
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

// Model is what the disk was made with.
func (f *FS) Model() Model { return f.model }

// Unsynced is how many changes of names are not certain to be found.
func (f *FS) Unsynced() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.pending)
}

// rename enters changes of names that are one call.
func (f *FS) rename(changes ...*change) {
	if f.model == NTFS {
		for _, c := range changes[1:] {
			maps.Copy(changes[0].names, c.names)
		}
		changes = changes[:1]
	}
	for _, c := range changes {
		c.apply(f.names)
		for name := range c.names {
			if dir := f.names[path.Dir(name)]; dir != nil {
				dir.modTime = f.clock
			}
		}
		f.pending = append(f.pending, c)
	}
}

func changeOf(name string, n *inode) *change {
	return &change{dir: path.Dir(name), names: map[string]*inode{name: n}}
}

// settle makes durable what covers says of.
func (f *FS) settle(covers func(*change) bool) {
	f.pending = slices.DeleteFunc(f.pending, func(c *change) bool {
		if c.doubtful || !covers(c) {
			return false
		}
		c.apply(f.durable)
		f.supersede(c)
		return true
	})
}

// supersede: where a name is certain, an earlier doubt about it is over.
func (f *FS) supersede(by *change) {
	for _, c := range f.pending {
		if c == by {
			return
		}
		for name := range by.names {
			if c.doubtful {
				delete(c.names, name)
			}
		}
	}
}

func everything(*change) bool { return true }

// Name is how a disk calls a file, on every system: with slashes, without a
// volume.
func Name(name string) string {
	return path.Clean(filepath.ToSlash(strings.TrimPrefix(name, filepath.VolumeName(name))))
}

func (f *FS) OpenFile(name string, flag int, _ fs.FileMode) (atomicfile.File, error) {
	name = Name(name)
	f.mu.Lock()
	defer f.mu.Unlock()
	n, err := f.lookup("open", name)
	switch {
	case errors.Is(err, fs.ErrNotExist) && flag&os.O_CREATE != 0:
		n, err = f.create(name)
	case err == nil && flag&(os.O_CREATE|os.O_EXCL) == os.O_CREATE|os.O_EXCL:
		err = &fs.PathError{Op: "open", Path: name, Err: fs.ErrExist}
	case err == nil && flag&os.O_TRUNC != 0 && len(n.data) > 0:
		if err = f.step(); err == nil {
			n.truncate(0, f.clock)
		}
	}
	if err != nil {
		return nil, err
	}
	n.handles++
	return &file{fs: f, name: name, n: n, life: f.life}, nil
}

func (f *FS) lookup(op, name string) (*inode, error) {
	if f.gone != nil {
		return nil, f.gone
	}
	if n := f.names[name]; n != nil {
		return n, nil
	}
	return nil, &fs.PathError{Op: op, Path: name, Err: fs.ErrNotExist}
}

func (f *FS) create(name string) (*inode, error) {
	if !f.isDir(path.Dir(name)) {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	if err := f.step(); err != nil {
		return nil, err
	}
	n := &inode{modTime: f.clock}
	f.rename(changeOf(name, n))
	return n, nil
}

func (f *FS) Rename(from, to string) error {
	from, to = Name(from), Name(to)
	f.mu.Lock()
	defer f.mu.Unlock()
	n, err := f.lookup("rename", from)
	if err == nil && !f.isDir(path.Dir(to)) {
		err = &fs.PathError{Op: "rename", Path: to, Err: fs.ErrNotExist}
	}
	if err = errors.Join(err, f.inUse("rename", from), f.inUse("rename", to)); err != nil {
		return err
	}
	if err := f.step(); err != nil {
		return err
	}
	if path.Dir(from) == path.Dir(to) {
		f.rename(&change{dir: path.Dir(to), names: map[string]*inode{from: nil, to: n}})
	} else {
		arrival, removal := changeOf(to, n), changeOf(from, nil)
		removal.after = arrival
		f.rename(arrival, removal)
	}
	if f.model == NTFS {
		f.settle(everything)
	}
	return nil
}

func (f *FS) Remove(name string) error {
	name = Name(name)
	f.mu.Lock()
	defer f.mu.Unlock()
	n, err := f.lookup("remove", name)
	if err == nil && n.dir && f.hasFiles(name) {
		err = &fs.PathError{Op: "remove", Path: name, Err: errNotEmpty}
	}
	if err != nil {
		return err
	}
	if err := f.inUse("remove", name); err != nil {
		return err
	}
	if err := f.step(); err != nil {
		return err
	}
	f.rename(changeOf(name, nil))
	return nil
}

func (f *FS) SyncDir(dir string) error {
	dir = Name(dir)
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.gone != nil {
		return f.gone
	}
	if f.model == NTFS {
		return nil
	}
	if !f.isDir(dir) {
		return &fs.PathError{Op: "sync", Path: dir, Err: fs.ErrNotExist}
	}
	mine := func(c *change) bool { return c.dir == dir }
	if err := f.step(); err != nil {
		if f.gone == nil {
			f.doubt(mine)
		}
		return err
	}
	f.settle(mine)
	return nil
}

// doubt is what a failed sync of a folder leaves.
func (f *FS) doubt(covers func(*change) bool) {
	for _, c := range f.pending {
		c.doubtful = c.doubtful || covers(c)
	}
}

// MkdirAll makes each folder that is missing as an operation of its own.
func (f *FS) MkdirAll(dir string, _ fs.FileMode) error {
	dir = Name(dir)
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.gone != nil {
		return f.gone
	}
	return f.mkdirAll(dir)
}

func (f *FS) mkdirAll(dir string) error {
	parent := path.Dir(dir)
	if parent == dir || f.names[dir] != nil {
		return nil
	}
	if err := f.mkdirAll(parent); err != nil {
		return err
	}
	n := &inode{dir: true, modTime: f.clock}
	if f.hasFiles(dir) { // it was there all the time
		f.names[dir], f.durable[dir] = n, n
		return nil
	}
	if err := f.step(); err != nil {
		return err
	}
	f.folders = true
	f.rename(changeOf(dir, n))
	return nil
}

func (f *FS) isDir(dir string) bool {
	n := f.names[dir]
	return n != nil && n.dir || !f.folders || dir == path.Dir(dir) || f.hasFiles(dir)
}

func (f *FS) hasFiles(dir string) bool {
	for name, n := range f.names {
		if !n.dir && strings.HasPrefix(name, dir+"/") {
			return true
		}
	}
	return false
}

func (f *FS) ReadDir(dir string) ([]fs.DirEntry, error) {
	dir = Name(dir)
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.gone != nil {
		return nil, f.gone
	}
	if !f.isDir(dir) {
		return nil, &fs.PathError{Op: "readdir", Path: dir, Err: fs.ErrNotExist}
	}
	var list []fs.DirEntry
	for name, n := range f.names {
		if rest, ok := strings.CutPrefix(name, strings.TrimSuffix(dir, "/")+"/"); ok && !strings.Contains(rest, "/") {
			list = append(list, fs.FileInfoToDirEntry(n.info(name)))
		}
	}
	slices.SortFunc(list, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	return list, nil
}

func (f *FS) Stat(name string) (fs.FileInfo, error) {
	name = Name(name)
	f.mu.Lock()
	defer f.mu.Unlock()
	n, err := f.lookup("stat", name)
	if err == nil {
		return n.info(name), nil
	}
	if f.gone == nil && (name == path.Dir(name) || f.hasFiles(name)) {
		return (&inode{dir: true, modTime: f.clock}).info(name), nil
	}
	return nil, err
}
