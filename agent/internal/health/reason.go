package health

import (
	"context"
	"errors"
	"os"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Reason is what kind of thing went wrong, as far as an error tells.
type Reason string

const (
	Missing  Reason = "missing"   // the broker says that there is no such thing
	Denied   Reason = "denied"    // the broker refuses it, or the user
	NoAnswer Reason = "no-answer" // nobody answered in time, or at all
	Other    Reason = ""
)

var reasons = []struct {
	reason Reason
	errs   []error
}{
	// Denied before NoAnswer: a denied request may be both.
	{Denied, []error{
		nats.ErrPermissionViolation, nats.ErrAuthorization, nats.ErrAuthExpired, nats.ErrAuthRevoked, nats.ErrAccountAuthExpired,
	}},
	{Missing, []error{
		jetstream.ErrStreamNotFound, jetstream.ErrBucketNotFound, jetstream.ErrConsumerNotFound,
		jetstream.ErrObjectNotFound, jetstream.ErrKeyNotFound,
	}},
	{NoAnswer, []error{
		nats.ErrTimeout, nats.ErrNoResponders, nats.ErrNoServers, nats.ErrDisconnected, nats.ErrConnectionReconnecting,
		context.DeadlineExceeded, os.ErrDeadlineExceeded, jetstream.ErrNoHeartbeat,
	}},
}

// ReasonOf returns the kind of an error.
func ReasonOf(err error) Reason {
	for _, r := range reasons {
		for _, known := range r.errs {
			if errors.Is(err, known) {
				return r.reason
			}
		}
	}
	return Other
}
