package natskit

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"
)

const (
	// proveTimeout is how long the broker may take to answer a ping that decides
	// about the connection.
	proveTimeout = 3 * time.Second
	// redialSpread keeps the hosts behind one broken line from dialling together.
	redialSpread = time.Second
)

// Prove pings the broker and dials again if no answer comes in time. Without a
// connection it makes the next attempt start at once. It reports that a connection
// was up and did not answer.
func (c *Conn) Prove(ctx context.Context) (dead bool) {
	c.dialer.interrupt() // it may be trying a way that is gone
	if c.IsConnected() {
		if answers(ctx, c.FlushWithContext) == nil || !pause(ctx, rand.N(redialSpread)) {
			return false
		}
		dead = true
	}
	c.dialer.made.Store(false) // it was spread already
	_ = c.ForceReconnect()     // it fails on a closed connection only
	return dead
}

// Prove is that of [Conn], with two exceptions: a connection that its owner does not
// want to reconnect is left to the pings of nats.go, and so is one whose lock is held
// for a write that blocks, because that ends by itself.
func (b *Borrowed) Prove(ctx context.Context) (dead bool) {
	if connected, _ := b.State(); connected {
		err := answers(ctx, b.Flush)
		if err == nil || errors.Is(err, ErrStuck) || !pause(ctx, rand.N(redialSpread)) {
			return errors.Is(err, ErrStuck)
		}
		dead = true
	}
	if b.nc.Opts.AllowReconnect {
		_ = b.calls.finally(ctx, b.nc.ForceReconnect)
	}
	return dead
}

func answers(ctx context.Context, ping func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, proveTimeout)
	defer cancel()
	return ping(ctx)
}

func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
