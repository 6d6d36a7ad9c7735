package settings

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent/internal/statefile"
	"github.com/kanade-go/kanade/outbox/atomicfile"
)

var someTime = time.Date(2031, 3, 4, 5, 6, 7, 8, time.UTC)

func aSnapshot() snapshot {
	return snapshot{Saved: someTime, Rows: map[string]row{
		"a":   {Value: "REVOKED", Revision: 7},
		"b/c": {Value: "<&> \u2028 é\x00\"", Revision: 1 << 63, Kept: true},
	}}
}

// onDisk is what a snapshot comes to.
func onDisk(t *testing.T, s snapshot) (st store, data string) {
	t.Helper()
	st = newStore(atomicfile.OS, t.TempDir(), "PC-1", "script_status")
	require.NoError(t, st.save(s))
	read, err := os.ReadFile(st.Path)
	require.NoError(t, err)
	return st, string(read)
}

// The form is what earlier releases wrote, and read: hosts go back to them.
func TestTheFormOfASnapshot(t *testing.T) {
	t.Parallel()
	s := aSnapshot()
	s.Forgot.put(7)
	_, data := onDisk(t, s)
	const form = `{"format":1,"sha256":"a2b8301483261d2a215651a1f0c4d01d8b7c25a242357e14108962e2f0d5993e","body":{"pc_id":"PC-1",` +
		`"bucket":"script_status","saved":"2031-03-04T05:06:07.000000008Z","rows":[{"key":"a","value":"REVOKED","revision":7},` +
		`{"key":"b/c","value":"\u003c\u0026\u003e \u2028 é\u0000\"","revision":9223372036854775808,"kept":true}],` +
		`"forgot":true,"forgotten":"AAAAAAAAAAc="}}` + "\n"
	require.Equal(t, strings.Split(form, ","), strings.Split(data, ","), "to the byte")
}

func TestSnapshotRoundTrip(t *testing.T) {
	t.Parallel()
	for _, s := range []snapshot{aSnapshot(), {Saved: someTime, Rows: map[string]row{}}} {
		st, data := onDisk(t, s)
		_, again := onDisk(t, s)
		require.Equal(t, data, again, "it does not depend on the order of a map")
		got, err := st.load()
		require.NoError(t, err)
		require.Equal(t, s, *got)
	}
}

// The largest view that is taken fits into the largest file that is read; here it
// is a part of one, for which that is just as true.
func TestTheLargestSnapshotFits(t *testing.T) {
	t.Parallel()
	const part = 64
	worst := snapshot{Saved: someTime, Rows: map[string]row{}}
	for i := range maxBytes / part / 1024 {
		worst.Rows[fmt.Sprint(i)] = row{Value: strings.Repeat("\x01", 1024), Revision: 1 << 63, Kept: true}
	}
	require.Greater(t, sizeOf(worst.Rows), maxBytes/part)
	_, data := onDisk(t, worst)
	require.Less(t, len(data), statefile.MaxBytes/part)
	worst.Rows = map[string]row{}
	for i := range maxBytes / part / rowBytes {
		worst.Rows[fmt.Sprint(i)] = row{Revision: 1 << 63, Kept: true}
	}
	require.Greater(t, sizeOf(worst.Rows), maxBytes/part)
	_, data = onDisk(t, worst)
	require.Less(t, len(data), statefile.MaxBytes/part)
}

func TestASnapshotOfAnotherHostOrBucketIsSetAside(t *testing.T) {
	t.Parallel()
	_, data := onDisk(t, aSnapshot())
	for _, own := range []store{
		newStore(atomicfile.OS, t.TempDir(), "PC-2", "script_status"), newStore(atomicfile.OS, t.TempDir(), "PC-1", "script_current"),
	} {
		require.NoError(t, os.WriteFile(own.Path, []byte(data), 0o600))
		found, err := own.load()
		require.ErrorIs(t, err, statefile.ErrForeign)
		require.EqualError(t, err, `settings: snapshot belongs to another host or bucket: it is of "PC-1" and "script_status"`)
		require.Nil(t, found)
		require.FileExists(t, own.Path+statefile.BrokenSuffix)
		found, err = own.load()
		require.NoError(t, err, "once")
		require.Nil(t, found)
	}
}

func FuzzSnapshot(f *testing.F) {
	good, err := json.Marshal(aSnapshot().body())
	require.NoError(f, err)
	f.Add(good)
	f.Add([]byte("null"))
	f.Add([]byte(`{"rows":[{"key":"a"},{"key":"a"}],"forgot":true,"forgotten":"AAAA"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var body, same snapshotBody
		if json.Unmarshal(data, &body) != nil {
			return
		}
		s := body.snapshot()
		again, err := json.Marshal(s.body())
		if err != nil {
			return // a time that JSON cannot have
		}
		require.NoError(t, json.Unmarshal(again, &same))
		require.True(t, s.Saved.Equal(same.snapshot().Saved))
		require.Len(t, same.Rows, len(s.Rows))
		require.True(t, s.Forgot.equal(same.snapshot().Forgot))
	})
}
