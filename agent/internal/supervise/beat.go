package supervise

import (
	"time"

	"github.com/kanade-go/kanade/retry/jitter"
)

// Beat is a row of moments that the parts of one agent share: what they do now and
// then they do together, and an idle host is woken once for all of it. Each agent has
// a row of its own, so that a fleet does nothing in step. The zero value has no moments:
// what goes by it counts from when it asks.
type Beat struct{ start time.Time }

// NewBeat returns a row that begins at random within the last hour.
func NewBeat() Beat { return Beat{start: time.Now().Add(-jitter.N(time.Hour))} }

// Until returns how long it is to the next moment of those that are every apart, more
// than 0 and at most every. The moments of 10 s are among those of 5 s.
func (b Beat) Until(every time.Duration) time.Duration { return b.After(time.Now(), every) }

// After is Until, as of another time.
func (b Beat) After(t time.Time, every time.Duration) time.Duration {
	if b.start.IsZero() || every <= 0 {
		return every
	}
	return every - t.Sub(b.start)%every
}
