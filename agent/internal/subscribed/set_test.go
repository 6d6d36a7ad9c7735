package subscribed

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent/internal/subscribed/denytest"
	"github.com/kanade-go/kanade/retry"
	"github.com/kanade-go/kanade/retry/jstest"
)

// bench is a set over a transport that refuses, in virtual time.
type bench struct {
	*Set
	conn *denytest.Transport
	fake *jstest.Fake
	log  bytes.Buffer

	mu      sync.Mutex
	got     []string
	settled []string
}

func run(t *testing.T, no []string, test func(*testing.T, *bench)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		b := &bench{fake: jstest.NewFake()}
		b.conn = denytest.New(b.fake.Conn(), no...)
		b.Set = New(b.conn, func(subject string) { b.note(&b.settled, subject) }, slog.New(slog.NewTextHandler(&b.log, nil)))
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- b.Run(ctx) }()
		defer func() {
			cancel()
			require.ErrorIs(t, <-ended, context.Canceled)
			b.Drain(t.Context())
			_, open := b.conn.Total()
			require.Zero(t, open, "a drain ends all")
			require.Zero(t, b.conn.Listeners())
		}()
		test(t, b)
	})
}

func (b *bench) note(list *[]string, what string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	*list = append(*list, what)
}

// taken empties a list.
func (b *bench) taken(list *[]string) []string {
	synctest.Wait()
	b.mu.Lock()
	defer b.mu.Unlock()
	all := *list
	*list = nil
	return all
}

// said is the log; it is whole when nothing runs.
func (b *bench) said() string {
	synctest.Wait()
	return b.log.String()
}

func (b *bench) subscribe(t *testing.T, subject string) *Subscription {
	t.Helper()
	s, err := b.Subscribe(subject, 10, func(m *nats.Msg) { b.note(&b.got, string(m.Data)) })
	require.NoError(t, err)
	return s
}

func (b *bench) publish(t *testing.T, subject, data string) {
	t.Helper()
	require.NoError(t, b.conn.Publish(&nats.Msg{Subject: subject, Data: []byte(data)}))
}

// awaitAttempt returns when subject is subscribed to once more.
func (b *bench) awaitAttempt(subject string) {
	before, _ := b.conn.Count(subject)
	for now := before; now == before; now, _ = b.conn.Count(subject) {
		time.Sleep(10 * time.Millisecond)
	}
}

func TestARefusedSubjectIsHeardWhenItIsGranted(t *testing.T) {
	run(t, []string{"a", "b"}, func(t *testing.T, b *bench) {
		b.subscribe(t, "a")
		b.subscribe(t, "b")
		b.subscribe(t, "c")
		time.Sleep(time.Hour)
		b.publish(t, "a", "lost")
		b.publish(t, "c", "c")
		require.Equal(t, []string{"c"}, b.taken(&b.got))
		b.awaitAttempt("a")
		b.awaitJudgement() // while an attempt is judged, two are open
		made, open := b.conn.Count("a")
		require.InDelta(t, 60, made, 20, "once a minute, after a quick start")
		require.Equal(t, 1, open)
		require.Equal(t, []string{"a", "b"}, b.Refused())

		b.conn.Set("a", false)
		time.Sleep(2 * time.Minute)
		b.publish(t, "a", "a")
		require.Equal(t, []string{"a"}, b.taken(&b.got))
		require.Equal(t, []string{"a"}, b.taken(&b.settled))
		b.conn.Set("b", false)
		time.Sleep(2 * time.Minute)
		require.Equal(t, []string{"b"}, b.taken(&b.settled))
		require.Equal(t, 1, strings.Count(b.said(), `subject=a error`), "the refusal is told once")
		require.Equal(t, 1, strings.Count(b.said(), `level=INFO msg="the broker takes a subscription that it had refused" subject=a`))

		before, _ := b.conn.Total()
		time.Sleep(24 * time.Hour)
		made, _ = b.conn.Total()
		require.Equal(t, before, made, "nothing at rest")
	})
}

// The subject is left and subscribed to again in the second in which an attempt is
// judged, and the attempt itself is granted.
func TestAnAttemptSaysNothingAboutALaterSubscription(t *testing.T) {
	run(t, []string{"a"}, func(t *testing.T, b *bench) {
		first := b.subscribe(t, "a")
		b.conn.Set("a", false)
		b.awaitAttempt("a")
		require.NoError(t, first.Stop())
		b.conn.Set("a", true)
		b.subscribe(t, "a")
		time.Sleep(10 * time.Second)
		require.Equal(t, []string{"a"}, b.Refused())
		b.conn.Set("a", false)
		time.Sleep(5 * time.Minute)
		b.publish(t, "a", "heard")
		require.Equal(t, []string{"heard"}, b.taken(&b.got))
	})
}

// A refusal that is heard after its subject was left is not reported for ever.
func TestARefusalOfWhatWasLeftIsOver(t *testing.T) {
	run(t, []string{"a"}, func(t *testing.T, b *bench) {
		s := b.subscribe(t, "a")
		b.awaitAttempt("a")
		require.NoError(t, s.Stop())
		require.Equal(t, []string{"a"}, b.taken(&b.settled))
		b.awaitJudgement()
		require.Equal(t, []string{"a"}, b.taken(&b.settled), "the attempt may have been refused since")
		time.Sleep(time.Hour)
		require.Empty(t, b.taken(&b.settled))
		_, open := b.conn.Count("a")
		require.Zero(t, open)
	})
}

func (b *bench) awaitJudgement() { time.Sleep(verdictWait + time.Second) }

// What comes in the second in which an attempt is judged has no other receiver.
func TestNothingIsLostBetweenTheGrantAndItsNotice(t *testing.T) {
	run(t, []string{"a"}, func(t *testing.T, b *bench) {
		s := b.subscribe(t, "a")
		b.conn.Set("a", false)
		b.awaitAttempt("a")
		b.publish(t, "a", "early")
		b.awaitJudgement()
		b.publish(t, "a", "late")
		require.Equal(t, []string{"early", "late"}, b.taken(&b.got))
		require.Zero(t, s.Dropped())
		_, open := b.conn.Count("a")
		require.Equal(t, 1, open)
	})
}

func TestADisconnectedSetTriesNothing(t *testing.T) {
	run(t, []string{"a"}, func(t *testing.T, b *bench) {
		b.subscribe(t, "a")
		time.Sleep(time.Second)
		b.fake.Disconnect()
		before, _ := b.conn.Count("a")
		time.Sleep(time.Hour)
		made, _ := b.conn.Count("a")
		require.Equal(t, before, made)
		b.conn.Set("a", false)
		b.fake.Reconnect()
		time.Sleep(10 * time.Second) // the pauses start anew
		require.Equal(t, []string{"a"}, b.taken(&b.settled))
	})
}

// Two listen to one subject: it is named once, and both hear it in the end.
func TestOneSubjectOfTwo(t *testing.T) {
	run(t, []string{"a"}, func(t *testing.T, b *bench) {
		b.subscribe(t, "a")
		b.subscribe(t, "a")
		time.Sleep(time.Minute)
		require.Equal(t, 1, strings.Count(b.said(), "level=WARN"))
		b.conn.Set("a", false)
		time.Sleep(2 * time.Minute)
		b.publish(t, "a", "1")
		require.Equal(t, []string{"1", "1"}, b.taken(&b.got))
		require.Empty(t, b.Refused())
	})
}

func TestASubjectThatCannotBeSubscribedIsNotKept(t *testing.T) {
	run(t, nil, func(t *testing.T, b *bench) {
		b.fake.Fail(jstest.OpSubscribe, errors.New("no room"), 1)
		_, err := b.Subscribe("a", 1, func(*nats.Msg) {})
		require.ErrorContains(t, err, "subscribe a: ")
		b.conn.Deny(retry.Denial{Subject: "a", Subscribe: true, Err: nats.ErrPermissionViolation})
		require.Empty(t, b.Refused())
	})
}

func TestDroppedMessagesStayCounted(t *testing.T) {
	run(t, nil, func(t *testing.T, b *bench) {
		release := make(chan struct{})
		s, err := b.Subscribe("a", 1, func(*nats.Msg) { <-release })
		require.NoError(t, err)
		for range 5 {
			b.publish(t, "a", "x")
			synctest.Wait()
		}
		require.Equal(t, 4, s.Dropped())
		close(release)
		require.NoError(t, s.Drain(t.Context()))
		require.Equal(t, 4, b.Dropped())
		require.NoError(t, s.Stop(), "further calls do nothing")
		require.Equal(t, 4, b.Dropped())
	})
}

// A fleet's broker is real: it grants what is asked for again, and only that.
func TestWhatAReloadGrantsIsTakenUp(t *testing.T) {
	t.Parallel()
	broker := denytest.StartBroker(t, "granted")
	nc, boss := broker.Agent(), broker.Boss()
	got := make(chan string, 10)
	s := New(retry.FromNATS(nc), nil, slog.New(slog.NewTextHandler(t.Output(), nil)))
	for _, subject := range []string{"granted", "later"} {
		_, err := s.Subscribe(subject, 10, func(m *nats.Msg) { got <- m.Subject })
		require.NoError(t, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { _ = s.Run(ctx) })
	defer func() {
		cancel()
		running.Wait()
		s.Stop()
	}()
	refused := func(n int) func() bool { return func() bool { return len(s.Refused()) == n } }
	require.Eventually(t, refused(1), time.Minute, time.Millisecond)
	broker.Allow("granted", "later")
	require.Eventually(t, refused(0), time.Minute, time.Millisecond)
	for _, subject := range []string{"later", "granted"} {
		require.NoError(t, boss.Publish(subject, nil))
		require.Equal(t, subject, <-got)
	}
	require.Zero(t, nc.Stats().Reconnects)
	require.Eventually(t, func() bool { return nc.NumSubscriptions() == 2 }, time.Minute, time.Millisecond, "one a subject")
}
