// Package delivery names the hand-over of one command from whoever received it
// (live subscription, replay, a local schedule) to whoever admits it.
package delivery

import "time"

// Source says which way a command came in.
type Source string

const (
	Live   Source = "live"
	Replay Source = "replay"
	// Schedule is the host itself: no stream has the command.
	Schedule Source = "schedule"
)

// Settlement is the receiver's answer to the source.
type Settlement int

const (
	// Ack: the command has an owner on disk; forget it.
	Ack Settlement = iota
	// Nak: it could not be recorded; deliver it again later.
	Nak
	// Term: nobody will ever be able to use it; do not deliver it again.
	Term
)

// Delivery is one received command.
type Delivery struct {
	Data    []byte
	Subject string
	// Header is the message's; nil if it has none. It must not be changed.
	Header map[string][]string
	Source Source
	// Stamp is the stream's time stamp of the message; zero if it did not come
	// from a stream.
	Stamp time.Time
	// Settle answers the source; it is called exactly once and does not block.
	// Nil where the source takes no answer.
	Settle func(Settlement)
}

// Answer settles the delivery.
func (d Delivery) Answer(s Settlement) {
	if d.Settle != nil {
		d.Settle(s)
	}
}
