package klp

import (
	"sync"
	"time"
)

// rates counts the requests of each user, whichever connection they come over.
type rates struct {
	limits limits

	mu    sync.Mutex
	users map[string]*bucket
}

// bucket is full with limits.burst tokens, and gets one more every limits.every.
type bucket struct {
	tokens float64
	at     time.Time
}

func newRates(l limits) *rates { return &rates{limits: l, users: make(map[string]*bucket)} }

// take says whether the user may have one more request now.
func (r *rates) take(account string, now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	b := r.users[account]
	if b == nil {
		if !r.room(now) {
			return false
		}
		b = &bucket{tokens: float64(r.limits.burst), at: now}
		r.users[account] = b
	}
	r.fill(b, now)
	if b.tokens < 1 {
		return false
	}
	b.tokens--
	return true
}

func (r *rates) fill(b *bucket, now time.Time) {
	gained := float64(max(now.Sub(b.at), 0)) / float64(r.limits.every)
	b.tokens, b.at = min(b.tokens+gained, float64(r.limits.burst)), now
}

// room forgets users whose buckets are full again, if there are many.
func (r *rates) room(now time.Time) bool {
	if len(r.users) < r.limits.users {
		return true
	}
	for account, b := range r.users {
		if r.fill(b, now); b.tokens >= float64(r.limits.burst) {
			delete(r.users, account)
		}
	}
	return len(r.users) < r.limits.users
}
