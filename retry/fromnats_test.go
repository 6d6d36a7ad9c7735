package retry_test

import (
	"bytes"
	"context"
	"errors"
	"net"
	"runtime/pprof"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/retry"
	"github.com/kanade-go/kanade/retry/jstest"
)

const subject = "test.subject"

func message(data string) *nats.Msg { return &nats.Msg{Subject: subject, Data: []byte(data)} }

// flushed publishes through the transport and returns when all of it has come back to this connection's subscriptions.
func flushed(t *testing.T, nc *nats.Conn, transport retry.Transport, msgs ...*nats.Msg) {
	t.Helper()
	for _, m := range msgs {
		require.NoError(t, transport.Publish(m))
	}
	require.NoError(t, nc.FlushTimeout(generous))
}

func requireConnected(t *testing.T, transport retry.Transport, want bool) {
	t.Helper()
	deadline := time.After(generous)
	for {
		connected, changed := transport.State()
		if connected == want {
			return
		}
		select {
		case <-changed:
		case <-deadline:
			require.FailNow(t, "state did not change", "connected should be %v", want)
		}
	}
}

func requireSignal(t *testing.T, ch <-chan struct{}, what string) {
	t.Helper()
	select {
	case <-ch:
	case <-time.After(generous):
		require.FailNow(t, "timed out", what)
	}
}

func TestHandlerIsCalledSeriallyAndInOrder(t *testing.T) {
	t.Parallel()
	nc := jstest.StartBroker(t).Connect()
	transport := retry.FromNATS(nc)
	const n = 5000
	var inside atomic.Int32
	var got []string
	all := make(chan struct{})
	sub, err := transport.Subscribe(subject, n, func(m *nats.Msg) {
		if inside.Add(1) != 1 {
			t.Error("two calls at once")
		}
		if got = append(got, string(m.Data)); len(got) == n {
			close(all)
		}
		inside.Add(-1)
	})
	require.NoError(t, err)
	want := make([]string, n)
	for i := range want {
		want[i] = strconv.Itoa(i)
		require.NoError(t, transport.Publish(message(want[i])))
	}
	requireSignal(t, all, "messages did not arrive")
	require.NoError(t, sub.Stop())
	require.Equal(t, want, got)
	require.Zero(t, sub.Dropped())
}

func TestDroppedMessagesAreCounted(t *testing.T) {
	t.Parallel()
	broker := jstest.StartBroker(t)
	for name, askBefore := range map[string]bool{"asked before and after Stop": true, "asked only after Stop": false} {
		t.Run(name, func(t *testing.T) {
			// The error handler of nats.go would print the overflow.
			nc := broker.Connect(nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}))
			transport := retry.FromNATS(nc)
			release, entered := make(chan struct{}), make(chan struct{}, 100)
			sub, err := transport.Subscribe(subject, 4, func(*nats.Msg) { entered <- struct{}{}; <-release })
			require.NoError(t, err)
			flushed(t, nc, transport, message("0"))
			<-entered
			flushed(t, nc, transport, slices.Repeat([]*nats.Msg{message("x")}, 10)...)
			if askBefore {
				require.Equal(t, 7, sub.Dropped(), "4 of 11 fit, the one in the handler included")
			}
			close(release)
			for range 3 {
				<-entered
			}
			require.NoError(t, sub.Stop())
			require.Empty(t, entered)
			require.Equal(t, 7, sub.Dropped(), "still known after Stop")
		})
	}
}

func TestStopWaitsForTheHandlerAndDiscardsTheRest(t *testing.T) {
	t.Parallel()
	nc := jstest.StartBroker(t).Connect()
	transport := retry.FromNATS(nc)
	release, entered := make(chan struct{}), make(chan struct{}, 10)
	var returned atomic.Int32
	sub, err := transport.Subscribe(subject, 10, func(*nats.Msg) {
		entered <- struct{}{}
		<-release
		returned.Add(1)
	})
	require.NoError(t, err)
	flushed(t, nc, transport, message("1"), message("2"), message("3"))
	<-entered
	stopped := make(chan error, 1)
	go func() { stopped <- sub.Stop() }()
	require.Eventually(t, func() bool { return nc.NumSubscriptions() == 0 }, generous, time.Millisecond, "Stop did not unsubscribe")
	require.Empty(t, stopped, "the handler still runs")
	close(release)
	require.NoError(t, <-stopped)
	require.Equal(t, int32(1), returned.Load())
	require.NoError(t, sub.Stop(), "again")
	flushed(t, nc, transport, message("4"))
	require.Empty(t, entered)
}

func TestStopWhenTheConnectionIsGone(t *testing.T) {
	t.Parallel()
	broker := jstest.StartBroker(t)
	end := map[string]func(*testing.T, *nats.Conn){
		"closed": func(_ *testing.T, nc *nats.Conn) { nc.Close() },
		"draining": func(t *testing.T, nc *nats.Conn) {
			require.NoError(t, nc.Drain())
		},
	}
	for name, end := range end {
		t.Run(name, func(t *testing.T) {
			nc := broker.Connect()
			transport := retry.FromNATS(nc)
			release, entered := make(chan struct{}), make(chan struct{}, 1)
			var returned atomic.Bool
			sub, err := transport.Subscribe(subject, 10, func(*nats.Msg) { entered <- struct{}{}; <-release; returned.Store(true) })
			require.NoError(t, err)
			flushed(t, nc, transport, message("1"))
			<-entered
			end(t, nc)
			stopped := make(chan error, 1)
			go func() { stopped <- sub.Stop() }()
			close(release)
			require.NoError(t, <-stopped)
			require.True(t, returned.Load())
			require.Zero(t, sub.Dropped())
		})
	}
}

func TestSubscribeWorksWhileDisconnected(t *testing.T) {
	t.Parallel()
	broker := jstest.NewBroker(t)
	nc := broker.Connect(nats.RetryOnFailedConnect(true))
	transport := retry.FromNATS(nc)
	requireConnected(t, transport, false)
	got := make(chan string, 10)
	sub, err := transport.Subscribe(subject, 10, func(m *nats.Msg) { got <- string(m.Data) })
	require.NoError(t, err)
	gone, err := transport.Subscribe(subject, 10, func(*nats.Msg) { t.Error("stopped before the connect") })
	require.NoError(t, err)
	require.NoError(t, gone.Stop())

	broker.Start()
	requireConnected(t, transport, true)
	flushed(t, nc, transport, message("first connect"))
	require.Equal(t, "first connect", <-got)

	broker.Stop()
	requireConnected(t, transport, false) // or the message may go to the broker that has ended
	broker.Start()
	requireConnected(t, transport, true)
	flushed(t, nc, transport, message("reconnect"))
	require.Equal(t, "reconnect", <-got)
	require.NoError(t, sub.Stop())
}

func TestMisuseOfSubscribeAndPublishIsAnError(t *testing.T) {
	t.Parallel()
	nc := jstest.StartBroker(t).Connect()
	transport := retry.FromNATS(nc)
	h := func(*nats.Msg) {}
	subscribe := func(subject string, pending int, h func(*nats.Msg)) error {
		_, err := transport.Subscribe(subject, pending, h)
		return err
	}
	require.ErrorIs(t, subscribe(subject, 0, h), nats.ErrInvalidArg)
	require.ErrorIs(t, subscribe(subject, -1, h), nats.ErrInvalidArg)
	require.ErrorIs(t, subscribe(subject, 1, nil), nats.ErrBadSubscription)
	require.ErrorIs(t, subscribe("a b", 1, h), nats.ErrBadSubject)
	require.Zero(t, nc.NumSubscriptions())

	require.ErrorIs(t, transport.Publish(nil), nats.ErrInvalidMsg)
	require.ErrorIs(t, transport.Publish(&nats.Msg{Subject: "a b"}), nats.ErrBadSubject)
	_, err := transport.Request(t.Context(), nil)
	require.ErrorIs(t, err, nats.ErrInvalidMsg)
	for _, err := range transport.RequestMany(t.Context(), nil) {
		require.ErrorIs(t, err, nats.ErrInvalidMsg)
	}

	nc.Close()
	require.ErrorIs(t, subscribe(subject, 1, h), nats.ErrConnectionClosed)
	require.ErrorIs(t, transport.Publish(message("")), nats.ErrConnectionClosed)
	_, err = transport.Request(t.Context(), message(""))
	require.ErrorIs(t, err, nats.ErrConnectionClosed)
	for _, err := range transport.RequestMany(t.Context(), message("")) {
		require.ErrorIs(t, err, nats.ErrConnectionClosed)
	}
}

func TestRequest(t *testing.T) {
	t.Parallel()
	transport := retry.FromNATS(jstest.StartBroker(t).Connect())
	_, err := transport.Request(t.Context(), message("anybody?"))
	require.ErrorIs(t, err, nats.ErrNoResponders)

	asked := make(chan struct{}, 1)
	sub, err := transport.Subscribe(subject, 10, func(m *nats.Msg) {
		if string(m.Data) == "hello" {
			if err := transport.Publish(&nats.Msg{Subject: m.Reply, Data: []byte(m.Header.Get("Name"))}); err != nil {
				t.Error(err)
			}
			return
		}
		asked <- struct{}{}
	})
	require.NoError(t, err)
	reply, err := transport.Request(t.Context(), &nats.Msg{Subject: subject, Data: []byte("hello"), Header: nats.Header{"Name": {"kanade"}}})
	require.NoError(t, err)
	require.Equal(t, "kanade", string(reply.Data))

	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-asked; cancel() }()
	_, err = transport.Request(ctx, message("no answer"))
	require.ErrorIs(t, err, context.Canceled)
	_, err = transport.Request(ctx, message("too late"))
	require.ErrorIs(t, err, context.Canceled)
	require.NoError(t, sub.Stop())
	require.Empty(t, asked, "nothing was sent")
}

func TestStateFollowsTheConnectionAndLeavesHandlersAlone(t *testing.T) {
	t.Parallel()
	broker := jstest.StartBroker(t)
	down, up, closed := make(chan struct{}, 10), make(chan struct{}, 10), make(chan struct{}, 10)
	nc := broker.Connect(
		nats.DisconnectErrHandler(func(*nats.Conn, error) { down <- struct{}{} }),
		nats.ReconnectHandler(func(*nats.Conn) { up <- struct{}{} }),
		nats.ClosedHandler(func(*nats.Conn) { closed <- struct{}{} }))
	own := nc.StatusChanged(nats.RECONNECTING)
	transport := retry.FromNATS(nc)
	connected, changed := transport.State()
	require.True(t, connected)

	broker.Kill()
	requireSignal(t, changed, "the loss was not reported")
	connected, changed = transport.State()
	require.False(t, connected)
	requireSignal(t, down, "the disconnect handler was not called")

	broker.Start()
	requireSignal(t, changed, "the reconnect was not reported")
	connected, changed = transport.State()
	require.True(t, connected)
	requireSignal(t, up, "the reconnect handler was not called")
	require.Equal(t, nats.RECONNECTING, <-own)

	nc.Close()
	requireSignal(t, changed, "the close was not reported")
	connected, changed = transport.State()
	require.False(t, connected)
	requireSignal(t, closed, "the closed handler was not called")
	select {
	case <-changed:
		require.FailNow(t, "a closed connection does not change any more")
	default:
	}
	nc.RemoveStatusListener(own)
}

func requireFollowers(t *testing.T, want int) {
	t.Helper()
	require.Eventually(t, func() bool { return followers(t) == want }, generous, 10*time.Millisecond)
}

// followers counts the goroutines that FromNATS has started.
func followers(t *testing.T) (n int) {
	t.Helper()
	for _, stack := range goroutines(t) {
		if strings.Contains(stack, "retry.(*connState).follow(") {
			n++
		}
	}
	return n
}

// goroutines returns the stack of every goroutine of the process.
func goroutines(t *testing.T) []string {
	t.Helper()
	var stacks bytes.Buffer
	require.NoError(t, pprof.Lookup("goroutine").WriteTo(&stacks, 2))
	return strings.Split(stacks.String(), "\n\n")
}

// This test counts goroutines of the whole process, so it runs alone.
func TestTheGoroutineOfFromNATSEndsWithTheConnection(t *testing.T) {
	broker := jstest.StartBroker(t)
	end := map[string]func(*testing.T, *nats.Conn){
		"closed while connected": func(_ *testing.T, nc *nats.Conn) { nc.Close() },
		"closed while down":      func(_ *testing.T, nc *nats.Conn) { broker.Kill(); nc.Close(); broker.Start() },
		"drained":                func(t *testing.T, nc *nats.Conn) { require.NoError(t, nc.Drain()) },
		"lost without reconnect": func(_ *testing.T, _ *nats.Conn) { broker.Restart() },
	}
	for name, end := range end {
		t.Run(name, func(t *testing.T) {
			opts := []nats.Option{}
			if name == "lost without reconnect" {
				opts = append(opts, nats.NoReconnect())
			}
			nc := broker.Connect(opts...)
			before := followers(t)
			retry.FromNATS(nc)
			transport := retry.FromNATS(nc)
			requireFollowers(t, before+1)
			end(t, nc)
			requireFollowers(t, before)
			requireConnected(t, transport, false)
		})
	}
	t.Run("closed before", func(t *testing.T) {
		nc := broker.Connect()
		nc.Close()
		before := followers(t)
		connected, changed := retry.FromNATS(nc).State()
		require.False(t, connected)
		require.NotNil(t, changed)
		require.Equal(t, before, followers(t))
	})
}

// blackHole dials like net.Dial until it is shut; from then on a dial hangs until it is opened.
type blackHole struct{ open atomic.Pointer[chan struct{}] }

func (b *blackHole) shut() (open func()) {
	gate := make(chan struct{})
	b.open.Store(&gate)
	return func() { close(gate) }
}

func (b *blackHole) Dial(network, address string) (net.Conn, error) {
	if gate := b.open.Load(); gate != nil {
		<-*gate
		return nil, errors.New("no route")
	}
	return net.Dial(network, address)
}

func TestStateDoesNotBlockWhileNATSDials(t *testing.T) {
	t.Parallel()
	broker := jstest.StartBroker(t)
	dialer := &blackHole{}
	nc := broker.Connect(nats.SetCustomDialer(dialer))
	transport := retry.FromNATS(nc)
	open := dialer.shut()
	broker.Kill()
	requireConnected(t, transport, false)
	locked := make(chan struct{})
	go func() { // nats.go itself answers only when the dial is over
		nc.Status()
		close(locked)
	}()
	for range 1000 {
		connected, _ := transport.State()
		require.False(t, connected)
	}
	open()
	requireSignal(t, locked, "nats.go still dials")
}
