package outbox

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"testing"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/outbox/atomicfile"
	"github.com/kanade-go/kanade/outbox/atomicfile/faultfs"
)

// crashSteps is above the number of disk operations of the scenario; the test
// checks that it is.
const crashSteps = 60

// TestLostPower cuts the power at every disk operation of a scenario, and looks
// at every disk that a faultfs can find afterwards.
func TestLostPower(t *testing.T) {
	t.Parallel()
	require.NoError(t, cutEverywhere(func(f *faultfs.FS) atomicfile.FS { return f }))
}

// The same test must notice when a sync is missing, or it would prove nothing.
func TestLostPowerNoticesMissingSyncs(t *testing.T) {
	t.Parallel()
	require.ErrorIs(t, cutEverywhere(func(f *faultfs.FS) atomicfile.FS { return noFileSync{f} }), errBroken)
	require.ErrorIs(t, cutEverywhere(func(f *faultfs.FS) atomicfile.FS { return noDirSync{f} }), errBroken)
}

type noDirSync struct{ *faultfs.FS }

func (noDirSync) SyncDir(string) error { return nil }

type noFileSync struct{ *faultfs.FS }

type unsyncedFile struct{ atomicfile.File }

func (unsyncedFile) Sync() error { return nil }

func (n noFileSync) OpenFile(name string, flag int, perm fs.FileMode) (atomicfile.File, error) {
	f, err := n.FS.OpenFile(name, flag, perm)
	if err != nil {
		return nil, err
	}
	return unsyncedFile{f}, nil
}

var errBroken = errors.New("promise broken")

func cutEverywhere(wrap func(*faultfs.FS) atomicfile.FS) error {
	for stop := 1; ; stop++ {
		disk := faultfs.New(stop)
		var s stream
		promised := crashScenario(wrap(disk), &s)
		err := disk.EachSurvivor(func(found *faultfs.FS) error { return checkSurvivors(found, s.copy(), promised) })
		if err != nil {
			return fmt.Errorf("stop at %d: %w", stop, err)
		}
		if disk.Steps() < stop {
			return nil // the scenario has run to its end
		}
		if stop > crashSteps {
			return errors.New("the scenario does not end")
		}
	}
}

// crashScenario does what it can until the power fails, and returns the names
// of the records that were promised to be safe.
func crashScenario(fsys atomicfile.FS, s *stream) (promised []string) {
	ctx := context.Background()
	box, err := Open("/box", WithFS(fsys), WithWindow(1))
	if err != nil {
		return nil
	}
	defer box.Close()
	store := func(names ...string) {
		for _, name := range names {
			if box.Put(ctx, record(name)) == nil {
				promised = append(promised, name)
			}
		}
	}
	store("a", "B")
	if _, err := box.Flush(ctx, s); err != nil {
		return promised
	}
	store("c", "c", "a", "d")
	return promised
}

// checkSurvivors opens the folder after the power cut and delivers: everything
// promised must have reached the stream, and whatever has a record's name must
// be a whole record.
func checkSurvivors(disk *faultfs.FS, s *stream, promised []string) error {
	box, err := Open("/box", WithFS(disk), WithWindow(1))
	if err != nil {
		return err
	}
	defer box.Close()
	if _, err := box.Flush(context.Background(), s); err != nil {
		return fmt.Errorf("%w: %w", errBroken, err)
	}
	for _, name := range promised {
		if !s.seen["id-"+name] {
			return fmt.Errorf("%w: record %s is lost", errBroken, name)
		}
	}
	for _, m := range s.msgs {
		name, _ := strings.CutPrefix(m.Header.Get(jetstream.MsgIDHeader), "id-")
		if string(m.Data) != string(record(name).Data) {
			return fmt.Errorf("%w: record %s has the data %q", errBroken, name, m.Data)
		}
	}
	return nil
}

func (s *stream) copy() *stream {
	c := &stream{msgs: slices.Clip(s.msgs), seen: map[string]bool{}}
	for id := range s.seen {
		c.seen[id] = true
	}
	return c
}

// A Put is kept out by a file that an earlier process left without having
// synced it: it must be synced before that counts as stored.
func TestLostPowerAfterAPutThatFoundItsFile(t *testing.T) {
	t.Parallel()
	disk := faultfs.New(0)
	first, err := Open("/box", WithFS(noDirSync{disk}))
	require.NoError(t, err)
	put(t, first, "a")
	require.NoError(t, first.Close())

	second, err := Open("/box", WithFS(disk))
	require.NoError(t, err)
	put(t, second, "a")
	require.EqualValues(t, 1, second.Stats().Kept)
	require.NoError(t, second.Close())
	require.NoError(t, checkSurvivors(disk.Survivors(0, faultfs.Dropped), &stream{}, []string{"a"}))
}
