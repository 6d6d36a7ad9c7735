package outbox

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"time"
)

// sweep removes what writes of an earlier process have left over. What cannot
// be removed does no harm: it is not read, and a write of the same name
// replaces it.
func (o *Outbox) sweep(list []fs.DirEntry) {
	for _, d := range list {
		if !d.Type().IsRegular() || !strings.HasSuffix(d.Name(), tempSuffix) {
			continue
		}
		if err := o.opt.fs.Remove(o.path(d.Name())); err != nil {
			o.opt.log.Warn("left-over temporary file stays", "file", d.Name(), "error", err)
		}
	}
}

// scanState remembers the last rescan. It belongs to Drain and Flush, of which
// there is one at a time.
type scanState struct {
	modTime time.Time // of the folder
	settled bool      // the folder had not changed for a while then
}

// settleTime is more than the coarsest clock of a file system, so that a change
// after a scan cannot hide behind the time stamp of one before it.
const settleTime = 3 * time.Second

// rescan enters the files that others have put into the folder. A folder that
// has not changed since the last time is not listed.
func (o *Outbox) rescan() error {
	info, err := o.opt.fs.Stat(o.dir)
	if err != nil {
		return fmt.Errorf("outbox: scan %s: %w", o.dir, err)
	}
	last := o.scanned
	if last.settled && last.modTime.Equal(info.ModTime()) && o.index.corruptFiles() == 0 {
		return nil
	}
	settled := time.Since(info.ModTime()) > settleTime
	if err := o.list(); err != nil {
		return err
	}
	o.scanned = scanState{modTime: info.ModTime(), settled: settled}
	return nil
}

// list enters every file of the folder that the index does not know.
func (o *Outbox) list() error {
	all, err := o.opt.fs.ReadDir(o.dir)
	if err != nil {
		return fmt.Errorf("outbox: scan %s: %w", o.dir, err)
	}
	for _, d := range o.index.news(recordFiles(all)) {
		info, err := d.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return fmt.Errorf("outbox: scan %s: %w", o.dir, err)
		}
		o.index.enter(newEntry(info, d.Name()))
	}
	return nil
}

// recordFiles leaves out folders, links and devices, whatever their name is.
func recordFiles(all []fs.DirEntry) []fs.DirEntry {
	files := all[:0]
	for _, d := range all {
		if d.Type().IsRegular() && strings.HasSuffix(d.Name(), fileSuffix) {
			files = append(files, d)
		}
	}
	return files
}

func (o *Outbox) path(file string) string { return filepath.Join(o.dir, file) }

// news picks the files that are not in the index, and those that could not be
// decoded, for they may have changed. It forgets undecodable files that are
// gone.
func (ix *index) news(files []fs.DirEntry) []fs.DirEntry {
	ix.mu.Lock()
	defer ix.mu.Unlock()
	var news []fs.DirEntry
	there := map[string]bool{}
	for _, d := range files {
		e := ix.files[d.Name()]
		if e == nil || e.place == corrupt {
			news = append(news, d)
			there[d.Name()] = true
		}
	}
	if ix.corrupt > 0 {
		ix.forgetCorruptLocked(there)
	}
	return news
}

func (ix *index) forgetCorruptLocked(except map[string]bool) {
	for file, e := range ix.files {
		if e.place == corrupt && !except[file] {
			ix.corrupt--
			ix.forgetLocked(e)
		}
	}
}

func (ix *index) corruptFiles() int {
	ix.mu.Lock()
	defer ix.mu.Unlock()
	return ix.corrupt
}

// enter adds a file that was found, unless it is being written at the moment.
func (ix *index) enter(found *entry) {
	ix.mu.Lock()
	defer ix.mu.Unlock()
	for _, c := range ix.claims {
		if c.file == found.file {
			return
		}
	}
	old := ix.files[found.file]
	if old == nil {
		ix.addLocked(found)
		return
	}
	if old.place == corrupt && (old.modTime != found.modTime || old.size != found.size) {
		ix.corrupt--
		ix.forgetLocked(old)
		ix.addLocked(found)
	}
}
