package outbox

import "context"

// claim is the right to write the record of one name; there is one at a time.
type claim struct {
	done chan struct{} // closed when the claim is over
	file string        // what is being written, not in the index yet
}

// claim waits until no other Put of this name is under way.
func (ix *index) claim(ctx context.Context, name string) (*claim, error) {
	for {
		c, mine := ix.tryClaim(name)
		if mine {
			return c, nil
		}
		select {
		case <-c.done:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func (ix *index) tryClaim(name string) (c *claim, mine bool) {
	ix.mu.Lock()
	defer ix.mu.Unlock()
	if c := ix.claims[name]; c != nil {
		return c, false
	}
	c = &claim{done: make(chan struct{})}
	ix.claims[name] = c
	return c, true
}

func (ix *index) unclaim(name string, c *claim) {
	ix.mu.Lock()
	defer ix.mu.Unlock()
	delete(ix.claims, name)
	close(c.done)
}

// landing says which file the claim is about to create, so that a scan of the
// folder leaves it alone until it is durable.
func (ix *index) landing(c *claim, file string) {
	ix.mu.Lock()
	defer ix.mu.Unlock()
	c.file = file
}

// landed enters the claim's file.
func (ix *index) landed(c *claim, e *entry) {
	ix.mu.Lock()
	defer ix.mu.Unlock()
	c.file = ""
	e.synced = true
	e.rank = ix.newcomersLocked()
	old := ix.files[e.file]
	switch {
	case old == nil:
		ix.addLocked(e)
	case old.place == taken:
		// Its file is gone already and it is about to be dropped.
		ix.forgetLocked(old)
		ix.addLocked(e)
	default:
		// Somebody had removed the file behind our back; its entry is right
		// again.
		old.synced = true
	}
}

// standing is what a Put needs to know of a file.
type standing struct {
	known, taken, synced bool
	size                 int64
}

func (ix *index) standing(file string) standing {
	ix.mu.Lock()
	defer ix.mu.Unlock()
	e := ix.files[file]
	if e == nil {
		return standing{}
	}
	return standing{known: true, taken: e.place == taken, synced: e.synced, size: e.size}
}

// setSynced notes that a file which was found is known to be durable now.
func (ix *index) setSynced(file string) {
	ix.mu.Lock()
	defer ix.mu.Unlock()
	if e := ix.files[file]; e != nil {
		e.synced = true
	}
}

// shadowed tells whether a file is there that some file systems take for this
// one.
func (ix *index) shadowed(file string) bool {
	ix.mu.Lock()
	defer ix.mu.Unlock()
	return ix.upper[file] > 0
}

// newcomersLocked is the rank of what comes now. While nothing gets through it
// may be tried ahead of the backlog, unless order was asked for.
func (ix *index) newcomersLocked() rank {
	if (ix.blockedLocked() || ix.silent) && ix.width.max > 1 {
		return freshRank
	}
	return usualRank
}
