package scripts

import (
	"cmp"
	"maps"
	"slices"
	"sync"
	"time"
)

// Bounds of the folder.
const (
	DefaultMaxBytes = 256 << 20
	DefaultMaxFiles = 10_000
)

// index knows how much is in the folder, and what was used when.
type index struct {
	maxBytes int64
	maxFiles int
	now      func() time.Time

	mu      sync.Mutex
	loaded  bool
	files   map[string]*kept // by digest
	bytes   int64
	evicted uint64
}

type kept struct {
	size   int64
	used   time.Time
	marked time.Time // when a use was last written to the disk
}

type listed struct {
	digest  string
	size    int64
	modTime time.Time
}

func (x *index) isLoaded() bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.loaded
}

// fill takes over what was found. A time that lies ahead comes from a clock that was set back.
func (x *index) fill(found []listed) {
	x.mu.Lock()
	defer x.mu.Unlock()
	now := x.now()
	for _, l := range found {
		used := l.modTime
		if used.After(now) {
			used = now
		}
		x.set(l.digest, &kept{size: l.size, used: used, marked: l.modTime})
	}
	x.loaded = true
}

// reserve counts a file that is going to be written, after others have made room for it.
func (x *index) reserve(digest string, size int64, remove func(digest string) error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	now := x.now()
	x.set(digest, &kept{size: size, used: now, marked: now})
	x.evict(digest, remove)
}

// trim brings what is there within the bounds.
func (x *index) trim(remove func(digest string) error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.evict("", remove)
}

// set is called with the lock held.
func (x *index) set(digest string, k *kept) {
	x.drop(digest)
	x.files[digest] = k
	x.bytes += k.size
}

func (x *index) forget(digest string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.drop(digest)
}

// drop is called with the lock held.
func (x *index) drop(digest string) {
	if k, ok := x.files[digest]; ok {
		x.bytes -= k.size
		delete(x.files, digest)
	}
}

// markInterval is how much of the order of use a restart may forget. Every use would be a write to the disk.
const markInterval = 24 * time.Hour

// use notes that a script is used now, and says whether that is to be written to the disk.
func (x *index) use(digest string, size int64) (at time.Time, mark bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	now := x.now()
	k, ok := x.files[digest]
	if !ok { // somebody has put it there
		k = &kept{size: size}
		x.set(digest, k)
	}
	k.used = now
	if age := now.Sub(k.marked); age < markInterval && age > -markInterval {
		return now, false
	}
	k.marked = now
	return now, true
}

// evict removes what was used longest ago, but for one, until the rest is within the bounds. What cannot be removed now
// stays. It is called with the lock held.
func (x *index) evict(but string, remove func(digest string) error) {
	if x.fits() {
		return
	}
	oldest := slices.SortedFunc(maps.Keys(x.files), func(a, b string) int {
		return cmp.Or(x.files[a].used.Compare(x.files[b].used), cmp.Compare(a, b))
	})
	for _, digest := range oldest {
		if x.fits() {
			return
		}
		if digest != but && remove(digest) == nil {
			x.drop(digest)
			x.evicted++
		}
	}
}

func (x *index) fits() bool { return x.bytes <= x.maxBytes && len(x.files) <= x.maxFiles }

func (x *index) count() (files int, bytes int64, evicted uint64) {
	x.mu.Lock()
	defer x.mu.Unlock()
	return len(x.files), x.bytes, x.evicted
}
