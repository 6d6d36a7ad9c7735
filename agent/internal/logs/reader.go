package logs

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"
)

// readWait is how long a read may take. Who asks over the broker waits for 10 s.
const readWait = 5 * time.Second

// ErrNoAnswer says that the disk of the log does not answer.
var ErrNoAnswer = errors.New("the disk of the log does not answer")

// Reader reads the end of the newest log, for any number of callers, one at a time.
// A disk that hangs costs one goroutine, which ends when the disk goes on: callers,
// and the end of the agent, do not wait for it.
type Reader struct {
	file string
	read func(lines uint32, limit int64) ([]byte, error)
	turn chan struct{} // holds one: somebody reads
}

// NewReader takes a template as in [Config.File]. It does not touch the disk.
func NewReader(file string) *Reader {
	return &Reader{file: file, read: filesOf(file).tail, turn: make(chan struct{}, 1)}
}

// Tail returns the last lines, the newest one last: at most so many, and about limit
// bytes of them, of which the first may have lost its beginning then. Where there is
// no log there are none. What is not a file is [ErrNoLog], a disk that hangs
// [ErrNoAnswer].
func (r *Reader) Tail(lines uint32, limit int64) ([]string, error) {
	if r.file == "" {
		return nil, nil
	}
	text, err := r.tail(lines, limit)
	if errors.Is(err, fs.ErrNotExist) || len(text) == 0 && err == nil {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return strings.Split(strings.TrimSuffix(string(text), "\n"), "\n"), nil
}

type outcome struct {
	text []byte
	err  error
}

func (r *Reader) tail(lines uint32, limit int64) ([]byte, error) {
	timer := time.NewTimer(readWait)
	defer timer.Stop()
	select {
	case r.turn <- struct{}{}:
	case <-timer.C:
		return nil, noAnswer()
	}
	outcomes := make(chan outcome, 1) // with room: nobody may be there any more
	go func() {
		defer func() { <-r.turn }()
		text, err := r.read(lines, limit)
		outcomes <- outcome{text, err}
	}()
	select {
	case o := <-outcomes:
		return o.text, o.err
	case <-timer.C:
		return nil, noAnswer()
	}
}

func noAnswer() error { return fmt.Errorf("%w within %v", ErrNoAnswer, readWait) }
