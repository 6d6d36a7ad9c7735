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

// maxDayBytes bounds one day's log file. What comes after that is only on
// standard output.
const maxDayBytes = 64 << 20

// dailyFile writes dir/stem.2026-01-31.ext, a new file for each day in UTC.
// A write never fails: a log that cannot be written must not stop the agent.
type dailyFile struct {
	dir, stem, ext string
	keep           int
	limit          int64
	now            func() time.Time
	warn           func(error) // called once for each run of failures

	mu     sync.Mutex
	file   *os.File
	day    string
	size   int64
	failed bool
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
		keep: keep, limit: maxDayBytes, now: time.Now, warn: warn,
	}
}

func (d *dailyFile) Write(line []byte) (int, error) {
	if err := d.write(line); err != nil {
		d.warn(fmt.Errorf("log file: %w; lines are missing there until this is solved", err))
	}
	return len(line), nil
}

// write returns an error only if it is the first after a success.
func (d *dailyFile) write(line []byte) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	err := d.append(line)
	first := err != nil && !d.failed
	d.failed = err != nil
	if first {
		return err
	}
	return nil
}

func (d *dailyFile) append(line []byte) error {
	if day := d.now().UTC().Format(time.DateOnly); day != d.day || d.file == nil {
		if err := d.open(day); err != nil {
			return err
		}
	}
	if d.size+int64(len(line)) > d.limit {
		return fmt.Errorf("%s has reached %d bytes", d.file.Name(), d.limit)
	}
	n, err := d.file.Write(line)
	d.size += int64(n)
	return err
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
	return d.prune()
}

func (d *dailyFile) name(day string) string {
	return filepath.Join(d.dir, d.stem+"."+day+"."+d.ext)
}

// prune removes the oldest files beyond keep. It counts files whose name holds
// a date and leaves all others alone.
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
	slices.Sort(days)
	for _, day := range days[:max(0, len(days)-d.keep)] {
		err = errors.Join(err, os.Remove(d.name(day)))
	}
	return err
}

func (d *dailyFile) dayOf(entry fs.DirEntry) (string, bool) {
	day, found := strings.CutPrefix(entry.Name(), d.stem+".")
	day, ended := strings.CutSuffix(day, "."+d.ext)
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
	err := d.file.Close()
	d.file = nil
	return err
}
