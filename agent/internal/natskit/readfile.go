package natskit

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
)

var (
	// errNotRegular: a pipe blocks who opens it, and gives what it has once.
	errNotRegular = errors.New("not a regular file")
	errHangs      = errors.New("it cannot be read in time; the disk does not answer")
)

// readFile reads a file of at most so many bytes, and gives up when ctx ends: a share
// that is away answers nobody, and cannot be called back. Until it answers, one goroutine
// hangs there for each path, however often the file is asked for.
func readFile(ctx context.Context, path string, most int64) ([]byte, error) {
	end, err := reads.begin(ctx, path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w: %w", path, errHangs, err)
	}
	type answer struct {
		data []byte
		err  error
	}
	answered := make(chan answer, 1)
	go func() {
		data, err := readRegular(path, most)
		end()
		answered <- answer{data, err}
	}()
	select {
	case a := <-answered:
		return a.data, a.err
	case <-ctx.Done():
		return nil, fmt.Errorf("%s: %w: %w", path, errHangs, context.Cause(ctx))
	}
}

func readRegular(path string, most int64) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s: %w", path, errNotRegular)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // only read
	data, err := io.ReadAll(io.LimitReader(f, most+1))
	switch {
	case err != nil:
		return nil, err
	case int64(len(data)) > most:
		return nil, fmt.Errorf("%s: larger than %d bytes", path, most)
	}
	return data, nil
}

// reads are those of this process: agents in it may name the same file.
var reads = turns{ended: make(map[string]chan struct{})}

// turns lets one have a path at a time.
type turns struct {
	mu    sync.Mutex
	ended map[string]chan struct{}
}

func (t *turns) begin(ctx context.Context, path string) (end func(), err error) {
	for {
		before := t.take(path)
		if before == nil {
			return func() { t.end(path) }, nil
		}
		select {
		case <-before:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// take returns nil, or the end of who has the path.
func (t *turns) take(path string) <-chan struct{} {
	t.mu.Lock()
	defer t.mu.Unlock()
	if before, busy := t.ended[path]; busy {
		return before
	}
	t.ended[path] = make(chan struct{})
	return nil
}

func (t *turns) end(path string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	close(t.ended[path])
	delete(t.ended, path)
}
