package settings

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/kanade-go/kanade/agent/internal/supervise"
	"github.com/kanade-go/kanade/agent/wire"
	"github.com/kanade-go/kanade/outbox/atomicfile"
	"github.com/kanade-go/kanade/retry"
)

// ObservationKind is the kind of the observations about settings that are not
// used as they are.
const ObservationKind = "settings_problem"

// Watch keeps a view of some keys of a bucket: [retry.WatchKV] over the agent's
// connection.
type Watch func(ctx context.Context, bucket string, keys retry.Keys, apply func(retry.View), opts ...retry.Option) error

// Config is what the settings need from the agent.
type Config struct {
	PCID string
	// Dir is the folder of the snapshots; it is created with the first one.
	Dir   string
	FS    atomicfile.FS
	Watch Watch
	// Rows is asked for single rows.
	Rows Rows
	// Connected says whether it can be asked.
	Connected func() bool
	// Since is the state of the connection and when it began: natskit.Link.
	Since func() (connected bool, since time.Time)
	// Observe is told of what is not used as it is; nil: nobody.
	Observe func(kind string, payload map[string]string)
	Logger  *slog.Logger
}

// Service is the settings of one host. All methods may be called at any time and
// at once, except Load.
type Service struct {
	pcID    string
	watch   Watch
	told    *notices
	groups  *mirror
	config  *mirror
	scripts *Scripts

	unsaved        chan struct{} // holds one signal
	merging        chan struct{} // holds one element during a merge and what it tells, which may wait for the disk
	mu             sync.Mutex
	current        wire.EffectiveConfig
	members        []string // nil: not known
	changed        chan struct{}
	membersChanged chan struct{}
	statusChanged  chan struct{}
}

// New builds the settings. It reads and starts nothing.
func New(cfg Config) *Service {
	if cfg.Observe == nil {
		cfg.Observe = func(string, map[string]string) {}
	}
	s := &Service{
		pcID: cfg.PCID, watch: cfg.Watch, current: wire.DefaultConfig(),
		unsaved: make(chan struct{}, 1), merging: make(chan struct{}, 1), changed: make(chan struct{}), membersChanged: make(chan struct{}), statusChanged: make(chan struct{}),
		told: &notices{log: cfg.Logger, observe: cfg.Observe, said: make(map[string]map[notice]bool)},
	}
	s.groups = s.mirror(cfg, wire.BucketAgentGroups, policy{check: document(wire.DecodeAgentGroups)})
	s.config = s.mirror(cfg, wire.BucketAgentConfig, policy{check: document(wire.DecodeConfigScope)})
	s.groups.keys, s.config.keys = retry.FixedKeys(cfg.PCID), s.configKeys
	s.groups.changed, s.config.changed = s.merge, s.merge
	s.scripts = newScripts(cfg, s.mirror)
	return s
}

func (s *Service) mirror(cfg Config, bucket string, p policy) *mirror {
	return &mirror{
		bucket: bucket, policy: p, keys: retry.FixedKeys(">"), told: s.told, source: cfg.Rows, since: cfg.Since, problems: make(map[string]string),
		store:   newStore(cfg.FS, cfg.Dir, cfg.PCID, bucket),
		changed: func() {}, noted: s.noteStatus, unsaved: s.unsaved,
	}
}

func (s *Service) mirrors() []*mirror {
	return []*mirror{s.groups, s.config, s.scripts.pins, s.scripts.status}
}

// Load takes what the last run knew. It is called once, before anything else; it
// does not fail, see the package comment.
func (s *Service) Load() {
	for _, m := range s.mirrors() {
		if !m.load() {
			m.signal() // to try it again
		}
	}
	s.merge()
}

// Tasks are what keeps the views and their snapshots up to date. They end with
// their context, after what is not on disk yet was written.
func (s *Service) Tasks() []supervise.Task {
	var tasks []supervise.Task
	for _, m := range s.mirrors() {
		tasks = append(tasks,
			supervise.Task{Name: "view of " + m.bucket, Run: func(ctx context.Context) error { return s.follow(ctx, m) }})
	}
	return append(tasks, supervise.Task{Name: "snapshots of settings", Run: s.keepSaved})
}

func (s *Service) follow(ctx context.Context, m *mirror) error {
	if err := wire.KeySafe(s.pcID); m == s.groups && err != nil {
		s.told.warn("this host is in no group and has no settings of its own: its pc_id cannot be a key of a bucket", m.bucket, err)
		m.hasNoRow()
		return nil
	}
	return m.watch(ctx, s.watch)
}

// GroupsPut is when the row with this host's groups was written, by the clock of
// the broker; zero if there is none, or it is not known.
func (s *Service) GroupsPut() time.Time {
	rows, _ := s.groups.values(s.pcID)
	return rows[s.pcID].Put
}

// Scripts knows the pins and the revocations.
func (s *Service) Scripts() *Scripts { return s.scripts }
