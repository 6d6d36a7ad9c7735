package wire

// maxDepth is how deep a document may be nested.
const maxDepth = 128

// reader walks one JSON document. It keeps the first problem and goes on for as
// long as the syntax allows, so that the ids of a bad command can still be read.
type reader struct {
	data  []byte
	pos   int
	depth int
	what  string   // kind of document, for messages
	path  [][]byte // keys that lead to the current value
	err   error
	// broken says that the syntax is lost: nothing after pos can be read.
	broken bool
}

func newReader(what string, data []byte) *reader {
	return &reader{data: data, what: what}
}

// document reads the only value, an object; member reads each value.
func (r *reader) document(member func(key []byte)) *keySet {
	seen := r.object(member)
	r.end()
	return seen
}

func (r *reader) end() {
	if r.peek(); !r.broken && r.pos < len(r.data) {
		r.failf("expected the end of the document at byte %d, found %s", r.pos, r.found())
	}
}

// object reads an object, calls member for each key that is new, and returns
// the keys. A value of another type is a problem and is skipped.
func (r *reader) object(member func(key []byte)) *keySet {
	seen := &keySet{}
	if r.peek() != '{' {
		r.mismatch("an object")
		return seen
	}
	for more := r.open('}'); more; more = r.more('}') {
		key := r.key()
		if r.broken {
			break
		}
		r.path = append(r.path, key)
		if seen.add(key) {
			member(key)
		} else {
			r.failf("the key appears twice")
			r.skip()
		}
		r.path = r.path[:len(r.path)-1]
	}
	return seen
}

// open enters an object or array and reports whether it has a first element.
func (r *reader) open(closing byte) bool {
	if r.depth++; r.depth > maxDepth {
		r.breakf("nested deeper than %d levels at byte %d", maxDepth, r.pos)
		return false
	}
	r.pos++
	if r.peek() != closing {
		return !r.broken
	}
	r.pos++
	r.depth--
	return false
}

// more steps over a comma, or over the closing bracket.
func (r *reader) more(closing byte) bool {
	if r.broken {
		return false
	}
	switch r.peek() {
	case ',':
		r.pos++
		return true
	case closing:
		r.pos++
		r.depth--
	default:
		r.breakf("expected ',' or %q at byte %d, found %s", closing, r.pos, r.found())
	}
	return false
}

func (r *reader) key() []byte {
	if r.peek() != '"' {
		r.breakf("expected a key at byte %d, found %s", r.pos, r.found())
		return nil
	}
	key, _ := r.text()
	if r.peek() != ':' {
		r.breakf("expected ':' at byte %d, found %s", r.pos, r.found())
		return nil
	}
	r.pos++
	return key
}

// peek returns the next byte that is not a blank, 0 at the end.
func (r *reader) peek() byte {
	for r.pos < len(r.data) {
		switch c := r.data[r.pos]; c {
		case ' ', '\t', '\n', '\r':
			r.pos++
		default:
			return c
		}
	}
	return 0
}

// skip steps over a value of any type and checks its syntax.
func (r *reader) skip() {
	switch c := r.peek(); {
	case r.broken:
	case c == '{':
		r.object(func([]byte) { r.skip() })
	case c == '[':
		r.array(r.skip)
	case c == '"':
		r.text()
	case c == '-' || c >= '0' && c <= '9':
		r.number()
	default:
		r.literal()
	}
}

func (r *reader) array(item func()) {
	for more := r.open(']'); more; more = r.more(']') {
		item()
	}
}

// literal reads true, false or null.
func (r *reader) literal() string {
	for _, word := range []string{"true", "false", "null"} {
		if r.has(word) {
			r.pos += len(word)
			return word
		}
	}
	r.breakf("expected a value at byte %d, found %s", r.pos, r.found())
	return ""
}

func (r *reader) has(word string) bool {
	r.peek()
	rest := r.data[r.pos:]
	return len(rest) >= len(word) && string(rest[:len(word)]) == word
}
