package retry

import (
	"context"
	"time"
)

const (
	behindPause = 50 * time.Millisecond // after which an answer that was behind is asked for again
	behindReads = 2                     // times; after that it is the truth

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
	if w.isBehind(anyBehind(snap.Entries, w.view.entries)) {
		w.due.whole = time.Now().Add(behindPause)
		return false, nil
	}
	if !snap.Mark.isZero() {
		mark, marked = snap.Mark, true
	}
	changed = !sameEntries(snap.Entries, w.view.entries)
	w.view.entries = snap.Entries
	w.whole = wholeRead{
		requests: snap.Requests, mark: mark, marked: marked, bySingle: len(snap.Denied) > 0,
		small: snap.Requests <= 1 && snap.Bytes <= smallBytes && len(snap.Entries) <= smallKeys,
	}
	w.succeeded(ctx)
	w.planCheck()
	w.view.tell(w.apply)
	return changed, nil
}

// isBehind counts answers that were behind what is known, and believes the third.
func (w *kvWatch) isBehind(behind bool) bool {
	if !behind || w.behind >= behindReads {
		w.behind = 0
		return false
	}
	w.behind++
	return true
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

// readHinted reads the keys that were written to.
func (w *kvWatch) readHinted(ctx context.Context) error {
	w.takeHints(time.Now())
	w.due.hint = time.Time{}
	keys, all := w.pace.begin(time.Now())
	if len(keys) == 0 {
		return nil // those that were hinted at are not watched any more
	}
	if all || w.view.isStale() {
		return w.readAllHinted(ctx)
	}
	began := time.Now()
	snap, err := w.src.ReadKV(ctx, KVQuery{Bucket: w.bucket, Keys: keys, Timeout: w.o.attemptTimeout})
	if err != nil {
		return w.failed(ctx, began, err)
	}
	w.warnOfDenials(snap.Denied)
	w.merge(keys, snap.Entries)
	w.succeeded(ctx)
	w.view.tell(w.apply)
	return nil
}

// readAllHinted reads everything instead of many keys, and once more if that was something new: the last of many writes may
// not have been in it.
func (w *kvWatch) readAllHinted(ctx context.Context) error {
	clear(w.pace.dirty)
	changed, err := w.replace(ctx, KVMark{}, false)
	if changed && err == nil {
		w.pace.dirty[""] = 0
		w.due.hint = w.pace.again(time.Now())
	}
	return err
}

// merge takes over what was read for the keys and plans another read of those that may be behind their hint.
func (w *kvWatch) merge(keys []string, read map[string]Entry) {
	for _, key := range keys {
		old, had := w.view.entries[key]
		e, has := read[key]
		switch {
		case has && had && e.behind(old):
			w.mergeBehind(key)
		case has == had && (!has || e.same(old)):
			w.pace.unchanged(key)
		case has:
			if w.view.isOfEarlierBucket(e) {
				w.due.whole = time.Now() // what this bucket does not have must go, too
			}
			w.view.entries[key] = e
			w.pace.changed(key)
		default:
			delete(w.view.entries, key)
			w.pace.changed(key)
		}
	}
	if len(w.pace.dirty) > 0 {
		w.due.hint = w.pace.again(time.Now())
	}
}

// mergeBehind asks again, and leaves it to a whole read when the answer stays behind.
func (w *kvWatch) mergeBehind(key string) {
	if w.pace.unchanged(key) {
		w.due.whole = time.Now()
	}
}
