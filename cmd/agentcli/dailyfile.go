package agentcli

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

// maxPartBytes bounds a log file. A day has at most two of them: the one that is
// written, and the part before it.
const maxPartBytes = 32 << 20

// dailyFile writes dir/stem.2026-01-31.ext, a new file for each day in UTC. One
// that has grown to its limit becomes stem.2026-01-31.1.ext and replaces the one
// that had that name: of a day that logs too much its end is kept.
// A write may fail, and may wait as long as the disk does: lineQueue stands before it.
type dailyFile struct {
	dir, stem, ext string
	keep           int
	limit          int64
	now            func() time.Time
	remove         func(path string) error
	warn           func(error)    // called once for each run of failures
	crash          func(*os.File) // told which file is open, and nil before it is closed; may be nil

	mu     sync.Mutex
	file   *os.File
	day    string
	size   int64
	failed bool
	torn   bool   // the last line in the file has no end
	lost   string // the last day of which lines were removed
	// stale is why days that are over are still there; staleTold: that was said.
	stale     error
	staleTold bool
}

// newDailyFile does not touch the disk; the first line does.
func newDailyFile(pattern string, keep int, warn func(error)) *dailyFile {
	base := filepath.Base(pattern)
	ext := strings.TrimPrefix(filepath.Ext(base), ".")
	stem := strings.TrimSuffix(base, "."+ext)
	if stem == "" {
		stem = "agent"
	}
	if ext == "" {
		ext = "log"
	}
	return &dailyFile{
		dir: filepath.Dir(pattern), stem: stem, ext: ext,
		keep: keep, limit: maxPartBytes, now: time.Now, remove: os.Remove, warn: warn,
	}
}

// Write takes whole lines. An error says that they are lost; it was told already.
func (d *dailyFile) Write(lines []byte) (int, error) {
	d.mu.Lock()
	told, err := d.write(lines)
	d.mu.Unlock()
	for _, one := range told {
		d.warn(fmt.Errorf("log file: %w", one))
	}
	if err != nil {
		return 0, err
	}
	return len(lines), nil
}

// write also returns what is to be said: the first error after a success, once a day
// that lines were removed, and the first time that older days cannot be.
func (d *dailyFile) write(lines []byte) (told []error, err error) {
	removed, err := d.append(lines)
	switch {
	case err != nil && !d.failed:
		told = append(told, fmt.Errorf("%w; lines are missing there until this is solved", err))
	case err == nil && removed && d.lost != d.day:
		d.lost = d.day
		told = append(told, fmt.Errorf("more than %d bytes on one day; the first ones of %s are removed", 2*d.limit, d.day))
	}
	d.failed = err != nil
	if d.stale != nil && !d.staleTold {
		told = append(told, fmt.Errorf("files of days that are over cannot be removed, and stay: %w", d.stale))
	}
	d.staleTold = d.stale != nil
	return told, err
}

func (d *dailyFile) append(line []byte) (removed bool, err error) {
	if day := d.now().UTC().Format(time.DateOnly); day != d.day || d.file == nil {
		if err := d.open(day); err != nil {
			return false, err
		}
	}
	line = line[:min(int64(len(line)), d.limit)]
	if d.size > 0 && d.size+int64(len(line)) > d.limit {
		if removed, err = d.moveAside(); err != nil {
			return false, err
		}
	}
	return removed, d.put(line)
}

// put closes a file that could not be written: the next lines open it again, which
// is what a disk that was away needs.
func (d *dailyFile) put(lines []byte) error {
	if d.torn && d.size > 0 {
		lines = append([]byte{'\n'}, lines...)
	}
	n, err := d.file.Write(lines)
	d.size += int64(n)
	if n > 0 {
		d.torn = lines[n-1] != '\n'
	}
	if err != nil {
		_ = d.closeFile() // the first error says more
	}
	return err
}

// moveAside makes the file the earlier part of its day, and begins a new one.
func (d *dailyFile) moveAside() (removed bool, err error) {
	if err := d.closeFile(); err != nil {
		return false, err
	}
	_, err = os.Lstat(d.earlier(d.day))
	removed = err == nil
	move := moveLog
	if d.failed { // it waited for that already
		move = os.Rename
	}
	if err := move(d.name(d.day), d.earlier(d.day)); err != nil {
		return false, err
	}
	return removed, d.open(d.day)
}

func (d *dailyFile) open(day string) error {
	if err := d.closeFile(); err != nil {
		return err
	}
	if err := os.MkdirAll(d.dir, 0o700); err != nil {
		return err
	}
	file, err := os.OpenFile(d.name(day), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	info, err := file.Stat()
	if err != nil {
		return errors.Join(err, file.Close())
	}
	d.file, d.day, d.size = file, day, info.Size()
	d.tellCrash(file)
	d.stale = d.prune() // no reason to lose a line
	return nil
}

func (d *dailyFile) tellCrash(file *os.File) {
	if d.crash != nil {
		d.crash(file)
	}
}

func (d *dailyFile) name(day string) string {
	return filepath.Join(d.dir, d.stem+"."+day+"."+d.ext)
}

// earlier sorts before name, so that whoever looks for the last name finds the
// file that is written.
func (d *dailyFile) earlier(day string) string {
	return filepath.Join(d.dir, d.stem+"."+day+".1."+d.ext)
}

// prune removes the oldest days beyond keep, and before them those that have not
// come yet: the clock was wrong. It counts files whose name holds a date and leaves
// all others alone. The day that is written stays.
func (d *dailyFile) prune() error {
	entries, err := os.ReadDir(d.dir)
	if err != nil {
		return err
	}
	var days []string
	for _, entry := range entries {
		if day, ok := d.dayOf(entry); ok {
			days = append(days, day)
		}
	}
	slices.SortFunc(days, func(a, b string) int {
		if (a > d.day) != (b > d.day) {
			return -strings.Compare(a, b)
		}
		return strings.Compare(a, b)
	})
	days = slices.Compact(days)
	for _, day := range days[:max(0, len(days)-max(1, d.keep))] {
		err = errors.Join(err, d.removeIfThere(d.earlier(day)), d.removeIfThere(d.name(day)))
	}
	return err
}

func (d *dailyFile) removeIfThere(path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) || err == nil && !info.Mode().IsRegular() {
		return nil
	}
	return d.remove(path)
}

func (d *dailyFile) dayOf(entry fs.DirEntry) (string, bool) {
	day, found := strings.CutPrefix(entry.Name(), d.stem+".")
	day, ended := strings.CutSuffix(day, "."+d.ext)
	day = strings.TrimSuffix(day, ".1")
	_, err := time.Parse(time.DateOnly, day)
	return day, found && ended && err == nil && entry.Type().IsRegular()
}

// Close is for the end of the process; a later write opens the file again.
func (d *dailyFile) Close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.closeFile()
}

func (d *dailyFile) closeFile() error {
	if d.file == nil {
		return nil
	}
	d.tellCrash(nil)
	err := d.file.Close()
	d.file = nil
	return err
}
