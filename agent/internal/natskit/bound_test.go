package natskit

import (
	"context"
	"reflect"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/outbox"
	"github.com/kanade-go/kanade/retry"
)

// usedJetStream is the agent's JetStream and what package retry looks for beside
// it.
type usedJetStream interface {
	retry.KVSource
	retry.StreamSource
	retry.ConsumerSource
	retry.ObjectStoreSource
	outbox.Publisher
	Consumer(ctx context.Context, stream, name string) (jetstream.Consumer, error)
	DeleteConsumer(ctx context.Context, stream, name string) error
}

// The others are what the agent calls of what it gets there, without that which
// does not take the connection's lock: CachedInfo, Metadata, Next, Stop and such.
type (
	usedStream interface {
		GetLastMsgForSubject(ctx context.Context, subject string) (*jetstream.RawStreamMsg, error)
		Purge(ctx context.Context, opts ...jetstream.StreamPurgeOpt) error
	}
	usedStore interface {
		GetInfo(ctx context.Context, name string, opts ...jetstream.GetObjectInfoOpt) (*jetstream.ObjectInfo, error)
	}
	usedConsumer interface {
		Messages(opts ...jetstream.PullMessagesOpt) (jetstream.MessagesContext, error)
	}
	usedMsg interface {
		Ack() error
		Nak() error
		NakWithDelay(d time.Duration) error
		InProgress() error
		Term() error
	}
)

// Behind each there is nothing: a call that is not bound panics.
func TestEveryCallOfTheAgentIsGivenUpOnAStuckConnection(t *testing.T) {
	stuck := newCalls()
	stuck.late.Add(1)
	for _, bound := range []struct {
		used  reflect.Type
		value any
	}{
		{reflect.TypeFor[usedJetStream](), &boundJetStream{calls: stuck}},
		{reflect.TypeFor[usedStream](), &boundStream{calls: stuck}},
		{reflect.TypeFor[usedStore](), &boundStore{calls: stuck}},
		{reflect.TypeFor[usedConsumer](), &boundConsumer{calls: stuck}},
		{reflect.TypeFor[usedMsg](), &boundMsg{calls: stuck, Msg: nowhere{}}},
	} {
		for method := range bound.used.Methods() {
			t.Run(bound.used.Name()+"."+method.Name, func(t *testing.T) {
				require.ErrorIs(t, callWithZeros(t, reflect.ValueOf(bound.value).MethodByName(method.Name)), ErrStuck)
			})
		}
	}
}

// callWithZeros returns the error that f returns last.
func callWithZeros(t *testing.T, f reflect.Value) (err error) {
	t.Helper()
	args := make([]reflect.Value, 0, f.Type().NumIn())
	for in := range f.Type().Ins() {
		args = append(args, reflect.Zero(in))
	}
	call := f.Call
	if f.Type().IsVariadic() {
		call = f.CallSlice
	}
	require.NotPanics(t, func() {
		results := call(args)
		err, _ = reflect.TypeAssert[error](results[len(results)-1])
	}, "the call is not bound")
	return err
}

// nowhere is a message whose acknowledgements panic.
type nowhere struct{ jetstream.Msg }
