package logs

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"unicode/utf8"
)

// blockSize is how much is looked at at once on the way back.
const blockSize = 64 << 10

// tail returns the last lines of the newest log, at most limit bytes.
func (f files) tail(lines uint32, limit int64) ([]byte, error) {
	if lines == 0 {
		return nil, nil
	}
	parts, err := f.open()
	if err != nil {
		return nil, err
	}
	defer closeAll(parts)
	var text []byte
	left := int64(lines)
	for i, part := range parts {
		if i > 0 && same(parts[i-1], part) {
			break // it was moved aside while the parts were opened
		}
		// One character more than fits: what is cut off is not half of one then.
		t, err := readTail(part, left, limit+utf8.UTFMax-int64(len(text)))
		if err != nil {
			return nil, fmt.Errorf("read the log: %w", err)
		}
		text = append(t, text...)
		left -= int64(bytes.Count(t, []byte{'\n'}))
		if left <= 0 || int64(len(text)) >= limit {
			break
		}
	}
	return cut(text, limit), nil
}

func same(a, b *os.File) bool {
	x, errX := a.Stat()
	y, errY := b.Stat()
	return errX == nil && errY == nil && os.SameFile(x, y)
}

// readTail returns the last lines of a file, with valid UTF-8 and each with a
// line feed at its end; or what comes to about limit bytes of them.
func readTail(file *os.File, lines, limit int64) ([]byte, error) {
	if limit <= 0 {
		return nil, nil
	}
	end, err := file.Seek(0, io.SeekEnd)
	if err != nil || end == 0 {
		return nil, err
	}
	start, err := tailStart(file, end, lines, limit)
	if err != nil {
		return nil, err
	}
	text := make([]byte, end-start, end-start+1)
	n, err := file.ReadAt(text, start)
	if err != nil && !errors.Is(err, io.EOF) { // the file may have been cut meanwhile
		return nil, err
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
