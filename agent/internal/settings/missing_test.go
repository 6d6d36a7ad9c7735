package settings

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/retry"
)

// Whoever reads the status sees a bucket that is not there apart from one that
// cannot be read.
func TestStatusTellsAMissingBucketFromOneThatCannotBeRead(t *testing.T) {
	run(t, nil, func(t *testing.T, b *bench) {
		status := func() BucketStatus { return b.Status().Buckets[3] }
		attempt := func(err error) { b.scripts.status.noteAttempt(t.Context(), retry.Attempt{N: 1, Err: err}) }
		require.Zero(t, status().Missing)
		require.Empty(t, status().Unreadable)

		attempt(jetstream.ErrBucketNotFound)
		began := time.Now()
		require.Equal(t, began, status().Missing)
		time.Sleep(time.Hour)
		attempt(jetstream.ErrBucketNotFound)
		require.Equal(t, began, status().Missing, "since when")
		require.Empty(t, status().Unreadable)

		attempt(context.DeadlineExceeded)
		require.Zero(t, status().Missing, "nobody knows")
		require.Contains(t, status().Unreadable, "deadline")
		attempt(nats.ErrPermissionViolation)
		require.Contains(t, status().Unreadable, "ermissions")

		kv := b.bucket("script_status")
		attempt(jetstream.ErrBucketNotFound)
		require.Zero(t, status().Missing)
		require.Contains(t, status().Unreadable, "direct gets")
		attempt(nil)
		require.Empty(t, status().Unreadable)

		b.see("script_status", 1, "a", "REVOKED")
		require.NoError(t, b.fake.JetStream().DeleteKeyValue(t.Context(), kv.Bucket()))
		attempt(jetstream.ErrBucketNotFound)
		require.Equal(t, time.Now(), status().Missing, "also when its rows are still in force")
		require.True(t, b.Scripts().Known("a").Revoked)
		b.bucket("script_status")
		b.see("script_status", 1)
		require.Zero(t, status().Missing)
		require.Zero(t, b.logs.count("level=WARN"), "a bucket that is missing is nobody's fault")
	})
}

// Where the leader may not be asked, silence counts as missing when it has lasted
// longer than an election.
func TestABucketThatNobodyAnswersForIsMissingAfterAWhile(t *testing.T) {
	run(t, nil, func(t *testing.T, b *bench) {
		c := b.asking()
		c.replica, c.refused = true, true
		pause := time.Second
		for n := 1; b.groupsNow() == nil; n++ {
			require.Less(t, n, 10)
			for _, m := range b.mirrors() {
				m.noteAttempt(t.Context(), retry.Attempt{N: n, Err: jetstream.ErrBucketNotFound, Wait: pause})
			}
			if b.groupsNow() == nil {
				require.Empty(t, b.Status().Buckets[0].Missing)
				require.False(t, b.Scripts().Ask(t.Context(), "a", "1").Known)
			}
			time.Sleep(pause)
			pause *= 2
		}
		require.Empty(t, b.groupsNow())
		require.Equal(t, allowedNow, b.Scripts().Ask(t.Context(), "a", "1"))
		require.NotZero(t, b.Status().Buckets[3].Missing)
		require.Equal(t, 4, b.logs.count("level=WARN"), "once for each bucket: %s", b.logs.text())
	})
}

// A lost connection ends the row: who has just started has no leader yet.
func TestALostConnectionEndsTheSilence(t *testing.T) {
	type attempt struct {
		after time.Duration
		a     retry.Attempt
	}
	of := func(n int, wait time.Duration) retry.Attempt { return retry.Attempt{N: n, Wait: wait} }
	for name, c := range map[string]struct {
		attempts []attempt
		want     time.Duration
	}{
		"first":                    {[]attempt{{0, of(1, time.Second)}}, 0},
		"pauses grow":              {[]attempt{{0, of(1, time.Second)}, {time.Second, of(2, 2*time.Second)}, {2 * time.Second, of(3, 4*time.Second)}}, 3 * time.Second},
		"pauses vary":              {[]attempt{{0, of(3, 12*time.Second)}, {12 * time.Second, of(4, 8*time.Second)}}, 12 * time.Second},
		"a new row":                {[]attempt{{0, of(4, time.Minute)}, {time.Minute, of(1, time.Minute)}}, 0},
		"late":                     {[]attempt{{0, of(1, time.Second)}, {time.Hour, of(2, 2*time.Second)}}, 0},
		"the first pause again":    {[]attempt{{0, of(5, 16*time.Second)}, {time.Second, of(6, time.Second)}}, 0},
		"and from then on":         {[]attempt{{0, of(5, 16*time.Second)}, {time.Second, of(6, time.Second)}, {time.Second, of(7, 2*time.Second)}}, time.Second},
		"told of the new stream":   {[]attempt{{0, of(5, 60*time.Second)}, {time.Second, of(6, time.Second)}}, 0},
		"as late as a slow answer": {[]attempt{{0, of(1, time.Second)}, {6 * time.Second, of(2, 2*time.Second)}}, 6 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var s silence
				var got time.Duration
				for _, x := range c.attempts {
					time.Sleep(x.after)
					got = s.lasts(x.a)
				}
				require.Equal(t, c.want, got)
			})
		})
	}
}

// A refusal is told once, and again when it was mended and comes back.
func TestARefusedLeaderIsToldOnce(t *testing.T) {
	run(t, nil, func(t *testing.T, b *bench) {
		c := b.asking()
		b.put(b.bucket("script_status"), "a", "REVOKED")
		b.bucket("script_current")
		b.see("script_current", 1)
		b.see("script_status", 1, "a", "REVOKED")
		for told := 1; told <= 2; told++ {
			c.set(func(c *counted) { c.replica, c.refused = true, true })
			for range 5 {
				b.Scripts().Ask(t.Context(), "a", "1")
			}
			require.Equal(t, told, b.logs.count("$JS.API.STREAM.MSG.GET.KV_script_status"))
			require.Len(t, b.Status().Buckets[3].Problems, 1)
			c.set(func(c *counted) { c.replica, c.refused = false, false })
			b.Scripts().Ask(t.Context(), "a", "1")
			require.Empty(t, b.Status().Buckets[3].Problems)
		}
	})
}
