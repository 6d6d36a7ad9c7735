package scripts

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent/wire"
	"github.com/kanade-go/kanade/retry"
	"github.com/kanade-go/kanade/retry/jstest"
)

const patience = time.Minute

func within(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

func sumOf(script string) string {
	sum := sha256.Sum256([]byte(script))
	return hex.EncodeToString(sum[:])
}

// counted counts the requests, and can interrupt them.
type counted struct {
	retry.ObjectReader
	infos, chunks atomic.Int64
	before        func(chunk int64)
}

func (c *counted) ObjectInfo(ctx context.Context, bucket, name string) (*jetstream.ObjectInfo, error) {
	c.infos.Add(1)
	return c.ObjectReader.ObjectInfo(ctx, bucket, name)
}

func (c *counted) ObjectChunk(ctx context.Context, bucket, nuid string, from uint64) (retry.ObjectChunk, error) {
	if n := c.chunks.Add(1); c.before != nil {
		c.before(n)
	}
	return c.ObjectReader.ObjectChunk(ctx, bucket, nuid, from)
}

// place is a broker with a store, and a cache.
type place struct {
	*testing.T
	broker *jstest.Broker
	store  jetstream.ObjectStore
	reader counted
	log    logged
	cfg    Config
	*Cache
}

func newPlace(t *testing.T) *place {
	t.Helper()
	t.Parallel()
	p := &place{T: t, broker: jstest.StartBroker(t)}
	p.createStore()
	p.connect(p.broker.Connect())
	return p
}

func (p *place) createStore() {
	p.Helper()
	var err error
	p.store, err = p.broker.JetStream().CreateObjectStore(within(p.T), jetstream.ObjectStoreConfig{Bucket: wire.StoreScripts})
	require.NoError(p, err)
}

func (p *place) connect(nc *nats.Conn) {
	transport := retry.FromNATS(nc)
	p.reader.ObjectReader = retry.NewObjectReader(transport)
	p.cfg.Dir, p.cfg.Objects, p.cfg.Transport = filepath.Join(p.TempDir(), "state", "script_cache"), &p.reader, transport
	p.cfg.Logger = slog.New(&p.log)
	p.reopen()
}

// reopen is what a restart does.
func (p *place) reopen() {
	p.Cache = Open(p.cfg)
	p.waiting = append(p.waiting, retry.WithBackoff(retry.Backoff{Min: 20 * time.Millisecond, Max: 200 * time.Millisecond, Factor: 2}))
}

func (p *place) put(object, script string) (digest string) {
	p.Helper()
	_, err := p.store.PutString(within(p.T), object, script)
	require.NoError(p, err)
	return sumOf(script)
}

// putChunks stores an object in pieces of 1 KiB.
func (p *place) putChunks(object, script string) (digest string) {
	p.Helper()
	meta := jetstream.ObjectMeta{Name: object, Opts: &jetstream.ObjectMetaOptions{ChunkSize: 1 << 10}}
	_, err := p.store.Put(within(p.T), meta, strings.NewReader(script))
	require.NoError(p, err)
	return sumOf(script)
}

// get does what a command does.
func (p *place) get(object, digest string) (string, error) {
	return get(within(p.T), p.Cache, object, digest)
}

func get(ctx context.Context, c *Cache, object, digest string) (string, error) {
	for {
		script, fetch, err := c.Script(object, digest)
		if err != nil || fetch == nil {
			return script, err
		}
		if err := fetch(ctx); err != nil {
			return "", err
		}
	}
}

// isHere asks for a script that needs no broker.
func (p *place) isHere(object, script string) {
	p.Helper()
	got, fetch, err := p.Script(object, sumOf(script))
	require.NoError(p, err)
	require.Nil(p, fetch)
	require.Equal(p, script, got)
}

func (p *place) files() (names []string) {
	p.Helper()
	list, err := os.ReadDir(p.cfg.Dir)
	if !os.IsNotExist(err) {
		require.NoError(p, err)
	}
	for _, d := range list {
		names = append(names, d.Name())
	}
	return names
}

func (p *place) path(digest string) string { return filepath.Join(p.cfg.Dir, digest) }

func (p *place) write(name, content string) {
	p.Helper()
	require.NoError(p, os.MkdirAll(p.cfg.Dir, 0o700))
	require.NoError(p, os.WriteFile(p.path(name), []byte(content), 0o600))
}

func (p *place) eventually(done func() bool, message string) {
	p.Helper()
	require.Eventually(p, done, patience, 5*time.Millisecond, message)
}

// logged counts what is said.
type logged struct {
	mu   sync.Mutex
	said map[string]int
}

func (l *logged) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelInfo }
func (l *logged) WithAttrs([]slog.Attr) slog.Handler               { return l }
func (l *logged) WithGroup(string) slog.Handler                    { return l }

func (l *logged) Handle(_ context.Context, r slog.Record) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.said == nil {
		l.said = map[string]int{}
	}
	l.said[r.Level.String()+" "+r.Message]++
	return nil
}

func (l *logged) count(begin string) (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for message, times := range l.said {
		if strings.HasPrefix(message, begin) {
			n += times
		}
	}
	return n
}
