package settings

import (
	"errors"
	"sync"
	"time"
)

// errNotAsked says that a bucket was left alone, because it was silent just now.
var errNotAsked = errors.New("settings: not asked: the bucket has just been silent")

// outage is a time in which a bucket, or its leader, does not answer. Each bucket
// has its own: the leaders are different servers.
type outage struct {
	mu          sync.Mutex
	began, last time.Time
}

// pauses says that the bucket is not asked for now.
func (o *outage) pauses() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return !o.last.IsZero() && time.Since(o.last) < askPause
}

// isLong says that it has lasted for longer than servers need to choose another
// leader: nothing comes of waiting for its end.
func (o *outage) isLong() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.last.Sub(o.began) >= unansweredFor
}

// note takes what came of a question.
func (o *outage) note(a answer) {
	if errors.Is(a.err, errNotAsked) {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	now := time.Now()
	switch {
	case a.err == nil && !a.late:
		o.began, o.last = time.Time{}, time.Time{}
	case o.last.IsZero() || now.Sub(o.last) > unansweredFor: // nobody has asked for long
		o.began, o.last = now, now
	default:
		o.last = now
	}
}
