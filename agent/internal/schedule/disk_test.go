package schedule

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent/wire"
	"github.com/kanade-go/kanade/outbox/atomicfile"
	"github.com/kanade-go/kanade/retry"
)

func newCompletions(t *testing.T, content string) *completions {
	t.Helper()
	c := &completions{fs: atomicfile.OS, path: filepath.Join(t.TempDir(), CompletionsFile)}
	if content != "" {
		require.NoError(t, os.WriteFile(c.path, []byte(content), 0o600))
	}
	return c
}

// The file is the reference release's, in both directions.
func TestTheFormOfCompletions(t *testing.T) {
	t.Parallel()
	const golden = "{\n" +
		"  \"nightly-disk::disk-report\": \"2031-03-04T05:06:07Z\",\n" +
		"  \"ä<b>::j\": \"2031-03-04T05:06:07.123456700Z\"\n" +
		"}"
	c := newCompletions(t, golden)
	warning, err := c.load()
	require.NoError(t, err)
	require.NoError(t, warning)
	last, ok := c.get("nightly-disk::disk-report")
	require.True(t, ok)
	require.Equal(t, time.Date(2031, 3, 4, 5, 6, 7, 0, time.UTC), last)
	last, _ = c.get("ä<b>::j")
	c.set("ä<b>::j", last)
	require.NoError(t, c.save())
	written, err := os.ReadFile(c.path)
	require.NoError(t, err)
	require.Equal(t, strings.Split(golden, "\n"), strings.Split(string(written), "\n"), "to the byte")
	empty, err := encodeCompletions(nil)
	require.NoError(t, err)
	require.Equal(t, "{}", string(empty))
}

func TestCompletionsThatAreDamaged(t *testing.T) {
	t.Parallel()
	for content, want := range map[string]int{
		"": 0, "{}": 0, "\x00\x00": -1, "null": -1, "[]": -1, `{"a::b":"2031-03-04T05:06:07Z"`: -1,
		`{"a::b":"2031-03-04T05:06:07Z","c::d":5,"e::f":"soon"}`: 1,
		strings.Repeat(" ", maxCompletions+1):                    -1,
	} {
		c := newCompletions(t, content)
		warning, err := c.load()
		require.NoError(t, err)
		require.Len(t, c.last, max(want, 0))
		if want < 0 {
			require.ErrorIs(t, warning, errDamaged)
			require.FileExists(t, c.path+brokenSuffix)
		}
		if want == 1 {
			require.ErrorContains(t, warning, "2 entries have no readable time")
		}
		c.set("new::j", time.Unix(0, 0))
		require.NoError(t, c.save())
		again := &completions{fs: c.fs, path: c.path}
		warning, err = again.load()
		require.NoError(t, err)
		require.NoError(t, warning)
		require.Len(t, again.last, max(want, 0)+1)
	}
}

func TestCompletionsAreNotOverwrittenUnread(t *testing.T) {
	t.Parallel()
	c := newCompletions(t, `{"a::b":"2031-03-04T05:06:07Z"}`)
	c.set("c::d", time.Unix(1, 0))
	require.ErrorIs(t, c.save(), errUnread)
	_, err := c.load()
	require.NoError(t, err)
	require.Len(t, c.last, 2)
	require.NoError(t, c.save())
}

func TestCompletionsArePruned(t *testing.T) {
	t.Parallel()
	now := time.Date(2031, 1, 1, 0, 0, 0, 0, time.UTC)
	c := newCompletions(t, "")
	c.set("here::j", now.AddDate(-9, 0, 0))
	c.set("gone::j", now.Add(-keepGone))
	c.set("longgone::j", now.Add(-keepGone-1))
	c.set("site::nightly::j", now.AddDate(-9, 0, 0))
	here := map[string]bool{"here": true, "site::nightly": true}
	c.prune(now, here)
	require.Len(t, c.last, 3)
	require.Contains(t, c.last, "site::nightly::j", "an ID may hold the separator")
	require.NotContains(t, c.last, "longgone::j")
	for i := range maxGone {
		c.set(fmt.Sprint("gone", i, "::j"), now)
	}
	c.prune(now, here)
	require.Len(t, c.last, maxGone+2)
	require.NotContains(t, c.last, "gone::j", "the oldest go first")
	require.Contains(t, c.last, "here::j")
}

func TestFilesThatCannotBeUsed(t *testing.T) {
	t.Parallel()
	good := store{fs: atomicfile.OS, dir: filepath.Join(t.TempDir(), "schedule"), pcID: "PC-1"}
	require.NoError(t, good.save("x", map[string]int{"a": 1}))
	whole, err := os.ReadFile(good.path("x"))
	require.NoError(t, err)
	var body map[string]int
	found, err := good.load("x", &body)
	require.NoError(t, err)
	require.True(t, found)
	require.Equal(t, 1, body["a"])
	found, err = good.load("missing", &body)
	require.NoError(t, err)
	require.False(t, found)
	for content, want := range map[string]error{
		string(whole[:len(whole)/2]):                                    errDamaged,
		strings.Replace(string(whole), `"a":1`, `"a":2`, 1):             errDamaged,
		strings.Replace(string(whole), "PC-1", "PC-2", 1):               errForeign,
		strings.Replace(string(whole), `"format":1`, `"format":2`, 1):   errNewer,
		strings.Replace(string(whole), `"format":1`, `"format":"1"`, 1): errDamaged,
		"": errDamaged, "null": errDamaged,
	} {
		require.NoError(t, os.WriteFile(good.path("x"), []byte(content), 0o600))
		_, err := good.load("x", &body)
		require.ErrorIs(t, err, want, content)
		require.NoFileExists(t, good.path("x"))
		require.FileExists(t, good.path("x")+brokenSuffix)
	}
	require.NoError(t, good.save("x", "text"))
	_, err = good.load("x", &body)
	require.ErrorIs(t, err, errDamaged, "of another type")
}

// A bucket that holds too much leaves the last good view in force.
func TestABucketThatHoldsTooMuch(t *testing.T) {
	run(t, func(b *bench) {
		b.schedule(wire.Schedule{Cron: "0 * * * * *"})
		b.job(wire.Manifest{})
	}, func(t *testing.T, b *bench) {
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

func FuzzCompletions(f *testing.F) {
	f.Add([]byte(`{"a::b":"2031-03-04T05:06:07Z","c::d":5}`))
	f.Add([]byte("{}"))
	f.Add([]byte(`{"":"2031-03-04 05:06:07 +0900"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		found, err := decodeCompletions(data)
		if found == nil {
			require.ErrorIs(t, err, errDamaged)
			return
		}
		require.True(t, json.Valid(data))
		written, err := encodeCompletions(found)
		require.NoError(t, err)
		again, err := decodeCompletions(written)
		require.NoError(t, err)
		require.Equal(t, found, again)
	})
}
