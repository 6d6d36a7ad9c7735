package scripts

import (
	"testing"

	"go.uber.org/goleak"
)

// In nats.go v1.55 ObjectStore.Put, with which tests fill object stores, may leave a goroutine behind that waits on a nil
// channel for ever.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		goleak.IgnoreAnyFunction("github.com/nats-io/nats.go/jetstream.(*jetStream).resetPendingAcksOnReconnect"))
}
