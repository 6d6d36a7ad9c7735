package outbox

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/outbox/atomicfile"
	"github.com/kanade-go/kanade/retry"
)

func reasonOf(t testing.TB, dir, name string) Reason {
	t.Helper()
	why, err := readReason(atomicfile.OS, filepath.Join(dir, stuckFolder, name+reasonSuffix))
	require.NoError(t, err)
	return why
}

func apiError(code jetstream.ErrorCode, status int) error {
	return fmt.Errorf("nats: %w", &jetstream.APIError{ErrorCode: code, Code: status, Description: "as the server says"})
}

func TestClassify(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		what string
		err  error
		want class
	}{
		{"client: too large", fmt.Errorf("x: %w", nats.ErrMaxPayload), forGood},
		{"client: subject", nats.ErrBadSubject, forGood},
		{"marked", retry.Permanent(errRefused), forGood},
		{"stream: too large", apiError(10054, 400), forGood},
		{"stream: header too large", apiError(10097, 400), forGood},
		{"stream: bad TTL", apiError(10165, 400), forGood},
		{"stream is full", apiError(10077, 503), unavailable},
		{"no resources", apiError(10023, 503), unavailable},
		{"account limit", apiError(10002, 400), unavailable},
		{"sealed", apiError(10109, 400), unavailable},
		{"too many requests", apiError(10167, http.StatusTooManyRequests), unavailable},
		{"duplicate in process", apiError(10158, http.StatusConflict), unavailable},
		{"no stream", jetstream.ErrNoStreamResponse, unavailable},
		{"no responders", nats.ErrNoResponders, unavailable},
		{"JetStream is off", jetstream.ErrJetStreamNotEnabled, unavailable},
		{"before the first connect", nats.ErrHeadersNotSupported, unavailable},
		{"no answer", errNoAnswer, silent},
		{"no answer, by the client", context.DeadlineExceeded, silent},
		{"wrong last sequence", apiError(10071, 400), refused},
		{"wrong stream", apiError(10060, 400), refused},
		{"unknown", errRefused, refused},
	} {
		require.Equal(t, c.want, classify(c.err), c.what)
	}
}

// refuseBad fails for the records whose name begins with "bad".
func refuseBad(err error) func(*nats.Msg) error {
	return func(m *nats.Msg) error {
		if strings.HasPrefix(string(m.Data), "data of bad") {
			return err
		}
		return nil
	}
}

func TestRefusedForGoodGoesToQuarantineAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		box := openBox(t, dir)
		s := stream{refuse: refuseBad(apiError(10054, 400))}
		put(t, box, "bad", "good")
		startDrain(t, box, &s)
		synctest.Wait()
		require.Equal(t, []string{"data of good"}, s.data())
		require.Equal(t, Stats{Stuck: 1, Put: 2, Sent: 1, Failed: 1, Quarantined: 1}, counts(box))
		require.NotZero(t, box.Stats().StuckBytes)
		require.Zero(t, box.Stats().Bytes)
		require.WithinDuration(t, box.Stats().OldestStuck, statOf(t, dir, "stuck/bad.json").ModTime(), 0)
		why := reasonOf(t, dir, "bad")
		require.Equal(t, ReasonRefused, why.Kind)
		require.Contains(t, why.Why, "as the server says")
		require.Equal(t, 1, why.Attempts)
		require.True(t, why.When.Equal(time.Now()))

		put(t, box, "bad")
		require.EqualValues(t, 1, box.Stats().Kept, "stuck keeps its name")

		tries := s.tried()
		elapse(stuckEvery + stuckJitter)
		require.Equal(t, tries+1, s.tried(), "once a day")
		require.Equal(t, 2, reasonOf(t, dir, "bad").Attempts)
		s.setRefuse(nil)
		elapse(stuckEvery + stuckJitter)
		require.Equal(t, []string{"data of good", "data of bad"}, s.data())
		require.Zero(t, box.Stats().Stuck)
		left, err := os.ReadDir(filepath.Join(dir, stuckFolder))
		require.NoError(t, err)
		require.Empty(t, left, "the reason goes with its record")
	})
}

func statOf(t testing.TB, dir, name string) os.FileInfo {
	t.Helper()
	info, err := os.Stat(filepath.Join(dir, name))
	require.NoError(t, err)
	return info
}

func TestQuarantineIsTriedAtOpen(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	box := openBox(t, dir)
	put(t, box, "bad")
	_, err := box.Flush(t.Context(), &stream{refuse: refuseBad(apiError(10054, 400))})
	require.Error(t, err)
	require.Equal(t, []string{"bad.json"}, stuckFiles(t, dir))
	require.NoError(t, box.Close())
	box = openBox(t, dir)
	require.Equal(t, 1, box.Stats().Stuck)
	require.Zero(t, box.Stats().Pending)
	var s stream
	sent, err := box.Flush(t.Context(), &s)
	require.NoError(t, err)
	require.Equal(t, 1, sent)
	require.Empty(t, stuckFiles(t, dir))
}

// Refusals count only when others are delivered between them.
func TestRefusedAgainAndAgainWhileOthersPass(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		what   string
		err    error
		others bool
		stuck  int
	}{
		{"refused, others pass", errRefused, true, 1},
		{"refused, nothing else there", errRefused, false, 0},
		{"no stream for it, others pass", jetstream.ErrNoStreamResponse, true, 0},
		{"its stream is full, others pass", apiError(10077, 503), true, 0},
	} {
		t.Run(c.what, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				dir := t.TempDir()
				box := openBox(t, dir, WithQuarantineAfter(4))
				s := stream{refuse: refuseBad(c.err)}
				put(t, box, "bad")
				startDrain(t, box, &s)
				for i := range 2000 {
					if c.others {
						put(t, box, fmt.Sprint(i))
					}
					elapse(2 * time.Second)
				}
				require.Equal(t, c.stuck, box.Stats().Stuck)
				if c.stuck > 0 {
					require.Equal(t, ReasonRepeated, reasonOf(t, dir, "bad").Kind)
					require.Equal(t, 5, reasonOf(t, dir, "bad").Attempts, "nothing had passed before the first")
				}
			})
		})
	}
}

func TestNothingCountsWhileDisconnected(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLink(true)
		box := openBox(t, t.TempDir(), WithTransport(l), WithQuarantineAfter(1))
		put(t, box, "bad")
		startDrain(t, box, publisherFunc(swallow))
		for range 20 {
			elapse(5 * time.Second)
			l.set(false)
			elapse(time.Minute)
			l.set(true)
		}
		require.Zero(t, box.Stats().Failed)
		require.Zero(t, box.Stats().Stuck)
	})
}

// 63 of 64 places of the window hang: the others get the places back long
// before the acknowledgements are given up, and the hanging records end in
// quarantine.
func TestSwallowedPublishesDoNotStarveTheWindow(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		box := openBox(t, dir, WithWindow(64))
		for i := range 63 {
			put(t, box, fmt.Sprintf("bad%02d", i))
		}
		for i := range 1000 {
			put(t, box, fmt.Sprint(i))
		}
		var good atomic.Int64
		startDrain(t, box, publisherFunc(func(ctx context.Context, m *nats.Msg) (*jetstream.PubAck, error) {
			if strings.HasPrefix(string(m.Data), "data of bad") {
				return swallow(ctx, m)
			}
			time.Sleep(10 * time.Millisecond)
			good.Add(1)
			return &jetstream.PubAck{}, nil
		}))
		elapse(100 * time.Millisecond)
		require.EqualValues(t, 9, good.Load(), "one place is left")
		elapse(1400 * time.Millisecond)
		require.EqualValues(t, 1000, good.Load())
		require.Equal(t, 63, box.Stats().InFlight)
		for i := range 400 {
			put(t, box, fmt.Sprint("later", i))
			elapse(5 * time.Second)
		}
		require.EqualValues(t, 1400, good.Load())
		require.Equal(t, 63, box.Stats().Stuck)
		require.Zero(t, box.Stats().Pending)
		require.InDelta(t, defaultQuarantineAfter, reasonOf(t, dir, "bad00").Attempts, 1)
	})
}

// A record in quarantine is never replaced by a later one of its name.
func TestQuarantineReplacesNothing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	box := openBox(t, dir, WithCodec(resultCodec{}))
	var s stream
	for range 3 {
		writeFile(t, dir, "req-1.json", "{")
		_, err := box.Flush(t.Context(), &s)
		require.Error(t, err)
	}
	require.Equal(t, []string{"req-1.2.json", "req-1.3.json", "req-1.json"}, stuckFiles(t, dir))
	require.Equal(t, 3, box.Stats().Corrupt)
}

func TestQuarantineThatCannotBeWritten(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		var broken atomic.Bool
		fsys := newHookFS(func(op, name string) error {
			if broken.Load() && op != "read" && strings.Contains(name, stuckFolder) {
				return syscall.ENOSPC
			}
			return nil
		})
		box := openBox(t, dir, WithFS(fsys))
		put(t, box, "bad", "good")
		broken.Store(true)
		s := stream{refuse: refuseBad(apiError(10054, 400))}
		startDrain(t, box, &s)
		elapse(time.Minute)
		require.Equal(t, []string{"data of good"}, s.data())
		require.Equal(t, []string{"bad.json"}, files(t, dir), "it stays where it is")
		require.Equal(t, 1, box.Stats().Pending)
		broken.Store(false)
		elapse(10 * time.Minute)
		require.Equal(t, []string{"bad.json"}, stuckFiles(t, dir))
	})
}

func TestOrphanedReasonsAreSwept(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	stuck := filepath.Join(dir, stuckFolder)
	require.NoError(t, os.Mkdir(stuck, 0o700))
	for _, name := range []string{"a.reason", "b.json", "b.reason", "c.reason.tmp", "notes.txt"} {
		writeFile(t, stuck, name, "{}")
	}
	openBox(t, dir)
	for name, stays := range map[string]bool{"a.reason": false, "b.json": true, "b.reason": true, "c.reason.tmp": false, "notes.txt": true} {
		_, err := os.Stat(filepath.Join(stuck, name))
		require.Equal(t, stays, !errors.Is(err, os.ErrNotExist), name)
	}
}

// Nothing gets through, whatever it is: only a probe now and then is tried. What
// comes meanwhile may be for another stream and does not wait.
func TestBlockedBoxProbes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		box := openBox(t, t.TempDir())
		for i := range 2000 {
			put(t, box, fmt.Sprint("bad", i))
		}
		s := stream{refuse: refuseBad(jetstream.ErrNoStreamResponse)}
		startDrain(t, box, &s)
		synctest.Wait()
		elapse(time.Minute)
		before := s.tried()
		elapse(time.Minute)
		require.InDelta(t, time.Minute/probeMax, s.tried()-before, 2)
		put(t, box, "other")
		synctest.Wait()
		require.Equal(t, []string{"data of other"}, s.data())
		s.setRefuse(nil)
		elapse(time.Second)
		require.Len(t, s.data(), 2001, "all at once when one gets through")
	})
}
