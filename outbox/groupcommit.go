package outbox

import (
	"errors"
	"io/fs"
	"sync"
	"time"

	"github.com/kanade-go/kanade/outbox/atomicfile"
)

// groupCommit lets writers that arrive together share the waits for the disk. Each
// of them has written its file before it calls commit. The first to come leads a
// round: it has the disk begin with all of the files, so that the metadata of many is
// written with the first sync; then each writer puts its own in place, and the leader syncs
// the folder once. While one round is running the next one gathers.
//
// A writer that is alone never waits for others, once a crowd before it is forgotten. While
// several are at work, a round gathers for up to the time of ten syncs of the folder, but
// no longer than until as many have come as were at work before: in a crowd the waits cost
// each of them little more than its share, on a quick disk and on a slow one. What takes
// longer than a small file on a disk that works is nobody else's: a large file is synced
// before its round, and one whose name is held by another process leaves it.
type groupCommit struct {
	syncFolder func() error
	room       chan struct{} // of writers: each has an open file
	syncing    chan struct{} // of files that are synced at the same time

	disk sync.Mutex // held during a sync of the folder, and during exclusively

	mu        sync.Mutex
	running   *round
	gathering *round
	writers   int       // between enter and leave
	crowd     int       // the most of them since the last round began, or three quarters of what it was before
	ended     time.Time // the last round
	took      time.Duration
}

func newGroupCommit(syncFolder func() error) *groupCommit {
	return &groupCommit{syncFolder: syncFolder, room: make(chan struct{}, maxWriters), syncing: make(chan struct{}, atOnce)}
}

const (
	gatherSyncs = 10
	minGather   = 10 * time.Millisecond
	maxGather   = 50 * time.Millisecond
	// maxWriters is how many files are open at most; more writers wait for their turn.
	maxWriters = 128
	// atOnce is how many files of a round are synced at the same time. A disk takes
	// several syncs as one; each holds a thread, and more than this gain nothing (4: +5 %,
	// 32: +7 % of the time of a burst of 3,000 commands).
	atOnce = 8
	// maxShared is the largest file that others wait for.
	maxShared = 256 << 10
)

// enter says that a writer is at work which will call commit, and leave in any case.
func (g *groupCommit) enter() {
	g.room <- struct{}{}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.writers++
	g.crowd = max(g.crowd, g.writers)
}

func (g *groupCommit) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.writers--
	g.checkFullLocked(g.gathering)
	<-g.room
}

// commitFolder is commit of a writer that has no file of its own.
func (g *groupCommit) commitFolder() error {
	_, err := g.round(nil)
	return err
}

// commit puts a file in place and syncs the folder. After an error the result is
// nil, unless the file is in place and only the sync of the folder has failed.
func (g *groupCommit) commit(file *atomicfile.Staged) (fs.FileInfo, error) {
	if file.Size() > maxShared {
		info, err := file.Commit()
		if err != nil {
			return nil, err
		}
		return info, g.commitFolder()
	}
	info, err := g.round(file)
	if !errors.Is(err, errHeld) {
		return info, err
	}
	if err := file.Rename(); err != nil { // waits for whoever holds the name
		return nil, file.Discard(err)
	}
	return info, g.commitFolder()
}

func (g *groupCommit) join(file *atomicfile.Staged) (r, before *round, leader bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	leader = g.gathering == nil
	if leader {
		g.gathering = newRound()
	}
	r = g.gathering
	r.files = append(r.files, file)
	r.placing.Add(1)
	g.checkFullLocked(r)
	return r, g.running, leader
}

func (g *groupCommit) checkFullLocked(r *round) {
	if r != nil && !r.left && len(r.files) >= max(g.crowd, g.writers) {
		r.left = true
		close(r.full)
	}
}

// gather waits for the rest of the crowd, if there was one a moment ago.
func (g *groupCommit) gather(r *round) {
	wait := g.patience()
	if wait == 0 {
		return
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-r.full:
	case <-timer.C:
	}
}

func (g *groupCommit) patience() time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()
	wait := min(max(gatherSyncs*g.took, minGather), maxGather)
	if g.crowd <= 1 || time.Since(g.ended) > 2*wait {
		return 0
	}
	return wait
}

func (g *groupCommit) begin(r *round) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.gathering, g.running = nil, r
	g.crowd = max(g.writers, g.crowd*3/4)
}

func (g *groupCommit) end(r *round, took time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.running = nil
	g.ended, g.took = time.Now(), took
	close(r.done)
}

// exclusively runs do while no sync of the folder is under way.
func (g *groupCommit) exclusively(do func() error) error {
	g.disk.Lock()
	defer g.disk.Unlock()
	return do()
}
