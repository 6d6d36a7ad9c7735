package command

import (
	"context"
	"sync"
)

// maxFetches bounds the scripts that are waited for at a time. Commands that
// want others ask again after scriptPause.
const maxFetches = 64

// fetches are the scripts on their way, and the commands that wait for each.
type fetches struct {
	mu      sync.Mutex
	waiting map[scriptName]*fetching
	wanted  map[Key]scriptName
	active  sync.WaitGroup
}

type scriptName struct{ object, digest string }

// fetching is one script on its way. It ends when nobody wants it any more.
type fetching struct {
	keys   map[Key]struct{}
	cancel context.CancelFunc
}

func newFetches() fetches {
	return fetches{waiting: make(map[scriptName]*fetching), wanted: make(map[Key]scriptName)}
}

// join adds a command to those that wait for a script, and says whether it is
// the first. done is told, unless ctx ends before, or all have left.
func (f *fetches) join(ctx context.Context, name scriptName, key Key, fetch func(context.Context) error, done func([]Key, error)) (first bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	one, ok := f.waiting[name]
	switch {
	case !ok && len(f.waiting) == maxFetches:
		return false
	case !ok:
		one = f.begin(ctx, name, fetch, done)
	}
	one.keys[key] = struct{}{}
	f.wanted[key] = name
	return !ok
}

// begin is called with the lock held.
func (f *fetches) begin(ctx context.Context, name scriptName, fetch func(context.Context) error, done func([]Key, error)) *fetching {
	ctx, cancel := context.WithCancel(ctx)
	one := &fetching{keys: make(map[Key]struct{}), cancel: cancel}
	f.waiting[name] = one
	f.active.Go(func() {
		defer cancel()
		err := fetch(ctx)
		if keys := f.end(name, one); err == nil || ctx.Err() == nil {
			done(keys, err)
		}
	})
	return one
}

// end returns those that still wait for a script.
func (f *fetches) end(name scriptName, one *fetching) (keys []Key) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for key := range one.keys {
		keys = append(keys, key)
		delete(f.wanted, key)
	}
	if f.waiting[name] == one {
		delete(f.waiting, name)
	}
	return keys
}

// forget takes a command out that waits no more. A fetch that nobody is left to
// wait for is ended.
func (f *fetches) forget(key Key) {
	f.mu.Lock()
	defer f.mu.Unlock()
	name, ok := f.wanted[key]
	if !ok {
		return
	}
	delete(f.wanted, key)
	one := f.waiting[name]
	delete(one.keys, key)
	if len(one.keys) == 0 {
		delete(f.waiting, name)
		one.cancel()
	}
}
