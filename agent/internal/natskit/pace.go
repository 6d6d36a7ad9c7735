package natskit

import (
	"math/rand/v2"
	"sync"
	"time"
)

// An attempt that reaches nobody costs a packet or two, so it is made often: then an
// agent is back within a second of its broker, however long that was away. What
// costs the broker something is a login (TLS, the check of credentials, the
// subscriptions); one that fails is paid for with longer pauses. A fleet that the
// broker can take at once is back at once; of one that it cannot, those come later
// that have failed.
const (
	// firstSpread is how far the first attempts of a fleet are spread after all
	// lost their broker in the same moment.
	firstSpread = 500 * time.Millisecond
	// firstDelay comes before the second attempt, and doubles from there.
	firstDelay = 100 * time.Millisecond
	// quickMax caps the delay for the first quickRounds attempts, some 15 minutes
	// of them, as long as they reach nobody.
	quickMax    = time.Second
	quickRounds = 1200
	// slowMax caps it from then on, for the sake of the host's battery and its name
	// servers, and where somebody answers and the login fails.
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
	seen  time.Time // the since that onward has judged
	base  int       // attempts before this row that count
	last  int
	costs int // attempts in this row that have cost the broker something
}

func (p *pace) connected(now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ever, p.since = true, now
}

// delay returns how long to wait before the round-th attempt since the loss. Costly
// was an attempt that has cost the broker something.
func (p *pace) delay(round int, costly bool, now time.Time) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case round > 1:
	case p.ever && now.Sub(p.since) < settled:
		p.base, costly = p.last, true // it was logged in
	default:
		p.base, p.costs = 0, 0
	}
	p.last = p.base + round
	if costly {
		p.costs++
		return afterCost(p.costs)
	}
	if p.last == 1 && !p.ever {
		return 0
	}
	return delay(p.last)
}

// onward returns how long to wait before the next of several servers, after the loss
// of a connection or a login that failed: nats.go asks for no delay then. A connection
// that did not last is paid for like a failed login.
func (p *pace) onward(now time.Time) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	lasted := now.Sub(p.since) >= settled
	switch fresh := p.ever && !p.since.Equal(p.seen); {
	case fresh && !lasted:
		p.seen = p.since
		p.costs++
		return afterCost(p.costs)
	case fresh:
		p.seen, p.costs = p.since, 0
	}
	return rand.N(firstSpread)
}

// delay comes before an attempt after one that reached nobody. It is half the full
// delay at least; the other half is random. Only the first one is random as a whole.
func delay(attempt int) time.Duration {
	if attempt <= 1 {
		return rand.N(firstSpread)
	}
	limit := slowMax
	if attempt <= quickRounds {
		limit = quickMax
	}
	return grown(firstDelay, attempt-2, limit)
}

// afterCost comes after the n-th attempt of a row that has cost the broker
// something.
func afterCost(n int) time.Duration { return grown(quickMax, n-1, slowMax) }

func grown(from time.Duration, doublings int, limit time.Duration) time.Duration {
	full := min(from<<min(doublings, 20), limit)
	return full/2 + rand.N(full/2+1)
}

func (p *pace) attempts() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.last
}

func (p *pace) costly() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.costs
}
