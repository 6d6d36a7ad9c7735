package update

import (
	"context"
	"fmt"
	"time"
)

// confirm makes the release that runs the good one.
func (i Install) confirm(r record) error {
	if at := r.entry(r.Plan.ToSHA256); at >= 0 {
		r.Tried = append(r.Tried[:at:at], r.Tried[at+1:]...)
	}
	if r.Plan.Floor != "" && (r.Floor == "" || compareVersions(r.Plan.Floor, r.Floor) > 0) {
		r.Floor = r.Plan.Floor
	}
	r.tell(kindUpdated, "")
	r.Plan = nil
	return i.save(r)
}

// verdict about a release.
type verdict int

const (
	undecided verdict = iota // the agent ended before
	confirmed
	takenBack
)

// probation watches a release until there is a verdict; with takenBack comes why.
func (s *Service) probation(ctx context.Context, p plan) (v verdict, reason string) {
	s.step("probation")
	s.log.Info("this release is new here; it is confirmed when it works", "from", p.From, "to", p.To, "start", p.Starts)
	deadline := time.NewTimer(s.times.ConfirmWithin)
	defer deadline.Stop()
	look := time.NewTicker(s.times.look())
	defer look.Stop()
	var healthySince time.Time
	for {
		last := s.cfg.Healthy()
		if last != nil {
			healthySince = time.Time{}
		} else if healthySince.IsZero() {
			healthySince = time.Now()
		}
		if !healthySince.IsZero() && time.Since(healthySince) >= s.times.ConfirmAfter {
			return confirmed, ""
		}
		select {
		case <-ctx.Done():
			return undecided, ""
		case <-deadline.C:
			if last == nil {
				last = fmt.Errorf("it was not healthy for %v on end", s.times.ConfirmAfter)
			}
			return takenBack, fmt.Sprintf("it did not prove itself within %v: %v", s.times.ConfirmWithin, last)
		case <-look.C:
		}
	}
}

// endProbation settles a release that is not confirmed yet.
func (s *Service) endProbation(ctx context.Context) (goOn bool, err error) {
	r, err := s.cfg.Install.load()
	if err != nil || r.Plan == nil || r.Plan.Phase != phaseProbation {
		return err == nil, err
	}
	switch v, reason := s.probation(ctx, *r.Plan); v {
	case undecided:
		return false, nil
	case takenBack:
		s.log.Error("this release is taken back", "version", r.Plan.To, "reason", reason)
		s.finish = func() error { return s.cfg.Install.rollBack(r, reason, false) }
		s.due <- errDue
		return false, nil
	}
	s.step("confirm")
	to := r.Plan.To
	if err := s.cfg.Install.confirm(r); err != nil {
		return false, err
	}
	s.log.Info("this release is confirmed", "version", to)
	return true, nil
}
