package retry

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/kanade-go/kanade/retry/jitter"
)

// WatchKV keeps a view of some keys of a bucket up to date until ctx ends, and hands it to apply whenever its contents or its
// freshness differ from what apply got last. apply gets the whole view, on WatchKV's own goroutine; it must not block for
// long. Before the first successful read it is not called.
//
// The view is right again after whatever happened to the broker, the connection or the bucket, and survives all of it: while
// it cannot be refreshed it keeps its last good values and says since when (View.Stale). A bucket that does not exist is
// waited for; to learn of that use WithOnAttempt, whose error is then jetstream.ErrBucketNotFound. A bucket that is deleted
// later leaves a stale view, one that is re-created a fresh one.
//
// WatchKV reads the keys at the start, after every reconnect and when Keys change; a write to a watched key is heard through
// a plain subscription and answered by a read of that key; and every 60 s (WithCheckInterval) one request makes sure that
// nothing was missed. Reads that many clients make for the same reason are spread (WithReadSpread, WithHintSpread). There is no
// consumer on the server. DirectReader says which subjects it needs, the package documentation what it costs.
//
// It returns ctx's error, or, marked permanent, jetstream.ErrInvalidBucketName and nats.ErrConnectionClosed; nothing else
// ends it. A pattern that no key can match is left out with a warning. Of the options, WithBackoff spaces the reads after
// failed ones, at most a check interval apart; WithAttemptTimeout is for each answer; WithTransport is needed only for a src
// without State. WithOnAttempt gets failed reads, and the first one that succeeds after them or at all.
func WatchKV(ctx context.Context, src KVReader, bucket string, keys Keys, apply func(View), opts ...Option) error {
	if err := checkBucket(bucket); err != nil {
		return fmt.Errorf("retry: watch kv: %w", Permanent(err))
	}
	w := newKVWatch(src, bucket, keys, apply, newOptions(opts))
	defer w.stop()
	if err := w.run(ctx); err != nil {
		return fmt.Errorf("retry: watch kv %s: %w", bucket, err)
	}
	return fmt.Errorf("retry: watch kv %s: %w", bucket, ctx.Err())
}

// kvWatch is one WatchKV. Everything in it belongs to the goroutine of run, but for the box.
type kvWatch struct {
	src    KVReader
	bucket string
	keys   Keys
	apply  func(View)
	o      options

	link        func() (connected bool, changed <-chan struct{})
	connected   bool
	linkChanged <-chan struct{}
	closed      <-chan struct{} // nil where nobody knows

	patterns    []string
	keysChanged <-chan struct{}
	reported    map[string]bool // what was warned of once

	box    *hintBox
	hints  KVHints // nil while none could be made
	hinted time.Time
	notice *creationNotice

	view     kvView
	pace     hintPace
	whole    wholeRead
	due      kvDue
	leader   leader
	settling int // see planCheck
	deaf     int // short checks left since a change came without a hint
	behind   int // reads in a row that were behind the view
	tooLarge bool
	failures int
	progress progress
}

func newKVWatch(src KVReader, bucket string, keys Keys, apply func(View), o options) *kvWatch {
	w := &kvWatch{
		src: src, bucket: bucket, keys: keys, apply: apply, o: o,
		reported: map[string]bool{}, box: newHintBox(), pace: hintPace{dirty: map[string]int{}},
		progress: progress{what: "kv " + bucket, log: o.log, onAttempt: o.onAttempt},
	}
	w.leader.src, _ = src.(keyReader)
	w.view.subject = w.subject("")
	w.link = linkOf(src, o.transport)
	t := transportOf(src, o.transport)
	if c, ok := t.(interface{ Closed() <-chan struct{} }); ok {
		w.closed = c.Closed()
	}
	w.notice = newCreationNotice(t, "KV_"+bucket, o.log)
	return w
}

// linkOf finds who knows the connection's state. Without anybody it counts as up.
func linkOf(src KVReader, t Transport) func() (bool, <-chan struct{}) {
	if s, ok := src.(interface {
		State() (bool, <-chan struct{})
	}); ok {
		return s.State
	}
	if t != nil {
		return t.State
	}
	return func() (bool, <-chan struct{}) { return true, nil }
}

func transportOf(src KVReader, t Transport) Transport {
	if r, ok := src.(*DirectReader); ok {
		return r.t
	}
	return t
}

// run returns nil when ctx has ended, or an error that nothing cures.
func (w *kvWatch) run(ctx context.Context) error {
	w.connected, w.linkChanged = w.link()
	err := w.follow(ctx)
	for err == nil && ctx.Err() == nil {
		if err = w.work(ctx); err == nil {
			err = w.await(ctx)
		}
	}
	return err
}

func (w *kvWatch) stop() {
	w.notice.stop()
	w.stopHints(w.hints)
}

// work does one thing that is due. Without a connection nothing is.
func (w *kvWatch) work(ctx context.Context) error {
	now := time.Now()
	switch {
	case !w.connected:
		return nil
	case isDue(w.due.whole, now):
		return w.readWhole(ctx)
	case isDue(w.due.hint, now):
		return w.readHinted(ctx)
	case isDue(w.due.check, now):
		return w.check(ctx)
	}
	return nil
}

// await returns at the next event or when something is due.
func (w *kvWatch) await(ctx context.Context) error {
	timer := time.NewTimer(w.pauseUntilDue())
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	case <-w.closed:
		return Permanent(nats.ErrConnectionClosed)
	case <-w.linkChanged:
		return w.relink(ctx)
	case <-w.keysChanged:
		return w.follow(ctx)
	case <-w.box.wake:
		w.takeHints(time.Now())
	case <-w.notice.heard:
		w.failures = 0
		w.due.whole = time.Now().Add(createdPause + jitter.N(w.o.readSpread))
	}
	return nil
}

// createdPause lets the server finish what it announces a moment too early.
const createdPause = 100 * time.Millisecond

// relink follows a change of the connection. Whatever it was, the connection was lost in between or is new.
func (w *kvWatch) relink(ctx context.Context) error {
	had := w.connected
	w.connected, w.linkChanged = w.link()
	if had {
		w.staleSince(time.Now())
	}
	if !w.connected {
		return nil
	}
	w.failures, w.behind, w.deaf, w.settling = 0, 0, 0, settlingAtOnce
	w.leader.after, w.leader.quiet = time.Time{}, time.Time{}
	w.due.whole = time.Now().Add(jitter.N(w.o.readSpread))
	if len(w.denied()) > 0 || w.hints == nil {
		return w.hintAnew(ctx)
	}
	return nil
}

func (w *kvWatch) staleSince(t time.Time) {
	if w.view.stale.IsZero() {
		w.view.stale = t
	}
	w.view.tell(w.apply)
}

// failed plans the next read. A failure that a lost connection explains is none: the reconnect brings the read.
func (w *kvWatch) failed(ctx context.Context, began time.Time, err error) error {
	if final := classify(err); IsPermanent(final) {
		return final
	}
	if w.isExplained(ctx) {
		return nil
	}
	w.failures++
	if !errors.Is(err, errBehind) {
		clear(w.pace.dirty) // the next read is of everything
	}
	w.warnOfDenials(denialsIn(err))
	if isMissingBucket(err) {
		w.notice.listen()
	}
	wait := w.retryPause()
	if w.tooLarge = errors.Is(err, ErrViewTooLarge); w.tooLarge {
		wait = max(wait, between(tooLargePause))
	}
	w.due.whole = time.Now().Add(wait)
	w.progress.failed(ctx, err, wait)
	w.staleSince(began)
	return nil
}

func denialsIn(err error) []Denial {
	if d, ok := readDenial(err); ok {
		return []Denial{d}
	}
	return nil
}

// isExplained reports that the watch or the connection has ended meanwhile.
func (w *kvWatch) isExplained(ctx context.Context) bool {
	select {
	case <-ctx.Done():
		return true
	case <-w.linkChanged:
		return true
	default:
		return false
	}
}

// succeeded is told of every read that went well.
func (w *kvWatch) succeeded(ctx context.Context) {
	if w.progress.failures > 0 || !w.view.have {
		w.progress.succeeded(ctx)
	}
	w.failures, w.progress.failures, w.tooLarge = 0, 0, false
	w.notice.stop() // it is there
	w.view.have, w.view.stale = true, time.Time{}
}

func isMissingBucket(err error) bool { return isNotFound(err) || errors.Is(err, nats.ErrNoResponders) }
