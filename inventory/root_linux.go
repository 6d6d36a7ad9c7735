package inventory

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// maxFile bounds a file that is read whole. Tables of the firmware and lists of
	// the kernel have some kilobytes.
	maxFile = 4 << 20
	// maxList bounds a file that is read line by line, and maxLine one of its lines:
	// what is longer is cut off. The status of dpkg has some kilobytes a package.
	maxList = 256 << 20
	maxLine = 64 << 10
	// maxNames bounds a folder, which may belong to a user.
	maxNames = 100_000
)

// errIrregular: opening it could wait for ever, and reading it never end.
var errIrregular = errors.New("it is no regular file")

// tree is the file system of a Linux host, below a folder in tests.
type tree struct {
	root   string
	waits  *waits
	statfs func(path string, st *unix.Statfs_t) error
}

func newTree(root string) tree { return tree{root: root, waits: &waits{}, statfs: unix.Statfs} }

func (t tree) path(name string) string { return filepath.Join(t.root, name) }

// open opens a regular file: nothing that waits for another process, as a FIFO
// does, and no device.
func (t tree) open(name string) (*os.File, error) {
	f, err := os.OpenFile(t.path(name), os.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = errIrregular
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// bytes reads a file of at most maxFile bytes.
func (t tree) bytes(name string) ([]byte, error) {
	f, err := t.open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // only read
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if len(data) > maxFile {
		return nil, fmt.Errorf("larger than %d bytes", maxFile)
	}
	return data, err
}

// text reads a file of one value. Files that are not there, cannot be read, or
// have no value in this moment (sysfs answers with an I/O error then) are empty.
func (t tree) text(name string) string {
	data, err := t.bytes(name)
	if err != nil {
		return ""
	}
	return clean(string(data))
}

func (t tree) number(name string) uint64 {
	n, err := strconv.ParseUint(t.text(name), 10, 64)
	if err != nil {
		return 0
	}
	return n
}

func (t tree) exists(name string) bool {
	_, err := os.Lstat(t.path(name))
	return err == nil
}

// names lists a folder, sorted; nil if there is none.
func (t tree) names(dir string) []string {
	f, err := os.OpenFile(t.path(dir), os.O_RDONLY|unix.O_DIRECTORY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil
	}
	defer func() { _ = f.Close() }() // only read
	names, err := f.Readdirnames(maxNames)
	if err != nil {
		return nil
	}
	slices.Sort(names)
	return names
}

// link is the last part of what a symbolic link points to.
func (t tree) link(name string) string {
	to, err := os.Readlink(t.path(name))
	if err != nil {
		return ""
	}
	return filepath.Base(to)
}

func (t tree) changed(name string) *time.Time {
	info, err := os.Stat(t.path(name))
	if err != nil {
		return nil
	}
	return moment(info.ModTime())
}

// lines yields the lines of a file. What cannot be read is noted, unless it is
// not there.
func (t tree) lines(name string, n *notes, each func(line string)) {
	f, err := t.open(name)
	if err == nil {
		defer func() { _ = f.Close() }() // only read
		err = scan(f, maxList, each)
	}
	n.miss(name, unwrapPath(err))
}

// scan yields lines without their ends, of at most maxLine bytes, up to a limit of
// all bytes.
func scan(r io.Reader, limit int64, each func(line string)) error {
	bounded := &io.LimitedReader{R: r, N: limit + 1}
	lines := bufio.NewReaderSize(bounded, maxLine)
	rest := false // of a line that was cut off
	for {
		line, err := lines.ReadSlice('\n')
		if !rest && len(line) > 0 {
			each(string(bytes.TrimRight(line, "\r\n")))
		}
		rest = errors.Is(err, bufio.ErrBufferFull)
		switch {
		case bounded.N <= 0:
			return fmt.Errorf("larger than %d bytes; the rest is left out", limit)
		case errors.Is(err, io.EOF):
			return nil
		case err != nil && !rest:
			return err
		}
	}
}

// unwrapPath drops the path, which the note names already.
func unwrapPath(err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e.Err
	}
	return err
}

// assignments reads KEY=value lines as a shell would: os-release and its like.
func (t tree) assignments(name string, n *notes) map[string]string {
	all := make(map[string]string)
	t.lines(name, n, func(line string) {
		key, value, ok := strings.Cut(strings.TrimSpace(line), "=")
		if ok && !strings.HasPrefix(key, "#") {
			all[key] = clean(unquote(value))
		}
	})
	return all
}

func unquote(s string) string {
	if len(s) < 2 || s[0] != s[len(s)-1] || s[0] != '"' && s[0] != '\'' {
		return s
	}
	quote, s := s[0], s[1:len(s)-1]
	if quote == '\'' {
		return s
	}
	return strings.NewReplacer(`\"`, `"`, `\\`, `\`, `\$`, `$`, "\\`", "`").Replace(s)
}
