package natskit

import (
	"context"
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
// connection it makes the next attempt start at once.
func (c *Conn) Prove(ctx context.Context) {
	c.dialer.interrupt() // it may be trying a way that is gone
	if c.IsConnected() {
		if c.answers(ctx) || !pause(ctx, rand.N(redialSpread)) {
			return
		}
		c.dialer.report.log.Warn("the broker did not answer a ping; dialling again", "waited", proveTimeout)
	}
	_ = c.ForceReconnect() // it fails on a closed connection only
}

func (c *Conn) answers(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, proveTimeout)
	defer cancel()
	return c.FlushWithContext(ctx) == nil
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
