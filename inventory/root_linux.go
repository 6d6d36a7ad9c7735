package inventory

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// maxFile bounds a file that is read whole. The status file of dpkg has some
// kilobytes a package.
const maxFile = 64 << 20

// tree is the file system of a Linux host, below a folder in tests.
type tree struct{ root string }

func (t tree) path(name string) string { return filepath.Join(t.root, name) }

// bytes reads a file of at most maxFile bytes.
func (t tree) bytes(name string) ([]byte, error) {
	f, err := os.Open(t.path(name))
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // only read
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if len(data) > maxFile {
		return nil, fmt.Errorf("%s: larger than %d bytes", name, maxFile)
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
	entries, err := os.ReadDir(t.path(dir))
	if err != nil {
		return nil
	}
	names := make([]string, 0, len(entries))
	for _, e := range entries {
		names = append(names, e.Name())
	}
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
	data, err := t.bytes(name)
	if err != nil {
		n.miss(name, unwrapPath(err))
		return
	}
	for line := range strings.Lines(string(data)) {
		each(strings.TrimRight(line, "\r\n"))
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
