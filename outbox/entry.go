package outbox

import (
	"io/fs"
	"time"
)

// entry stands for one file of the folder. With its place in the index it takes
// about 200 bytes, however large the file is.
type entry struct {
	file    string // base name
	modTime int64  // ns since 1970: the first key of the order
	size    int64
	retryAt time.Time
	tries   int // failures in a row
	place   place
	// What follows belongs to whoever has taken the entry.
	acked bool // stored by the broker, hook or removal still owed
	// synced means that the file and its name survive a power cut: it was
	// written, or checked, by this process. Guarded by the index.
	synced bool
}

// place is where the index keeps an entry.
type place uint8

const (
	ready   place = iota // waits for its turn
	waiting              // waits for retryAt
	taken                // being delivered
	corrupt              // kept, not tried until the file changes
)

func newEntry(info fs.FileInfo, file string) *entry {
	return &entry{file: file, modTime: info.ModTime().UnixNano(), size: info.Size()}
}

// byAge is a heap of entries, oldest first, names in byte order within the same
// instant.
type byAge []*entry

func (h byAge) Len() int      { return len(h) }
func (h byAge) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h *byAge) Push(x any)   { *h = append(*h, x.(*entry)) }
func (h *byAge) Pop() any     { return popLast((*[]*entry)(h)) }
func (h byAge) Less(i, j int) bool {
	if h[i].modTime != h[j].modTime {
		return h[i].modTime < h[j].modTime
	}
	return h[i].file < h[j].file
}

// byRetry is a heap of entries, the next to be retried first.
type byRetry []*entry

func (h byRetry) Len() int           { return len(h) }
func (h byRetry) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *byRetry) Push(x any)        { *h = append(*h, x.(*entry)) }
func (h *byRetry) Pop() any          { return popLast((*[]*entry)(h)) }
func (h byRetry) Less(i, j int) bool { return h[i].retryAt.Before(h[j].retryAt) }

func popLast(s *[]*entry) *entry {
	last := len(*s) - 1
	e := (*s)[last]
	(*s)[last] = nil
	*s = (*s)[:last]
	return e
}
