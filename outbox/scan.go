package outbox

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"time"

	"github.com/kanade-go/kanade/outbox/atomicfile"
)

// sweep removes what writes of an earlier process have left over: temporary
// files, and reasons without their record. What cannot be removed does no harm:
// it is not read, and a write of the same name replaces it.
func (o *Outbox) sweep(old []string) {
	for _, file := range old {
		if err := o.opt.fs.Remove(o.path(file)); err != nil {
			o.opt.log.Warn("left-over file stays", "file", file, "error", err)
		}
	}
}

func (o *Outbox) leftOver(file string) bool {
	record, inStuck := strings.CutPrefix(file, stuckFolder+"/")
	if !inStuck {
		return strings.HasSuffix(record, tempSuffix)
	}
	base, isReason := strings.CutSuffix(record, reasonSuffix)
	if !isReason {
		return strings.HasSuffix(record, reasonTemp)
	}
	_, err := o.opt.fs.Stat(o.path(stuckFolder + "/" + base + fileSuffix))
	return errors.Is(err, fs.ErrNotExist)
}

// scanState remembers the last rescan. It belongs to Drain and Flush, of which
// there is one at a time.
type scanState struct {
	modTime, stuck time.Time // of the folders
	settled        bool      // they had not changed for a while then
}

// settleTime is more than the coarsest clock of a file system, so that a change
// after a scan cannot hide behind the time stamp of one before it.
const settleTime = 3 * time.Second

// secondScan is how long after the first look of Drain the second one is. What had
// changed shortly before is listed again: 25 ms of CPU for 20,000 files, which belong
// to the start and not to the rest after it.
const secondScan = settleTime + time.Second

// rescan enters the files that others have put into the folder, or have moved
// out of quarantine. A folder that has not changed since the last time is not
// listed, unless it has files that may have become readable.
func (o *Outbox) rescan() error {
	now, err := o.folderTimes()
	if err != nil {
		return fmt.Errorf("outbox: scan %s: %w", o.dir, err)
	}
	last := o.scanned
	if last.settled && last.modTime.Equal(now.modTime) && last.stuck.Equal(now.stuck) && o.index.stats().Corrupt == 0 {
		return nil
	}
	if err := o.list(noRecord); err != nil {
		return err
	}
	o.scanned = now
	return nil
}

// scan is the first one.
func (o *Outbox) scan() error {
	now, err := o.folderTimes()
	if err != nil {
		return fmt.Errorf("outbox: scan %s: %w", o.dir, err)
	}
	var old []string
	err = o.list(func(file string) {
		if o.leftOver(file) {
			old = append(old, file)
		}
	})
	if err != nil {
		return err
	}
	o.scanned = now
	o.sweep(old)
	return nil
}

func (o *Outbox) folderTimes() (scanState, error) {
	info, err := o.opt.fs.Stat(o.dir)
	if err != nil {
		return scanState{}, err
	}
	s := scanState{modTime: info.ModTime()}
	info, err = o.opt.fs.Stat(o.path(stuckFolder))
	if err == nil {
		s.stuck = info.ModTime()
	} else if !errors.Is(err, fs.ErrNotExist) {
		return scanState{}, err
	}
	s.settled = time.Since(s.modTime) > settleTime && time.Since(s.stuck) > settleTime
	return s, nil
}

// noRecord leaves other files alone.
func noRecord(string) {}

// list enters every file of the folders that the index does not know, and
// forgets what has left quarantine. Files that are no records go to other.
func (o *Outbox) list(other func(file string)) error {
	o.moving.Lock()
	defer o.moving.Unlock()
	for _, folder := range []string{stuckFolder + "/", ""} {
		if err := o.listFolder(folder, other); err != nil {
			return fmt.Errorf("outbox: scan %s: %w", o.dir, err)
		}
	}
	return nil
}

func (o *Outbox) listFolder(folder string, other func(file string)) error {
	there := map[string]bool{}
	err := atomicfile.EachEntry(o.opt.fs, o.path(folder), func(d fs.DirEntry) error {
		file := folder + d.Name()
		if !isRecordFile(d) {
			if d.Type().IsRegular() {
				other(file)
			}
			return nil
		}
		if folder != "" {
			there[file] = true
		}
		if !o.index.news(file) {
			return nil
		}
		info, err := d.Info()
		if err == nil {
			o.index.enter(newEntry(info, file))
		}
		return ignoreMissing(err)
	})
	if folder == "" {
		return err
	}
	if err := ignoreMissing(err); err != nil {
		return err
	}
	o.index.forgetStuck(there)
	return nil
}

func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// isRecordFile leaves out folders, links and devices, whatever their name is.
func isRecordFile(d fs.DirEntry) bool {
	return d.Type().IsRegular() && strings.HasSuffix(d.Name(), fileSuffix)
}

// path is filepath.Join, which would clean the whole path again for each file.
func (o *Outbox) path(file string) string {
	if file == "" || strings.HasSuffix(file, "/") {
		return filepath.Join(o.dir, file)
	}
	return o.dir + string(filepath.Separator) + filepath.FromSlash(file)
}

// news tells whether a file is not in the index, or could not be decoded: it may
// have changed.
func (ix *index) news(file string) bool {
	ix.mu.Lock()
	defer ix.mu.Unlock()
	e := ix.files[file]
	return e == nil || e.corrupt
}

// forgetStuck forgets what has gone from quarantine.
func (ix *index) forgetStuck(there map[string]bool) {
	ix.mu.Lock()
	defer ix.mu.Unlock()
	if ix.sum.stuck <= len(there) {
		return
	}
	for file, e := range ix.files {
		if e.stuck() && !there[file] && e.place != taken {
			ix.pullLocked(e)
			ix.forgetLocked(e)
		}
	}
}

// pullLocked takes an entry out of its heap.
func (ix *index) pullLocked(e *entry) {
	for i, other := range ix.ready {
		if other == e {
			heapRemove(&ix.ready, i)
			return
		}
	}
	for i, other := range ix.waiting {
		if other == e {
			heapRemove(&ix.waiting, i)
			return
		}
	}
}

// enter adds a file that was found, unless it is being written at the moment.
// One that could not be decoded and has changed since is tried again.
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
		found.rank = ix.newcomersLocked()
		ix.addLocked(found)
		return
	}
	if old.corrupt && old.place != taken && (old.modTime != found.modTime || old.size != found.size) {
		ix.pullLocked(old)
		ix.forgetLocked(old)
		ix.addLocked(found)
	}
}
