package jstest

import (
	"testing"

	"go.uber.org/goleak"
)

// In nats.go v1.55 ObjectStore.Put may leave a goroutine behind: it cleans up its publisher's status channel, and when
// the goroutine that reads it starts later than that, it waits on a nil channel for ever.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		goleak.IgnoreAnyFunction("github.com/nats-io/nats.go/jetstream.(*jetStream).resetPendingAcksOnReconnect"))
}
