package natskit

import (
	"sync"
	"time"

	"github.com/nats-io/nats.go"
)

const (
	// crowdedMin comes before the first connection that is made anew because the broker
	// refused subscriptions for their number; it doubles up to crowdedMax. Each of them
	// interrupts what works, so there are few.
	crowdedMin = time.Minute
	crowdedMax = 16 * time.Minute
)

// crowding is what a limit on the number of subscriptions, of a connection or of its
// account, does to it: the broker refuses those above it without naming them, and does
// not take them up when there is room again. Only a new connection asks for all.
type crowding struct {
	min time.Duration

	mu        sync.Mutex
	connected time.Time
	since     time.Time // of the first refusal
	last      time.Time // refusal
	tries     int
	timer     *time.Timer
	closed    bool
}

// refused is told of each refusal; redial makes the connection anew.
func (c *crowding) refused(redial func(), now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.lasts(now) {
		c.since, c.tries = now, 0
	}
	c.last = now
	if c.timer != nil || c.closed {
		return
	}
	c.timer = time.AfterFunc(grown(c.min, c.tries, max(c.min, crowdedMax)), func() {
		c.mu.Lock()
		c.timer = nil
		c.tries++
		going := !c.closed && !c.last.Before(c.connected) // on this connection
		c.mu.Unlock()
		if going {
			redial()
		}
	})
}

// lasts, called with mu held, reports that something is refused. The refusals of a new
// connection take a moment to come.
func (c *crowding) lasts(now time.Time) bool {
	return !c.since.IsZero() && (!c.last.Before(c.connected) || now.Sub(c.connected) < settled)
}

func (c *crowding) connect(now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.connected = now
}

func (c *crowding) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	if c.timer != nil {
		c.timer.Stop()
	}
}

// Crowded is since when the broker refuses subscriptions because there are too many,
// and how it says so; zero: it does not. Some subjects are not heard then, or no
// replies: the connection is made anew from time to time, which asks for all again.
func (c *Conn) Crowded() (since time.Time, err error) {
	w := &c.dialer.crowd
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.lasts(time.Now()) {
		return time.Time{}, nil
	}
	return w.since, nats.ErrMaxSubscriptionsExceeded
}
