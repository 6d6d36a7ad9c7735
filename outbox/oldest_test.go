package outbox

import (
	"fmt"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestOldestIsThatOfThePendingRecords(t *testing.T) {
	t.Parallel()
	ix := newIndex(defaultWindow)
	require.True(t, ix.stats().Oldest.IsZero())
	add := func(file string, at int64) *entry {
		e := &entry{file: file, modTime: at, size: 1}
		ix.mu.Lock()
		defer ix.mu.Unlock()
		ix.addLocked(e)
		return e
	}
	add("b.json", 20)
	add("stuck/s.json", 1)
	require.Equal(t, time.Unix(0, 20).UTC(), ix.stats().Oldest)
	first := add("a.json", 10)
	require.Equal(t, time.Unix(0, 10).UTC(), ix.stats().Oldest)

	taken := ix.take(time.Now())
	require.Equal(t, first, taken)
	require.Equal(t, time.Unix(0, 10).UTC(), ix.stats().Oldest, "what is in flight is pending")
	ix.moved(taken, "stuck/a.json", time.Now())
	require.Equal(t, time.Unix(0, 20).UTC(), ix.stats().Oldest, "what is stuck is not")
	ix.drop(ix.take(time.Now()))
	require.True(t, ix.stats().Oldest.IsZero())
}

// The reference is a look at every file.
func TestOldestAgainstEveryFile(t *testing.T) {
	t.Parallel()
	for seed := range uint64(50) {
		rng := rand.New(rand.NewPCG(seed, 7))
		ix := newIndex(defaultWindow)
		for step := range 600 {
			switch n := rng.IntN(10); {
			case n < 5:
				ix.mu.Lock()
				ix.addLocked(&entry{file: fmt.Sprintf("%d.json", step), modTime: rng.Int64N(1000) + 1, size: 1})
				ix.mu.Unlock()
			case n < 8:
				if e := ix.take(time.Now()); e != nil {
					ix.drop(e)
				}
			case n < 9:
				if e := ix.take(time.Now()); e != nil && !e.stuck() {
					ix.moved(e, "stuck/"+e.file, time.Now().Add(time.Hour))
				} else if e != nil {
					ix.moved(e, e.name()+fileSuffix, time.Now())
				}
			default:
				ix.promoteAll()
			}
			if rng.IntN(4) == 0 {
				require.Equal(t, oldestOfAll(ix), ix.stats().Oldest, "seed %d, step %d", seed, step)
			}
			require.LessOrEqual(t, len(ix.ages), 2*len(ix.files)+agesSpare, "seed %d, step %d: what is gone is let go", seed, step)
		}
	}
}

func oldestOfAll(ix *index) time.Time {
	var oldest time.Time
	for _, e := range ix.files {
		if at := time.Unix(0, e.modTime).UTC(); !e.stuck() && (oldest.IsZero() || at.Before(oldest)) {
			oldest = at
		}
	}
	return oldest
}

func TestOldestComesFromTheFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	box, err := Open(dir)
	require.NoError(t, err)
	require.NoError(t, box.Put(t.Context(), Record{Name: "r", Subject: "s", Data: []byte("x")}))
	require.NoError(t, box.Close())
	yesterday := time.Now().Add(-24 * time.Hour).Truncate(time.Second)
	require.NoError(t, os.Chtimes(dir+"/r.json", yesterday, yesterday))
	box, err = Open(dir)
	require.NoError(t, err)
	require.WithinDuration(t, yesterday, box.Stats().Oldest, 0)
	require.NoError(t, box.Close())
}

// BenchmarkOldest prints what asking for the oldest record costs while others
// are delivered.
func BenchmarkOldest(b *testing.B) {
	ix := indexed(100_000)
	now := time.Now()
	for n := 0; b.Loop(); n++ {
		ix.drop(ix.take(now))
		ix.mu.Lock()
		ix.addLocked(&entry{file: fmt.Sprintf("new-%d.json", n), modTime: int64(1e6 + n), size: 100})
		ix.mu.Unlock()
		_ = ix.stats()
	}
}
