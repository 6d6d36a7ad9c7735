package logs

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// files are the daily log files dir/stem.2026-01-31.ext, and beside each of them
// the earlier part of the same day, stem.2026-01-31.1.ext, if it grew large.
type files struct{ bare, dir, stem, ext string }

func filesOf(template string) files {
	base := filepath.Base(template)
	ext := strings.TrimPrefix(filepath.Ext(base), ".")
	f := files{bare: template, dir: filepath.Dir(template), stem: strings.TrimSuffix(base, "."+ext), ext: ext}
	if f.stem == "" {
		f.stem = "agent"
	}
	if f.ext == "" {
		f.ext = "log"
	}
	return f
}

func (f files) day(name string) (day string, ok bool) {
	day, begins := strings.CutPrefix(name, f.stem+".")
	day, ends := strings.CutSuffix(day, "."+f.ext)
	day = strings.TrimSuffix(day, ".1")
	_, err := time.Parse(time.DateOnly, day)
	return day, begins && ends && err == nil
}

// newest returns the paths of the newest log, latest part first: one of a day that
// has not come yet was written with a wrong clock, and counts only where there is
// no other. Without any daily file it is the template's own.
func (f files) newest() ([]string, error) {
	tomorrow := time.Now().UTC().AddDate(0, 0, 1).Format(time.DateOnly)
	dir, err := os.Open(f.dir)
	if err != nil {
		return nil, fmt.Errorf("open the log folder: %w", err)
	}
	defer func() { _ = dir.Close() }()
	latest, ahead := "", ""
	for {
		entries, err := dir.ReadDir(256) // a folder may have any number of files
		for _, entry := range entries {
			day, ok := f.day(entry.Name())
			switch {
			case !ok || !entry.Type().IsRegular():
			case day > tomorrow:
				ahead = max(ahead, day)
			default:
				latest = max(latest, day)
			}
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, fmt.Errorf("list the log folder: %w", err)
		}
		if err != nil || len(entries) == 0 {
			break
		}
	}
	latest = cmp.Or(latest, ahead)
	if latest == "" {
		return []string{f.bare}, nil
	}
	path := filepath.Join(f.dir, f.stem+"."+latest)
	return []string{path + "." + f.ext, path + ".1." + f.ext}, nil
}

// latest opens the newest log, and returns the path of the part before it, if there may be
// one. While the latest part is moved aside it has the name of the one before.
func (f files) latest() (part *os.File, earlier string, err error) {
	paths, err := f.newest()
	if err != nil {
		return nil, "", err
	}
	part, err = openRegular(paths[0])
	switch {
	case len(paths) == 1:
		return part, "", err
	case err == nil || !errors.Is(err, fs.ErrNotExist):
		return part, paths[1], err
	}
	if part, err = openRegular(paths[1]); err != nil {
		return nil, paths[1], err
	}
	return part, "", nil
}

// inPlace reports whether a file still has the name that it was opened by.
func inPlace(file *os.File) bool {
	now, err := os.Lstat(file.Name())
	if err != nil {
		return false
	}
	opened, err := file.Stat()
	return err == nil && os.SameFile(now, opened)
}

// openRegular opens a file and nothing else: opening a pipe would wait for its
// writer, and a link leads anywhere.
func openRegular(path string) (*os.File, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return nil, fmt.Errorf("open the log: %w", err)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%w: %s is not a file", ErrNoLog, path)
	}
	file, err := openShared(path)
	if err != nil {
		return nil, fmt.Errorf("open the log: %w", err)
	}
	return file, nil
}
