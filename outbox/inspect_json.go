package outbox

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"sync"
)

const (
	// cutStrings is the longest string that is kept of a large file while its
	// fields are looked at. It is a multiple of 4 so that base64 stays base64.
	cutStrings = 64 << 10
	// maxDepth is that of encoding/json.
	maxDepth = 10000
)

// errTorn says that a text ends before its JSON value does, or goes on with the
// zeros that a power cut leaves.
var errTorn = errors.New("ends in the middle")

// jsonCopier copies one JSON value without holding it in memory. It accepts what
// encoding/json accepts and drops the blanks between the tokens.
type jsonCopier struct {
	r       *bufio.Reader
	w       *bufio.Writer
	cut     int // strings are cut after so many bytes; 0: never
	depth   int
	badUTF8 bool // not all of it was UTF-8
}

var jsonReaders = sync.Pool{New: func() any { return bufio.NewReaderSize(nil, 32<<10) }}

// copyJSON copies the one value that r holds and tells whether it is UTF-8.
func copyJSON(w io.Writer, r io.Reader, cut int) (isUTF8 bool, err error) {
	in := jsonReaders.Get().(*bufio.Reader)
	defer jsonReaders.Put(in)
	in.Reset(r)
	c := &jsonCopier{r: in, w: bufio.NewWriterSize(w, 4<<10), cut: cut}
	if err := c.document(); err != nil {
		return false, err
	}
	return !c.badUTF8, c.w.Flush()
}

func (c *jsonCopier) document() error {
	if err := c.value(); err != nil {
		return err
	}
	b, err := c.token()
	switch {
	case errors.Is(err, errTorn):
		return nil
	case err != nil:
		return err
	case b == 0:
		return errTorn
	}
	return fmt.Errorf("%q after the end of the JSON value", b)
}

// put writes; an error stays in w until its Flush.
func (c *jsonCopier) put(b ...byte) { _, _ = c.w.Write(b) }

// next reads one byte. The end of the text is errTorn.
func (c *jsonCopier) next() (byte, error) {
	b, err := c.r.ReadByte()
	if errors.Is(err, io.EOF) {
		err = errTorn
	}
	return b, err
}

// token skips blanks and reads the first byte after them.
func (c *jsonCopier) token() (byte, error) {
	for {
		b, err := c.next()
		if err != nil || b != ' ' && b != '\t' && b != '\n' && b != '\r' {
			return b, err
		}
	}
}

func unexpected(b byte) error {
	if b == 0 {
		return errTorn
	}
	return fmt.Errorf("%q is not JSON here", b)
}

func (c *jsonCopier) value() error {
	b, err := c.token()
	if err != nil {
		return err
	}
	return c.valueFrom(b)
}

func (c *jsonCopier) valueFrom(b byte) error {
	switch {
	case b == '{' || b == '[':
		return c.container(b)
	case b == '"':
		return c.text()
	case b == '-' || '0' <= b && b <= '9':
		return c.number(b)
	case b == 't':
		return c.literal("true")
	case b == 'f':
		return c.literal("false")
	case b == 'n':
		return c.literal("null")
	}
	return unexpected(b)
}

// container copies an object or a list, of which the first byte has been read.
func (c *jsonCopier) container(open byte) error {
	if c.depth++; c.depth > maxDepth {
		return errors.New("nested too deeply")
	}
	end := open + 2 // '{' and '}', '[' and ']' are two apart
	c.put(open)
	b, err := c.token()
	if err == nil && b != end {
		err = c.elements(b, end)
	}
	c.depth--
	if err != nil {
		return err
	}
	return c.w.WriteByte(end)
}

func (c *jsonCopier) elements(b, end byte) error {
	for {
		if err := c.element(b, end == '}'); err != nil {
			return err
		}
		next, err := c.token()
		if err != nil || next == end {
			return err
		}
		if next != ',' {
			return unexpected(next)
		}
		c.put(next)
		if b, err = c.token(); err != nil {
			return err
		}
	}
}

func (c *jsonCopier) element(b byte, keyed bool) error {
	if !keyed {
		return c.valueFrom(b)
	}
	if b != '"' {
		return unexpected(b)
	}
	if err := c.text(); err != nil {
		return err
	}
	colon, err := c.token()
	if err != nil {
		return err
	}
	if colon != ':' {
		return unexpected(colon)
	}
	c.put(colon)
	return c.value()
}

func (c *jsonCopier) literal(word string) error {
	for i := range len(word) - 1 {
		b, err := c.next()
		if err != nil {
			return err
		}
		if b != word[i+1] {
			return unexpected(b)
		}
	}
	_, err := c.w.WriteString(word)
	return err
}
