package schedule

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"slices"
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
	logs lockedBuffer

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

	unreadable bool // the files, at the next start
}

type fired struct {
	wire.Command
	at time.Time
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) count(text string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.b.String(), text)
}

// run runs a test over a scheduler that starts with the rows that prepare sets.
func run(t *testing.T, prepare func(*bench), test func(t *testing.T, b *bench)) {
	t.Helper()
	t.Parallel()
	synctestRun(t, prepare, test)
}

func synctestRun(t *testing.T, prepare func(*bench), test func(t *testing.T, b *bench)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		b := &bench{
			t: t, disk: faultfs.New(0, faultfs.POSIX), pcID: "PC-1", zone: time.UTC, groups: []string{}, regroup: make(chan struct{}),
			buckets: map[string]map[string]string{wire.BucketSchedules: {}, wire.BucketJobs: {}}, online: true,
			ledger: map[string]bool{}, scripts: map[string]wire.ScriptState{},
			exit: func(wire.Command) (int32, bool) { return 0, true },
		}
		require.NoError(t, b.disk.MkdirAll("/state", 0o700))
		require.NoError(t, b.disk.SyncDir("/"))
		if prepare != nil {
			prepare(b)
		}
		b.start()
		defer func() { b.stop() }()
		test(t, b)
	})
}

func (b *bench) start() {
	b.mu.Lock()
	b.applies, b.keys = map[string]func(retry.View){}, map[string]retry.Keys{}
	b.mu.Unlock()
	log := slog.New(slog.NewTextHandler(&b.logs, nil))
	b.out, b.life = make(chan delivery.Delivery), &life{FS: b.disk}
	b.life.unreadable.Store(b.unreadable)
	b.Service = New(Config{
		PCID: b.pcID, Dir: "/state/schedule", Completions: "/state/" + CompletionsFile, FS: b.life, Watch: b.watch, Groups: b.memberships,
		Lookup: b.lookup, Objects: b.objects, Out: b.out, Pending: b.pending, Observe: b.observe, Now: b.clock, Logger: log,
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
	dead, unreadable atomic.Bool
}

func (l *life) OpenFile(name string, flag int, perm fs.FileMode) (atomicfile.File, error) {
	if l.dead.Load() {
		return nil, errDead
	}
	if l.unreadable.Load() && flag == os.O_RDONLY {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrPermission}
	}
	return l.FS.OpenFile(name, flag, perm)
}

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

func (b *bench) watch(ctx context.Context, bucket string, keys retry.Keys, apply func(retry.View), _ ...retry.Option) error {
	b.mu.Lock()
	b.applies[bucket], b.keys[bucket] = apply, keys
	b.mu.Unlock()
	for {
		wanted, changed := keys()
		b.show(bucket, wanted)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-changed:
		}
	}
}

func (b *bench) show(bucket string, wanted []string) {
	b.mu.Lock()
	apply := b.applies[bucket]
	entries := map[string]retry.Entry{}
	for key, value := range b.buckets[bucket] {
		if slices.Contains(wanted, key) || slices.Contains(wanted, ">") {
			entries[key] = retry.Entry{Value: []byte(value)}
		}
	}
	online := b.online
	b.mu.Unlock()
	if online && apply != nil {
		apply(retry.View{Entries: entries})
	}
}

// put stores a row; an empty one is deleted.
func (b *bench) put(bucket, key, value string) {
	b.mu.Lock()
	rows := maps.Clone(b.buckets[bucket])
	if rows[key] = value; value == "" {
		delete(rows, key)
	}
	b.buckets[bucket] = rows
	keys := b.keys[bucket]
	b.mu.Unlock()
	if keys != nil {
		wanted, _ := keys()
		b.show(bucket, wanted)
		synctest.Wait()
	}
}

func (b *bench) schedule(s wire.Schedule) {
	if s.ID == "" {
		s.ID = "s"
	}
	if s.JobID == "" {
		s.JobID = "j"
	}
	s.RunsOn = wire.RunsOnAgent
	if s.Target.PCIDs == nil && s.Target.Groups == nil {
		s.Target.All = true
	}
	b.put(wire.BucketSchedules, s.ID, string(s.Encode()))
}

func (b *bench) job(m wire.Manifest) {
	if m.ID == "" {
		m.ID = "j"
	}
	if m.Version == "" {
		m.Version = "1"
	}
	if m.Execute.Timeout == "" {
		m.Execute.Timeout = "90s"
	}
	m.Execute.Shell = "powershell"
	if m.Execute.ScriptObject == "" && m.Execute.Script == "" {
		m.Execute.Script = "whoami"
	}
	b.put(wire.BucketJobs, m.ID, string(m.Encode()))
}

func (b *bench) memberships() ([]string, <-chan struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.groups, b.regroup
}

func (b *bench) join(groups ...string) {
	b.mu.Lock()
	b.groups = groups
	close(b.regroup)
	b.regroup = make(chan struct{})
	b.mu.Unlock()
	synctest.Wait()
}

func (b *bench) lookup(jobID string) wire.ScriptState {
	b.mu.Lock()
	defer b.mu.Unlock()
	state := b.scripts[jobID]
	state.Known = true
	return state
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

// take is the command path: a ledger that knows what it had, and results.
func (b *bench) take(ctx context.Context, s *Service, out <-chan delivery.Delivery) {
	for {
		if b.isClosed() {
			<-ctx.Done()
			return
		}
		select {
		case <-ctx.Done():
			return
		case d := <-out:
			b.admit(s, d)
		}
	}
}

func (b *bench) isClosed() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.closed
}

func (b *bench) admit(s *Service, d delivery.Delivery) {
	c, err := wire.DecodeCommand(d.Data)
	assert.NoError(b.t, err)
	assert.Equal(b.t, delivery.Schedule, d.Source)
	b.mu.Lock()
	answer, exit := b.answer, b.exit
	_, known := b.ledger[c.RequestID]
	if answer == delivery.Ack && !known {
		b.ledger[c.RequestID] = true
		b.fired = append(b.fired, fired{c, time.Now().Add(b.offset).UTC()})
	}
	if known {
		b.repeated++
	}
	b.mu.Unlock()
	d.Answer(answer)
	if answer == delivery.Ack && !known {
		if code, ends := exit(c); ends {
			b.finish(s, c.RequestID, code)
		}
	}
}

// finish is what the command path does with a result.
func (b *bench) finish(s *Service, requestID string, code int32) {
	if s.Owns(requestID) {
		s.Finished(requestID, code)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.ledger[requestID] = false
}

func (b *bench) pending(requestID string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.ledger[requestID]
}

func (b *bench) runs() []fired {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.fired)
}

// times are when commands came, in the host's time.
func (b *bench) times() (all []string) {
	for _, f := range b.runs() {
		all = append(all, f.at.Format(time.DateTime))
	}
	return all
}

func (b *bench) endWith(code int32) { b.exits(func(wire.Command) (int32, bool) { return code, true }) }

func (b *bench) exits(exit func(wire.Command) (int32, bool)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.exit = exit
}

func (b *bench) settleWith(answer delivery.Settlement) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.answer = answer
}

// seen reads what the bench counts.
func seen[T any](b *bench, field *T) T {
	b.mu.Lock()
	defer b.mu.Unlock()
	return *field
}
