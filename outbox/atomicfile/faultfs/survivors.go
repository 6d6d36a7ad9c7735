package faultfs

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"maps"
	"path"
	"slices"
	"time"
)

// Contents is what happened to data that was never synced.
type Contents int

// The fates of such data.
const (
	Dropped Contents = iota // it is gone
	Torn                    // half of it is there
	Kept                    // all of it is there
	Zeroed                  // there are zeros in its place
	Holed                   // there are zeros in the place of its first half
)

var allContents = []Contents{Dropped, Zeroed, Torn, Holed, Kept}

// fate is the content that is found; what replaced synced content, instead of
// being appended to it, replaces it or not.
func (n *inode) fate(c Contents) []byte {
	all := n.written()
	done := len(n.synced)
	if !bytes.HasPrefix(all, n.synced) {
		if c == Dropped {
			return bytes.Clone(n.synced)
		}
		done = 0
	}
	half := done + (len(all)-done)/2
	switch c {
	case Dropped:
		return all[:done]
	case Torn:
		return all[:half]
	case Zeroed:
		clear(all[done:])
	case Holed:
		clear(all[done:half])
	}
	return all
}

func (n *inode) dirty() bool { return !n.dir && !bytes.Equal(n.synced, n.written()) }

// EachSurvivor calls check with every disk that can be found after the power
// cut, until it returns an error.
func (f *FS) EachSurvivor(check func(*FS) error) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	seen := map[[32]byte]bool{}
	for _, done := range f.sets() {
		names := f.namesAfter(done)
		for _, fates := range f.fates(names) {
			after := f.after(names, fates)
			print := after.Fingerprint()
			if seen[print] {
				continue
			}
			seen[print] = true
			if err := check(after); err != nil {
				return fmt.Errorf("of %d unsynced changes %v are found, contents %v: %w", len(f.pending), done, fates, err)
			}
		}
	}
	return nil
}

// maxSubsets bounds the changes of which every subset is tried.
const maxSubsets = 6

// sets are the sets of pending changes that can be found.
func (f *FS) sets() (all [][]int) {
	n := len(f.pending)
	var prefixes [][]int
	for k := range n + 1 {
		prefixes = append(prefixes, numbers(0, k))
	}
	switch {
	case f.model == NTFS:
		return prefixes
	case n <= maxSubsets:
		for bits := range 1 << n {
			all = append(all, slices.DeleteFunc(numbers(0, n), func(i int) bool { return bits>>i&1 == 0 }))
		}
	default:
		all = prefixes
		for i := range n {
			others := slices.DeleteFunc(numbers(0, n), func(j int) bool { return i == j })
			folder := slices.DeleteFunc(numbers(0, n), func(j int) bool { return f.pending[i].dir != f.pending[j].dir })
			all = append(all, []int{i}, others, numbers(i, n), folder)
		}
	}
	return slices.DeleteFunc(all, f.loses)
}

// loses tells of a move that is found where it began, and not where it led.
func (f *FS) loses(done []int) bool {
	return slices.ContainsFunc(done, func(i int) bool {
		arrival := slices.Index(f.pending, f.pending[i].after)
		return arrival >= 0 && !slices.Contains(done, arrival)
	})
}

func numbers(from, to int) (all []int) {
	for i := from; i < to; i++ {
		all = append(all, i)
	}
	return all
}

// fates gives each file whose content was not synced its fate: every combination
// for two of them, otherwise all the same, and all the same but one.
func (f *FS) fates(names map[string]*inode) (all []map[*inode]Contents) {
	var dirty []*inode
	for _, name := range slices.Sorted(maps.Keys(names)) {
		if n := names[name]; n.dirty() && !slices.Contains(dirty, n) {
			dirty = append(dirty, n)
		}
	}
	for _, usual := range allContents {
		fates := map[*inode]Contents{}
		for _, n := range dirty {
			fates[n] = usual
		}
		all = append(all, fates)
		for _, other := range allContents {
			for _, n := range dirty {
				if len(dirty) > 2 && usual != Dropped && usual != Kept || other == usual || len(dirty) == 1 {
					continue
				}
				fates := maps.Clone(fates)
				fates[n] = other
				all = append(all, fates)
			}
		}
		if len(dirty) == 0 {
			break
		}
	}
	return all
}

// Survivors is the disk after the power cut, with the first nameOps of the
// unsynced changes of names and the same fate for all contents.
func (f *FS) Survivors(nameOps int, unsynced Contents) *FS {
	f.mu.Lock()
	defer f.mu.Unlock()
	names := f.namesAfter(numbers(0, nameOps))
	fates := map[*inode]Contents{}
	for _, n := range names {
		fates[n] = unsynced
	}
	return f.after(names, fates)
}

// namesAfter leaves out what is in a folder that is not found itself.
func (f *FS) namesAfter(done []int) map[string]*inode {
	names := maps.Clone(f.durable)
	for _, i := range done {
		f.pending[i].apply(names)
	}
	if f.folders {
		maps.DeleteFunc(names, func(name string, _ *inode) bool { return !f.reachable(names, path.Dir(name)) })
	}
	return names
}

func (f *FS) reachable(names map[string]*inode, dir string) bool {
	for ; dir != path.Dir(dir); dir = path.Dir(dir) {
		if f.names[dir] != nil && names[dir] == nil {
			return false
		}
	}
	return true
}

func (f *FS) after(names map[string]*inode, fates map[*inode]Contents) *FS {
	after := New(0, f.model)
	after.folders, after.clock = f.folders, f.clock.Add(time.Minute)
	copies := map[*inode]*inode{}
	for name, n := range names {
		c := copies[n]
		if c == nil {
			data := n.fate(fates[n])
			c = &inode{dir: n.dir, data: data, synced: data, clean: len(data), modTime: n.modTime}
			copies[n] = c
		}
		after.names[name], after.durable[name] = c, c
	}
	return after
}

// Fingerprint is the same for two disks with the same files.
func (f *FS) Fingerprint() (sum [32]byte) {
	f.mu.Lock()
	defer f.mu.Unlock()
	h := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(f.names)) {
		n := f.names[name]
		fmt.Fprintf(h, "%q %t %d\n", name, n.dir, len(n.data))
		h.Write(n.data)
	}
	h.Sum(sum[:0])
	return sum
}
