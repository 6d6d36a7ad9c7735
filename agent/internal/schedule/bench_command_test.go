package schedule

import (
	"context"
	"slices"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/kanade-go/kanade/agent/internal/delivery"
	"github.com/kanade-go/kanade/agent/wire"
)

// take is the command path: a ledger that knows what it had, and results.
func (b *bench) take(ctx context.Context, s *Service, out <-chan delivery.Delivery) {
	for {
		if b.isClosed() {
			<-ctx.Done()
			return
		}
		select {
		case <-ctx.Done():
			return
		case d := <-out:
			b.admit(s, d)
		}
	}
}

func (b *bench) isClosed() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.closed
}

func (b *bench) admit(s *Service, d delivery.Delivery) {
	c, err := wire.DecodeCommand(d.Data)
	assert.NoError(b.t, err)
	assert.Equal(b.t, delivery.Schedule, d.Source)
	s.mu.Lock()
	due := s.runs[c.RequestID].Due
	s.mu.Unlock()
	b.mu.Lock()
	answer, exit := b.answer, b.exit
	_, known := b.ledger[c.RequestID]
	if answer == delivery.Ack && !known {
		b.ledger[c.RequestID] = true
		b.fired = append(b.fired, fired{c, time.Now().Add(b.offset).UTC(), due, b.offset})
	}
	if known {
		b.repeated++
	}
	b.mu.Unlock()
	d.Answer(answer)
	if answer == delivery.Ack && !known {
		if code, ends := exit(c); ends {
			b.finish(s, c.RequestID, code)
		}
	}
}

// finish is what the command path does with a result.
func (b *bench) finish(s *Service, requestID string, code int32) {
	if s.Owns(requestID) {
		s.Finished(requestID, code)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.ledger[requestID] = false
}

func (b *bench) pending(requestID string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.ledger[requestID]
}

func (b *bench) owed() (ids []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for id, owed := range b.ledger {
		if owed && IsRequestID(id) {
			ids = append(ids, id)
		}
	}
	return ids
}

func (b *bench) runs() []fired {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.fired)
}

// times are when commands came, in the host's time.
func (b *bench) times() (all []string) {
	for _, f := range b.runs() {
		all = append(all, f.at.Format(time.DateTime))
	}
	return all
}

func (b *bench) endWith(code int32) { b.exits(func(wire.Command) (int32, bool) { return code, true }) }

func (b *bench) exits(exit func(wire.Command) (int32, bool)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.exit = exit
}

func (b *bench) settleWith(answer delivery.Settlement) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.answer = answer
}
