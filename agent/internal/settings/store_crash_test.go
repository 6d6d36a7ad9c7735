package settings

import (
	"errors"
	"fmt"
	"path"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/outbox/atomicfile"
	"github.com/kanade-go/kanade/outbox/atomicfile/faultfs"
)

// Power is cut at every step of two saves and a set-aside, and every disk that
// can be found is looked at: a snapshot that was saved is there, or a later one,
// and never half of one.
func storeSuite(model faultfs.Model) *faultfs.Suite {
	return &faultfs.Suite{
		Model: model, Packages: []string{"github.com/kanade-go/kanade/outbox/atomicfile", "github.com/kanade-go/kanade/agent/internal/settings"},
		Class: func(name string) string { return strings.TrimPrefix(path.Base(name), "script_status") },
		Scenario: func(m *faultfs.Mutant) (faultfs.Promise, error) {
			s := store{fs: m, dir: "/state/settings", pcID: "PC-1"}
			err := errors.Join(m.FS.MkdirAll("/state", 0o700), m.FS.SyncDir("/"))
			saved := 0
			for n := 1; n <= 2 && err == nil; n++ {
				if err = s.save(versionOf(n)); err == nil {
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

func versionOf(n int) snapshot {
	return snapshot{Bucket: "script_status", Saved: someTime, Rows: map[string]row{"job": {Value: "REVOKED", Revision: uint64(n)}}}
}

func checkSaved(found *faultfs.FS, saved int) error {
	s := store{fs: found, dir: "/state/settings", pcID: "PC-1"}
	got, err := s.load("script_status")
	switch {
	case err != nil:
		return err
	case got == nil && saved > 0:
		return errors.New("lost")
	case got != nil && got.Rows["job"].Revision < uint64(saved):
		return fmt.Errorf("version %d is back, %d was saved", got.Rows["job"].Revision, saved)
	}
	return nil
}

func TestSnapshotsSurviveLostPower(t *testing.T) {
	t.Parallel()
	for _, model := range []faultfs.Model{faultfs.POSIX, faultfs.NTFS} {
		suite := storeSuite(model)
		require.NoError(t, suite.Run(faultfs.Mutation{}))
		all, err := suite.Mutations()
		require.NoError(t, err)
		for _, m := range all {
			if m.Drop != "" {
				require.Error(t, suite.Run(m), "%v: %v would prove nothing", model, m)
			}
		}
	}
}

// A set-aside that power interrupts has happened or not.
func TestASetAsideSurvivesLostPower(t *testing.T) {
	t.Parallel()
	for _, model := range []faultfs.Model{faultfs.POSIX, faultfs.NTFS} {
		for stop := 1; ; stop++ {
			disk := faultfs.New(0, model)
			require.NoError(t, atomicfile.MkdirAll(disk, "/state/settings", 0o700))
			s := store{fs: disk, dir: "/state/settings", pcID: "PC-1"}
			require.NoError(t, atomicfile.WriteFile(disk, s.path("b"), []byte("damaged"), 0o600))
			before := disk.Steps()
			disk.Fail(before+stop, before+stop, errors.New("disk error"))
			_, err := s.load("b")
			require.ErrorIs(t, err, errDamaged)
			require.NoError(t, disk.EachSurvivor(func(found *faultfs.FS) error {
				_, err := store{fs: found, dir: s.dir, pcID: s.pcID}.load("b")
				if err != nil && !errors.Is(err, errDamaged) {
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
