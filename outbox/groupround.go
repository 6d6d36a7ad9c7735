package outbox

import (
	"errors"
	"io/fs"
	"sync"
	"time"

	"github.com/kanade-go/kanade/outbox/atomicfile"
)

// round is what several writers commit together.
type round struct {
	files   []*atomicfile.Staged // nil: of a writer that has none
	full    chan struct{}        // closed when nobody else is expected
	left    bool                 // full is closed
	open    chan struct{}        // closed when everybody puts his file in place
	placing sync.WaitGroup       // those who have not done so
	done    chan struct{}
	err     error // of the folder; readable once done is closed
}

func newRound() *round {
	return &round{full: make(chan struct{}), open: make(chan struct{}), done: make(chan struct{}), err: errUnfinished}
}

var (
	// errHeld says that another process holds the name of a file: nobody else is to wait
	// for that.
	errHeld = errors.New("the name is held")
	// errUnfinished is what a panic of the file system leaves to the others.
	errUnfinished = errors.New("the sync of the folder was broken off")
)

// round takes a file, or nil, through a round. An error other than the folder's has
// removed the file, except errHeld. A panic is that of its own writer.
func (g *groupCommit) round(file *atomicfile.Staged) (fs.FileInfo, error) {
	r, before, leader := g.join(file)
	info, err := g.inRound(r, before, leader, file)
	switch {
	case errors.Is(err, errHeld):
		return info, err
	case err != nil:
		return nil, file.Discard(err)
	}
	<-r.done
	return info, r.err
}

func (g *groupCommit) inRound(r, before *round, leader bool, file *atomicfile.Staged) (fs.FileInfo, error) {
	if leader {
		defer g.finish(r)
	}
	defer r.placing.Done()
	if leader {
		g.start(r, before)
	}
	<-r.open
	return g.place(file)
}

// start gathers the others and has the disk begin with all files before anybody waits
// for the first.
func (g *groupCommit) start(r, before *round) {
	defer close(r.open)
	if before != nil {
		<-before.done
	}
	g.gather(r)
	g.begin(r)
	if len(r.files) == 1 {
		return
	}
	for _, file := range r.files {
		if file != nil {
			file.StartSync()
		}
	}
}

func (g *groupCommit) place(file *atomicfile.Staged) (fs.FileInfo, error) {
	if file == nil {
		return nil, nil
	}
	g.syncing <- struct{}{}
	defer func() { <-g.syncing }()
	info, err := file.Sync()
	if err == nil && file.TryRename() != nil {
		err = errHeld // or something that Rename will say
	}
	return info, err
}

// finish syncs the folder when everybody has put his file in place.
func (g *groupCommit) finish(r *round) {
	r.placing.Wait()
	began := time.Now()
	defer func() { g.end(r, time.Since(began)) }()
	r.err = g.exclusively(g.syncFolder)
}
