package update

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/kanade-go/kanade/agent/internal/supervise"
)

// ErrUnclear marks what is wrong with an agent and may well be the broker's fault,
// such as results that it does not take. A release is not confirmed as long as that
// lasts, and taken back for it only after a day.
var ErrUnclear = errors.New("update: it cannot be told whose fault it is")

// verdict about a release.
type verdict int

const (
	undecided verdict = iota // the agent ended before
	confirmed
	takenBack
)

// trial is a release on probation. Its own word that the broker is away is worth
// nothing: a release that cannot connect says the same. So the last good executable
// is asked, by its self-test, whether it could do better on this host and now.
type trial struct {
	s    *Service
	plan plan

	began        time.Time
	before       time.Duration // spent in earlier starts
	healthySince time.Time
	trouble      error     // of the last look
	ask          time.Time // the last good one
	worked       bool      // the last good one did, and the release did not since
}

func (s *Service) newTrial(p plan) *trial {
	now := time.Now()
	return &trial{s: s, plan: p, began: now, before: p.Spent, ask: now.Add(max(0, s.times.ConfirmWithin-p.Spent))}
}

// spent is how long the release has run without proof.
func (t *trial) spent() time.Duration { return t.before + time.Since(t.began) }

// judge watches until there is a verdict; with takenBack comes why.
func (t *trial) judge(ctx context.Context) (v verdict, reason string) {
	look := time.NewTicker(t.s.times.look())
	defer look.Stop()
	for {
		t.look()
		if t.proved() {
			return confirmed, ""
		}
		if reason := t.failed(ctx); reason != "" && ctx.Err() == nil {
			return takenBack, reason
		}
		select {
		case <-ctx.Done():
			return undecided, ""
		case <-look.C:
		}
	}
}

func (t *trial) look() {
	t.trouble = t.s.cfg.Healthy()
	switch {
	case t.trouble != nil:
		t.healthySince = time.Time{}
	case t.healthySince.IsZero():
		t.healthySince, t.worked = time.Now(), false
	}
}

func (t *trial) proved() bool {
	return !t.healthySince.IsZero() && time.Since(t.healthySince) >= t.s.times.ConfirmAfter
}

// failed says why the release is to be taken back; empty: it is not, or not yet.
func (t *trial) failed(ctx context.Context) (reason string) {
	if time.Now().Before(t.ask) {
		return ""
	}
	t.ask = time.Now().Add(t.s.times.ConfirmWithin)
	switch {
	case t.trouble == nil:
		return "" // it comes and goes: the line, as a rule
	case errors.Is(t.trouble, ErrUnclear):
		return t.giveUp("and it cannot be told whose fault that is")
	}
	return t.compare(t.s.askLastGood(ctx, t.plan))
}

// compare judges by what the last good executable can do.
func (t *trial) compare(is testimony, why error) string {
	log := t.s.log.With("version", t.plan.To, "trouble", t.trouble, "last_good", t.plan.From)
	switch {
	case is == works && t.worked:
		return fmt.Sprintf("it did not prove itself within %v: %v; %s could on the same host, twice", t.s.times.ConfirmWithin, t.trouble, t.plan.From)
	case is == works:
		log.Warn("the last good release can connect, this one does not; it has another chance")
		t.worked, t.ask = true, time.Now().Add(t.s.times.ConfirmAfter)
	case is == worksNeither:
		log.Info("the last good release cannot connect either; this one stays on probation", "error", why)
		t.worked = false
		t.absolve()
	default:
		t.worked = false
		return t.giveUp(fmt.Sprintf("and %s, which ran before, does not say whether it could: %v", t.plan.From, why))
	}
	return ""
}

// absolve takes the time without a broker, and the starts before it, off the
// release: it has run for long, and could not have done better.
func (t *trial) absolve() {
	t.before, t.began = t.s.times.ConfirmWithin, time.Now()
	t.plan.Starts, t.plan.Spent = min(t.plan.Starts, 1), t.before // this start
	if err := t.s.savePlan(t.plan); err != nil {
		t.s.log.Warn("what speaks for this release was not written down", "error", err)
	}
}

func (t *trial) giveUp(why string) string {
	if t.spent() < t.s.times.ConfirmWithin+t.s.times.GiveUp {
		t.s.log.Warn("this release does not prove itself", "version", t.plan.To, "trouble", t.trouble, "reason", why)
		return ""
	}
	return fmt.Sprintf("it did not prove itself within %v: %v, %s", t.s.times.GiveUp, t.trouble, why)
}

// testimony is what the last good executable says of itself.
type testimony int

const (
	saysNothing testimony = iota
	works
	worksNeither
)

// askLastGood has the executable that ran before try to connect, beside this one.
func (s *Service) askLastGood(ctx context.Context, p plan) (testimony, error) {
	s.step("ask")
	kept := s.cfg.Install.lastGood()
	if good, err := s.cfg.Install.holds(kept, p.FromSHA256); err != nil || !good {
		return saysNothing, errors.Join(fmt.Errorf("%s is not the executable that ran before", kept), err)
	}
	ctx, cancel := context.WithTimeout(ctx, s.times.SelfTest)
	defer cancel()
	report, err := s.cfg.SelfTest(ctx, kept)
	switch {
	case err == nil && report.Connected && report.Settings:
		return works, nil
	case report.Version != "":
		return worksNeither, err
	}
	return saysNothing, err
}

// savePlan replaces the plan in the record.
func (s *Service) savePlan(p plan) error {
	r, err := s.load()
	if err != nil || r.Plan == nil || r.Plan.ToSHA256 != p.ToSHA256 {
		return err
	}
	r.Plan = &p
	return s.save(r)
}

// endProbation settles a release that is not confirmed yet.
func (s *Service) endProbation(ctx context.Context) (goOn bool, err error) {
	r, err := s.load()
	if err != nil || r.Plan == nil {
		return err == nil, err
	}
	running, err := s.cfg.Install.running()
	switch {
	case err != nil:
		return false, err
	case running != r.Plan.ToSHA256: // the start could not write it down
		return true, s.settle(r, running)
	case r.Plan.Phase == phaseRollback:
		s.takeBackLater(ctx, r)
		return false, nil
	}
	s.step("probation")
	s.log.Info("this release is new here; it is confirmed when it works", "from", r.Plan.From, "to", r.Plan.To, "start", r.Plan.Starts)
	s.trial = s.newTrial(*r.Plan)
	v, reason := s.trial.judge(ctx)
	if v == undecided {
		return false, nil
	}
	return s.sentence(v, reason)
}

// settle ends a plan whose release does not run. Where that cannot be written down it
// is left for later.
func (s *Service) settle(r record, running string) error {
	if err := s.cfg.Install.settle(r, running, s.cfg.Now()); err != nil {
		s.log.Warn("how the last update came out was not written down", "error", err)
	}
	_, err := s.load()
	return err
}

// sentence carries a verdict out, if the plan is still the one that was judged:
// somebody else may have started the program meanwhile.
func (s *Service) sentence(v verdict, reason string) (goOn bool, err error) {
	p := s.trial.plan
	s.trial = nil
	r, err := s.load()
	if err != nil || r.Plan == nil || r.Plan.ToSHA256 != p.ToSHA256 {
		return err == nil, err
	}
	r.Plan = &p
	if v == takenBack {
		s.log.Error("this release is taken back", "version", p.To, "reason", reason)
		s.takeBack(r, reason)
		return false, nil
	}
	s.step("confirm")
	if err := s.cfg.Install.confirm(r, s.cfg.Now()); err != nil {
		return false, err
	}
	s.Load()
	s.log.Info("this release is confirmed", "version", p.To)
	return true, nil
}

// takeBackLater is for a release that should have been taken back by its start, and
// was not. Until then it must not be kept as the last good one. What keeps the
// executable from being replaced is not asked for all the time.
func (s *Service) takeBackLater(ctx context.Context, r record) {
	s.log.Error("this release is to be taken back, and could not be; it is tried again", "version", r.Plan.To, "reason", r.Plan.Reason, "wait", s.times.ConfirmWithin)
	if supervise.Sleep(ctx, s.times.ConfirmWithin) {
		s.takeBack(r, r.Plan.Reason)
	}
}

// takeBack has the agent stop for the last good executable. The plan is on disk
// first: whatever becomes of the stop, the next start does it.
func (s *Service) takeBack(r record, reason string) {
	s.step("take-back")
	r.Plan.Phase, r.Plan.Reason = phaseRollback, shortened(reason)
	if err := s.save(r); err != nil {
		s.log.Warn("that the release is taken back was not written down", "error", err)
	}
	rollBack := func() error { return s.cfg.Install.rollBack(r, reason, false) }
	s.endFor(rollBack, rollBack)
}

// endFor has the agent stop, and finish done at the end; or instead, if it hangs
// on the way (nil: nothing).
func (s *Service) endFor(finish, instead func() error) {
	s.finish = finish
	s.cfg.Guard.Arm(max(drainWithin, s.cfg.Drain), "the agent did not stop for an update", instead)
	s.due <- errDue
}

// endInOrder takes this start off a release that was stopped before there was a
// verdict: hosts are shut down. The time counts on.
func (s *Service) endInOrder() error {
	t := s.trial
	if t == nil {
		return nil
	}
	s.cfg.Install.uncount(&t.plan)
	t.plan.Spent = t.spent()
	return s.savePlan(t.plan)
}
