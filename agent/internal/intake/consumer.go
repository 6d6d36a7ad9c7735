package intake

import (
	"strings"
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

// unreadGroups is the key of the consumer's metadata with the groups, separated by
// blanks, that it has taken in while it stood and whose newest command has no owner
// yet. It comes and goes in the same update as the filters, so that the next run
// knows whatever this one dies of.
const unreadGroups = "kanade_unread_groups"

// consumerConfig describes the durable consumer of this host. Its name is the
// contract's: under another name a week of commands would be replayed.
func consumerConfig(pcID string, groups, unread []string) jetstream.ConsumerConfig {
	name := wire.ReplayConsumer(pcID)
	cfg := jetstream.ConsumerConfig{
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
	if len(unread) > 0 {
		cfg.Metadata = map[string]string{unreadGroups: strings.Join(unread, " ")}
	}
	return cfg
}
