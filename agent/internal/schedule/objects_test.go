package schedule

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent/wire"
)

// shop is an object store with a cache; an object without a digest is not there,
// and while it is closed it does not answer.
type shop struct {
	mu      sync.Mutex
	digests map[string]string
	closed  bool
	fetched []string
	asked   int
	refuse  error
}

func (s *shop) Digest(ctx context.Context, object string) (string, error) {
	s.mu.Lock()
	s.asked++
	digest, closed := s.digests[object], s.closed
	s.mu.Unlock()
	switch {
	case closed:
		<-ctx.Done()
		return "", ctx.Err()
	case digest == "":
		return "", errors.New("no such object")
	}
	return digest, nil
}

func (s *shop) Prefetch(_ context.Context, _, digest string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fetched = append(s.fetched, digest)
	return s.refuse
}

func (s *shop) set(object, digest string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.digests[object] = digest
}

func (s *shop) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
}

func seenIn[T any](s *shop, field *T) T {
	s.mu.Lock()
	defer s.mu.Unlock()
	return *field
}

var oneDigest, otherDigest = strings.Repeat("1", 64), strings.Repeat("2", 64)

func TestAScriptObjectIsFetchedAhead(t *testing.T) {
	objects := &shop{digests: map[string]string{"tool/1": oneDigest}}
	run(t, func(b *bench) {
		b.schedule(wire.Schedule{Cron: "0 0 */6 * * *"})
		b.job(wire.Manifest{Execute: wire.Execute{ScriptObject: "tool/1"}})
		b.job(wire.Manifest{ID: "unused", Execute: wire.Execute{ScriptObject: "unused/1"}})
		b.objects = objects
	}, func(t *testing.T, b *bench) {
		b.pass(time.Second)
		require.Equal(t, []string{oneDigest}, slices.Compact(seenIn(objects, &objects.fetched)))
		require.LessOrEqual(t, seenIn(objects, &objects.asked), 2)
		objects.close()
		b.pass(2 * time.Second)
		b.crash()
		b.start()
		b.until("2000-01-01 06:00:00")
		require.Len(t, b.runs(), 1, "offline, after a crash")
		require.Equal(t, "tool/1", b.runs()[0].ScriptObject)
		require.Equal(t, oneDigest, b.runs()[0].ScriptObjectSHA256)
		require.Empty(t, b.runs()[0].Script)
		require.Empty(t, b.Status().Problems)
	})
}

func TestAScriptObjectThatIsReplaced(t *testing.T) {
	objects := &shop{digests: map[string]string{"tool/1": oneDigest}}
	run(t, func(b *bench) {
		b.schedule(wire.Schedule{Cron: "0 0 */6 * * *"})
		b.job(wire.Manifest{Execute: wire.Execute{ScriptObject: "tool/1"}})
		b.objects = objects
		b.exit = func(wire.Command) (int32, bool) { return 1, true }
	}, func(t *testing.T, b *bench) {
		b.until("2000-01-01 04:00:00")
		objects.set("tool/1", otherDigest)
		b.until("2000-01-01 05:59:59")
		asked := seenIn(objects, &objects.asked)
		b.pass(time.Second)
		require.Equal(t, otherDigest, b.runs()[0].ScriptObjectSHA256)
		require.Greater(t, seenIn(objects, &objects.asked), asked, "a run that failed is a reason to look again")
		require.Less(t, seenIn(objects, &objects.asked), 12)
	})
}

func TestADigestThatIsNotKnown(t *testing.T) {
	objects := &shop{digests: map[string]string{}}
	run(t, func(b *bench) {
		b.schedule(wire.Schedule{Cron: "0 0 * * * *"})
		b.job(wire.Manifest{Execute: wire.Execute{ScriptObject: "tool/1"}})
		b.objects = objects
	}, func(t *testing.T, b *bench) {
		b.until("2000-01-01 03:30:00")
		require.Empty(t, b.runs())
		require.Equal(t, 1, b.problems("the digest of script object"))
		require.Equal(t, 1, b.problems("no such object"))
		objects.set("tool/1", oneDigest)
		b.until("2000-01-01 04:30:00")
		require.Len(t, b.runs(), 1)
		require.Empty(t, b.Status().Problems)
		b.put(wire.BucketSchedules, "s", "")
		b.pass(2 * time.Hour)
		b.Service.mu.Lock()
		defer b.Service.mu.Unlock()
		require.Empty(t, b.digest)
	})
}

// What can never be a script is run all the same: the result says why.
func TestAnObjectThatCannotBeFetched(t *testing.T) {
	objects := &shop{digests: map[string]string{"tool/1": oneDigest}, refuse: errors.New("too large")}
	run(t, func(b *bench) {
		b.schedule(wire.Schedule{Cron: "0 0 * * * *"})
		b.job(wire.Manifest{Execute: wire.Execute{ScriptObject: "tool/1"}})
		b.objects = objects
	}, func(t *testing.T, b *bench) {
		b.until("2000-01-01 01:30:00")
		require.Len(t, b.runs(), 1)
		require.Equal(t, 1, b.problems("too large"))
	})
}
