package outbox

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/outbox/atomicfile"
	"github.com/kanade-go/kanade/outbox/atomicfile/faultfs"
)

// crashFolder is a folder that is repaired while the power fails.
type crashFolder []struct {
	file, text string
	unsynced   bool
}

// damagedCrash has one of everything, misnamedCrash has nothing whose repair
// syncs the folder besides.
var damagedCrash = crashFolder{
	{file: "empty.json"},
	{file: "torn.json", text: `{"request_id":"to`},
	{file: hashedFile("twice"), text: result("twice", "2", "x")},
	{file: "differs.json", text: result("differs", "3", "x")},
	{file: hashedFile("differs"), text: result("differs", "3", "later")},
	{file: "called.json", text: result("wanted", "6", "")},
	{file: "stuck/x.json", text: result("x", "10", "")},
	{file: "stuck/x.reason", text: `{"whe`},
	{file: "stuck/gone.reason", text: "{}"},
	{file: "half.json.tmp", text: "{"},
	// It sorts ahead of its copy, so it is the one that stays.
	{file: "both.json", text: result("both", "7", ""), unsynced: true},
	{file: "stuck/both.json", text: result("both", "7", "")},
}

var misnamedCrash = crashFolder{{file: "called.json", text: result("wanted", "6", "")}}

// tornCrash is the first that needs a quarantine.
var tornCrash = crashFolder{{file: "torn.json", text: `{"request_id":"to`}}

func (c crashFolder) layOut(disk *faultfs.FS) error {
	for _, f := range c {
		name := crashBox + "/" + f.file
		if err := atomicfile.MkdirAll(disk, path.Dir(name), 0o700); err != nil {
			return err
		}
		if err := lay(disk, name, f.text, f.unsynced); err != nil {
			return err
		}
	}
	return nil
}

func lay(disk *faultfs.FS, name, text string, unsynced bool) error {
	f, err := disk.OpenFile(name, os.O_CREATE|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	if _, err := f.Write([]byte(text)); err != nil {
		return err
	}
	if unsynced {
		return f.Close()
	}
	return inTurn(f.Sync, f.Close, func() error { return disk.SyncDir(path.Dir(name)) })
}

func (c crashFolder) repair(m *faultfs.Mutant) (faultfs.Promise, error) {
	if err := c.layOut(m.FS); err != nil {
		return nothingPromised, err
	}
	if err := repairAll(m); err != nil {
		return c.underWay(), err
	}
	return c.repaired(), nil
}

func (c crashFolder) underWay() faultfs.Promise {
	return faultfs.Promise{Of: "under way", Check: c.nothingIsLost, Restart: c.repairedAgain}
}

func (c crashFolder) repaired() faultfs.Promise {
	return faultfs.Promise{Of: "repaired", Restart: c.repairedAgain, Check: func(found *faultfs.FS) error {
		if left := repairable(found, resultCodec{}); len(left) > 0 {
			return fmt.Errorf("%w: the repair of %v", errBroken, left)
		}
		return c.nothingIsLost(found)
	}}
}

var nothingPromised = faultfs.Promise{
	Of: "nothing", Check: func(*faultfs.FS) error { return nil },
	Restart: func(*faultfs.Mutant, func(faultfs.Promise) error) error { return nil },
}

// requeue requeues x.
func (c crashFolder) requeue(m *faultfs.Mutant) (faultfs.Promise, error) {
	if err := c.layOut(m.FS); err != nil {
		return nothingPromised, err
	}
	r, err := Inspect(crashBox, WithFS(m), WithCodec(resultCodec{}))
	if err != nil {
		return nothingPromised, err
	}
	_, err = r.Requeue(context.Background(), Entry{File: "stuck/x.json", Name: "x", Stuck: true})
	return c.requeued(err == nil), err
}

func (c crashFolder) requeued(done bool) faultfs.Promise {
	return faultfs.Promise{Of: fmt.Sprint("requeued ", done), Restart: c.requeuedAgain, Check: func(found *faultfs.FS) error {
		_, pending := found.Stat(crashBox + "/x.json")
		_, stuck := found.Stat(crashStuck + "/x.json")
		if pending != nil && (done || stuck != nil) {
			return fmt.Errorf("%w: x is lost", errBroken)
		}
		if done && stuck == nil {
			return fmt.Errorf("%w: x is stuck again", errBroken)
		}
		return c.nothingIsLost(found)
	}}
}

// repairAll succeeds when everything was done.
func repairAll(fsys atomicfile.FS) error {
	r, err := Inspect(crashBox, WithFS(fsys), WithCodec(resultCodec{}))
	if err != nil {
		return err
	}
	found, err := r.Repair(context.Background(), nil)
	for _, f := range found {
		err = errors.Join(err, f.Failure)
	}
	return err
}

// nothingIsLost finds every content of a record somewhere, before and after a
// second repair, which leaves nothing to do.
func (c crashFolder) nothingIsLost(disk *faultfs.FS) error {
	if err := c.everyContentIsThere(disk); err != nil {
		return err
	}
	if err := repairAll(disk); err != nil {
		return fmt.Errorf("the second repair: %w", err)
	}
	if left := repairable(disk, resultCodec{}); len(left) > 0 {
		return fmt.Errorf("left after the second repair: %v", left)
	}
	return c.everyContentIsThere(disk)
}

func repairable(disk *faultfs.FS, codec Codec) []string {
	r, err := Inspect(crashBox, WithFS(disk), WithCodec(codec))
	if err != nil {
		return []string{err.Error()}
	}
	found, err := r.check(context.Background(), true, nil)
	if err != nil {
		return []string{err.Error()}
	}
	var left []string
	for _, f := range found {
		if f.Repair != "" {
			left = append(left, f.File)
		}
	}
	return left
}

func (c crashFolder) everyContentIsThere(disk *faultfs.FS) error {
	var have []string
	for _, folder := range []string{crashBox, crashStuck} {
		list, err := disk.ReadDir(folder)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		for _, d := range list {
			if !strings.HasSuffix(d.Name(), fileSuffix) {
				continue
			}
			text, err := textOf(disk, path.Join(folder, d.Name()))
			if err != nil {
				return err
			}
			have = append(have, text)
		}
	}
	for _, f := range c {
		if strings.HasSuffix(f.file, fileSuffix) && !slices.Contains(have, f.text) {
			return fmt.Errorf("%w: the content of %s is gone", errBroken, f.file)
		}
	}
	return nil
}

func textOf(disk *faultfs.FS, name string) (string, error) {
	f, err := disk.OpenFile(name, os.O_RDONLY, 0)
	if err != nil {
		return "", err
	}
	info, err := f.Stat()
	if err != nil {
		return "", err
	}
	text := make([]byte, info.Size())
	if len(text) > 0 {
		_, err = f.ReadAt(text, 0)
	}
	return string(text), errors.Join(err, f.Close())
}

func repairSuite(model faultfs.Model, scenario func(*faultfs.Mutant) (faultfs.Promise, error)) *faultfs.Suite {
	return &faultfs.Suite{
		Model: model, Packages: []string{"github.com/kanade-go/kanade/outbox"}, Class: classOf, Scenario: scenario,
	}
}

// TestLostPowerInRepair cuts the power at each step of a repair and of a requeue.
func TestLostPowerInRepair(t *testing.T) {
	t.Parallel()
	for _, model := range []faultfs.Model{faultfs.POSIX, faultfs.NTFS} {
		for name, scenario := range repairScenarios {
			t.Run(model.String()+"/"+name, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					require.NoError(t, repairSuite(model, scenario).Run(faultfs.Mutation{}))
				})
			})
		}
	}
}

var repairScenarios = map[string]func(*faultfs.Mutant) (faultfs.Promise, error){
	"repair": damagedCrash.repair, "rename": misnamedCrash.repair, "set aside": tornCrash.repair, "requeue": damagedCrash.requeue,
}

// The test must fail when one of the syncs is left out.
func TestLostPowerInRepairNoticesMissingSyncs(t *testing.T) {
	t.Parallel()
	for name, scenario := range repairScenarios {
		synctest.Test(t, func(t *testing.T) {
			suite := repairSuite(faultfs.POSIX, scenario)
			all, err := suite.Mutations()
			require.NoError(t, err)
			for _, m := range all {
				if m.Drop == "" {
					continue
				}
				err := suite.Run(m)
				t.Logf("%s %v: %v", name, m, err)
				if !slices.Contains(harmless[name], m.Drop) && err == nil {
					t.Errorf("%s: nobody notices %v", name, m)
				}
			}
		})
	}
}

// harmless are syncs that others of the same scenario make up for.
var harmless = map[string][]string{
	"set aside": {"sync folder quarantine by writeReason"}, // the sync of the move that follows is of the same folder
}
