package natskit

import (
	"context"
	"errors"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/outbox"
	"github.com/kanade-go/kanade/retry"
	"github.com/kanade-go/kanade/retry/jstest"
)

func TestACallThatBlocksIsGivenUpAndCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, release := newCalls(), make(chan struct{})
		var undone atomic.Int64
		began := time.Now()
		_, err := within(c, func() (int, error) { <-release; return 7, nil }, func(n int) { undone.Add(int64(n)) })
		require.ErrorIs(t, err, ErrStuck)
		require.Equal(t, callLimit, time.Since(began))

		_, err = within(c, func() (int, error) { t.Error("made beside one that is stuck"); return 0, nil }, nil)
		require.ErrorIs(t, err, ErrStuck)
		_, err = until(t.Context(), c, func() (int, error) { t.Error("made beside one that is stuck"); return 0, nil })
		require.ErrorIs(t, err, ErrStuck)
		ended := false
		require.ErrorIs(t, c.finally(t.Context(), func() error { <-release; ended = true; return nil }), ErrStuck)

		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		require.Equal(t, 2, c.wait(ctx))
		close(release)
		require.Zero(t, c.wait(t.Context()))
		require.EqualValues(t, 7, undone.Load(), "what came too late is undone")
		require.True(t, ended, "what has to be done is done, however late")
		n, err := within(c, func() (int, error) { return 8, nil }, nil)
		require.NoError(t, err)
		require.Equal(t, 8, n)
	})
}

func TestACallThatBlocksEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, release := newCalls(), make(chan struct{})
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		_, err := until(ctx, c, func() (int, error) { <-release; return 0, nil })
		require.ErrorIs(t, err, ErrStuck)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		close(release)
		require.Zero(t, c.wait(t.Context()))

		ctx, cancel = context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		own := errors.New("the call's own word says more")
		_, err = until(ctx, c, func() (int, error) { <-ctx.Done(); time.Sleep(callGrace / 2); return 0, own })
		require.ErrorIs(t, err, own)
		require.False(t, c.stuck())
	})
}

// stuckTransport is one whose subscriptions cannot be ended until it is released.
type stuckTransport struct {
	retry.Transport
	release chan struct{}
}

func (s stuckTransport) Subscribe(subject string, pending int, h func(*nats.Msg)) (retry.Subscription, error) {
	sub, err := s.Transport.Subscribe(subject, pending, h)
	return stuckSubscription{sub, s.release}, err
}

type stuckSubscription struct {
	retry.Subscription
	release chan struct{}
}

func (s stuckSubscription) Stop() error { <-s.release; return s.Subscription.Stop() }

func (s stuckSubscription) Drain(context.Context) error { return s.Stop() }

func TestNothingIsHandedOverAfterTheEndOfAStuckSubscription(t *testing.T) {
	for name, end := range map[string]func(context.Context, retry.Subscription) error{
		"stop": func(_ context.Context, s retry.Subscription) error { return s.Stop() },
		"drain": func(ctx context.Context, s retry.Subscription) error {
			ctx, cancel := context.WithTimeout(ctx, time.Second)
			defer cancel()
			return s.Drain(ctx)
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				fake, release := jstest.NewFake(), make(chan struct{})
				b := &Borrowed{Transport: stuckTransport{fake.Conn(), release}, calls: newCalls()}
				var heard atomic.Int64
				sub, err := b.Subscribe("a", 8, func(*nats.Msg) { heard.Add(1) })
				require.NoError(t, err)
				require.NoError(t, b.Publish(&nats.Msg{Subject: "a"}))
				synctest.Wait()
				require.EqualValues(t, 1, heard.Load())

				require.ErrorIs(t, end(t.Context(), sub), ErrStuck)
				require.NoError(t, fake.Conn().Publish(&nats.Msg{Subject: "a"}))
				synctest.Wait()
				require.EqualValues(t, 1, heard.Load())
				require.ErrorIs(t, b.Publish(&nats.Msg{Subject: "a"}), ErrStuck)
				close(release)
				require.Zero(t, b.Wait(t.Context()))
			})
		})
	}
}

func TestABorrowedConnectionAnswersAsItsOwnersDoes(t *testing.T) {
	broker := jstest.StartBroker(t)
	nc := broker.Connect()
	b := Borrow(nc)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	sub, err := b.Subscribe("ask", 8, func(m *nats.Msg) {
		for range 3 {
			_ = b.Publish(&nats.Msg{Subject: m.Reply, Data: m.Data})
		}
	})
	require.NoError(t, err)
	require.NoError(t, b.Flush(ctx))
	reply, err := b.Request(ctx, &nats.Msg{Subject: "ask", Data: []byte("x")})
	require.NoError(t, err)
	require.Equal(t, "x", string(reply.Data))
	n := 0
	for reply, err := range b.RequestMany(ctx, &nats.Msg{Subject: "ask", Data: []byte("y")}) {
		require.NoError(t, err)
		require.Equal(t, "y", string(reply.Data))
		if n++; n == 3 {
			break
		}
	}
	for _, err := range b.RequestMany(ctx, &nats.Msg{Subject: "nobody"}) {
		require.ErrorIs(t, err, nats.ErrNoResponders)
	}
	ended, end := context.WithCancel(ctx)
	end()
	for _, err := range b.RequestMany(ended, &nats.Msg{Subject: "ask"}) {
		require.ErrorIs(t, err, context.Canceled)
	}
	require.Positive(t, b.MaxPayload())
	require.Equal(t, broker.URL(), b.Server())
	require.NoError(t, sub.Drain(ctx))
	require.Zero(t, b.Wait(ctx))
	require.Equal(t, 1, nc.NumSubscriptions(), "the client's own reply inbox stays")
}

func TestAConnectionThatIsBorrowedAgainAndAgainIsAdaptedOnce(t *testing.T) {
	nc := jstest.StartBroker(t).Connect()
	first := Borrow(nc)
	before := runtime.NumGoroutine()
	for range 50 {
		b := Borrow(nc)
		require.Same(t, first.Transport, b.Transport)
		b.OnDenied(func(retry.Denial) {})()
		require.Zero(t, b.Wait(t.Context()))
	}
	// One is that of the condition.
	require.Eventually(t, func() bool { return runtime.NumGoroutine() <= before+1 }, 30*time.Second, 10*time.Millisecond)
}

func TestUnfitSettingsAreNamed(t *testing.T) {
	named := func(opts ...nats.Option) (all []string) {
		o := nats.GetDefaultOptions()
		for _, opt := range opts {
			require.NoError(t, opt(&o))
		}
		for _, s := range unfit(&o) {
			all = append(all, s.option)
		}
		return all
	}
	fit := []nats.Option{
		nats.RetryOnFailedConnect(true), nats.MaxReconnects(-1), nats.IgnoreAuthErrorAbort(),
		nats.PingInterval(15 * time.Second), nats.MaxPingsOutstanding(2), nats.FlusherTimeout(2 * time.Second),
	}
	require.Empty(t, named(fit...), "what WithNATS recommends")
	d, err := newDialer(Options{Servers: []string{"nats://127.0.0.1:1"}})
	require.NoError(t, err)
	require.Empty(t, named(Options{}.nats(d)...), "our own connection")
	require.Len(t, named(), 5, "nats.go's defaults")
	for _, c := range []struct {
		option nats.Option
		named  string
	}{
		{nats.NoReconnect(), "nats.NoReconnect"},
		{nats.MaxReconnects(60), "nats.MaxReconnects"},
		{nats.RetryOnFailedConnect(false), "nats.RetryOnFailedConnect"},
		{nats.PingInterval(16 * time.Second), "nats.PingInterval"},
		{nats.PingInterval(-1), "nats.PingInterval"},
		{nats.MaxPingsOutstanding(3), "nats.PingInterval"},
		{nats.FlusherTimeout(0), "nats.FlusherTimeout"},
		{nats.FlusherTimeout(time.Minute), "nats.FlusherTimeout"},
	} {
		found := named(append(fit, c.option)...)
		require.Len(t, found, 1, c.named)
		require.Contains(t, found[0], c.named)
	}
}

// A connection that takes nothing says nothing about what was to be sent: the box
// must not put it aside.
func TestAStuckConnectionIsNoRefusal(t *testing.T) {
	t.Parallel()
	c := newCalls()
	c.limit = time.Millisecond
	release := make(chan struct{})
	block := func() (struct{}, error) { <-release; return struct{}{}, nil }
	_, limited := within(c, block, nil)
	_, refused := within(c, block, nil)
	close(release)
	require.Eventually(t, func() bool { return !c.stuck() }, patience, time.Millisecond)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	release = make(chan struct{})
	_, ended := until(ctx, c, block)
	close(release)
	require.Zero(t, c.wait(t.Context()))
	for _, err := range []error{limited, refused, ended} {
		require.ErrorIs(t, err, ErrStuck)
		require.ErrorIs(t, err, outbox.ErrUnavailable)
	}
}

// Who stops listening twice holds up nobody.
func TestRefusalsOfABorrowedConnectionMayBeLeftTwice(t *testing.T) {
	t.Parallel()
	b := Borrow(jstest.StartBroker(t).Connect())
	stop := b.OnDenied(func(retry.Denial) {})
	stop()
	stop()
	require.False(t, b.calls.stuck())
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	require.Zero(t, b.Wait(ctx))
}
