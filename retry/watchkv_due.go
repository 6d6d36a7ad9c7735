package retry

import (
	"time"

	"github.com/kanade-go/kanade/retry/jitter"
)

const (
	// denseRetries are the failed reads after which a retry may wait for the whole check interval: an outage of the usual
	// length is followed closely, a bucket that nobody makes costs no more than one that is there.
	denseRetries = 12

	// earlyCheck is the part of the interval after which the second check of a connection comes at the latest: in a cluster
	// a new subscription takes a moment to be known everywhere, and the replica that answered may have been behind.
	earlyCheck = 6

	// tooLargePause is between reads of what turned out to be too much: each costs MaxViewBytes. A write makes it no shorter.
	tooLargePause = 10 * time.Minute

	// minBeat keeps an until that has no time left from asking all the time.
	minBeat = time.Second

	// requestPause keeps a check that takes several requests below 0.05 requests/s.
	requestPause = 30 * time.Second
)

// kvDue is when the reads are due; zero is never.
type kvDue struct{ whole, hint, check time.Time }

func isDue(at, now time.Time) bool { return !at.IsZero() && !at.After(now) }

func (w *kvWatch) pauseUntilDue() time.Duration {
	pause := w.o.checkHinted
	if !w.connected {
		return pause
	}
	for _, at := range []time.Time{w.due.whole, w.due.hint, w.due.check} {
		if !at.IsZero() {
			pause = min(pause, time.Until(at))
		}
	}
	return max(pause, 0)
}

// retryPause follows the backoff, up to what a check would wait anyway.
func (w *kvWatch) retryPause() time.Duration {
	limit := w.o.checkHinted
	if w.failures <= denseRetries {
		limit = min(limit, w.o.checkBlind)
	}
	return min(w.o.backoff.Jittered(w.failures), between(limit))
}

// settling counts the checks that come sooner after the subscriptions or the connection are new. The first follows the read
// at once: a server hands a message to its subscribers before it stores it, so a write may be too early for a subscription
// and too late for a read that was made after it.
const (
	settled = iota
	settlingSlowly
	settlingAtOnce
)

// planCheck plans the next check after a read that went well.
func (w *kvWatch) planCheck() {
	every := w.o.checkHinted
	if w.deaf > 0 || w.hints == nil || len(w.denied()) > 0 {
		every = min(every, w.o.checkBlind)
	}
	every = max(every, time.Duration(w.whole.costOfCheck()-1)*requestPause)
	pause := w.checkPause(every)
	switch w.settling {
	case settlingAtOnce:
		pause = behindPause + jitter.N(w.o.readSpread)
	case settlingSlowly:
		pause = min(pause, between(w.o.checkHinted/earlyCheck))
	}
	w.settling = max(w.settling-1, settled)
	w.due.check = time.Now().Add(pause)
}

func (w *kvWatch) checkPause(every time.Duration) time.Duration {
	if w.o.beat == nil {
		return between(every)
	}
	return min(max(w.o.beat(every), minBeat), every)
}

// between is d or up to a quarter less: the interval is a promise, the jitter keeps it.
func between(d time.Duration) time.Duration { return d - jitter.N(d/4) }
