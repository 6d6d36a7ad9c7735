package settings

import (
	"context"
	"log/slog"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent/internal/supervise"
	"github.com/kanade-go/kanade/internal/logtest"
	"github.com/kanade-go/kanade/outbox/atomicfile"
	"github.com/kanade-go/kanade/retry"
	"github.com/kanade-go/kanade/retry/jstest"
)

// bench is settings over views that the test makes up, in virtual time.
type bench struct {
	*Service
	t    *testing.T
	dir  string
	pcID string
	fs   atomicfile.FS
	fake *jstest.Fake
	logs logtest.Buffer

	group *supervise.Group

	mu       sync.Mutex
	online   bool
	changed  time.Time
	applies  map[string]func(retry.View)
	keys     map[string]retry.Keys
	observed []map[string]string
}

// run runs a test over settings that were never known.
func run(t *testing.T, prepare func(*bench), test func(t *testing.T, b *bench)) {
	t.Helper()
	t.Parallel()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		b := &bench{t: t, dir: filepath.Join(dir, "settings"), pcID: "PC-1", fs: atomicfile.OS, fake: jstest.NewFake(), online: true}
		if prepare != nil {
			prepare(b)
		}
		b.start()
		defer func() { b.stop() }()
		test(t, b)
	})
}

func (b *bench) start() {
	b.applies, b.keys = map[string]func(retry.View){}, map[string]retry.Keys{}
	b.Service = New(Config{
		PCID: b.pcID, Dir: b.dir, FS: b.fs, Watch: b.watch, Rows: retry.NewKVReader(b.fake.Conn()), Connected: b.connected, Since: b.since,
		Observe: b.observe, Logger: slog.New(slog.NewTextHandler(&b.logs, nil)),
	})
	b.Load()
	b.group = supervise.NewGroup(b.t.Context(), slog.New(slog.NewTextHandler(&b.logs, nil)), b.Tasks()...)
	synctest.Wait()
}

func (b *bench) stop() { b.group.Stop() }

func (b *bench) restart() {
	b.stop()
	b.start()
}

func (b *bench) watch(ctx context.Context, bucket string, keys retry.Keys, apply func(retry.View), _ ...retry.Option) error {
	b.mu.Lock()
	b.applies[bucket], b.keys[bucket] = apply, keys
	b.mu.Unlock()
	<-ctx.Done()
	return ctx.Err()
}

func (b *bench) connected() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.online
}

func (b *bench) since() (connected bool, since time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.online, b.changed
}

func (b *bench) connect(online bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.online, b.changed = online, time.Now()
}

func (b *bench) observe(kind string, payload map[string]string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	require.Equal(b.t, ObservationKind, kind)
	b.observed = append(b.observed, payload)
}

// see is a fresh view of a bucket.
func (b *bench) see(bucket string, revision uint64, values ...string) {
	b.seeStale(bucket, time.Time{}, revision, values...)
}

func (b *bench) seeStale(bucket string, since time.Time, revision uint64, values ...string) {
	b.t.Helper()
	b.mu.Lock()
	apply := b.applies[bucket]
	b.mu.Unlock()
	require.NotNil(b.t, apply)
	apply(retry.View{Entries: view(revision, values...), Stale: since})
}

func (b *bench) groupsNow() []string {
	groups, _ := b.Groups()
	return groups
}

func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}
