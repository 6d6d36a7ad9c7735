package settings

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/outbox/atomicfile"
)

var someTime = time.Date(2031, 3, 4, 5, 6, 7, 8, time.UTC)

func aSnapshot() snapshot {
	return snapshot{PCID: "PC-1", Bucket: "script_status", Saved: someTime, Rows: map[string]row{
		"a":   {Value: "REVOKED", Revision: 7},
		"b/c": {Value: "<&> \u2028 é\x00\"", Revision: 1 << 63, Kept: true},
	}}
}

func TestSnapshotRoundTrip(t *testing.T) {
	t.Parallel()
	for _, s := range []snapshot{aSnapshot(), {PCID: "x", Bucket: "y", Saved: someTime, Rows: map[string]row{}}} {
		data, err := s.encode()
		require.NoError(t, err)
		again, err := s.encode()
		require.NoError(t, err)
		require.Equal(t, data, again, "it does not depend on the order of a map")
		got, err := decodeSnapshot(data)
		require.NoError(t, err)
		require.Equal(t, s, got)
	}
}

// The largest view that is taken fits into the largest file that is read; here it
// is a part of one, for which that is just as true.
func TestTheLargestSnapshotFits(t *testing.T) {
	t.Parallel()
	const part = 64
	worst := snapshot{PCID: "PC-1", Bucket: "b", Saved: someTime, Rows: map[string]row{}}
	for i := range maxBytes / part / 1024 {
		worst.Rows[fmt.Sprint(i)] = row{Value: strings.Repeat("\x01", 1024), Revision: 1 << 63, Kept: true}
	}
	require.Greater(t, sizeOf(worst.Rows), maxBytes/part)
	data, err := worst.encode()
	require.NoError(t, err)
	require.Less(t, len(data), maxSnapshot/part)
	worst.Rows = map[string]row{}
	for i := range maxBytes / part / rowBytes {
		worst.Rows[fmt.Sprint(i)] = row{Revision: 1 << 63, Kept: true}
	}
	require.Greater(t, sizeOf(worst.Rows), maxBytes/part)
	data, err = worst.encode()
	require.NoError(t, err)
	require.Less(t, len(data), maxSnapshot/part)
}

func TestStore(t *testing.T) {
	t.Parallel()
	s := store{fs: atomicfile.OS, dir: filepath.Join(t.TempDir(), "a", "settings"), pcID: "PC-1"}
	found, err := s.load("script_status")
	require.NoError(t, err)
	require.Nil(t, found)
	want := aSnapshot()
	require.NoError(t, s.save(want))
	found, err = s.load("script_status")
	require.NoError(t, err)
	require.Equal(t, want, *found)
	requirePrivate(t, s.path("script_status"))
}

func TestASnapshotThatCannotBeUsedIsSetAside(t *testing.T) {
	t.Parallel()
	good, err := aSnapshot().encode()
	require.NoError(t, err)
	change := func(old, by string) []byte {
		changed := bytes.Replace(good, []byte(old), []byte(by), 1)
		require.NotEqual(t, good, changed)
		return changed
	}
	otherBucket := aSnapshot()
	otherBucket.Bucket = "script_current"
	moved, err := otherBucket.encode()
	require.NoError(t, err)
	for name, c := range map[string]struct {
		data []byte
		is   error
	}{
		"empty":           {nil, errDamaged},
		"zeros":           {make([]byte, 4096), errDamaged},
		"torn":            {good[:len(good)/2], errDamaged},
		"a changed value": {change("REVOKED", "ACTIVE!"), errDamaged},
		"a changed sum":   {change(`"sha256":"`, `"sha256":"0`), errDamaged},
		"no format":       {change(`"format":1`, `"format":0`), errDamaged},
		"newer":           {change(`"format":1`, `"format":2`), errNewer},
		"another host":    {nil, errForeign},
		"another bucket":  {moved, errForeign},
		"too large":       {nil, errTooLarge},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := store{fs: atomicfile.OS, dir: t.TempDir(), pcID: "PC-1"}
			if name == "another host" {
				s.pcID, c.data = "PC-2", good
			}
			file := s.path("script_status")
			require.NoError(t, os.WriteFile(file, c.data, 0o600))
			if name == "too large" {
				require.NoError(t, os.Truncate(file, maxSnapshot+1))
			}
			require.NoError(t, os.WriteFile(file+brokenSuffix, []byte("an earlier one"), 0o600))
			found, err := s.load("script_status")
			require.ErrorIs(t, err, c.is)
			require.Nil(t, found)
			aside, err := os.Stat(file + brokenSuffix)
			require.NoError(t, err)
			if name != "too large" {
				require.EqualValues(t, len(c.data), aside.Size(), "nothing is lost")
			}
			found, err = s.load("script_status")
			require.NoError(t, err, "once")
			require.Nil(t, found)
			require.NoError(t, s.save(snapshot{Bucket: "script_status", Rows: map[string]row{}}))
		})
	}
}

func FuzzDecodeSnapshot(f *testing.F) {
	good, err := aSnapshot().encode()
	require.NoError(f, err)
	f.Add(good)
	f.Add(good[:len(good)-3])
	f.Add([]byte(`{"format":1,"sha256":"","body":null}`))
	f.Add([]byte(`{"format":1,"sha256":"44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a","body":{}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := decodeSnapshot(data)
		if err != nil {
			require.True(t, isOneOf(err, errDamaged, errNewer), "%v", err)
			return
		}
		again, err := s.encode()
		if err != nil {
			return // a time that JSON cannot have
		}
		same, err := decodeSnapshot(again)
		require.NoError(t, err)
		require.True(t, s.Saved.Equal(same.Saved))
		require.Equal(t, s.Rows, same.Rows)
	})
}

// Every single bit of a snapshot matters.
func TestEveryFlippedBitIsNoticed(t *testing.T) {
	t.Parallel()
	good, err := aSnapshot().encode()
	require.NoError(t, err)
	for i := range good {
		for bit := range 8 {
			data := bytes.Clone(good)
			data[i] ^= 1 << bit
			if s, err := decodeSnapshot(data); err == nil {
				require.Equal(t, aSnapshot(), s, "byte %d, bit %d", i, bit)
			}
		}
	}
}
