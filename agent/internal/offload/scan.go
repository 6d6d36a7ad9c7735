package offload

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/kanade-go/kanade/agent/wire"
	"github.com/kanade-go/kanade/retry"
)

const (
	// bufferSize is how much of a file is read at a time.
	bufferSize = 64 << 10
	// maxRest bounds what a result may hold beside its output. It is what the
	// makers of the server advise as the largest message.
	maxRest = 8 << 20
)

// The two streams of a result.
const (
	stdout = iota
	stderr
	streams
)

var (
	fieldNames   = [streams]string{"stdout", "stderr"}
	pointerNames = [streams]string{"stdout_object", "stderr_object"}
)

// document is what one pass over the JSON of a result finds: everything but the
// text of its two streams, which stays in the file.
type document struct {
	wire.Result // without stdout and stderr

	rest    []byte // the document, with nothing between the quotes of the streams
	texts   [streams]text
	pointer [streams]span // the values of the pointers, in rest; zero: absent
}

// text is where the text of a stream is.
type text struct {
	at    int   // where it belongs in rest
	start int64 // where it begins in the file
	raw   int64 // its bytes in the file
	size  int64 // its bytes as the script wrote them
}

type span struct{ from, to int }

// sink takes the text of a stream as it is read and returns its size. What the
// document says in front of it is known already.
type sink func(so *document, i int, text io.Reader) (size int64, err error)

// measure is a sink that keeps nothing.
func measure(_ *document, _ int, text io.Reader) (int64, error) {
	return io.CopyBuffer(onlyWriter{io.Discard}, text, make([]byte, 16<<10))
}

// onlyWriter hides io.Discard's way to read by itself, in small pieces.
type onlyWriter struct{ io.Writer }

// scan reads a whole result. What is none, for package wire, is an error that
// matches wire.ErrDecode.
func scan(file io.Reader, texts sink) (*document, error) {
	s := scanner{in: bufio.NewReaderSize(file, bufferSize), doc: &document{}, texts: texts}
	if err := s.document(); err != nil {
		return nil, fmt.Errorf("offload: read result: %w", err)
	}
	// The rest is a result if and only if the file is one.
	r, err := wire.DecodeResult(s.doc.rest)
	if err != nil {
		return nil, fmt.Errorf("offload: read result: %w", err)
	}
	s.doc.Result = r
	return s.doc, nil
}

// Verify tells whether file holds a result, without holding it in memory.
func Verify(file io.Reader) error {
	_, err := scan(file, measure)
	return err
}

// scanner separates a document. It knows of JSON no more than where strings
// begin and end and which of them are the members of the outermost object; it
// need not be right about a document that is broken.
type scanner struct {
	in    *bufio.Reader
	doc   *document
	pos   int64
	depth int
	// last is the latest byte outside strings that is not a blank.
	last   byte
	member string // of the outermost object, whose value is next or being read
	texts  sink
}

func (s *scanner) document() error {
	for {
		c, err := s.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := s.step(c); err != nil {
			return err
		}
	}
}

// next reads a byte and keeps it.
func (s *scanner) next() (byte, error) {
	c, err := s.in.ReadByte()
	if err != nil {
		return 0, err
	}
	if len(s.doc.rest) == maxRest {
		return 0, retry.Permanent(errTooLarge)
	}
	s.pos++
	s.doc.rest = append(s.doc.rest, c)
	return c, nil
}

func (s *scanner) step(c byte) error {
	switch c {
	case ' ', '\t', '\n', '\r':
		return nil
	case '"':
		err := s.string()
		s.last = c
		return err
	case '{', '[':
		s.depth++
	case '}', ']':
		s.endValue()
		s.depth--
	case ',':
		s.endValue()
	case ':':
		s.beginValue()
	}
	s.last = c
	return nil
}

// string reads on behind an opening quote.
func (s *scanner) string() error {
	isValue := s.depth == 1 && s.last == ':'
	for i, name := range fieldNames {
		if isValue && s.member == name {
			return s.text(i)
		}
	}
	isKey := s.depth == 1 && (s.last == '{' || s.last == ',')
	from := len(s.doc.rest)
	for {
		c, err := s.next()
		if err != nil {
			return ignoreEnd(err)
		}
		switch c {
		case '"':
			switch {
			case isKey:
				s.member = decoded(s.doc.rest[from:])
			case isValue && s.member == "request_id":
				s.doc.RequestID = decoded(s.doc.rest[from:])
			case isValue && s.member == "pc_id":
				s.doc.PCID = decoded(s.doc.rest[from:])
			}
			return nil
		case '\\':
			if _, err := s.next(); err != nil {
				return ignoreEnd(err)
			}
		}
	}
}

// ignoreEnd leaves it to package wire to notice that the document has no end.
func ignoreEnd(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// decoded is a string from behind its opening quote; one that is broken is empty.
func decoded(raw []byte) string {
	if bytes.IndexByte(raw, '\\') < 0 {
		return string(raw[:len(raw)-1])
	}
	name, err := io.ReadAll(&textReader{in: bufio.NewReaderSize(bytes.NewReader(raw), longestEscape+4)})
	if err != nil {
		return ""
	}
	return string(name)
}

// text reads the text of a stream from behind its opening quote.
func (s *scanner) text(i int) error {
	t := text{at: len(s.doc.rest), start: s.pos}
	r := &textReader{in: s.in}
	size, err := s.texts(s.doc, i, r)
	if err != nil {
		return fmt.Errorf("field %s: %w", fieldNames[i], err)
	}
	s.pos += r.taken
	t.size, t.raw = size, r.taken-1
	s.doc.texts[i] = t
	s.doc.rest = append(s.doc.rest, '"')
	return nil
}

// beginValue and endValue find the value of a pointer, and blanks around it.
func (s *scanner) beginValue() {
	if s.depth != 1 {
		return
	}
	for i, name := range pointerNames {
		if s.member == name {
			s.doc.pointer[i] = span{from: len(s.doc.rest)}
		}
	}
}

func (s *scanner) endValue() {
	if s.depth != 1 {
		return
	}
	for i, name := range pointerNames {
		if s.member == name {
			s.doc.pointer[i].to = len(s.doc.rest) - 1
		}
	}
	s.member = ""
}
