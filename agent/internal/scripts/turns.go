package scripts

import (
	"context"
	"sync"
)

// turns lets one at a time work on each digest.
type turns struct {
	mu  sync.Mutex
	all map[string]*turn
}

type turn struct {
	users int // has it, or waits for it
	free  chan struct{}
}

// take waits for the turn until ctx ends. Whoever has it gives it back by release.
func (t *turns) take(ctx context.Context, digest string) (release func(), err error) {
	one := t.join(digest)
	select {
	case <-one.free:
		return func() { one.free <- struct{}{}; t.leave(digest) }, nil
	case <-ctx.Done():
		t.leave(digest)
		return nil, ctx.Err()
	}
}

func (t *turns) join(digest string) *turn {
	t.mu.Lock()
	defer t.mu.Unlock()
	one := t.all[digest]
	if one == nil {
		one = &turn{free: make(chan struct{}, 1)}
		one.free <- struct{}{}
		t.all[digest] = one
	}
	one.users++
	return one
}

func (t *turns) leave(digest string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.all[digest].users--; t.all[digest].users == 0 {
		delete(t.all, digest)
	}
}
