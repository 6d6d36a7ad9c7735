package scripts

import (
	"errors"
	"fmt"
	"path"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/outbox/atomicfile"
	"github.com/kanade-go/kanade/outbox/atomicfile/faultfs"
)

var someScripts = []string{"echo one", "echo two", "echo three"}

func roomyFolder(disk atomicfile.FS) *folder {
	f := newFolder(disk)
	f.maxBytes, f.maxFiles = DefaultMaxBytes, DefaultMaxFiles
	return f
}

// keptOn are the scripts that need no broker.
func keptOn(disk atomicfile.FS) (kept []string, err error) {
	f := roomyFolder(disk)
	if err := f.load(); err != nil {
		return nil, err
	}
	for _, script := range someScripts {
		if got, err := f.read(sumOf(script)); err == nil && got == script {
			kept = append(kept, script)
		}
	}
	return kept, nil
}

// stays is a promise that these scripts go on to need no broker.
func stays(kept []string) faultfs.Promise {
	return faultfs.Promise{Of: fmt.Sprint(kept), Restart: restarted, Check: func(found *faultfs.FS) error {
		f := roomyFolder(found)
		if err := f.load(); err != nil {
			return err
		}
		for _, script := range kept {
			if _, err := f.read(sumOf(script)); err != nil {
				return fmt.Errorf("%q is lost: %w", script, err)
			}
		}
		return nil
	}}
}

// restarted is the process after one that was killed: what it finds it calls kept, as what it writes.
func restarted(m *faultfs.Mutant, check func(faultfs.Promise) error) error {
	if err := stateFolder(m.FS); err != nil {
		return err
	}
	kept, err := keptOn(m)
	if err != nil {
		return err
	}
	if err := check(stays(kept)); err != nil {
		return fmt.Errorf("found: %w", err)
	}
	f := roomyFolder(m)
	return errors.Join(f.write(sumOf(someScripts[2]), someScripts[2]), check(stays(append(kept, someScripts[2]))))
}

// stateFolder is package statedir's affair.
func stateFolder(disk atomicfile.FS) error {
	return errors.Join(disk.MkdirAll("/state", 0o700), disk.SyncDir("/"))
}

// The process is killed, or the power cut, at every step of two writes, each in a process of its own.
func TestScriptsOfAKilledProcessSurviveLostPower(t *testing.T) {
	t.Parallel()
	for _, model := range []faultfs.Model{faultfs.POSIX, faultfs.NTFS} {
		suite := &faultfs.Suite{
			Model: model, Class: path.Base, Scenario: writesTwo,
			Packages: []string{"github.com/kanade-go/kanade/outbox/atomicfile", "github.com/kanade-go/kanade/agent/internal/scripts"},
		}
		require.NoError(t, suite.Prove())
	}
}

func writesTwo(m *faultfs.Mutant) (faultfs.Promise, error) {
	err := stateFolder(m.FS)
	var kept []string
	for _, script := range someScripts[:2] {
		if err != nil {
			break
		}
		if err = roomyFolder(m).write(sumOf(script), script); err == nil {
			err = m.Do("told", func() error { kept = append(kept, script); return nil })
		}
	}
	if m.Cut() {
		err = nil
	}
	return stays(kept), err
}
