package command

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/kanade-go/kanade/outbox/atomicfile"
)

// journal is an append-only file with group commit: whoever waits for a line
// writes and syncs everything that was appended until then, and answers for
// all of it.
//
// A file whose write or sync failed is never trusted again. What it should
// hold is then written from memory to a new file, and only when that one is
// synced and in place are the waiters answered.
type journal struct {
	fs   atomicfile.FS
	path string
	// snapshot writes the current truth, line by line. It is called with mu held.
	snapshot func(w io.Writer) error

	// mu also guards what snapshot reads, so that a change of state and its
	// line are one step.
	mu        sync.Mutex
	idle      *sync.Cond // signalled when writing ends, and at the close
	file      atomicfile.File
	size      int64
	pending   []byte
	appended  uint64 // tickets given out
	durable   uint64 // tickets whose lines are synced
	writing   bool
	distrust  bool // the file failed; only a rewrite helps
	unended   bool // the file ends within a line
	closed    bool
	ended     bool // the file says that its last writer has closed it
	failure   Failure
	rewritten int64 // size of the last rewrite, or of one at the open: the base for growth
}

var errJournalClosed = errors.New("command: ledger is closed")

// openJournal opens or creates the file and hands each good line to replay
// with its position. Bad lines are counted; they can only be ones whose sync
// was never confirmed, so nobody was told that they exist.
func openJournal(fsys atomicfile.FS, path string, replay func(l line)) (j *journal, torn int, err error) {
	j = &journal{fs: fsys, path: path}
	j.idle = sync.NewCond(&j.mu)
	j.file, err = fsys.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, 0, fmt.Errorf("command: open ledger: %w", err)
	}
	if torn, err = j.load(replay); err != nil {
		return nil, 0, errors.Join(err, j.file.Close())
	}
	return j, torn, nil
}

func (j *journal) load(replay func(line)) (torn int, err error) {
	reader := bufio.NewReaderSize(j.file, 64<<10)
	for {
		raw, err := readLine(reader)
		if errors.Is(err, io.EOF) {
			return torn, nil
		}
		if err != nil {
			return torn, fmt.Errorf("command: read ledger %s: %w", j.path, err)
		}
		j.size += int64(len(raw))
		j.unended = raw[len(raw)-1] != '\n'
		l, err := decodeLine(trimNewline(raw))
		j.ended = err == nil && !j.unended && l.Op == opClose
		switch {
		case err != nil || j.unended:
			torn++
		case !j.ended:
			replay(l)
		}
	}
}

// readLine returns the next line with its newline; the last one may lack it.
func readLine(r *bufio.Reader) ([]byte, error) {
	var out []byte
	for {
		part, err := r.ReadSlice('\n')
		out = append(out, part...)
		switch {
		case err == nil:
			return out, nil
		case errors.Is(err, bufio.ErrBufferFull):
			if len(out) > maxLine {
				out = out[:sumWidth] // too long to be one of ours: read on to its end, and count it as torn
			}
		case errors.Is(err, io.EOF) && len(out) > 0:
			return out, nil
		default:
			return nil, err
		}
	}
}

func trimNewline(raw []byte) []byte {
	if n := len(raw); n > 0 && raw[n-1] == '\n' {
		return raw[:n-1]
	}
	return raw
}

// voided ends a line that was left half written. More than a newline, since all
// but that may be there: nobody has counted on the line, so it must not become
// a good one.
const voided = " voided\n"

// append adds a line to what the next write takes and returns the ticket to
// wait for. It is called with mu held and does not touch the disk.
func (j *journal) append(encoded []byte) uint64 {
	if !j.distrust { // otherwise the rewrite takes it from memory
		if j.unended {
			j.pending, j.unended = append(j.pending, voided...), false
		}
		j.pending = append(j.pending, encoded...)
	}
	j.appended++
	return j.appended
}

// wait returns nil once the ticket's line is synced. It is called with mu held
// and returns with it held, but lets go of it for the disk. After an error the
// file is out of use, so a caller that now takes its change back leaves no
// trace of it.
func (j *journal) wait(ticket uint64) error {
	for j.durable < ticket {
		if j.writing {
			j.idle.Wait()
			continue
		}
		if err := j.writePending(); err != nil {
			return err
		}
	}
	return nil
}

// linger gives others up to pause to sync the ticket's line along with theirs.
// It is called with mu held, like wait, which must follow.
func (j *journal) linger(ticket uint64, pause time.Duration) {
	if j.durable >= ticket || j.closed {
		return
	}
	over := false
	timer := time.AfterFunc(pause, func() {
		j.mu.Lock()
		defer j.mu.Unlock()
		over = true
		j.idle.Broadcast()
	})
	defer timer.Stop()
	for j.durable < ticket && !over && !j.closed {
		j.idle.Wait()
	}
}

func (j *journal) writePending() error {
	if j.closed {
		return errJournalClosed
	}
	if j.distrust {
		return j.rewrite()
	}
	batch, upTo := j.pending, j.appended
	j.pending, j.writing = nil, true
	j.mu.Unlock()
	err := writeSync(j.file, batch)
	j.mu.Lock()
	j.writing = false
	j.idle.Broadcast()
	if err != nil {
		j.distrust, j.pending = true, nil
		return j.rewrite()
	}
	j.size += int64(len(batch))
	j.durable, j.ended = upTo, false
	j.failure = Failure{}
	return nil
}

func writeSync(f atomicfile.File, batch []byte) error {
	if _, err := f.Write(batch); err != nil {
		return err
	}
	return f.Sync()
}

// rewrite replaces the file by what memory holds: a compaction, or the way
// back after a failed sync. It is called with mu held and keeps it throughout,
// so that nothing is appended that the snapshot would miss.
func (j *journal) rewrite() error {
	for j.writing {
		j.idle.Wait()
	}
	if j.closed {
		return errJournalClosed
	}
	temp := j.path + ".tmp"
	size, err := j.writeSnapshot(temp)
	if err == nil {
		err = j.install(temp)
	}
	if err != nil {
		_ = j.fs.Remove(temp)
		err = fmt.Errorf("command: rewrite ledger %s: %w", j.path, err)
		j.failure.note(err)
		return err
	}
	j.failure = Failure{}
	j.size, j.rewritten = size, size
	j.pending, j.durable, j.distrust, j.unended, j.ended = nil, j.appended, false, false, false
	return nil
}

func (j *journal) writeSnapshot(temp string) (size int64, err error) {
	f, err := j.fs.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	counter := &countingWriter{w: f}
	buffered := bufio.NewWriterSize(counter, 64<<10)
	if err := j.snapshot(buffered); err != nil {
		return 0, err
	}
	if err := buffered.Flush(); err != nil {
		return 0, err
	}
	return counter.n, f.Sync()
}

// install puts the new file in the old one's place. The old handle is closed
// first, since Windows does not replace an open file.
func (j *journal) install(temp string) error {
	if j.file != nil {
		_ = j.file.Close() // nothing in it is needed any more
		j.file = nil
		j.distrust = true
	}
	if err := j.fs.Rename(temp, j.path); err != nil {
		return err
	}
	if err := j.fs.SyncDir(filepath.Dir(j.path)); err != nil {
		return err
	}
	f, err := j.fs.OpenFile(j.path, os.O_RDWR|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	j.file = f
	return nil
}

// grown says whether a rewrite is worth its price: the file has at least
// doubled since the last one, and is large enough to matter.
func (j *journal) grown() bool { return j.size > max(minCompact, 2*j.rewritten) }

const minCompact = 4 << 20

// measure takes the size that a rewrite would have now as the base for growth.
// The size found would not do: it would let the file grow from start to start.
func (j *journal) measure() {
	if j.size <= minCompact {
		return
	}
	counter := &countingWriter{w: io.Discard}
	_ = j.snapshot(counter) // the rewrite meets the same error, and reports it
	j.rewritten = counter.n
}

// sync makes what was found at the start durable: after a kill it may be in
// the page cache only.
func (j *journal) sync() error {
	err := j.file.Sync()
	if err == nil {
		err = j.fs.SyncDir(filepath.Dir(j.path))
	}
	if err != nil {
		j.distrust, j.pending = true, nil
		return fmt.Errorf("command: sync ledger %s: %w", j.path, err)
	}
	return nil
}

// syncNames makes the names of an empty file and of its folder durable: who made
// them may have been killed before it could.
func (j *journal) syncNames() error {
	dir := filepath.Dir(j.path)
	for _, folder := range []string{dir, filepath.Dir(dir)} {
		if err := j.fs.SyncDir(folder); err != nil {
			return fmt.Errorf("command: sync folder of ledger %s: %w", j.path, err)
		}
	}
	return nil
}

// close writes what nobody has waited for.
func (j *journal) close() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	for j.writing {
		j.idle.Wait()
	}
	if j.closed {
		return nil
	}
	if j.distrust {
		_ = j.rewrite() // of what nobody has waited for nothing is promised
	}
	j.closed = true
	j.idle.Broadcast()
	if j.file == nil {
		return nil
	}
	return errors.Join(j.end(), j.file.Close())
}

// end writes what is pending and then, if all of the file is durable, that it is.
// Without that line the next start does not believe what it reads: a sync may
// have failed, which another process does not hear of. The line itself is not
// synced and may fail, since without it the file is only written anew.
func (j *journal) end() error {
	if j.distrust {
		return nil
	}
	if len(j.pending) > 0 {
		if err := writeSync(j.file, j.pending); err != nil {
			return err
		}
		j.ended = false
	}
	if j.ended || j.size+int64(len(j.pending)) == 0 {
		return nil
	}
	closing, err := line{Op: opClose}.encode()
	if j.unended && len(j.pending) == 0 {
		closing = append([]byte(voided), closing...)
	}
	if err == nil {
		_, _ = j.file.Write(closing)
	}
	return err
}

type countingWriter struct {
	w io.Writer
	n int64
}

func (c *countingWriter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}
