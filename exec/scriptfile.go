package exec

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"unicode/utf8"
)

const bom = "\xef\xbb\xbf"

// filePrefix begins the names of staged files.
const filePrefix = "kanade-"

// staged is the private folder of one run. It exists from the first write on.
type staged struct {
	parent string // empty: the platform's own place
	used   *inUse
	dir    string // empty: nothing staged
	files  []stagedFile
}

// stagedFile is what was written, and what has to be there when the shell is started.
type stagedFile struct {
	path string
	sum  [sha256.Size]byte
}

// place returns a random name in the folder.
func (s *staged) place(ext string) (string, error) {
	if err := s.open(); err != nil {
		return "", fmt.Errorf("stage script: %w", err)
	}
	return filepath.Join(s.dir, filePrefix+randomHex()+ext), nil
}

// write creates a file of a random name in the folder and returns its path.
func (s *staged) write(ext string, body func(io.Writer) error) (string, error) {
	path, err := s.place(ext)
	if err != nil {
		return "", err
	}
	sum, err := writeExclusive(path, body)
	if err != nil {
		return "", fmt.Errorf("stage script: %w", err)
	}
	s.files = append(s.files, stagedFile{path: path, sum: sum})
	return path, nil
}

func (s *staged) open() error {
	if s.dir != "" {
		return nil
	}
	if s.parent == "" {
		s.parent = defaultStagingDir()
	}
	// An absolute path is good in every working directory.
	parent, err := filepath.Abs(s.parent)
	if err != nil {
		return err
	}
	if err := openParent(parent); err != nil {
		return err
	}
	dir := filepath.Join(parent, stagingPrefix+randomHex())
	s.used.begin(dir)
	if err := makePrivateDir(dir); err != nil {
		s.used.end(dir)
		return &os.PathError{Op: "mkdir", Path: dir, Err: err}
	}
	s.dir = dir
	return nil
}

// hand lets the account of the run read the files, and makes sure that they are still what was written.
func (s *staged) hand(who account) error {
	if s.dir == "" {
		return nil
	}
	if err := who.admit(s.dir); err != nil {
		return err
	}
	for _, f := range s.files {
		if err := f.compare(); err != nil {
			return err
		}
	}
	return nil
}

// compare reads the file back. Security software that finds a script harmful moves or empties it, or refuses its contents.
func (f stagedFile) compare() error {
	file, err := os.Open(f.path)
	if err != nil {
		return removed(err)
	}
	defer closeAll(file)
	sum := sha256.New()
	if _, err := io.Copy(sum, file); err != nil {
		return removed(err)
	}
	if !bytes.Equal(sum.Sum(nil), f.sum[:]) {
		return fmt.Errorf("%w: %s is not what was written", ErrScriptRemoved, f.path)
	}
	return nil
}

// removed tells a file that is gone, or that is kept from us, from a disk that fails.
func removed(err error) error {
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) || byPolicy(err) {
		return fmt.Errorf("%w: %w", ErrScriptRemoved, err)
	}
	return fmt.Errorf("read staged script: %w", err)
}

// gone reports whether a file that was staged is no longer there.
func (s *staged) gone() bool {
	for _, f := range s.files {
		if _, err := os.Stat(f.path); errors.Is(err, fs.ErrNotExist) {
			return true
		}
	}
	return false
}

func writeExclusive(path string, body func(io.Writer) error) (sum [sha256.Size]byte, err error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return sum, err
	}
	hash := sha256.New()
	if err := body(io.MultiWriter(f, hash)); err != nil {
		_ = f.Close()
		return sum, err
	}
	hash.Sum(sum[:0])
	return sum, f.Close()
}

func randomHex() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails since Go 1.24
	return hex.EncodeToString(b[:])
}

func writeText(w io.Writer, text string) error {
	_, err := io.WriteString(w, text)
	return err
}

// writeWithBOM marks the text as UTF-8, which Windows PowerShell would not assume. A mark that is there stays the only one.
func writeWithBOM(w io.Writer, text string) error {
	if !strings.HasPrefix(text, bom) {
		if err := writeText(w, bom); err != nil {
			return err
		}
	}
	return writeText(w, text)
}

// writeBatch writes what cmd needs to treat a file like typed text: no echo, and line ends without which it misses labels.
func writeBatch(w io.Writer, text string) error {
	text = strings.TrimPrefix(text, bom)
	head := "@echo off\r\n"
	if !ascii(text) {
		head += "@chcp 65001 >nul\r\n"
	}
	if err := writeText(w, head); err != nil {
		return err
	}
	text = strings.ReplaceAll(text, "\r\n", "\n")
	return writeText(w, strings.ReplaceAll(text, "\n", "\r\n"))
}

func ascii(text string) bool {
	for i := range len(text) {
		if text[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}
