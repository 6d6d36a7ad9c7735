package klp

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent/wire"
	"github.com/kanade-go/kanade/internal/logtest"
)

// flaky is a listener that fails, and now and then does not.
type flaky struct {
	mu    sync.Mutex
	calls int
	stop  chan struct{}
}

func (f *flaky) Accept() (conn, error) {
	f.mu.Lock()
	f.calls++
	n := f.calls
	f.mu.Unlock()
	select {
	case <-f.stop:
		return nil, net.ErrClosed
	default:
	}
	if n%2 == 0 {
		ours, theirs := net.Pipe()
		_ = ours.Close()
		return madeUp{theirs, somebody(1), nil}, nil
	}
	return nil, errors.New("too many open files")
}

func (f *flaky) Intact() error { return nil }
func (f *flaky) Close() error  { close(f.stop); return nil }

// A host without file handles is told about now and then, not for each client.
func TestClientsThatCannotBeTakenAreTold(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var lines logtest.Buffer
		s := New(Config{PCID: "a", Version: "1", Host: newHost(), Log: logFunc(noLog), Logger: slog.New(slog.NewTextHandler(&lines, nil))})
		s.evaluate()
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
		defer cancel()
		f := &flaky{stop: make(chan struct{})}
		s.accept(ctx, f)
		s.sessions.Wait()
		require.Greater(t, f.calls, 1000)
		told := strings.Count(lines.String(), "a local client could not be taken")
		require.GreaterOrEqual(t, told, 9)
		require.LessOrEqual(t, told, 10)
		require.Contains(t, lines.String(), "others_since=")
	})
}

// However many come and say nothing, there are never more than the limits and those
// that end; whoever introduces themselves is served.
func TestTenThousandHalfOpenConnections(t *testing.T) {
	t.Parallel()
	cfg := config(t)
	s := start(t, cfg)
	known := dial(t, cfg.Endpoint.Path).handshake()
	defer known.close()
	before := runtime.NumGoroutine()
	most := 0
	var silent []*client
	defer func() {
		for _, c := range silent {
			_ = c.conn.Close()
		}
	}()
	for n := range 10_000 {
		c := dial(t, cfg.Endpoint.Path)
		if n%3 == 0 {
			_, _ = c.conn.Write([]byte{9}) // a slow one; it may have been let go
		}
		if silent = append(silent, c); len(silent) > 1000 { // file handles of this process
			require.NoError(t, silent[0].conn.Close())
			silent = silent[1:]
		}
		most = max(most, len(s.slots))
		if n%1000 == 0 {
			require.NoError(t, known.conn.SetDeadline(time.Now().Add(generous))) // each call has its own
			_, err := known.call(wire.KLPPingMethod, nil)
			require.NoError(t, err)
			dial(t, cfg.Endpoint.Path).handshake().close()
		}
	}
	l := cfg.limits
	require.LessOrEqual(t, most, l.waiting+l.total+l.ending)
	require.Eventually(t, func() bool { return len(s.slots) <= l.waiting+2 }, generous, time.Millisecond, "those that were pushed out are gone")
	require.LessOrEqual(t, runtime.NumGoroutine()-before, 4*(l.waiting+l.total+l.ending)+100)
}

// A system that does not tell who a client is, and hangs, costs a bounded number of
// connections.
func TestAPeerThatIsNeverTold(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := New(Config{PCID: "a", Version: "1", Host: newHost(), Log: logFunc(noLog)})
		s.evaluate()
		ctx, cancel := context.WithCancel(t.Context())
		hangs := make(chan struct{})
		f := &hanging{hangs: hangs, stop: make(chan struct{})}
		var accepting sync.WaitGroup
		accepting.Go(func() { s.accept(ctx, f) })
		synctest.Wait()
		require.Len(t, s.slots, defaultLimits.waiting+defaultLimits.total+defaultLimits.ending)
		close(hangs)
		cancel()
		accepting.Wait()
		s.sessions.Wait()
		require.Empty(t, s.slots)
	})
}

// hanging makes clients whose identity takes as long as hangs does.
type hanging struct{ hangs, stop chan struct{} }

func (h *hanging) Accept() (conn, error) {
	select {
	case <-h.stop:
		return nil, net.ErrClosed
	default:
	}
	ours, theirs := net.Pipe()
	go func() {
		_, _ = ours.Write([]byte{1, 0, 0, 0})
		_ = ours.Close()
	}()
	return stuck{theirs, h.hangs}, nil
}

func (h *hanging) Intact() error { return nil }
func (h *hanging) Close() error  { close(h.stop); return nil }

type stuck struct {
	net.Conn
	hangs chan struct{}
}

func (s stuck) Peer() (peer, error) { <-s.hangs; return peer{}, errors.New("no token") }

// A header is cheap: what it announces is set aside when it comes.
func TestAnnouncedFramesCostNothing(t *testing.T) {
	var before, after runtime.MemStats
	const times = 100
	runtime.ReadMemStats(&before)
	for range times {
		_, err := readBody(strings.NewReader("{"), wire.KLPMaxBody)
		require.Error(t, err)
	}
	runtime.ReadMemStats(&after)
	require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(times*4*firstRoom))
	_, err := bodySize([headerSize]byte{0xff, 0xff, 0xff, 0xff})
	require.ErrorIs(t, err, errTooLarge)
}

// Whatever a client sends, what it gets back is UTF-8.
func TestAnswersAreText(t *testing.T) {
	t.Parallel()
	cfg := config(t)
	start(t, cfg)
	c := dial(t, cfg.Endpoint.Path).handshake()
	defer c.close()
	for _, body := range []string{
		`{"jsonrpc":"2.0","id":"a","method":"x` + strings.Repeat("\u00e9", 100) + `"}`,
		`{"jsonrpc":"2.0","id":"a","method":"x` + strings.Repeat("é", 100) + `"}`,
		`{"jsonrpc":"2.0","id":"\ud800","method":"system.ping"}`,
		`{"jsonrpc":"2.0","id":"\u0000\u001b[31m","method":"nothing\u0007"}`,
		`{"jsonrpc":"2.0","id":"a","method":"state.unsubscribe","params":{"subscription":"x` + strings.Repeat("😀", 40) + `"}}`,
		"{\"jsonrpc\":\"2.0\",\"id\":\"\xff\",\"method\":\"system.ping\"}",
		"\xff\xfe\x00",
	} {
		answer := c.ask(body)
		require.True(t, utf8.ValidString(answer), "%q", answer)
		require.NotContains(t, answer, "\x1b")
		require.NotContains(t, answer, "\ufffd\ufffd", "%q", answer)
	}
}
