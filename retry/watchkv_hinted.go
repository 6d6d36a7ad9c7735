package retry

import (
	"context"
	"slices"
	"time"
)

const (
	// leaderKeys is how many keys the leader is asked for after hints. For more, everything is read, and the leader asked
	// for the key that was written to last: an answer that has that write has those before it.
	leaderKeys = 4

	// forAll are the reads left of a key that is asked for in the place of all.
	forAll = -1
)

// readHinted reads the keys that were written to.
func (w *kvWatch) readHinted(ctx context.Context) error {
	w.takeHints(time.Now())
	w.due.hint = time.Time{}
	keys, all := w.pace.begin(time.Now())
	if len(keys) == 0 {
		return nil // those that were hinted at are not watched any more
	}
	if w.tooLarge {
		clear(w.pace.dirty)
		return nil
	}
	var last []string
	if w.leader.canBeAsked() {
		last = w.pace.lastReads()
	}
	if all || len(last) > leaderKeys || w.view.isStale() && w.behind == 0 {
		return w.readAllHinted(ctx, keys, all || len(last) > leaderKeys)
	}
	keys = slices.DeleteFunc(keys, func(key string) bool { return slices.Contains(last, key) })
	if ok, err := w.readReplica(ctx, keys); !ok {
		return err
	}
	for _, key := range last {
		w.readLeader(ctx, key)
	}
	w.readAgain()
	w.view.tell(w.apply)
	return nil
}

// readAgain plans another read of the keys that may be behind their hints.
func (w *kvWatch) readAgain() {
	if len(w.pace.dirty) > 0 {
		w.due.hint = w.pace.again(time.Now())
	}
}

func (w *kvWatch) readReplica(ctx context.Context, keys []string) (ok bool, err error) {
	if len(keys) == 0 {
		return true, nil
	}
	began := time.Now()
	snap, err := w.src.ReadKV(ctx, KVQuery{Bucket: w.bucket, Keys: keys, Timeout: w.o.attemptTimeout})
	if err != nil {
		return false, w.failed(ctx, began, err)
	}
	w.warnOfDenials(snap.Denied)
	newest := w.newestOf(snap)
	for _, key := range keys {
		e, has := snap.Entries[key]
		w.merge(key, e, has, w.view.judge(key, e, has, newest))
	}
	w.view.newest = w.view.newest.later(newest)
	if !w.view.isStale() {
		w.succeeded(ctx)
	}
	return true, nil
}

// merge takes over what was read for a key.
func (w *kvWatch) merge(key string, e Entry, has bool, v verdict) {
	switch v {
	case unchanged:
		w.pace.unchanged(key)
	case doubtful:
		if w.pace.unchanged(key) {
			w.due.whole = time.Now()
		}
	case news:
		w.take(key, e, has)
		w.pace.changed(key)
	}
}

func (w *kvWatch) take(key string, e Entry, has bool) {
	if !has {
		delete(w.view.entries, key)
		return
	}
	if w.view.isOfEarlierBucket(e) {
		w.due.whole = time.Now() // what this bucket does not have must go, too
	}
	w.view.entries[key] = e
}

// readLeader settles a key whose hint the answers so far do not explain: the write may have been refused, or a replica is
// behind. One that is earlier than what was read is left to a read of everything: the bucket may have been set back. Where the
// leader does not answer, a replica is read once more.
func (w *kvWatch) readLeader(ctx context.Context, key string) {
	standsForAll := w.pace.dirty[key] == forAll
	snap, known := w.askLeader(ctx, key)
	if !known && !w.leader.canBeAsked() {
		return
	}
	delete(w.pace.dirty, key)
	if !known { // it says that there is no bucket
		w.due.whole = time.Now()
		return
	}
	e, has := snap.Entries[key]
	switch old, had := w.view.entries[key]; {
	case has == had && (!has || e.same(old)):
		return
	case has && had && e.behind(old):
		w.due.whole = time.Now()
		return
	}
	w.take(key, e, has)
	w.view.newest = w.view.newest.later(snap.Newest)
	if standsForAll {
		w.due.whole = time.Now()
	}
}

// readAllHinted reads everything instead of the keys. Confirm: it stands for more of them than are asked for one by one.
func (w *kvWatch) readAllHinted(ctx context.Context, keys []string, confirm bool) error {
	before := w.view.entries
	changed, err := w.replace(ctx, KVMark{}, false)
	if err != nil || !w.due.whole.IsZero() { // it failed, or was put off
		delete(w.pace.dirty, "")
		w.readAgain()
		return err
	}
	if confirm {
		clear(w.pace.dirty)
		w.confirmAll(changed)
	} else {
		w.noteRead(keys, before)
	}
	w.readAgain()
	return nil
}

// confirmAll plans a look at whether the last of many writes was in what was read.
func (w *kvWatch) confirmAll(changed bool) {
	switch {
	case w.leader.canBeAsked() && anyMatches(w.patterns, w.pace.newest):
		w.pace.dirty[w.pace.newest] = forAll
	case changed:
		w.pace.dirty[""] = 0
	}
}

func (w *kvWatch) noteRead(keys []string, before map[string]Entry) {
	for _, key := range keys {
		old, had := before[key]
		if e, has := w.view.entries[key]; has != had || has && !e.same(old) {
			w.pace.changed(key)
		} else {
			w.pace.unchanged(key)
		}
	}
}
