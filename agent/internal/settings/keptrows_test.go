package settings

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

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
		require.Zero(t, b.logs.count("level=WARN"))
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
		require.Zero(t, b.logs.count("could be kept"))
		b.see("script_status", 1, "job", "ACTIVE", "bad", "REVOKED")

		check := func() {
			t.Helper()
			require.True(t, b.Scripts().Known(first[0]).Revoked, "those that were kept first stay")
			for _, id := range []string{second[len(second)-2], "never-heard-of"} {
				require.False(t, b.Scripts().Known(id).Known, "nobody knows")
				require.False(t, b.Scripts().Ask(t.Context(), id, "1").Known, "the bucket that has no row neither")
			}
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
		require.Equal(t, 1, b.logs.count("could be kept"), "once")

		synctest.Wait()
		b.connect(false)
		b.restart()
		check()
		b.connect(true)
		b.put(status, "never-heard-of", "ACTIVE")
		require.True(t, b.Scripts().Ask(t.Context(), "never-heard-of", "1").Known, "a row decides")
		b.see("script_status", 1, "job", "ACTIVE", "bad", "REVOKED", "never-heard-of", "ACTIVE")
		b.see("script_current", 1)
		require.Equal(t, wire.ScriptState{Known: true}, b.Scripts().Known("never-heard-of"))
	})
}

// A deletion that is told needs no row that remembers.
func TestADeletedRevocationIsOverWhereNotAllCouldBeKept(t *testing.T) {
	run(t, nil, func(t *testing.T, b *bench) {
		b.bucket("script_current")
		b.see("script_current", 1)
		b.see("script_status", 1, manyRevoked("a", fullBucket)...)
		b.see("script_status", 1, manyRevoked("b", fullBucket)...)
		b.see("script_status", 1)
		require.False(t, b.Scripts().Ask(t.Context(), "a", "1").Known)
		b.delete("script_status")
		require.Equal(t, allowedNow, b.Scripts().Ask(t.Context(), "a", "1"))
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
	require.True(t, f.forgot)
	maps.DeleteFunc(before, func(key string, _ row) bool { _, still := f.rows[key]; return still })
	for key := range before {
		require.Equal(t, "b-", key[:2])
	}
	require.NotEmpty(t, before)
	f.makeRoom()
	require.False(t, f.forgot, "what fits stays")
}

func TestTheLargestSnapshotWithKeptRowsFits(t *testing.T) {
	t.Parallel()
	const part = 64
	worst := snapshot{PCID: "PC-1", Bucket: "b", Saved: someTime, Rows: map[string]row{}, Forgot: true}
	for i := range maxKeptBytes / part / (rowBytes + len(wire.ScriptRevoked)) {
		worst.Rows[fmt.Sprint(i)] = row{Value: wire.ScriptRevoked, Revision: 1 << 63, Put: someTime, Kept: true}
	}
	data, err := worst.encode()
	require.NoError(t, err)
	require.Less(t, len(data), maxSnapshot/part/4, "a quarter beside the rows that the bucket has")
	got, err := decodeSnapshot(data)
	require.NoError(t, err)
	require.Equal(t, worst, got)
}

func TestRestoreChecksTheRowsAgain(t *testing.T) {
	t.Parallel()
	rows, err := statusPolicy.restore(map[string]row{
		"a": {Value: "ACTIVE"}, "b": {Value: "x"}, "c": {Value: "REVOKED", Kept: true}, "d": {Value: "ACTIVE", Kept: true}, "ö": {Value: "REVOKED", Kept: true},
	})
	require.NoError(t, err)
	require.Equal(t, map[string]row{"a": {Value: "ACTIVE"}, "c": {Value: "REVOKED", Kept: true}}, rows)
}
