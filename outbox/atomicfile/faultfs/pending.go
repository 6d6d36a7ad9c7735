package faultfs

import (
	"maps"
	"path"
	"slices"
)

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

// doubt is what a failed sync of a folder leaves.
func (f *FS) doubt(covers func(*change) bool) {
	for _, c := range f.pending {
		c.doubtful = c.doubtful || covers(c)
	}
}

// Unsynced is how many changes of names are not certain to be found.
func (f *FS) Unsynced() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.pending)
}
