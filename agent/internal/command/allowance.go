package command

import "time"

// allowance bounds how often the agent writes something down at the wish of
// somebody it does not trust: burst times at once, then once a minute.
type allowance struct {
	burst int
	left  int
	since time.Time // when left was counted
	// over counts what was not allowed in this spell. A spell lasts until a tenth
	// of the burst is there again: who keeps on does not begin a new one every
	// minute.
	over uint64
}

const allowanceEvery = time.Minute

func newAllowance(burst int) *allowance {
	return &allowance{burst: burst, left: burst, since: time.Now()}
}

// take says whether it is allowed once more, whether with this a spell begins in
// which it is not, and how often it was not in a spell that ended.
func (a *allowance) take() (allowed, began bool, ended uint64) {
	if n := time.Since(a.since) / allowanceEvery; n > 0 { // monotonic: no clock step refills it
		a.left = min(a.burst, a.left+int(min(n, time.Duration(a.burst))))
		a.since = a.since.Add(n * allowanceEvery)
	}
	if a.over > 0 && a.left >= a.burst/10 {
		ended, a.over = a.over, 0
	}
	if a.left == 0 {
		a.over++
		return false, a.over == 1, ended
	}
	a.left--
	return true, false, ended
}
