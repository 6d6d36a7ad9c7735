package update

import (
	"slices"
	"sync"
	"time"
)

// Phases of a [Status] besides those of a plan.
const (
	phaseIdle      = "idle"      // nothing else is wanted
	phasePreparing = "preparing" // the target is fetched and examined
	phaseWaiting   = "waiting"   // for the next try
	phaseBlocked   = "blocked"   // the record cannot be used
)

// Status is what is known of updates on this host. Times are in UTC.
type Status struct {
	// Phase is "idle"; "preparing" or "waiting" for the next try of Target; "swap",
	// "probation" or "rollback" of Target; or "blocked", and Problem says why.
	Phase  string `json:"phase"`
	Step   string `json:"step,omitempty"` // of Phase, as Updater.Step is told
	Target string `json:"target,omitempty"`
	// From is what ran before, and Since when the plan was made or the release
	// started first; both of a swap, a probation or a rollback.
	From   string    `json:"from,omitempty"`
	Since  time.Time `json:"since,omitzero"`
	Starts int       `json:"starts,omitempty"` // that were not ended in order, this one among them

	Problem string    `json:"problem,omitempty"` // why Target was not taken, the last time
	NextTry time.Time `json:"next_try,omitzero"` // of Target
	Floor   string    `json:"floor,omitempty"`   // no older version is taken, because of releases that ran here
	Keys    int       `json:"keys"`              // that are trusted to sign releases
	Signed  bool      `json:"signed"`            // nothing that is not signed is taken

	// Tried are releases that were tried and are not confirmed, the newest last; at
	// most 32.
	Tried []Tried `json:"tried,omitempty"`

	LastUpdate   *Outcome `json:"last_update,omitempty"`
	LastRollback *Outcome `json:"last_rollback,omitempty"`
}

// Tried is a release that was tried and is not confirmed.
type Tried struct {
	Version string    `json:"version"`
	SHA256  string    `json:"sha256"`
	Times   int       `json:"times"`
	Last    time.Time `json:"last"`
	// Quarantined: it is not tried again.
	Quarantined bool   `json:"quarantined"`
	Reason      string `json:"reason"`
}

// Outcome is how an update came out.
type Outcome struct {
	From   string    `json:"from"`
	To     string    `json:"to"`
	SHA256 string    `json:"sha256"` // of To
	At     time.Time `json:"at"`
	Reason string    `json:"reason,omitempty"`
}

// Quarantined are the versions that are not tried again, each once, without the one
// that runs: other bytes of the same version may have been good.
func (s Status) Quarantined(running string) (versions []string) {
	for _, t := range s.Tried {
		if t.Quarantined && t.Version != running && !slices.Contains(versions, t.Version) {
			versions = append(versions, t.Version)
		}
	}
	return versions
}

// Status reads what is known of updates beside the executable, whether or not an
// agent runs. The error matches [ErrRecord].
func (i Install) Status() (Status, error) {
	r, err := i.load()
	if err != nil {
		return Status{Phase: phaseBlocked, Problem: shortened(err.Error())}, err
	}
	return r.status(), nil
}

func (r record) status() Status {
	s := Status{Phase: phaseIdle, Floor: r.Floor, LastUpdate: r.LastUpdate, LastRollback: r.LastRollback}
	if p := r.Plan; p != nil {
		s.Phase, s.Target, s.From, s.Since, s.Starts, s.Problem = p.Phase, p.To, p.From, p.Since, p.Starts, p.Reason
	}
	for _, t := range r.Tried {
		s.Tried = append(s.Tried, Tried{
			Version: t.Version, SHA256: t.SHA256, Times: t.Times, Last: t.Last, Reason: t.Reason,
			Quarantined: t.Never || t.Times >= maxTimes && !r.onTrial(t),
		})
	}
	return s
}

// onTrial says whether a release is the one that is under way, with its last try.
func (r record) onTrial(t tried) bool { return r.Plan != nil && r.Plan.ToSHA256 == t.SHA256 }

// view is what is known of updates without reading the record again.
type view struct {
	mu     sync.Mutex
	record record
	live   Status // Phase, Step, Target, Problem and NextTry, where there is no plan
}

func (v *view) set(r record) {
	v.mu.Lock()
	defer v.mu.Unlock()
	r.Tried = slices.Clone(r.Tried)
	if r.Plan != nil {
		r.Plan = new(*r.Plan)
	}
	v.record = r
}

func (v *view) change(do func(live *Status)) {
	v.mu.Lock()
	defer v.mu.Unlock()
	do(&v.live)
}

func (v *view) step(name string) { v.change(func(l *Status) { l.Step = name }) }
func (v *view) idle()            { v.change(func(l *Status) { *l = Status{} }) }

func (v *view) prepares(target string) {
	v.change(func(l *Status) { *l = Status{Phase: phasePreparing, Target: target, Step: l.Step} })
}

func (v *view) failed(target string, why error, next time.Time) {
	v.change(func(l *Status) {
		*l = Status{Phase: phaseWaiting, Target: target, Problem: shortened(why.Error()), NextTry: next.UTC()}
	})
}

func (v *view) broken(why error) {
	v.change(func(l *Status) { *l = Status{Phase: phaseBlocked, Problem: shortened(why.Error())} })
}

// Status may be called at any time. It reads nothing.
func (s *Service) Status() Status {
	s.view.mu.Lock()
	defer s.view.mu.Unlock()
	now, live := s.view.record.status(), s.view.live
	if now.Phase == phaseIdle && live.Phase != "" {
		now.Phase, now.Target, now.Problem, now.NextTry = live.Phase, live.Target, live.Problem, live.NextTry
	}
	if now.Phase != phaseIdle {
		now.Step = live.Step
	}
	now.Keys, now.Signed = len(s.cfg.Keys), len(s.cfg.Keys) > 0 && !s.cfg.AllowUnsigned
	return now
}

// load and save are those of the installation, and keep the view.
func (s *Service) load() (record, error) {
	r, err := s.cfg.Install.load()
	if err == nil {
		s.view.set(r)
	}
	return r, err
}

func (s *Service) save(r record) error {
	err := s.cfg.Install.save(r)
	if err == nil {
		s.view.set(r)
	}
	return err
}

// Load reads the record for [Service.Status], before anybody asks for it.
func (s *Service) Load() {
	if _, err := s.load(); err != nil {
		s.view.broken(err) // Run says more
	}
}
