package klp

import (
	"context"
	"fmt"
	"sync"

	"github.com/kanade-go/kanade/agent/wire"
)

// place is a connection's place among the others.
type place struct {
	end     context.CancelFunc
	account string // set by the handshake
}

// clients counts connections. Before its handshake nobody is known, so the
// oldest of those makes room for the newest: whoever introduces themselves at
// once is not kept out by those who do not.
type clients struct {
	limits limits

	mu       sync.Mutex
	waiting  []*place // the oldest first
	perUser  map[string]int
	accepted int
}

func newClients(l limits) *clients { return &clients{limits: l, perUser: make(map[string]int)} }

// enter adds a connection; end ends it. It says whether another one had to go.
func (c *clients) enter(end context.CancelFunc) (added *place, pushed bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	added = &place{end: end}
	c.waiting = append(c.waiting, added)
	if pushed = len(c.waiting) > c.limits.waiting; pushed {
		c.waiting[0].end()
		c.waiting = c.waiting[1:]
	}
	return added, pushed
}

// accept counts a connection as its user's, once. The error is for the client.
func (c *clients) accept(one *place, account string) *wire.KLPError {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case one.account != "":
		return nil
	case c.perUser[account] >= c.limits.perUser:
		return &wire.KLPError{Kind: wire.KLPRateLimit, Detail: fmt.Sprintf("this user has %d connections already; close one", c.limits.perUser)}
	case c.accepted >= c.limits.total:
		return &wire.KLPError{Kind: wire.KLPRateLimit, Detail: fmt.Sprintf("the agent has %d connections already; try again later", c.limits.total)}
	}
	c.leaveWaiting(one)
	one.account = account
	c.perUser[account]++
	c.accepted++
	return nil
}

func (c *clients) leave(one *place) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.leaveWaiting(one)
	if one.account == "" {
		return
	}
	c.accepted--
	if c.perUser[one.account]--; c.perUser[one.account] == 0 {
		delete(c.perUser, one.account)
	}
}

func (c *clients) leaveWaiting(one *place) {
	for i, other := range c.waiting {
		if other == one {
			c.waiting = append(c.waiting[:i:i], c.waiting[i+1:]...)
			return
		}
	}
}
