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

const somePath = "/state/folder/doc.json"

// Power is cut at every step of two saves, and every disk that can be found is
// looked at: a document that was saved is there, or a later one, and never half of
// one.
func suite(model faultfs.Model) *faultfs.Suite {
	return &faultfs.Suite{
		Model: model, Packages: []string{"github.com/kanade-go/kanade/outbox/atomicfile", "github.com/kanade-go/kanade/agent/internal/statefile"},
		Class: path.Base,
		Scenario: func(m *faultfs.Mutant) (faultfs.Promise, error) {
			f := &File{FS: m, Path: somePath}
			err := errors.Join(m.FS.MkdirAll("/state", 0o700), m.FS.SyncDir("/"))
			saved := 0
			for n := 1; n <= 2 && err == nil; n++ {
				if err = f.Save(document{A: n}); err == nil {
					saved = n
				}
				_ = m.Do("told", func() error { return nil })
			}
			if m.Cut() {
				err = nil
			}
			return faultfs.Promise{Of: fmt.Sprint(saved), Check: func(found *faultfs.FS) error {
				return checkSaved(found, saved)
			}}, err
		},
	}
}

func checkSaved(disk *faultfs.FS, saved int) error {
	var got document
	if _, err := (&File{FS: disk, Path: somePath}).Load(&got, nil); err != nil {
		return err
	}
	if got.A < saved {
		return fmt.Errorf("document %d is back, %d was saved", got.A, saved)
	}
	return nil
}

func TestDocumentsSurviveLostPower(t *testing.T) {
	t.Parallel()
	for _, model := range []faultfs.Model{faultfs.POSIX, faultfs.NTFS} {
		require.NoError(t, suite(model).Prove())
	}
}

// A set-aside that power interrupts has happened or not.
func TestASetAsideSurvivesLostPower(t *testing.T) {
	t.Parallel()
	for _, model := range []faultfs.Model{faultfs.POSIX, faultfs.NTFS} {
		for stop := 1; ; stop++ {
			disk := faultfs.New(0, model)
			require.NoError(t, atomicfile.MkdirAll(disk, path.Dir(somePath), 0o700))
			require.NoError(t, atomicfile.WriteFile(disk, somePath, []byte("damaged"), 0o600))
			before := disk.Steps()
			disk.Fail(before+stop, before+stop, errors.New("disk error"))
			_, err := (&File{FS: disk, Path: somePath}).Load(new(document), nil)
			require.ErrorIs(t, err, ErrDamaged)
			require.NoError(t, disk.EachSurvivor(func(found *faultfs.FS) error {
				_, err := (&File{FS: found, Path: somePath}).Load(new(document), nil)
				if err != nil && !errors.Is(err, ErrDamaged) {
					return err
				}
				return nil
			}))
			if disk.Steps() < before+stop {
				break
			}
		}
	}
}
