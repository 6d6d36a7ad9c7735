package agentcli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/shirou/gopsutil/v4/disk"
)

type diagFolders struct {
	Disks []diagDisk `json:"disks"`
	// State is what the state folder holds: its files, and its folders with all that
	// is in them.
	State []diagEntry `json:"state"`
}

type diagDisk struct {
	Of    string `json:"of"` // data, log or program
	Path  string `json:"path"`
	Total uint64 `json:"total_bytes"`
	Free  uint64 `json:"free_bytes"`
	Error string `json:"error,omitempty"`
}

type diagEntry struct {
	Name  string `json:"name"`
	Mode  string `json:"mode"`
	Files int    `json:"files"`
	Bytes int64  `json:"bytes"`
}

const (
	// maxDiagFiles is how many files are counted, and maxDiagEntries how many names of
	// the state folder are told.
	maxDiagFiles   = 200_000
	maxDiagEntries = 200
)

func (d *diagnosis) folders(ctx context.Context) (any, error) {
	f := diagFolders{}
	program, _ := os.Executable() // told by versions.json
	for _, of := range []struct{ name, path string }{
		{"data", d.stateDir},
		{"log", folderOf(d.found.config.LogFile)},
		{"program", folderOf(program)},
	} {
		if of.path == "" {
			continue
		}
		told := diagDisk{Of: of.name, Path: of.path}
		if usage, err := disk.UsageWithContext(ctx, of.path); err != nil {
			told.Error = oneLine(err)
		} else {
			told.Total, told.Free = usage.Total, usage.Free
		}
		f.Disks = append(f.Disks, told)
	}
	if d.stateErr != nil {
		return f, d.stateErr
	}
	var err error
	f.State, err = entriesOf(ctx, d.stateDir)
	return f, err
}

func (e *diagEntry) count(f fs.DirEntry) {
	if info, err := f.Info(); err == nil && f.Type().IsRegular() {
		e.Files, e.Bytes = e.Files+1, e.Bytes+info.Size()
	}
}

func folderOf(file string) string {
	if file == "" {
		return ""
	}
	return filepath.Dir(file)
}

func entriesOf(ctx context.Context, dir string) (all []diagEntry, err error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	left := maxDiagFiles
	for _, e := range entries[:min(len(entries), maxDiagEntries)] {
		told := diagEntry{Name: e.Name()}
		if info, err := e.Info(); err == nil {
			told.Mode = info.Mode().String()
		}
		err = errors.Join(err, filepath.WalkDir(filepath.Join(dir, e.Name()), func(_ string, f fs.DirEntry, err error) error {
			if left--; left < 0 || ctx.Err() != nil {
				return fmt.Errorf("more than %d files are not counted", maxDiagFiles)
			}
			if err == nil { // what can be read is counted
				told.count(f)
			}
			return nil
		}))
		all = append(all, told)
	}
	return all, err
}

// log is the end of the newest log files, the older ones before the newer.
func (d *diagnosis) log(context.Context) (any, error) {
	c := d.found.config
	if c.LogFile == "" || c.LogKeepDays == 0 {
		return nil, errors.New("there is no log file")
	}
	files, err := logFiles(c.LogFile)
	if err != nil {
		return nil, err
	}
	var text []byte
	for _, path := range files {
		part, err := endOf(path, maxDiagLog-int64(len(text)))
		if err != nil {
			return text, err
		}
		text = slices.Concat(part, text)
		if len(text) >= maxDiagLog/2 {
			break
		}
	}
	if len(text) == 0 {
		return nil, errors.New("the log is empty")
	}
	return text, nil
}

// logFiles are the daily files, the newest first.
func logFiles(pattern string) (paths []string, err error) {
	daily := newDailyFile(pattern, 1, func(error) {})
	entries, err := os.ReadDir(daily.dir)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if _, ok := daily.dayOf(e); ok {
			paths = append(paths, filepath.Join(daily.dir, e.Name()))
		}
	}
	slices.SortFunc(paths, func(a, b string) int { return strings.Compare(b, a) })
	return paths, nil
}

// endOf is the end of a file, from the beginning of a line on.
func endOf(path string, most int64) ([]byte, error) {
	folder, err := os.OpenRoot(filepath.Dir(path))
	if err != nil {
		return nil, err
	}
	defer func() { _ = folder.Close() }()      // only read
	f, err := folder.Open(filepath.Base(path)) // a link that came a moment ago leads nowhere else
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // only read
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	start := max(0, info.Size()-most)
	text, err := io.ReadAll(io.NewSectionReader(f, start, most))
	if start > 0 {
		_, rest, _ := strings.Cut(string(text), "\n")
		text = []byte(rest)
	}
	return text, err
}
