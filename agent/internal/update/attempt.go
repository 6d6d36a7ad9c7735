package update

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/kanade-go/kanade/agent/internal/supervise"
)

// attempt prepares the target. Nil: an update is due. It ends with errWithdrawn as
// soon as the target is another.
func (s *Service) attempt(ctx context.Context, target string, first bool) error {
	ctx, cancel := context.WithCancelCause(ctx)
	var watch sync.WaitGroup
	defer watch.Wait()
	defer cancel(nil)
	watch.Go(func() {
		for {
			now, changed := s.target()
			if now != target {
				cancel(errWithdrawn)
				return
			}
			if !waitFor(ctx, changed, nil) {
				return
			}
		}
	})
	err := s.prepare(ctx, target, first)
	if err != nil && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// prepare takes every step up to the plan on disk.
func (s *Service) prepare(ctx context.Context, target string, first bool) error {
	if err := checkToken(target); err != nil {
		return errors.Join(errors.New("the target is no version"), err)
	}
	s.view.prepares(target)
	if err := s.linger(ctx, target, first); err != nil {
		return err
	}
	c, err := s.choose(ctx, target)
	if err != nil {
		return err
	}
	if err := s.refused[c.key()]; err != nil {
		return err
	}
	sum, err := s.obtain(ctx, c)
	if isRefusal(err) && ctx.Err() == nil {
		s.refuse(c, err)
	}
	if err != nil {
		return errors.Join(err, s.cfg.Install.remove(s.cfg.Install.staged()))
	}
	return s.plan(ctx, c, sum)
}

// maxRefused bounds what is remembered of refusals; what is forgotten is examined
// again.
const maxRefused = 64

func (s *Service) refuse(c candidate, why error) {
	if len(s.refused) >= maxRefused {
		clear(s.refused)
	}
	s.refused[c.key()] = why
}

// linger waits for settings that are known to be of now, then the jitter, and for an
// older version longer: a history that is replayed shows old targets for a moment.
func (s *Service) linger(ctx context.Context, target string, first bool) error {
	for !s.cfg.Fresh() {
		if !supervise.Sleep(ctx, s.times.look()) {
			return ctx.Err()
		}
	}
	var wait time.Duration
	if settings, _ := s.cfg.Settings(); first {
		wait = jitter(settings.TargetVersionJitter)
	}
	if compareVersions(target, s.cfg.Version) < 0 && wait < s.times.DowngradeWait {
		wait = s.times.DowngradeWait
	}
	s.step("wait")
	if !supervise.Sleep(ctx, wait) {
		return ctx.Err()
	}
	return nil
}

// jitter is whole seconds from 0 to limit.
func jitter(limit time.Duration) time.Duration {
	return time.Duration(rand.Int64N(int64(limit/time.Second)+1)) * time.Second
}
