package command

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/kanade-go/kanade/outbox/atomicfile"
)

// Summary is what the file of a ledger holds, seen from outside.
type Summary struct {
	File    string
	Size    int64
	ModTime time.Time
	Counts  Counts
	Torn    int  // lines that were not written to their end
	Foreign bool // of another pc_id
}

// Summarize reads the ledgers of a folder without changing them, beside a running
// agent or without one. pcID tells its own from those that other names have left; a
// folder that is not there has none.
func Summarize(fsys atomicfile.FS, dir, pcID string) ([]Summary, error) {
	entries, err := fsys.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("command: read ledgers: %w", err)
	}
	var all []Summary
	for _, e := range entries {
		if filepath.Ext(e.Name()) != ledgerSuffix || !e.Type().IsRegular() {
			continue
		}
		s, err := summarize(fsys, filepath.Join(dir, e.Name()))
		if err != nil {
			return all, fmt.Errorf("command: read ledger %s: %w", e.Name(), err)
		}
		s.Foreign = e.Name() != LedgerFile(pcID)
		all = append(all, s)
	}
	return all, nil
}

func summarize(fsys atomicfile.FS, path string) (Summary, error) {
	f, err := fsys.OpenFile(path, os.O_RDONLY, 0)
	if err != nil {
		return Summary{}, err
	}
	defer func() { _ = f.Close() }() // only read
	info, err := f.Stat()
	if err != nil {
		return Summary{}, err
	}
	s := Summary{File: filepath.Base(path), Size: info.Size(), ModTime: info.ModTime()}
	state := map[Key]op{}
	for lines := bufio.NewReaderSize(f, 64<<10); ; {
		raw, err := readLine(lines)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return s, err
		}
		l, err := decodeLine(trimNewline(raw))
		switch {
		case err != nil:
			s.Torn++
		case l.Op == opForget:
			delete(state, l.Key)
		case l.Op != opStamp && l.Op != opClose:
			state[l.Key] = l.Op
		}
	}
	for _, last := range state {
		s.Counts.add(last)
	}
	return s, nil
}

func (c *Counts) add(last op) {
	switch last {
	case opStart:
		c.Started++
	case opFinish, opDone:
		c.Finished++
	default: // accepted, answered without a run, or held back from its start
		c.Accepted++
	}
}
