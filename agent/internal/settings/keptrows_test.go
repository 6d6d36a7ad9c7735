package settings

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent/internal/statefile"
	"github.com/kanade-go/kanade/agent/wire"
)

// manyRevoked are n revocations with keys of about 490 bytes.
func manyRevoked(name string, n int) []string {
	var values []string
	long := strings.Repeat("x", 480)
	for i := range n {
		values = append(values, fmt.Sprintf("%s-%05d-%s", name, i, long), wire.ScriptRevoked)
	}
	return values
}

// fullBucket is nearly all that one bucket may hold.
const fullBucket = maxBytes/(488+len(wire.ScriptRevoked)+rowBytes) - 1

// A bucket that was wiped with everything revoked in it leaves room for what is put
// into the next one.
func TestKeptRevocationsTakeNoRoomFromLiveRows(t *testing.T) {
	run(t, nil, func(t *testing.T, b *bench) {
		b.see("script_current", 1)
		first, c := manyRevoked("a", fullBucket), b.asking()
		b.see("script_status", 1, first...)
		b.see("script_status", 1)
		require.Equal(t, maxDeletions, c.count(), "the broker is not asked for each of them")
		require.Equal(t, fullBucket, b.Status().Buckets[3].Kept)
		second := append(manyRevoked("b", fullBucket-1), "job", "ACTIVE")
		b.see("script_status", 1, second...)
		require.True(t, b.Scripts().Known(first[0]).Revoked)
		require.True(t, b.Scripts().Known(second[0]).Revoked)
		require.Equal(t, wire.ScriptState{Known: true}, b.Scripts().Known("job"))
		require.Zero(t, b.Status().Buckets[3].Stale, "the view goes on")
		require.Zero(t, b.logs.Count("level=WARN"))
		b.restart()
		require.True(t, b.Scripts().Known(first[0]).Revoked)
		require.Equal(t, 2*fullBucket, b.Status().Buckets[3].Rows, "both are on disk")
	})
}

// More vanished revocations than can be kept: none is taken back by that. What the
// bucket has still counts, at once.
func TestARevocationThatCouldNotBeKeptIsNotTakenBack(t *testing.T) {
	run(t, nil, func(t *testing.T, b *bench) {
		b.see("script_current", 1)
		b.bucket("script_current")
		status := b.bucket("script_status")
		first, second := manyRevoked("a", fullBucket), manyRevoked("b", fullBucket)
		b.see("script_status", 1, first...)
		b.see("script_status", 1, second...)
		require.Zero(t, b.logs.Count("could be kept"))
		b.see("script_status", 1, "job", "ACTIVE", "bad", "REVOKED")

		check := func() {
			t.Helper()
			require.True(t, b.Scripts().Known(first[0]).Revoked, "those that were kept first stay")
			lost := second[len(second)-2]
			require.False(t, b.Scripts().Known(lost).Known, "nobody knows")
			require.False(t, b.Scripts().Ask(t.Context(), lost, "1").Known, "the bucket that has no row neither")
			require.True(t, b.Scripts().Known("never-heard-of").Known, "that was never revoked")
			require.Equal(t, wire.ScriptState{Known: true, Age: b.Scripts().Known("job").Age}, b.Scripts().Known("job"))
			require.True(t, b.Scripts().Known("bad").Revoked)
			require.Len(t, b.Status().Buckets[3].Problems, 1)
		}
		check()
		live, kept := sizes(b.scripts.status.rows)
		require.LessOrEqual(t, kept, maxKeptBytes)
		require.Less(t, live, 200)
		for range 3 {
			b.see("script_status", 2, "job", "ACTIVE", "bad", "REVOKED")
		}
		require.Equal(t, 1, b.logs.Count("could be kept"), "once")

		synctest.Wait()
		b.connect(false)
		b.restart()
		check()
		b.connect(true)
		lost := second[len(second)-2]
		b.put(status, lost, "ACTIVE")
		require.True(t, b.Scripts().Ask(t.Context(), lost, "1").Known, "a row decides")
		b.see("script_current", 1)
		active := []string{"job", "ACTIVE", "bad", "REVOKED"}
		for i := 0; i < len(second); i += 2 {
			active = append(active, second[i], "ACTIVE")
		}
		b.see("script_status", 1, active[:len(active)-2]...)
		require.NotEmpty(t, b.Status().Buckets[3].Severe, "one is missing")
		b.see("script_status", 1, active...)
		require.Empty(t, b.Status().Buckets[3].Severe, "each of them has a row")
		require.Equal(t, wire.ScriptState{Known: true}, b.Scripts().Known(lost))
		b.see("script_status", 1)
		require.Equal(t, wire.ScriptState{Known: true}, b.Scripts().Known(lost), "which it was last heard of with")
		synctest.Wait()
		time.Sleep(time.Minute)
		b.restart()
		require.True(t, b.Scripts().Known(lost).Known, "nor does the disk remember more")
		require.Empty(t, b.Status().Buckets[3].Severe)
	})
}

// A deletion that is told needs no row that remembers.
func TestADeletedRevocationIsOverWhereNotAllCouldBeKept(t *testing.T) {
	run(t, nil, func(t *testing.T, b *bench) {
		b.bucket("script_current")
		b.see("script_current", 1)
		b.see("script_status", 1, manyRevoked("a", fullBucket)...)
		second := manyRevoked("b", 20)
		b.see("script_status", 1, second...)
		b.see("script_status", 1)
		status, lost := b.bucket("script_status"), second[len(second)-2]
		require.False(t, b.Scripts().Ask(t.Context(), lost, "1").Known)
		for i := len(second) - 2; i >= 0 && b.scripts.status.forgot.any(); i -= 2 {
			require.Len(t, b.Status().Buckets[3].Severe, 1)
			require.NoError(t, status.Delete(t.Context(), second[i]))
			require.Equal(t, allowedNow, b.Scripts().Ask(t.Context(), second[i], "1"))
		}
		require.Equal(t, allowedNow, b.Scripts().Ask(t.Context(), lost, "1"))
		require.Empty(t, b.Status().Buckets[3].Severe, "nobody has to mend anything")
	})
}

func TestMakeRoomDropsWhatVanishedLast(t *testing.T) {
	t.Parallel()
	f := folded{rows: map[string]row{"live": {Value: "REVOKED"}}}
	for i, values := range [][]string{manyRevoked("a", fullBucket), manyRevoked("b", 5)} {
		for key := range slices.Chunk(values, 2) {
			f.rows[key[0]] = row{Value: key[1], Kept: true}
			if i == 1 {
				f.vanished = append(f.vanished, key[0])
			}
		}
	}
	before := maps.Clone(f.rows)
	f.makeRoom()
	require.True(t, f.forgot.any())
	maps.DeleteFunc(before, func(key string, _ row) bool { _, still := f.rows[key]; return still })
	for key := range before {
		require.Equal(t, "b-", key[:2])
		require.True(t, f.forgot.has(key))
	}
	require.NotEmpty(t, before)
	require.Equal(t, len(before), f.forgot.size())
	f.makeRoom()
	require.Equal(t, len(before), f.forgot.size(), "what fits stays")
}

// More of them than are remembered one by one: then any may be one.
func TestForgottenKeysAreBounded(t *testing.T) {
	t.Parallel()
	var f forgotten
	for i := range maxForgotten {
		f.put(uint64(i))
	}
	require.False(t, f.all)
	require.False(t, f.has("never-heard-of"))
	f.put(1)
	require.False(t, f.all)
	f.put(1 << 60)
	require.True(t, f.has("never-heard-of"))
	require.Equal(t, maxForgotten, f.size())
	require.True(t, f.without(map[string]row{"never-heard-of": {}}).has("never-heard-of"), "for good")
	require.Equal(t, f, decodeForgotten(f.encode(), f.all))

	st, data := onDisk(t, snapshot{Rows: map[string]row{}, Forgot: forgotten{all: true}})
	require.Contains(t, data, `"forgot":true`, "which an older release reads")
	got, err := st.load()
	require.NoError(t, err)
	require.True(t, got.Forgot.has("any"))
}

func TestTheLargestSnapshotWithKeptRowsFits(t *testing.T) {
	t.Parallel()
	const part = 64
	worst := snapshot{Saved: someTime, Rows: map[string]row{}}
	for i := range maxForgotten / part {
		worst.Forgot.put(uint64(i) << 40)
	}
	worst.Forgot.all = true
	for i := range maxKeptBytes / part / (rowBytes + len(wire.ScriptRevoked)) {
		worst.Rows[fmt.Sprint(i)] = row{Value: wire.ScriptRevoked, Revision: 1 << 63, Put: someTime, Kept: true}
	}
	st, data := onDisk(t, worst)
	require.Less(t, len(data), statefile.MaxBytes/part/4, "a quarter beside the rows that the bucket has")
	got, err := st.load()
	require.NoError(t, err)
	require.Equal(t, worst, *got)
}

func TestRestoreChecksTheRowsAgain(t *testing.T) {
	t.Parallel()
	rows, err := statusPolicy.restore(map[string]row{
		"a": {Value: "ACTIVE"}, "b": {Value: "x"}, "c": {Value: "REVOKED", Kept: true}, "d": {Value: "ACTIVE", Kept: true}, "ö": {Value: "REVOKED", Kept: true},
	})
	require.NoError(t, err)
	require.Equal(t, map[string]row{"a": {Value: "ACTIVE"}, "c": {Value: "REVOKED", Kept: true}}, rows)
}
