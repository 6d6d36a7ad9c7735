package statefile

import (
	"errors"
	"fmt"
	"path"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/outbox/atomicfile"
	"github.com/kanade-go/kanade/outbox/atomicfile/faultfs"
)

// is a promise that this document is found, or a later one.
func is(saved int) faultfs.Promise {
	return faultfs.Promise{
		Of:      fmt.Sprint(saved),
		Check:   func(found *faultfs.FS) error { return checkSaved(found, saved) },
		Restart: restarted,
	}
}

// stateFolder is package statedir's affair.
func stateFolder(disk atomicfile.FS) error {
	return errors.Join(disk.MkdirAll("/state", 0o700), disk.SyncDir("/"))
}

// restarted is the process after one that was killed. It relies on what it loads, and
// saves another document later.
func restarted(m *faultfs.Mutant, check func(faultfs.Promise) error) error {
	if err := stateFolder(m.FS); err != nil {
		return err
	}
	f := &File{FS: m, Path: somePath}
	var last document
	if _, err := f.Load(&last, nil); err != nil {
		return err
	}
	if err := check(is(last.A)); err != nil {
		return fmt.Errorf("loaded by the next process: %w", err)
	}
	if err := f.Save(document{A: 3}); err != nil {
		return err
	}
	return check(is(3))
}

// The process is killed at every step of two saves with a start between them, and the
// power is cut in the next one.
func killedSuite(model faultfs.Model) *faultfs.Suite {
	return &faultfs.Suite{
		Model: model, Packages: []string{"github.com/kanade-go/kanade/outbox/atomicfile", "github.com/kanade-go/kanade/agent/internal/statefile"},
		Class: path.Base,
		Scenario: func(m *faultfs.Mutant) (faultfs.Promise, error) {
			err := stateFolder(m.FS)
			saved := 0
			for n := 1; n <= 2 && err == nil; n++ {
				f := &File{FS: m, Path: somePath}
				if _, err = f.Load(new(document), nil); err != nil {
					break
				}
				if err = f.Save(document{A: n}); err == nil {
					saved = n
				}
				_ = m.Do("told", func() error { return nil })
			}
			if m.Cut() {
				err = nil
			}
			return is(saved), err
		},
	}
}

func TestDocumentsOfAKilledProcessSurviveLostPower(t *testing.T) {
	t.Parallel()
	for _, model := range []faultfs.Model{faultfs.POSIX, faultfs.NTFS} {
		require.NoError(t, killedSuite(model).Prove())
	}
}

// The sync of the folder's name fails; the next save must not take it for durable.
func TestAFolderWhoseNameCouldNotBeSyncedIsMadeAgain(t *testing.T) {
	t.Parallel()
	disk := faultfs.New(0)
	require.NoError(t, atomicfile.MkdirAll(disk, "/state", 0o700))
	fault := errors.New("disk error")
	disk.Fail(disk.Steps()+2, disk.Steps()+2, fault)
	f := &File{FS: disk, Path: somePath}
	require.ErrorIs(t, f.Save(document{A: 1}), fault)
	require.NoError(t, f.Save(document{A: 1}))
	require.NoError(t, disk.EachSurvivor(is(1).Check))
}
