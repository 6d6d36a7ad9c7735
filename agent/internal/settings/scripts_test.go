package settings

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent/wire"
	"github.com/kanade-go/kanade/retry"
)

// counted counts what is asked of the broker, and can hold answers back.
type counted struct {
	Rows
	mu    sync.Mutex
	asked int
	mute  bool
	// replica: the answers come from one; refused: since the leader may not be asked.
	replica, refused bool
}

func (c *counted) ReadKey(ctx context.Context, bucket, key string) (retry.KVAnswer, error) {
	c.mu.Lock()
	c.asked++
	mute, replica, refused := c.mute, c.replica, c.refused
	c.mu.Unlock()
	if mute {
		<-ctx.Done() // a request that is not permitted is not answered
		return retry.KVAnswer{}, ctx.Err()
	}
	got, err := c.Rows.ReadKey(ctx, bucket, key)
	got.Replica = got.Replica || replica
	if refused {
		got.Denied = []retry.Denial{{Subject: "$JS.API.STREAM.MSG.GET.KV_" + bucket, Err: nats.ErrPermissionViolation}}
	}
	return got, err
}

func (c *counted) set(change func(*counted)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	change(c)
}

func (c *counted) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.asked
}

// asking replaces the broker that single rows are read from.
func (b *bench) asking() *counted {
	c := &counted{Rows: retry.NewKVReader(b.fake.Conn())}
	for _, m := range b.mirrors() {
		m.source = c
	}
	return c
}

func (b *bench) bucket(name string) jetstream.KeyValue {
	b.t.Helper()
	kv, err := b.fake.JetStream().CreateOrUpdateKeyValue(b.t.Context(), jetstream.KeyValueConfig{Bucket: name, History: 5})
	require.NoError(b.t, err)
	return kv
}

func (b *bench) put(kv jetstream.KeyValue, key, value string) {
	b.t.Helper()
	_, err := kv.PutString(b.t.Context(), key, value)
	require.NoError(b.t, err)
}

// What is fresh and speaks for a command is taken as it is.
func TestAFreshViewIsNotDoubted(t *testing.T) {
	run(t, nil, func(t *testing.T, b *bench) {
		c := b.asking()
		b.see("script_current", 1, "a", "1")
		b.see("script_status", 1, "a", "ACTIVE")
		want := wire.ScriptState{Known: true, Pinned: true, Version: "1", Final: true}
		require.Equal(t, want, b.Scripts().Ask(t.Context(), "a", "1"))
		require.Equal(t, wire.ScriptState{Known: true, Final: true}, b.Scripts().Ask(t.Context(), "b", "1"))
		require.Zero(t, c.count())
		want.Final = false
		require.Equal(t, want, b.Scripts().Known("a"))
	})
}

// The backend pins a version, or takes a revocation back, and then sends the
// command; the command is here first.
func TestARefusalIsAskedFor(t *testing.T) {
	run(t, nil, func(t *testing.T, b *bench) {
		current, status := b.bucket("script_current"), b.bucket("script_status")
		b.put(current, "a", "1")
		b.put(status, "a", "REVOKED")
		b.see("script_current", 1, "a", "1")
		b.see("script_status", 1, "a", "REVOKED")
		require.True(t, b.Scripts().Ask(t.Context(), "a", "2").Refuses("2"))
		b.put(current, "a", "2")
		b.put(status, "a", "ACTIVE")
		require.True(t, b.Scripts().Known("a").Refuses("2"))
		require.Equal(t, wire.ScriptState{Known: true, Pinned: true, Version: "2", Final: true}, b.Scripts().Ask(t.Context(), "a", "2"))
		b.connect(false)
		require.True(t, b.Scripts().Ask(t.Context(), "a", "2").Refuses("2"), "offline the last known answer counts")
	})
}

// What the leader refuses is refused: the command behind it need not wait for
// another answer.
func TestARefusalOfTheLeaderIsAskedForOnce(t *testing.T) {
	run(t, nil, func(t *testing.T, b *bench) {
		current, c := b.bucket("script_current"), b.asking()
		b.bucket("script_status")
		b.put(current, "a", "1")
		b.see("script_current", 1, "a", "1")
		b.see("script_status", 1)
		began := time.Now()
		for n := range 100 {
			require.True(t, b.Scripts().Ask(t.Context(), "a", "2").Refuses("2"))
			require.Equal(t, 2*(n+1), c.count(), "one request for each of the two rows")
		}
		require.Equal(t, began, time.Now())
		b.put(current, "a", "2")
		require.False(t, b.Scripts().Ask(t.Context(), "a", "2").Refuses("2"))
	})
}

// A replica may be behind what the leader has confirmed.
func TestARefusalOfAReplicaIsAskedForTwice(t *testing.T) {
	run(t, nil, func(t *testing.T, b *bench) {
		current, c := b.bucket("script_current"), b.asking()
		c.replica, c.refused = true, true
		b.bucket("script_status")
		b.put(current, "a", "1")
		b.see("script_current", 1, "a", "1")
		b.see("script_status", 1)
		began := time.Now()
		go func() {
			time.Sleep(lagTime / 2)
			b.put(current, "a", "2")
		}()
		require.False(t, b.Scripts().Ask(t.Context(), "a", "2").Refuses("2"))
		require.Equal(t, lagTime, time.Since(began))
		require.Equal(t, 4, c.count())
		require.True(t, b.Scripts().Ask(t.Context(), "a", "3").Refuses("3"))
		require.Equal(t, 8, c.count(), "and not more often")
	})
}

// The time in which a leader does not answer is not spent on every command.
func TestASilentLeaderIsNotAskedAllTheTime(t *testing.T) {
	run(t, nil, func(t *testing.T, b *bench) {
		c := b.asking()
		c.replica = true
		b.put(b.bucket("script_current"), "a", "1")
		b.bucket("script_status")
		for n := range 100 {
			require.Equal(t, n == 0, b.Scripts().Ask(t.Context(), "a", "1").Final, "who was not asked for waits")
		}
		require.Equal(t, 2, c.count())
		time.Sleep(askPause)
		require.False(t, b.Scripts().Ask(t.Context(), "a", "1").Refuses("1"))
		require.Equal(t, 4, c.count())
	})
}

// An agent that was away has a view from before, and commands that waited for it.
func TestAStaleViewIsDoubtedWhileTheBrokerIsThere(t *testing.T) {
	run(t, nil, func(t *testing.T, b *bench) {
		b.put(b.bucket("script_status"), "a", "REVOKED")
		b.bucket("script_current")
		b.see("script_current", 1)
		b.seeStale("script_status", time.Now().Add(-72*time.Hour), 1)
		require.Equal(t, wire.ScriptState{Known: true, Revoked: true, Final: true}, b.Scripts().Ask(t.Context(), "a", "1"))
		b.connect(false)
		require.False(t, b.Scripts().Ask(t.Context(), "a", "1").Revoked)
	})
}

func TestWhatTheBrokerSaysOfARow(t *testing.T) {
	for name, c := range map[string]struct {
		prepare func(*bench)
		revoked bool
		pinned  bool
	}{
		"put": {func(b *bench) {
			b.put(b.bucket("script_status"), "a", "REVOKED")
			b.put(b.bucket("script_current"), "a", "1")
		}, true, true},
		"taken back": {func(b *bench) {
			b.put(b.bucket("script_status"), "a", "ACTIVE")
			b.put(b.bucket("script_current"), "a", "0")
		}, false, true},
		"broken": {func(b *bench) {
			b.put(b.bucket("script_status"), "a", "revoked")
			b.put(b.bucket("script_current"), "a", "\xff")
		}, true, true},
		"never put":    {func(b *bench) { b.bucket("script_status"); b.bucket("script_current") }, true, false},
		"no buckets":   {func(*bench) {}, true, false},
		"deleted":      {func(b *bench) { b.delete("script_status"); b.delete("script_current") }, false, false},
		"purged":       {func(b *bench) { b.purge("script_status"); b.purge("script_current") }, false, false},
		"not answered": {func(b *bench) { b.asking().mute = true }, true, true},
	} {
		t.Run(name, func(t *testing.T) {
			run(t, nil, func(t *testing.T, b *bench) {
				c.prepare(b)
				b.see("script_current", 1, "a", "0")
				b.see("script_status", 1, "a", "REVOKED")
				got := b.Scripts().Ask(t.Context(), "a", "1")
				require.True(t, got.Final)
				require.Equal(t, c.revoked, got.Revoked, "a revocation ends when the bucket says so")
				require.Equal(t, c.pinned, got.Pinned, "a pin ends with its row")
			})
		})
	}
}

// A replica that is behind answers with an older row, or an older deletion; a
// bucket that was set back to a backup has nothing else.
func TestAnOlderRowLiftsNoRevocation(t *testing.T) {
	for name, older := range map[string]func(*bench){
		"row":      func(b *bench) { b.put(b.bucket("script_status"), "a", "ACTIVE") },
		"deletion": func(b *bench) { b.delete("script_status") },
	} {
		t.Run(name, func(t *testing.T) {
			run(t, nil, func(t *testing.T, b *bench) {
				older(b)
				b.bucket("script_current")
				b.see("script_current", 1)
				revoked := retry.Entry{Value: []byte("REVOKED"), Revision: 9, Created: time.Now().Add(time.Second)}
				b.applies["script_status"](retry.View{Entries: map[string]retry.Entry{"a": revoked}})
				require.Equal(t, wire.ScriptState{Known: true, Revoked: true, Final: true}, b.Scripts().Ask(t.Context(), "a", "1"))
				b.see("script_status", 1, "a", "ACTIVE") // set back to a backup
				require.True(t, b.Scripts().Known("a").Revoked)
				require.True(t, b.Scripts().Ask(t.Context(), "a", "1").Revoked)
				again := retry.Entry{Value: []byte("ACTIVE"), Revision: 2, Created: time.Now().Add(time.Minute)}
				b.applies["script_status"](retry.View{Entries: map[string]retry.Entry{"a": again}})
				require.False(t, b.Scripts().Known("a").Revoked)
			})
		})
	}
}

func (b *bench) delete(bucket string) {
	kv := b.bucket(bucket)
	b.put(kv, "a", "REVOKED")
	require.NoError(b.t, kv.Delete(b.t.Context(), "a"))
}

func (b *bench) purge(bucket string) {
	kv := b.bucket(bucket)
	b.put(kv, "a", "REVOKED")
	require.NoError(b.t, kv.Purge(b.t.Context(), "a"))
}

// A row that vanishes from the view was deleted, or the bucket was wiped.
func TestARevocationThatVanishesIsKeptUnlessItWasDeleted(t *testing.T) {
	run(t, nil, func(t *testing.T, b *bench) {
		b.see("script_current", 1)
		b.bucket("script_status")
		b.see("script_status", 1, "a", "REVOKED", "b", "ACTIVE")
		b.see("script_status", 1)
		require.True(t, b.Scripts().Known("a").Revoked)
		require.Equal(t, 1, b.Status().Buckets[3].Kept)

		b.delete("script_status")
		require.False(t, b.Scripts().Ask(t.Context(), "a", "1").Revoked, "the marker is found when it matters")
		require.False(t, b.Scripts().Known("a").Revoked)
		require.Zero(t, b.Status().Buckets[3].Kept)

		b.see("script_status", 1, "a", "REVOKED")
		b.see("script_status", 1)
		require.False(t, b.Scripts().Known("a").Revoked, "here it was found at once")
		b.restart()
		require.False(t, b.Scripts().Known("a").Revoked)
	})
}

// The broker is asked for a few seconds, and then not again for a while.
func TestABrokerThatDoesNotAnswerIsNotAskedAllTheTime(t *testing.T) {
	run(t, nil, func(t *testing.T, b *bench) {
		c := b.asking()
		c.mute = true
		began := time.Now()
		require.Equal(t, wire.ScriptState{Age: wire.NeverConnected, Final: true}, b.Scripts().Ask(t.Context(), "a", "1"))
		require.Equal(t, askTime, time.Since(began))
		for range 10 {
			require.False(t, b.Scripts().Ask(t.Context(), "a", "1").Known)
		}
		require.Equal(t, askTime, time.Since(began))
		require.Equal(t, 2, c.count())
		time.Sleep(askPause)
		c.set(func(c *counted) { c.mute = false })
		require.Equal(t, wire.ScriptState{Known: true, Final: true}, b.Scripts().Ask(t.Context(), "a", "1"), "there are no buckets")
		b.connect(false)
		require.True(t, b.Scripts().Known("a").Known, "which is remembered")
		synctest.Wait()
		b.restart()
		require.True(t, b.Scripts().Known("a").Known)
	})
}

func TestAnAnswerThatAStopCutsShortIsNotFinal(t *testing.T) {
	run(t, nil, func(t *testing.T, b *bench) {
		b.asking().mute = true
		b.see("script_current", 1, "a", "1")
		b.see("script_status", 1)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		state := b.Scripts().Ask(ctx, "a", "2")
		require.True(t, state.Refuses("2"))
		require.False(t, state.Final)
		require.False(t, b.scripts.pins.outage.pauses(), "that is no fault of the broker")
	})
}

func TestAJobThatNoKeyCanHoldIsNeitherPinnedNorRevoked(t *testing.T) {
	run(t, nil, func(t *testing.T, b *bench) {
		c := b.asking()
		for _, id := range []string{"", "a b", "größe", "../x", "a.*", ">", "a..b"} {
			want := wire.ScriptState{Known: true, Final: true}
			require.Equal(t, want, b.Scripts().Known(id), id)
			require.Equal(t, want, b.Scripts().Ask(t.Context(), id, "1"), id)
		}
		require.Zero(t, c.count())
	})
}

// A bucket that nobody answers for is missing only when the broker says so.
func TestAMissingBucketIsAnEmptyOneForWhoKnowsNothing(t *testing.T) {
	run(t, nil, func(t *testing.T, b *bench) {
		c := b.asking()
		missing := retry.Attempt{Err: jetstream.ErrBucketNotFound}
		c.mute = true
		b.groups.noteAttempt(t.Context(), missing)
		require.Nil(t, b.groupsNow())
		c.mute = false
		b.groups.noteAttempt(t.Context(), retry.Attempt{Err: errors.New("timeout")})
		require.Nil(t, b.groupsNow())
		kv := b.bucket("agent_groups")
		b.groups.noteAttempt(t.Context(), missing)
		require.Nil(t, b.groupsNow(), "its stream is there")
		require.NoError(t, b.fake.JetStream().DeleteKeyValue(t.Context(), kv.Bucket()))
		_, changed := b.Groups()
		b.groups.noteAttempt(t.Context(), missing)
		require.NotNil(t, b.groupsNow())
		require.True(t, closed(changed))
		b.see("agent_groups", 1, "PC-1", `{"groups":["a"]}`)
		b.groups.noteAttempt(t.Context(), missing)
		require.Equal(t, []string{"a"}, b.groupsNow(), "what is known stays")
	})
}

// A fleet without these buckets has its strict commands run after a short drop.
func TestABucketThatIsMissingIsKnownSinceItWasLastMissed(t *testing.T) {
	run(t, nil, func(t *testing.T, b *bench) {
		missing := retry.Attempt{Err: jetstream.ErrBucketNotFound}
		for range 3 {
			time.Sleep(time.Hour)
			b.scripts.pins.noteAttempt(t.Context(), missing)
			b.scripts.status.noteAttempt(t.Context(), missing)
		}
		b.connect(false)
		time.Sleep(10 * time.Second)
		require.Equal(t, 10*time.Second, b.Scripts().Ask(t.Context(), "a", "1").Age)
	})
}
