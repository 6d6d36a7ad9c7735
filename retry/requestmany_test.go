package retry_test

import (
	"context"
	"errors"
	"strconv"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/retry"
	"github.com/kanade-go/kanade/retry/jstest"
)

// answering replies n times to every request on subject and passes the request on.
func answering(t *testing.T, transport retry.Transport, n int) (requests chan *nats.Msg) {
	t.Helper()
	requests = make(chan *nats.Msg, 100)
	sub, err := transport.Subscribe(subject, 100, func(m *nats.Msg) {
		for i := range n {
			if err := transport.Publish(&nats.Msg{Subject: m.Reply, Data: []byte(strconv.Itoa(i))}); err != nil {
				t.Error(err)
			}
		}
		requests <- m
	})
	require.NoError(t, err)
	t.Cleanup(func() {
		if err := sub.Stop(); err != nil {
			t.Error(err)
		}
	})
	return requests
}

func TestRequestManyYieldsUntilTheCallerHasEnough(t *testing.T) {
	t.Parallel()
	nc := jstest.StartBroker(t).Connect()
	transport := retry.FromNATS(nc)
	requests := answering(t, transport, 5000)
	request := &nats.Msg{Subject: subject, Data: []byte("all"), Header: nats.Header{"Name": {"kanade"}}}
	replies := transport.RequestMany(within(t), request)
	require.Empty(t, requests, "nothing is sent before the loop")
	for range 2 { // each loop is a request of its own
		next := 0
		for m, err := range replies {
			require.NoError(t, err)
			require.Equal(t, strconv.Itoa(next), string(m.Data))
			if next++; next == 4000 {
				break
			}
		}
		require.Equal(t, 1, nc.NumSubscriptions(), "the inbox is gone")
		sent := <-requests
		require.Equal(t, "all", string(sent.Data))
		require.Equal(t, "kanade", sent.Header.Get("Name"))
	}
	require.Empty(t, request.Reply, "the caller's message is left as it was")
}

// collect returns the replies and the error that ended them.
func collect(ctx context.Context, transport retry.Transport, each func(n int)) (n int, last error) {
	for m, err := range transport.RequestMany(ctx, message("all")) {
		if err != nil {
			last = err
			continue // there is nothing more, so this ends the loop
		}
		_ = m
		if n++; each != nil {
			each(n)
		}
	}
	return n, last
}

func TestRequestManyEndsWithItsContext(t *testing.T) {
	t.Parallel()
	nc := jstest.StartBroker(t).Connect()
	transport := retry.FromNATS(nc)
	requests := answering(t, transport, 3)
	ctx, cancel := context.WithCancel(t.Context())
	n, err := collect(ctx, transport, func(n int) {
		if n == 3 {
			cancel()
		}
	})
	require.Equal(t, 3, n)
	require.ErrorIs(t, err, context.Canceled)
	<-requests

	_, err = collect(ctx, transport, nil)
	require.ErrorIs(t, err, context.Canceled)
	require.NoError(t, nc.FlushTimeout(generous))
	require.Empty(t, requests, "a context that is done sends nothing")
	require.Equal(t, 1, nc.NumSubscriptions())
}

func TestRequestManyWithoutAnybodyThere(t *testing.T) {
	t.Parallel()
	n, err := collect(within(t), retry.FromNATS(jstest.StartBroker(t).Connect()), nil)
	require.Zero(t, n)
	require.ErrorIs(t, err, nats.ErrNoResponders)
}

func TestRequestManyEndsWithTheConnection(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		end  func(b *jstest.Broker, nc *nats.Conn)
		want []error
	}{
		"lost":   {func(b *jstest.Broker, _ *nats.Conn) { b.Kill() }, []error{nats.ErrDisconnected}},
		"closed": {func(_ *jstest.Broker, nc *nats.Conn) { nc.Close() }, []error{nats.ErrConnectionClosed, nats.ErrDisconnected}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			broker := jstest.StartBroker(t)
			nc := broker.Connect()
			transport := retry.FromNATS(nc)
			answering(t, transport, 1)
			n, err := collect(within(t), transport, func(int) { tt.end(broker, nc) })
			require.Equal(t, 1, n)
			require.Condition(t, func() bool {
				for _, want := range tt.want {
					if errors.Is(err, want) {
						return true
					}
				}
				return false
			}, "%v", err)
		})
	}
}

func TestRequestManyMadeWhileDownIsAnsweredAfterTheConnect(t *testing.T) {
	t.Parallel()
	broker := jstest.NewBroker(t)
	nc := broker.Connect(nats.RetryOnFailedConnect(true))
	transport := retry.FromNATS(nc)
	answering(t, transport, 1)
	type end struct {
		n   int
		err error
	}
	done := make(chan end, 1)
	ctx, cancel := context.WithCancel(within(t))
	go func() {
		n, err := collect(ctx, transport, func(int) { cancel() })
		done <- end{n, err}
	}()
	require.Eventually(t, func() bool { n, err := nc.Buffered(); return err == nil && n > 0 }, generous, time.Millisecond)
	broker.Start()
	got := <-done
	require.Equal(t, 1, got.n)
	require.ErrorIs(t, got.err, context.Canceled)
}

func TestRequestManyDoesNotHideLostReplies(t *testing.T) {
	t.Parallel()
	nc := jstest.StartBroker(t).Connect(nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}))
	transport := retry.FromNATS(nc)
	const sent = 70_000 // more than may wait
	requests := answering(t, transport, sent)
	n, err := collect(within(t), transport, func(n int) {
		if n == 1 { // be slow until all replies have been sent and received
			<-requests
			if err := nc.FlushTimeout(generous); err != nil {
				t.Error(err)
			}
		}
	})
	require.ErrorIs(t, err, nats.ErrSlowConsumer)
	require.Less(t, n, sent)
}
