package intake

import (
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/kanade-go/kanade/agent/wire"
)

const (
	// ackWait is the contract's; admission takes milliseconds.
	ackWait = 30 * time.Second
	// inactive removes the consumer of a host that never comes back. It is far
	// above the 7 days that the stream keeps commands, and after it the ledger
	// still knows what was done.
	inactive = 30 * 24 * time.Hour
)

// consumerConfig describes the durable consumer of this host. Its name is the
// contract's: under another name a week of commands would be replayed.
func consumerConfig(pcID string, groups []string) jetstream.ConsumerConfig {
	name := wire.ReplayConsumer(pcID)
	return jetstream.ConsumerConfig{
		Name:              name,
		Durable:           name,
		DeliverPolicy:     jetstream.DeliverLastPerSubjectPolicy,
		AckPolicy:         jetstream.AckExplicitPolicy,
		AckWait:           ackWait,
		MaxDeliver:        -1,
		FilterSubjects:    wire.ReplayFilters(pcID, groups),
		ReplayPolicy:      jetstream.ReplayInstantPolicy,
		InactiveThreshold: inactive,
	}
}
