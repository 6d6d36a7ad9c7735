package jstest

import (
	"context"
	"fmt"
	"sync"

	"github.com/nats-io/nats.go/jetstream"
)

const watchBuffer = 256 // as in nats.go

func (kv *keyValue) Watch(ctx context.Context, keys string, opts ...jetstream.WatchOpt) (jetstream.KeyWatcher, error) {
	return kv.WatchFiltered(ctx, []string{keys}, opts...)
}

func (kv *keyValue) WatchAll(ctx context.Context, opts ...jetstream.WatchOpt) (jetstream.KeyWatcher, error) {
	return kv.Watch(ctx, jetstream.AllKeys, opts...)
}

// WatchFiltered watches until Stop, until ctx ends, or until the bucket is deleted; then the channel is closed.
func (kv *keyValue) WatchFiltered(ctx context.Context, keys []string, opts ...jetstream.WatchOpt) (jetstream.KeyWatcher, error) {
	limit := readWatchOptions(opts)
	filters := make([]string, 0, len(keys))
	for _, key := range keys {
		if badSubject(key) {
			return nil, fmt.Errorf("%w: key cannot be empty and must be a valid NATS subject", jetstream.ErrInvalidKey)
		}
		filters = append(filters, kv.subject(key))
	}
	return ask(ctx, kv.client, OpKVRead, func(b *broker) (jetstream.KeyWatcher, error) {
		st, err := b.stream(kvStreamPrefix + kv.bucket)
		if err != nil {
			return nil, err
		}
		w := &watcher{
			kv: kv, stream: st, limit: limit, cursor: newCursor(st, limit.consumer(), filters),
			updates: make(chan jetstream.KeyValueEntry, watchBuffer), stop: make(chan struct{}),
		}
		w.initial = w.cursor.pending(st)
		go w.run(ctx)
		return w, nil
	})
}

func (w watchLimit) consumer() jetstream.ConsumerConfig {
	switch {
	case w.from > 0:
		return jetstream.ConsumerConfig{DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: w.from}
	case w.updatesOnly:
		return jetstream.ConsumerConfig{DeliverPolicy: jetstream.DeliverNewPolicy}
	case w.history:
		return jetstream.ConsumerConfig{DeliverPolicy: jetstream.DeliverAllPolicy}
	}
	return jetstream.ConsumerConfig{DeliverPolicy: jetstream.DeliverLastPerSubjectPolicy}
}

type watcher struct {
	kv       *keyValue
	stream   *streamState
	limit    watchLimit
	cursor   cursor // guarded by broker.mu
	initial  int    // entries before the nil that ends the present ones
	updates  chan jetstream.KeyValueEntry
	stopOnce sync.Once
	stop     chan struct{}
}

func (w *watcher) Updates() <-chan jetstream.KeyValueEntry { return w.updates }

// Stop ends the watch; Updates is closed soon after.
func (w *watcher) Stop() error {
	w.stopOnce.Do(func() { close(w.stop) })
	return nil
}

func (w *watcher) run(ctx context.Context) {
	defer close(w.updates)
	if w.initial == 0 && !w.limit.updatesOnly && !w.send(ctx, nil) {
		return
	}
	for {
		e, changed, gone := w.next()
		switch {
		case gone:
			return
		case e != nil:
			if !w.hand(ctx, e) {
				return
			}
		default:
			select {
			case <-ctx.Done():
				return
			case <-w.stop:
				return
			case <-changed:
			}
		}
	}
}

// next returns the next entry, or what to wait for, or that the bucket is gone.
func (w *watcher) next() (e *entry, changed <-chan struct{}, gone bool) {
	b := w.kv.client.broker
	b.mu.Lock()
	defer b.mu.Unlock()
	if !w.kv.client.connected {
		return nil, b.changed, false
	}
	if w.stream.deleted {
		return nil, nil, true
	}
	m := w.cursor.take(w.stream)
	if m == nil {
		return nil, b.changed, false
	}
	e = w.kv.entry(m, uint64(w.cursor.pending(w.stream)))
	if w.limit.metaOnly {
		e.value = nil
	}
	return e, nil, false
}

func (w *watcher) hand(ctx context.Context, e *entry) bool {
	if e.Operation() == jetstream.KeyValuePut || !w.limit.ignoreDeletes {
		if !w.send(ctx, e) {
			return false
		}
	}
	w.initial--
	return w.initial != 0 || w.limit.updatesOnly || w.send(ctx, nil)
}

func (w *watcher) send(ctx context.Context, e jetstream.KeyValueEntry) bool {
	select {
	case w.updates <- e:
		return true
	case <-w.stop:
	case <-ctx.Done():
	}
	return false
}
