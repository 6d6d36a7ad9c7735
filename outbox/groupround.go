package outbox

import (
	"io/fs"
	"sync"
	"sync/atomic"

	"github.com/kanade-go/kanade/outbox/atomicfile"
)

// atOnce is how many files of a round are synced at the same time. A disk takes
// several syncs as one; each holds a thread, and more than this gain nothing (4: +5 %,
// 32: +7 % of the time of a burst of 3,000 commands).
const atOnce = 8

// round is what several writers commit together.
type round struct {
	done    chan struct{}
	err     error // of the folder; readable once done is closed
	members []*member
	full    chan struct{} // closed when nobody else is expected
	left    bool          // full is closed
}

// member is one writer; info and err are readable once the round is done.
type member struct {
	file *atomicfile.Staged // nil: only the folder
	info fs.FileInfo        // of the file, when it is in place
	err  error              // of the file
}

func (r *round) errOf(m *member) error {
	if m.err != nil {
		return m.err
	}
	return r.err
}

// commitFiles has the disk begin with all files before it waits for the first: the
// metadata of many is then written with the first sync.
func (r *round) commitFiles() {
	if len(r.members) == 1 {
		r.members[0].commit()
		return
	}
	for _, m := range r.members {
		if m.file != nil {
			m.file.StartSync()
		}
	}
	var working sync.WaitGroup
	var taken atomic.Int64
	for range min(atOnce, len(r.members)) {
		working.Go(func() {
			for i := taken.Add(1); i <= int64(len(r.members)); i = taken.Add(1) {
				r.members[i-1].commit()
			}
		})
	}
	working.Wait()
}

func (m *member) commit() {
	if m.file != nil {
		m.info, m.err = m.file.Commit()
	}
}
