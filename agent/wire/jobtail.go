package wire

import "unicode/utf8"

// JobTailRequest asks for the end of what a command has written so far.
type JobTailRequest struct {
	// ResultID is the result that the run is going to have; its started event has
	// it too.
	ResultID string
}

// JobTail is the answer. Every field has a default: found is false of a result ID
// that nobody knows, or knows no more.
type JobTail struct {
	Found   bool
	Running bool
	// Stdout and Stderr are the end of each stream; Truncated says that there was
	// more before it.
	Stdout, Stderr                   string
	StdoutTruncated, StderrTruncated bool
}

// MaxJobTailReply is how large a reply is at most, in bytes.
const MaxJobTailReply = MaxLogReply

// DecodeJobTailRequest reads a request. The error matches [ErrDecode].
func DecodeJobTailRequest(data []byte) (JobTailRequest, error) {
	r := newReader("job tail request", data)
	var q JobTailRequest
	r.document(func(key []byte) {
		if string(key) == "result_id" {
			q.ResultID = r.string()
			return
		}
		r.skip()
	})
	if r.err != nil {
		return JobTailRequest{}, r.err
	}
	return q, nil
}

// Encode writes the request.
func (q JobTailRequest) Encode() []byte {
	w := newWriter(64)
	w.string("result_id", q.ResultID)
	return w.end()
}

// DecodeJobTail reads an answer. The error matches [ErrDecode].
func DecodeJobTail(data []byte) (JobTail, error) {
	r := newReader("job tail", data)
	var t JobTail
	r.document(func(key []byte) { t.read(r, string(key)) })
	if r.err != nil {
		return JobTail{}, r.err
	}
	return t, nil
}

func (t *JobTail) read(r *reader, key string) {
	switch key {
	case "found":
		t.Found = r.bool()
	case "running":
		t.Running = r.bool()
	case "stdout":
		t.Stdout = r.string()
	case "stderr":
		t.Stderr = r.string()
	case "stdout_truncated":
		t.StdoutTruncated = r.bool()
	case "stderr_truncated":
		t.StderrTruncated = r.bool()
	default:
		r.skip()
	}
}

// Encode writes the answer in at most limit bytes, of which it needs 256 whatever
// there is to tell. What is too much is cut off at the front of the longer stream,
// between characters.
func (t JobTail) Encode(limit int) []byte {
	room := max(0, limit-jobTailFrame)
	out, errs := encodedLen(t.Stdout), encodedLen(t.Stderr)
	if out+errs > room {
		forOut := max(room/2, room-errs)
		t.Stdout, t.StdoutTruncated = lastEncoded(t.Stdout, forOut, t.StdoutTruncated)
		t.Stderr, t.StderrTruncated = lastEncoded(t.Stderr, max(room/2, room-out), t.StderrTruncated)
	}
	w := newWriter(jobTailFrame + min(room, out+errs))
	w.bool("found", t.Found)
	w.bool("running", t.Running)
	w.string("stdout", t.Stdout)
	w.string("stderr", t.Stderr)
	w.bool("stdout_truncated", t.StdoutTruncated)
	w.bool("stderr_truncated", t.StderrTruncated)
	return w.end()
}

// jobTailFrame is more than an answer has around its texts.
const jobTailFrame = 256

// encodedLen is how long a text is in JSON, without its quotes.
func encodedLen(s string) (n int) {
	for i := 0; i < len(s); {
		size, encoded := nextEncoded(s[i:])
		i += size
		n += encoded
	}
	return n
}

func nextEncoded(s string) (size, encoded int) {
	switch c := s[0]; {
	case plainASCII[c]:
		return 1, 1
	case c < utf8.RuneSelf:
		var escape [6]byte
		return 1, len(appendEscape(escape[:0], c))
	}
	r, size := utf8.DecodeRuneInString(s)
	if r == utf8.RuneError {
		return size, len(replacement)
	}
	return size, size
}

// lastEncoded cuts characters off the front until the rest fits.
func lastEncoded(s string, limit int, truncated bool) (rest string, cut bool) {
	for over := encodedLen(s) - limit; over > 0; truncated = true {
		size, encoded := nextEncoded(s)
		s = s[size:]
		over -= encoded
	}
	return s, truncated
}
