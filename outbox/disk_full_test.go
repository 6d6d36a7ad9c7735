package outbox

import (
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/outbox/atomicfile"
)

// diskFS is a disk of which every file takes as much as it is long. late says
// that it does not show what was freed.
type diskFS struct {
	meteredFS
	late    bool
	refuses atomic.Pointer[string] // the name of a file that cannot be removed
}

func newDisk(free int64) *diskFS {
	d := &diskFS{meteredFS: meteredFS{atomicfile.OS, new(atomic.Int64)}}
	d.free.Store(free)
	return d
}

func (d *diskFS) Remove(name string) error {
	if refused := d.refuses.Load(); refused != nil && strings.HasSuffix(name, *refused) {
		return fs.ErrPermission
	}
	info, err := d.Stat(name)
	if err != nil {
		return err
	}
	if err := d.FS.Remove(name); err != nil {
		return err
	}
	if !d.late {
		d.free.Add(info.Size())
	}
	return nil
}

const testFloor = 1 << 20

func fullDiskBox(t *testing.T, d *diskFS, records int, opts ...Option) *Outbox {
	opts = append(opts, WithFS(d), WithFreeDisk(testFloor), WithOverflow(OverflowDropOldest))
	box := openBox(t, t.TempDir(), opts...)
	for n := range records {
		require.NoError(t, box.Put(t.Context(), sized(fmt.Sprintf("%04d", n))))
	}
	return box
}

func TestADiskThatOthersFillCostsNoRecord(t *testing.T) {
	t.Parallel()
	d := newDisk(1 << 30)
	box := fullDiskBox(t, d, 100)
	d.free.Store(10 << 10)
	for n := range 100 {
		require.ErrorIs(t, box.Put(t.Context(), record(fmt.Sprint("new", n))), ErrFull)
	}
	require.Equal(t, Stats{Pending: 100, Put: 100, Rejected: 100}, counts(box))

	// One byte more than all records have is still too much.
	d.free.Store(testFloor - box.Stats().Bytes - 1)
	require.ErrorIs(t, box.Put(t.Context(), Record{Name: "empty", Subject: "s"}), ErrFull)
	require.Equal(t, 100, box.Stats().Pending)
}

func TestAFullDiskCostsAsManyRecordsAsItTakes(t *testing.T) {
	t.Parallel()
	for _, late := range []bool{false, true} {
		for _, short := range []int64{1, 10, 700} { // beyond the first batches
			d := newDisk(1 << 30)
			d.late = late
			records := int(short) + 100
			box := fullDiskBox(t, d, records)
			size := box.Stats().Bytes / int64(records)
			r := sized("new")
			d.free.Store(testFloor + int64(len(r.Data)) - (short-1)*size - 1)
			require.NoError(t, box.Put(t.Context(), r))
			require.EqualValues(t, short, box.Stats().Dropped)
			require.Equal(t, 101, box.Stats().Pending)
			left := files(t, box.dir)
			require.Equal(t, fmt.Sprintf("%04d.json", short), slices.Min(left), "the oldest went")
			require.Contains(t, left, "new.json")
		}
	}
}

// Small files take whole blocks: the disk says when it is enough.
func TestTheDiskSaysWhenEnoughWasDropped(t *testing.T) {
	t.Parallel()
	d := newDisk(1 << 30)
	d.late = true
	box := fullDiskBox(t, d, 100)
	blocks := &blockFS{diskFS: d}
	box.opt.fs = blocks
	d.free.Store(testFloor - 5000)
	put(t, box, "new")
	require.EqualValues(t, 2, box.Stats().Dropped)
}

type blockFS struct{ *diskFS }

func (b *blockFS) Remove(name string) error {
	b.free.Add(4096)
	return b.diskFS.Remove(name)
}

func TestWhatIsStuckIsNoRoomOnTheDisk(t *testing.T) {
	t.Parallel()
	d := newDisk(1 << 30)
	box := fullDiskBox(t, d, 0)
	put(t, box, "bad1", "bad2", "bad3")
	_, err := box.Flush(t.Context(), &stream{refuse: refuseBad(apiError(10054, 400))})
	require.Error(t, err)
	require.Equal(t, 3, box.Stats().Stuck)
	require.NoError(t, box.Put(t.Context(), sized("a")))
	d.free.Store(testFloor - box.Stats().Bytes - 1)
	require.ErrorIs(t, box.Put(t.Context(), sized("b")), ErrFull)
	require.Equal(t, []string{"a.json"}, files(t, box.dir))
}

// What was taken to be dropped and was not is delivered.
func TestWhatWasNotDroppedIsDelivered(t *testing.T) {
	t.Parallel()
	d := newDisk(1 << 30)
	d.late = true
	box := fullDiskBox(t, d, 50)
	_, err := box.Flush(t.Context(), &stream{refuse: func(*nats.Msg) error { return errRefused }})
	require.Error(t, err, "now they wait")
	held := "0004.json"
	d.refuses.Store(&held)
	size := box.Stats().Bytes / 50
	d.free.Store(testFloor - 19*size)
	require.ErrorIs(t, box.Put(t.Context(), sized("new")), ErrFull)
	require.EqualValues(t, 4, box.Stats().Dropped)
	d.free.Store(1 << 30)
	d.refuses.Store(nil)
	var s stream
	sent, err := box.Flush(t.Context(), &s)
	require.NoError(t, err)
	require.Equal(t, 46, sent)
	require.Zero(t, box.Stats().Pending)
}
