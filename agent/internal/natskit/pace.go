package natskit

import (
	"math/rand/v2"
	"sync"
	"time"
)

const (
	// firstSpread is how far the first attempts of a fleet are spread after all
	// lost their broker in the same moment.
	firstSpread = 500 * time.Millisecond
	// firstDelay comes before the second attempt, and doubles from there.
	firstDelay = 100 * time.Millisecond
	// quickMax caps the delay for the first quickRounds attempts, some 25 s, in
	// which a broker that was restarted is back: then an agent is back within a
	// second of it.
	quickMax    = time.Second
	quickRounds = 32
	// slowMax caps it from then on, and where the broker answers and refuses.
	slowMax = 4 * time.Second
	// settled is how long a connection must have stood for its loss to be the
	// first failure of a row: one that is made and cut at once is no success.
	settled = 10 * time.Second
)

// pace says when to try again.
type pace struct {
	mu    sync.Mutex
	ever  bool
	since time.Time // of the connection
	base  int       // attempts before this row that count
	last  int
}

func (p *pace) connected(now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ever, p.since = true, now
}

// delay returns how long to wait before the round-th attempt since the loss.
func (p *pace) delay(round int, refused bool, now time.Time) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case round > 1:
	case p.ever && now.Sub(p.since) < settled:
		p.base = p.last
	default:
		p.base = 0
	}
	p.last = p.base + round
	if p.last == 1 && !p.ever {
		return 0
	}
	return delay(p.last, refused)
}

// delay is half the full delay at least; the other half is random. Only the
// first one is random as a whole.
func delay(attempt int, refused bool) time.Duration {
	if attempt <= 1 {
		return rand.N(firstSpread)
	}
	limit := slowMax
	if attempt <= quickRounds && !refused {
		limit = quickMax
	}
	full := min(firstDelay<<min(attempt-2, 20), limit)
	return full/2 + rand.N(full/2+1)
}

func (p *pace) attempts() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.last
}
