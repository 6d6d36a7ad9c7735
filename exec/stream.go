package exec

import (
	"errors"
	"io"
	"os"
	"sync"
	"sync/atomic"
)

// A pipe holds 64 KiB on Linux; half of it per read costs no measurable throughput. What is kept is mostly read to where it
// stays; a buffer is needed where that has to grow, or is small.
const readSize = 32 << 10

var readBuffers = sync.Pool{New: func() any { return new([readSize]byte) }}

// stream is the reading end of one output pipe.
type stream struct {
	file *os.File
	kept capture
	tail *tailStream   // nil: nobody looks
	stop atomic.Bool   // no further read
	done chan struct{} // closed when the reader has ended
	err  error         // why it ended; nil at end of file
}

// openStream returns the stream and the end that the child gets.
func openStream(limit int, tail *tailStream) (*stream, *os.File, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, nil, err
	}
	return &stream{file: r, kept: capture{max: limit, users: spareUsers}, tail: tail, done: make(chan struct{})}, w, nil
}

// read drains the pipe until every writer has closed it or the reader is interrupted.
func (s *stream) read() {
	defer close(s.done)
	for !s.stop.Load() {
		err := s.readSome()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			s.err = err
			return
		}
	}
	s.err = os.ErrDeadlineExceeded
}

func (s *stream) readSome() error {
	if room := s.kept.room(readSize); room != nil {
		n, err := s.file.Read(room)
		s.kept.put(n)
		s.tail.write(room[:n])
		return err
	}
	buf := readBuffers.Get().(*[readSize]byte)
	defer readBuffers.Put(buf)
	n, err := s.file.Read(buf[:])
	s.take(buf[:n])
	return err
}

func (s *stream) take(p []byte) {
	_, _ = s.kept.Write(p)
	s.tail.write(p)
}

// maxRest bounds what is read when the time is over, against a writer that never stops: 1 MiB, the largest pipe that Linux
// gives an ordinary account.
const maxRest = 1 << 20

// ended reports, without waiting, whether the reader has ended.
func (s *stream) ended() bool {
	select {
	case <-s.done:
		return true
	default:
		return false
	}
}
