package retry

import (
	"context"
	"time"
)

const (
	behindPause = 50 * time.Millisecond // after which an answer that may be behind is asked for again
	behindReads = 2                     // times; then the leader is asked, or it is the truth

	smallBytes  = 32 << 10 // up to which a whole read is the cheapest check
	smallKeys   = 64
	wholeChecks = 10 // checks by the mark after which a whole read finds what leaves no mark, such as a key that has expired
	deafChecks  = 30 // short checks after a change that came without a hint
)

// wholeRead is what the last read of the whole view was like, which decides how to check it.
type wholeRead struct {
	requests int
	small    bool // one request reads it all
	bySingle bool // the mark cannot be read
	mark     KVMark
	marked   bool
	checks   int // since then
}

func (r wholeRead) costOfCheck() int {
	if r.bySingle {
		return r.requests
	}
	return 1
}

// readWhole replaces the view.
func (w *kvWatch) readWhole(ctx context.Context) error {
	_, err := w.replace(ctx, KVMark{}, false)
	return err
}

// replace reads everything. The mark, if any, was read before, so that what happens in between is found by the next check.
func (w *kvWatch) replace(ctx context.Context, mark KVMark, marked bool) (changed bool, err error) {
	began := time.Now()
	w.due.whole, w.due.check = time.Time{}, time.Time{}
	snap, err := w.src.ReadKV(ctx, KVQuery{Bucket: w.bucket, Keys: w.patterns, Timeout: w.o.attemptTimeout})
	if err != nil {
		return false, w.failed(ctx, began, err)
	}
	w.warnOfDenials(snap.Denied)
	if put, err := w.putOff(ctx, began, snap); put {
		return false, err
	}
	if !snap.Mark.isZero() {
		mark, marked = snap.Mark, true
	}
	changed = !sameEntries(snap.Entries, w.view.entries)
	w.view.entries, w.view.newest = snap.Entries, w.newestOf(snap)
	w.whole = wholeRead{
		requests: snap.Requests, mark: mark, marked: marked, bySingle: len(snap.Denied) > 0,
		small: snap.Requests <= 1 && snap.Bytes <= smallBytes && len(snap.Entries) <= smallKeys,
	}
	w.succeeded(ctx)
	w.planCheck()
	w.view.tell(w.apply)
	return changed, nil
}

// check makes sure that no change was missed: a small view is read, for a large one the bucket's newest message tells.
func (w *kvWatch) check(ctx context.Context) error {
	w.deaf = max(w.deaf-1, 0)
	if err := w.hintAgainIfDenied(ctx); err != nil {
		return err
	}
	w.takeHints(time.Now())
	if w.whole.small || w.whole.bySingle {
		return w.checkWhole(ctx, KVMark{}, false)
	}
	began := time.Now()
	w.due.check = time.Time{} // a failure plans a whole read instead
	snap, err := w.src.ReadKV(ctx, KVQuery{Bucket: w.bucket, Mark: true, Timeout: w.o.attemptTimeout})
	if err != nil {
		return w.failed(ctx, began, err)
	}
	w.whole.checks++
	if w.whole.marked && w.whole.mark.equal(snap.Mark) && w.whole.checks < max(wholeChecks, w.whole.requests) {
		w.planCheck()
		return nil
	}
	return w.checkWhole(ctx, snap.Mark, true)
}

// checkWhole takes a change that no hint has told of as a sign that hints do not get through.
func (w *kvWatch) checkWhole(ctx context.Context, mark KVMark, marked bool) error {
	settling := w.settling != settled
	changed, err := w.replace(ctx, mark, marked)
	if changed && !settling && len(w.pace.dirty) == 0 && w.deaf == 0 {
		w.deaf = deafChecks
		w.planCheck()
	}
	return err
}
