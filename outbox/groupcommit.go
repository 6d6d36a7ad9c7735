package outbox

import (
	"io/fs"
	"sync"
	"time"

	"github.com/kanade-go/kanade/outbox/atomicfile"
)

// groupCommit lets writers that arrive together share the waits for the disk. Each
// of them has written its file before it calls commit. The first to come leads a
// round, which puts all of their files in place and syncs the folder once. While one
// round is running the next one gathers.
//
// A writer that is alone never waits for others. While several are at work, a
// round gathers for up to the time of ten syncs of the folder, but no longer than until
// as many have come as were at work before: in a crowd the waits cost each of them
// little more than its share, on a quick disk and on a slow one.
type groupCommit struct {
	syncFolder func() error

	disk sync.Mutex // held during a sync of the folder, and during exclusively

	mu        sync.Mutex
	running   *round
	gathering *round
	writers   int       // between enter and leave
	crowd     int       // the most of them since the last round began, or a little less than before that
	ended     time.Time // the last round
	took      time.Duration
}

const (
	gatherSyncs = 10
	minGather   = 10 * time.Millisecond
	maxGather   = 50 * time.Millisecond
)

// enter says that a writer is at work which will call commit, and leave in any case.
func (g *groupCommit) enter() {
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
}

// commitFolder is commit of a writer that has no file of its own.
func (g *groupCommit) commitFolder() error {
	_, err := g.commit(nil)
	return err
}

// commit puts a file in place and syncs the folder. After an error the result is
// nil, unless the file is in place and only the sync of the folder has failed.
func (g *groupCommit) commit(file *atomicfile.Staged) (fs.FileInfo, error) {
	m := &member{file: file}
	r, before, leader := g.join(m)
	if !leader {
		<-r.done
		return m.info, r.errOf(m)
	}
	if before != nil {
		<-before.done
	}
	g.gather(r)
	g.begin(r)
	r.commitFiles()
	began := time.Now()
	r.err = g.exclusively(g.syncFolder)
	g.end(r, time.Since(began))
	return m.info, r.errOf(m)
}

func (g *groupCommit) join(m *member) (r, before *round, leader bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	leader = g.gathering == nil
	if leader {
		g.gathering = &round{done: make(chan struct{}), full: make(chan struct{})}
	}
	r = g.gathering
	r.members = append(r.members, m)
	g.checkFullLocked(r)
	return r, g.running, leader
}

func (g *groupCommit) checkFullLocked(r *round) {
	if r != nil && !r.left && len(r.members) >= max(g.crowd, g.writers) {
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
	g.crowd = max(g.writers, g.crowd-1)
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
