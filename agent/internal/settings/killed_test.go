package settings

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent/wire"
	"github.com/kanade-go/kanade/outbox/atomicfile"
	"github.com/kanade-go/kanade/outbox/atomicfile/faultfs"
	"github.com/kanade-go/kanade/retry"
)

func loadedFrom(disk atomicfile.FS) *Service {
	s := New(Config{
		PCID: "PC-1", Dir: "/state/settings", FS: disk, Logger: slog.New(slog.DiscardHandler),
		Connected: func() bool { return false }, Since: func() (bool, time.Time) { return false, time.Time{} },
	})
	s.Load()
	return s
}

// sees takes a view of the scripts' states and writes it down.
func (s *Service) sees(revoked bool) error {
	value := "ACTIVE"
	if revoked {
		value = wire.ScriptRevoked
	}
	s.scripts.status.apply(context.Background(), retry.View{Entries: map[string]retry.Entry{"job": {Value: []byte(value), Revision: 1}}})
	if !s.save() {
		return errors.New("not everything was written")
	}
	return nil
}

// revoked is a promise that the next process refuses the job, without a broker.
func revoked(is bool) faultfs.Promise {
	return faultfs.Promise{Of: fmt.Sprint(is), Restart: restartedOn, Check: func(found *faultfs.FS) error {
		if is && !loadedFrom(found).Scripts().Known("job").Revoked {
			return errors.New("the revocation is lost")
		}
		return nil
	}}
}

// restartedOn is the process after one that was killed: what it has in force stays so,
// also when the broker says the same again, so that there is nothing to write.
func restartedOn(m *faultfs.Mutant, check func(faultfs.Promise) error) error {
	if err := stateFolder(m.FS); err != nil {
		return err
	}
	s := loadedFrom(m)
	if err := check(revoked(s.Scripts().Known("job").Revoked)); err != nil {
		return fmt.Errorf("loaded: %w", err)
	}
	return errors.Join(s.sees(true), check(revoked(true)))
}

// stateFolder is package statedir's affair.
func stateFolder(disk atomicfile.FS) error {
	return errors.Join(disk.MkdirAll("/state", 0o700), disk.SyncDir("/"))
}

// The process is killed, or the power cut, at every step of the writes of two views
// with a start between them.
func TestARevocationSurvivesAKillAndLostPower(t *testing.T) {
	t.Parallel()
	for _, model := range []faultfs.Model{faultfs.POSIX, faultfs.NTFS} {
		synctest.Test(t, func(t *testing.T) {
			suite := &faultfs.Suite{
				Model: model, Class: path.Base, Scenario: seesTwice,
				Packages: []string{
					"github.com/kanade-go/kanade/outbox/atomicfile", "github.com/kanade-go/kanade/agent/internal/statefile",
					"github.com/kanade-go/kanade/agent/internal/settings",
				},
			}
			require.NoError(t, suite.Prove())
		})
	}
}

func seesTwice(m *faultfs.Mutant) (faultfs.Promise, error) {
	err := stateFolder(m.FS)
	saved := false
	for _, is := range []bool{false, true} {
		if err != nil {
			break
		}
		if err = loadedFrom(m).sees(is); err == nil {
			saved = is
		}
		_ = m.Do("told", func() error { return nil })
	}
	if m.Cut() {
		err = nil
	}
	return revoked(saved), err
}
