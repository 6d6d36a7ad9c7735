package logs

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"unicode/utf8"
)

// blockSize is how much is looked at at once on the way back.
const blockSize = 64 << 10

// tries bounds how often the log is read while it is moved aside meanwhile, which it is
// only after it has grown by a whole part.
const tries = 5

// tail returns the last lines of the newest log, at most limit bytes.
func (f files) tail(lines uint32, limit int64) ([]byte, error) {
	if lines == 0 {
		return nil, nil
	}
	for try := 1; ; try++ {
		text, moved, err := f.tryTail(int64(lines), limit)
		if try == tries || !moved {
			return cut(text, limit), err
		}
	}
}

// tryTail reads the latest part and, if that is not enough, the one before it. They have
// moved when that is not the one that came before the latest.
func (f files) tryTail(lines, limit int64) (text []byte, moved bool, err error) {
	latest, earlier, err := f.latest()
	if err != nil {
		return nil, earlier != "" && errors.Is(err, fs.ErrNotExist), err
	}
	defer func() { _ = latest.Close() }()
	// One character more than fits: what is cut off is not half of one then.
	limit += utf8.UTFMax
	if text, err = readTail(latest, lines, limit); err != nil {
		return nil, false, err
	}
	lines -= int64(bytes.Count(text, []byte{'\n'}))
	if limit -= int64(len(text)); earlier == "" || lines <= 0 || limit <= utf8.UTFMax {
		return text, false, nil
	}
	before, err := openRegular(earlier)
	if err != nil {
		return text, false, unlessMissing(err)
	}
	defer func() { _ = before.Close() }()
	if !inPlace(latest) {
		return text, true, nil
	}
	first, err := readTail(before, lines, limit)
	return append(first, text...), false, err
}

func unlessMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// readTail returns the last lines of a file, with valid UTF-8 and each with a
// line feed at its end; or what comes to about limit bytes of them.
func readTail(file *os.File, lines, limit int64) ([]byte, error) {
	end, err := file.Seek(0, io.SeekEnd)
	if err != nil {
		return nil, fmt.Errorf("read the log: %w", err)
	}
	if end == 0 {
		return nil, nil
	}
	start, err := tailStart(file, end, lines, limit)
	if err != nil {
		return nil, fmt.Errorf("read the log: %w", err)
	}
	text := make([]byte, end-start, end-start+1)
	n, err := file.ReadAt(text, start)
	if err != nil && !errors.Is(err, io.EOF) { // the file may have been cut meanwhile
		return nil, fmt.Errorf("read the log: %w", err)
	}
	return normal(text[:n]), nil
}

// normal ends every line with a line feed and replaces what is not UTF-8. It
// copies only where there is something to change.
func normal(text []byte) []byte {
	if bytes.Contains(text, []byte("\r\n")) {
		text = bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n"))
	}
	if n := len(text); n > 0 && text[n-1] != '\n' {
		text = append(text, '\n')
	}
	if !utf8.Valid(text) {
		text = bytes.ToValidUTF8(text, []byte("\uFFFD"))
	}
	return text
}

// tailStart looks back from the end for where the last lines begin. It stops
// earlier when limit bytes have been passed, with every line feed counted as if a
// carriage return that will be left out stood before it.
func tailStart(file io.ReaderAt, end, lines, limit int64) (int64, error) {
	block := make([]byte, min(blockSize, end))
	feeds := int64(0)
	for at := end; at > 0; {
		b := block[:min(int64(len(block)), at)]
		at -= int64(len(b))
		if _, err := file.ReadAt(b, at); err != nil && !errors.Is(err, io.EOF) {
			return 0, err
		}
		for i, c := range slices.Backward(b) {
			here := at + int64(i)
			if c == '\n' && here != end-1 {
				if feeds++; feeds == lines {
					return here + 1, nil
				}
			}
			if end-here-feeds >= limit+1 {
				return here, nil
			}
		}
	}
	return 0, nil
}

// cut keeps the last limit bytes, from the start of a character on.
func cut(text []byte, limit int64) []byte {
	over := int64(len(text)) - limit
	if over <= 0 {
		return text
	}
	text = text[over:]
	for len(text) > 0 && !utf8.RuneStart(text[0]) {
		text = text[1:]
	}
	return text
}
