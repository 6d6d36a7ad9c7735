package outbox

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/retry"
)

// patience is how long a test waits for what must happen.
const patience = 60 * time.Second

func openBox(t testing.TB, dir string, opts ...Option) *Outbox {
	t.Helper()
	box, err := Open(dir, opts...)
	require.NoError(t, err)
	t.Cleanup(func() {
		if err := box.Close(); err != nil {
			require.ErrorIs(t, err, ErrClosed)
		}
	})
	return box
}

func put(t testing.TB, box *Outbox, names ...string) {
	t.Helper()
	for _, name := range names {
		require.NoError(t, box.Put(t.Context(), record(name)))
	}
}

func record(name string) Record {
	return Record{Name: name, MsgID: "id-" + name, Subject: "test.records", Data: []byte("data of " + name)}
}

// startDrain runs Drain until the test ends, or until stop is called.
func startDrain(t testing.TB, box *Outbox, p Publisher) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- box.Drain(ctx, p) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			require.ErrorIs(t, err, ErrClosed)
		}
	})
	t.Cleanup(stop)
	return stop
}

// counts are the figures without sizes and times.
func counts(box *Outbox) Stats {
	s := box.Stats()
	s.Bytes, s.StuckBytes, s.Oldest, s.OldestStuck = 0, 0, time.Time{}, time.Time{}
	return s
}

// stuckFiles lists the record files in quarantine.
func stuckFiles(t testing.TB, dir string) []string {
	t.Helper()
	return files(t, filepath.Join(dir, stuckFolder))
}

// files lists the record files of a folder.
func files(t testing.TB, dir string) []string {
	t.Helper()
	list, err := filepath.Glob(filepath.Join(dir, "*"+fileSuffix))
	require.NoError(t, err)
	for i := range list {
		list[i] = filepath.Base(list[i])
	}
	slices.Sort(list)
	return list
}

func writeFile(t testing.TB, dir, name, content string) {
	t.Helper()
	require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600))
}

// setAge makes a file of the folder so old.
func setAge(t testing.TB, dir, name string, age time.Duration) {
	t.Helper()
	then := time.Now().Add(-age)
	require.NoError(t, os.Chtimes(filepath.Join(dir, name), then, then))
}

// publisherFunc is a Publisher made of one function.
type publisherFunc func(ctx context.Context, m *nats.Msg) (*jetstream.PubAck, error)

func (f publisherFunc) PublishMsg(ctx context.Context, m *nats.Msg, _ ...jetstream.PublishOpt) (*jetstream.PubAck, error) {
	return f(ctx, m)
}

// swallow takes a message and never answers.
func swallow(ctx context.Context, _ *nats.Msg) (*jetstream.PubAck, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

// stream is a Publisher that stores messages, each message ID once, and can be
// told to fail for some of them.
type stream struct {
	mu     sync.Mutex
	msgs   []*nats.Msg
	seen   map[string]bool
	tries  int
	refuse func(m *nats.Msg) error // nil: never
}

func (s *stream) PublishMsg(ctx context.Context, m *nats.Msg, _ ...jetstream.PublishOpt) (*jetstream.PubAck, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tries++
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if s.refuse != nil {
		if err := s.refuse(m); err != nil {
			return nil, err
		}
	}
	id := m.Header.Get(jetstream.MsgIDHeader)
	if s.seen[id] {
		return &jetstream.PubAck{Stream: "TEST", Duplicate: true}, nil
	}
	if s.seen == nil {
		s.seen = map[string]bool{}
	}
	s.seen[id] = true
	s.msgs = append(s.msgs, m)
	return &jetstream.PubAck{Stream: "TEST", Sequence: uint64(len(s.msgs))}, nil
}

func (s *stream) setRefuse(refuse func(*nats.Msg) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refuse = refuse
}

// data returns the payloads in the order of their arrival.
func (s *stream) data() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []string
	for _, m := range s.msgs {
		all = append(all, string(m.Data))
	}
	return all
}

func (s *stream) tried() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.tries
}

// link is a Transport that is up or down.
type link struct {
	retry.Transport
	mu      sync.Mutex
	up      bool
	changed chan struct{}
}

func newLink(up bool) *link { return &link{up: up, changed: make(chan struct{})} }

func (l *link) State() (bool, <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.up, l.changed
}

func (l *link) set(up bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.up = up
	close(l.changed)
	l.changed = make(chan struct{})
}

// resultCodec is a contract-like codec: the file is the payload, all else
// follows from it.
type resultCodec struct{}

func (resultCodec) Encode(w io.Writer, r Record) error {
	_, err := w.Write(r.Data)
	return err
}

func (resultCodec) Decode(_ string, file io.Reader) (Record, error) {
	data, err := io.ReadAll(file)
	if err != nil {
		return Record{}, err
	}
	request, result, err := resultIDs(data)
	if err != nil {
		return Record{}, err
	}
	return Record{Name: request, MsgID: result, Subject: "results." + fmt.Sprintf("%x", request), Data: data}, nil
}
