package command

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent/wire"
)

func TestAFetchEndsWithTheLastThatWantsIt(t *testing.T) {
	runObjects(t, func(t *testing.T, b *bench, s *fakeScripts) {
		b.send(byObject("one", "away/1"))
		b.send(byObject("two", "away/1"))
		b.service.Kill("exec-one")
		synctest.Wait()
		require.Equal(t, 1, s.fetching(), "another wants it")
		b.service.Kill("exec-two")
		synctest.Wait()
		require.Zero(t, s.fetching())
		require.Empty(t, b.service.perform.fetches.waiting)

		b.send(byObject("three", "away/1"))
		require.Equal(t, 2, s.fetches["away/1"], "a new fetch, not the one that was ended")
		time.Sleep(time.Hour)
		require.Equal(t, 2, s.fetches["away/1"], "nor does a look at the command begin it anew")
		s.put("away/1", "echo away")
		require.Equal(t, "echo away", b.result("three").Stdout)
		for _, id := range []string{"one", "two"} {
			require.Equal(t, wire.KilledNote("exec-"+id), b.result(id).Stderr)
		}
		require.Empty(t, b.service.perform.fetches.wanted)
		require.Equal(t, []string{"three"}, b.starts())
	})
}

// 64 scripts that nobody waits for any more leave room for others.
func TestKilledCommandsGiveUpTheirPlaceAmongTheFetches(t *testing.T) {
	runObjects(t, func(t *testing.T, b *bench, s *fakeScripts) {
		var ids []string
		for i := range maxFetches {
			ids = append(ids, fmt.Sprint("k", i))
			b.send(byObject(ids[i], "away/"+ids[i]))
		}
		require.Equal(t, maxFetches, s.fetching())
		for _, id := range ids {
			b.service.Kill("exec-" + id)
		}
		b.send(byObject("r", "other/1"))
		require.Equal(t, 1, s.fetching(), "without a pause")
		s.put("other/1", "echo other")
		require.Equal(t, "echo other", b.result("r").Stdout)
	})
}

// A fetch that is ended as its command leaves, while another command joins it or
// begins the next one: nobody is told of an end that was not theirs.
func TestJoinsAndLeavesRace(t *testing.T) {
	t.Parallel()
	leaves, stays := Key{1}, Key{2}
	for range 200 {
		f := newFetches()
		told := make(chan error, 2)
		name := scriptName{"a", "1"}
		release := make(chan struct{})
		fetch := waitFor(release)
		done := func(keys []Key, err error) {
			for _, key := range keys {
				if key == stays {
					told <- err
				}
			}
		}
		f.join(t.Context(), name, leaves, fetch, done)
		left := make(chan struct{})
		go func() { f.forget(leaves); close(left) }()
		f.join(t.Context(), name, stays, fetch, done)
		<-left
		close(release)
		require.NoError(t, <-told)
		f.active.Wait()
		require.Empty(t, f.wanted)
		require.Empty(t, f.waiting)
	}
}

func waitFor(release <-chan struct{}) func(context.Context) error {
	return func(ctx context.Context) error {
		select {
		case <-release:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
