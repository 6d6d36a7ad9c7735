package update

import (
	"errors"
	"fmt"
	"time"
)

// ErrRestart says that the executable was replaced: the process is to end, and to be
// started again.
var ErrRestart = errors.New("update: the executable was replaced; start it again")

// maxStarts is how many starts a release has to be confirmed.
const maxStarts = 3

// kinds of observations.
const (
	kindUpdated    = "agent_updated"
	kindRolledBack = "agent_rolled_back"
	kindRefused    = "agent_update_refused"
	kindNotSwapped = "agent_update_interrupted"
)

// CountStart is the first thing that a program does. It counts a start of a release
// that is not confirmed yet, and takes the last good executable back, with
// [ErrRestart], when there were too many. Every other error is to be reported, and
// the program goes on. A start by hand, beside a service that is updated, does not
// count.
func (i Install) CountStart(now time.Time) error {
	countedHere.Delete(i.Path)
	i.syncEarlier()
	r, err := i.load()
	if err != nil || r.Plan == nil {
		return err
	}
	running, err := i.running()
	if err != nil {
		return err
	}
	if running == r.Plan.ToSHA256 {
		return i.countRelease(r, now)
	}
	return i.settle(r, running, now)
}

// syncEarlier makes durable what the process before has renamed, which may have been
// killed before that: the executable first, so that no record which says that a
// release is gone, or is confirmed, is there without it. A disk that fails at this is
// no reason not to count.
func (i Install) syncEarlier() {
	if _, err := i.FS.Stat(i.recordPath()); err == nil {
		_ = i.FS.SyncDir(i.folder())
	}
}

// settle ends a plan whose release is not what runs.
func (i Install) settle(r record, running string, now time.Time) error {
	if running != r.Plan.FromSHA256 {
		return i.giveWay(r)
	}
	r.endedWith(now)
	r.Plan = nil
	return i.save(r)
}

// giveWay ends a plan whose executable is another one by now, which somebody has
// installed.
func (i Install) giveWay(r record) error {
	r.refuse("another executable was installed in its place", false)
	r.Plan = nil
	return i.save(r)
}

// running is the digest of what is at the executable's path.
func (i Install) running() (string, error) {
	running, err := i.digest(i.Path)
	if err != nil {
		return "", fmt.Errorf("update: read %s: %w", i.Path, err)
	}
	return running, nil
}

// endedWith says how a plan came out that ends with the executable it began with.
func (r *record) endedWith(now time.Time) {
	switch r.Plan.Phase {
	case phaseRollback:
		r.ended(&r.LastRollback, now)
		r.tell(kindRolledBack, r.Plan.Reason)
	case phaseProbation:
		r.Plan.Reason = "the former executable is back: by hand, or because nothing could be written down"
		r.refuse(r.Plan.Reason, false)
		r.ended(&r.LastRollback, now)
		r.tell(kindRolledBack, r.Plan.Reason)
	default:
		r.untry()
		r.tell(kindNotSwapped, "the agent ended before the executable was replaced, or the disk was too full to count the release's start")
	}
}

func (i Install) countRelease(r record, now time.Time) error {
	if i.byHand(*r.Plan) {
		return nil
	}
	if r.Plan.Phase == phaseRollback {
		return i.rollBack(r, r.Plan.Reason, false)
	}
	if r.Plan.Phase == phaseSwap {
		r.Plan.Phase, r.Plan.Since = phaseProbation, now.UTC()
	}
	if r.Plan.Starts++; r.Plan.Starts > maxStarts {
		return i.rollBack(r, fmt.Sprintf("it ended %d times before it was confirmed", maxStarts), true)
	}
	if err := i.save(r); err != nil {
		return i.withoutCount(*r.Plan, err)
	}
	countedHere.Store(i.Path, true)
	return nil
}

// UncountStart takes the start that this process has counted off a release on
// probation: it ended for a reason that has nothing to do with the release.
func (i Install) UncountStart() error {
	r, err := i.load()
	if err != nil || r.Plan == nil || r.Plan.Phase != phaseProbation || r.Plan.Starts == 0 {
		return err
	}
	if running, err := i.running(); err != nil || running != r.Plan.ToSHA256 {
		return err
	}
	if !i.uncount(r.Plan) {
		return nil
	}
	return i.save(r)
}

// withoutCount takes a release back whose start cannot be counted, on a full disk
// say: a rename needs no room, and a release that ends at once would be started for
// ever. The record still has the try.
func (i Install) withoutCount(p plan, why error) error {
	if kept, err := i.holds(i.lastGood(), p.FromSHA256); err != nil || !kept {
		return errors.Join(why, err)
	}
	if err := i.swapIn(i.lastGood()); err != nil {
		return errors.Join(why, err)
	}
	return errors.Join(ErrRestart, why)
}

// rollBack takes the last good executable back. Where there is none the release
// stays, which is better than nothing; and so does what somebody has installed over
// it. Where it cannot be told, the plan stays for the next start.
func (i Install) rollBack(r record, reason string, never bool) error {
	switch running, err := i.running(); {
	case err != nil || running == r.Plan.ToSHA256: // one that cannot be read needs the last good one, too
	case running == r.Plan.FromSHA256:
		return ErrRestart
	default:
		return i.giveWay(r)
	}
	r.refuse(reason, never)
	kept, err := i.holds(i.lastGood(), r.Plan.FromSHA256)
	if err != nil {
		return fmt.Errorf("update: roll back: read %s: %w", i.lastGood(), err)
	}
	if !kept {
		r.tell(kindRefused, reason+"; it stays, because "+i.lastGood()+" is not the executable that ran before")
		r.Plan = nil
		return i.save(r)
	}
	r.Plan.Phase, r.Plan.Reason = phaseRollback, reason
	if err := i.save(r); err != nil {
		return i.withoutCount(*r.Plan, err)
	}
	if err := i.swapIn(i.lastGood()); err != nil {
		return fmt.Errorf("update: roll back: %w", err)
	}
	return ErrRestart
}
