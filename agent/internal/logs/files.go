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

// open opens the newest log, latest part first.
func (f files) open() (parts []*os.File, err error) {
	paths, err := f.newest()
	if err != nil {
		return nil, err
	}
	for i, path := range paths {
		part, err := openRegular(path)
		switch {
		case err == nil:
			parts = append(parts, part)
		case i > 0 && errors.Is(err, fs.ErrNotExist):
		default:
			closeAll(parts)
			return nil, err
		}
	}
	return parts, nil
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
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("open the log: %w", err)
	}
	return file, nil
}

func closeAll(parts []*os.File) {
	for _, part := range parts {
		_ = part.Close()
	}
}
