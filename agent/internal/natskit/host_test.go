package natskit

import (
	"context"
	"errors"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// network is what a host sees of others: some refuse, some lose every packet until
// they are up.
type network struct {
	up map[string]time.Duration // from the start; what is not here refuses

	mu    sync.Mutex
	tries []string
	open  int
}

var errRefused = errors.New("connection refused")

// dial is a TCP connect: its first packet is lost or not, and a repetition comes
// far too late.
func (n *network) dial(start time.Time) func(ctx context.Context, address string) (net.Conn, error) {
	return func(ctx context.Context, address string) (net.Conn, error) {
		n.mu.Lock()
		n.tries = append(n.tries, address)
		n.mu.Unlock()
		up, silent := n.up[address]
		switch {
		case !silent:
			return nil, errRefused
		case time.Since(start) < up:
			<-ctx.Done()
			return nil, ctx.Err()
		}
		time.Sleep(10 * time.Millisecond)
		n.count(1)
		return &pretended{onClose: func() { n.count(-1) }}, nil
	}
}

func (n *network) count(d int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.open += d
}

type pretended struct {
	net.Conn
	onClose func()
}

func (p *pretended) Close() error {
	p.onClose()
	return nil
}

func TestAHostThatIsBackIsNoticedWithinASecond(t *testing.T) {
	t.Parallel()
	const never = time.Hour
	for name, c := range map[string]struct {
		addresses []string
		up        map[string]time.Duration
		within    time.Duration // of the start; 0: nobody is reached
		tries     int           // at most
		err       error
	}{
		"one that is there":              {[]string{"a"}, map[string]time.Duration{"a": 0}, time.Second / 10, 1, nil},
		"one that comes back":            {[]string{"a"}, map[string]time.Duration{"a": 2500 * time.Millisecond}, 3100 * time.Millisecond, 4, nil},
		"one that refuses":               {[]string{"a"}, nil, 0, 1, errRefused},
		"one that is silent":             {[]string{"a"}, map[string]time.Duration{"a": never}, 0, 6, context.DeadlineExceeded},
		"all refuse":                     {[]string{"a", "b", "c"}, nil, 0, 3, errRefused},
		"the second is there":            {[]string{"a", "b"}, map[string]time.Duration{"b": 0}, time.Second / 10, 2, nil},
		"the first is silent":            {[]string{"a", "b"}, map[string]time.Duration{"a": never, "b": 0}, 1100 * time.Millisecond, 2, nil},
		"one of two silent ones is back": {[]string{"a", "b"}, map[string]time.Duration{"a": 1500 * time.Millisecond, "b": never}, 2100 * time.Millisecond, 3, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				start, n := time.Now(), &network{up: c.up}
				ctx, cancel := context.WithTimeout(t.Context(), dialTimeout)
				defer cancel()
				conn, err := dialAny(ctx, c.addresses, n.dial(start))
				require.LessOrEqual(t, len(n.tries), c.tries)
				if c.within == 0 {
					require.ErrorIs(t, err, c.err)
					require.LessOrEqual(t, time.Since(start), dialTimeout)
					require.Zero(t, n.open)
					return
				}
				require.NoError(t, err)
				require.LessOrEqual(t, time.Since(start), c.within)
				require.Equal(t, 1, n.open, "those that lose are closed")
				require.NoError(t, conn.Close())
			})
		})
	}
}

// Two answer at once: one connection is kept.
func TestOnlyOneConnectionIsKept(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		start, n := time.Now(), &network{}
		slow := func(ctx context.Context, address string) (net.Conn, error) {
			time.Sleep(silence + time.Millisecond) // not to be broken off
			return n.dial(start)(ctx, address)
		}
		n.up = map[string]time.Duration{"a": 0}
		conn, err := dialAny(t.Context(), []string{"a"}, slow)
		require.NoError(t, err)
		require.Equal(t, 1, n.open)
		require.NoError(t, conn.Close())
		require.Len(t, n.tries, 2)
	})
}
