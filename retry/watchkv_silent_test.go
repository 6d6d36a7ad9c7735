package retry_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/retry"
)

// election is a bucket in a cluster: a replica answers, which may be behind, and the leader is there or not.
type election struct {
	mu     sync.Mutex
	behind bool
	leader error // why it does not answer; nil: it does
}

var (
	electionBegan = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	olderEntry    = retry.Entry{Value: []byte("old"), Revision: 1, Created: electionBegan}
	newerEntry    = retry.Entry{Value: []byte("new"), Revision: 2, Created: electionBegan.Add(time.Second)}
)

func (e *election) set(behind bool, leader error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.behind, e.leader = behind, leader
}

func (e *election) ReadKV(context.Context, retry.KVQuery) (retry.KVSnapshot, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	entry := newerEntry
	if e.behind {
		entry = olderEntry
	}
	return retry.KVSnapshot{Entries: map[string]retry.Entry{"key": entry}, Requests: 1}, nil
}

// ReadKey answers from the replica where the leader does not.
func (e *election) ReadKey(context.Context, string, string) (retry.KVAnswer, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	switch {
	case e.leader == nil:
		return retry.KVAnswer{Entry: newerEntry}, nil
	case errors.Is(e.leader, nats.ErrPermissionViolation):
		return retry.KVAnswer{Entry: olderEntry, Replica: true, Denied: []retry.Denial{{Subject: "leader", Err: e.leader}}}, nil
	}
	return retry.KVAnswer{Entry: olderEntry, Replica: true}, nil
}

type noHints struct{}

func (noHints) Denied() []retry.Denial { return nil }
func (noHints) Stop() error            { return nil }

func (e *election) HintKV(context.Context, string, []string, func(string)) (retry.KVHints, error) {
	return noHints{}, nil
}

// watchElection hands the last view to the test, which begins with a fresh one.
func watchElection(t *testing.T, test func(t *testing.T, e *election, last func() (value string, stale bool))) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		var e election
		var mu sync.Mutex
		var newest retry.View
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() {
			_ = retry.WatchKV(ctx, &e, "settings", retry.FixedKeys("key"), func(v retry.View) {
				mu.Lock()
				defer mu.Unlock()
				newest = v
			})
		})
		defer running.Wait()
		defer cancel()
		last := func() (string, bool) {
			synctest.Wait()
			mu.Lock()
			defer mu.Unlock()
			return string(newest.Entries["key"].Value), !newest.Stale.IsZero()
		}
		time.Sleep(time.Minute)
		test(t, &e, last)
	})
}

// While a cluster chooses a leader, a replica may lack for seconds what was read from another one.
func TestWatchKVIsNotSetBackDuringAnElection(t *testing.T) {
	watchElection(t, func(t *testing.T, e *election, last func() (string, bool)) {
		e.set(true, context.DeadlineExceeded)
		for began := time.Now(); time.Since(began) < 80*time.Second; time.Sleep(time.Second) {
			value, stale := last()
			require.Equal(t, "new", value)
			if stale {
				break
			}
		}
		_, stale := last()
		require.True(t, stale, "and it is known that the view cannot be refreshed")
		e.set(false, nil)
		time.Sleep(time.Minute)
		value, stale := last()
		require.Equal(t, "new", value)
		require.False(t, stale)
	})
}

// A leader that never answers keeps nobody from what the bucket was set back to.
func TestWatchKVDoesNotWaitForASilentLeaderForEver(t *testing.T) {
	for _, why := range []error{context.DeadlineExceeded, nats.ErrPermissionViolation} {
		watchElection(t, func(t *testing.T, e *election, last func() (string, bool)) {
			e.set(true, why)
			time.Sleep(3 * time.Minute)
			value, stale := last()
			require.Equal(t, "old", value)
			require.False(t, stale)
		})
	}
}
