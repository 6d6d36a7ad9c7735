package agent

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/outbox"
)

func TestTheFloorOfFreeSpaceFitsTheDisk(t *testing.T) {
	for size, want := range map[int64]int64{
		0:          0,
		1 << 20:    52_428,
		1 << 30:    53_687_091,
		1280 << 20: 64 << 20,
		4 << 40:    64 << 20,
	} {
		require.Equal(t, want, diskFloorOf(size), size)
	}
	floor, err := diskFloor(t.TempDir())
	require.NoError(t, err)
	require.Positive(t, floor)
	_, err = diskFloor(filepath.Join(t.TempDir(), "missing"))
	require.ErrorIs(t, err, os.ErrNotExist)
}

// Before the box of results is full, nothing more is to be accepted.
func TestTheBoxOfResultsSaysThatItIsAboutToBeFull(t *testing.T) {
	const most = 100
	dir := filepath.Join(t.TempDir(), "box")
	box, err := outbox.Open(dir, outbox.WithLimit(most, 0))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, box.Close()) })
	sink := roomySink{Sink: box, box: box, floor: 1 << 10}
	for n := range most {
		if n <= most-resultsInFlight {
			require.NoError(t, sink.Room(), n)
		} else {
			require.ErrorIs(t, sink.Room(), outbox.ErrFull, n)
		}
		require.NoError(t, sink.Put(t.Context(), outbox.Record{Name: fmt.Sprint(n), MsgID: "m", Subject: "s"}), "what has started has room")
	}

	sink.floor = 1 << 62
	require.ErrorIs(t, sink.Room(), outbox.ErrFull)
}

func TestADiskThatDoesNotTellItsFreeSpaceStopsNothing(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "box")
	box, err := outbox.Open(dir)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, box.Close()) })
	require.NoError(t, os.Rename(dir, dir+".away"))
	require.NoError(t, roomySink{Sink: box, box: box}.Room())
}
