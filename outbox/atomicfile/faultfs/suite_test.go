package faultfs_test

import (
	"errors"
	"io/fs"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/outbox/atomicfile"
	"github.com/kanade-go/kanade/outbox/atomicfile/faultfs"
)

// writeSuite writes a file and tells somebody.
func writeSuite(t *testing.T, model faultfs.Model) *faultfs.Suite {
	return &faultfs.Suite{
		Model: model, Packages: []string{"github.com/kanade-go/kanade/outbox/atomicfile"},
		Class: func(name string) string { return name },
		Scenario: func(m *faultfs.Mutant) (faultfs.Promise, error) {
			_ = m.FS.MkdirAll("/other", 0o700) // from now on folders do not exist of themselves
			err := atomicfile.MkdirAll(m, "/d", 0o700)
			if err == nil {
				err = atomicfile.WriteFile(m, "/d/a", []byte("data"), 0o600)
			}
			promised := err == nil
			_ = m.Do("told", func() error { return nil })
			return faultfs.Promise{Of: map[bool]string{true: "promised"}[promised], Check: func(found *faultfs.FS) error {
				if _, err := found.Stat("/d/a"); err != nil {
					if promised {
						return errors.New("lost")
					}
					return nil
				}
				if read(t, found, "/d/a") != "data" {
					return errors.New("torn")
				}
				return nil
			}}, err
		},
	}
}

// A suite whose program does it right, and one for each way to do it wrong.
func TestSuiteNoticesMutants(t *testing.T) {
	t.Parallel()
	for _, model := range []faultfs.Model{faultfs.POSIX, faultfs.NTFS} {
		suite := writeSuite(t, model)
		require.NoError(t, suite.Run(faultfs.Mutation{}))
		all, err := suite.Mutations()
		require.NoError(t, err)
		var mutants []string
		for _, m := range all {
			mutants = append(mutants, m.String())
			if m.String() == "swapped: sync folder / by MkdirAll | create /d/a.tmp" {
				require.NoError(t, suite.Run(m), "nothing is promised yet")
				continue
			}
			require.Error(t, suite.Run(m), "%v", m)
		}
		require.Contains(t, mutants, "without: sync /d/a.tmp by Sync")
		require.Contains(t, mutants, "swapped: sync /d/a.tmp by Sync | rename /d/a.tmp to /d/a")
		if model == faultfs.POSIX {
			require.Contains(t, mutants, "without: sync folder /d by WriteFile")
			require.Contains(t, mutants, "without: sync folder / by MkdirAll")
		}
	}
}

func TestAProofNeedsEverySync(t *testing.T) {
	t.Parallel()
	for _, model := range []faultfs.Model{faultfs.POSIX, faultfs.NTFS} {
		require.NoError(t, writeSuite(t, model).Prove())

		blind := writeSuite(t, model)
		scenario := blind.Scenario
		blind.Scenario = func(m *faultfs.Mutant) (faultfs.Promise, error) {
			p, err := scenario(m)
			p.Check = func(*faultfs.FS) error { return nil }
			return p, err
		}
		require.ErrorIs(t, blind.Prove(), faultfs.ErrUnnoticed, "it looks at nothing")

		idle := writeSuite(t, model)
		idle.Scenario = func(m *faultfs.Mutant) (faultfs.Promise, error) {
			return faultfs.Promise{Check: func(*faultfs.FS) error { return nil }}, m.Do("told", func() error { return nil })
		}
		require.ErrorIs(t, idle.Prove(), faultfs.ErrNoSync)

		broken := writeSuite(t, model)
		broken.Scenario = func(m *faultfs.Mutant) (faultfs.Promise, error) {
			return faultfs.Promise{Check: func(*faultfs.FS) error { return fs.ErrNotExist }}, m.Do("told", func() error { return nil })
		}
		require.ErrorIs(t, broken.Prove(), fs.ErrNotExist, "as it is")
	}
}
