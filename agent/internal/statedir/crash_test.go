package statedir

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/outbox/atomicfile"
	"github.com/kanade-go/kanade/outbox/atomicfile/faultfs"
)

const crashState = "/var/lib/kanade"

// opened is what Open does to the disk.
func opened(fsys atomicfile.FS) error {
	if err := create(fsys, crashState); err != nil {
		return err
	}
	name := path.Join(crashState, formatName)
	if _, err := fsys.Stat(name); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return atomicfile.WriteFile(fsys, name, []byte("{}"), 0o600)
}

// folder is a promise that the folder is found, if it was opened.
func folder(opened bool) faultfs.Promise {
	return faultfs.Promise{
		Of: fmt.Sprint(opened),
		Check: func(found *faultfs.FS) error {
			if _, err := found.Stat(crashState); opened {
				return err
			}
			return nil
		},
		Restart: func(m *faultfs.Mutant, check func(faultfs.Promise) error) error {
			return errors.Join(openedAgain(m), check(folder(true)))
		},
	}
}

// openedAgain is a start that is killed soon, too, and the next one.
func openedAgain(m *faultfs.Mutant) error {
	m.KillAt(m.Steps() + 1)
	if opened(m) == nil {
		m.KillAt(0)
		return nil
	}
	m.Restart()
	return opened(m)
}

func suite(model faultfs.Model) *faultfs.Suite {
	return &faultfs.Suite{
		Model: model, Packages: []string{"github.com/kanade-go/kanade/agent/internal/statedir"}, Class: path.Base,
		Scenario: func(m *faultfs.Mutant) (faultfs.Promise, error) {
			_ = m.FS.MkdirAll("/other", 0o700) // from now on folders do not exist of themselves
			err := opened(m)
			return folder(err == nil), err
		},
	}
}

func TestTheStateFolderSurvivesThePower(t *testing.T) {
	t.Parallel()
	for _, model := range []faultfs.Model{faultfs.POSIX, faultfs.NTFS} {
		require.NoError(t, suite(model).Run(faultfs.Mutation{}), "%v", model)
	}
}

// With any one sync left out, the scenario must fail. (NTFS has none.)
func TestTheStateFolderNeedsItsSyncs(t *testing.T) {
	t.Parallel()
	s := suite(faultfs.POSIX)
	all, err := s.Mutations()
	require.NoError(t, err)
	noticed := 0
	for _, m := range all {
		if strings.HasSuffix(m.Drop, " by syncAbove") {
			require.Error(t, s.Run(m), "%v", m)
			noticed++
		}
	}
	require.Equal(t, 3, noticed, "one a folder")
}

// A folder whose parents nobody here may look into was made by somebody else.
func TestParentsThatCannotBeSyncedAreNoReasonToStop(t *testing.T) {
	t.Parallel()
	disk := faultfs.New(0)
	require.NoError(t, disk.MkdirAll(crashState, 0o700))
	disk.Fail(disk.Steps()+1, disk.Steps()+1, fs.ErrPermission)
	require.NoError(t, create(disk, crashState))
}
