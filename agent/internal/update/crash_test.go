//go:build unix

package update

import (
	"errors"
	"fmt"
	"os"
	"path"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/outbox/atomicfile"
	"github.com/kanade-go/kanade/outbox/atomicfile/faultfs"
)

const exe = "/opt/agent"

func installOn(f atomicfile.FS, swap func(Install, string) error) Install {
	return Install{FS: f, Path: exe, swap: swap}
}

func writeFile(f atomicfile.FS, name, data string) error {
	file, err := f.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o755)
	if err != nil {
		return err
	}
	_, err = file.Write([]byte(data))
	return errors.Join(err, file.Sync(), file.Close())
}

func content(f atomicfile.FS, name string) string {
	file, err := f.OpenFile(name, os.O_RDONLY, 0)
	if err != nil {
		return ""
	}
	defer file.Close()
	data := make([]byte, 64)
	n, _ := file.Read(data)
	return string(data[:n])
}

// progress is how far the scenario came.
type progress int

const (
	begun progress = iota
	planned
	swapped
	counted
	ended
)

// step is one part of an update.
type step struct {
	then progress
	do   func(Install) error
}

func digestOf(i Install, name string) string {
	sum, _ := i.digest(name)
	return sum
}

// fetchNew stands for the fetch, which ends the same way.
func fetchNew(i Install) error {
	f, err := i.create(i.staged())
	if err != nil {
		return err
	}
	_, err = f.Write([]byte("new"))
	return errors.Join(err, f.Sync(), f.Close())
}

// fetchKilled is a fetch whose process was killed before it had synced; the next
// one finds the file.
func fetchKilled(i Install) error {
	f, err := i.create(i.staged())
	if err != nil {
		return err
	}
	_, err = f.Write([]byte("new"))
	return errors.Join(err, f.Close(), i.sync(i.staged()))
}

func planNew(i Install) error {
	from, err := i.keepLastGood()
	if err != nil {
		return err
	}
	r := record{Format: recordFormat, Plan: &plan{Phase: phaseSwap, From: "1", To: "2", FromSHA256: from, ToSHA256: digestOf(i, i.staged()), Since: now, Floor: "1"}}
	r.try(now)
	return i.save(r)
}

func swapNew(i Install) error { return i.swapIn(i.staged()) }

func countNew(i Install) error { return i.CountStart(now) }

func confirmNew(i Install) error {
	r, err := i.load()
	if err != nil {
		return err
	}
	return i.confirm(r, now)
}

func takeBack(i Install) error {
	r, err := i.load()
	if err != nil {
		return err
	}
	if err := i.rollBack(r, "for a test", true); !errors.Is(err, ErrRestart) {
		return errors.Join(errors.New("not taken back"), err)
	}
	return i.CountStart(now)
}

var (
	goodUpdate = []step{{begun, fetchNew}, {planned, planNew}, {swapped, swapNew}, {counted, countNew}, {ended, confirmNew}}
	resumed    = []step{{begun, fetchKilled}, {planned, planNew}, {swapped, swapNew}, {counted, countNew}, {ended, confirmNew}}
	badUpdate  = []step{{begun, fetchNew}, {planned, planNew}, {swapped, swapNew}, {counted, countNew}, {ended, takeBack}}
)

func updateSuite(model faultfs.Model, swap func(Install, string) error, steps []step, last string) *faultfs.Suite {
	return &faultfs.Suite{
		Model: model, Packages: []string{"github.com/kanade-go/kanade/outbox/atomicfile", "github.com/kanade-go/kanade/agent/internal/update"},
		Class: func(name string) string { return strings.TrimPrefix(path.Base(name), "agent") },
		Scenario: func(m *faultfs.Mutant) (faultfs.Promise, error) {
			i := installOn(m, swap)
			err := errors.Join(m.FS.MkdirAll("/opt", 0o755), m.FS.SyncDir("/"), writeFile(m.FS, exe, "old"), m.FS.SyncDir("/opt"))
			ready := err == nil
			reached := begun
			for _, s := range steps {
				if err != nil {
					break
				}
				if err = s.do(i); err == nil {
					reached = s.then
				}
				_ = m.Do("told", func() error { return nil })
			}
			if m.Cut() {
				err = nil
			}
			return faultfs.Promise{Of: fmt.Sprint(ready, reached), Check: func(found *faultfs.FS) error {
				if !ready {
					return nil
				}
				return checkFound(installOn(found, swap), reached, last)
			}}, err
		},
	}
}

// checkFound looks at a disk after a power cut: there is an executable, whole; and
// what is not confirmed goes away by itself when it only crashes, for good.
func checkFound(i Install, reached progress, last string) error {
	if at := content(i.FS, exe); at != "old" && at != "new" {
		return fmt.Errorf("the executable is %q", at)
	}
	r, err := i.load()
	if err != nil {
		return err
	}
	if reached >= planned && reached < ended && r.Plan != nil && len(r.Tried) == 0 {
		return errors.New("the try is not counted")
	}
	if reached == ended {
		if at := content(i.FS, exe); at != last || r.Plan != nil {
			return fmt.Errorf("it has ended with %q, %q is there, plan %v", last, at, r.Plan)
		}
		if last == "old" && (len(r.Tried) == 0 || !r.Tried[0].Never || len(r.News) == 0) {
			return errors.New("what was taken back may come back")
		}
		return nil
	}
	if r.Plan == nil && content(i.FS, exe) == "new" && reached != counted {
		return errors.New("a release without a plan")
	}
	return crashUntilBack(i)
}

func crashUntilBack(i Install) error {
	if r, err := i.load(); err != nil || r.Plan == nil {
		return err
	}
	for range maxStarts + 2 {
		if err := i.CountStart(now); err != nil && !errors.Is(err, ErrRestart) {
			return err
		}
	}
	if at := content(i.FS, exe); at != "old" {
		return fmt.Errorf("it crashes for ever: %q", at)
	}
	return nil
}

func TestUpdatesSurviveLostPower(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		steps []step
		last  string
	}{"good": {goodUpdate, "new"}, "resumed": {resumed, "new"}, "bad": {badUpdate, "old"}} {
		suite := updateSuite(faultfs.POSIX, replaceAtOnce, tc.steps, tc.last)
		require.NoError(t, suite.Run(faultfs.Mutation{}), name)
		all, err := suite.Mutations()
		require.NoError(t, err)
		for _, m := range all {
			if m.Drop == "" || strings.HasSuffix(m.Drop, " by syncEarlier") { // which is for those who were killed
				continue
			}
			require.Error(t, suite.Run(m), "%s, %v would prove nothing", name, m)
		}
	}
}

// On Windows power can be lost between the two renames; then the old executable is
// there under another name. A process that is killed there is the same.
func TestUpdatesInTwoRenamesKeepTheOld(t *testing.T) {
	t.Parallel()
	for stop := 1; ; stop++ {
		disk := faultfs.New(0, faultfs.NTFS)
		i := installOn(disk, replaceInTwo)
		require.NoError(t, errors.Join(disk.MkdirAll("/opt", 0o755), writeFile(disk, exe, "old")))
		require.NoError(t, errors.Join(fetchNew(i), planNew(i)))
		before := disk.Steps()
		disk.Fail(before+stop, before+stop, errors.New("sharing violation"))
		err := swapNew(i)
		if disk.Steps() < before+stop {
			require.NoError(t, err)
			require.Equal(t, "new", content(disk, exe))
			break
		}
		require.Contains(t, []string{"old", "new"}, content(disk, exe), "step %d: %v", stop, err)
		require.NoError(t, disk.EachSurvivor(func(found *faultfs.FS) error {
			if content(found, exe) == "" && content(found, i.aside()) != "old" {
				return errors.New("the old one is lost")
			}
			return nil
		}))
	}
}
