package exec

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"unicode/utf8"
)

const bom = "\xef\xbb\xbf"

// staged is the private folder of one run. It exists from the first write on.
type staged struct {
	parent string // empty: the platform's own place
	dir    string // empty: nothing staged
}

// write creates a file of a random name in the folder and returns its path.
func (s *staged) write(ext string, body func(io.Writer) error) (string, error) {
	if err := s.open(); err != nil {
		return "", fmt.Errorf("stage script: %w", err)
	}
	path := filepath.Join(s.dir, "kanade-"+randomHex()+ext)
	if err := writeExclusive(path, body); err != nil {
		return "", fmt.Errorf("stage script: %w", err)
	}
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
	if err := os.MkdirAll(parent, 0o700); err != nil {
		return err
	}
	dir := filepath.Join(parent, stagingPrefix+randomHex())
	if err := makePrivateDir(dir); err != nil {
		return &os.PathError{Op: "mkdir", Path: dir, Err: err}
	}
	s.dir = dir
	return nil
}

func (s *staged) remove() error {
	if s.dir == "" {
		return nil
	}
	return os.RemoveAll(s.dir)
}

func writeExclusive(path string, body func(io.Writer) error) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	if err := body(f); err != nil {
		_ = f.Close()
		return err
	}
	return f.Close()
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
