package update

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/kanade-go/kanade/agent/internal/supervise"
	"github.com/kanade-go/kanade/retry"
)

var (
	errDue       = errors.New("update: the agent is to stop for an update")
	errWithdrawn = errors.New("the target has changed")
)

// Service drives updates.
type Service struct {
	cfg    Config
	log    *slog.Logger
	times  Times
	due    chan error
	finish func() error // written before due is sent
	trial  *trial       // of a release on probation, left by Run when it ends before a verdict

	refused map[string]error // by target and digest: what no retry would change
	cleared bool             // clearFormer is done
	view    view
}

// New makes the service. It does no I/O.
func New(cfg Config) *Service {
	return &Service{cfg: cfg, log: cfg.Logger, times: cfg.Times.withDefaults(), due: make(chan error, 1), refused: make(map[string]error)}
}

// Due delivers an error when the agent is to stop for [Service.Finish]. A nil
// service has none.
func (s *Service) Due() <-chan error {
	if s == nil {
		return nil
	}
	return s.due
}

// Finish replaces the executable when everything else has ended, with this error.
// Its own is [ErrRestart], joined with what went wrong; nil if nothing was due.
func (s *Service) Finish(ended error) error {
	if s == nil {
		return nil
	}
	if s.finish == nil {
		if ended == nil {
			if err := s.endInOrder(); err != nil {
				s.log.Warn("this start counts against a release that is not confirmed yet", "error", err)
			}
		}
		return nil
	}
	s.step("swap")
	s.cfg.Guard.Stop() // its end between two renames would leave no executable
	err := s.finish()
	s.step("swapped")
	if err != nil && !errors.Is(err, ErrRestart) {
		s.log.Error("the executable was not replaced; the agent starts again as it is", "error", err)
	}
	return errors.Join(ErrRestart, err)
}

func (s *Service) step(name string) {
	s.view.step(name)
	if s.cfg.Step != nil {
		s.cfg.Step(name)
	}
}

// Run reports what became of the last update, watches a release that is new, and
// follows the target. It ends with ctx, or when an update is due.
func (s *Service) Run(ctx context.Context) error {
	if len(s.due) > 0 {
		return nil
	}
	s.cfg.Guard.Stop()
	if !s.awaitRecord(ctx) {
		return nil
	}
	goOn, err := s.endProbation(ctx)
	if err != nil || !goOn {
		return err
	}
	if err := s.tell(); err != nil {
		return err
	}
	s.follow(ctx)
	return nil
}

// awaitRecord reports the news as soon as the record can be read: without it no
// update is safe. It returns false when ctx ended before.
func (s *Service) awaitRecord(ctx context.Context) bool {
	pause := retry.Backoff{Min: s.times.Retry, Max: max(10*time.Minute, s.times.Retry), Factor: 2, Jitter: 0.25}
	for failures := 1; ; failures++ {
		err := s.tell()
		if err == nil {
			s.view.idle()
			return true
		}
		s.view.broken(err)
		if failures == 1 {
			s.log.Error("no update is done until this is mended", "error", err)
			s.cfg.Observe(kindRefused, map[string]string{"reason": shortened(err.Error())})
		}
		if !supervise.Sleep(ctx, pause.Jittered(failures)) {
			return false
		}
	}
}

// tell reports the news. They are stored by the observer before they are forgotten
// here, so that a crash in between tells them twice; and so does a full disk, which
// must not keep a release from proving itself.
func (s *Service) tell() error {
	r, err := s.load()
	if err != nil || len(r.News) == 0 {
		return err
	}
	for _, n := range r.News {
		s.cfg.Observe(n.Kind, n.Payload)
		s.log.Info("news of updates", "kind", n.Kind, "from", n.Payload["from"], "to", n.Payload["to"], "reason", n.Payload["reason"])
	}
	r.News = nil
	if err := s.save(r); err != nil {
		s.log.Warn("news of updates are told again at the next start", "error", err)
	}
	return nil
}

// target is the version that is wanted; empty: none, or the one that runs.
func (s *Service) target() (string, <-chan struct{}) {
	settings, changed := s.cfg.Settings()
	if settings.TargetVersion == s.cfg.Version {
		return "", changed
	}
	return settings.TargetVersion, changed
}

// follow tries for the target until an update is due.
func (s *Service) follow(ctx context.Context) {
	for last, failures := "", 0; ctx.Err() == nil; {
		target, changed := s.target()
		if target == "" {
			last, failures = "", 0
			s.view.idle()
			s.tidy()
			s.rest(ctx, changed)
			continue
		}
		if target != last {
			last, failures = target, 0
		}
		err := s.attempt(ctx, target, failures == 0)
		if err == nil {
			return
		}
		failures++
		s.pause(ctx, target, failures, err)
	}
}

// tidy removes what was fetched for a target that is none any more.
func (s *Service) tidy() {
	for _, left := range []string{s.cfg.Install.staged(), s.cfg.Install.aside(), s.cfg.Install.farAside()} {
		if left == s.cfg.Install.Path+".old" {
			continue // clearFormer's: of this program there is none on Unix
		}
		if err := s.cfg.Install.remove(left); err != nil {
			s.log.Warn("a file of an update was not removed", "error", err)
		}
	}
}

// pause waits until the next try: until the target changes, or the backoff is over.
func (s *Service) pause(ctx context.Context, target string, failures int, err error) {
	if ctx.Err() != nil {
		return
	}
	named := shortened(target) // whatever the settings hold
	if errors.Is(err, errWithdrawn) {
		s.log.Info("the target has changed; it is not taken", "target", named)
		return
	}
	wait := retry.Backoff{Min: s.times.Retry, Max: max(time.Hour, s.times.Retry), Factor: 2, Jitter: 0.25}.Jittered(failures)
	s.view.failed(named, err, s.cfg.Now().Add(wait))
	s.log.Warn("the target was not taken", "target", named, "error", err, "attempt", failures, "wait", wait)
	if failures == 1 {
		s.cfg.Observe(kindRefused, map[string]string{"from": s.cfg.Version, "to": named, "reason": err.Error()})
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	for {
		now, changed := s.target()
		if now != target || !waitFor(ctx, changed, timer.C) {
			return
		}
	}
}

// waitFor returns false when the timer or ctx ended it.
func waitFor(ctx context.Context, changed <-chan struct{}, timer <-chan time.Time) bool {
	select {
	case <-ctx.Done():
	case <-timer:
	case <-changed:
		return true
	}
	return false
}
