package retry

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const (
	// behindFor is how many answers in a row may be behind what was read before until the view counts as stale: 3 s of them.
	behindFor = 6

	// leaderTimeout is for one question to the leader; nothing else is read meanwhile.
	leaderTimeout = time.Second

	// leaderPause is how long a leader that did not answer is left alone; servers choose another within 10 s or so.
	leaderPause = 15 * time.Second

	// electionTime is how long a leader may be silent until an answer is believed without it.
	electionTime = 30 * time.Second
)

// errBehind is why a view that is answered by a replica far behind its leader counts as stale.
var errBehind = errors.New("the server that answers is behind its leader: it has not yet what was read before")

// keyReader is an ability of a KVReader: DirectReader asks the stream's leader.
type keyReader interface {
	ReadKey(ctx context.Context, bucket, key string) (KVAnswer, error)
}

type leader struct {
	src   keyReader // nil where none can be asked
	after time.Time // until which it is left alone
	quiet time.Time // since when it does not answer, while that matters
}

func (l *leader) canBeAsked() bool { return l.src != nil && !time.Now().Before(l.after) }

// rest leaves the leader alone for a while. Silent: it was asked and did not answer, which is not so of one that may not be
// asked.
func (l *leader) rest(silent bool) {
	now := time.Now()
	l.after = now.Add(leaderPause)
	if !silent {
		l.quiet = time.Time{}
	} else if l.quiet.IsZero() {
		l.quiet = now
	}
}

// isBeingElected reports that the leader may be missing just for now: a replica has then no way to catch up.
func (l *leader) isBeingElected() bool {
	return !l.quiet.IsZero() && time.Since(l.quiet) < electionTime
}

// askLeader reads a key, or its end, from the leader. It is not known when the leader does not answer, and what a replica says
// in its place is no better than what was read before.
func (w *kvWatch) askLeader(ctx context.Context, key string) (snap KVSnapshot, known bool) {
	ctx, cancel := context.WithTimeout(ctx, 2*leaderTimeout) // half of it is for a replica
	defer cancel()
	a, err := w.leader.src.ReadKey(ctx, w.bucket, key)
	w.warnOfDenials(append(a.Denied, denialsIn(err)...))
	said := err == nil || errors.Is(err, jetstream.ErrKeyNotFound) || errors.Is(err, jetstream.ErrKeyDeleted)
	if a.Replica || !said {
		if !errors.Is(err, jetstream.ErrBucketNotFound) {
			w.leader.rest(len(a.Denied) == 0 && !errors.Is(err, nats.ErrPermissionViolation))
		}
		return KVSnapshot{}, false
	}
	w.leader.quiet = time.Time{}
	snap.Entries = map[string]Entry{}
	if err == nil {
		snap.Entries[key] = a.Entry
	}
	if a.Entry.Revision > 0 {
		snap.Newest = KVMark{Sequence: a.Entry.Revision, Time: a.Entry.Created, Subject: w.subject(key)}
	}
	return snap, true
}

// newestOf is also for a KVReader that does not tell it.
func (w *kvWatch) newestOf(snap KVSnapshot) KVMark {
	newest := snap.Newest
	for key, e := range snap.Entries {
		newest = newest.later(e.mark(w.subject(key)))
	}
	return newest
}

func (w *kvWatch) subject(key string) string { return kvSubjectPrefix + w.bucket + "." + key }

// putOff reports that an answer about all keys is not to be believed, because it lacks what was read before, and plans another
// read. A bucket that was set back, or lost its newest messages, looks the same: the leader tells, or where it may not be asked
// or is silent for longer than an election takes, the third answer.
func (w *kvWatch) putOff(ctx context.Context, began time.Time, snap KVSnapshot) (bool, error) {
	lacked, lacks := w.view.lackedBy(snap.Entries, w.newestOf(snap))
	if !lacks {
		w.behind, w.leader.quiet = 0, time.Time{}
		return false, nil
	}
	limit := behindReads
	confirmed, known := w.confirm(ctx, lacked)
	if known && confirmed || !known && w.leader.isBeingElected() {
		limit = behindFor
	} else if known || w.behind >= limit {
		w.behind, w.leader.quiet = 0, time.Time{}
		return false, nil
	}
	if w.behind >= limit {
		return true, w.failed(ctx, began, errBehind)
	}
	w.due.whole = time.Now().Add(behindPause << w.behind)
	w.behind++
	return true, nil
}

// confirm asks the leader whether it has a message that was read, or a later one of its key.
func (w *kvWatch) confirm(ctx context.Context, m KVMark) (confirmed, known bool) {
	if !w.leader.canBeAsked() {
		return false, false
	}
	snap, known := w.askLeader(ctx, strings.TrimPrefix(m.Subject, w.subject("")))
	return known && !snap.Newest.behind(m), known
}
