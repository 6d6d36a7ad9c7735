package schedule

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent/internal/delivery"
	"github.com/kanade-go/kanade/agent/internal/supervise"
	"github.com/kanade-go/kanade/agent/wire"
	"github.com/kanade-go/kanade/internal/logtest"
	"github.com/kanade-go/kanade/outbox/atomicfile"
	"github.com/kanade-go/kanade/outbox/atomicfile/faultfs"
	"github.com/kanade-go/kanade/retry"
)

// bench is a scheduler in virtual time, with a broker and a command path that the
// test plays, on a disk in memory that restarts keep.
type bench struct {
	*Service
	t    *testing.T
	disk *faultfs.FS
	life *life
	pcID string
	logs logtest.Buffer

	group  *supervise.Group
	taking context.CancelFunc
	taken  sync.WaitGroup
	out    chan delivery.Delivery

	mu       sync.Mutex
	offset   time.Duration // of the host's clock
	zone     *time.Location
	looks    int
	groups   []string
	regroup  chan struct{}
	applies  map[string]func(retry.View)
	keys     map[string]retry.Keys
	online   bool
	buckets  map[string]map[string]string
	ledger   map[string]bool // by request ID: whether the result is owed
	fired    []fired
	repeated int // deliveries that the ledger knew
	answer   delivery.Settlement
	exit     func(c wire.Command) (code int32, ends bool)
	scripts  map[string]wire.ScriptState
	objects  Objects
	observed []map[string]string
	closed   bool // the command path takes nothing

	unreadable string // what the name of a file ends in that cannot be read, at the next start
}

type fired struct {
	wire.Command
	at, due time.Time
	offset  time.Duration
}

// run runs a test over a scheduler that starts with the rows that prepare sets.
func run(t *testing.T, prepare func(*bench), test func(t *testing.T, b *bench)) {
	t.Helper()
	t.Parallel()
	synctestRun(t, prepare, test)
}

// runOne is run for one schedule of a job.
func runOne(t *testing.T, s wire.Schedule, test func(t *testing.T, b *bench)) {
	t.Helper()
	run(t, func(b *bench) {
		b.schedule(s)
		b.job(wire.Manifest{})
	}, test)
}

func synctestRun(t *testing.T, prepare func(*bench), test func(t *testing.T, b *bench)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		if prepare != nil {
			prepare(b)
		}
		b.start()
		defer func() { b.stop() }()
		test(t, b)
	})
}

func newBench(t *testing.T) *bench {
	t.Helper()
	b := &bench{
		t: t, disk: faultfs.New(0, faultfs.POSIX), pcID: "PC-1", zone: time.UTC, groups: []string{}, regroup: make(chan struct{}),
		buckets: map[string]map[string]string{wire.BucketSchedules: {}, wire.BucketJobs: {}}, online: true,
		ledger: map[string]bool{}, scripts: map[string]wire.ScriptState{},
		exit: func(wire.Command) (int32, bool) { return 0, true },
	}
	require.NoError(t, b.disk.MkdirAll("/state", 0o700))
	require.NoError(t, b.disk.SyncDir("/"))
	return b
}

func (b *bench) start() {
	b.mu.Lock()
	b.applies, b.keys = map[string]func(retry.View){}, map[string]retry.Keys{}
	b.mu.Unlock()
	log := slog.New(slog.NewTextHandler(&b.logs, nil))
	b.out, b.life = make(chan delivery.Delivery), &life{FS: b.disk}
	b.life.unreadable.Store(&b.unreadable)
	b.Service = New(Config{
		PCID: b.pcID, Dir: "/state/schedule", Completions: "/state/" + CompletionsFile, FS: b.life, Watch: b.watch, Groups: b.memberships,
		Lookup: b.lookup, Objects: b.objects, Out: b.out, Pending: b.pending, Owed: b.owed, Observe: b.observe, Now: b.clock, Logger: log,
	})
	b.Load()
	var ctx context.Context
	ctx, b.taking = context.WithCancel(b.t.Context())
	b.taken.Go(func() { b.take(ctx, b.Service, b.out) })
	b.group = supervise.NewGroup(b.t.Context(), log, b.Tasks()...)
	synctest.Wait()
}

func (b *bench) stop() {
	b.group.Stop()
	b.taking()
	b.taken.Wait()
	b.Close()
}

// crash ends the scheduler without what it does at its end.
func (b *bench) crash() {
	b.life.dead.Store(true)
	b.stop()
}

var errDead = errors.New("the process is dead")

// life is the disk as one process sees it.
type life struct {
	atomicfile.FS
	dead       atomic.Bool
	unreadable atomic.Pointer[string]
	full       atomic.Pointer[string] // the document for which there is no room
}

func (l *life) OpenFile(name string, flag int, perm fs.FileMode) (atomicfile.File, error) {
	if l.dead.Load() {
		return nil, errDead
	}
	if end := *l.unreadable.Load(); end != "" && strings.HasSuffix(name, end) && flag == os.O_RDONLY {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrPermission}
	}
	if full := l.full.Load(); full != nil && flag&os.O_CREATE != 0 && strings.HasPrefix(filepath.Base(name), *full+".json") {
		return nil, &fs.PathError{Op: "open", Path: name, Err: errFull}
	}
	return l.FS.OpenFile(name, flag, perm)
}

// mend lets all files be read.
func (l *life) mend() { l.unreadable.Store(new(string)) }

func (l *life) MkdirAll(dir string, perm fs.FileMode) error {
	if l.dead.Load() {
		return errDead
	}
	return l.FS.MkdirAll(dir, perm)
}

func (b *bench) restart() {
	b.stop()
	b.start()
}

func (b *bench) observe(kind string, payload map[string]string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	assert.Equal(b.t, ObservationKind, kind)
	b.observed = append(b.observed, payload)
}

// problems counts the observations with a text.
func (b *bench) problems(text string) (n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, payload := range b.observed {
		if strings.Contains(payload["problem"], text) {
			n++
		}
	}
	return n
}

func (b *bench) clock() time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.looks++
	return time.Now().Add(b.offset).In(b.zone)
}

// step sets the host's clock.
func (b *bench) step(by time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.offset += by
}

// pass lets time pass.
func (b *bench) pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// until lets time pass up to a time of the host's clock.
func (b *bench) until(text string) {
	b.t.Helper()
	at, err := time.Parse(time.DateTime, text)
	require.NoError(b.t, err)
	b.pass(at.Sub(b.clock()))
}

// seen reads what the bench counts.
func seen[T any](b *bench, field *T) T {
	b.mu.Lock()
	defer b.mu.Unlock()
	return *field
}
