package schedule

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kanade-go/kanade/agent/internal/delivery"
	"github.com/kanade-go/kanade/agent/internal/supervise"
	"github.com/kanade-go/kanade/agent/wire"
	"github.com/kanade-go/kanade/outbox/atomicfile"
	"github.com/kanade-go/kanade/retry"
)

// ObservationKind is the kind of the observations about schedules that do not fire
// as they should.
const ObservationKind = "schedule_problem"

// CompletionsFile is the name that the reference release has for what was done, in
// the state folder.
const CompletionsFile = "local_completions.json"

// Watch keeps a view of some keys of a bucket: [retry.WatchKV] over the agent's
// connection.
type Watch func(ctx context.Context, bucket string, keys retry.Keys, apply func(retry.View), opts ...retry.Option) error

// Objects knows the script objects.
type Objects interface {
	// Digest asks the broker for the SHA-256 of an object, in lower-case hex.
	Digest(ctx context.Context, object string) (string, error)
	// Prefetch makes an object local.
	Prefetch(ctx context.Context, object, digest string) error
}

// Config is what the scheduler needs from the agent.
type Config struct {
	PCID string
	// Dir is the folder of the snapshots; it is created with the first one.
	Dir string
	// Completions is the path of what was done, see [CompletionsFile].
	Completions string
	FS          atomicfile.FS
	Watch       Watch
	// Groups are those of the host; nil: not known. The channel is closed when
	// another call answers otherwise.
	Groups func() (groups []string, changed <-chan struct{})
	// Lookup is what is known of a job's pin and revocation; it asks nobody. Nil:
	// nothing is pinned or revoked.
	Lookup func(jobID string) wire.ScriptState
	// Objects has the scripts that jobs name; nil: there are none.
	Objects Objects
	// Out takes what is due. It must not be closed before the tasks have ended.
	Out chan<- delivery.Delivery
	// Pending reports whether the command path still owes a result for a request.
	Pending func(requestID string) bool
	// Owed are the requests of this package, see [IsRequestID], that the command path
	// owes a result for; nil: none. It is asked when nobody else knows them any more.
	Owed func() []string
	// Observe is told of what does not work as it should; nil: nobody.
	Observe func(kind string, payload map[string]string)
	Now     func() time.Time
	Logger  *slog.Logger
	// SettleIn is how long the broker has at the start to say what is new; zero:
	// DefaultSettleIn.
	SettleIn time.Duration
}

// Service fires the schedules of one host. All methods may be called at any time
// and at once, except Load.
type Service struct {
	cfg       Config
	log       *slog.Logger
	told      *notices
	schedules *mirror
	jobs      *mirror
	state     document
	done      *completions
	clock     clock
	counters  counters

	wake        chan struct{} // holds one signal: something changed
	objectsWake chan struct{} // holds one signal: other objects are wanted, or one failed
	stale       atomic.Bool   // rows or groups changed since the last rearm

	mu     sync.Mutex
	armed  map[string]*armed // by key
	marks  map[string]mark   // of the last run, of schedules that are not armed yet
	runs   map[string]flight // by request ID
	noted  time.Time         // when the count was news for the disk last, while the clock is set back
	doneAt map[string]stamp  // by completion, where it is known better than there
	digest map[string]string // by object
	early  map[string]moment // ends of runs, until it is known which are ours
	jobIDs []string          // that armed schedules name
	// jobIDsChanged is closed with a change of jobIDs.
	jobIDsChanged chan struct{}
	manifests     map[string]wire.Manifest // by key of the bucket
	rearmed       bool                     // manifests are those of the rows in force
	next          time.Time                // fire, for Status
	dirty         bool                     // the state differs from the disk
	passed        time.Time                // since when it does by what was passed over, by the process's own clock

	flushAt   time.Time // by the process's own clock; zero: nothing to write
	holdUntil time.Time // likewise: nothing fires, the disk failed
	began     time.Time // likewise
	since     time.Time // the same by the host's clock
	settled   bool      // what the last run left in flight was looked at
	loaded    atomic.Bool
	stateRead atomic.Bool
}

type counters struct{ fired, succeeded, failed, overlapped, missed, passed atomic.Uint64 }

// New builds the scheduler. It reads and starts nothing.
func New(cfg Config) *Service {
	if cfg.SettleIn == 0 {
		cfg.SettleIn = DefaultSettleIn
	}
	if cfg.Observe == nil {
		cfg.Observe = func(string, map[string]string) {}
	}
	if cfg.Lookup == nil {
		cfg.Lookup = func(string) wire.ScriptState { return wire.ScriptState{Known: true, Final: true} }
	}
	if cfg.Owed == nil {
		cfg.Owed = func() []string { return nil }
	}
	s := &Service{
		cfg: cfg, clock: clock{now: cfg.Now}, log: cfg.Logger, told: &notices{log: cfg.Logger, observe: cfg.Observe, said: map[string]saying{}},
		state: newDocument(cfg, stateName), done: &completions{fs: cfg.FS, path: cfg.Completions},
		wake: make(chan struct{}, 1), objectsWake: make(chan struct{}, 1), jobIDsChanged: make(chan struct{}),
		armed: map[string]*armed{}, marks: map[string]mark{}, runs: map[string]flight{}, digest: map[string]string{},
		manifests: map[string]wire.Manifest{}, doneAt: map[string]stamp{},
	}
	s.schedules = s.mirror(wire.BucketSchedules, retry.FixedKeys(">"), true, decoded(wire.DecodeSchedule, maxScheduleRow))
	s.jobs = s.mirror(wire.BucketJobs, s.jobKeys, false, decoded(wire.DecodeManifest, maxJobRow))
	return s
}

func (s *Service) mirror(bucket string, keys retry.Keys, keepLast bool, check func([]byte) error) *mirror {
	return &mirror{bucket: bucket, keys: keys, keepLast: keepLast, check: check, snapshot: newDocument(s.cfg, bucket), told: s.told, changed: s.refresh}
}

// Load takes what the last run knew. It is called once, before the command path
// recovers what it owes, so that its results are not missed. What cannot be read
// is reported, and read again later.
func (s *Service) Load() {
	for _, m := range []*mirror{s.schedules, s.jobs} {
		if err := m.load(); err != nil {
			s.told.failFile(m.bucket, err, againLater)
		}
	}
	s.loadState()
	s.loadDone()
	s.refresh()
}

// loadDone reports whether it is known what was done.
func (s *Service) loadDone() bool {
	if s.loaded.Load() {
		return true
	}
	warning, err := s.done.load()
	if err != nil {
		s.told.tell("completions", "", err.Error()+"; nothing fires until it can be read")
		return false
	}
	s.told.tell("completions", "", "")
	if warning != nil {
		s.told.warn("completions", "", warning.Error())
	}
	s.loaded.Store(true)
	return true
}

// Tasks are the watched buckets, the scripts that are fetched ahead, and the
// clock. They end with their context, after what is not on disk yet was written.
func (s *Service) Tasks() []supervise.Task {
	tasks := []supervise.Task{
		{Name: "view of " + wire.BucketSchedules, Run: func(ctx context.Context) error { return s.schedules.watch(ctx, s.cfg.Watch) }},
		{Name: "view of " + wire.BucketJobs, Run: s.watchJobs},
		{Name: "local schedules", Run: s.run},
	}
	if s.cfg.Objects != nil {
		tasks = append(tasks, supervise.Task{Name: "scripts of local schedules", Run: s.keepObjects})
	}
	return tasks
}

// Close writes what is not on disk yet. It is called after the tasks and the
// command path have ended; runs can finish until then.
func (s *Service) Close() { s.flush(time.Now(), true) }

// watchJobs waits until there is a job to watch.
func (s *Service) watchJobs(ctx context.Context) error {
	for {
		ids, changed := s.jobKeys()
		if len(ids) > 0 {
			return s.jobs.watch(ctx, s.cfg.Watch)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-changed:
		}
	}
}

// jobKeys are the jobs that armed schedules name. Once there were some, the last
// ones stay watched.
func (s *Service) jobKeys() ([]string, <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.jobIDs, s.jobIDsChanged
}

// refresh says that rows or groups are others now.
func (s *Service) refresh() {
	s.stale.Store(true)
	signal(s.wake)
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
