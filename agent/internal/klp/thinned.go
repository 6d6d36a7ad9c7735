package klp

import (
	"log/slog"
	"sync"
	"time"
)

// thinnedTo is how often a thinned line is written at most. Every user of the
// host can cause it.
const thinnedTo = time.Minute

// thinned is a warning that counts what it leaves out.
type thinned struct {
	log  *slog.Logger
	text string

	mu     sync.Mutex
	last   time.Time
	silent int
}

func (t *thinned) warn(now time.Time, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.last.IsZero() && now.Sub(t.last) < thinnedTo {
		t.silent++
		return
	}
	t.log.Warn(t.text, append(args, "others_since", t.silent)...)
	t.last, t.silent = now, 0
}
