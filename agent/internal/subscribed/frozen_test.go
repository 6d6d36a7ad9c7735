package subscribed

import (
	"context"
	"fmt"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent/internal/subscribed/denytest"
	"github.com/kanade-go/kanade/retry"
	"github.com/kanade-go/kanade/retry/jstest"
)

// frozen is a broker that does not answer: a drain waits for its word.
type frozen struct{ *denytest.Transport }

func (f frozen) Subscribe(subject string, pending int, h func(*nats.Msg)) (retry.Subscription, error) {
	s, err := f.Transport.Subscribe(subject, pending, h)
	return frozenSubscription{s}, err
}

type frozenSubscription struct{ retry.Subscription }

func (s frozenSubscription) Drain(ctx context.Context) error {
	<-ctx.Done()
	return s.Stop()
}

// The attempts end side by side: a broker that freezes holds up no stop for longer
// because it has refused much.
func TestManyRefusedSubjectsDoNotHoldUpTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const refused = 100
		var no []string
		for n := range refused {
			no = append(no, fmt.Sprint("s", n))
		}
		conn := frozen{denytest.New(jstest.NewFake().Conn(), no...)}
		s := New(conn, nil, slog.New(slog.DiscardHandler))
		for _, subject := range no {
			_, err := s.Subscribe(subject, 1, func(*nats.Msg) {})
			require.NoError(t, err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- s.Run(ctx) }()
		for made := 0; made < 2*refused; made, _ = conn.Total() {
			time.Sleep(10 * time.Millisecond)
		}
		cancel()
		began := time.Now()
		require.ErrorIs(t, <-ended, context.Canceled)
		require.LessOrEqual(t, time.Since(began), flushTimeout)
		s.Stop()
		_, open := conn.Total()
		require.Zero(t, open)
	})
}
