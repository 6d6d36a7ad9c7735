package schedule

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent/wire"
	"github.com/kanade-go/kanade/retry"
)

// Thousands of schedules are due at once, and the agent dies when some of their runs
// have ended: each fires once.
func TestManySchedules(t *testing.T) {
	const all = 300
	run(t, func(b *bench) {
		s := wire.Schedule{JobID: "j", RunsOn: wire.RunsOnAgent, Target: wire.Target{All: true}, Cron: "0 */10 * * * *", Mode: wire.OncePerPC}
		for i := range all {
			s.ID = fmt.Sprint("s", i)
			b.buckets[wire.BucketSchedules][s.ID] = string(s.Encode())
		}
		b.job(wire.Manifest{})
		b.exit = func(wire.Command) (int32, bool) { return 0, false }
	}, func(t *testing.T, b *bench) {
		b.until("2000-01-01 00:10:01")
		require.Len(t, b.runs(), all)
		require.Equal(t, all, b.Status().Running)
		for i, f := range b.runs() {
			b.finish(b.Service, f.RequestID, 0)
			if i == all/2 {
				b.crash()
				b.start()
			}
		}
		b.until("2000-01-01 00:21:00")
		require.Len(t, b.runs(), all)
		require.Zero(t, seen(b, &b.repeated))
		require.Zero(t, b.Status().Running)
		require.Zero(t, b.Status().Overlapped)
	})
}

// Thousands of broken rows are a few lines in the log, each time that there are new ones.
func TestManyBrokenRows(t *testing.T) {
	const rows = 1000
	run(t, nil, func(t *testing.T, b *bench) {
		broken := map[string]retry.Entry{}
		for i := range rows {
			broken[fmt.Sprint("s", i)] = retry.Entry{Value: []byte("{")}
		}
		for range 3 {
			seen(b, &b.applies)[wire.BucketSchedules](retry.View{Entries: broken})
		}
		require.Len(t, seen(b, &b.observed), maxNamed)
		require.Equal(t, maxNamed+1, b.logs.Count("level=WARN"))
		require.Equal(t, 1, b.logs.Count(fmt.Sprint("problems=", rows-maxNamed)))
		require.Len(t, b.Status().Problems, maxNamed)
		broken["new"] = retry.Entry{Value: []byte("{")}
		seen(b, &b.applies)[wire.BucketSchedules](retry.View{Entries: broken})
		require.Equal(t, 1, b.logs.Count("name=new"))
		seen(b, &b.applies)[wire.BucketSchedules](retry.View{})
		require.Empty(t, b.Status().Problems)
	})
}

// What is written can be read, however long the IDs of schedules are that have gone:
// all that a bucket may hold and they, each byte escaped, are no file that is too large.
func TestCompletionsOfLongIDs(t *testing.T) {
	t.Parallel()
	require.Less(t, 6*(maxBytes+maxGoneBytes), maxCompletions)
	c := newCompletions(t, "{}")
	_, err := c.load()
	require.NoError(t, err)
	long := strings.Repeat("x", maxScheduleRow-100)
	now := time.Date(2031, 1, 1, 0, 0, 0, 0, time.UTC)
	for i := range 60 {
		c.set(completionKey(fmt.Sprint(long, i), "j"), now.Add(time.Duration(i)))
	}
	c.set("s::j", now.AddDate(-1, 0, 0))
	c.prune(now, map[string]bool{"s": true})
	require.NoError(t, c.save())
	again := &completions{fs: c.fs, path: c.path}
	warning, err := again.load()
	require.NoError(t, err)
	require.NoError(t, warning)
	_, done := again.get("s::j")
	require.True(t, done)
	_, done = again.get(completionKey(fmt.Sprint(long, 59), "j"))
	require.True(t, done, "the oldest go first")
	size := 0
	for key := range again.last {
		size += len(key)
	}
	require.LessOrEqual(t, size, maxGoneBytes+len("s::j"))
}

// A bucket that holds too much leaves the last good view in force.
func TestABucketThatHoldsTooMuch(t *testing.T) {
	runOne(t, wire.Schedule{Cron: "0 * * * * *"}, func(t *testing.T, b *bench) {
		entries := map[string]retry.Entry{}
		row := []byte(`{"id":"x","cron":"` + strings.Repeat(" ", 60_000) + `","job_id":"j"}`)
		for i := range maxBytes/len(row) + 1 {
			entries[fmt.Sprint(i)] = retry.Entry{Value: row}
		}
		seen(b, &b.applies)[wire.BucketSchedules](retry.View{Entries: entries})
		b.pass(61 * time.Second)
		require.Len(t, b.runs(), 1)
		require.Equal(t, 1, b.problems("it holds more than"))
		require.False(t, b.Status().Stale.IsZero())
		b.schedule(wire.Schedule{Cron: "0 * * * * *", Cooldown: "1s"})
		require.Empty(t, b.Status().Problems)
		b.put(wire.BucketSchedules, "long", string(make([]byte, maxScheduleRow+1)))
		require.Equal(t, 1, b.problems("at most 65536 are read"))
	})
}
