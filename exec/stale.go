package exec

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// inUse are the staging folders of runs that go on.
type inUse struct{ dirs sync.Map }

func (u *inUse) begin(dir string) { u.dirs.Store(dir, nil) }

func (u *inUse) end(dir string) { u.dirs.Delete(dir) }

func (u *inUse) has(dir string) bool {
	_, ok := u.dirs.Load(dir)
	return ok
}

// isRunFolder tells the name of a staging folder, see randomHex.
func isRunFolder(name string) bool {
	digits, ours := strings.CutPrefix(name, stagingPrefix)
	return ours && len(digits) == 32 && strings.Trim(digits, "0123456789abcdef") == ""
}

// CleanStaging removes the staging folders that programs which were killed have left behind: those of this account that
// were made before the given age, and belong to no run of this Local. A folder with nothing but files of other names is
// none. Other programs may share the staging folder, so age
// is best longer than any run of theirs; a program that has the folder for itself passes 0. It returns how many it removed.
func (l *Local) CleanStaging(age time.Duration) (removed int, err error) {
	parent, err := filepath.Abs(l.stagingParent())
	if err != nil {
		return 0, fmt.Errorf("exec: clean staging: %w", err)
	}
	entries, err := os.ReadDir(parent)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	for _, e := range entries {
		dir := filepath.Join(parent, e.Name())
		if !l.stale(e, dir, age) {
			continue
		}
		if removeErr := os.RemoveAll(dir); removeErr != nil {
			err = errors.Join(err, removeErr)
		} else {
			removed++
		}
	}
	if err != nil {
		return removed, fmt.Errorf("exec: clean staging: %w", err)
	}
	return removed, nil
}

func (l *Local) stale(e os.DirEntry, dir string, age time.Duration) bool {
	if !e.IsDir() || !isRunFolder(e.Name()) || l.staging.has(dir) {
		return false
	}
	info, err := e.Info()
	return err == nil && own(info) && time.Since(info.ModTime()) >= age && holdsScripts(dir)
}

// holdsScripts tells a folder of ours from one of somebody else's random names: it is empty, or has a file that we have
// named.
func holdsScripts(dir string) bool {
	entries, err := os.ReadDir(dir)
	return err == nil && (len(entries) == 0 || slices.ContainsFunc(entries, func(e os.DirEntry) bool {
		return strings.HasPrefix(e.Name(), filePrefix)
	}))
}

func (l *Local) stagingParent() string {
	if l.opts.stagingDir == "" {
		return defaultStagingDir()
	}
	return l.opts.stagingDir
}
