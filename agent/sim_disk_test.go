package agent

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/kanade-go/kanade/agent/internal/schedule"
	"github.com/kanade-go/kanade/outbox/atomicfile"
	"github.com/kanade-go/kanade/outbox/atomicfile/faultfs"
)

// disk is the host's: one faultfs a folder, so that the sync of one folder does
// nothing for the other.
type disk map[string]*faultfs.FS

var folders = []string{"ledger", resultsFolder, startsFolder, observationsFolder, settingsFolder, scriptFolder, scheduleFolder, completionsFolder}

// completionsFolder stands for the state folder itself, with one file in it.
const completionsFolder = "completions"

func newDisk() disk {
	d := disk{}
	for _, folder := range folders {
		d[folder] = faultfs.New(0)
	}
	return d
}

// found is the disk that is there after the power came back.
func (d disk) found(s *sim) disk {
	after := disk{}
	for _, folder := range folders {
		f := d[folder]
		r := s.dice("found " + folder)
		after[folder] = f.Survivors(r.IntN(f.Unsynced()+1), faultfs.Contents(r.IntN(int(faultfs.Holed)+1)))
	}
	return after
}

// copy is the disk as a process sees it.
func (d disk) copy() disk {
	c := disk{}
	for folder, f := range d {
		c[folder] = seen(f)
	}
	return c
}

// diskSteps are the steps at which a life can be planned to end.
var diskSteps = []string{
	"ledger create", "ledger write", "ledger sync", "ledger sync folder",
	"ledger rewrite create", "ledger rewrite write", "ledger rewrite sync", "ledger rewrite rename",
	"outbox create", "outbox write", "outbox sync", "outbox rename", "outbox sync folder", "outbox remove",
}

// diskError makes a part of all operations fail.
type diskError struct {
	err     error
	percent int
}

// hits says whether an operation of this kind fails with such an error at all.
func (e *diskError) hits(kind string) bool {
	switch kind {
	case "create", "write":
		return true
	case "sync", "rename", "sync folder":
		return !errors.Is(e.err, syscall.ENOSPC)
	}
	return false
}

// lifeFS is the disk as one life of the agent sees it: it takes time, fails for
// a while, and is gone with the life.
type lifeFS struct{ l *life }

var errCut = errors.New("this life has ended")

func (f lifeFS) folder(name string) *faultfs.FS { return f.l.disk[folderOf(name)] }

func folderOf(name string) string {
	if strings.HasPrefix(filepath.Base(name), schedule.CompletionsFile) {
		return completionsFolder
	}
	for part := name; part != filepath.Dir(part); part = filepath.Dir(part) {
		if base := filepath.Base(part); slices.Contains(folders, base) {
			return base
		}
	}
	panic("a file outside of the folders: " + name)
}

// step comes before everything that changes the disk.
func (f lifeFS) step(kind, name string) error {
	what := folderOf(name) + " " + kind
	if strings.HasSuffix(name, ".journal.tmp") {
		what = "ledger rewrite " + kind
	}
	f.l.takeTime(what, name)
	return f.l.step(what, kind)
}

// takeTime lets others in. The ledger holds its lock while it rewrites or closes
// its file, the scheduler while it writes what was done, and the cache of scripts: who waits for a lock
// does not let the bubble's time pass.
func (l *life) takeTime(what, name string) {
	if folder := folderOf(name); folder == completionsFolder || folder == scriptFolder {
		return
	}
	if folderOf(name) == "ledger" && (l.isClosing() || what != "ledger write" && what != "ledger sync") {
		return
	}
	r := l.dice("time of " + what)
	limit := 200 * time.Microsecond
	if strings.Contains(what, "sync") {
		limit = 20 * time.Millisecond
	}
	if percent(r, 3) {
		limit = 3 * time.Second
	}
	time.Sleep(between(r, 1, limit))
}

func (f lifeFS) OpenFile(name string, flag int, perm fs.FileMode) (atomicfile.File, error) {
	if flag&os.O_CREATE != 0 {
		if err := f.step("create", name); err != nil {
			return nil, err
		}
	} else if f.l.isDead() {
		return nil, errCut
	}
	inner, err := f.folder(name).OpenFile(name, flag, perm)
	if err != nil {
		return nil, err
	}
	return &lifeFile{File: inner, fs: f}, nil
}

func (f lifeFS) Rename(from, to string) error {
	if err := f.step("rename", from); err != nil {
		return err
	}
	if filepath.Base(filepath.Dir(to)) == resultsFolder {
		f.l.stores(strings.TrimSuffix(filepath.Base(to), ".json"))
	}
	return f.folder(from).Rename(from, to)
}

func (f lifeFS) Remove(name string) error {
	if err := f.step("remove", name); err != nil {
		return err
	}
	return f.folder(name).Remove(name)
}

func (f lifeFS) SyncDir(dir string) error {
	name := dir
	if dir == f.l.s.dir {
		name = schedule.CompletionsFile
	}
	if err := f.step("sync folder", name); err != nil {
		return err
	}
	return f.folder(name).SyncDir(dir)
}

// MkdirAll makes real folders: only what is in them is at risk.
func (f lifeFS) MkdirAll(dir string, perm fs.FileMode) error { return os.MkdirAll(dir, perm) }

func (f lifeFS) ReadDir(dir string) ([]fs.DirEntry, error) {
	if f.l.isDead() {
		return nil, errCut
	}
	return f.folder(dir).ReadDir(dir)
}

func (f lifeFS) Stat(name string) (fs.FileInfo, error) {
	if f.l.isDead() {
		return nil, errCut
	}
	if dir, ok := f.l.s.dirs.Load(name); ok {
		return dir.(fs.FileInfo), nil
	}
	if dir, err := os.Stat(name); err == nil {
		f.l.s.dirs.Store(name, dir) // the real folder never changes
		return dir, nil
	}
	return f.folder(name).Stat(name)
}

type lifeFile struct {
	atomicfile.File
	fs lifeFS
	// lost: a sync failed, and the system has dropped what it could not write.
	// Later syncs succeed and write nothing, as on Linux.
	lost bool
}

func (f *lifeFile) Read(p []byte) (int, error) {
	if f.fs.l.isDead() {
		return 0, errCut
	}
	return f.File.Read(p)
}

func (f *lifeFile) Write(p []byte) (int, error) {
	if err := f.fs.step("write", f.Name()); err != nil {
		n := 0
		if !errors.Is(err, errCut) {
			n, _ = f.File.Write(p[:len(p)/2]) // the disk was full in the middle
		}
		return n, err
	}
	return f.File.Write(p)
}

func (f *lifeFile) Sync() error {
	if err := f.fs.step("sync", f.Name()); err != nil {
		f.lost = true
		return err
	}
	if f.lost {
		return nil
	}
	return f.File.Sync()
}

func (f *lifeFile) Close() error {
	if filepath.Base(f.Name()) == ".lock" {
		f.fs.l.closes() // what is closed after the outbox is the ledger
	}
	return f.File.Close()
}
