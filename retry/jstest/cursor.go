package jstest

import (
	"maps"
	"slices"

	"github.com/nats-io/nats.go/jetstream"
)

// cursor is a place in a stream: which messages are still to come, by deliver policy and filters.
type cursor struct {
	filters []string // none: every subject
	backlog []uint64 // single messages to deliver first, by sequence
	next    uint64   // everything from here on
}

func newCursor(st *streamState, cfg jetstream.ConsumerConfig, filters []string) cursor {
	c := cursor{filters: filters, next: st.lastSeq + 1}
	switch cfg.DeliverPolicy {
	case jetstream.DeliverNewPolicy:
	case jetstream.DeliverLastPolicy:
		if m := c.lastOf(st); m != nil {
			c.next = m.seq
		}
	case jetstream.DeliverLastPerSubjectPolicy:
		c.backlog = c.lastPerSubject(st)
	case jetstream.DeliverByStartSequencePolicy:
		c.next = cfg.OptStartSeq
	case jetstream.DeliverByStartTimePolicy:
		for _, m := range slices.Backward(st.from(0)) {
			if m.time.Before(*cfg.OptStartTime) {
				break
			}
			c.next = m.seq
		}
	default:
		c.next = 1
	}
	return c
}

func (c *cursor) wants(m *storedMsg) bool {
	return len(c.filters) == 0 || matchesAny(c.filters, m.subject)
}

func (c *cursor) lastOf(st *streamState) *storedMsg {
	for _, m := range slices.Backward(st.from(0)) {
		if c.wants(m) {
			return m
		}
	}
	return nil
}

func (c *cursor) lastPerSubject(st *streamState) []uint64 {
	last := map[string]uint64{}
	for _, m := range st.from(0) {
		if c.wants(m) {
			last[m.subject] = m.seq
		}
	}
	return slices.Sorted(maps.Values(last))
}

// take returns the next message and moves on, or nil. Messages that the stream has dropped meanwhile are passed over.
func (c *cursor) take(st *streamState) *storedMsg {
	for len(c.backlog) > 0 {
		seq := c.backlog[0]
		c.backlog = c.backlog[1:]
		if m := st.find(seq); m != nil && c.wants(m) {
			return m
		}
	}
	for _, m := range st.from(c.next) {
		c.next = m.seq + 1
		if c.wants(m) {
			return m
		}
	}
	return nil
}

// pending counts what take will return.
func (c *cursor) pending(st *streamState) int {
	ahead := cursor{filters: c.filters, backlog: c.backlog, next: c.next}
	n := 0
	for ahead.take(st) != nil {
		n++
	}
	return n
}
