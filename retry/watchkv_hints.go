package retry

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/kanade-go/kanade/retry/jitter"
)

const (
	maxHintedKeys = 64 // that are read by name; for more everything is read

	minHintPause = 100 * time.Millisecond // between reads while hints keep coming; it doubles
	maxHintPause = 2 * time.Second

	resubscribePause = 10 * time.Minute // after which a refused subscription is tried again on the same connection
)

// hintBox holds the keys that were written to until somebody looks. It is filled from the subscription's goroutine.
type hintBox struct {
	mu   sync.Mutex
	keys map[string]int // with the number of hints; an empty key stands for any
	last string         // key
	wake chan struct{}
}

func newHintBox() *hintBox { return &hintBox{keys: map[string]int{}, wake: make(chan struct{}, 1)} }

// put takes a key that nobody can ask for, which a writer can make who does not use nats.go's buckets, for any.
func (b *hintBox) put(key string) {
	if !isExact(key) || checkPattern(key) != nil {
		key = ""
	}
	b.mu.Lock()
	if key != "" {
		b.last = key
	}
	if _, known := b.keys[key]; !known && len(b.keys) >= maxHintedKeys {
		key = ""
	}
	b.keys[key]++
	b.mu.Unlock()
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

func (b *hintBox) take() (keys map[string]int, last string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	keys = b.keys
	b.keys = map[string]int{}
	return keys, b.last
}

// hintPace decides which keys are read after hints, and when. A read right after a hint may be behind it: a key that has
// not changed is read again, up to behindReads times; one that was hinted at more than once is read once more. The last of
// these reads is the leader's, if it can be asked.
type hintPace struct {
	dirty  map[string]int // reads left when the next one finds no change; behindReads+1 for more than one hint
	newest string         // hinted at last
	last   time.Time      // read
	pause  time.Duration
	noted  bool // a hint, since then
}

const severalHints = behindReads + 1

func (p *hintPace) note(hints map[string]int) {
	p.noted = true
	for key, n := range hints {
		before, known := p.dirty[key]
		if n > 1 || known && before > 0 {
			p.dirty[key] = severalHints
		} else {
			p.dirty[key] = behindReads
		}
	}
	if len(p.dirty) > maxHintedKeys {
		p.dirty = map[string]int{"": severalHints}
	}
}

// begin returns the keys to read now. While hints keep coming the reads move apart.
func (p *hintPace) begin(now time.Time) (keys []string, all bool) {
	switch {
	case !p.noted: // it only reads again
	case now.Sub(p.last) < 2*max(p.pause, minHintPause):
		p.pause = min(max(2*p.pause, minHintPause), maxHintPause)
	default:
		p.pause = 0
	}
	p.last, p.noted = now, false
	for key := range p.dirty {
		keys = append(keys, key)
	}
	_, all = p.dirty[""]
	slices.Sort(keys)
	return keys, all
}

// lastReads returns the keys of which no further read is planned.
func (p *hintPace) lastReads() (keys []string) {
	for key, left := range p.dirty {
		if key != "" && left <= 0 {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return keys
}

// again is when to read what may be behind.
func (p *hintPace) again(now time.Time) time.Time { return now.Add(max(behindPause, p.pause)) }

// changed notes that a read found something new.
func (p *hintPace) changed(key string) {
	if p.dirty[key] == severalHints {
		p.dirty[key] = 0
		return
	}
	delete(p.dirty, key)
}

// unchanged notes that a read found nothing new, and reports that there is no use in another one.
func (p *hintPace) unchanged(key string) (settled bool) {
	left := min(p.dirty[key], behindReads)
	if left <= 0 {
		delete(p.dirty, key)
		return true
	}
	p.dirty[key] = left - 1
	return false
}

// takeHints plans a read of the keys that were written to.
func (w *kvWatch) takeHints(now time.Time) {
	hints, last := w.box.take()
	w.unwatch(hints)
	if len(hints) == 0 {
		return
	}
	w.deaf = 0
	w.pace.note(hints)
	w.pace.newest = last
	at := now.Add(w.hintPause(hints))
	if earliest := w.pace.last.Add(w.pace.pause); at.Before(earliest) {
		at = earliest
	}
	if w.due.hint.IsZero() || at.Before(w.due.hint) {
		w.due.hint = at
	}
}

// hintPause is none for a key that nobody else watches: what else is due is read with it.
func (w *kvWatch) hintPause(hints map[string]int) time.Duration {
	for key := range hints {
		if key != "" && anyMatches(w.o.ownKeys, key) {
			return 0
		}
	}
	return jitter.N(w.o.hintSpread)
}

// follow takes over the keys to watch as they are now. The new subscriptions stand before the old ones end.
func (w *kvWatch) follow(ctx context.Context) error {
	patterns, changed := w.keys()
	w.keysChanged = changed
	wanted := disjoint(w.valid(patterns))
	if w.patterns != nil && slices.Equal(wanted, w.patterns) {
		return nil
	}
	w.patterns = wanted
	w.view.narrow(wanted)
	w.unwatch(w.pace.dirty)
	w.due.whole = time.Now()
	return w.hintAnew(ctx)
}

// unwatch forgets the hints of keys that are not watched any more: read late, they
// would come back into the view.
func (w *kvWatch) unwatch(hints map[string]int) {
	maps.DeleteFunc(hints, func(key string, _ int) bool { return key != "" && !anyMatches(w.patterns, key) })
}

// valid leaves out patterns that no key can match, with a warning the first time.
func (w *kvWatch) valid(patterns []string) []string {
	return slices.DeleteFunc(slices.Clone(patterns), func(pattern string) bool {
		err := checkPattern(pattern)
		if err != nil && w.firstTime("pattern "+pattern) {
			w.o.log.Warn("key is left out of the watch: no key can have this name", "bucket", w.bucket, "error", err)
		}
		return err != nil
	})
}

// hintAnew replaces the subscriptions. Without them the checks go on alone.
func (w *kvWatch) hintAnew(ctx context.Context) error {
	old := w.hints
	hints, err := w.src.HintKV(ctx, w.bucket, w.patterns, w.box.put)
	if final := classify(err); IsPermanent(final) {
		return final
	}
	if err != nil {
		w.o.log.Debug("changes are not listened for", "bucket", w.bucket, "error", err)
		hints = nil
	}
	w.hints, w.hinted, w.settling = hints, time.Now(), settlingAtOnce
	w.warnOfDenials(w.denied())
	w.stopHints(old)
	return nil
}

func (w *kvWatch) stopHints(h KVHints) {
	if h == nil {
		return
	}
	if err := h.Stop(); err != nil {
		w.o.log.Debug("listening for changes did not stop cleanly", "bucket", w.bucket, "error", err)
	}
}

func (w *kvWatch) denied() []Denial {
	if w.hints == nil {
		return nil
	}
	return w.hints.Denied()
}

// hintAgainIfDenied tries refused subscriptions again from time to time: the server takes new permissions without a
// reconnect, but does not take up subscriptions that it has refused.
func (w *kvWatch) hintAgainIfDenied(ctx context.Context) error {
	w.warnOfDenials(w.denied())
	if (w.hints == nil || len(w.denied()) > 0) && time.Since(w.hinted) >= resubscribePause {
		return w.hintAnew(ctx)
	}
	return nil
}

// warnOfDenials names each refused subject once.
func (w *kvWatch) warnOfDenials(denied []Denial) {
	for _, d := range denied {
		if w.firstTime("subject " + d.Subject) {
			w.o.log.Warn("the server refuses a subject; the watch goes on without it",
				"bucket", w.bucket, "subject", d.Subject, "subscribe", d.Subscribe, "error", d.Err)
		}
	}
}

const maxReported = 1024

func (w *kvWatch) firstTime(what string) bool {
	if w.reported[what] {
		return false
	}
	if len(w.reported) >= maxReported {
		clear(w.reported)
	}
	w.reported[what] = true
	return true
}
