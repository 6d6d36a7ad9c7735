package jstest

import (
	"slices"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// consumerState is a pull consumer inside the broker. Everything here runs under the broker's lock.
type consumerState struct {
	stream     *streamState
	name       string
	cfg        jetstream.ConsumerConfig
	created    time.Time
	cursor     cursor
	consumer   uint64               // deliveries made, redeliveries included
	lastStream uint64               // highest stream sequence delivered
	pending    map[uint64]*delivery // not settled, by stream sequence
	waiting    map[*messages]bool   // iterators with a pull that has not been answered
	deleted    bool
}

type delivery struct {
	count    uint64
	consumer uint64    // consumer sequence of the last try
	due      time.Time // of the redelivery
}

func newConsumerState(st *streamState, name string, cfg jetstream.ConsumerConfig) *consumerState {
	return &consumerState{
		stream: st, name: name, cfg: cfg, created: time.Now().UTC(),
		cursor: newCursor(st, cfg, filtersOf(cfg)), pending: map[uint64]*delivery{}, waiting: map[*messages]bool{},
	}
}

// next returns a message to deliver: one that is due again, or a new one when there is room for it.
func (c *consumerState) next(now time.Time) (*storedMsg, *delivery) {
	if m, d := c.redeliver(now); m != nil {
		return m, d
	}
	if c.cfg.MaxAckPending > 0 && len(c.pending) >= c.cfg.MaxAckPending {
		return nil, nil
	}
	m := c.cursor.take(c.stream)
	if m == nil {
		return nil, nil
	}
	d := &delivery{}
	if c.cfg.AckPolicy != jetstream.AckNonePolicy {
		c.pending[m.seq] = d
	}
	c.deliver(m, d, now)
	return m, d
}

func (c *consumerState) deliver(m *storedMsg, d *delivery, now time.Time) {
	c.consumer++
	c.lastStream = max(c.lastStream, m.seq)
	d.count++
	d.consumer, d.due = c.consumer, now.Add(c.cfg.AckWait)
}

// redeliver forgets what the stream no longer has and what was delivered as often as it may be.
func (c *consumerState) redeliver(now time.Time) (*storedMsg, *delivery) {
	for {
		seq, d := c.earliest()
		if d == nil || d.due.After(now) {
			return nil, nil
		}
		m := c.stream.find(seq)
		if m != nil && (c.cfg.MaxDeliver <= 0 || d.count < uint64(c.cfg.MaxDeliver)) {
			c.deliver(m, d, now)
			return m, d
		}
		delete(c.pending, seq)
	}
}

func (c *consumerState) earliest() (seq uint64, first *delivery) {
	for s, d := range c.pending {
		if first == nil || d.due.Before(first.due) || d.due.Equal(first.due) && s < seq {
			seq, first = s, d
		}
	}
	return seq, first
}

func (c *consumerState) settle(seq uint64, s Settlement, now time.Time) {
	d, ok := c.pending[seq]
	if !ok {
		return
	}
	switch s.Kind {
	case Acked, Termed:
		delete(c.pending, seq)
	case Naked:
		d.due = now.Add(s.Delay)
	case Progressed:
		d.due = now.Add(c.cfg.AckWait)
	}
}

func (c *consumerState) info() *jetstream.ConsumerInfo {
	redelivered := 0
	floor := jetstream.SequenceInfo{Consumer: c.consumer, Stream: c.lastStream}
	for seq, d := range c.pending {
		floor.Stream, floor.Consumer = min(floor.Stream, seq-1), min(floor.Consumer, d.consumer-1)
		if d.count > 1 {
			redelivered++
		}
	}
	return &jetstream.ConsumerInfo{
		Stream: c.stream.cfg.Name, Name: c.name, Created: c.created, Config: c.cfg, TimeStamp: time.Now().UTC(),
		Delivered: jetstream.SequenceInfo{Consumer: c.consumer, Stream: c.lastStream}, AckFloor: floor,
		NumAckPending: len(c.pending), NumRedelivered: redelivered, NumPending: uint64(c.cursor.pending(c.stream)),
		NumWaiting: len(c.waiting),
	}
}

func filtersOf(cfg jetstream.ConsumerConfig) []string {
	if cfg.FilterSubject != "" {
		return []string{cfg.FilterSubject}
	}
	return slices.Clone(cfg.FilterSubjects)
}
