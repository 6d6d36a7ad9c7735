package retry

import (
	"bytes"
	"maps"
	"time"
)

// Entry is the current value of one key.
type Entry struct {
	Value    []byte    // as it was put; not to be changed
	Revision uint64    // sequence in the bucket's stream; starts over when the bucket is re-created
	Created  time.Time // when the server stored it
}

// View is everything that the watched keys of a bucket hold at one moment. A key that was deleted, purged or has expired is
// absent.
type View struct {
	// Entries by key, without the bucket's name. Never nil. The map belongs to who gets the View; the values are shared with
	// later views and must not be changed. A key may have any character that a subject can have, also those that the client
	// library refuses.
	Entries map[string]Entry

	// Stale is zero while the view is fresh. Otherwise the view is the last good one, and this is since when it cannot be
	// refreshed: the loss of the connection or the first read that failed, whichever came first.
	Stale time.Time
}

// Keys says which keys to watch: exact keys, or NATS patterns in which the token * stands for one token of the key and a last
// token > for one or more. changed is closed when another call may answer otherwise; nil is never.
type Keys func() (patterns []string, changed <-chan struct{})

// FixedKeys is a Keys that never changes.
func FixedKeys(patterns ...string) Keys {
	return func() ([]string, <-chan struct{}) { return patterns, nil }
}

// same reports that two entries are the same message with the same bytes. The time and the bytes tell a re-created bucket,
// whose revisions start over, from the one before.
func (e Entry) same(other Entry) bool {
	return e.Revision == other.Revision && e.Created.Equal(other.Created) && bytes.Equal(e.Value, other.Value)
}

// behind reports that e is an earlier message than known: the answer of a replica that lags, or of a bucket that was set
// back. A re-created bucket is not behind: its revisions are lower but its times are later.
func (e Entry) behind(known Entry) bool {
	return e.Revision < known.Revision && e.Created.Before(known.Created)
}

func sameEntries(a, b map[string]Entry) bool {
	return maps.EqualFunc(a, b, Entry.same)
}

func (e Entry) mark(subject string) KVMark {
	return KVMark{Sequence: e.Revision, Time: e.Created, Subject: subject}
}

// kvView is the view as WatchKV keeps it, and what apply was told last.
type kvView struct {
	subject   string // of a key, without the key
	entries   map[string]Entry
	newest    KVMark // of all messages that were read for the keys, ends of keys included
	have      bool   // there was a successful read
	stale     time.Time
	told      map[string]Entry
	toldStale time.Time
}

// isStale also before the first read.
func (v *kvView) isStale() bool { return !v.have || !v.stale.IsZero() }

// tell calls apply if there is something new for it.
func (v *kvView) tell(apply func(View)) {
	if !v.have || v.told != nil && v.stale.Equal(v.toldStale) && sameEntries(v.entries, v.told) {
		return
	}
	v.told, v.toldStale = cloneEntries(v.entries), v.stale
	apply(View{Entries: cloneEntries(v.entries), Stale: v.stale})
}

// cloneEntries never returns nil.
func cloneEntries(entries map[string]Entry) map[string]Entry {
	c := make(map[string]Entry, len(entries))
	maps.Copy(c, entries)
	return c
}

// narrow forgets what is not of the patterns.
func (v *kvView) narrow(patterns []string) {
	v.newest = KVMark{}
	for key, e := range v.entries {
		if anyMatches(patterns, key) {
			v.newest = v.newest.later(e.mark(v.subject + key))
		}
	}
}

// lackedBy returns a message that was read before, and that an answer about all keys should have, or a later one of its key.
func (v *kvView) lackedBy(read map[string]Entry, newest KVMark) (m KVMark, lacks bool) {
	if newest.behind(v.newest) {
		return v.newest, true
	}
	for key, e := range read {
		if known, ok := v.entries[key]; ok && e.behind(known) {
			return known.mark(v.subject + key), true
		}
	}
	return KVMark{}, false
}

// verdict is what an answer about one key comes to.
type verdict int

const (
	unchanged verdict = iota
	news
	doubtful // it may be of a replica that is behind
)

// judge compares an answer about a key with the view. newest is the newest message of the whole answer.
func (v *kvView) judge(key string, e Entry, has bool, newest KVMark) verdict {
	known, had := v.entries[key]
	switch {
	case has && had && e.same(known), !has && !had:
		return unchanged
	case has && had && e.behind(known), // it was there before
		has && !had && e.mark("").behind(v.newest),   // it was not there any more
		!has && had && newest.behind(known.mark("")): // and nothing says that it has ended
		return doubtful
	}
	return news
}

// isOfEarlierBucket reports that e, which is new, belongs to a bucket whose revisions have started over since the view was
// read.
func (v *kvView) isOfEarlierBucket(e Entry) bool {
	for _, known := range v.entries {
		if e.Revision <= known.Revision && e.Created.After(known.Created) {
			return true
		}
	}
	return false
}
