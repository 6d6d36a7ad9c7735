package agent

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/kanade-go/kanade/agent/wire"
)

// addLimits lets an operator change how many commands run at once.
func (p *plan) addLimits(r *rand.Rand) {
	if percent(r, 60) {
		return
	}
	for range 1 + r.IntN(4) {
		limit := uint64(1 + r.IntN(5))
		if percent(r, 20) {
			limit = 0
		}
		p.add(event{between(r, 0, p.length), fmt.Sprint("at once: ", limit), func(s *sim) { s.backend.setLimit(limit) }})
	}
}

// limits are how many commands may run at once. Guarded by sim.mu.
type limits struct {
	now     int // what the last row says
	highest int // of all that were ever in force: nobody knows when the agent hears of one
	running int
}

// setLimit writes the row of everybody's settings; 0: it is deleted.
func (b *backend) setLimit(limit uint64) {
	s := b.s
	s.mu.Lock()
	before := s.limits.now
	s.limits.now = int(limit)
	if limit == 0 {
		s.limits.now = s.plan.slots
	}
	now := s.limits.now
	s.limits.highest = max(s.limits.highest, now)
	s.mu.Unlock()
	switch {
	case now > before:
		s.happened("at once: more")
	case now < before:
		s.happened("at once: fewer")
	}
	if limit > 0 {
		b.putRow(wire.BucketAgentConfig, wire.ConfigKeyGlobal, wire.ConfigScope{MaxLocalConcurrent: &limit}.Encode())
		return
	}
	kv, err := b.client.JetStream().KeyValue(context.Background(), wire.BucketAgentConfig)
	must(err)
	if err := kv.Delete(context.Background(), wire.ConfigKeyGlobal); !errors.Is(err, jetstream.ErrKeyNotFound) {
		must(err)
	}
}

// starts is called with the lock of sim held.
func (l *limits) starts(s *sim) {
	l.running++
	if l.running > l.highest {
		s.problems = append(s.problems, fmt.Sprintf("%d commands run at once; at most %d ever may", l.running, l.highest))
	}
	if l.running > s.plan.slots {
		s.seen["at once: above the host's own number"]++
	}
}

// isInForce reports whether the agent goes by the last row.
func (s *sim) isInForce(p *parts) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return p.commands.Status().AtOnce == s.limits.now
}
