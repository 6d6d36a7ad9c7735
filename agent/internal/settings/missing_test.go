package settings

import (
	"context"
	"reflect"
	"slices"
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
		require.Zero(t, b.logs.Count("level=WARN"), "a bucket that is missing is nobody's fault")
	})
}

// A deployment without a bucket has nothing that could be out of date. What cannot
// be asked may.
func TestABucketThatIsNotThereIsFresh(t *testing.T) {
	run(t, nil, func(t *testing.T, b *bench) {
		status := func() BucketStatus { return b.Status().Buckets[0] }
		attempt := func(err error) { b.groups.noteAttempt(t.Context(), retry.Attempt{N: 1, Err: err}) }
		attempt(jetstream.ErrBucketNotFound)
		missed := time.Now()
		time.Sleep(50 * time.Second)
		require.Zero(t, status().Stale, "it is asked for every minute, as a bucket is that is there")
		require.True(t, status().Read)
		require.Equal(t, missed, status().Missing)

		lost := time.Now()
		b.connect(false)
		time.Sleep(time.Hour)
		require.Equal(t, lost, status().Stale, "since the connection was lost")
		b.connect(true)
		time.Sleep(time.Second)
		require.Equal(t, missed, status().Stale, "nobody has asked again yet")
		attempt(jetstream.ErrBucketNotFound)
		require.Zero(t, status().Stale)

		missed = time.Now()
		time.Sleep(time.Minute)
		attempt(context.DeadlineExceeded)
		require.Equal(t, missed, status().Stale, "nobody knows any more")
		attempt(jetstream.ErrBucketNotFound)
		require.Zero(t, status().Stale)
		b.see("agent_groups", 1, "PC-1", `{"groups":["a"]}`)
		require.Zero(t, status().Stale)
		gone := time.Now()
		attempt(jetstream.ErrBucketNotFound)
		b.seeStale("agent_groups", gone, 1, "PC-1", `{"groups":["a"]}`)
		require.Equal(t, gone, status().Stale, "its rows are in force without it")
		attempt(jetstream.ErrBucketNotFound)
		require.Equal(t, gone, status().Stale)
	})
}

// The end of a view leaves nothing fresh.
func TestABucketThatIsNotThereIsStaleAfterTheEnd(t *testing.T) {
	run(t, nil, func(t *testing.T, b *bench) {
		b.groups.noteAttempt(t.Context(), retry.Attempt{N: 1, Err: jetstream.ErrBucketNotFound})
		require.Zero(t, b.Status().Buckets[0].Stale)
		missed := time.Now()
		time.Sleep(time.Second)
		b.stop()
		require.Equal(t, missed, b.Status().Buckets[0].Stale)
		b.start()
	})
}

// Whether a bucket is there is for its view to say: an answer to a question about a
// row is not corrected by a view that is, and stays, fresh and empty.
func TestAnAnswerAboutARowLeavesTheViewAlone(t *testing.T) {
	run(t, nil, func(t *testing.T, b *bench) {
		b.asking()
		b.see("script_current", 1)
		b.see("script_status", 1, "a", "REVOKED")
		before := b.Status()
		for range 3 { // there are no buckets at the broker
			require.True(t, b.Scripts().Ask(t.Context(), "a", "1").Revoked)
			time.Sleep(time.Hour)
		}
		require.Equal(t, withoutUnsaved(before), withoutUnsaved(b.Status()))
		require.Zero(t, b.Scripts().Known("b").Age)
	})
}

// A host whose name no key can have has nothing to wait for.
func TestAHostWithoutARowIsFresh(t *testing.T) {
	run(t, func(b *bench) { b.pcID = "größe" }, func(t *testing.T, b *bench) {
		for _, online := range []bool{true, false, true} {
			b.connect(online)
			time.Sleep(time.Minute)
			groups := b.Status().Buckets[0]
			require.True(t, groups.Known && groups.Read)
			require.Zero(t, groups.Stale)
			require.Zero(t, groups.Missing)
		}
	})
}

// Who shows the status need not look all the time.
func TestWhoShowsTheStatusIsToldOfChanges(t *testing.T) {
	run(t, nil, func(t *testing.T, b *bench) {
		b.asking()
		b.see("script_current", 1)
		attempt := func(err error) { b.scripts.status.noteAttempt(t.Context(), retry.Attempt{N: 1, Err: err}) }
		for _, step := range []struct {
			name string
			news bool
			do   func()
		}{
			{"a view", true, func() { b.see("script_status", 1, "a", "REVOKED") }},
			{"a newer one", true, func() { b.see("script_status", 2, "a", "REVOKED") }},
			{"stale", true, func() { b.seeStale("script_status", time.Now(), 2, "a", "REVOKED") }},
			{"a problem", true, func() { b.see("script_status", 3, "a", "REVOKED", "b", "\xff") }},
			{"not readable", true, func() { attempt(nats.ErrPermissionViolation) }},
			{"still not", false, func() { attempt(nats.ErrPermissionViolation) }},
			{"missing", true, func() { attempt(jetstream.ErrBucketNotFound) }},
			{"still missing", false, func() { attempt(jetstream.ErrBucketNotFound) }},
			{"there", true, func() { attempt(nil) }},
			{"a question", false, func() { b.Scripts().Ask(t.Context(), "c", "1") }},
		} {
			changed, before := b.StatusChanged(), b.Status()
			step.do()
			require.Equal(t, step.news, closed(changed), step.name)
			require.Equal(t, step.news, !reflect.DeepEqual(withoutUnsaved(before), withoutUnsaved(b.Status())), step.name)
		}
	})
}

func withoutUnsaved(s Status) Status {
	s.Buckets = slices.Clone(s.Buckets)
	for i := range s.Buckets {
		s.Buckets[i].Unsaved = false
	}
	return s
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
		require.Equal(t, 4, b.logs.Count("level=WARN"), "once for each bucket: %s", b.logs.String())
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
			require.Equal(t, told, b.logs.Count("$JS.API.STREAM.MSG.GET.KV_script_status"))
			require.Len(t, b.Status().Buckets[3].Problems, 1)
			c.set(func(c *counted) { c.replica, c.refused = false, false })
			b.Scripts().Ask(t.Context(), "a", "1")
			require.Empty(t, b.Status().Buckets[3].Problems)
		}
	})
}

// Where nobody uses the buckets the four of them would cost more than those that are
// there: each look at one that is missing would be two requests.
func TestTheLeaderIsNotAskedEachTimeForABucketThatIsMissing(t *testing.T) {
	run(t, nil, func(t *testing.T, b *bench) {
		asked := b.asking().count
		attempt := func() { b.groups.noteAttempt(t.Context(), retry.Attempt{N: 1, Err: jetstream.ErrBucketNotFound}) }
		for range 60 {
			attempt()
			require.Zero(t, b.Status().Buckets[0].Stale)
			require.NotZero(t, b.Status().Buckets[0].Missing)
			time.Sleep(time.Minute)
		}
		require.LessOrEqual(t, asked(), 60/4)
		before := asked()
		b.connect(false)
		time.Sleep(time.Second)
		b.connect(true)
		time.Sleep(time.Second)
		attempt()
		require.Equal(t, before+1, asked(), "another connection")
	})
}
