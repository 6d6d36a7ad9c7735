package scripts

import (
	"context"
	"sync"
)

// turns lets one at a time do a thing, such as to write the file of a digest.
type turns struct {
	mu  sync.Mutex
	all map[string]*turn
}

type turn struct {
	users int // has it, or waits for it
	free  chan struct{}
}

// take waits for the turn until ctx ends. Whoever has it gives it back by release.
func (t *turns) take(ctx context.Context, what string) (release func(), err error) {
	one := t.join(what)
	select {
	case <-one.free:
		return func() { one.free <- struct{}{}; t.leave(what) }, nil
	case <-ctx.Done():
		t.leave(what)
		return nil, ctx.Err()
	}
}

func (t *turns) join(what string) *turn {
	t.mu.Lock()
	defer t.mu.Unlock()
	one := t.all[what]
	if one == nil {
		one = &turn{free: make(chan struct{}, 1)}
		one.free <- struct{}{}
		t.all[what] = one
	}
	one.users++
	return one
}

func (t *turns) leave(what string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.all[what].users--; t.all[what].users == 0 {
		delete(t.all, what)
	}
}
